"""One fold under construction: what becomes of each event, row by row; the points as columns."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from runstream_consumer.blocks import seal
from runstream_consumer.cataloguing import rows_of
from runstream_consumer.metric import MAX_SERIES_CODE, Codes, MetricSlice, Owner, Scratch
from runstream_consumer.series_stat import stat_columns, summarise
from runstream_consumer.source import Position, Record
from runstream_consumer.state import Draft, FoldState, RefusedError
from runstream_schemas.catalog import CatalogEvent
from runstream_schemas.events import (
    Archived,
    ArtifactEvent,
    Created,
    Deleted,
    Described,
    Event,
    Gap,
    Heartbeat,
    LogEvent,
    MetricEvent,
    ProducerClosed,
    ProducerLost,
    PropertiesAdded,
    RunEvent,
    Series,
    StatusChanged,
    TagEvent,
    topic_for,
)
from runstream_schemas.ids import run_key
from runstream_schemas.points import KIND_BITS, RECORD_BYTES
from runstream_schemas.topics import Topic

DOOR_ONE_POINTS = 300_000
"""A fold of at least this many points goes straight into the sealed table; a smaller one into the live table."""

STATISTICS_INTERVAL_US = 1_000_000
STATISTICS_ROW_US = 50
"""Statistics of touched series are written at most once per interval, and at most one row per STATISTICS_ROW_US on
average where very many series are written at once; besides, with every door-one fold."""

Columns = Mapping[str, Any]
"""Columns of one table by name: Arrow arrays, or lists."""


@dataclass(frozen=True, slots=True)
class PositionRange:
    """Positions ``[from_position, to_position)`` of a partition, and which record was the last of them."""

    partition: str
    from_position: int
    to_position: int
    topic_id: str | None = None
    last_producer_id: str | None = None
    last_sequence: int | None = None


class Folding:
    """What one fold has come to so far; ``rejected`` says by item why an event, or part of it, was left out."""

    def __init__(self, draft: Draft, codes: dict[Owner, Codes], scratch: Scratch) -> None:
        """Fold above ``draft``; ``codes`` and ``scratch`` belong to the Fold and live on."""
        self.draft = draft
        self.tables: dict[str, Columns] = {}
        self.rejected: dict[int, str] = {}
        self.n_events = 0
        self._rows: dict[str, list[dict[str, object]]] = {}
        self._metrics = MetricSlice(draft, codes, scratch)
        self._from: dict[str, int] = {}

    def advance(self, record: Record, event: Event, topic_id: str | None) -> None:
        """Move the partition's position behind ``record``."""
        before = self.draft.position(record.partition)
        if record.partition not in self._from:
            self._from[record.partition] = before.next_position if before else record.position
        self.draft.positions[record.partition] = Position(
            next_position=record.position + 1,
            topic_id=topic_id or (before.topic_id if before else None),
            last_producer_id=event.producer_id,
            last_sequence=event.sequence,
        )

    def add(self, item: int, record: Record, event: Event) -> None:
        """Fold one event, the one that ``rejected`` will name ``item`` if something of it must be left out."""
        try:
            self._add(item, record, event)
        except RefusedError as refused:
            self.rejected.setdefault(item, str(refused))

    def _add(self, item: int, record: Record, event: Event) -> None:
        # Of the catalog, an event may serve no run.
        run = self.draft.run(event.run_id) if event.run_id else run_key("")
        if isinstance(event, MetricEvent):
            self._add_metric(item, record, event, run)
            return
        topic = topic_for(event)
        if not self.draft.sequences(event.producer_id, topic).add(event.sequence, event.sequence + 1):
            return
        self.n_events += 1
        self._note(record, event, run, topic, (0, 0))
        if isinstance(event, CatalogEvent):
            for table, row in rows_of(event):
                self._append(table, row)
            return
        header = {
            "run_key": run,
            "run_id": event.run_id,
            "producer_id": event.producer_id,
            "sequence": event.sequence,
            "logged_at_ns": event.logged_at_ns,
        }
        if isinstance(event, RunEvent):
            self._add_change(header, event, record.received_at_ns // 1000)
        else:
            table, names = _PLAIN[type(event)]
            self._append(table, header | {name: getattr(event, name) for name in names})

    def _add_change(self, header: dict[str, object], event: RunEvent, received_at_us: int) -> None:
        change = event.change
        if isinstance(change, PropertiesAdded):
            for key, value in change.properties.items():
                self._append("property_event", header | {"key": key, "value": value})
        row = header | {"received_at": received_at_us, "change": CHANGES[type(change)]}
        for name in _CHANGE_FIELDS:
            row[name] = getattr(change, name, None)
        self._append("run_event", row)

    def _add_metric(self, item: int, record: Record, event: MetricEvent, run: int) -> None:
        if len(event.points) != event.count * RECORD_BYTES:
            raise RefusedError(f"event holds {len(event.points)} bytes of points and says it has {event.count} points")
        is_new = bool(self.draft.sequences(event.producer_id, Topic.METRICS).add(event.sequence, event.sequence + 1))
        fresh = self.draft.points(event.producer_id).add(event.first_index, event.first_index + event.count)
        if not fresh:
            if is_new:
                self.n_events += 1
                self._note(record, event, run, Topic.METRICS, (event.first_index, event.first_index))
                self._describe(item, event, run)
            return
        self.n_events += is_new
        for low, high in fresh:
            self._note(record, event, run, Topic.METRICS, (low, high))
        self._describe(item, event, run)
        self._metrics.add(item, event, fresh)

    def _describe(self, item: int, event: MetricEvent, run: int) -> None:
        """Look up the series that the event describes. Those that must not be folded keep no slot."""
        codes = self._metrics.codes_of(event)
        if event.count and event.series is codes.newest:
            return
        codes.newest = event.series
        for series in event.series:
            known = codes.described.get(series.code)
            if known is None or (known[0] is not series and known[0] != series):
                self._look_up(event, run, series, codes)
            if event.count == 0 and (reason := codes.described[series.code][1]):
                self.rejected.setdefault(item, reason)

    def _look_up(self, event: MetricEvent, run: int, series: Series, codes: Codes) -> None:
        try:
            if not 0 <= series.code <= MAX_SERIES_CODE:
                raise RefusedError(f"series {series.name!r} has number {series.code}, beyond {MAX_SERIES_CODE}")
            known, is_news = self.draft.series(event.run_id, run, event.producer_id, series)
        except RefusedError as refused:
            codes.refuse(series, str(refused))
            return
        codes.put(series, known.slot)
        if is_news:
            self._append(
                "series_log",
                {
                    "series_id": known.series_id,
                    "run_key": run,
                    "run_id": event.run_id,
                    "producer_id": event.producer_id,
                    "name": series.name,
                    "column_name": series.column_name,
                    "form": series.form,
                    "description": series.description,
                    "first_index": first_index_of(series.code, event),
                    "sequence": event.sequence,
                },
            )

    def _note(self, record: Record, event: Event, run: int, topic: Topic, points: tuple[int, int]) -> None:
        """Note what was folded: the event's sequence and the range of points that is new."""
        low, high = points
        self._append(
            "batch",
            {
                "run_key": run,
                "producer_id": event.producer_id,
                "topic": int(topic),
                "first_sequence": event.sequence,
                "last_sequence": event.sequence,
                "first_index": low,
                "n": high - low,
                "partition": record.partition,
                "position": record.position,
                "received_at": record.received_at_ns // 1000,
            },
        )

    def _append(self, table: str, row: dict[str, object]) -> None:
        self._rows.setdefault(table, []).append(row)

    def add_points(self, door_one: bool | None) -> int:
        """Sort the points of all events into one of the two point tables; returns how many there are."""
        if not self._metrics.n:
            return 0
        rows, slots, broken = self._metrics.sort()
        for item, reason in broken.items():
            self.rejected.setdefault(item, reason)
        if not rows.n:
            return 0
        self.draft.add_stats(slots, *summarise(rows))
        if door_one if door_one is not None else rows.n >= DOOR_ONE_POINTS:
            block, blocks = seal(rows, self.draft.next_block)
            if blocks:
                self.tables["block"] = blocks
            last_block = int(block[-1])
            rows.turn(block)
            self.tables["point"] = rows.columns() | {"block": pa.array(block)}
            self.tables["seal"] = {
                "first_block": [self.draft.next_block],
                "last_block": [last_block],
                "n": [rows.n],
            }
            self.draft.next_block = last_block + 1
        else:
            self.tables["point_live"] = rows.columns()
        return rows.n

    def add_statistics(self, now_us: int, *, is_due: bool) -> bool:
        """Write the figures of all series touched since they were last written, if it is time; tells whether."""
        if not (is_due or is_statistics_due(self.draft.state, now_us, len(self.draft.touched))):
            return False
        slots, stats, texts = self.draft.unwritten()
        if not len(slots):
            return False
        self.tables["series_stat_live"] = stat_columns(*self.draft.keys_of(slots), stats, texts)
        self.draft.stats_written_us = now_us
        return True

    def columns(self) -> dict[str, Columns]:
        """All columns, by table."""
        for table, rows in self._rows.items():
            self.tables[table] = {name: [row[name] for row in rows] for name in rows[0]}
        return self.tables

    def ranges(self) -> list[PositionRange]:
        """The position range of every partition that moved."""
        return [_range(name, low, self.draft.positions[name]) for name, low in self._from.items()]

    def standing(self) -> list[PositionRange]:
        """An empty range of one partition: it gives a commit without events its row, and readers a new watermark."""
        return [_range(name, at.next_position, at) for name, at in list(self.draft.state.positions.items())[-1:]]


def is_statistics_due(state: FoldState, now_us: int, n_more: int = 0) -> bool:
    """True if figures that no commit has written (``n_more`` of them in a fold under way) have waited long enough."""
    n_rows = len(state.unwritten) + n_more
    interval_us = max(STATISTICS_INTERVAL_US, n_rows * STATISTICS_ROW_US)
    return n_rows > 0 and now_us - state.stats_written_us >= interval_us


def _range(partition: str, low: int, at: Position) -> PositionRange:
    return PositionRange(partition, low, at.next_position, at.topic_id, at.last_producer_id, at.last_sequence)


CHANGES = {
    Created: "created",
    Described: "described",
    StatusChanged: "status",
    PropertiesAdded: "properties",
    Heartbeat: "heartbeat",
    ProducerClosed: "producer_closed",
    ProducerLost: "producer_lost",
    Gap: "gap",
    Archived: "archived",
    Deleted: "deleted",
}
"""What ``run_event.change`` says for each kind of change."""

_CHANGE_FIELDS = (
    *("workspace", "experiment", "display_name", "run_type", "parent_run_id", "description", "host", "user", "pid"),
    *("continues", "status", "error_type", "error_message", "error_traceback", "error_code"),
    *("n_points", "n_dropped", "n_events", "reason", "archived"),
)

_PLAIN: dict[type, tuple[str, tuple[str, ...]]] = {
    TagEvent: ("tag_event", ("key", "value", "removed")),
    ArtifactEvent: (
        "artifact_event",
        ("path", "size_bytes", "sha256", "content_type", "location", "content", "metric_name"),
    ),
    LogEvent: ("log_event", ("stream", "first_line", "text")),
}


def first_index_of(code: int, event: MetricEvent) -> int:
    """Index of the first point of series ``code`` in ``event``; behind the event's points if it has none there."""
    codes = np.frombuffer(event.points, np.uint64)[RECORD_BYTES // 8 - 1 :: RECORD_BYTES // 8] >> KIND_BITS
    places = np.flatnonzero(codes == code)
    return event.first_index + (int(places[0]) if len(places) else event.count)
