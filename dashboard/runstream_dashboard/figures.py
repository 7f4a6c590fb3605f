"""
ECharts options for what does not tick: the chart forms of a metric, and scatter plots. Pure.

A metric's form decides its chart: a list or a value logged again and again is a line of one variable, rows and tables
with two numeric columns are a line of two (the first column is x), a table with one numeric column is that column
against the row's number. Images are shown as they are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# Dots are worth drawing only while they can be told apart.
_DOTTED = 40
ROW = "row"
Spec = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Point:
    """One run in a scatter plot; `chosen` runs are drawn large and in their colour (CSS), the others grey."""

    run_id: str
    name: str
    x: float
    y: float
    colour: str
    chosen: bool


def is_number(value: object) -> bool:
    """Say whether a value has a place on an axis: a finite number, not a flag."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def numeric_columns(table: Mapping[str, Sequence[object]]) -> list[str]:
    """Return the columns of a table that hold at least one number and nothing but numbers, NaN, infinities or None."""
    names = []
    for name, values in table.items():
        known = [value for value in values if value is not None]
        fits = all(isinstance(value, int | float) and not isinstance(value, bool) for value in known)
        if fits and any(is_number(value) for value in known):
            names.append(name)
    return names


def axes_of(table: Mapping[str, Sequence[object]]) -> tuple[str, str] | None:
    """Return which columns of a table to draw as (x, y); x is ROW, the row's number, when only one holds numbers."""
    names = numeric_columns(table)
    if not names:
        return None
    return (names[0], names[1]) if len(names) > 1 else (ROW, names[0])


def _base(x_name: str) -> Spec:
    return {
        "animation": False,
        "tooltip": {"trigger": "axis", "confine": True},
        "grid": {"left": 10, "right": 18, "top": 12, "bottom": 8},
        "xAxis": {
            "type": "value",
            "name": x_name,
            "nameLocation": "middle",
            "nameGap": 26,
            "min": "dataMin",
            "max": "dataMax",
            "splitLine": {"show": False},
            # The ends lie on odd values: the ticks between them are round.
            "axisLabel": {"showMaxLabel": False, "hideOverlap": True},
        },
        "yAxis": {"type": "value", "scale": True},
    }


def _pair(x: object, y: object) -> list[float | None] | None:
    if not is_number(x):
        return None
    return [float(x), float(y) if is_number(y) else None]  # type: ignore[arg-type]


def line(x: Sequence[object], y: Sequence[object], x_name: str, y_name: str, colour: str) -> Spec:
    """Return a line of y against x in the order of logging; what is not finite in y is a gap, in x left out."""
    pairs = [pair for pair in map(_pair, x, y) if pair is not None]
    spec = _base(x_name)
    spec["color"] = [colour]
    spec["series"] = [
        {
            "type": "line",
            "name": y_name,
            "data": pairs,
            "showSymbol": len(pairs) <= _DOTTED,
            "symbolSize": 6,
            "lineStyle": {"width": 2},
            "sampling": "minmax",
        }
    ]
    return spec


def list_line(name: str, values: Sequence[object], colour: str) -> Spec:
    """Return the chart of a list, or of values logged one by one without steps: each against its place."""
    return line(range(len(values)), values, "place", name, colour)


def table_line(table: Mapping[str, Sequence[object]], x: str, y: str, colour: str) -> Spec:
    """Return the chart of a table's column y against its column x; x ROW is the row's number."""
    values = table[y]
    return line(range(len(values)) if x == ROW else table[x], values, x, y, colour)


def _mark(point: Point) -> Spec:
    return {"name": point.name, "value": [point.x, point.y], "id": point.run_id}


def scatter(points: Sequence[Point], x_name: str, y_name: str, log_x: bool = False, log_y: bool = False) -> Spec:
    """Return a scatter plot of runs; on a logarithmic axis, points that it cannot show are left out."""
    shown = [p for p in points if not (log_x and p.x <= 0) and not (log_y and p.y <= 0)]
    spec = _base(x_name)
    spec["tooltip"] = {"trigger": "item", "confine": True}
    spec["xAxis"] |= {"type": "log" if log_x else "value", "scale": True, "min": None, "max": None}
    spec["xAxis"]["axisLabel"] = {"hideOverlap": True}
    spec["grid"]["right"] = 28
    spec["yAxis"] |= {"type": "log" if log_y else "value", "name": y_name, "nameLocation": "middle", "nameGap": 44}
    others = [_mark(point) for point in shown if not point.chosen]
    series: list[Spec] = [
        {
            "type": "scatter",
            "name": "others",
            "data": others,
            "symbolSize": 8,
            "itemStyle": {"color": "#98a2b3", "opacity": 0.55},
        }
    ]
    series.extend(
        {
            "type": "scatter",
            "name": point.name,
            "data": [_mark(point)],
            "symbolSize": 15,
            "itemStyle": {"color": point.colour, "borderColor": "#ffffff", "borderWidth": 1.5},
            "z": 3,
        }
        for point in shown
        if point.chosen
    )
    spec["series"] = [each for each in series if each["data"]]
    return spec


def query_chart(values: Mapping[str, Sequence[object]], x: str, y: str, kind: str, colour: str) -> Spec:
    """Return a chart of a query's column y against its column x, as "line", "scatter" or "bar"; x may be text."""
    xs = list(range(len(values[y]))) if x == ROW else values[x]
    if kind == "line" and all(is_number(value) for value in xs):
        return line(xs, values[y], x, y, colour)
    spec = _base(x)
    spec["color"] = [colour]
    spec["xAxis"] |= {"min": None, "max": None}
    if kind == "scatter" and all(is_number(value) for value in xs):
        data: list[Any] = [pair for pair in map(_pair, xs, values[y]) if pair is not None]
    else:
        spec["xAxis"] |= {"type": "category", "data": [str(value) for value in xs]}
        data = [float(value) if is_number(value) else None for value in values[y]]  # type: ignore[arg-type]
    spec["yAxis"]["scale"] = kind != "bar"
    spec["series"] = [{"type": kind, "name": y, "data": data, "symbolSize": 6}]
    return spec


def lag_area(lag: Sequence[tuple[float, float]], colour: str) -> Spec:
    """Return the lag of the last minutes: (seconds ago, seconds behind) pairs, oldest first."""
    spec = _base("seconds ago")
    spec["color"] = [colour]
    spec["xAxis"] |= {"inverse": True, "min": 0}
    spec["yAxis"] |= {"min": 0, "name": "seconds behind"}
    data = [[ago, behind] for ago, behind in lag]
    spec["series"] = [{"type": "line", "data": data, "showSymbol": False, "areaStyle": {"opacity": 0.15}}]
    return spec
