"""What the fold remembers: what it has seen, which series exist, what they come to, and where each partition stands.

A fold works on a ``Draft`` above the state; only ``Draft.settle`` makes its changes permanent, after the commit.
Nothing here is read from a clock or a file: the store loads the state from the tables at start.
"""

from dataclasses import dataclass, field

import numpy as np

from runstream_consumer.ranges import RangeSet
from runstream_consumer.rows import Ints
from runstream_consumer.series_stat import Stats, empty_stats, merge
from runstream_consumer.source import Position
from runstream_schemas.events import Series
from runstream_schemas.ids import run_key, series_id
from runstream_schemas.topics import Topic


class RefusedError(Exception):
    """An event, or part of one, cannot be folded; the message says why. It becomes a dead letter."""


@dataclass(frozen=True, slots=True)
class KnownSeries:
    """A series that has been folded. ``slot`` is its row in the state's arrays, good for this process only."""

    slot: int
    series_id: int
    run_id: str
    producer_id: str
    name: str
    column_name: str | None
    description: str


@dataclass(slots=True)
class FoldState:
    """Everything that decides how the next event is folded."""

    positions: dict[str, Position] = field(default_factory=dict)
    sequences: dict[tuple[str, int], RangeSet] = field(default_factory=dict)
    points: dict[str, RangeSet] = field(default_factory=dict)
    run_ids: dict[int, str] = field(default_factory=dict)
    series: dict[int, KnownSeries] = field(default_factory=dict)
    forms: dict[tuple[int, str], str] = field(default_factory=dict)
    run_key_of: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    series_id_of: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    stats: Stats = field(default_factory=lambda: empty_stats(0))
    last_texts: dict[int, str] = field(default_factory=dict)
    unwritten: set[int] = field(default_factory=set)
    stats_written_us: int = 0
    next_block: int = 0
    version: int = 0

    def reserve(self, n_slots: int) -> None:
        """Make room for ``n_slots`` series; rows beyond the known series hold no figures."""
        if n_slots <= len(self.stats):
            return
        more = max(n_slots, 2 * len(self.stats), 1024) - len(self.stats)
        self.run_key_of = np.concatenate([self.run_key_of, np.zeros(more, np.int64)])
        self.series_id_of = np.concatenate([self.series_id_of, np.zeros(more, np.int64)])
        self.stats = np.concatenate([self.stats, empty_stats(more)])

    def add_series(self, key: int, known: KnownSeries, run: int, form: str) -> None:
        """Remember a series under its id ``key``, of the run with key ``run``."""
        self.reserve(known.slot + 1)
        self.series[key] = known
        self.forms.setdefault((run, known.name), form)
        self.run_key_of[known.slot] = run
        self.series_id_of[known.slot] = key


