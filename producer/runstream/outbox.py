"""One journal on its way to Kafka: which frames to send next, which are acknowledged, which files may go.

Files only, no Kafka. The sender's thread is the only user. The mark `acked` in the producer's folder survives the
process: it may lag behind what Kafka has (frames are then sent again, and their sequence makes that harmless), never
run ahead of it.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from struct import Struct
from typing import Final, Protocol

from runstream import notices
from runstream_schemas.errors import SegmentDamaged
from runstream_schemas.home import Home, ProducerDir
from runstream_schemas.segment import Damage, Frame, SegmentHeader, read_header, scan
from runstream_schemas.survivor import surviving_header

MARK: Final = Struct("<QI")
DAMAGED_SUFFIX: Final = ".damaged"


class Archive(Protocol):
    """Where folded segments of embedded journals went: the consumer's module `archive`, which this package lacks."""

    def archived_producers(self, home: Home) -> list[str]:
        """The producers that have archived segments."""

    def archived(self, home: Home, producer_id: str) -> Sequence[ArchivedSegment]:
        """A producer's archived segments, in order."""

    def archived_header(self, path: Path) -> SegmentHeader:
        """The header of an archived segment."""

    def scan_archive(self, path: Path, producer_id: str, next_frame: int = 0) -> Iterator[Frame | Damage]:
        """Its frames from `next_frame` on."""


class ArchivedSegment(Protocol):
    """One of them."""

    @property
    def path(self) -> Path:
        """The file."""

    @property
    def first_frame(self) -> int:
        """The frame that it starts with."""


class Segments:
    """The segment files of a journal, as they lie in its folder."""

    def __init__(self, folder: ProducerDir) -> None:
        """Look below `folder`, which may be gone later."""
        self.folder = folder

    def listed(self) -> list[tuple[int, Path]]:
        """First frame and path, in order."""
        try:
            return self.folder.segments()
        except FileNotFoundError:
            return []

    def run_id(self, path: Path) -> str:
        """The run whose events a segment holds."""
        return read_header(path).run_id

    def read(self, path: Path, offset: int, next_frame: int) -> Iterable[Frame | Damage]:
        """Frames from byte `offset` on; there, if it is not 0, frame `next_frame` is expected."""
        return scan(path, offset, next_frame if offset else None)


class ArchivedSegments(Segments):
    """The same of an embedded journal, of which older parts may lie in the archive."""

    def __init__(self, folder: ProducerDir, home: Home, archive: Archive) -> None:
        """Look in both places."""
        super().__init__(folder)
        self._home, self._archive = home, archive

    def listed(self) -> list[tuple[int, Path]]:
        """First frame and path, in order; what is in both places is taken from the journal."""
        old = self._archive.archived(self._home, self.folder.producer_id)
        return sorted(({segment.first_frame: segment.path for segment in old} | dict(super().listed())).items())

    def run_id(self, path: Path) -> str:
        """The run whose events a segment holds."""
        return super().run_id(path) if self._is_live(path) else self._archive.archived_header(path).run_id

    def read(self, path: Path, offset: int, next_frame: int) -> Iterable[Frame | Damage]:
        """Frames from `next_frame` on."""
        if self._is_live(path):
            return super().read(path, offset, next_frame)
        return self._archive.scan_archive(path, self.folder.producer_id, next_frame)

    def _is_live(self, path: Path) -> bool:
        return path.parent == self.folder.path


