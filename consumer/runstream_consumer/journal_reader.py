"""One producer's journal as the consumer reads it: from segment to segment, growing, archived or closed."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from runstream_consumer.archive import archived, archived_header, restore, scan_archive
from runstream_consumer.source import Lag, Record, Undecodable
from runstream_schemas.codec import MAX_EVENT_BYTES
from runstream_schemas.errors import SegmentDamaged
from runstream_schemas.frame import FRAME, FRAME_BYTES, HEADER_BYTES, MAGIC
from runstream_schemas.home import Home
from runstream_schemas.scan import Damage, Frame, Scan, read_header
from runstream_schemas.topics import Topic

_TOPICS = {int(topic): topic for topic in Topic}


class JournalReader:
    """Reads the frames of one producer in order, each once.

    Attributes:
        producer_id: also the name of the partition.
        next_frame: the position to read next.
        is_closed: the closing frame was read; nothing more will come.
        shrunk_to: where the journal ends, if that is before the position that it was started at; else None.
    """

    def __init__(self, home: Home, producer_id: str, next_frame: int) -> None:
        """Read from `next_frame` on."""
        self.producer_id = producer_id
        self.next_frame = next_frame
        self.is_closed = False
        self.shrunk_to: int | None = None
        self._home = home
        self._folder = home.producer(producer_id)
        self._segment: Path | None = None
        self._offset = 0
        self._archived: Iterator[Frame | Damage] | None = None
        self._damage: Damage | None = None
        self._key: bytes | None = None
        self._listed_at_ns = 0
        self._read_again_for: int | None = None
        self._counted: tuple[Path | None, int, int] = (None, 0, 0)
        self._even_at_s = time.monotonic()

    def read(self, max_bytes: int) -> Iterator[Record | Undecodable]:
        """The records that are there, until about `max_bytes` were given."""
        while max_bytes > 0 and not self._has_ended():
            if not self._has_place():
                yield from self._locate()
                if not self._has_place():
                    break
            for item in self._read_archived() if self._archived is not None else self._read_growing():
                max_bytes -= len(item.value)
                yield item
                if max_bytes <= 0:
                    return
            if not self._has_ended() and not self._move_on():
                here = (self._segment, self._read_again_for)
                yield from self._skip_lost_end()
                if here == (self._segment, self._read_again_for):
                    break
        self._even_at_s = time.monotonic()

    def lag(self) -> Lag | None:
        """How far this journal is ahead of what was read; None if it is closed and read."""
        if self.is_closed:
            return None
        end = self._end_frame() if self._unread_bytes() else self.next_frame
        if end <= self.next_frame:
            return Lag(self.producer_id, self.next_frame, self.next_frame, 0.0)
        return Lag(self.producer_id, self.next_frame, end, time.monotonic() - self._even_at_s)

    def _has_place(self) -> bool:
        return self._segment is not None

    def _has_ended(self) -> bool:
        return self.is_closed

    def _unread_bytes(self) -> int:
        try:
            here = self._unread_here()
            if here == 0 and not self._folder.segment(self.next_frame).exists():
                return 0
            later = [path for first, path in self._folder.segments() if first >= self.next_frame]
            return here + sum(path.stat().st_size - HEADER_BYTES for path in later if path != self._segment)
        except FileNotFoundError:
            # It is being archived, so it is folded.
            return 0

    def _end_frame(self) -> int:
        """The frame behind the last one that is there: by the newest segment's name, and the headers of its frames.

        Each header is looked at once; behind a damaged one nothing is counted until it is read.
        """
        try:
            first_frame, path = self._folder.segments()[-1]
            if self._counted[0] != path:
                self._counted = (path, HEADER_BYTES, first_frame)
            if self._segment == path and self._offset > self._counted[1]:
                self._counted = (path, self._offset, self.next_frame)
            with path.open("rb") as file:
                self._counted = (path, *counted(file, *self._counted[1:]))
        except (FileNotFoundError, IndexError):
            return self.next_frame
        return self._counted[2]

    def _unread_here(self) -> int:
        """Bytes behind what was read of the current segment, if that is in the journal."""
        if self._segment is None or self._archived is not None:
            return 0
        return max(0, self._segment.stat().st_size - max(self._offset, HEADER_BYTES))

    def _locate(self) -> Iterator[Undecodable]:
        """Find the segment that holds the next frame, or the first one behind it: what lies between is lost."""
        in_archive = {old.first_frame: old for old in archived(self._home, self.producer_id)}
        try:
            in_journal = dict(self._folder.segments())
        except FileNotFoundError:
            in_journal = {}
        firsts = sorted({*in_archive, *in_journal})
        before = [first for first in firsts if first <= self.next_frame]
        if not before and not firsts:
            return
        first = before[-1] if before else firsts[0]
        old = in_archive.get(first)
        if first not in in_journal and old is not None and before and old.end_frame <= self.next_frame:
            # Everything archived is read. Closed and archived whole, or the journal's next segment is to come.
            self.is_closed = not self._folder.path.exists()
            later = [other for other in firsts if other > first]
            if not later:
                return
            first, before, old = later[0], [], in_archive.get(later[0])
        if not before and first > self.next_frame:
            yield self._lost(first, None)
            self.next_frame = first
        self._damage, self._offset = None, 0
        if first in in_journal:
            self._segment, self._archived = in_journal[first], None
        elif old is not None:
            self._segment = old.path
            self._archived = scan_archive(old.path, self.producer_id, self.next_frame)

    def _read_archived(self) -> Iterator[Record | Undecodable]:
        if self._archived is None:
            return
        try:
            for item in self._archived:
                yield from self._taken(item)
        except SegmentDamaged as e:
            end = int(Path(e.path).name.partition("-")[2].partition(".")[0])
            if end <= self.next_frame:
                return
            yield Undecodable(self.producer_id, self.next_frame, end, b"", str(e.cause), e.path, e.offset, self._run())
            self.next_frame = end

    def _read_growing(self) -> Iterator[Record | Undecodable]:
        """What is new in the current segment of the journal."""
        segment = self._segment
        try:
            if segment is None or segment.stat().st_size <= self._offset:
                return
            last = None
            for item in Scan(segment, self._offset, self.next_frame if self._offset else None):
                self._offset, last = item.end, item
                yield from self._taken(item)
            if isinstance(last, Frame) and last.frame + 1 < self.next_frame:
                self.shrunk_to = last.frame + 1
        except FileNotFoundError:
            self._segment = None

    def _taken(self, item: Frame | Damage) -> Iterator[Record | Undecodable]:
        if isinstance(item, Damage):
            self._damage = item
            return
        if item.is_closing:
            self.is_closed = True
        if item.frame < self.next_frame:
            return
        if item.frame > self.next_frame:
            yield self._lost(item.frame, self._damage)
        self._damage = None
        self.next_frame = item.frame + 1
        if len(item.payload):
            yield self._record(item)

    def _record(self, frame: Frame) -> Record | Undecodable:
        topic = _TOPICS.get(frame.topic)
        value = bytes(frame.payload)
        if topic is None:
            reason = f"topic {frame.topic} is unknown; if a newer runstream wrote it, upgrade and rebuild the history"
            where = self._segment.name if self._segment else None
            at = frame.frame
            return Undecodable(self.producer_id, at, at + 1, value, reason, where, frame.offset, self._run())
        return Record(topic, self.producer_id, frame.frame, value, self._run_id(), time.time_ns())

    def _run(self) -> str | None:
        return self._run_id().decode() or None

    def _run_id(self) -> bytes:
        if self._key is None and self._segment is not None:
            try:
                is_archived = self._archived is not None
                header = archived_header(self._segment) if is_archived else read_header(self._segment)
                self._key = header.run_id.encode()
            except (SegmentDamaged, FileNotFoundError):
                self._key = b""
        return self._key or b""

    def _lost(self, end: int, damage: Damage | None) -> Undecodable:
        """Frames from the next one up to `end` are not there, or only as damaged bytes."""
        value, where = b"", self._segment
        if damage is not None and where is not None:
            data = restore(where) if self._archived is not None else where.read_bytes()
            value = data[damage.offset : min(damage.end, damage.offset + MAX_EVENT_BYTES)]
        reason = "damaged bytes in the journal" if damage else "frames missing from the journal"
        reason += f": frames {self.next_frame} to {end - 1}"
        offset = damage.offset if damage else None
        name = where.name if where else None
        return Undecodable(self.producer_id, self.next_frame, end, value, reason, name, offset, self._run())

    def _move_on(self) -> bool:
        """Go to the next segment if there is one."""
        if self._segment is None or self._archived is not None:
            self._segment, self._archived = None, None
            return True
        following = self._folder.segment(self.next_frame)
        if following == self._segment or not following.exists():
            return False
        self._segment, self._offset = following, 0
        return True

    def _skip_lost_end(self) -> Iterator[Undecodable]:
        """Leave a segment whose end is lost: its next frame is nowhere, but a later segment is there."""
        later = self._later_segment()
        if later is None or self._segment is None:
            return
        if self._read_again_for != later:
            # Its end may have been in the writing when it was read; now that a later segment exists it is final.
            self._read_again_for = later
            return
        size = self._segment.stat().st_size
        yield self._lost(later, Damage(self._offset, size) if size > self._offset else None)
        self.next_frame = later
        self._segment, self._offset = self._folder.segment(later), 0

    def _later_segment(self) -> int | None:
        """The first segment behind the current one; looked for only when the folder has changed."""
        try:
            changed_at_ns = self._folder.path.stat().st_mtime_ns
            if self._segment is None or (changed_at_ns == self._listed_at_ns and self._read_again_for is None):
                return None
            self._listed_at_ns = changed_at_ns
            here = max(int(self._segment.stem), self.next_frame)
            return min((first for first, _ in self._folder.segments() if first > here), default=None)
        except FileNotFoundError:
            return None


def counted(file: BinaryIO, offset: int, frame: int) -> tuple[int, int]:
    """Go from header to header, from byte `offset` where `frame` begins; return where, and which, the next one is."""
    size = os.fstat(file.fileno()).st_size
    while True:
        head = os.pread(file.fileno(), FRAME_BYTES, offset)
        if len(head) < FRAME_BYTES:
            return offset, frame
        magic, length, _, _, _, _, number, *_ = FRAME.unpack(head)
        end = offset + FRAME_BYTES + length
        if magic != MAGIC or number != frame or end > size:
            return offset, frame
        offset, frame = end, frame + 1
