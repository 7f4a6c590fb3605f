"""Reading a journal segment: whole frames, damaged stretches, and how the file ends."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from runstream_schemas.errors import SegmentDamaged
from runstream_schemas.frame import (
    CLOSING,
    FRAME,
    FRAME_BYTES,
    HEADER_BYTES,
    MAGIC,
    MAX_PAYLOAD_BYTES,
    N_TOPICS,
    SegmentHeader,
    checksum,
    frame_seed,
)
from runstream_schemas.home import NEW_PREFIX, first_frame_of

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Frame:
    """One whole frame. `offset` and `end` are its bytes in the file; an empty payload carries no event."""

    frame: int
    topic: int
    sequence: int
    first_index: int
    count: int
    flags: int
    payload: memoryview = field(repr=False)
    offset: int
    end: int

    @property
    def is_closing(self) -> bool:
        """Nothing follows in this journal."""
        return bool(self.flags & CLOSING)


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes from `offset` to `end` that are no frame, with a valid frame behind them."""

    offset: int
    end: int


def parse(data: bytes | memoryview, seed: int, offset: int = 0) -> Frame | None:
    """The frame at the start of `data`, which lies at `offset` of its file; None if it is not whole there."""
    if len(data) < FRAME_BYTES:
        return None
    magic, length, crc, topic, flags, _, number, sequence, first_index, count, _ = FRAME.unpack_from(data)
    whole = memoryview(data)[: FRAME_BYTES + length]
    if magic != MAGIC or topic >= N_TOPICS or len(whole) < FRAME_BYTES + length:
        return None
    start = checksum(bytes(whole[:8]) + b"\0\0\0\0" + bytes(whole[12:FRAME_BYTES]), seed)
    payload = whole[FRAME_BYTES:]
    if checksum(payload, start) != crc:
        return None
    return Frame(number, topic, sequence, first_index, count, flags, payload, offset, offset + len(whole))


class Tail(NamedTuple):
    """How a file ends: "end" = behind a whole frame, "torn" = in the middle of one, which begins at `offset`."""

    kind: Literal["end", "torn"]
    offset: int


def read_header(path: Path) -> SegmentHeader:
    """The header of a segment file.

    Raises:
        SegmentDamaged: it cannot be trusted.
    """
    with path.open("rb") as file:
        data = file.read(HEADER_BYTES)
    try:
        return SegmentHeader.unpack(data)
    except ValueError as e:
        raise SegmentDamaged(str(path), 0, e) from e


