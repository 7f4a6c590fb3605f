"""The tables -> what the fold remembers. Read once, when a consumer starts."""

from collections.abc import Sequence
from typing import Any

import duckdb
import numpy as np

from runstream_consumer.ranges import RangeSet
from runstream_consumer.rows import PointRows, sort_points
from runstream_consumer.series_stat import merge, stats_of, summarise
from runstream_consumer.source import Position
from runstream_consumer.state import FoldState, KnownSeries
from runstream_schemas.topics import Topic

_RUN_TABLES = ("series_log", "run_event", "property_event", "tag_event", "artifact_event", "log_event")
_COMMIT_TABLES = ("position_log", "batch", "point_live", "series_stat", "series_stat_live", "dead_letter_log")


def load_positions(connection: duckdb.DuckDBPyConnection) -> dict[str, Position]:
    """The newest position of every partition."""
    rows = connection.execute(
        """SELECT partition, next_position, topic_id, last_producer_id, last_sequence FROM position_log
        QUALIFY row_number() OVER (PARTITION BY partition ORDER BY commit_no DESC) = 1 ORDER BY commit_no"""
    ).fetchall()
    return {partition: Position(*rest) for partition, *rest in rows}


def newest_commit_no(connection: duckdb.DuckDBPyConnection) -> int:
    """The highest commit number in any table; 0 in a fresh file."""
    union = " UNION ALL ".join(f"SELECT max(commit_no) AS n FROM {table}" for table in _COMMIT_TABLES)
    row = connection.execute(f"SELECT coalesce(max(n), 0) FROM ({union})").fetchone()
    return int(row[0]) if row else 0


def newest_committed_at_us(connection: duckdb.DuckDBPyConnection) -> int | None:
    """When positions moved last, microseconds since 1970 UTC; None in a fresh file."""
    row = connection.execute("SELECT max(committed_at) FROM position_log").fetchone()
    return row[0] if row else None


def load_state(connection: duckdb.DuckDBPyConnection) -> FoldState:
    """Everything that decides how the next event is folded."""
    state = FoldState(positions=load_positions(connection))
    _load_ranges(connection, state)
    _load_runs(connection, state)
    _load_series(connection, state)
    _load_statistics(connection, state)
    row = connection.execute("SELECT coalesce(max(last_block), -1) + 1 FROM seal").fetchone()
    state.next_block = int(row[0]) if row else 0
    return state


def _load_ranges(connection: duckdb.DuckDBPyConnection, state: FoldState) -> None:
    rows = connection.execute(
        """SELECT producer_id, topic, first_sequence, last_sequence, first_index, n FROM batch
        ORDER BY producer_id, topic, first_sequence, first_index"""
    )
    while some := rows.fetchmany(10_000):
        for producer_id, topic, first, last, index, n in some:
            state.sequences.setdefault((producer_id, topic), RangeSet()).add(first, last + 1)
            if topic == Topic.METRICS:
                state.points.setdefault(producer_id, RangeSet()).add(index, index + n)


def _load_runs(connection: duckdb.DuckDBPyConnection, state: FoldState) -> None:
    union = " UNION ".join(f"SELECT DISTINCT run_key, run_id FROM {table}" for table in _RUN_TABLES)
    state.run_ids.update(connection.execute(union).fetchall())


def _load_series(connection: duckdb.DuckDBPyConnection, state: FoldState) -> None:
    rows: Sequence[tuple[Any, ...]] = connection.execute(
        """SELECT series_id, run_id, producer_id, name, column_name, description, run_key, form FROM series_log
        QUALIFY row_number() OVER (PARTITION BY series_id ORDER BY sequence DESC) = 1"""
    ).fetchall()
    state.reserve(len(rows))
    for slot, (key, *names, run, form) in enumerate(rows):
        state.add_series(key, KnownSeries(slot, key, *names), run, form)


def _load_statistics(connection: duckdb.DuckDBPyConnection, state: FoldState) -> None:
    """Newest written figures of each series, and above them the live points of later commits."""
    written = connection.execute(
        """SELECT * FROM (SELECT * FROM series_stat UNION ALL SELECT * FROM series_stat_live)
        QUALIFY row_number() OVER (PARTITION BY series_id ORDER BY commit_no DESC) = 1"""
    ).to_arrow_table()
    if written.num_rows:
        stats, texts = stats_of(written)
        slots = _slots(state, written.column("series_id").to_numpy())
        state.stats[slots] = stats
        _keep_texts(state, slots, texts)
    row = connection.execute(
        """SELECT coalesce(max(commit_no), 0) FROM
        (SELECT commit_no FROM series_stat UNION ALL SELECT commit_no FROM series_stat_live)"""
    ).fetchone()
    upto = row[0] if row else 0
    later = connection.execute(f"SELECT * FROM point_live WHERE commit_no > {upto:d}").to_arrow_table()
    if later.num_rows:
        _add_points(state, sort_points(later))


def _add_points(state: FoldState, rows: PointRows) -> None:
    slots = _slots(state, rows.series_id)
    stats, texts = summarise(rows)
    both, is_later = merge(state.stats[slots], stats)
    state.stats[slots] = both
    later = np.flatnonzero(is_later)
    _keep_texts(state, slots[later], [texts[i] for i in later.tolist()])
    state.unwritten.update(slots.tolist())


def _slots(state: FoldState, series_ids: Any) -> Any:
    return np.array([state.series[key].slot for key in series_ids.tolist()], np.int64)


def _keep_texts(state: FoldState, slots: Any, texts: Sequence[str | None]) -> None:
    for slot, text in zip(slots.tolist(), texts, strict=True):
        if text is None:
            state.last_texts.pop(slot, None)
        else:
            state.last_texts[slot] = text