class Outbox:
    """The sending side of one producer's journal.

    Attributes:
        folder: where its segments lie.
        run_id: the key of its events.
        acked: every frame below is in Kafka.
        is_finished: the journal's closing frame is in Kafka; nothing will follow.
        damaged: stretches that were no frames, as (file, byte); the files are kept beside the journal.
    """

    def __init__(
        self,
        folder: ProducerDir,
        trim: Callable[[int], None] | None = None,
        *,
        kept: Segments | None = None,
        mark: Path | None = None,
    ) -> None:
        """Open the outbox of a folder.

        Args:
            folder: of a producer of this process, or of a dead one whose lock the caller holds.
            trim: for a live producer, called with the acknowledged mark when whole segments may go; without it this
                object removes them itself.
            kept: the files of an embedded journal, which is sent and stays.
            mark: the file that remembers what was acknowledged; by default `acked` in the folder.
        """
        self.folder = folder
        self.run_id = ""
        self._mark = mark or folder.path / "acked"
        self.acked = read_mark(self._mark)
        self.is_finished = False
        self.damaged: set[tuple[Path, int]] = set()
        self._trim = trim
        self._keeps = kept is not None
        self._segments = kept or Segments(folder)
        self._next = self.acked
        self._early: set[int] = set()
        self._closing_frame: int | None = None
        self._segment: tuple[int, Path] | None = None
        self._offset = 0
        self._saved = self.acked

    @property
    def n_in_flight(self) -> int:
        """Frames taken and not yet acknowledged."""
        return self._next - self.acked - len(self._early)

    def take(self, max_bytes: int) -> list[Frame]:
        """The next frames that carry events, about `max_bytes` of them; none when the journal has no more yet."""
        taken: list[Frame] = []
        size_bytes = 0
        segments = self._segments.listed()
        while size_bytes < max_bytes and self._enter(segments):
            assert self._segment is not None
            path = self._segment[1]
            for frame in self._frames(path):
                self._next, self._offset = frame.frame + 1, frame.end
                if not frame.payload:
                    self.acknowledge([frame.frame])
                    continue
                taken.append(frame)
                size_bytes += len(frame.payload)
                if size_bytes >= max_bytes:
                    return taken
            if path == segments[-1][1]:
                break
            self._pass_on(segments)
        return taken

    def _enter(self, segments: list[tuple[int, Path]]) -> bool:
        """Stand in the segment that holds the next frame; False while there is none."""
        if self._segment is not None and self._segment in segments:
            return True
        holding = [segment for segment in segments if segment[0] <= self._next] or segments[:1]
        if not holding:
            return False
        self._segment, self._offset = holding[-1], 0
        if not self.run_id:
            self.run_id = self._run_id(holding[-1][1])
        self._skip_to(holding[-1][0])
        return True

    def _frames(self, path: Path) -> Iterable[Frame]:
        for item in self._segments.read(path, self._offset, self._next):
            if isinstance(item, Damage):
                self._tell_damage(path, item)
                continue
            if item.is_closing:
                self._closing_frame = item.frame
                self.acknowledge([])
            if item.frame >= self._next:
                self._skip_to(item.frame)
                yield item

    def _tell_damage(self, path: Path, damage: Damage) -> None:
        self.damaged.add((path, damage.offset))
        notices.once(
            ("damage", path, damage.offset),
            "%s bytes of %s, from byte %s on, are damaged and cannot be sent; the file is kept as *%s",
            damage.end - damage.offset,
            path,
            damage.offset,
            DAMAGED_SUFFIX,
        )

    def _skip_to(self, frame: int) -> None:
        """Frames that do not exist (damaged, or gone) count as acknowledged: nothing can be sent for them."""
        missing = range(self._next, frame)
        if missing:
            self._next = frame
            self.acknowledge(missing)

    def _pass_on(self, segments: list[tuple[int, Path]]) -> None:
        """Go to the segment behind this one, which had ended before the list was made."""
        assert self._segment is not None
        self._segment = next(segment for segment in segments if segment[0] > self._segment[0])
        self._offset = 0
        self._skip_to(self._segment[0])

    def acknowledge(self, frames: Iterable[int]) -> None:
        """Note frames that Kafka has, in any order."""
        self._early.update(frame for frame in frames if frame >= self.acked)
        while self.acked in self._early:
            self._early.remove(self.acked)
            self.acked += 1
        self.is_finished = self._closing_frame is not None and self.acked > self._closing_frame

    def rewind(self) -> None:
        """Forget what was in flight: it will be taken again."""
        self._next = self.acked
        self._early.clear()
        self._segment, self._offset = None, 0

    def settle(self) -> None:
        """Make the mark permanent and let go of segments that lie below it."""
        if self._saved != self.acked:
            write_mark(self._mark, self.acked)
            self._saved = self.acked
            if self._keeps:
                return
            below = self._below()
            self._set_aside(below)
            if self._trim is not None:
                self._trim(self.acked)
            else:
                _unlink(below)

    def remove(self) -> bool:
        """Remove the folder of a finished outbox; False where something in it must stay."""
        segments = [path for _, path in self.folder.segments()]
        self._set_aside(segments)
        _unlink(segments)
        if any(entry.name.endswith(DAMAGED_SUFFIX) for entry in self.folder.path.iterdir()):
            return False
        _unlink(list(self.folder.path.iterdir()))
        self.folder.path.rmdir()
        return True

    def _run_id(self, path: Path) -> str:
        try:
            return self._segments.run_id(path)
        except SegmentDamaged:
            return self._surviving_run_id()

    def _surviving_run_id(self) -> str:
        try:
            return surviving_header(self.folder).run_id
        except (SegmentDamaged, FileNotFoundError):
            return ""

    def _below(self) -> list[Path]:
        """Segments that were sent whole; the last one goes with the folder."""
        return [path for (_, path), (after, _) in pairwise(self.folder.segments()) if after <= self.acked]

    def _set_aside(self, paths: Iterable[Path]) -> None:
        """Keep what could not be read: somebody may want to look at it."""
        for path in {path for path, _ in self.damaged}.intersection(paths):
            path.rename(path.with_name(path.name + DAMAGED_SUFFIX))


def _unlink(paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def read_mark(path: Path) -> int:
    """The acknowledged mark in a file; 0 where there is none or it cannot be trusted."""
    try:
        data = path.read_bytes()
    except OSError:
        return 0
    if len(data) != MARK.size:
        return 0
    mark, crc = MARK.unpack(data)
    return int(mark) if zlib.crc32(data[:8]) == crc else 0


def write_mark(path: Path, mark: int) -> None:
    """Store the acknowledged mark. One write of 12 bytes: a torn one fails its checksum and reads as 0."""
    data = mark.to_bytes(8, "little")
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.pwrite(fd, data + zlib.crc32(data).to_bytes(4, "little"), 0)
    finally:
        os.close(fd)
