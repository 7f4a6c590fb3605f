"""Values that no record can hold: strings and integers beyond 64 bits, on disk before their record is taken."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Protocol

from runstream_schemas.errors import JournalUnavailable
from runstream_schemas.failpoint import hit
from runstream_schemas.ring import TEXTS_PER_FILE, SideWriter


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
        self._n_waiting: dict[int, int] = {}
        self._file = -1
        self._writer: SideWriter | None = None
        self._is_writing = False

    def __len__(self) -> int:
        """Entries that wait for their record to be drained."""
        return len(self._waiting)

    def add(self, text: str) -> int:
        """
        Write *text* to the disk and return its number.

        Raises:
            JournalUnavailable: it is not there.
        """
        with self._lock:
            writer = self._writer
            # A signal handler that logs in the middle of this, or an exception that flew out of it, leaves the numbers
            # of the file unsure: then another file begins.
            if writer is None or self._is_writing or writer.n_records >= TEXTS_PER_FILE:
                writer = self._next_file()
            file = self._file
            self._is_writing = True
            try:
                number = file * TEXTS_PER_FILE + writer.append(text.encode())
            except JournalUnavailable:
                self._is_writing = False
                raise
            self._is_writing = False
            self._n_waiting[file] = self._n_waiting.get(file, 0) + 1
            self._waiting[number] = text
            hit("side-entry")
            return number

    def get(self, number: int) -> str:
        """Return an entry."""
        return self._waiting[number]

    def discard(self, numbers: list[int]) -> None:
        """Forget entries that the journal has, and remove the files that hold nothing else."""
        with self._lock:
            for number in numbers:
                if self._waiting.pop(number, None) is None:
                    continue
                file = number // TEXTS_PER_FILE
                self._n_waiting[file] -= 1
                if not self._n_waiting[file] and file != self._file:
                    del self._n_waiting[file]
                    self.folder.texts(file).unlink(missing_ok=True)

    def close(self) -> None:
        """Close the current file; nothing is removed."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def remove(self) -> None:
        """Remove every file: their entries are all in the journal and synced."""
        self.close()
        for file in range(self._file + 1):
            self.folder.texts(file).unlink(missing_ok=True)

    def abandon(self) -> None:
        """Let go of the parent's files in a forked child."""
        self._lock = threading.RLock()
        self.close()

    def _next_file(self) -> SideWriter:
        """Begin the next file; the one before goes as soon as nothing waits in it."""
        former, former_writer = self._file, self._writer
        writer = SideWriter(self.folder.texts(former + 1))
        self._file, self._writer, self._is_writing = former + 1, writer, False
        if former_writer is not None:
            former_writer.close()
            if not self._n_waiting.get(former):
                self._n_waiting.pop(former, None)
                self.folder.texts(former).unlink(missing_ok=True)
        return writer