class Draft:
    """The state as one fold sees it: the settled state with this fold's own changes above it."""

    def __init__(self, state: FoldState) -> None:
        self.state = state
        self.is_settled = False
        self.version = state.version
        self.n_slots = len(state.series)
        self.next_block = state.next_block
        self.stats_written_us = state.stats_written_us
        self.positions: dict[str, Position] = {}
        self.new_series: dict[int, tuple[KnownSeries, int, str]] = {}
        self.touched: Ints = np.zeros(0, np.int64)
        self.touched_stats: Stats = empty_stats(0)
        self.touched_texts: list[str | None] = []
        self._sequences: dict[tuple[str, int], RangeSet] = {}
        self._points: dict[str, RangeSet] = {}
        self._run_ids: dict[int, str] = {}
        self._forms: dict[tuple[int, str], str] = {}

    def position(self, partition: str) -> Position | None:
        """Where the partition stands, this fold included; None if nothing of it was ever folded."""
        return self.positions.get(partition) or self.state.positions.get(partition)

    def sequences(self, producer_id: str, topic: Topic) -> RangeSet:
        """Sequences of the producer's events of one topic that have been folded; may be added to."""
        key = (producer_id, int(topic))
        known = self._sequences.get(key)
        if known is None:
            settled = self.state.sequences.get(key)
            known = self._sequences[key] = settled.copy() if settled else RangeSet()
        return known

    def points(self, producer_id: str) -> RangeSet:
        """Point indices of the producer that have been folded; may be added to."""
        known = self._points.get(producer_id)
        if known is None:
            settled = self.state.points.get(producer_id)
            known = self._points[producer_id] = settled.copy() if settled else RangeSet()
        return known

    def run(self, run_id: str) -> int:
        """The run's key. Raises RefusedError if another run has the same one."""
        key = run_key(run_id)
        known = self._run_ids.get(key) or self.state.run_ids.get(key)
        if known is None:
            self._run_ids[key] = run_id
        elif known != run_id:
            raise RefusedError(f"run {run_id!r} has the same key as run {known!r}; log it under another run id")
        return key

    def series(self, run_id: str, run: int, producer_id: str, series: Series) -> tuple[KnownSeries, bool]:
        """The series, and whether its row is news (first seen, or a new description).

        Raises RefusedError if the metric already has another form in this run, or another series has the same id.
        """
        key = series_id(run_id, producer_id, series.name, series.column_name)
        found = self.new_series.get(key)
        known = found[0] if found else self.state.series.get(key)
        if known is None:
            form = self._forms.get((run, series.name)) or self.state.forms.get((run, series.name))
            if form is not None and form != series.form:
                raise RefusedError(
                    f"metric {series.name!r} of run {run_id!r} is a {form} there already, "
                    f"and producer {producer_id} logs it as a {series.form}; use another name"
                )
            self._forms[run, series.name] = series.form
            known = KnownSeries(
                self.n_slots, key, run_id, producer_id, series.name, series.column_name, series.description
            )
            self.n_slots += 1
        elif (known.run_id, known.producer_id, known.name, known.column_name) != (
            run_id,
            producer_id,
            series.name,
            series.column_name,
        ):
            raise RefusedError(
                f"series {series.name!r} of run {run_id!r} has the same id as {known.name!r} of {known.run_id!r}"
            )
        elif not series.description or series.description == known.description:
            return known, False
        else:
            known = KnownSeries(
                known.slot, key, run_id, producer_id, series.name, series.column_name, series.description
            )
        self.new_series[key] = (known, run, series.form)
        return known, True

    def keys_of(self, slots: Ints) -> tuple[Ints, Ints]:
        """Run keys and series ids of series by slot, those of this fold included."""
        self.state.reserve(self.n_slots)
        runs, ids = self.state.run_key_of[slots], self.state.series_id_of[slots]
        if self.new_series:
            place = {slot: i for i, slot in enumerate(slots.tolist())}
            for key, (known, run, _) in self.new_series.items():
                at = place.get(known.slot)
                if at is not None:
                    runs[at], ids[at] = run, key
        return runs, ids

    def add_stats(self, slots: Ints, stats: Stats, texts: list[str | None]) -> None:
        """Merge the figures of this fold's points into those of the series (each slot once)."""
        both, is_later = merge(self.state.stats[slots], stats)
        before = self.state.last_texts
        self.touched, self.touched_stats = slots, both
        self.touched_texts = [
            text if later else before.get(slot)
            for slot, text, later in zip(slots.tolist(), texts, is_later.tolist(), strict=True)
        ]

    def unwritten(self) -> tuple[Ints, Stats, list[str | None]]:
        """Slots, figures and last texts of all series whose newest figures no commit has written yet."""
        mine = set(self.touched.tolist())
        older = np.array(sorted(self.state.unwritten - mine), np.int64)
        slots = np.concatenate([older, self.touched])
        stats = np.concatenate([self.state.stats[older], self.touched_stats])
        texts = [self.state.last_texts.get(slot) for slot in older.tolist()] + self.touched_texts
        return slots, stats, texts

    def settle(self, *, stats_written: bool) -> None:
        """Make this fold's changes permanent. Raises ValueError if another fold was settled since it began."""
        state = self.state
        if state.version != self.version:
            raise ValueError("a fold was made from a state that has changed since; fold again")
        state.version += 1
        self.is_settled = True
        state.positions.update(self.positions)
        state.sequences.update(self._sequences)
        state.points.update(self._points)
        state.run_ids.update(self._run_ids)
        for key, (known, run, form) in self.new_series.items():
            state.add_series(key, known, run, form)
        state.stats[self.touched] = self.touched_stats
        for slot, text in zip(self.touched.tolist(), self.touched_texts, strict=True):
            if text is None:
                state.last_texts.pop(slot, None)
            else:
                state.last_texts[slot] = text
        state.unwritten = set() if stats_written else state.unwritten | set(self.touched.tolist())
        state.next_block = self.next_block
        state.stats_written_us = self.stats_written_us
