"""The journals of a home as the event log: one partition per producer, its position the next frame.

New producers are found by the journal folder's time of change, growth by the size of the segment that is read, so that
no notification of the kernel is needed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import Literal

import structlog

from runstream_consumer.archive import archived_producers
from runstream_consumer.journal_reader import JournalReader
from runstream_consumer.source import Lag, Position, Record, Undecodable
from runstream_schemas.errors import JournalShrunk, SegmentDamaged
from runstream_schemas.home import Home
from runstream_schemas.survivor import surviving_header

_PAUSE_S = 0.02
_MAX_PAUSE_S = 0.25
_UNSETTLED_NS = 100_000_000
_log = structlog.get_logger(__name__)


class JournalSource:
    """A `Source` over the journals below one home: growing, closed and archived ones.

    Attributes:
        closed: producers whose journals are read to their end, or are outboxes; they are not looked at again.
        shrunk: producers whose journals end before what was folded from them, and where.
    """

    kind: Literal["journal", "kafka"] = "journal"

    def __init__(self, home: Home) -> None:
        """Read below `home`, which is made if it is not there."""
        self._home = home.ensure()
        self.identity = f"journal:{home.identity()}"
        self.closed: set[str] = set()
        self.shrunk: dict[str, int] = {}
        self._positions: Mapping[str, Position] = {}
        self._readers: dict[str, JournalReader] = {}
        self._turn = 0
        self._listed_at_ns = -1

    def start(self, positions: Mapping[str, Position]) -> None:
        """Begin behind `positions`; producers that are not listed begin at their first frame."""
        self._positions = dict(positions)
        for producer_id in archived_producers(self._home):
            self._adopt(producer_id)
        self._discover()

    def poll(self, max_bytes: int, timeout_s: float) -> Sequence[Record | Undecodable]:
        """The next records of all producers, taking turns; none when nothing came within `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        while True:
            began = time.monotonic()
            self._discover()
            items = self._sweep(max_bytes)
            now = time.monotonic()
            if items or now >= deadline:
                return items
            # A look that takes long, with very many producers, is taken less often.
            pause_s = min(max(_PAUSE_S, 10 * (now - began)), _MAX_PAUSE_S)
            time.sleep(min(pause_s, deadline - now))

    def reaches_back(self) -> bool:
        """Always: what leaves a journal goes into the archive."""
        return True

    def check(self) -> None:
        """Nothing to look for: what a journal lacks shows when it is read (`shrunk`, and damage in `poll`)."""

    def lag(self) -> list[Lag]:
        """One row per journal that is not closed; a closing frame counts as an event."""
        return [lag for reader in self._readers.values() if (lag := reader.lag()) is not None]

    def close(self) -> None:
        """Forget the journals; no file is open between two polls."""
        self._readers.clear()

    def _sweep(self, max_bytes: int) -> list[Record | Undecodable]:
        readers = list(self._readers.values())
        items: list[Record | Undecodable] = []
        left = max_bytes
        for i in range(len(readers)):
            reader = readers[(self._turn + i) % len(readers)]
            for item in reader.read(left):
                left -= len(item.value)
                items.append(item)
            self._note(reader)
            if left <= 0:
                # The next sweep begins with whom this one did not reach.
                self._turn += i + 1
                break
        return items

    def _note(self, reader: JournalReader) -> None:
        producer_id = reader.producer_id
        if reader.shrunk_to is not None and producer_id not in self.shrunk:
            self.shrunk[producer_id] = reader.shrunk_to
            # Told and never reset: reading these positions again would double what is folded.
            shrunk = JournalShrunk(producer_id, reader.next_frame, reader.shrunk_to)
            _log.error(str(shrunk), producer_id=producer_id, position=shrunk.position, end=shrunk.end)
        if reader.is_closed:
            self.closed.add(producer_id)
            self._readers.pop(producer_id, None)

    def _discover(self) -> None:
        """Adopt producers that were born since the last look."""
        try:
            changed_at_ns = os.stat(self._home.journal_dir).st_mtime_ns
        except FileNotFoundError:
            return
        if changed_at_ns == self._listed_at_ns:
            return
        for producer in self._home.producers():
            self._adopt(producer.producer_id)
        # The clock behind st_mtime ticks coarsely: a change right after this look may carry the same time.
        is_settled = time.time_ns() - changed_at_ns > _UNSETTLED_NS
        self._listed_at_ns = changed_at_ns if is_settled else -1

    def _adopt(self, producer_id: str) -> None:
        if producer_id in self._readers or producer_id in self.closed:
            return
        if self._is_outbox(producer_id):
            # Its events go to Kafka, and the segments that are acknowledged are gone: no log to fold.
            self.closed.add(producer_id)
            return
        position = self._positions.get(producer_id)
        self._readers[producer_id] = JournalReader(self._home, producer_id, position.next_position if position else 0)

    def _is_outbox(self, producer_id: str) -> bool:
        try:
            return surviving_header(self._home.producer(producer_id)).role == "outbox"
        except (FileNotFoundError, SegmentDamaged):
            return False
