"""ECharts options for what diagnoses a model: heat map, ROC and its likes, histogram, predicted against true. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from runstream_consumer.history import Accuracy, Confusion, Counts, Predictions, Residuals
from runstream_dashboard import diagnoses, formats, palette
from runstream_dashboard.figures import Spec

CURVES: Final = ("ROC", "Precision and recall", "Lift")
# More classes than this leave no room for numbers in the cells; the tooltip has them.
_MAX_WRITTEN: Final = 14
_MAX_COMPACT: Final = 6
_GREY: Final = "#98a2b3"
Pairs = list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Look:
    """Colours of the page: `primary` is the product's own, `paper` lies under a chart, `ink` is text."""

    primary: str
    paper: str
    ink: str
    classes: tuple[str, ...]


def look(dark: bool) -> Look:
    """Return the colours for a light or a dark page."""
    if dark:
        return Look(palette.DARK_PRIMARY, "#1a202b", "#e6e9ef", palette.DARK)
    return Look(palette.LIGHT_PRIMARY, "#f3f5fb", "#131a2a", palette.LIGHT)


def _axis(name: str, **more: object) -> Spec:
    return {"type": "value", "name": name, "nameLocation": "middle", "nameGap": 26, "scale": True, **more}


def _frame(x: Spec, y: Spec) -> Spec:
    return {
        "animation": False,
        "tooltip": {"trigger": "item", "confine": True},
        "grid": {"left": 12, "right": 22, "top": 14, "bottom": 12},
        "xAxis": {"splitLine": {"show": False}, **x},
        "yAxis": {"nameGap": 40, **y},
    }


def confusion_height(confusion: Confusion) -> int:
    """Return how high the heat map should be, in pixels."""
    return min(560, 110 + max(34, 46 - 2 * len(confusion.labels)) * len(confusion.labels))


def confusion_map(confusion: Confusion, colours: Look) -> Spec:
    """
    Return the confusion matrix as a heat map: true classes downwards, predicted ones to the right.

    A cell's colour is its share of the true class, so that rare classes are as visible as common ones; its text is
    the count, and the share where there is room.
    """
    labels, n = list(confusion.labels), len(confusion.labels)
    cells = []
    for true, (counts, shares) in enumerate(zip(confusion.counts, diagnoses.shares(confusion), strict=True)):
        for predicted, (count, share) in enumerate(zip(counts, shares, strict=True)):
            percent = f"{share:.1%}" if 0 < share < 1 else f"{share:.0%}"
            written = formats.number(count) if n > _MAX_COMPACT else f"{formats.number(count)}\n{percent}"
            cells.append(
                {
                    "value": [predicted, true, share],
                    "name": f"{labels[true]} taken for {labels[predicted]}: {formats.number(count)} ({percent})",
                    "label": {
                        "show": n <= _MAX_WRITTEN,
                        "formatter": written,
                        "color": "#ffffff" if share > 0.5 else colours.ink,
                        "lineHeight": 15,
                    },
                }
            )
    names = {"type": "category", "data": labels, "axisLabel": {"interval": 0 if n <= _MAX_WRITTEN else "auto",
             "width": 90, "overflow": "truncate", "hideOverlap": True}}  # fmt: skip
    spec = _frame(_axis("predicted class") | names, _axis("true class") | names | {"inverse": True, "nameGap": 62})
    spec["tooltip"] |= {"formatter": "{b}"}
    spec["visualMap"] = {
        "show": False,
        "min": 0,
        "max": 1,
        "dimension": 2,
        "inRange": {"color": [colours.paper, colours.primary]},
    }
    border = {"borderColor": colours.paper, "borderWidth": 2, "borderRadius": 4}
    spec["series"] = [{"type": "heatmap", "data": cells, "itemStyle": border}]
    return spec


def _pairs(counts: Sequence[Counts], x: Callable[[Counts], float | None], y: Callable[[Counts], float | None]) -> Pairs:
    """Return the points of a curve by x; a threshold without one of its rates has none."""
    found = [(x(each), y(each)) for each in counts]
    return sorted({(at, value) for at, value in found if at is not None and value is not None})


def roc(accuracy: Accuracy, place: int) -> Pairs:
    """Return the (false positive rate, recall) of a class, by its place among the labels."""
    return _pairs(accuracy.by_threshold[place], diagnoses.false_positive_rate, diagnoses.recall)


def _curve(accuracy: Accuracy, curve: str, place: int) -> Pairs:
    if curve == "ROC":
        return roc(accuracy, place)
    if curve == "Lift":
        return _pairs(accuracy.by_percentile[place], diagnoses.chosen, diagnoses.lift)
    return _pairs(accuracy.by_threshold[place], diagnoses.recall, diagnoses.precision)


_AXES: Final = {
    "ROC": ("false positive rate", "recall"),
    "Precision and recall": ("recall", "precision"),
    "Lift": ("share of the predictions", "lift"),
}


