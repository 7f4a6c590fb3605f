"""The fold: events in, columns per table and position ranges out. Pure: no I/O, no clock, no database.

The tables come out the same for any interleaving of topics, any duplication and any split into batches. Metric events
are told apart by the index ranges of their points, all others by their sequence; both numbers are the producer's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from runstream_consumer.folding import Columns, Folding, PositionRange
from runstream_consumer.metric import Codes, Owner, Scratch
from runstream_consumer.source import Record
from runstream_consumer.state import Draft, FoldState
from runstream_schemas.events import Event

MAX_CACHED_PRODUCERS = 4096
"""Producers whose series numbers are remembered between folds; every event describes its series anew."""


@dataclass(frozen=True, slots=True)
class Folded:
    """What one fold came to. ``tables`` holds columns by table name, ``commit_no`` left out for the store to add."""

    tables: dict[str, Columns]
    ranges: list[PositionRange]
    rejected: list[tuple[Record, str]]
    n_events: int
    n_points: int
    draft: Draft = field(repr=False)
    has_statistics: bool = False

    @property
    def n_bookkeeping(self) -> int:
        """Rows that maintenance will compact."""
        tables = (self.tables.get("batch"), self.tables.get("series_stat_live"))
        return sum(len(next(iter(columns.values()))) for columns in tables if columns)

    @property
    def is_empty(self) -> bool:
        """True if there is nothing to commit."""
        return not self.ranges and not self.tables


class Fold:
    """Folds events above a state. One fold at a time: ``fold``, commit, then ``accept``.

    ``topic_ids`` (partition -> the broker's id of its topic) is kept by whoever knows the source; it is written
    beside the positions.
    """

    def __init__(self, state: FoldState) -> None:
        """Fold on top of ``state``, as the store loaded it."""
        self.state = state
        self.topic_ids: dict[str, str] = {}
        self._codes: dict[Owner, Codes] = {}
        self._scratch = Scratch()
        self._pending: Draft | None = None

    def fold(
        self, items: Sequence[tuple[Record, Event]], received_at_us: int, *, door_one: bool | None = None
    ) -> Folded:
        """Fold ``items``, in the order of their partitions, into columns.

        ``received_at_us`` (us since 1970 UTC) decides only when statistics are due. ``door_one`` overrides the choice
        of the door that the number of points makes.
        """
        is_dropped = self._pending is not None and not self._pending.is_settled
        if is_dropped or len(self._codes) > MAX_CACHED_PRODUCERS:
            # With a fold that was dropped go the slots that its series were given.
            self._codes.clear()
        self._pending = Draft(self.state)
        folding = Folding(self._pending, self._codes, self._scratch)
        for item, (record, event) in enumerate(items):
            folding.advance(record, event, self.topic_ids.get(record.partition))
            folding.add(item, record, event)
        n_points = folding.add_points(door_one)
        is_door_one = "point" in folding.tables
        has_statistics = folding.add_statistics(received_at_us, is_due=is_door_one)
        return Folded(
            tables=folding.columns(),
            ranges=folding.ranges(),
            rejected=[(items[item][0], reason) for item, reason in sorted(folding.rejected.items())],
            n_events=folding.n_events,
            n_points=n_points,
            draft=folding.draft,
            has_statistics=has_statistics,
        )

    def statistics(self, now_us: int) -> Folded | None:
        """The statistics that no commit has written yet, as a fold of nothing; None if all are written."""
        if not self.state.unwritten:
            return None
        folding = Folding(Draft(self.state), {}, self._scratch)
        folding.add_statistics(now_us, is_due=True)
        return Folded(folding.columns(), folding.standing(), [], 0, 0, folding.draft, has_statistics=True)

    def accept(self, folded: Folded) -> None:
        """Make a fold permanent, after its commit. Raises ValueError if another was accepted since it was made."""
        folded.draft.settle(stats_written=folded.has_statistics)
