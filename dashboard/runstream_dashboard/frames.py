"""
Curves to binary frames, whole or tail. Pure.

A frame is a u32 (length of the header), four bytes of padding, the header as JSON padded to 8 bytes, then for each
curve of the header its columns as f64: x, y and, where a column stands for more than one point (`band`), its least
and greatest value. (f32 would halve the band, but turn 1e300 into infinity.) web/frame.js reads it: both files must
change together.

`base` 0 is a whole frame. Otherwise a curve carries `from`: the reader keeps its columns before that and replaces the
rest. A reader whose last frame is not `base` asks for a whole one.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Key = tuple[str, str]
_LENGTH = struct.Struct("<I4x")
# Marks for values that are not finite, at most so many a curve: more cannot be told apart on a screen.
MAX_MARKS = 500


class Columns(Protocol):
    """What the history gives for one curve: per column its first, last, least and greatest point."""

    @property
    def run_id(self) -> str: ...  # noqa: D102
    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def width(self) -> float: ...  # noqa: D102
    @property
    def n(self) -> int: ...  # noqa: D102
    @property
    def last_x(self) -> NDArray[np.float64]: ...  # noqa: D102
    @property
    def last(self) -> NDArray[np.float64]: ...  # noqa: D102
    @property
    def min(self) -> NDArray[np.float64]: ...  # noqa: D102
    @property
    def max(self) -> NDArray[np.float64]: ...  # noqa: D102
    @property
    def nonfinite(self) -> Sequence[tuple[float, str, int]]: ...  # noqa: D102


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """
    One run's curve in one chart, as the grid draws it, or that of a group of runs (`run_id` is then the group's name).

    Shapes: x, y, low, high (n_columns,). `width` is the width of a column in units of x, 0 when each column is one x.
    Without a `band` each column is one point: low and high are y itself and do not travel.
    """

    chart: str
    run_id: str
    width: float
    n: int
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    nonfinite: tuple[tuple[float, str, int], ...]
    band: bool

    @property
    def key(self) -> Key:
        """What names this curve in a frame: chart and run."""
        return self.chart, self.run_id


def curve_of(columns: Columns, chart: str | None = None) -> Curve:
    """Turn the history's columns into a curve of the chart named `chart` (by default the metric's name)."""
    return Curve(
        chart=columns.name if chart is None else chart,
        run_id=columns.run_id,
        width=float(columns.width),
        n=int(columns.n),
        x=np.ascontiguousarray(columns.last_x, dtype="<f8"),
        y=np.ascontiguousarray(columns.last, dtype="<f8"),
        low=np.ascontiguousarray(columns.min, dtype="<f8"),
        high=np.ascontiguousarray(columns.max, dtype="<f8"),
        nonfinite=tuple((float(x), str(kind), int(count)) for x, kind, count in columns.nonfinite[:MAX_MARKS]),
        band=columns.width > 0,
    )


def common(old: Curve, new: Curve) -> int:
    """Return how many leading columns of `new` are, bit for bit, those of `old`; 0 when their widths differ."""
    if (old.width, old.band) != (new.width, new.band):
        return 0
    n = min(len(old.x), len(new.x))
    differs = np.zeros(n, dtype=bool)
    for before, after in zip(_columns(old), _columns(new), strict=True):
        # As integers, so that -0.0 differs from 0.0 and NaN equals itself.
        differs |= before[:n].view(np.uint64) != after[:n].view(np.uint64)
    return int(differs.argmax()) if differs.any() else n


def _columns(curve: Curve) -> list[NDArray[np.float64]]:
    return [curve.x, curve.y, curve.low, curve.high] if curve.band else [curve.x, curve.y]


def encode(header: Mapping[str, Any], curves: Sequence[Curve], sent: Mapping[Key, Curve]) -> bytes:
    """
    Build one frame: the header's fields and of each curve what the reader lacks.

    Args:
        header: JSON fields of the frame, without `curves`.
        curves: what the reader shall hold after this frame, for the charts that it looks at.
        sent: what the reader holds before it, by key; empty for a whole frame. Curves in it that are not among
            `curves` stay as they are.
    """
    described: list[dict[str, Any]] = []
    bodies: list[bytes] = []
    for curve in curves:
        old = sent.get(curve.key)
        start = common(old, curve) if old else 0
        if old and start == len(curve.x) == len(old.x) and old.nonfinite == curve.nonfinite:
            continue
        described.append(
            {
                "chart": curve.chart,
                "run": curve.run_id,
                "width": curve.width,
                "band": curve.band,
                "n": curve.n,
                "from": start,
                "count": len(curve.x) - start,
                "nonfinite": curve.nonfinite,
            }
        )
        bodies.extend(column[start:].tobytes() for column in _columns(curve))
    text = json.dumps({**header, "curves": described}, ensure_ascii=False, separators=(",", ":")).encode()
    return b"".join((_LENGTH.pack(len(text)), text, b"\0" * (-len(text) % 8), *bodies))