class Scan:
    """One pass over a segment; iterate it once, then look at `tail`.

    Attributes:
        header: None if it cannot be trusted; the frames are read all the same.
        tail: how the file ended at the time of this pass; before the pass is over, where it stands.
    """

    def __init__(self, path: Path, offset: int = 0, next_frame: int | None = None, data: bytes | None = None) -> None:
        """Start at byte `offset` (0 = the first frame), where frame `next_frame` is expected if given.

        `data` = the bytes that the file had when it left the journal; it is then not opened.
        """
        self._path = path
        self._data = None if data is None else memoryview(data)
        try:
            self.header: SegmentHeader | None = read_header(path) if data is None else SegmentHeader.unpack(data)
        except (SegmentDamaged, ValueError):
            self.header = None
        self._seed = frame_seed(self.header.producer_id if self.header else path.parent.name.removeprefix(NEW_PREFIX))
        if next_frame is None and offset <= HEADER_BYTES:
            next_frame = self.header.first_frame if self.header else first_frame_of(path.name)
        self._next_frame = next_frame
        self.tail = Tail("end", max(offset, HEADER_BYTES))
        self._fd = -1
        self._buffer = memoryview(b"")
        self._buffer_offset = 0

    def __iter__(self) -> Iterator[Frame | Damage]:
        if self._data is not None:
            yield from self._items()
            return
        self._fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            yield from self._items()
        finally:
            os.close(self._fd)
            self._fd = -1

    def _items(self) -> Iterator[Frame | Damage]:
        size = os.fstat(self._fd).st_size if self._data is None else len(self._data)
        if self.tail.offset > size:
            self.tail = Tail("torn", size)
            return
        while self._bytes_at(self.tail.offset, FRAME_BYTES):
            at = self.tail.offset
            frame = self._frame_at(at)
            if frame is None:
                behind = self._next_valid(at)
                if behind is None:
                    self.tail = Tail("torn", at)
                    return
                # A live journal grows between two looks: what was half written at the first is whole by now, because
                # frames are appended one after the other. Only what is still bad is damage.
                self._buffer = memoryview(b"")
                frame = self._frame_at(at)
                if frame is None:
                    frame = behind
                    yield Damage(at, frame.offset)
            self._next_frame = frame.frame + 1
            self.tail = Tail("end", frame.end)
            yield frame

    def _bytes_at(self, offset: int, length: int) -> memoryview:
        """Up to `length` bytes at `offset`, fewer only where the file ends."""
        start = offset - self._buffer_offset
        if start < 0 or start + length > len(self._buffer):
            self._buffer = self._read(offset, max(length, _CHUNK_BYTES))
            self._buffer_offset, start = offset, 0
        return self._buffer[start : start + length]

    def _read(self, offset: int, length: int) -> memoryview:
        if self._data is not None:
            return self._data[offset : offset + length]
        return memoryview(os.pread(self._fd, length, offset))

    def _frame_at(self, offset: int, behind: int | None = None) -> Frame | None:
        """The frame at `offset` if it is whole; `behind` = where a damaged stretch before it began."""
        head = self._bytes_at(offset, FRAME_BYTES)
        if len(head) < FRAME_BYTES:
            return None
        magic, length, _, topic, _, _, number, *_ = FRAME.unpack(head)
        if (
            magic != MAGIC
            or length > MAX_PAYLOAD_BYTES
            or topic >= N_TOPICS
            or not self._may_be(number, offset, behind)
        ):
            return None
        return parse(self._bytes_at(offset, FRAME_BYTES + length), self._seed, offset)

    def _may_be(self, frame: int, offset: int, behind: int | None) -> bool:
        """Can this number stand here? Numbers are contiguous; a damaged stretch held at least one frame."""
        if self._next_frame is None:
            return True
        if behind is None:
            return frame == self._next_frame
        return self._next_frame < frame <= self._next_frame + (offset - behind) // FRAME_BYTES + 1

    def _next_valid(self, damaged: int) -> Frame | None:
        """The first whole frame behind the bad one at `damaged`."""
        at = damaged + 1
        while len(window := self._bytes_at(at, len(MAGIC))) == len(MAGIC):
            window = self._buffer[at - self._buffer_offset :]
            found = bytes(window).find(MAGIC)
            if found < 0:
                at += max(len(window) - len(MAGIC) + 1, 1)
                continue
            frame = self._frame_at(at + found, damaged)
            if frame is not None:
                return frame
            at += found + 1
        return None


def scan(path: Path, offset: int = 0, next_frame: int | None = None, data: bytes | None = None) -> Scan:
    """Iterate the frames and damaged stretches of a segment, from byte `offset` on; arguments as in Scan.

    Raises:
        FileNotFoundError: while iterating, if the segment has left the journal.
    """
    return Scan(path, offset, next_frame, data)


_TAIL_BYTES = 8192


def is_closed(path: Path) -> bool:
    """Does this segment end with a whole closing frame? Looks at its last bytes only."""
    seed = frame_seed(path.parent.name.removeprefix(NEW_PREFIX))
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        start = max(size - _TAIL_BYTES, 0)
        file.seek(start)
        data = file.read(_TAIL_BYTES)
    at = len(data)
    while (at := data.rfind(MAGIC, 0, at)) >= 0:
        frame = parse(data[at:], seed)
        if frame is not None and start + at + frame.end == size:
            return frame.is_closing
    return False
