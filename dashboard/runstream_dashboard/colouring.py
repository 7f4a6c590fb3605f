"""What the dots of a scatter plot are coloured by: a scale for numbers, a colour for each of a few texts. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from runstream_consumer.history import RunRow
from runstream_dashboard import formats, palette

# As many as the palette has colours: more would look alike.
MAX_CATEGORIES: Final = 8
OTHER: Final = "other"
# A scale whose numbers span more than this is logarithmic: learning rates would else all lie at its lower end.
LOG_SPAN: Final = 100.0
_GREY: Final = "#98a2b3"
_LEGEND_PX: Final = 140

Value = float | str


@dataclass(frozen=True, slots=True)
class Colouring:
    """
    How dots are coloured.

    Attributes:
        key: what by, as `values_of` names it.
        places: by run id where it lies, on the scale or among the `categories`; runs without a value are left out.
        shown: by run id what a tooltip says.
        categories: the labels of the colours; empty for a scale.
        is_ordered: the categories are numbers, smallest first.
        is_log: places on the scale are logarithms to base 10.
    """

    key: str
    places: Mapping[str, float]
    shown: Mapping[str, str]
    categories: tuple[str, ...] = ()
    is_ordered: bool = False
    is_log: bool = False


def values_of(rows: Iterable[RunRow], numbers: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, Value]]:
    """
    Return what runs may be coloured by: "kind name" -> run id -> value; only what differs between any two of them.

    Args:
        rows: the runs.
        numbers: of each run, as `differences.numbers_of` gives them.
    """
    found: dict[str, dict[str, Value]] = {}
    for row in rows:
        texts: dict[str, str] = {f"property {key}": text for key, text in row.properties.items()}
        texts |= {f"tag {key}": text or "" for key, text in row.tags.items()}
        known: dict[str, Value] = {**texts, "status": row.status, **numbers.get(row.run_id, {})}
        for key, value in known.items():
            found.setdefault(key, {})[row.run_id] = value
    return {key: values for key, values in found.items() if len(set(values.values())) > 1}


def colouring(key: str, values: Mapping[str, Value]) -> Colouring:
    """Return how runs are coloured by these values: as numbers if all of them are, else as texts."""
    numbers = {run_id: value for run_id, value in values.items() if isinstance(value, int | float)}
    if len(numbers) < len(values):
        return _by_text(key, {run_id: str(value) for run_id, value in values.items()})
    shown = {run_id: formats.number(value) for run_id, value in numbers.items()}
    distinct = sorted(set(numbers.values()))
    if len(distinct) <= MAX_CATEGORIES:
        places: dict[str, float] = {run_id: distinct.index(value) for run_id, value in numbers.items()}
        return Colouring(key, places, shown, tuple(map(formats.number, distinct)), is_ordered=True)
    is_log = distinct[0] > 0 and distinct[-1] / distinct[0] >= LOG_SPAN
    scaled = {run_id: math.log10(value) if is_log else value for run_id, value in numbers.items()}
    return Colouring(key, scaled, shown, is_log=is_log)


def _by_text(key: str, texts: Mapping[str, str]) -> Colouring:
    counts = Counter(texts.values())
    names = sorted(counts, key=lambda name: (-counts[name], name))
    if len(names) > MAX_CATEGORIES:
        names = [*names[: MAX_CATEGORIES - 1], OTHER]
    places: dict[str, float] = {
        run_id: names.index(text) if text in names else len(names) - 1 for run_id, text in texts.items()
    }
    return Colouring(key, places, dict(texts), tuple(name or "(empty)" for name in names))


def dyed(spec: Mapping[str, Any], by: Colouring, large: Iterable[str], dark: bool) -> dict[str, Any]:
    """
    Return a scatter plot whose dots are coloured by a value of their runs, with a legend; dots without one are grey.

    Args:
        spec: as `figures.scatter` makes it.
        by: how the dots are coloured.
        large: the runs that are compared: their dots get a rim, since they lose their own colour.
        dark: whether the page is dark.
    """
    rim = {"borderColor": "#e6e9ef" if dark else "#131a2a", "borderWidth": 2}
    names = [spec["xAxis"]["name"], spec["yAxis"]["name"], "", {"name": by.key, "type": "ordinal"}]
    compared = frozenset(large)
    series: list[dict[str, Any]] = []
    mapped: list[int] = []
    for each in spec["series"]:
        style = {"opacity": 0.9} | (rim if each["data"][0]["id"] in compared else {})
        known = [_placed(mark, by) for mark in each["data"] if mark["id"] in by.places]
        if known:
            mapped.append(len(series))
            encode = {"x": 0, "y": 1, "tooltip": [0, 1, 3]}
            series.append(each | {"data": known, "itemStyle": style, "dimensions": names, "encode": encode})
        without = [mark for mark in each["data"] if mark["id"] not in by.places]
        if without:
            series.append(each | {"data": without, "itemStyle": style | {"color": _GREY, "opacity": 0.35}})
    grid = spec["grid"] | {"right": _LEGEND_PX}
    return {**spec, "series": series, "visualMap": _visual_map(by, mapped, dark), "grid": grid}


def _placed(mark: Mapping[str, Any], by: Colouring) -> dict[str, Any]:
    return {**mark, "value": [*mark["value"], by.places[mark["id"]], by.shown[mark["id"]]]}


def _visual_map(by: Colouring, series: Sequence[int], dark: bool) -> dict[str, Any]:
    """Return ECharts' visualMap over the third number of these series; it is the legend too."""
    scale = palette.scale(dark)
    common = {"dimension": 2, "seriesIndex": list(series), "right": 0, "top": "middle", "hoverLink": False}
    if by.categories:
        n = len(by.categories)
        colours = palette.spread(scale, n) if by.is_ordered else list(palette.colours(dark)[:n])
        if by.categories[-1] == OTHER:
            colours[-1] = _GREY
        pieces = [
            {"value": place, "label": label, "color": colour}
            for place, (label, colour) in enumerate(zip(by.categories, colours, strict=True))
        ]
        # Drawn upwards: numbers rise, of texts the most frequent one comes first.
        return common | {
            "type": "piecewise", "pieces": pieces, "inverse": not by.is_ordered, "outOfRange": {"opacity": 0.08},
        }  # fmt: skip
    least, most = min(by.places.values()), max(by.places.values())
    ends = [formats.number(10**end if by.is_log else end) for end in (most, least)]
    return common | {
        "type": "continuous", "min": least, "max": most, "inRange": {"color": list(scale)}, "itemHeight": 180,
        "calculable": False, "text": ends,
    }  # fmt: skip
