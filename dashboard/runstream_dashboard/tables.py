"""Rows of the history as tables for the pages. Pure: data in, a pandas frame out."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

import pandas as pd

from runstream_consumer.history import ArtifactRow, ColumnDoc, EventRow, LoggedMetric, MetricInfo, RunRow
from runstream_dashboard import formats, palette, run_names
from runstream_dashboard.differences import Line

# A column of the runs table is named by its kind and name: "run:status", "metric:val/loss", "property:lr", "tag:team".
RUN_COLUMNS = ("status", "experiment", "tags", "duration", "started", "user", "host", "id")
_FIRST_COLUMNS = ("run:status", "run:experiment", "run:tags", "run:duration", "run:started")
_FIRST_METRICS = 4
# The machine's own figures: never the first to look at.
_MACHINE = "system/"
_FIRST_PROPERTIES = 4
_SHORT = 14
# A number as Python writes it: nothing is lost when a table shows it as one.
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.(?:0|\d{0,14}[1-9]))?(?:e-?[1-9]\d?)?")
# Properties that describe where a run came from, not what was tried: offered, but not shown at first.
_BACKGROUND = (
    "git.", "python.", "host.", "system.", "runstream.", "azureml.", "mlflow.", "ContentSnapshotId", "_azureml.",
)  # fmt: skip

# The same fact under another SDK's name.
_TWINS = {
    "mlflow.source.git.branch": "azureml.git.branch",
    "mlflow.source.git.commit": "azureml.git.commit",
    "mlflow.source.git.repoURL": "azureml.git.repository_uri",
}


@dataclass(frozen=True, slots=True)
class Choice:
    """What the runs table can show and what it shows at first; columns as "kind:name"."""

    offered: tuple[str, ...]
    first: tuple[str, ...]


def choices(rows: Sequence[RunRow], logged: Iterable[LoggedMetric]) -> Choice:
    """Return the columns that these runs fill: first a metric with a curve, then as logged first."""
    # By their place in their own run, so that every experiment on the page brings its first ones to the front.
    place: dict[str, int] = {}
    n_seen: dict[str, int] = {}
    curves: set[str] = set()
    for metric in logged:
        if metric.form != "scalar" or not metric.n_numeric:
            continue
        n_seen[metric.run_id] = n_seen.get(metric.run_id, 0) + 1
        if metric.n_numeric > 1:
            curves.add(metric.name)
        place[metric.name] = min(n_seen[metric.run_id], place.get(metric.name, n_seen[metric.run_id]))
    names = sorted(place, key=lambda name: (name.startswith(_MACHINE), place[name]))
    # The first column has its curve before it: it goes to the first metric that has one.
    first = next((name for name in names if name in curves), None)
    names.sort(key=lambda name: name != first)
    properties = dict.fromkeys(key for row in rows for key in row.properties)
    tags = dict.fromkeys(key for row in rows for key in row.tags)
    shown = [key for key in properties if not is_background(key)]
    return Choice(
        offered=(
            *(f"run:{name}" for name in RUN_COLUMNS),
            *(f"metric:{name}" for name in names),
            *(f"property:{key}" for key in properties),
            *(f"tag:{key}" for key in tags),
        ),
        first=(
            *_FIRST_COLUMNS,
            *(f"metric:{name}" for name in names[:_FIRST_METRICS] if not name.startswith(_MACHINE)),
            *(f"property:{key}" for key in shown[:_FIRST_PROPERTIES]),
        ),
    )


def is_background(key: str) -> bool:
    """Say whether a property tells where a run came from, not what was tried."""
    return key.startswith(_BACKGROUND)


def apart(properties: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return a run's properties as those that were set, and those that tell where it came from, each fact once."""
    own = {key: value for key, value in properties.items() if not is_background(key)}
    origin = {
        key: value
        for key, value in properties.items()
        if key not in own and properties.get(_TWINS.get(key, "")) != value
    }
    return own, origin


def colour_of(row: RunRow) -> int:
    """Return a run's place in the palette."""
    return palette.colour_index(row.number)


def css_of(row: RunRow, dark: bool) -> str:
    """Return a run's colour as CSS."""
    return palette.colours(dark)[colour_of(row)]


def named(columns: Iterable[str], kind: str) -> tuple[str, ...]:
    """Return the names of the columns of one kind."""
    return tuple(name for each, _, name in (column.partition(":") for column in columns) if each == kind)


def tag_texts(tags: Mapping[str, str | None]) -> list[str]:
    """Return tags as short labels: `key = value`, or the key alone where there is no value."""
    return [key if value in {None, ""} else f"{key} = {value}" for key, value in tags.items()]


def _run_value(row: RunRow, name: str) -> Any:
    values: dict[str, Any] = {
        "status": [row.status],
        "experiment": row.experiment,
        "tags": tag_texts(row.tags),
        "duration": formats.rounded(row.duration_s),
        "started": row.started_at,
        "user": row.user,
        "host": row.host,
        "id": row.run_id,
    }
    return values.get(name)


