"""What tells runs apart: metrics, properties, tags and facts side by side. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from runstream_consumer.history import MetricInfo, MetricStat, RunRow
from runstream_dashboard import figures, formats, palette, run_names

# Words that tell which way is better; of any other metric nobody can know.
_LOWER = frozenset({"loss", "error", "err", "mse", "mae", "rmse", "perplexity", "latency", "wer", "cer", "fid", "nll"})
_HIGHER = frozenset(
    {
        "accuracy",
        "acc",
        "f1",
        "auc",
        "auroc",
        "precision",
        "recall",
        "score",
        "r2",
        "map",
        "bleu",
        "iou",
        "dice",
        "psnr",
    }
)


Stat = Literal["last", "least", "greatest"]


@dataclass(frozen=True, slots=True)
class Line:
    """One key in all runs: `texts` and `best` in the order of the runs; None = the run has no such key."""

    group: str
    key: str
    texts: tuple[str | None, ...]
    best: int | None = None

    @property
    def differs(self) -> bool:
        """Whether the runs do not all say the same."""
        return len(set(self.texts)) > 1


def direction(metric: str) -> Literal["lower", "higher"] | None:
    """Return which way a metric of this name gets better; None where its name does not tell."""
    words = set(re.split(r"[^a-z0-9]+", metric.rsplit("/", 1)[-1].lower()))
    if words & _LOWER:
        return "lower"
    return "higher" if words & _HIGHER else None


def best_of(metric: str, values: Sequence[float | None]) -> int | None:
    """Return the place of the best value; None when the name tells no direction, or no two values differ."""
    way = direction(metric)
    known = [(value, place) for place, value in enumerate(values) if value is not None and math.isfinite(value)]
    if way is None or len({value for value, _ in known}) < 2:
        return None
    value = min(known)[0] if way == "lower" else max(known)[0]
    return next(place for each, place in known if each == value)


def _stat(metric: MetricInfo | None, stat: Stat) -> tuple[str | None, float | None]:
    """Return what a metric comes to, as text and as a number where it is one."""
    if metric is None:
        return None, None
    if stat == "last" or metric.min_value is None:
        return metric.last_text or formats.number(metric.last_value), metric.last_value if metric.n_numeric else None
    value = metric.min_value if stat == "least" else metric.max_value
    return formats.number(value), value


def _metric_lines(rows: Sequence[RunRow], metrics: Iterable[MetricInfo], stat: Stat) -> list[Line]:
    found: dict[str, dict[str, MetricInfo]] = {}
    for metric in metrics:
        if metric.column_name is None and metric.form == "scalar":
            found.setdefault(metric.name, {})[metric.run_id] = metric
    lines = []
    for name, by_run in found.items():
        stats = [_stat(by_run.get(row.run_id), stat) for row in rows]
        lines.append(
            Line("metric", name, tuple(text for text, _ in stats), best_of(name, [value for _, value in stats]))
        )
    return lines


def _text_lines(group: str, values: Sequence[dict[str, str | None]]) -> list[Line]:
    keys = dict.fromkeys(key for each in values for key in each)
    return [Line(group, key, tuple((each[key] or "") if key in each else None for each in values)) for key in keys]


def _property_lines(rows: Sequence[RunRow]) -> list[Line]:
    """Return what was set, then where the runs came from; what MLflow's names say again is left out."""
    groups: dict[str, list[dict[str, str | None]]] = {
        name: [{key: text for key, text in row.properties.items() if _group(key) == name} for row in rows]
        for name in ("property", "git", "environment")
    }
    return [line for name, values in groups.items() for line in _text_lines(name, values)]


def _group(key: str) -> str:
    if key.startswith("mlflow.source.git."):
        return ""
    if key.startswith(("azureml.git.", "git.")):
        return "git"
    return "environment" if key.startswith(("runstream.", "python.", "host.", "system.")) else "property"


def compare(rows: Sequence[RunRow], metrics: Iterable[MetricInfo], stat: Stat = "last") -> list[Line]:
    """Return a line for each metric (its last, least or greatest value), property, tag and fact of these runs."""
    facts: list[dict[str, str | None]] = [
        {
            "status": row.status,
            "experiment": row.experiment,
            "duration": formats.duration(row.duration_s),
            "user": row.user,
            "host": row.host,
        }
        for row in rows
    ]
    return [
        *_metric_lines(rows, metrics, stat),
        *_property_lines(rows),
        *_text_lines("tag", [dict(row.tags) for row in rows]),
        *_text_lines("run", facts),
    ]


def pick(lines: Sequence[Line], find: str, only_differences: bool) -> list[Line]:
    """Return the lines whose key holds the words of `find`, and only those that differ if so asked."""
    words = find.lower().split()
    return [
        line
        for line in lines
        if (line.differs or not only_differences) and all(word in line.key.lower() for word in words)
    ]


def _numbers(row: RunRow, metrics: Mapping[str, MetricInfo | MetricStat]) -> dict[str, float]:
    values = {f"metric {name}": m.last_value for name, m in metrics.items() if m.n_numeric}
    for key, text in row.properties.items():
        try:
            values[f"property {key}"] = float(text)
        except (TypeError, ValueError):
            continue
    values["duration in seconds"] = row.duration_s
    return {name: float(value) for name, value in values.items() if value is not None and math.isfinite(value)}


def numbers_of(rows: Sequence[RunRow], metrics: Iterable[MetricInfo]) -> dict[str, dict[str, float]]:
    """
    Return every finite number of each run by run id and "kind name": last values, numeric properties, duration.

    A run that has no metric among `metrics` counts with the figures that its row brings along.
    """
    by_run: dict[str, dict[str, MetricInfo]] = {}
    for metric in metrics:
        if metric.column_name is None and metric.form == "scalar":
            by_run.setdefault(metric.run_id, {})[metric.name] = metric
    return {row.run_id: _numbers(row, by_run.get(row.run_id, row.metrics)) for row in rows}


def points(
    rows: Sequence[RunRow], numbers: dict[str, dict[str, float]], x: str, y: str, chosen: Iterable[str], dark: bool
) -> list[figures.Point]:
    """Return the runs that have both numbers, as points of a scatter plot."""
    large = set(chosen)
    called = run_names.among(rows)
    return [
        figures.Point(
            run_id=row.run_id,
            name=called[row.run_id],
            x=numbers[row.run_id][x],
            y=numbers[row.run_id][y],
            colour=palette.colours(dark)[palette.colour_index(row.number)],
            chosen=row.run_id in large,
        )
        for row in rows
        if x in numbers[row.run_id] and y in numbers[row.run_id]
    ]


def varied(keys: Sequence[str], numbers: dict[str, dict[str, float]]) -> list[str]:
    """Return those of the keys in which any two runs differ; all of them where fewer than two do."""
    found = [key for key in keys if len({own[key] for own in numbers.values() if key in own}) > 1]
    return found if len(found) > 1 else list(keys)


def first_axes(keys: Sequence[str]) -> tuple[str, str]:
    """Return what to draw at first: a result (y) against something that was set (x), where there are such."""
    metrics = [key for key in keys if key.startswith("metric ")]
    y = next((key for key in metrics if direction(key.removeprefix("metric "))), metrics[-1] if metrics else keys[-1])
    rest = [key for key in keys if key != y]
    x = next((key for key in rest if key.startswith("property ")), rest[0])
    return x, y
