"""Experiments and models as readers ask for them."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from runstream_consumer.access import Access
from runstream_consumer.instants import utc
from runstream_consumer.literal import literal

Tag = str | tuple[str, str | None]
"""A tag that must be there, or be there with this value."""


@dataclass(frozen=True, slots=True)
class ModelRow:
    """
    One version of a model, as the view `model` tells it, with its tags and properties. Times are in UTC.

    Attributes:
        run_id: the run that made it; None = none is known.
        n_files, size_bytes: of all its files; see `History.model_files`.
        latest: whether it is the highest version of its name.
        registration_id: what its tags and its deletion refer to; it never changes.
    """

    workspace: str
    name: str
    version: int
    created_at: dt.datetime
    description: str | None
    framework: str | None
    framework_version: str | None
    run_id: str | None
    n_files: int
    size_bytes: int
    latest: bool
    registration_id: str
    tags: dict[str, str | None]
    properties: dict[str, str]


@dataclass(frozen=True, slots=True)
class ModelFileRow:
    """
    One file of one version of a model.

    Attributes:
        path: within the model.
        location: where the artifact store keeps it; None = it travelled inside its event.
        content: its bytes, where they travelled inside the event.
    """

    path: str
    size_bytes: int
    sha256: str
    content_type: str
    location: str | None
    content: bytes | None


@dataclass(frozen=True, slots=True)
class ExperimentRow:
    """An experiment with its tags, as the view `experiment` tells it. Times are in UTC."""

    workspace: str
    name: str
    n_runs: int
    created_at: dt.datetime
    last_run_at: dt.datetime | None
    archived: bool
    archived_at: dt.datetime | None
    tags: dict[str, str | None]


class CatalogReads:
    """The questions about experiments and models; a part of `History`."""

    _access: Access

    def models(
        self,
        workspace: str | None = None,
        name: str | None = None,
        *,
        version: int | None = None,
        tags: Sequence[Tag] = (),
        properties: Sequence[Tag] = (),
        run_id: str | None = None,
        registration_id: str | None = None,
        latest: bool = False,
    ) -> list[ModelRow]:
        """
        Return versions of models, the newest registered first; those that were deleted are not among them.

        Args:
            workspace, name, version, run_id, registration_id: only those; None: of all.
            tags, properties: only those that have all of these.
            latest: only the highest version of each name, among those that the rest of the arguments leave.
        """
        own = "t.registration_id = m.registration_id"
        asked = {"workspace": workspace, "name": name, "version": version, "run_id": run_id}
        asked["registration_id"] = registration_id
        wanted = [f"m.{column} = {literal(value)}" for column, value in asked.items() if value is not None]
        for view, looked_for in (("model_tag", tags), ("model_property", properties)):
            wanted += [f"EXISTS (FROM {view} AS t WHERE {own} {_tag(tag)})" for tag in looked_for]
        only = "QUALIFY m.version = max(m.version) OVER (PARTITION BY m.workspace, m.name)" if latest else ""
        pairs = "(SELECT list({{'k': key, 'v': value}} ORDER BY key) FROM {} AS t WHERE {})"
        statement = f"""
SELECT workspace, name, version, epoch_us(created_at), description, framework, framework_version, run_id, n_files,
       size_bytes, latest, registration_id, {pairs.format("model_tag", own)}, {pairs.format("model_property", own)}
FROM model AS m {_where(wanted)} {only} ORDER BY created_at DESC, name, version DESC"""
        return [_model(*row) for row in _fetch(self._access, statement)]

    def model_files(self, registration_id: str) -> list[ModelFileRow]:
        """Return the files of one version of a model by path, with the bytes that travelled inside its event."""
        return [ModelFileRow(*row) for row in _fetch(self._access, files_statement(registration_id))]

    def experiments(
        self,
        workspace: str | None = None,
        name: str | None = None,
        *,
        tags: Sequence[Tag] = (),
        archived: bool | None = False,
    ) -> list[ExperimentRow]:
        """
        Return experiments by workspace and name: what has runs or tags, or was archived.

        Args:
            workspace, name: only those; None: of all.
            tags: only those that have all of these tags.
            archived: True: only those that are hidden; False: only the others; None: both.
        """
        wanted = [
            f"e.{column} = {literal(value)}"
            for column, value in (("workspace", workspace), ("name", name), ("archived", archived))
            if value is not None
        ]
        wanted += [f"EXISTS (FROM experiment_tag AS t WHERE {_OWN_TAG} {_tag(tag)})" for tag in tags]
        statement = f"{EXPERIMENTS} {_where(wanted)} ORDER BY workspace, name"
        return [experiment_of(*row) for row in _fetch(self._access, statement)]


_OWN_TAG = "t.workspace = e.workspace AND t.name = e.name"
EXPERIMENTS = f"""
SELECT workspace, name, n_runs, epoch_us(created_at) AS created, epoch_us(last_run_at) AS last_run, archived,
       epoch_us(archived_at) AS hidden,
       (SELECT list({{'k': key, 'v': value}} ORDER BY key) FROM experiment_tag AS t WHERE {_OWN_TAG}) AS tags
FROM experiment AS e"""
"""Every experiment; its columns are those that `experiment_of` takes."""


def files_statement(registration_id: str) -> str:
    """Return the statement for the files of one version by path; its columns are those of ModelFileRow."""
    return f"""
SELECT path, size_bytes, sha256, content_type, location, content FROM model_file
WHERE registration_id = {literal(registration_id)} ORDER BY path"""


def _where(conditions: Sequence[str]) -> str:
    return f"WHERE {' AND '.join(conditions)}" if conditions else ""


def _tag(tag: Tag) -> str:
    if isinstance(tag, str):
        return f"AND t.key = {literal(tag)}"
    key, value = tag
    return f"AND t.key = {literal(key)} AND t.value IS NOT DISTINCT FROM {literal(value)}"


def _fetch(access: Access, statement: str) -> list[tuple[Any, ...]]:
    return access.run(statement, lambda cursor: cursor.fetchall())


def _model(*row: Any) -> ModelRow:
    values = dict(zip(ModelRow.__dataclass_fields__, row, strict=True))
    changed = {"created_at": utc(values["created_at"])} | {
        name: _pairs(values[name]) for name in ("tags", "properties")
    }
    return ModelRow(**values | changed)


def experiment_of(*row: Any) -> ExperimentRow:
    """Return the experiment that the columns of `EXPERIMENTS` tell."""
    values = dict(zip(ExperimentRow.__dataclass_fields__, row, strict=True))
    times = {name: _maybe_utc(values[name]) for name in ("created_at", "last_run_at", "archived_at")}
    return ExperimentRow(**values | times | {"tags": _pairs(values["tags"])})


def _maybe_utc(us: int | None) -> dt.datetime | None:
    return None if us is None else utc(us)


def _pairs(found: list[dict[str, Any]] | None) -> dict[str, Any]:
    return {pair["k"]: pair["v"] for pair in found or ()}
