"""A producer's folder as a kill leaves it, built by hand: staging, names, side entries and a journal."""

from __future__ import annotations

import fcntl
import mmap
import os
from dataclasses import dataclass, field

from runstream_schemas import ring
from runstream_schemas.codec import decode, encode, metric_head
from runstream_schemas.events import Created, Event, RunEvent, Series
from runstream_schemas.home import Home, ProducerDir, boot_id, host_name
from runstream_schemas.ids import new_producer_id
from runstream_schemas.points import INT_RECORD, RECORD_BYTES, TEXT, pack_code
from runstream_schemas.scan import Frame, scan
from runstream_schemas.segment import SegmentHeader, SegmentWriter
from runstream_schemas.topics import Topic
from tests.strategies import record

RUN_ID = "run-1"
LOSS = Series(0, "loss", None, "scalar")
WORD = Series(1, "word", None, "scalar")


@dataclass
class Staged:
    """One dead producer: its points by index, and how much of them the journal has."""

    folder: ProducerDir
    writer: SegmentWriter
    mapping: mmap.mmap
    marks: ring.Marks
    texts: ring.SideWriter
    lock_fd: int
    points: dict[int, bytes] = field(default_factory=dict)

    @classmethod
    def begin(cls, home: Home, boot: str | None = None, role: str = "log", producer_id: str | None = None) -> Staged:
        """A folder with a fresh ring, two registered series and the `created` event."""
        folder = home.ensure().producer(producer_id or new_producer_id())
        folder.path.mkdir(parents=True)
        boot = boot_id() if boot is None else boot
        header = SegmentHeader(role, folder.producer_id, RUN_ID, host_name(), boot)  # type: ignore[arg-type]
        writer = SegmentWriter(folder.segment(0), header)
        created = RunEvent(RUN_ID, folder.producer_id, 0, 5, Created("w", "e"))
        writer.append(Topic.RUNS, [encode(created)], 0)
        names = ring.SideWriter(folder.names)
        for series in (LOSS, WORD):
            names.append(ring.pack_series(series))
        names.close()
        with folder.staging.open("wb+") as file:
            os.ftruncate(file.fileno(), ring.FILE_BYTES)
            mapping = mmap.mmap(file.fileno(), ring.FILE_BYTES)
        marks = ring.Marks(mapping)
        marks.create(folder.producer_id, RUN_ID, boot)
        lock_fd = os.open(folder.lock, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(lock_fd, fcntl.LOCK_EX)
        return cls(folder, writer, mapping, marks, ring.SideWriter(folder.texts(0)), lock_fd)

    def put(self, block: int, slot: int, value: object = 0.5) -> None:
        """Write a record into a slot of a block that has a base."""
        base = self.marks.base(block)
        assert base is not None
        index = base + slot
        data = record(index, 1000 + index, value, 0)
        if isinstance(value, str):
            number = self.texts.append(value.encode())
            data = INT_RECORD.pack(index, 1000 + index, number, pack_code(1, TEXT))
        at = ring.block_offset(block) + slot * RECORD_BYTES
        self.mapping[at : at + RECORD_BYTES] = data
        self.points[index] = data

    def drain(self, block: int, first: int, end: int, mark: int | None = None) -> None:
        """Put slots `first` to `end` of a block into the journal as one event; move the mark if given."""
        base = self.marks.base(block)
        assert base is not None
        at = ring.block_offset(block)
        data = bytes(self.mapping[at + first * RECORD_BYTES : at + end * RECORD_BYTES])
        sequence = self.writer.next_sequences[Topic.METRICS]
        head = metric_head(
            RUN_ID, self.folder.producer_id, sequence, 6 + sequence, base + first, end - first, [LOSS], [], len(data)
        )
        self.writer.append(Topic.METRICS, [head, data], sequence, base + first, end - first)
        if mark is not None:
            self.marks.set_drained(block, mark)

    def rotate(self, safe_below: int) -> None:
        """Begin the next segment."""
        header = self.writer.successor(safe_below)
        self.writer.close()
        self.writer = SegmentWriter(self.folder.segment(header.first_frame), header)

    def die(self) -> None:
        """Let go of everything, as the end of the process does."""
        self.marks.close()
        self.mapping.close()
        self.texts.close()
        self.writer.close()
        os.close(self.lock_fd)


def frames(folder: ProducerDir) -> list[Frame]:
    """All whole frames of a journal, in order."""
    return [item for _, path in folder.segments() for item in scan(path) if isinstance(item, Frame)]


def events(folder: ProducerDir) -> list[Event]:
    """All events of a journal, in order."""
    return [decode(frame.payload) for frame in frames(folder) if len(frame.payload)]
