"""Builders of events and a canonical view of what was folded, for the tests of fold and store."""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from struct import pack
from typing import Any

import duckdb

from runstream_consumer.fold import Fold, Folded
from runstream_consumer.source import Record
from runstream_consumer.store import Store
from runstream_schemas.events import Event, MetricEvent, Other, Series, topic_for
from runstream_schemas.points import BIGINT, BOOL, FLOAT, FLOAT_RECORD, INT, INT_RECORD, NO_STEP, NONE, TEXT, pack_code

NOW_US = 1_790_000_000_000_000
START_NS = 1_780_000_000_000_000_000

Value = float | int | bool | str | None
Point = tuple[int, int | None, Value]
"""(series code, step or None, value)"""

CATALOG_TABLES = ("catalog_event", "model_file_event", "model_property_event")

Contents = dict[str, list[tuple[Any, ...]]]


def pack_point(code: int, step: int | None, value: Value, time_ns: int, place: int) -> tuple[bytes, Other | None]:
    """One 32-byte record, and its side entry if the value needs one; ``place`` is its offset in the event."""
    step = NO_STEP if step is None else step
    if value is None:
        return INT_RECORD.pack(step, time_ns, 0, pack_code(code, NONE)), None
    if isinstance(value, bool):
        return INT_RECORD.pack(step, time_ns, int(value), pack_code(code, BOOL)), None
    if isinstance(value, float):
        return FLOAT_RECORD.pack(step, time_ns, value, pack_code(code, FLOAT)), None
    if isinstance(value, str):
        return INT_RECORD.pack(step, time_ns, place, pack_code(code, TEXT)), Other(place, value)
    if -(2**63) <= value < 2**63:
        return INT_RECORD.pack(step, time_ns, value, pack_code(code, INT)), None
    return INT_RECORD.pack(step, time_ns, place, pack_code(code, BIGINT)), Other(place, str(value))


def metric_event(
    points: Sequence[Point],
    series: Sequence[Series],
    *,
    run_id: str = "run",
    producer_id: str = "p1",
    sequence: int = 0,
    first_index: int = 0,
    time_ns: int = START_NS,
) -> MetricEvent:
    """A metric event of ``points``, a millisecond apart."""
    packed = [pack_point(*point, time_ns + i * 1_000_000, i) for i, point in enumerate(points)]
    return MetricEvent(
        run_id,
        producer_id,
        sequence,
        time_ns,
        first_index,
        len(points),
        tuple(series),
        tuple(other for _, other in packed if other is not None),
        b"".join(record for record, _ in packed),
    )


def scalar(code: int = 0, name: str = "loss", **changes: Any) -> Series:
    """A scalar series."""
    fields: dict[str, Any] = {"code": code, "name": name, "column_name": None, "form": "scalar", "description": ""}
    return Series(**fields | changes)


def items(events: Iterable[Event], first_position: int = 0, partition: str = "log") -> list[tuple[Record, Event]]:
    """Events as they come from one partition."""
    return [
        (Record(topic_for(event), partition, first_position + i, b"value", event.run_id.encode(), NOW_US * 1000), event)
        for i, event in enumerate(events)
    ]


def open_store(folder: Path) -> Store:
    """The history file in ``folder``, for one thread."""
    return Store.open(folder / "history.duckdb", "journal", "journal:test")


def fold_into(store: Store, fold: Fold, events: Iterable[Event], **options: Any) -> Folded:
    """Fold events of partition "log" and commit them."""
    known = store.positions().get("log")
    folded = fold.fold(items(events, known.next_position if known else 0), NOW_US, **options)
    store.commit(folded)
    fold.accept(folded)
    return folded


def number_key(value: float | None) -> bytes | None:
    """A DOUBLE as bytes, so that NaN equals itself and -0.0 is not 0.0."""
    if value is None:
        return None
    return b"nan" if math.isnan(value) else pack("<d", value)


def point_rows(connection: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    """All points, sealed or not, sorted."""
    columns = 'run_key, series_id, step, "index", logged_at, value, kind, text'
    rows = connection.execute(
        f"SELECT {columns} FROM point UNION ALL SELECT {columns} FROM point_live ORDER BY ALL"
    ).fetchall()
    return [(*row[:5], number_key(row[5]), *row[6:]) for row in rows]


def contents(connection: duckdb.DuckDBPyConnection) -> Contents:
    """What the tables say, without what depends on when and in which commits it was folded."""
    queries = {
        "statistics": """SELECT * EXCLUDE (commit_no)
            FROM (SELECT * FROM series_stat UNION ALL SELECT * FROM series_stat_live)
            QUALIFY row_number() OVER (PARTITION BY series_id ORDER BY commit_no DESC) = 1 ORDER BY series_id""",
        "blocks": """SELECT series_id, sum(n) FROM (SELECT series_id, n FROM block UNION ALL
            SELECT series_id, 1 FROM point_live WHERE kind & 7 NOT IN (4, 5)) GROUP BY series_id ORDER BY series_id""",
        "run_event": "SELECT * EXCLUDE (received_at) FROM run_event WHERE change <> 'heartbeat' ORDER BY ALL",
        "points_folded": "SELECT producer_id, topic, sum(n) FROM batch GROUP BY ALL ORDER BY ALL",
    }
    for table in ("series_log", "property_event", "tag_event", "artifact_event", "log_event", *CATALOG_TABLES):
        queries[table] = f"SELECT * FROM {table} ORDER BY ALL"
    found = {name: _bare(connection.execute(query).fetchall()) for name, query in queries.items()}
    return found | {"point": point_rows(connection)}


def _bare(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [tuple(number_key(cell) if isinstance(cell, float) else cell for cell in row) for row in rows]


def ranges_of(fold: Fold) -> dict[tuple[str, int], list[tuple[int, int]]]:
    """Everything that the fold knows to be folded: sequences by topic, and point indices under topic 0."""
    known = {key: list(ranges) for key, ranges in fold.state.sequences.items()}
    return known | {(producer, 0): list(ranges) for producer, ranges in fold.state.points.items() if list(ranges)}
