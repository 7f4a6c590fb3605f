"""Station 2: one producer's way from its ring into its journal. Complete records are taken, holes are passed.

Everything here runs in the drainer's thread (drain.py), which alone writes journals: Python raises signal exceptions in
the main thread only, so nothing can fly out between a write and its mark.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count
from operator import length_hint

from runstream import notices
from runstream.batches import Batches
from runstream.birth import Parts, clear_local, reveal
from runstream.series import SeriesTable
from runstream.staging import VOID_CODE, Block
from runstream_schemas import codec, ring
from runstream_schemas.errors import JournalUnavailable
from runstream_schemas.events import (
    Change,
    Created,
    Event,
    Gap,
    Heartbeat,
    MetricEvent,
    ProducerClosed,
    RunEvent,
    Series,
    topic_for,
)
from runstream_schemas.failpoint import hit
from runstream_schemas.points import CODE_OFFSET, INT_RECORD, NO_STEP, RECORD_BYTES
from runstream_schemas.ring import pack_series
from runstream_schemas.segment import CLOSING
from runstream_schemas.topics import Topic

HEARTBEAT_EVERY_S = 15.0
HOLE_WAIT_S = 0.25
_GAP_OVER_S = 1.0
_UNMAP_TRIES = 50
_VOID = INT_RECORD.pack(NO_STEP, 0, 0, VOID_CODE)

Make = Callable[[int, int], Event]
"""(sequence, logged_at_ns) -> the event."""


class Channel:
    """
    The ring, side files and journal behind one producer id.

    Attributes:
        folder, producer_id, run_id: whose they are.
        n_points: point indexes in the journal.
        failure: why the journal could not be written the last time, None while it can.
        is_closed: it takes nothing any more.
        is_worn: lost records hold more than half of the largest ring; only a new one helps.
    """

    def __init__(
        self,
        run_id: str,
        parts: Parts,
        series: SeriesTable,
        wrote: Callable[[Channel], None],
        closed: Callable[[Channel], None],
    ) -> None:
        """
        Take over the *parts* of a new producer.

        Args:
            run_id: of the run.
            parts: as birth.build gave them.
            series: that its records use.
            wrote: called after each frame.
            closed: called once, when nothing is written any more.
        """
        self.run_id = run_id
        self.staging, self.texts, self.names, self.journal, self._lock_fd = parts
        self._parts = parts
        self.folder = self.journal.folder
        self.producer_id = self.folder.producer_id
        self.n_points = 0
        self.failure: JournalUnavailable | None = None
        self.is_closed = False
        self.is_worn = False
        self._series = series
        self._names_lock = threading.RLock()
        self._tell_written = wrote
        self._tell_closed = closed
        self._last_ns = 0
        self._last_event_s = time.monotonic()
        self._hole_index = -1
        self._hole_since_s = 0.0
        self._n_told = 0
        self._n_seen = 0
        self._seen_s = 0.0
        self._batches = Batches(run_id, self.producer_id, series, self.texts)

    # What callers' threads may call, too: a file that only recovery reads.

    def register(self, series: Series) -> bool:
        """
        Write a series where recovery finds it; afterwards records may use its code. False = the channel is closed.

        Raises:
            JournalUnavailable: it is not there.
        """
        with self._names_lock:
            if self.is_closed:
                return False
            self.names.append(pack_series(series))
        hit("name")
        return True

    # The drainer's.

    def begin(self, created: Created) -> None:
        """
        Write the first event and let the folder be seen.

        Raises:
            JournalUnavailable: the home cannot be written.
        """
        try:
            self.change(created)
            self.folder = reveal(self._parts)
        except JournalUnavailable:
            self.is_closed = True
            self._release()
            shutil.rmtree(self.folder.path, ignore_errors=True)
            raise

    def step(self, now_s: float) -> bool:
        """Bring what is complete into the journal, keep the ring large enough; tell whether there was anything."""
        self._keep_size()
        try:
            n_points = self._drain()
            self._beat(now_s)
            self.failure = None
        except JournalUnavailable as error:
            self._tell_failure(error)
            n_points = 0
        return n_points > 0

    def write(self, make: Make, flags: int = 0) -> None:
        """
        Append one event that is no batch of points.

        Args:
            make: gives the event; called a second time never, so it may have side effects.
            flags: of the frame.

        Raises:
            EncodeError: the event is malformed or too large.
            JournalUnavailable: it is not in the journal.
        """
        stamp = self._stamp()
        event = make(0, stamp)
        topic = topic_for(event)
        sequence = self.journal.next_sequence(topic)
        data = codec.encode(replace(event, sequence=sequence))
        if not self.journal.room.allows(len(data), reserved=True):
            cause = f"there is no room for it, nor in the reserve for tags and status: {self.journal.room.full_because}"
            raise JournalUnavailable(path=str(self.folder.path), cause=cause)
        self.journal.append(topic, [data], sequence, flags=flags)
        self._wrote()

    def change(self, change: Change, flags: int = 0) -> None:
        """Append an event about the run; where there is none, only the frame that closes. Raises as `write` does."""
        if not self.run_id:
            if flags:
                self.journal.append(0, [], 0, flags=flags)
            return
        self.write(lambda sequence, at: RunEvent(self.run_id, self.producer_id, sequence, at, change), flags)

    def declare(self, codes: Sequence[int]) -> None:
        """Append a metric event without points: these series exist. Raises as `write` does."""
        series = tuple(self._series.by_code[code] for code in codes)
        self._drain()
        first_index = self.journal.safe_below
        self.write(
            lambda sequence, at: MetricEvent(self.run_id, self.producer_id, sequence, at, first_index, 0, series)
        )

    def sync(self) -> None:
        """
        Drain, then return when the journal survives a power loss.

        Raises:
            JournalUnavailable: it does not.
        """
        self._drain()
        self.journal.sync()

    def close(self) -> None:
        """
        End the producer in good order: drain, closing frame, fsync, unlink staging.

        Raises:
            JournalUnavailable: the rest stays in staging, for recovery, and the lock is let go.
        """
        if self.is_closed:
            return
        self.is_closed = True
        try:
            self._settle()
            self._tell_gap()
            self.change(ProducerClosed(self.n_points, self.staging.n_dropped, self.journal.n_events), CLOSING)
            self.journal.close()
            hit("close-staging")
            self.staging.remove()
            self.texts.remove()
            self.folder.names.unlink(missing_ok=True)
            clear_local(self.folder)
        finally:
            self._release()
            self._tell_closed(self)

    def abandon(self) -> None:
        """Close the parent's files in a forked child. Nothing is written, and its lock stays held by the parent."""
        self.is_closed = True
        self.staging.abandon()
        self.texts.abandon()
        self.names.close()
        self.journal.abandon()
        os.close(self._lock_fd)

    def _release(self) -> None:
        """Close every file, whatever it holds."""
        self.staging.close_file()
        self.texts.close()
        with self._names_lock:
            self.names.close()
        self.journal.release()
        os.close(self._lock_fd)

    # From the ring to metric events.

    def _drain(self) -> int:
        """Write every complete record, oldest block first; return how many."""
        n_points = 0
        blocks = self.staging.blocks
        for block in blocks:
            n_points += self._drain_block(block)
            if block.position == ring.BLOCK_RECORDS and not block.holes and not self.is_closed:
                self.staging.free(block)
            if block.n_taken < block.end or block.position < block.n_taken:
                break  # later blocks are untouched, or have to wait their turn
        self.journal.safe_below = self._safe_below()
        return n_points

    def _drain_block(self, block: Block) -> int:
        """Write what is complete in one block."""
        n_points = self._fill_holes(block) if block.holes else 0
        while block.position < (n_taken := block.n_taken):
            n_complete = self._n_complete(block, n_taken)
            if n_complete:
                n_written = self._write_points(block, block.position, n_complete)
                block.position += n_written
                self.staging.mark(block)
                n_points += n_written
            elif not self._pass_hole(block, n_taken):
                break
        return n_points

    def _n_complete(self, block: Block, n_taken: int) -> int:
        """How many records from the block's position on are complete, found by the lowest byte of their codes."""
        first = block.start + block.position * RECORD_BYTES + CODE_OFFSET
        gap = self.staging.ring[first : block.start + n_taken * RECORD_BYTES : RECORD_BYTES].find(0)
        return n_taken - block.position if gap < 0 else gap

    def _pass_hole(self, block: Block, n_taken: int) -> bool:
        """Go on behind a record that was taken a while ago and is still not written; False = not yet."""
        index = block.base + block.position
        now_s = time.monotonic()
        if index != self._hole_index:
            self._hole_index, self._hole_since_s = index, now_s
        is_full = not self.staging.blocks[-1].n_taken < ring.BLOCK_RECORDS
        if now_s - self._hole_since_s < HOLE_WAIT_S and not is_full and not self.is_closed:
            return False
        first = block.start + (block.position + 1) * RECORD_BYTES + CODE_OFFSET
        behind = self.staging.ring[first : block.start + n_taken * RECORD_BYTES : RECORD_BYTES]
        if not behind.strip(b"\0") and not self.is_closed:
            return False
        block.holes.append(block.position)
        block.position += 1
        return True

    def _fill_holes(self, block: Block) -> int:
        """Write the open holes that were filled since, each as an event of one point."""
        n_points = 0
        for slot in list(block.holes):
            if self.staging.ring[block.start + slot * RECORD_BYTES + CODE_OFFSET]:
                self._write_points(block, slot, 1)
                block.holes.remove(slot)
                self.staging.mark(block)
                n_points += 1
        return n_points

    def _write_points(self, block: Block, slot: int, n_points: int) -> int:
        """Write up to *n_points* neighbouring records as one event and return how many it took."""
        start = block.start + slot * RECORD_BYTES
        with self.staging.view[start : start + n_points * RECORD_BYTES] as points:
            return self._write_event(block.base + slot, points)

    def _write_event(self, first_index: int, points: memoryview) -> int:
        """Write the longest event that *points* can fill, or drop it when the journal has no room; return its count."""
        sequence = self.journal.next_sequence(Topic.METRICS)
        batch = self._batches.batch(sequence, self._stamp(), first_index, points)
        size_bytes = batch.n_points * RECORD_BYTES
        if self.journal.room.allows(len(batch.head) + size_bytes, reserved=False):
            with points[:size_bytes] as part:
                self.journal.append(Topic.METRICS, [batch.head, part], sequence, first_index, batch.n_points)
            self.n_points += batch.n_points
            self._wrote()
        else:
            self.staging.count_dropped(batch.n_points)
            where = self.folder.path.parent
            message = "the journal in %s has no room: %s. Until then points are dropped and counted"
            notices.once(("quota", where), message, where, self.journal.room.full_because)
        self.texts.discard(batch.texts)
        return batch.n_points

    # Holes, sizes and signs of life.

    def _settle(self) -> None:
        """Bring everything that was taken into the journal; a record that is never written goes there as void."""
        self.staging.seal()
        self._drain()
        blocks = self.staging.blocks
        end_s = time.monotonic() + HOLE_WAIT_S
        while any(block.holes for block in blocks) and time.monotonic() < end_s:
            time.sleep(0.001)
            self._drain()
        for n_tries in count():
            if self.staging.unmap():
                break
            if n_tries == _UNMAP_TRIES:
                raise JournalUnavailable(path=str(self.folder.path), cause="a thread does not end its log call")
            time.sleep(0.005)
        for block in blocks:
            for slot in block.holes:
                # Whoever held it gets a ValueError from now on, and logs its value to the next producer.
                record = self.staging.record(block, slot)
                with memoryview(record if record[CODE_OFFSET] else _VOID) as point:
                    self._write_event(block.base + slot, point)
            block.holes.clear()

    def _safe_below(self) -> int:
        """The lowest point index that may be only in staging."""
        for block in self.staging.blocks:
            if block.drained < ring.BLOCK_RECORDS:
                return block.base + block.drained
        return self.staging.blocks[-1].base + ring.BLOCK_RECORDS

    def _keep_size(self) -> None:
        """Give the ring more blocks: once when its first is full, then while holes hold more than half of them."""
        blocks = self.staging.blocks
        if len(blocks) == ring.BORN_BLOCKS:
            if not length_hint(blocks[0].slots) or blocks[0].base:
                self.staging.grow(ring.GROWN_BLOCKS)
            return
        if 2 * sum(1 for block in blocks if block.holes) > len(blocks):
            self.is_worn = not self.staging.grow(min(len(blocks) + ring.GROWN_BLOCKS, ring.N_BLOCKS))

    def _beat(self, now_s: float) -> None:
        """Tell of a gap once it is over, and that the producer lives when nothing else does."""
        if self.staging.n_dropped != self._n_seen:
            self._n_seen, self._seen_s = self.staging.n_dropped, now_s
        is_due = now_s - self._last_event_s >= HEARTBEAT_EVERY_S
        if self._n_seen > self._n_told and (is_due or now_s - self._seen_s >= _GAP_OVER_S):
            self._tell_gap()
        elif is_due:
            self.change(Heartbeat())

    def _tell_gap(self) -> None:
        n_dropped = self.staging.n_dropped
        if n_dropped > self._n_told:
            self.change(Gap(n_dropped - self._n_told, "no room in the ring or in the journal"))
            self._n_told = n_dropped

    def _tell_failure(self, error: JournalUnavailable) -> None:
        if self.failure is None:
            notices.once(("journal", error.path), "%s; points wait in memory and are then dropped and counted", error)
        self.failure = error

    def _stamp(self) -> int:
        """The time of an event: the clock's, and later than that of every earlier event of this producer."""
        self._last_ns = max(time.time_ns(), self._last_ns + 1)
        return self._last_ns

    def _wrote(self) -> None:
        self._last_event_s = time.monotonic()
        self._tell_written(self)
