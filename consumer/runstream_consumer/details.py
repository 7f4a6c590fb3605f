"""Everything of one run beside its points, and the facts of the pipeline."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from runstream_consumer.access import Access
from runstream_consumer.instants import utc
from runstream_consumer.literal import literal
from runstream_schemas.errors import ArtifactNotFound
from runstream_schemas.ids import run_key


@dataclass(frozen=True, slots=True)
class MetricInfo:
    """
    One metric of one run, or one column of it, over all its producers.

    Attributes:
        form: scalar, list, row, table, image or chart.
        n, n_numeric, n_nonfinite: points, those that are numbers, those of them that are NaN or infinite.
        last_value, last_text, last_step: of the point logged last; a text's value is None.
        min_value, min_step, max_value, max_step: over finite values; None if there is none.
        low_step, high_step: between which the steps lie; None without points.
    """

    run_id: str
    name: str
    column_name: str | None
    form: str
    description: str
    n: int
    n_numeric: int
    n_nonfinite: int
    last_value: float | None
    last_text: str | None
    last_step: int | None
    min_value: float | None
    min_step: int | None
    max_value: float | None
    max_step: int | None
    low_step: int | None
    high_step: int | None


@dataclass(frozen=True, slots=True)
class ArtifactRow:
    """
    One version of one file of a run.

    Attributes:
        location: where the artifact store keeps it; None = it travelled inside its event.
        content: its bytes, where they were asked for and travelled inside the event.
        metric_name: the image metric it belongs to.
        version: from 1 per path, by the stamps of the uploads.
        newest: whether it is the version that shows.
    """

    run_id: str
    path: str
    size_bytes: int
    sha256: str
    content_type: str
    location: str | None
    content: bytes | None
    metric_name: str | None
    logged_at: dt.datetime
    version: int
    newest: bool


@dataclass(frozen=True, slots=True)
class EventRow:
    """Something that changed a run."""

    run_id: str
    logged_at: dt.datetime
    change: str
    detail: str | None
    producer_id: str
    sequence: int


@dataclass(frozen=True, slots=True)
class DeadLetterRow:
    """An event that could not be read or folded; `value` are its bytes."""

    received_at: dt.datetime
    topic: str
    partition: str
    position: int
    run_id: str | None
    stage: str
    error_type: str
    error_message: str
    value: bytes
    segment: str | None
    segment_offset: int | None


@dataclass(frozen=True, slots=True)
class PositionRow:
    """How far one partition of the log has been folded."""

    partition: str
    next_position: int
    committed_at: dt.datetime
    commit_no: int


@dataclass(frozen=True, slots=True)
class ColumnDoc:
    """A column of a public view."""

    name: str
    type: str
    comment: str


@dataclass(frozen=True, slots=True)
class TableDoc:
    """A public view."""

    name: str
    comment: str
    columns: list[ColumnDoc]


def _fetch(access: Access, statement: str) -> list[tuple[Any, ...]]:
    return access.run(statement, lambda cursor: cursor.fetchall())


def metric_list(access: Access, run_ids: Sequence[str]) -> list[MetricInfo]:
    """See History.metric_list."""
    ids = list(dict.fromkeys(run_ids))
    return [MetricInfo(*row) for row in _fetch(access, metric_statement(ids))] if ids else []


def metric_statement(ids: Sequence[str]) -> str:
    """Return the statement for every metric of these runs, one or more; its columns are those of MetricInfo."""
    keys = ", ".join(literal(run_key(run_id)) for run_id in ids)
    names = ", ".join(literal(run_id) for run_id in ids)
    return f"""
SELECT run_id, name, column_name, arg_min(form, (producer_id, first_index)),
       coalesce(arg_max(description, (producer_id, first_index)) FILTER (description <> ''), ''),
       sum(n)::BIGINT, sum(n_numeric)::BIGINT, sum(n_nonfinite)::BIGINT,
       arg_max_null(last_value, (producer_id, last_index)) FILTER (n > 0),
       arg_max_null(last_text, (producer_id, last_index)) FILTER (n > 0),
       arg_max_null(last_step, (producer_id, last_index)) FILTER (n > 0),
       min(min_value), arg_min(min_step, (min_value, min_step)) FILTER (min_value IS NOT NULL),
       max(max_value), arg_min(max_step, (-max_value, max_step)) FILTER (max_value IS NOT NULL),
       min(low_step), max(high_step)
