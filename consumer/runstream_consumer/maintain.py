"""Maintenance: the steps that keep the history small and fast to read, on the thread that folds.

Sealing moves the live points into the sealed table, sorted and with blocks; compaction shrinks what the fold appends
about itself; the checkpoint folds DuckDB's write-ahead log into the file. Each step is one transaction: killed
anywhere, it either happened or did not. Deletes happen here only, about once per million points.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import pyarrow as pa

from runstream_consumer.blocks import seal
from runstream_consumer.fold import Fold
from runstream_consumer.folding import is_statistics_due
from runstream_consumer.rows import sort_points
from runstream_consumer.store import Store
from runstream_schemas.failpoint import hit

SEAL_POINTS = 1_000_000
"""Live points that are sealed at once."""

QUIET_SEAL_POINTS = 10_000
QUIET_US = 60_000_000
"""Live points from QUIET_SEAL_POINTS on are sealed when no more have come for QUIET_US; fewer cost readers nothing."""

BOOKKEEPING_ROWS = 100_000
"""Rows about events, positions and statistics that are compacted at once."""

CHECKPOINT_PATIENCE_S = 2.0
"""How long to try while readers are kept out: sessions take a moment to end."""

WAL_LIMIT_BYTES = 256 << 20
"""Beyond this a write-ahead log that readers keep from being checkpointed is worth interrupting them."""

_NEWEST_STATISTICS = """
SELECT * FROM (SELECT * FROM series_stat UNION ALL SELECT * FROM series_stat_live)
QUALIFY row_number() OVER (PARTITION BY series_id ORDER BY commit_no DESC) = 1 ORDER BY run_key, series_id"""

_NEWEST_POSITIONS = """
SELECT * FROM position_log QUALIFY row_number() OVER (PARTITION BY partition ORDER BY commit_no DESC) = 1
ORDER BY commit_no, partition"""

# Neighbouring rows become one where both numbers go on without a gap, so that the union of the ranges stays the same.
_MERGED_BATCHES = """
WITH numbered AS (
    SELECT *, CASE WHEN first_sequence = 1 + lag(last_sequence) OVER w
        AND (topic <> 2 OR first_index = lag(first_index + n) OVER w) THEN 0 ELSE 1 END AS is_new
    FROM batch WINDOW w AS (PARTITION BY producer_id, topic ORDER BY first_sequence, first_index)
), grouped AS (
    SELECT *, sum(is_new) OVER (PARTITION BY producer_id, topic ORDER BY first_sequence, first_index
        ROWS UNBOUNDED PRECEDING) AS stretch
    FROM numbered
)
SELECT max(commit_no) AS commit_no, min(run_key) AS run_key, producer_id, topic,
    min(first_sequence) AS first_sequence, max(last_sequence) AS last_sequence, min(first_index) AS first_index,
    CAST(sum(n) AS BIGINT) AS n, arg_max(partition, position) AS partition, max(position) AS position,
    max(received_at) AS received_at