def _value(row: RunRow, column: str) -> Any:
    kind, _, name = column.partition(":")
    if kind == "run":
        return _run_value(row, name)
    if kind == "metric":
        stat = row.metrics.get(name)
        return None if stat is None else stat.last_value
    return (row.properties if kind == "property" else row.tags).get(name)


def run_table(
    rows: Sequence[RunRow], columns: Sequence[str], sparks: Mapping[str, list[float]], dark: bool
) -> pd.DataFrame:
    """
    Return the runs as a table: a dot in the run's colour, its name, then the chosen columns by "kind:name".

    The first metric among them has its curve before it, in the column "spark", where `sparks` (by run id) holds any.
    """
    data: dict[str, list[Any]] = {
        "dot": [palette.dot(colour_of(row), dark) for row in rows],
        "name": [run_names.of(row) for row in rows],
    }
    for column in columns:
        if sparks and column.startswith("metric:") and "spark" not in data:
            data["spark"] = [sparks.get(row.run_id) for row in rows]
        values = [_value(row, column) for row in rows]
        data[column] = _WRITE.get(column.partition(":")[0], list)(values)
    return pd.DataFrame(data)


def with_family(table: pd.DataFrame, rows: Sequence[RunRow], n_children: Mapping[str, int]) -> pd.DataFrame:
    """Return a table of runs with their relatives: children are marked, and counted beside their parent's name."""
    marked = table.assign(
        name=[f"↳ {_own(name)}" if row.parent_run_id else name for name, row in zip(table["name"], rows, strict=True)]
    )
    if n_children:
        marked.insert(2, "children", [n_children.get(row.run_id) for row in rows])
    return marked


def _own(name: str) -> str:
    """Return a child's name without its parent's, which it may begin with: `sweep>alpha 0.1`."""
    return name.rpartition(">")[2].strip() or name


def _is_odd(value: object) -> bool:
    """Say whether a table that holds this number would show another, or nothing: NaN, infinities and -0.0."""
    return isinstance(value, float) and (not math.isfinite(value) or (value == 0 and math.copysign(1, value) < 0))


def _written(values: list[Any]) -> list[Any]:
    """Return numbers as they are if a table can show all of them, else as the texts that tell them apart."""
    if not any(map(_is_odd, values)):
        return values
    return [None if value is None else formats.number(value) for value in values]


def _numbered(values: list[Any]) -> list[Any]:
    """Return texts as numbers if each is written as a number is: a table sorts them so; 007 and 1.10 stay texts."""
    known = [value for value in values if value is not None]
    return [value and float(value) for value in values] if known and all(map(_NUMBER.fullmatch, known)) else values


_WRITE: dict[str, Callable[[list[Any]], list[Any]]] = {
    "metric": _written, "property": _numbered, "tag": _numbered,
}  # fmt: skip


def metric_table(metrics: Sequence[MetricInfo], curves: Mapping[tuple[str, str | None], list[float]]) -> pd.DataFrame:
    """
    Return the metrics of one run: form, points, last, least and greatest value with its step; one row a column.

    Args:
        metrics: of the run.
        curves: what there is of them as a curve, by name and column.
    """
    return pd.DataFrame(
        {
            "Metric": [m.name if m.column_name is None else f"{m.name} · {m.column_name}" for m in metrics],
            "Curve": [curves.get((m.name, m.column_name)) for m in metrics],
            "Kind": [m.form for m in metrics],
            "Points": [m.n for m in metrics],
            "Last": [formats.number(m.last_value) if m.last_text is None else _short(m.last_text) for m in metrics],
            "Min": [formats.number(m.min_value) for m in metrics],
            "Max": [formats.number(m.max_value) for m in metrics],
            "Min at step": [m.min_step for m in metrics],
            "Max at step": [m.max_step for m in metrics],
        }
    )


def _short(text: str) -> str:
    """Return the beginning of a text: a column of numbers stands to the right, and would show the end of a long one."""
    return text if len(text) <= _SHORT else f"{text[: _SHORT - 1]}…"


def key_metrics(metrics: Iterable[MetricInfo]) -> list[MetricInfo]:
    """Return the numbers logged by `log`, first logged first, without the machine's own figures."""
    plain = [m for m in metrics if m.form == "scalar" and m.n_numeric and m.column_name is None]
    return [m for m in plain if not m.name.startswith(_MACHINE)] or plain


def key_names(logged: Iterable[LoggedMetric]) -> list[str]:
    """Return the names of what several runs log as numbers, first logged first, without the machine's own figures."""
    names = list(dict.fromkeys(m.name for m in logged if m.form == "scalar" and m.n_numeric))
    return [name for name in names if not name.startswith(_MACHINE)] or names


