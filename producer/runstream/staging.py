"""Station 1, the other half: the mapped ring that makes `log()` fast and kill-proof, as its owner sees it.

Any thread takes records; only the drainer (drain.py) allocates, marks, frees and closes. A block's offsets are handed
out by an iterator: `next()` is one C call, so no lock is needed, and a signal handler may log in the middle of a log
call. `take` has no state of its own either: it publishes the oldest block that still has offsets, and doing that twice,
late, or half is harmless.
"""

from __future__ import annotations

import itertools
import mmap
import os
import threading
from collections.abc import Iterator
from operator import length_hint
from pathlib import Path
from time import time_ns
from typing import TypeAlias

from runstream.series import Kinds, Ring
from runstream_schemas import ring
from runstream_schemas.errors import JournalUnavailable
from runstream_schemas.failpoint import hit
from runstream_schemas.points import CODE_OFFSET, INT_RECORD, NO_STEP, RECORD_BYTES, VOID, pack_code

Ready: TypeAlias = tuple[Kinds, Iterator[int], Ring]
"""What `log()` reads at once: codes by type and name, offsets of free records, the ring that they lie in."""

NOT_READY: Ready = ({}, iter(()), bytearray())

VOID_CODE = pack_code(0, VOID)
MADV_POPULATE_WRITE = 23  # Linux 5.14; the mmap module of Python 3.11 does not name it


class Block:
    """
    One block of 4,096 records while it has a base.

    Attributes:
        number: place in the file.
        start: byte offset of the first record.
        base: the producer's point index of the first record.
        slots: byte offsets of the records not handed out yet.
        end: records that will ever be handed out: all, or what was taken when the ring was sealed.
        position: records that the drainer is done with, holes aside.
        holes: slots below `position` that were taken and are not written yet.
    """

    __slots__ = ("base", "end", "holes", "number", "position", "slots", "start")

    def __init__(self, number: int, base: int) -> None:
        """Hand out the block's records from its first on."""
        self.number = number
        self.start = ring.block_offset(number)
        self.base = base
        self.slots: Iterator[int] = iter(range(self.start, self.start + ring.BLOCK_BYTES, RECORD_BYTES))
        self.end = ring.BLOCK_RECORDS
        self.position = 0
        self.holes: list[int] = []

    @property
    def n_taken(self) -> int:
        """How many records have been handed out."""
        return self.end - length_hint(self.slots)

    @property
    def drained(self) -> int:
        """How many records from the block's start are settled, open holes counted as not."""
        return self.holes[0] if self.holes else self.position


class Staging:
    """
    The ring of one producer.

    Attributes:
        path: of the file; assign it when its folder is renamed.
        ready: what loggers read; replaced, never changed.
        blocks: all blocks with space, by rising base; replaced, never changed.
        is_sealed: no record is handed out any more.
    """

    def __init__(self, path: Path, producer_id: str, run_id: str, boot_id: str, kinds: Kinds) -> None:
        """
        Make the file with the space of its first two blocks.

        Raises:
            JournalUnavailable: no space, or no way to write there.
        """
        self.path = path
        self.is_sealed = False
        self.n_dropped = 0
        self._kinds = kinds
        self._lock = threading.RLock()
        self._bases = itertools.count(0, ring.BLOCK_RECORDS)
        self.blocks: tuple[Block, ...] = ()
        self._fd = -1
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            os.ftruncate(self._fd, ring.FILE_BYTES)
            _allocate(self._fd, 0, ring.block_offset(ring.BORN_BLOCKS))
            self.ring = mmap.mmap(self._fd, ring.FILE_BYTES)
        except OSError as error:
            self.close_file()
            raise JournalUnavailable(path=str(path), cause=error) from error
        self.view = memoryview(self.ring)
        self._marks = ring.Marks(self.ring)
        self._marks.create(producer_id, run_id, boot_id)
        hit("staging-magic")
        for number in range(ring.BORN_BLOCKS):
            self._open(number)
        self.ready: Ready = NOT_READY
        self.take()

    # What any thread calls.

    def take(self) -> tuple[Ready, int] | None:
        """
        Publish the oldest block with free records.

        Returns:
            What was published, and how many blocks have no free record; None when none has.
        """
        for n_full, block in enumerate(self.blocks):
            if length_hint(block.slots):
                self.ready = (self._kinds, block.slots, self.ring)
                return self.ready, n_full
        return None

    def void(self, slots: object, offset: int) -> bool:
        """
        Settle a record that was taken and not written.

        Returns:
            True: the record is void, or the ring is closed. False: it is complete after all, perhaps freed meanwhile.
        """
        with self._lock:
            if self.ring.closed:
                return True
            if any(block.slots is slots for block in self.blocks) and not self.ring[offset + CODE_OFFSET]:
                INT_RECORD.pack_into(self.ring, offset, NO_STEP, time_ns(), 0, VOID_CODE)
                return True
            return False

    def count_dropped(self, n_points: int) -> None:
        """Remember, also for a recovery, that points found no room."""
        with self._lock:
            self.n_dropped += n_points
            if not self.is_sealed:
                self._marks.dropped = self.n_dropped

    # What the drainer alone calls.

    def grow(self, n_blocks: int) -> bool:
        """Get space for more blocks, up to *n_blocks* in all; False when the disk has none: the ring stays as it is."""
        have = len(self.blocks)
        if have >= n_blocks:
            return False
        try:
            _allocate(self._fd, ring.block_offset(have), (n_blocks - have) * ring.BLOCK_BYTES)
        except OSError:
            return False
        for number in range(have, n_blocks):
            self._populate(number)
            self._open(number)
        return True

    def mark(self, block: Block) -> None:
        """Store how far the journal has the block; only after the write returned."""
        self._marks.set_drained(block.number, block.drained)
        hit("staging-mark")

    def free(self, block: Block) -> None:
        """Hand a settled block out again, under the next base. A kill between two steps leaves it void or covered."""
        with self._lock:
            self._marks.set_base(block.number, None)
            hit("staging-unbase")
            self.view[block.start : block.start + ring.BLOCK_BYTES] = _ZEROS
            hit("staging-zero")
            self._marks.set_drained(block.number, 0)
            self._open(block.number)
            hit("staging-free")

    def seal(self) -> None:
        """
        Hand out nothing any more.

        From the last block back: whoever looks for a free record meanwhile finds one in the oldest block or none, so
        that the indexes of what was taken stay without a gap. A sealed block is cut to what was taken.
        """
        with self._lock:
            self.is_sealed = True
        for block in reversed(self.blocks):
            # One C call: whatever was taken lies before what it returns.
            block.end -= len(list(block.slots))

    def unmap(self) -> bool:
        """
        Close the mapping; False while a thread is inside a write to it.

        From here on a thread that was stuck with a record gets a ValueError and logs its value elsewhere; what it had
        written before can still be read with `record`.
        """
        with self._lock:
            self._marks.close()
            self.view.release()
            try:
                self.ring.close()
            except BufferError:
                self.view = memoryview(self.ring)
                self._marks = ring.Marks(self.ring)
                return False
            return True

    def record(self, block: Block, slot: int) -> bytes:
        """Return a record's bytes from the file; all zero code = never written. Also after `unmap`."""
        return os.pread(self._fd, RECORD_BYTES, block.start + slot * RECORD_BYTES)

    def remove(self) -> None:
        """Unlink the file: everything that it held is in the journal and synced."""
        self.path.unlink(missing_ok=True)
        self.close_file()

    def close_file(self) -> None:
        """Close the descriptor, once."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def abandon(self) -> None:
        """Let go of the parent's ring in a forked child: not a byte of it is written."""
        self._lock = threading.RLock()  # a thread that is not here may hold the parent's
        self.seal()
        self.unmap()
        self.close_file()

    def _open(self, number: int) -> None:
        """Give a zeroed block the next base and let everybody see it."""
        base = next(self._bases)
        self._marks.set_base(number, base)
        self.blocks = (*(block for block in self.blocks if block.number != number), Block(number, base))

    def _populate(self, number: int) -> None:
        """Fault a block's pages in here, block by block, so that neither the caller nor the interpreter lock waits."""
        try:
            self.ring.madvise(MADV_POPULATE_WRITE, ring.block_offset(number), ring.BLOCK_BYTES)
        except (OSError, AttributeError):
            return  # an older kernel: the pages fault in one by one


_ZEROS = bytes(ring.BLOCK_BYTES)


def _allocate(fd: int, start: int, size_bytes: int) -> None:
    """Get disk space before it is mapped: a page without it would be a SIGBUS."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(fd, start, size_bytes)
    else:
        os.pwrite(fd, bytes(size_bytes), start)
