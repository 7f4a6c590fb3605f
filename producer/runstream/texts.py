"""Values that no record can hold: strings and integers beyond 64 bits, on disk before their record is taken."""

from __future__ import annotations

import itertools
import threading
from pathlib import Path
from typing import Protocol

from runstream_schemas.errors import JournalUnavailable
from runstream_schemas.failpoint import hit
from runstream_schemas.ring import TEXTS_PER_FILE, SideWriter

CLOSED = object()
"""Instead of a number: the entry has to go to another producer."""


class Folder(Protocol):
    """Where the files go: a producer's folder."""

    def texts(self, number: int, /) -> Path:
        """The path of the number-th file."""


class Texts:
    """
    The side entries of one producer that are not in the journal yet.

    An entry's number is its place in the files, 4,096 to a file; a file goes when its entries are all in the journal.

    Attributes:
        folder: assign it when it is renamed.
    """

    def __init__(self, folder: Folder) -> None:
        """Write below *folder*; the first file comes with the first entry."""
        self.folder = folder
        self._lock = threading.RLock()
        self._waiting: dict[int, str] = {}
        self._waiting_in: dict[int, set[int]] = {}
        self._numbers = itertools.count()
        self._current: tuple[int, SideWriter] | None = None
        self._is_writing = False
        self._is_closed = False
        # Files whose last write was interrupted: perhaps it goes on, so that they stay to the end.
        self._unsure: dict[int, SideWriter] = {}

    def __len__(self) -> int:
        """Entries that wait for their record to be drained."""
        return len(self._waiting)

    def add(self, text: str) -> object:
        """
        Write *text* to the disk and return its number; CLOSED when nothing is taken any more.

        Raises:
            JournalUnavailable: it is not there.
        """
        with self._lock:
            if self._is_closed:
                return CLOSED
            current = self._current
            # Still writing: a signal handler logs in the middle of the write, or an exception flew out of it.
            if current is None or self._is_writing or current[1].n_records >= TEXTS_PER_FILE:
                current = self._next_file()
            file, writer = current
            self._is_writing = True
            try:
                number = file * TEXTS_PER_FILE + writer.append(text.encode())
            except JournalUnavailable:
                self._is_writing = False
                raise
            self._waiting[number] = text
            self._waiting_in.setdefault(file, set()).add(number)
            self._is_writing = False
            hit("side-entry")
            return number

    def get(self, number: int) -> str:
        """Return an entry."""
        return self._waiting[number]

    def discard(self, numbers: list[int]) -> None:
        """Forget entries that the journal has, and remove the files that hold nothing else."""
        if not numbers:
            return
        with self._lock:
            for number in numbers:
                file = number // TEXTS_PER_FILE
                self._waiting.pop(number, None)
                self._waiting_in.get(file, set()).discard(number)
                self._remove_if_done(file)

    def close(self) -> None:
        """Close the files; nothing is removed."""
        with self._lock:
            self._is_closed = True
            current, self._current = self._current, None
            for writer in (*self._unsure.values(), *(current or ())[1:]):
                writer.close()
            self._unsure = {}

    def remove(self) -> None:
        """Remove every file: their entries are all in the journal and synced."""
        self.close()
        for file in range(next(self._numbers)):
            self.folder.texts(file).unlink(missing_ok=True)

    def abandon(self) -> None:
        """Let go of the parent's files in a forked child."""
        self._lock = threading.RLock()
        self.close()

    def _next_file(self) -> tuple[int, SideWriter]:
        """Begin the next file; the one before goes as soon as nothing waits in it."""
        file = next(self._numbers)
        begun = (file, SideWriter(self.folder.texts(file)))
        former, self._current = self._current, begun
        if former is not None and self._is_writing:
            self._unsure[former[0]] = former[1]
        elif former is not None:
            former[1].close()
            self._remove_if_done(former[0])
        self._is_writing = False
        return begun

    def _remove_if_done(self, file: int) -> None:
        """Remove a file that is not written any more and whose entries are all in the journal."""
        is_current = self._current is not None and self._current[0] == file
        if not is_current and file not in self._unsure and not self._waiting_in.get(file):
            self._waiting_in.pop(file, None)
            self.folder.texts(file).unlink(missing_ok=True)
