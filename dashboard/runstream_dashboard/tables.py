"""Rows of the history as tables for the pages. Pure: data in, a pandas frame out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
from runstream_consumer.history import MetricInfo, RunRow

from runstream_dashboard import formats, palette

# A column of the runs table is named by its kind and name: "run:status", "metric:val/loss", "property:lr", "tag:team".
RUN_COLUMNS = ("status", "experiment", "tags", "duration", "started", "user", "host", "id")
_FIRST_COLUMNS = ("run:status", "run:experiment", "run:tags", "run:duration", "run:started")
_FIRST_METRICS = 4
_FIRST_PROPERTIES = 4
# Properties that describe where a run came from, not what was tried: offered, but not shown at first.
_BACKGROUND = ("git.", "python.", "host.", "system.")


@dataclass(frozen=True, slots=True)
class Choice:
    """What the runs table can show and what it shows at first; columns as "kind:name"."""

    offered: tuple[str, ...]
    first: tuple[str, ...]


def choices(rows: Sequence[RunRow], metrics: Iterable[MetricInfo]) -> Choice:
    """Return the columns that these runs fill; the first numbers, properties and tags logged come first."""
    numeric = dict.fromkeys(m.name for m in metrics if m.form == "scalar" and m.n_numeric and m.column_name is None)
    names = sorted(numeric, key=lambda name: name.startswith("system/"))
    properties = dict.fromkeys(key for row in rows for key in row.properties)
    tags = dict.fromkeys(key for row in rows for key in row.tags)
    shown = [key for key in properties if not key.startswith(_BACKGROUND)]
    return Choice(
        offered=(
            *(f"run:{name}" for name in RUN_COLUMNS),
            *(f"metric:{name}" for name in names),
            *(f"property:{key}" for key in properties),
            *(f"tag:{key}" for key in tags),
        ),
        first=(
            *_FIRST_COLUMNS,
            *(f"metric:{name}" for name in names[:_FIRST_METRICS] if not name.startswith("system/")),
            *(f"property:{key}" for key in shown[:_FIRST_PROPERTIES]),
        ),
    )


def named(columns: Iterable[str], kind: str) -> tuple[str, ...]:
    """Return the names of the columns of one kind."""
    return tuple(name for each, _, name in (column.partition(":") for column in columns) if each == kind)


def elapsed_s(row: RunRow, now: datetime) -> float | None:
    """Return how many seconds a run took, or has taken until `now`."""
    if row.started_at is None:
        return None
    return float(((row.ended_at or now) - row.started_at) / timedelta(seconds=1))


def tag_texts(tags: Mapping[str, str | None]) -> list[str]:
    """Return tags as short labels: `key = value`, or the key alone where there is no value."""
    return [key if value in {None, ""} else f"{key} = {value}" for key, value in tags.items()]


def _run_value(row: RunRow, name: str, now: datetime) -> Any:
    values: dict[str, Any] = {
        "status": [row.status],
        "experiment": row.experiment,
        "tags": tag_texts(row.tags),
        "duration": formats.duration(elapsed_s(row, now)),
        "started": formats.ago(row.started_at, now),
        "user": row.user,
        "host": row.host,
        "id": row.run_id,
    }
    return values.get(name)


def _value(row: RunRow, column: str, now: datetime) -> Any:
    kind, _, name = column.partition(":")
    if kind == "run":
        return _run_value(row, name, now)
    if kind == "metric":
        stat = row.metrics.get(name)
        return None if stat is None else stat.last_value
    return (row.properties if kind == "property" else row.tags).get(name)


def run_table(rows: Sequence[RunRow], columns: Sequence[str], now: datetime) -> pd.DataFrame:
    """Return the runs as a table: a dot in the run's colour, its name, then the chosen columns by "kind:name"."""
    data: dict[str, list[Any]] = {
        "dot": [palette.dot(palette.colour_index(row.number)) for row in rows],
        "name": [row.display_name or row.run_id for row in rows],
    }
    for column in columns:
        data[column] = [_value(row, column, now) for row in rows]
    return pd.DataFrame(data)


def metric_table(metrics: Sequence[MetricInfo]) -> pd.DataFrame:
    """Return the metrics of one run: form, points, last, least and greatest value with its step; one row a column."""
    return pd.DataFrame(
        {
            "Metric": [m.name if m.column_name is None else f"{m.name} · {m.column_name}" for m in metrics],
            "Kind": [m.form for m in metrics],
            "Points": [m.n for m in metrics],
            "Last": [m.last_text if m.last_text is not None else formats.number(m.last_value) for m in metrics],
            "Min": [formats.number(m.min_value) for m in metrics],
            "Max": [formats.number(m.max_value) for m in metrics],
            "Min at step": [m.min_step for m in metrics],
            "Max at step": [m.max_step for m in metrics],
        }
    )
