"""Station 2, the disk: one producer's segments. Append, begin the next, fsync in the background, quota, trim."""

from __future__ import annotations

import os
import queue
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from runstream import notices
from runstream_schemas.errors import JournalUnavailable
from runstream_schemas.failpoint import hit
from runstream_schemas.home import ProducerDir
from runstream_schemas.segment import Role, SegmentHeader, SegmentWriter

SEGMENT_BYTES = 64 << 20
RESERVE_BYTES = 16 << 20
"""Kept for tags, status and gaps when points no longer get in."""

MIN_FREE_BYTES = 1 << 30
MAX_OUTBOX_BYTES = 10 << 30
SYNC_EVERY_S = 0.5
_LOOK_EVERY_S = 1.0
_LOOK_EVERY_BYTES = 16 << 20


class Room:
    """
    What the journals of one home may take up, for all producers of this process.

    An outbox gets 10 GiB or half of the disk's free space at the start. The embedded log is kept for good, so that it
    has no bound of its own, but it stops while less than 1 GiB is free. A size given by the user replaces both rules.
    """

    def __init__(self, folder: Path, role: Role, given_bytes: int | None) -> None:
        """Look at nothing yet; *folder* exists when the first bytes are added."""
        self._folder = folder
        self._min_free_bytes = 0 if role == "outbox" or given_bytes is not None else MIN_FREE_BYTES
        self._limit_bytes = given_bytes
        self._is_outbox = role == "outbox"
        self._has_no_limit_yet = given_bytes is None and role == "outbox"
        self._lock = threading.RLock()
        self._used_bytes = 0
        self._looked_at_s = float("-inf")
        self._used_when_looked = 0
        self._free_bytes = 0

    def add(self, size_bytes: int) -> None:
        """Count bytes written (or, negative, removed)."""
        with self._lock:
            self._used_bytes += size_bytes

    def allows(self, size_bytes: int, *, reserved: bool) -> bool:
        """Tell whether so many bytes may be written; *reserved* = the last 16 MiB may be used, too."""
        kept_back = 0 if reserved else RESERVE_BYTES
        if self._has_no_limit_yet:
            self._limit_bytes = min(MAX_OUTBOX_BYTES, _free_bytes(self._folder) // 2)
            self._has_no_limit_yet = False
        if self._limit_bytes is not None:
            # A small quota keeps a quarter of itself back.
            return self._used_bytes + size_bytes + min(kept_back, self._limit_bytes // 4) <= self._limit_bytes
        now_s = time.monotonic()
        n_since = self._used_bytes - self._used_when_looked
        if now_s - self._looked_at_s > _LOOK_EVERY_S or n_since > _LOOK_EVERY_BYTES:
            self._free_bytes, self._looked_at_s = _free_bytes(self._folder), now_s
            self._used_when_looked = self._used_bytes
        return self._free_bytes - size_bytes >= self._min_free_bytes - (RESERVE_BYTES if reserved else 0)

    @property
    def full_because(self) -> str:
        """Why there is no room, and what makes some."""
        if self._limit_bytes is None:
            return f"less than {MIN_FREE_BYTES >> 30} GiB of its disk is free"
        relief = "what Kafka takes makes room, or raise" if self._is_outbox else "raise"
        return f"its quota of {self._limit_bytes:,} bytes is used up; {relief} RUNSTREAM_JOURNAL_BYTES"

    def abandon(self) -> None:
        """Fresh lock and count in a forked child."""
        self._lock = threading.RLock()
        self._used_bytes = self._used_when_looked = 0


@dataclass(slots=True)
class Ended:
    """A segment that is no longer written: its path, the frame behind its last, the point index behind its highest."""

    path: Path
    end_frame: int
    end_index: int
    size_bytes: int


class Journal:
    """
    The segments of one producer. The drainer appends; the fsync thread syncs; the sender trims.

    Attributes:
        folder: assign it with `moved` when it is renamed.
        safe_below: no point with a lower index is only in staging; the drainer keeps it true.
        synced_frame: every frame below it survives a power loss.
        is_closed: the files are closed.
        segment_bytes: size at which the next segment begins.
    """

    def __init__(self, folder: ProducerDir, header: SegmentHeader, room: Room) -> None:
        """
        Begin the first segment.

        Raises:
            JournalUnavailable: the folder cannot be written.
        """
        self.folder = folder
        self.room = room
        self.safe_below = 0
        self.synced_frame = 0
        self.is_closed = False
        self.segment_bytes = SEGMENT_BYTES
        self._lock = threading.RLock()  # the list of ended segments, and closing files
        self._ended: list[Ended] = []
        self._unsynced: list[SegmentWriter] = []
        self._end_index = 0
        self._retry_at_s = 0.0
        self._size_bytes = 0  # of the last segment of a closed journal, until Kafka has it
        self._writer = SegmentWriter(folder.segment(0), header)
        room.add(self._writer.size)

    @property
    def end_frame(self) -> int:
        """The number that the next frame gets; frames below it are in the file."""
        return self._writer.next_frame

    def next_sequence(self, topic: int) -> int:
        """The sequence that the topic's next event gets."""
        return self._writer.next_sequences[topic]

    def moved(self, folder: ProducerDir) -> None:
        """Follow the renaming of the folder."""
        self.folder = folder
        self._writer.path = folder.segment(self._writer.header.first_frame)

    def append(
        self,
        topic: int,
        parts: Sequence[bytes | memoryview],
        sequence: int,
        first_index: int = -1,
        count: int = 0,
        flags: int = 0,
    ) -> int:
        """
        Write one frame and return its number; the next segment begins when this one is full.

        Args:
            topic, sequence, first_index, count, flags: as the frame's header holds them.
            parts: the payload in pieces.

        Raises:
            JournalUnavailable: it is not in the journal; a later call tries again, in a segment of its own.
        """
        if self._writer.is_ended or self._writer.size >= self.segment_bytes:
            self._begin()
        size_bytes = self._writer.size
        hit("journal-append")
        frame = self._writer.append(topic, parts, sequence, first_index, count, flags)
        hit("journal-appended")
        self.room.add(self._writer.size - size_bytes)
        self._end_index = max(self._end_index, first_index + count)
        return frame

    def close(self) -> None:
        """
        Sync and let go of the files; the caller has written the closing frame, and staging is not needed any more.

        Raises:
            JournalUnavailable: the disk does not confirm.
        """
        self.sync()
        self.safe_below = self._end_index
        self.release()

    def release(self) -> None:
        """Close the files, whatever they hold."""
        with self._lock:
            if not self.is_closed:
                self._size_bytes = self._writer.size
            self.is_closed = True
            for writer in (*self._unsynced, self._writer):
                writer.close()
            self._unsynced = []

    def sync(self) -> None:
        """
        Return when every frame written before the call survives a power loss.

        Raises:
            JournalUnavailable: the disk does not confirm. The segment ends there: a second fsync would prove nothing.
        """
        with self._lock:
            if self.is_closed:
                return
            writers, frame = [*self._unsynced, self._writer], self._writer.next_frame
            for writer in writers:
                self._sync_one(writer)
            self.synced_frame = max(self.synced_frame, frame)

    def trim(self, up_to_frame: int) -> None:
        """
        Remove segments whose frames are all below *up_to_frame*: the sender calls it with what Kafka has acknowledged.

        A segment stays while a point below its end is still only in staging: recovery after a kill tells by the
        segment what it need not write again. The last one goes with the folder, which the sender removes.
        """
        with self._lock:
            while self._ended and self._may_leave(self._ended[0], up_to_frame):
                ended = self._ended.pop(0)
                ended.path.unlink(missing_ok=True)
                hit("journal-trim")
                self.room.add(-ended.size_bytes)
            if self.is_closed and up_to_frame >= self.end_frame:
                self.room.add(-self._size_bytes)
                self._size_bytes = 0

    def abandon(self) -> None:
        """Close the parent's files in a forked child."""
        self._lock = threading.RLock()
        self.release()

    def _may_leave(self, ended: Ended, up_to_frame: int) -> bool:
        """Tell whether recovery can do without this segment."""
        return ended.end_frame <= up_to_frame and ended.end_index <= self.safe_below

    def _begin(self) -> None:
        """Begin the next segment, or go on in the one that failed before its first frame."""
        now_s = time.monotonic()
        if now_s < self._retry_at_s:
            raise JournalUnavailable(path=str(self.folder.path), cause="the disk refused a moment ago")
        former = self._writer
        try:
            if former.next_frame == former.header.first_frame:
                writer = SegmentWriter.resume(former.path)
            else:
                header = former.successor(self.safe_below)
                writer = SegmentWriter(self.folder.segment(header.first_frame), header)
                self.room.add(writer.size)
        except JournalUnavailable:
            self._retry_at_s = now_s + SYNC_EVERY_S
            raise
        hit("journal-rotate")
        with self._lock:
            if writer.path == former.path:
                former.close()
            else:
                self._unsynced.append(former)
                self._ended.append(Ended(former.path, former.next_frame, self._end_index, former.size))
            self._writer = writer

    def _sync_one(self, writer: SegmentWriter) -> None:
        """Sync one file; one that has ended is closed afterwards. The lock keeps the file open meanwhile."""
        has_ended = writer in self._unsynced
        if has_ended:
            self._unsynced.remove(writer)
        try:
            writer.sync()
        except JournalUnavailable:
            writer.is_ended = True
            raise
        finally:
            if has_ended:
                writer.close()


class Syncer:
    """The thread that syncs every journal of the process half a second after it was written."""

    def __init__(self) -> None:
        """Nothing runs before the first `ask`."""
        self._asked: queue.SimpleQueue[Journal | None] = queue.SimpleQueue()
        self._pending: set[Journal] = set()
        self._thread: threading.Thread | None = None
        self._stopped = threading.Event()

    def ask(self, journal: Journal) -> None:
        """Have *journal* synced soon; asking again before that costs nothing."""
        if journal in self._pending or self._stopped.is_set() or sys.is_finalizing():
            return
        self._pending.add(journal)
        self._asked.put(journal)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="runstream-fsync", daemon=True)
            self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """End the thread, waiting for it at most so long."""
        self._stopped.set()
        self._asked.put(None)
        if self._thread is not None:
            self._thread.join(timeout_s)

    def reset(self) -> None:
        """Begin anew in a forked child, where the thread does not exist."""
        self.__init__()  # type: ignore[misc]

    def _run(self) -> None:
        while not self._stopped.is_set():
            journals = [self._asked.get()]
            # One sync takes all that was written meanwhile along.
            self._stopped.wait(SYNC_EVERY_S)
            while not self._asked.empty():
                journals.append(self._asked.get())
            for journal in journals:
                if journal is not None:
                    self._sync(journal)

    def _sync(self, journal: Journal) -> None:
        """Sync one journal; what is written from now on has to ask anew."""
        self._pending.discard(journal)
        if journal.is_closed:
            return
        try:
            journal.sync()
        except JournalUnavailable as error:
            message = "%s; what was written there may not survive a power loss, a new segment begins"
            notices.once(("fsync", error.path), message, error)


def fsync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power loss."""
    fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _free_bytes(folder: Path) -> int:
    """Bytes that this user may still write on the folder's disk."""
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize
