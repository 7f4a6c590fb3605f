"""Long copies say how far they are: a line on stderr now and then, and nothing where they are quick."""

from __future__ import annotations

import sys
import time
from typing import Final

FIRST_S: Final = 2.0
AGAIN_S: Final = 5.0

_UNITS: Final = ("bytes", "kB", "MB", "GB", "TB")


class Progress:
    """
    How far one copy is.

    Args:
        what: is copied, in words, such as "keeping outputs/model.pt".
        size_bytes: how much it will be; None where nobody knows.
    """

    def __init__(self, what: str, size_bytes: int | None = None) -> None:
        self._what = what
        self._size_bytes = size_bytes
        self._n_bytes = 0
        self._next_s = time.monotonic() + FIRST_S
        self._is_told = False

    def add(self, n_bytes: int) -> None:
        """Say that so much more is done."""
        self._n_bytes += n_bytes
        now_s = time.monotonic()
        if now_s >= self._next_s:
            self._next_s = now_s + AGAIN_S
            self._is_told = True
            self._print(self._far())

    def done(self) -> None:
        """Say that it is done, if anything was said before."""
        if self._is_told:
            self._print(f"{shown_bytes(self._n_bytes)}, done")

    def _far(self) -> str:
        if not self._size_bytes:
            return shown_bytes(self._n_bytes)
        percent = min(100, 100 * self._n_bytes // self._size_bytes)
        return f"{shown_bytes(self._n_bytes)} of {shown_bytes(self._size_bytes)} ({percent} %)"

    def _print(self, text: str) -> None:
        if sys.stderr is not None:
            print(f"runstream: {self._what}: {text}", file=sys.stderr, flush=True)


def shown_bytes(n_bytes: int) -> str:
    """Return a size for people: three digits and a unit."""
    size, unit = float(n_bytes), 0
    while size >= 999.5 and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:.0f} {_UNITS[unit]}" if unit == 0 or size >= 99.95 else f"{size:.1f} {_UNITS[unit]}"
