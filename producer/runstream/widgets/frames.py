"""
What grows, as it travels: a whole frame now and then, and between them tails that hold what was added to it.

A tail always speaks of the newest whole frame, so that a page that was reloaded, or has missed a tail, is right again
with the two newest ones. As soon as a tail is no longer small, a new whole frame takes its place. web/frames.js reads
both: the files change together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from runstream.widgets.curves import Curve
from runstream.widgets.newest_lines import Lines

SMALL_BYTES: Final = 8_000
SHARE: Final = 4
"""A tail may have this part of the whole frame's size, or SMALL_BYTES."""

Frame = dict[str, Any]


class Frames:
    """Makes the frames of one widget."""

    def __init__(self) -> None:
        self._version = 0
        self._curves: Mapping[str, Curve] = {}
        self._n_seen: Mapping[str, int] = {}
        self._limit_bytes = 0

    def next(self, curves: Sequence[Curve], lines: Sequence[Lines]) -> tuple[Frame | None, Frame]:
        """
        Return (whole frame, tail) that show these curves and lines; None = the last whole frame stays.

        A frame is {"version" or "base", "order": names of the curves, "curves", "streams": names, "lines"}.
        """
        tail = self._frame("base", curves, lines, self._curves, self._n_seen)
        if self._version and _size_bytes(tail) <= self._limit_bytes:
            return None, tail
        self._version += 1
        whole = self._frame("version", curves, lines, {}, {})
        self._curves = {curve.name: curve for curve in curves}
        self._n_seen = {stream.name: stream.n_seen for stream in lines}
        self._limit_bytes = max(SMALL_BYTES, _size_bytes(whole) // SHARE)
        return whole, self._frame("base", curves, lines, self._curves, self._n_seen)

    def _frame(
        self,
        kind: str,
        curves: Sequence[Curve],
        lines: Sequence[Lines],
        base: Mapping[str, Curve],
        n_seen: Mapping[str, int],
    ) -> Frame:
        return {
            kind: self._version,
            "order": [curve.name for curve in curves],
            "curves": [_added(curve, base.get(curve.name)) for curve in curves if base.get(curve.name) != curve],
            "streams": [stream.name for stream in lines],
            "lines": [_printed(stream, n_seen) for stream in lines if n_seen.get(stream.name) != stream.n_seen],
        }


def _added(curve: Curve, base: Curve | None) -> Frame:
    start = curve.after(base)
    numbers = {name: getattr(curve, name)[start * 8 :] for name in ("x", "y", "low", "high")}
    return {
        "name": curve.name,
        "x_name": curve.x_name,
        "y_name": curve.y_name,
        "n": curve.n,
        "from": start,
        "marks": [list(mark) for mark in curve.marks],
        **numbers,
    }


def _printed(stream: Lines, n_seen: Mapping[str, int]) -> Frame:
    known = n_seen.get(stream.name)
    added = None if known is None else stream.since(known)
    return {
        "name": stream.name,
        "n_lines": stream.n_lines,
        "goes_on": added is not None,
        "lines": list(stream.newest) if added is None else added,
    }


def _size_bytes(frame: Frame) -> int:
    numbers = sum(len(curve[name]) for curve in frame["curves"] for name in ("x", "y", "low", "high"))
    return numbers + sum(len(line) + 1 for stream in frame["lines"] for line in stream["lines"])
