"""The experiments of a workspace: listed, and taken off the list."""

from __future__ import annotations

from typing import Final

from runstream import config, registry
from runstream.tags import Wanted, wanted
from runstream_schemas.catalog import EXPERIMENT, CatalogDeleted
from runstream_schemas.errors import ExperimentNotEmpty, ExperimentNotFound, InvalidConfiguration

_IS_ARCHIVED: Final = {"ActiveOnly": False, "ArchivedOnly": True, "All": None}


def found(workspace: str, name: str | None, view_type: str, tags: Wanted) -> list[str]:
    """
    Return the names of a workspace's experiments.

    Raises:
        InvalidConfiguration: *view_type* is none of ActiveOnly, ArchivedOnly and All.
        HistoryUnreachable: no server answers.
    """
    if view_type not in _IS_ARCHIVED:
        raise InvalidConfiguration("view_type", view_type, f"is none of {', '.join(_IS_ARCHIVED)}")
    with registry.history(config.read(), "listing experiments") as history:
        rows = history.experiments(workspace, name, tags=wanted(tags), archived=_IS_ARCHIVED[view_type])
    return [row.name for row in rows]


def delete(workspace: str, name: str) -> None:
    """
    Delete an experiment without runs.

    Raises:
        ExperimentNotFound, ExperimentNotEmpty: there is none, or it has runs.
        HistoryUnreachable: no server answers.
    """
    settings = config.read()
    with registry.history(settings, "deleting an experiment") as history:
        rows = history.experiments(workspace, archived=None)
    row = next((row for row in rows if row.name == name), None)
    if row is None:
        raise ExperimentNotFound(name, workspace, [row.name for row in rows])
    if row.n_runs:
        raise ExperimentNotEmpty(name, row.n_runs)
    registry.append(registry.producer_of(settings), workspace, EXPERIMENT, name, CatalogDeleted())
