"""Station 2, the disk: one producer's segments. Append, begin the next, fsync in the background, trim."""

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
from runstream.room import Room
from runstream_schemas.errors import JournalUnavailable
from runstream_schemas.failpoint import hit
from runstream_schemas.home import ProducerDir
from runstream_schemas.segment import SegmentHeader, SegmentWriter

SEGMENT_BYTES = 64 << 20
SYNC_EVERY_S = 0.5


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
        room.own(folder.producer_id)
        room.add(self._writer.size)

    @property
    def end_frame(self) -> int:
        """The number that the next frame gets; frames below it are in the file."""
        return self._writer.next_frame

    def next_sequence(self, topic: int) -> int:
        """The sequence that the topic's next event gets."""
        return self._writer.next_sequences[topic]

    @property
    def n_events(self) -> int:
        """How many events it holds for topics other than that of the runs, those that have left it included."""
        return self._writer.n_events

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
