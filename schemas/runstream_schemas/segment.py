"""A journal segment as a file: the embedded event log, and the outbox towards Kafka. Its bytes: frame.py."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from runstream_schemas.errors import JournalUnavailable
from runstream_schemas.frame import (
    CLOSING,
    FRAME,
    FRAME_BYTES,
    HEADER_BYTES,
    MAGIC,
    Role,
    SegmentHeader,
    checksum,
    frame_seed,
)
from runstream_schemas.home import NEW_PREFIX
from runstream_schemas.scan import Damage, Frame, Scan, Tail, read_header, scan
from runstream_schemas.topics import Topic

__all__ = [
    "CLOSING",
    "FRAME_BYTES",
    "HEADER_BYTES",
    "Damage",
    "Frame",
    "Role",
    "Scan",
    "SegmentHeader",
    "SegmentWriter",
    "Tail",
    "read_header",
    "scan",
]


class SegmentWriter:
    """The end of a journal: one thread appends frames to one file.

    Attributes:
        path: the file; assign it when its folder is renamed.
        header: as it stands in the file.
        size: bytes of whole frames, the header included.
        next_frame: the number that the next frame gets.
        next_sequences: by topic number, the sequence behind the last one written.
        is_ended: an append failed or the writer was closed; begin another segment.
    """

    def __init__(self, path: Path, header: SegmentHeader) -> None:
        """Make the file, whole or not at all.

        Raises:
            JournalUnavailable: it cannot be made, or is there already.
        """
        self.path = path
        self.header = header
        self.next_frame = header.first_frame
        self.next_sequences = list(header.next_sequences)
        self.size = HEADER_BYTES
        self.is_ended = False
        self._seed = frame_seed(header.producer_id)
        born = path.with_name(NEW_PREFIX + path.name)
        try:
            if path.exists():
                raise FileExistsError(f"{path.name} exists")
            flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
            self._fd = os.open(born, flags, 0o600)
            if os.write(self._fd, header.pack()) != HEADER_BYTES:
                raise OSError("the header was cut short")
            os.fsync(self._fd)
            born.rename(path)
        except OSError as e:
            raise JournalUnavailable(str(path), e) from e

    @property
    def n_events(self) -> int:
        """Events that the journal holds for topics other than that of the runs, over all its segments."""
        return sum(self.next_sequences) - self.next_sequences[Topic.RUNS]

    @classmethod
    def resume(cls, path: Path) -> SegmentWriter:
        """Go on behind the last whole frame of a file that nobody else writes; a torn tail is cut.

        Raises:
            SegmentDamaged: its header cannot be trusted.
            JournalUnavailable: it cannot be written.
        """
        writer = cls.__new__(cls)
        writer.path, writer.header, writer.is_ended = path, read_header(path), False
        writer.next_frame, writer.next_sequences = writer.header.first_frame, list(writer.header.next_sequences)
        writer._seed = frame_seed(writer.header.producer_id)
        scan = Scan(path)
        for item in scan:
            if isinstance(item, Frame):
                writer.next_frame = item.frame + 1
                writer.next_sequences[item.topic] = item.sequence + 1
        writer.size = scan.tail.offset
        try:
            writer._fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
            os.ftruncate(writer._fd, writer.size)
        except OSError as e:
            raise JournalUnavailable(str(path), e) from e
        return writer

    def append(
        self,
        topic: int,
        parts: Sequence[bytes | memoryview],
        sequence: int,
        first_index: int = -1,
        count: int = 0,
        flags: int = 0,
    ) -> int:
        """Write one frame whose payload is `parts` one after the other, and return its number.

        Raises:
            JournalUnavailable: it is not in the file; what a short write left was cut, and the segment is ended.
        """
        if self.is_ended:
            raise JournalUnavailable(str(self.path), "this segment has ended")
        length = sum(len(part) for part in parts)
        frame = self.next_frame
        fields = (topic, flags, 0, frame, sequence, first_index, count, 0)
        crc = checksum(FRAME.pack(MAGIC, length, 0, *fields), self._seed)
        for part in parts:
            crc = checksum(part, crc)
        try:
            n_bytes = os.writev(self._fd, [FRAME.pack(MAGIC, length, crc, *fields), *parts])
            if n_bytes != FRAME_BYTES + length:
                raise OSError(f"{n_bytes} of {FRAME_BYTES + length} bytes were written")
        except OSError as e:
            self._cut()
            raise JournalUnavailable(str(self.path), e) from e
        self.size += n_bytes
        self.next_frame = frame + 1
        if length:
            self.next_sequences[topic] = sequence + 1
        return frame

    def _cut(self) -> None:
        self.is_ended = True
        try:
            os.ftruncate(self._fd, self.size)
        except OSError:
            # The torn tail stays; readers stop at it and go on with the next segment.
            return

    def successor(self, safe_below: int) -> SegmentHeader:
        """The header of the segment that follows this one."""
        return replace(
            self.header,
            first_frame=self.next_frame,
            safe_below=safe_below,
            next_sequences=tuple(self.next_sequences),
        )

    def sync(self) -> None:
        """Wait until everything appended survives a power loss.

        Raises:
            JournalUnavailable: the disk does not confirm; treat the segment as ended and write on in another.
        """
        try:
            os.fsync(self._fd)
        except OSError as e:
            raise JournalUnavailable(str(self.path), e) from e

    def close(self) -> None:
        """Close the file; nothing is written by it."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd, self.is_ended = -1, True
