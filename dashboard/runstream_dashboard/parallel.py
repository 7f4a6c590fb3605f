"""
Parallel coordinates: an upright axis for each setting and result, a line through all of them for each run. Pure.

What was set stands to the left, what came of it to the right.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from runstream_dashboard import differences, formats, palette, tables
from runstream_dashboard.colouring import LOG_SPAN, Value

_SETTINGS: Final = 6
_RESULTS: Final = 2
# More texts on one axis cannot be read.
_MOST_LABELS: Final = 24
_GREY: Final = "#98a2b3"


@dataclass(frozen=True, slots=True)
class Axis:
    """
    One axis.

    Attributes:
        key: what it shows, as `colouring.values_of` names it.
        kind: as ECharts names it.
        places: by run id where a run's line crosses it.
        labels: of an axis of texts, from below.
    """

    key: str
    kind: Literal["value", "log", "category"]
    places: Mapping[str, Value]
    labels: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What stands below it."""
        kind, _, name = self.key.partition(" ")
        return name if kind in {"metric", "property", "tag"} else self.key


def axis(key: str, values: Mapping[str, Value]) -> Axis:
    """Return the axis of these values: of numbers if all of them are, logarithmic if they span much; else of texts."""
    numbers = [value for value in values.values() if not isinstance(value, str)]
    if len(numbers) < len(values):
        texts = {run_id: value if isinstance(value, str) else formats.number(value) for run_id, value in values.items()}
        return Axis(key, "category", texts, tuple(sorted(set(texts.values()))))
    is_log = min(numbers) > 0 and max(numbers) / min(numbers) >= LOG_SPAN
    return Axis(key, "log" if is_log else "value", values)


def offered(values: Mapping[str, Mapping[str, Value]]) -> list[str]:
    """Return what can be an axis: all but texts of which there are too many to be read."""
    return [key for key, of in values.items() if len(axis(key, of).labels) <= _MOST_LABELS]


def first(keys: Sequence[str]) -> list[str]:
    """Return the axes to draw at first: what was set, then what came of it; the most telling result last."""
    settings = [key for key in keys if key.startswith(("property ", "tag ")) and not _is_background(key)]
    metrics = [key for key in keys if key.startswith("metric ")]
    results = sorted(metrics, key=lambda key: differences.direction(key.removeprefix("metric ")) is not None)
    if not settings:
        return results[-(_SETTINGS + _RESULTS) :]
    return [*settings[:_SETTINGS], *results[-_RESULTS:]]


def _is_background(key: str) -> bool:
    return tables.is_background(key.partition(" ")[2])


def drawn(run_ids: Iterable[str], axes: Sequence[Axis]) -> list[str]:
    """Return the runs that have a place on every one of the axes."""
    return [run_id for run_id in run_ids if all(run_id in each.places for each in axes)]


def spec(
    called: Mapping[str, str], axes: Sequence[Axis], chosen: Mapping[str, str], by_result: bool, dark: bool
) -> dict[str, Any]:
    """
    Return the chart.

    Args:
        called: the runs to draw, and what each is called.
        axes: at least two.
        chosen: the compared runs among them, each with its colour as CSS: their lines are wide.
        by_result: colour all lines by the last axis, if it holds numbers, instead of the compared ones by run.
        dark: whether the page is dark.
    """
    by_scale = by_result and axes[-1].kind != "category"
    others = [run_id for run_id in called if run_id not in chosen]
    series = [
        _series("others", others, called, axes, {"width": 1.2, "opacity": 0.75 if by_scale else 0.35, "color": _GREY})
    ]
    series += [
        _series(called[run_id], [run_id], called, axes, {"width": 3, "opacity": 1, "color": colour})
        for run_id, colour in chosen.items()
    ]
    chart: dict[str, Any] = {
        "animation": False,
        "tooltip": {"trigger": "item", "confine": True},
        "parallel": {"left": 40, "right": 130 if by_scale else 70, "top": 18, "bottom": 34},
        "parallelAxis": [_parallel_axis(place, each) for place, each in enumerate(axes)],
        "series": [each for each in series if each["data"]],
    }
    if by_scale:
        numbers = [float(axes[-1].places[run_id]) for run_id in called]
        chart["visualMap"] = {
            "type": "continuous", "dimension": len(axes) - 1, "min": min(numbers), "max": max(numbers), "right": 0,
            "top": "middle", "itemHeight": 160, "hoverLink": False, "inRange": {"color": list(palette.scale(dark))},
        }  # fmt: skip
    return chart


def _series(
    name: str, run_ids: Sequence[str], called: Mapping[str, str], axes: Sequence[Axis], style: Mapping[str, Any]
) -> dict[str, Any]:
    data = [{"name": called[run_id], "value": [each.places[run_id] for each in axes]} for run_id in run_ids]
    lit = {"lineStyle": {"width": 4, "opacity": 1}}
    return {"type": "parallel", "name": name, "lineStyle": dict(style), "emphasis": lit, "data": data,
            "inactiveOpacity": 0.04, "z": 2 if name == "others" else 3}  # fmt: skip


def _parallel_axis(place: int, axis: Axis) -> dict[str, Any]:
    described: dict[str, Any] = {
        "dim": place,
        "name": axis.name,
        "type": axis.kind,
        "nameLocation": "start",
        "nameGap": 14,
        "nameTextStyle": {"fontWeight": 600},
    }
    return described | ({"data": list(axis.labels)} if axis.labels else {"scale": True})
