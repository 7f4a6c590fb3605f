"""One journal on its way to Kafka: which frames to send next, which are acknowledged, which files may go.

Files only, no Kafka. The sender's thread is the only user. The mark `acked` in the producer's folder survives the
process: it may lag behind what Kafka has (frames are then sent again, and their sequence makes that harmless), never
run ahead of it.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path
from struct import Struct
from typing import Final

from runstream_schemas.errors import SegmentDamaged
from runstream_schemas.home import ProducerDir
from runstream_schemas.segment import Damage, Frame, read_header, scan

MARK: Final = Struct("<QI")
DAMAGED_SUFFIX: Final = ".damaged"


class Outbox:
    """The sending side of one producer's journal.

    Attributes:
        folder: where its segments lie.
        run_id: the key of its events.
        acked: every frame below is in Kafka.
        is_finished: the journal's closing frame is in Kafka; nothing will follow.
        damaged: stretches that were no frames, as (file, byte); the files are kept beside the journal.
    """

    def __init__(self, folder: ProducerDir, trim: Callable[[int], None] | None = None, *, keeps: bool = False) -> None:
        """Open the outbox of a folder.

        Args:
            folder: of a producer of this process, or of a dead one whose lock the caller holds.
            trim: for a live producer, called with the acknowledged mark when whole segments may go; without it this
                object removes them itself.
            keeps: an embedded journal, which is sent and stays.
        """
        self.folder = folder
        self.run_id = ""
        self.acked = read_mark(folder)
        self.is_finished = False
        self.damaged: set[tuple[Path, int]] = set()
        self._trim = trim
        self._keeps = keeps
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
        segments = self.folder.segments()
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
            self.run_id = _run_id(holding[-1][1])
        self._skip_to(holding[-1][0])
        return True

    def _frames(self, path: Path) -> Iterable[Frame]:
        for item in scan(path, self._offset, self._next if self._offset else None):
            if isinstance(item, Damage):
                self.damaged.add((path, item.offset))
                continue
            if item.is_closing:
                self._closing_frame = item.frame
                self.acknowledge([])
            if item.frame >= self._next:
                self._skip_to(item.frame)
                yield item

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
            write_mark(self.folder, self.acked)
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


def _run_id(path: Path) -> str:
    try:
        return read_header(path).run_id
    except SegmentDamaged:
        return ""


def _mark_path(folder: ProducerDir) -> Path:
    return folder.path / "acked"


def read_mark(folder: ProducerDir) -> int:
    """The acknowledged mark of a folder; 0 where there is none or it cannot be trusted."""
    try:
        data = _mark_path(folder).read_bytes()
    except OSError:
        return 0
    if len(data) != MARK.size:
        return 0
    mark, crc = MARK.unpack(data)
    return int(mark) if zlib.crc32(data[:8]) == crc else 0


def write_mark(folder: ProducerDir, mark: int) -> None:
    """Store the acknowledged mark. One write of 12 bytes: a torn one fails its checksum and reads as 0."""
    data = mark.to_bytes(8, "little")
    fd = os.open(_mark_path(folder), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.pwrite(fd, data + zlib.crc32(data).to_bytes(4, "little"), 0)
    finally:
        os.close(fd)
