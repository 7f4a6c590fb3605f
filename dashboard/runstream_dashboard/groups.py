"""
Runs grouped by what they share: one mean curve with a band for each group, on a grid of columns common to all. Pure.

A run counts from its first to its last point. In a column that holds none of its points its value is the one on the
straight line between its neighbours; elsewhere it is the last value in the column, as everywhere in the grid. So a run
that logs every tenth step weighs as much as one that logs every step, and a mean never jumps because runs take turns.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runstream_consumer.history import RunRow
from runstream_dashboard.address import Band
from runstream_dashboard.frames import MAX_MARKS, Curve

Floats = NDArray[np.float64]
EXPERIMENT = "run:experiment"
NONE = "(none)"
# More choices than anybody scrolls through.
MAX_KEYS = 200


@dataclass(frozen=True, slots=True)
class _Member:
    """One run's columns in the common grid. Shapes: (n,); `cell` ascends, `x` is the last one in its cell."""

    cell: Floats
    x: Floats
    y: Floats
    low: Floats
    high: Floats


def keys_of(rows: Sequence[RunRow]) -> list[tuple[str, str]]:
    """Return what these runs can be grouped by, as (key, text): what they are in, set and tagged with."""
    if len(rows) < 2:
        return []
    properties = dict.fromkeys(name for row in rows for name in row.properties)
    tags = dict.fromkeys(name for row in rows for name in row.tags)
    found = [(EXPERIMENT, "experiment"), *((f"property:{name}", name) for name in properties)]
    return [*found, *((f"tag:{name}", f"tag {name}") for name in tags)][:MAX_KEYS]


def value_of(row: RunRow, key: str) -> str:
    """Return a run's value of a key as `keys_of` writes it, or of a property or tag of this bare name; NONE without."""
    if key == EXPERIMENT:
        return row.experiment
    kind, _, name = key.partition(":")
    if kind == "property" and name in row.properties:
        return row.properties[name]
    if kind == "tag" and name in row.tags:
        # A tag without a value still tells those who carry it from the others.
        return row.tags[name] or name
    return row.properties.get(key) or row.tags.get(key) or NONE


def members(rows: Sequence[RunRow], key: str) -> dict[str, list[str]]:
    """Return group -> its run ids, numbers by size and words by alphabet, those without a value last."""
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(value_of(row, key), []).append(row.run_id)
    return dict(sorted(found.items(), key=lambda item: _order(item[0])))


def _order(value: str) -> tuple[bool, bool, float, str]:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    is_word = math.isnan(number)
    return value == NONE, is_word, 0.0 if is_word else number, value


def combined(curves: Sequence[Curve], groups: Mapping[str, Sequence[str]], band: Band, columns: int) -> list[Curve]:
    """
    Return one curve for each chart and group: the mean over its runs, and around it their band.

    Args:
        curves: of single runs; several charts may be among them.
        groups: group -> ids of its runs.
        band: "range": least to greatest of everything logged in a column; "std": a standard deviation up and down.
        columns: into how many columns single points at different x are put, at least.
    """
    by_chart: dict[str, dict[str, Curve]] = {}
    for curve in curves:
        by_chart.setdefault(curve.chart, {})[curve.run_id] = curve
    return [
        _group(chart, group, [own[run_id] for run_id in run_ids if run_id in own], band, width)
        for chart, own in by_chart.items()
        for width in [grid_width(list(own.values()), columns)]
        for group, run_ids in groups.items()
    ]


def grid_width(curves: Sequence[Curve], columns: int) -> float:
    """
    Return how wide the common columns of these curves are; 0 where few enough x are had by all of them alike.

    The widths of curves are powers of two of one unit, anchored at 0: narrower columns lie whole in a wider one.
    """
    xs = [curve.x for curve in curves if len(curve.x)]
    if not xs:
        return 0.0
    widest = max(curve.width for curve in curves)
    if widest:
        return widest
    if len(np.unique(np.concatenate(xs))) <= columns:
        return 0.0
    span = max(float(x[-1]) for x in xs) - min(float(x[0]) for x in xs)
    return 2.0 ** math.floor(math.log2(span / columns))


def _member(curve: Curve, width: float) -> _Member:
    cell = np.floor(curve.x / width) if width else curve.x
    starts = np.flatnonzero(np.r_[True, cell[1:] != cell[:-1]])
    ends = np.r_[starts[1:], len(cell)] - 1
    return _Member(
        cell=cell[starts],
        x=curve.x[ends],
        y=curve.y[ends],
        low=np.fmin.reduceat(curve.low, starts),
        high=np.fmax.reduceat(curve.high, starts),
    )


def _group(chart: str, group: str, curves: Sequence[Curve], band: Band, width: float) -> Curve:
    own = [_member(curve, width) for curve in curves if len(curve.x)]
    marks = sorted(mark for curve in curves for mark in curve.nonfinite)
    empty = np.empty(0)
    x, y, low, high = _merge(own, band) if own else (empty, empty, empty, empty)
    return Curve(
        chart=chart,
        run_id=group,
        width=width,
        n=sum(curve.n for curve in curves),
        x=x,
        y=y,
        low=low,
        high=high,
        nonfinite=tuple(marks[:MAX_MARKS]),
        band=True,
    )


def _merge(own: Sequence[_Member], band: Band) -> tuple[Floats, Floats, Floats, Floats]:
    cells = np.unique(np.concatenate([member.cell for member in own]))
    x = np.full(len(cells), -np.inf)
    for member in own:
        at = np.searchsorted(cells, member.cell)
        x[at] = np.maximum(x[at], member.x)
    values, low, high = (np.full((len(own), len(cells)), np.nan) for _ in range(3))
    for place, member in enumerate(own):
        values[place] = low[place] = high[place] = _between(member, cells, x)
        at = np.searchsorted(cells, member.cell)
        values[place, at] = member.y
        low[place, at], high[place, at] = member.low, member.high
    finite = np.isfinite(values)
    count = finite.sum(axis=0)
    with np.errstate(invalid="ignore", over="ignore"):
        mean = np.where(finite, values, 0.0).sum(axis=0) / np.where(count, count, np.nan)
        if band == "range":
            return x, mean, np.fmin.reduce(_finite(low)), np.fmax.reduce(_finite(high))
        square = np.where(finite, (values - mean) ** 2, 0.0).sum(axis=0)
        # Of the runs as a sample: one run alone has no spread.
        spread = np.sqrt(square / np.maximum(count - 1, 1))
        return x, mean, mean - spread, mean + spread


def _between(member: _Member, cells: Floats, x: Floats) -> Floats:
    """Values on the straight lines between a run's own; NaN before its first and after its last column."""
    known = np.isfinite(member.y)
    if not known.any():
        return np.full(len(cells), np.nan)
    line = np.interp(x, member.x[known], member.y[known])
    inside = (cells >= member.cell[known][0]) & (cells <= member.cell[known][-1])
    return np.where(inside, line, np.nan)


def _finite(values: Floats) -> Floats:
    return np.where(np.isfinite(values), values, np.nan)