FROM grouped GROUP BY producer_id, topic, stretch ORDER BY run_key, producer_id, topic, first_sequence"""

_OLD_HEARTBEATS = """
DELETE FROM run_event WHERE change = 'heartbeat' AND (producer_id, sequence) NOT IN
    (SELECT (producer_id, max(sequence)) FROM run_event WHERE change = 'heartbeat' GROUP BY producer_id)"""


@dataclass(frozen=True, slots=True)
class Done:
    """What one call of ``Maintainer.step`` did: names of the steps, points sealed, seconds taken."""

    steps: tuple[str, ...]
    n_sealed: int
    seconds: float


class Maintainer:
    """Keeps one store in shape. Belongs to the thread that folds; nothing may be folded while a step runs."""

    def __init__(
        self,
        store: Store,
        fold: Fold,
        archive: Callable[[float], object] | None = None,
        pause_serving: Callable[[], AbstractContextManager[object]] | None = None,
    ) -> None:
        """``archive(budget_s)`` moves folded journal segments away and tells by its truth whether it did anything.

        ``pause_serving()`` keeps readers out for the length of a ``with``; it is used only when readers have kept the
        write-ahead log from being checkpointed for long.
        """
        self.store = store
        self.fold = fold
        self.restart_wanted = False
        self._archive = archive
        self._pause_serving = pause_serving
        self._wants_checkpoint = False
        self._n_compacted = 0

    def step(self, budget_s: float) -> Done:
        """Do what is due, one step after the other, beginning none after ``budget_s``.

        Raises:
            CommitUnknown: the file's state is not known any more; end the process.
        """
        begin = time.monotonic()
        steps: list[str] = []
        n_live = self.store.n_live
        due = (
            ("statistics", self._statistics_due, self.write_statistics),
            ("seal", self._seal_due, self.seal),
            ("compact", self._compact_due, self.compact),
            ("checkpoint", self._checkpoint_due, self.checkpoint),
        )
        for name, is_due, act in due:
            if time.monotonic() - begin < budget_s and is_due():
                act()
                steps.append(name)
        left_s = budget_s - (time.monotonic() - begin)
        if self._archive is not None and left_s > 0 and self._archive(left_s):
            steps.append("archive")
        n_sealed = n_live if "seal" in steps else 0
        return Done(tuple(steps), n_sealed, time.monotonic() - begin)

    def write_statistics(self) -> None:
        """Commit the statistics that no commit has written yet."""
        late = self.fold.statistics(time.time_ns() // 1000)
        if late is not None:
            self.store.commit(late)
            self.fold.accept(late)

    def seal(self) -> None:
        """Move all live points into the sealed table, sorted and with their blocks, and compact the bookkeeping."""
        # Written statistics must cover what is sealed: what they leave out is looked for among the live points.
        self.write_statistics()
        store, state = self.store, self.fold.state
        upto = store.commit_no
        with store.transaction():
            live = store.connection.execute(f"SELECT * FROM point_live WHERE commit_no <= {upto:d}").to_arrow_table()
            if not live.num_rows:
                return
            rows = sort_points(live)
            block, blocks = seal(rows, state.next_block)
            last_block = int(block[-1])
            rows.turn(block)
            store.insert("point", rows.columns() | {"block": pa.array(block)})
            if blocks:
                store.insert("block", blocks)
            store.insert(
                "seal",
                {
                    "sealed_at": [time.time_ns() // 1000],
                    "upto_commit_no": [upto],
                    "first_block": [state.next_block],
                    "last_block": [last_block],
                    "n": [rows.n],
                },
            )
            hit("seal.rows")
            store.connection.execute(f"DELETE FROM point_live WHERE commit_no <= {upto:d}")
            hit("seal.delete")
            self._compact()
        store.n_live = 0
        state.next_block = last_block + 1
        state.version += 1
        self._wants_checkpoint = True

    def compact(self) -> None:
        """Shrink statistics, positions, batches and heartbeats to what is needed."""
        with self.store.transaction():
            self._compact()
        self._wants_checkpoint = True

    def checkpoint(self) -> None:
        """Fold the write-ahead log into the file; readers may put it off, but not for ever."""
        if self.store.checkpoint():
            self._wants_checkpoint = False
            return
        if self.store.wal_size_bytes() < WAL_LIMIT_BYTES:
            return
        if self._pause_serving is not None:
            with self._pause_serving():
                if self.store.checkpoint(CHECKPOINT_PATIENCE_S):
                    self._wants_checkpoint = False
                    return
        # Only a new process gets rid of a session that its client left behind.
        self.restart_wanted = True

    def _compact(self) -> None:
        store = self.store
        kept = {
            table: store.connection.execute(query).to_arrow_table()
            for table, query in (
                ("series_stat", _NEWEST_STATISTICS),
                ("position_log", _NEWEST_POSITIONS),
                ("batch", _MERGED_BATCHES),
            )
        }
        for table in ("series_stat_live", *kept):
            store.connection.execute(f"DELETE FROM {table}")
        for table, rows in kept.items():
            store.insert(table, rows)
        store.connection.execute(_OLD_HEARTBEATS)
        hit("compact.rows")
        store.n_bookkeeping = self._n_compacted = kept["position_log"].num_rows + kept["batch"].num_rows

    def _statistics_due(self) -> bool:
        return is_statistics_due(self.fold.state, time.time_ns() // 1000)

    def _seal_due(self) -> bool:
        n_live = self.store.n_live
        if n_live >= SEAL_POINTS:
            return True
        return n_live >= QUIET_SEAL_POINTS and time.time_ns() // 1000 - self.store.live_at_us >= QUIET_US

    def _compact_due(self) -> bool:
        # Never below what compaction has left or must leave: it would be due again at once.
        state = self.fold.state
        least = max(self._n_compacted, len(state.sequences) + len(state.positions))
        return self.store.n_bookkeeping >= 2 * least + BOOKKEEPING_ROWS

    def _checkpoint_due(self) -> bool:
        return self._wants_checkpoint