def summary(row: RunRow, zone: tzinfo | None = None) -> str:
    """Return a run's facts on one line: experiment, number, start, length, who, where, how much."""
    parts = [
        row.experiment if row.workspace == "default" else f"{row.workspace} / {row.experiment}",
        f"run {formats.count(row.number)}",
        f"started {formats.moment(row.started_at, zone)}",
        formats.duration(row.duration_s),
        f"{row.user}@{row.host}" if row.user else "",
        f"{formats.count(row.n_points)} points",
        f"{formats.count(row.n_producers)} processes" if row.n_producers > 1 else "",
    ]
    return " · ".join(part for part in parts if part)


def losses(row: RunRow) -> str:
    """Return a sentence on what of this run is missing; empty for a complete run."""
    parts = []
    if row.n_lost:
        parts.append(f"{formats.count(row.n_lost)} points could not be kept by the logging process")
    if row.n_dead_letters:
        parts.append(f"{formats.count(row.n_dead_letters)} events could not be read (see Pipeline)")
    return f"This run is incomplete: {' and '.join(parts)}." if parts else ""


def pairs(values: Mapping[str, str | None], what: str) -> pd.DataFrame:
    """Return keys and values as a table of two columns."""
    return pd.DataFrame({what: list(values), "Value": ["" if value is None else value for value in values.values()]})


def columns_table(values: Mapping[str, Sequence[object]]) -> pd.DataFrame:
    """Return a metric's columns as a table; columns of mixed kinds are written as text, as a table needs."""
    frame = pd.DataFrame({name: list(column) for name, column in values.items()})
    for name, column in values.items():
        if frame[name].map(type).nunique() > 1 or any(map(_is_odd, column)):
            frame[name] = [_text(value) for value in column]
    return frame


def _text(value: object) -> str | None:
    if value is None:
        return None
    return formats.number(value) if isinstance(value, float) and _is_odd(value) else str(value)


# Kinds of events whose own names are the pipeline's.
_CHANGES = {"producer_closed": "process ended", "producer_lost": "process lost", "gap": "points lost"}


def event_table(events: Sequence[EventRow]) -> pd.DataFrame:
    """Return what changed a run, newest first."""
    newest = sorted(events, key=lambda event: event.logged_at, reverse=True)
    return pd.DataFrame(
        {
            "When": [event.logged_at for event in newest],
            "What": [_CHANGES.get(event.change, event.change) for event in newest],
            "Detail": [event.detail or "" for event in newest],
            "Process": [event.producer_id for event in newest],
        }
    )


def file_table(artifacts: Sequence[ArtifactRow]) -> pd.DataFrame:
    """Return files with size, kind and time, and with their version where one has several."""
    table = pd.DataFrame(
        {
            "Path": [artifact.path for artifact in artifacts],
            "Size": [artifact.size_bytes for artifact in artifacts],
            "Kind": [artifact.content_type for artifact in artifacts],
            "Logged": [artifact.logged_at for artifact in artifacts],
            "Version": [artifact.version for artifact in artifacts],
        }
    )
    return table if (table["Version"] > 1).any() else table.drop(columns="Version")


def difference_table(lines: Sequence[Line], rows: Sequence[RunRow]) -> pd.DataFrame:
    """Return lines of a comparison: group, key, then a column a run, whose first row is the run's dot and number."""
    data: dict[str, list[str]] = {
        "Group": ["run", *(line.group for line in lines)],
        "Key": ["colour", *(line.key for line in lines)],
    }
    for place, row in enumerate(rows):
        data[row.run_id] = [f"● run {row.number}", *(line.texts[place] or "" for line in lines)]
    return pd.DataFrame(data)


def difference_style(lines: Sequence[Line], rows: Sequence[RunRow], base: int, dark: bool) -> pd.DataFrame:
    """Return the CSS of each cell of `difference_table`: unlike the baseline tinted, the best value bold green."""
    style = difference_table(lines, rows)
    style.loc[:, :] = ""
    for row in rows:
        style.loc[0, row.run_id] = f"font-weight: 600; color: {css_of(row, dark)}"
    for at, line in enumerate(lines, start=1):
        for place, row in enumerate(rows):
            if line.best == place:
                style.loc[at, row.run_id] = "font-weight: 700; background-color: rgba(18, 161, 80, 0.16)"
            elif line.texts[place] != line.texts[base]:
                style.loc[at, row.run_id] = "background-color: rgba(68, 96, 243, 0.10)"
    return style


def column_docs(columns: Sequence[ColumnDoc]) -> pd.DataFrame:
    """Return the columns of a table with type and meaning."""
    return pd.DataFrame(
        {
            "Column": [column.name for column in columns],
            "Type": [column.type for column in columns],
            "Meaning": [column.comment for column in columns],
        }
    )
