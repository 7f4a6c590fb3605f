"""The bytes of a journal segment: a header of 512, then frames. No files here: scan.py reads, segment.py writes.

A frame is 48 bytes of header and its payload, exactly the bytes that go onto Kafka:

| bytes | field | |
|---|---|---|
| 0-3 | magic | RSF1 |
| 4-7 | length | of the payload |
| 8-11 | crc | CRC32C over the frame with this field zero, started from the CRC32C of the producer's id |
| 12 | topic | 1 to 6; 0 = a frame without an event |
| 13 | flags | 1 = CLOSING: nothing follows in this journal |
| 14-15 | | 0 |
| 16-23 | frame | number within the journal, contiguous from 0 over all topics and segments |
| 24-31 | sequence | of the event within its topic |
| 32-39 | first_index | of a metric event's points; -1 for others |
| 40-43 | count | of a metric event's points |
| 44-47 | | 0 |

Everything is little-endian. A bad frame with no valid one behind it is a torn tail: a reader waits, recovery cuts. With
a valid one behind it is damage, and never cut. The checksum starts from the producer's id, so that a journal kept
inside an artifact event cannot pass for frames of the journal around it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from struct import Struct
from typing import Literal

FRAME = Struct("<4sIIBBHQQqII")
FRAME_BYTES = FRAME.size
MAGIC = b"RSF1"
CLOSING = 1
MAX_PAYLOAD_BYTES = 1 << 20

HEADER = Struct("<8sHBxIQq8Q40s40s136s196sI")
HEADER_BYTES = HEADER.size
HEADER_MAGIC = b"RSJRNL\r\n"
VERSION = 1
N_TOPICS = 8
Role = Literal["log", "outbox"]
ROLES: tuple[Role, ...] = ("log", "outbox")


@dataclass(frozen=True, slots=True)
class SegmentHeader:
    """What a segment says about itself; the same for all segments of a journal but for the last three.

    Attributes:
        role: "log" = embedded, kept; "outbox" = trimmed once Kafka has acknowledged it. Never changes.
        producer_id, run_id, host, boot_id: who writes, and on which boot of which machine; no run_id = it serves none.
        first_frame: the number of the first frame, also in the file's name.
        safe_below: no point with a lower index was still only in staging when the segment was begun.
        next_sequences: by topic number, the sequence that its next event gets.
    """

    role: Role
    producer_id: str
    run_id: str
    host: str
    boot_id: str
    first_frame: int = 0
    safe_below: int = 0
    next_sequences: tuple[int, ...] = (0,) * N_TOPICS

    def pack(self) -> bytes:
        """The 512 bytes at the start of the file."""
        texts = [text.encode() for text in (self.producer_id, self.boot_id, self.run_id, self.host)]
        fields = (ROLES.index(self.role), 0, self.first_frame, self.safe_below, *self.next_sequences, *texts)
        data = HEADER.pack(HEADER_MAGIC, VERSION, *fields, 0)
        return data[:-4] + checksum(data[:-4], 0).to_bytes(4, "little")

    @classmethod
    def unpack(cls, data: bytes) -> SegmentHeader:
        """The header in the first 512 bytes of a segment.

        Raises:
            ValueError: says what is wrong with them.
        """
        if len(data) < HEADER_BYTES:
            raise ValueError(f"{len(data)} bytes are no whole header")
        magic, version, role, _, first_frame, safe_below, *rest = HEADER.unpack_from(data)
        if magic != HEADER_MAGIC:
            raise ValueError("it does not start as a journal segment")
        if checksum(data[: HEADER_BYTES - 4], 0) != rest[-1]:
            raise ValueError("the header's checksum differs")
        if version != VERSION or role >= len(ROLES):
            raise ValueError(f"version {version} is newer than this runstream reads")
        producer_id, boot_id, run_id, host = (text.rstrip(b"\0").decode() for text in rest[N_TOPICS:-1])
        sequences = tuple(rest[:N_TOPICS])
        return cls(ROLES[role], producer_id, run_id, host, boot_id, first_frame, safe_below, sequences)


@cache
def _crc32c() -> Callable[[bytes | memoryview, int], int]:
    # The wheel takes 55 ms to import: not before the first frame.
    import crc32c

    return crc32c.crc32c


def checksum(data: bytes | memoryview, start: int) -> int:
    """CRC32C of `data`, continued from `start`."""
    return _crc32c()(data, start)


@cache
def frame_seed(producer_id: str) -> int:
    """Where the checksums of this producer's frames start from."""
    return checksum(producer_id.encode(), 0)