def accuracy_curves(accuracy: Accuracy, curve: str, shown: Sequence[int], colours: Look) -> Spec:
    """Return one of CURVES for these classes (by place among the labels), with what chance would give, dashed."""
    x_name, y_name = _AXES[curve]
    unit: Spec = {"min": 0, "max": 1, "scale": False}
    spec = _frame(_axis(x_name, **unit), _axis(y_name, **({"min": 0, "scale": False} if curve == "Lift" else unit)))
    spec["legend"] = {"type": "scroll", "bottom": 0, "show": len(shown) > 1}
    spec["grid"] |= {"bottom": 40 if len(shown) > 1 else 12}
    series: list[Spec] = []
    for place in shown:
        name = accuracy.labels[place]
        if curve == "ROC" and (under := diagnoses.area(roc(accuracy, place))) is not None:
            name = f"{name} (area {under:.3f})"
        series.append(
            {
                "type": "line",
                "name": name,
                "data": [list(pair) for pair in _curve(accuracy, curve, place)],
                "showSymbol": False,
                "lineStyle": {"width": 2},
                "color": colours.classes[place % len(colours.classes)],
            }
        )
    chance = {"ROC": [[0, 0], [1, 1]], "Lift": [[0, 1], [1, 1]]}.get(curve)
    if chance:
        series.append(_dashed("chance", chance))
    spec["tooltip"] = {"trigger": "axis", "confine": True}
    spec["series"] = series
    return spec


def _dashed(name: str, data: Sequence[Sequence[float]]) -> Spec:
    line = {"type": "dashed", "width": 1.5, "color": _GREY}
    return {"type": "line", "name": name, "data": data, "showSymbol": False, "silent": True, "lineStyle": line,
            "color": _GREY, "tooltip": {"show": False}}  # fmt: skip


def residual_bars(residuals: Residuals, colours: Look) -> Spec:
    """Return the histogram of residuals, a bar a bin; a dashed line marks the bin that holds zero."""
    names = [f"{formats.number(low)} to {formats.number(high)}" for low, high in pairwise(residuals.edges)]
    axis = {"type": "category", "data": names, "axisLabel": {"hideOverlap": True}}
    spec = _frame(_axis("residual: predicted minus true") | axis, _axis("count", min=0, scale=False))
    bars: Spec = {
        "type": "bar",
        "name": "count",
        "data": list(residuals.counts),
        "barCategoryGap": "4%",
        "itemStyle": {"color": colours.primary, "borderRadius": [2, 2, 0, 0]},
    }
    zero = next((at for at, (low, high) in enumerate(pairwise(residuals.edges)) if low <= 0 < high), None)
    if zero is not None:
        line = {"type": "dashed", "color": _GREY, "width": 1.5}
        bars["markLine"] = {"silent": True, "symbol": "none", "lineStyle": line, "data": [{"xAxis": zero}],
                            "label": {"formatter": "0", "color": _GREY}}  # fmt: skip
    spec["series"] = [bars]
    return spec


def prediction_band(predictions: Predictions, colours: Look) -> Spec:
    """Return predicted against true values: averages with their error as a band, the ideal dashed, counts as bars."""
    bins = diagnoses.filled(predictions)
    spec = _frame(_axis("true value"), _axis("predicted value"))
    counts_axis: Spec = {"type": "value", "show": False, "min": 0, "max": 4 * max((c for *_, c in bins), default=1)}
    spec["yAxis"] = [spec["yAxis"], counts_axis]
    spec["tooltip"] = {"trigger": "axis", "confine": True}
    spec["legend"] = {"bottom": 0, "data": ["predicted", "ideal", "count"]}
    spec["grid"] |= {"bottom": 40}
    ends = [predictions.edges[0], predictions.edges[-1]]
    clear = {"lineStyle": {"opacity": 0}, "showSymbol": False, "silent": True, "stack": "error", "stackStrategy": "all",
             "tooltip": {"show": False}}  # fmt: skip
    spec["series"] = [
        {"type": "bar", "name": "count", "yAxisIndex": 1, "barMaxWidth": 26,
         "data": [[true, count] for true, _, _, count in bins], "itemStyle": {"color": _GREY, "opacity": 0.35}},
        {"type": "line", "name": "low", "data": [[true, mean - abs(error)] for true, mean, error, _ in bins], **clear},
        {"type": "line", "name": "error", "data": [[true, 2 * abs(error)] for true, _, error, _ in bins], **clear,
         "areaStyle": {"color": colours.primary, "opacity": 0.2}},
        {"type": "line", "name": "predicted", "data": [[true, mean] for true, mean, _, _ in bins],
         "color": colours.primary, "lineStyle": {"width": 2}, "symbolSize": 6, "showSymbol": len(bins) <= 40},
        _dashed("ideal", [[end, end] for end in ends]),
    ]  # fmt: skip
    return spec