FROM series WHERE run_key IN ({keys}) AND run_id IN ({names}) GROUP BY run_id, name, column_name
ORDER BY list_position([{names}], run_id), min((producer_id, first_index)), name, column_name"""


_ARTIFACT = (
    "run_id, path, size_bytes, sha256, content_type, location, {content}, metric_name, epoch_us(logged_at), version, "
    "newest"
)


def artifacts(access: Access, run_id: str, versions: bool = False, contents: bool = False) -> list[ArtifactRow]:
    """See History.artifacts."""
    return artifacts_of_runs(access, [run_id], versions, contents)


def artifacts_of_runs(
    access: Access, run_ids: Sequence[str], versions: bool = False, contents: bool = False
) -> list[ArtifactRow]:
    """Read the files of one or more runs by path."""
    columns = _ARTIFACT.format(content="content" if contents else "NULL")
    newest = "" if versions else "AND newest"
    ids = ", ".join(literal(run_id) for run_id in run_ids)
    rows = _fetch(access, f"SELECT {columns} FROM artifact WHERE run_id IN ({ids}) {newest} ORDER BY path, version")
    return [_artifact_row(*row) for row in rows]


def artifact(access: Access, run_id: str, path: str, version: int | None = None) -> ArtifactRow:
    """See History.artifact."""
    one = "newest" if version is None else f"version = {literal(version)}"
    rows = _fetch(
        access,
        f"SELECT {_ARTIFACT.format(content='content')} FROM artifact "
        f"WHERE run_id = {literal(run_id)} AND path = {literal(path)} AND {one}",
    )
    if not rows:
        raise ArtifactNotFound(run_id, path, [row.path for row in artifacts(access, run_id)])
    return _artifact_row(*rows[0])


def _artifact_row(*row: Any) -> ArtifactRow:
    values = dict(zip(ArtifactRow.__dataclass_fields__, row, strict=True))
    return ArtifactRow(**values | {"logged_at": utc(values["logged_at"])})


def events(access: Access, run_id: str) -> list[EventRow]:
    """See History.events."""
    rows = _fetch(
        access,
        "SELECT run_id, epoch_us(logged_at), change, detail, producer_id, sequence FROM event "
        f"WHERE run_id = {literal(run_id)} ORDER BY logged_at_ns, producer_id, sequence",
    )
    return [EventRow(row[0], utc(row[1]), *row[2:]) for row in rows]


def dead_letters(access: Access, limit: int) -> list[DeadLetterRow]:
    """See History.dead_letters."""
    rows = _fetch(
        access,
        "SELECT epoch_us(received_at), topic, partition, position, run_id, stage, error_type, error_message, value, "
        f"segment, segment_offset FROM dead_letter ORDER BY commit_no DESC, position DESC LIMIT {int(limit)}",
    )
    return [DeadLetterRow(utc(row[0]), *row[1:]) for row in rows]


def positions(access: Access) -> list[PositionRow]:
    """See History.positions."""
    rows = _fetch(
        access, "SELECT partition, next_position, epoch_us(committed_at), commit_no FROM position ORDER BY partition"
    )
    return [PositionRow(row[0], row[1], utc(row[2]), row[3]) for row in rows]


def tables(access: Access) -> list[TableDoc]:
    """See History.tables."""
    rows = _fetch(
        access,
        """
SELECT v.view_name, v.comment, c.column_name, c.data_type, c.comment
FROM duckdb_views() AS v
JOIN duckdb_columns() AS c ON c.table_oid = v.view_oid AND c.database_name = v.database_name
WHERE v.database_name = current_database() AND v.schema_name = 'main' AND NOT v.internal
  AND v.view_name NOT IN ('series_newest', 'experiment_event')
ORDER BY v.view_oid, c.column_index""",
    )
    docs: dict[str, TableDoc] = {}
    for view, comment, column, data_type, meaning in rows:
        docs.setdefault(view, TableDoc(view, comment or "", [])).columns.append(
            ColumnDoc(column, data_type, meaning or "")
        )
    return list(docs.values())
