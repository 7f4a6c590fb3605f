"""What the journals of a home may take up on its disk, together with those of every other process."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from runstream_schemas.errors import SegmentDamaged
from runstream_schemas.home import ProducerDir, first_frame_of
from runstream_schemas.segment import Role, read_header

RESERVE_BYTES: Final = 16 << 20
"""Kept for tags, status and gaps when points no longer get in."""

MIN_FREE_BYTES: Final = 1 << 30
MAX_OUTBOX_BYTES: Final = 10 << 30
_LOOK_EVERY_S: Final = 1.0
_LOOK_EVERY_BYTES: Final = 16 << 20
_REST: Final = 50
"""A look is followed by a rest of so many times its length: many folders must not cost a core."""


class Room:
    """
    What the journals of one home may take up; one object for all producers of this process.

    Outboxes, of whatever process and also of dead ones, get 10 GiB together, or half of what the disk had for them at
    the start. The embedded log is kept for good, so that it has no bound of its own, but it stops while less than 1 GiB
    is free. A size given by the user replaces both rules. What others write is seen once a second, and no later than
    this process has written 16 MiB: so much more may each of them take.
    """

    def __init__(self, folder: Path, role: Role, given_bytes: int | None) -> None:
        """Look at nothing yet; *folder* is where the producers' folders lie."""
        self._folder = folder
        self._role: Role = role
        self._given_bytes = given_bytes
        self._limit_bytes = given_bytes
        self._roles: dict[str, Role] = {}
        self.abandon()

    def abandon(self) -> None:
        """Begin anew in a forked child: what was this process's is another one's there."""
        self._lock = threading.RLock()
        self._own: set[str] = set()
        self._others_bytes = 0
        self._used_bytes = 0
        self._since_bytes = 0
        self._free_bytes = 0
        self._beyond_bytes = 0
        self._next_look_s = float("-inf")

    def own(self, producer_id: str) -> None:
        """Note that a producer is of this process."""
        self._own.add(producer_id)

    def add(self, size_bytes: int) -> None:
        """Count bytes written (or, negative, removed) by this process."""
        with self._lock:
            self._used_bytes += size_bytes
            self._since_bytes += max(0, size_bytes)

    def allows(self, size_bytes: int, *, reserved: bool) -> bool:
        """Tell whether so many bytes may be written; *reserved* = the last 16 MiB may be used, too."""
        if time.monotonic() >= self._next_look_s or self._since_bytes > _LOOK_EVERY_BYTES:
            self._look()
        if self._limit_bytes is None:
            return self._free_bytes - size_bytes >= MIN_FREE_BYTES - (RESERVE_BYTES if reserved else 0)
        # A small quota keeps a quarter of itself back.
        reserve_bytes = min(RESERVE_BYTES, self._limit_bytes // 4)
        fits = self._used_bytes + size_bytes + (0 if reserved else reserve_bytes) <= self._limit_bytes
        if fits:
            self._beyond_bytes = 0
        elif reserved and self._others_bytes:
            # Others fill the reserve too, between two looks: a run must be able to tell its end all the same.
            self._beyond_bytes += size_bytes
            return self._beyond_bytes <= reserve_bytes
        return fits

    @property
    def full_because(self) -> str:
        """Why there is no room, and what makes some."""
        if self._limit_bytes is None:
            return f"less than {MIN_FREE_BYTES >> 30} GiB of its disk is free"
        others = f", {self._others_bytes:,} of them by other processes, living or dead" if self._others_bytes else ""
        relief = "what Kafka takes" if self._role == "outbox" else "what a consumer archives"
        quota = f"its quota of {self._limit_bytes:,} bytes is used up{others}"
        return f"{quota}; {relief} makes room, or raise RUNSTREAM_JOURNAL_BYTES"

    def _look(self) -> None:
        began_s = time.monotonic()
        with suppress(OSError):
            # Where the folder is gone or its disk fails, the append tells it.
            self._count()
        self._since_bytes = 0
        now_s = time.monotonic()
        self._next_look_s = now_s + max(_LOOK_EVERY_S, _REST * (now_s - began_s))

    def _count(self) -> None:
        with self._lock:
            if self._role == "outbox" or self._given_bytes is not None:
                held = self._held()
                self._used_bytes = sum(held.values())
                self._others_bytes = sum(size for producer, size in held.items() if producer not in self._own)
            if self._limit_bytes is None:
                self._free_bytes = _free_bytes(self._folder)
                if self._role == "outbox":
                    self._limit_bytes = min(MAX_OUTBOX_BYTES, (self._free_bytes + self._used_bytes) // 2)

    def _held(self) -> dict[str, int]:
        """Bytes of segments by producer, of this role: an outbox does not pay for what was logged without Kafka."""
        with os.scandir(self._folder) as entries:
            # Also the folders that are being born: one of them may be ours.
            folders = [ProducerDir(Path(entry.path)) for entry in entries]
        return {folder.producer_id: _size_bytes(folder) for folder in folders if self._is_alike(folder)}

    def _is_alike(self, folder: ProducerDir) -> bool:
        """Tell whether a journal has this role, which it never changes; one that cannot be read counts."""
        role = self._roles.get(folder.producer_id)
        if role is None:
            try:
                role = read_header(folder.segments()[0][1]).role
            except (OSError, IndexError, SegmentDamaged):
                return True
            self._roles[folder.producer_id] = role
        return role == self._role


def _size_bytes(folder: ProducerDir) -> int:
    """Bytes of a producer's segments; 0 when it is gone."""
    size_bytes = 0
    with suppress(OSError), os.scandir(folder.path) as entries:
        # What is sent or archived under our eyes is gone at the next look.
        for entry in entries:
            if first_frame_of(entry.name) is not None:
                size_bytes += entry.stat().st_size
    return size_bytes


def _free_bytes(folder: Path) -> int:
    """Bytes that this user may still write on the folder's disk."""
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize
