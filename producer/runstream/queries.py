"""Runs out of the history: one by its id, or all that fit, lazily and newest first."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from runstream import config, known, tags
from runstream_schemas.errors import RunNotFound

if TYPE_CHECKING:
    from runstream.reading import History, RunRow
    from runstream.run import Run
    from runstream.workspace import Workspace


@contextmanager
def history(settings: config.Config, what: str) -> Iterator[History]:
    """
    Open the history once it covers everything that this process logged.

    Args:
        settings: say where it is.
        what: is done with it, for the error where the packages are missing.

    Raises:
        ExtraMissing: the packages that read it are not installed here.
        HistoryUnreachable: no server answers.
        NotYetFolded: it took too long.
    """
    from runstream import process, reading

    written = {**known.all_awaited(settings), **process.all_written(settings)}
    with reading.opened(settings, what, written) as opened:
        yield opened


def one(workspace: Workspace, run_id: str) -> Run:
    """
    Return a run of a workspace.

    Raises:
        RunNotFound: it has no such run.
        HistoryUnreachable, NotYetFolded, ExtraMissing: as reading a run does.
    """
    with history(config.read(), "looking for a run") as past:
        row = past.run(run_id)
        if row.workspace != workspace.name:
            raise RunNotFound(run_id, f"workspace {workspace.name!r} of {past.where}")
    return handle(workspace, row)


def found(
    workspace: Workspace,
    *,
    tags_wanted: tags.Wanted = None,
    properties_wanted: tags.Wanted = None,
    status: str | None = None,
    **query: Any,
) -> Iterator[Run]:
    """
    Return the runs of a workspace that fit, the newest first; they are read as they are asked for.

    Args:
        workspace: that they are in.
        tags_wanted, properties_wanted: what they have: a key, or keys with values.
        status: that they have.
        query: further fields of the consumer's RunQuery.

    Raises:
        TypeError: *tags_wanted* or *properties_wanted* says nothing.
    """
    query["tags"], query["properties"] = tags.wanted(tags_wanted), tags.wanted(properties_wanted)
    query["status"] = () if status is None else (status,)
    return _read(workspace, query)


def _read(workspace: Workspace, query: dict[str, Any]) -> Iterator[Run]:
    from runstream.reading import run_query

    with history(config.read(), "looking for runs") as past:
        for row in past.find_runs(run_query(workspace=workspace.name, **query)):
            yield handle(workspace, row)


def handle(workspace: Workspace, row: RunRow) -> Run:
    """Return a run as it was read: what the row says of it is not asked for again."""
    from runstream.experiment import Experiment
    from runstream.run import Run

    run = Run(Experiment(workspace, row.experiment), row.run_id)
    run._seen, run._status = row, row.status
    return run
