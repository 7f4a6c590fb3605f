"""Metrics as they went in: the shapes and Python types of `get_metrics()`, in the order of logging.

A metric that was logged once is a bare value, several times a list; rows and tables are columns of such, padded with
None where a row lacks a column. Order is that of (producer, index): steps and clocks do not decide.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from runstream_consumer.access import Access
from runstream_consumer.literal import literal
from runstream_schemas.ids import run_key

Scalar = float | int | bool | str | None
_FLOAT, _INT, _BOOL, _NONE, _TEXT, _BIGINT = range(1, 7)
_ROWED = frozenset({"row", "table"})


@dataclass(frozen=True, slots=True)
class _Series:
    """One producer's points of one metric or column, in the order logged; steps are row numbers, where it has rows."""

    producer_id: str
    name: str
    column_name: str | None
    form: str
    values: list[Scalar]
    steps: list[int]


def metrics(access: Access, run_id: str, name: str | None = None) -> dict[str, Any]:
    """Return metric -> value, list of values, or columns of such; only the metric *name* if given, {} without it."""
    return metrics_of_runs(access, [run_id], name).get(run_id, {})


def metrics_of_runs(access: Access, run_ids: Sequence[str], name: str | None = None) -> dict[str, dict[str, Any]]:
    """Return run id -> what `metrics` gives, in the order of the ids; runs without metrics are left out."""
    series_of = _read(access, run_ids, None if name is None else [name]) if run_ids else {}
    return {run_id: _shaped(series_of[run_id]) for run_id in dict.fromkeys(run_ids) if run_id in series_of}


def _shaped(own: Sequence[_Series]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for metric, form, series in _by_metric(own):
        if form in _ROWED:
            found[metric] = {column: _bare(values) for column, values in _columns(series).items()}
        else:
            values = [value for one in series for value in one.values]
            found[metric] = values if form == "list" and not values else _bare(values)
    return found


def table(access: Access, run_id: str, name: str) -> dict[str, list[Scalar]]:
    """Return a metric as columns of equal length; one that has no columns is a single one with its own name."""
    return tables(access, run_id, [name]).get(name, {})


def tables(access: Access, run_id: str, names: Sequence[str]) -> dict[str, dict[str, list[Scalar]]]:
    """Return metric -> what `table` gives, of those of these metrics that the run has."""
    found = _by_metric(_read(access, [run_id], names).get(run_id, [])) if names else ()
    return {
        metric: _columns(series) if form in _ROWED else {metric: [value for one in series for value in one.values]}
        for metric, form, series in found
    }


def _read(access: Access, run_ids: Sequence[str], metrics: Sequence[str] | None) -> dict[str, list[_Series]]:
    one = "" if metrics is None else f"AND name IN ({', '.join(map(literal, metrics))})"
    keys, names = (f"({', '.join(map(literal, found))})" for found in ([run_key(r) for r in run_ids], run_ids))
    own = f"run_key IN {keys}"
    columns = 'series_id, step, "index", value, kind & 7 AS kind, text'
    # Only series of mixed kinds pay for a kind and a text per point.
    statement = f"""
WITH own AS MATERIALIZED (
    SELECT run_key, run_id, series_id, producer_id, name, column_name, form, min(first_index) AS first_index,
           min(sequence) AS first_event
    FROM series_log WHERE {own} AND run_id IN {names} {one} GROUP BY ALL),
p AS (SELECT {columns} FROM point WHERE {own} AND series_id IN (SELECT series_id FROM own)
      UNION ALL SELECT {columns} FROM point_live WHERE {own} AND series_id IN (SELECT series_id FROM own)),
v AS (SELECT series_id, min(kind) AS low, max(kind) AS high, list(value ORDER BY "index") AS value,
             list(kind ORDER BY "index") AS kind, list(text ORDER BY "index") AS text,
             list(step ORDER BY "index") AS step, any_value(text) IS NOT NULL AS has_text, min("index") AS first_place
      FROM p GROUP BY series_id)
SELECT run_id, producer_id, name, column_name, form, low, high, value,
       CASE WHEN low <> high THEN kind END, CASE WHEN has_text THEN text END,
       CASE WHEN form IN ('row', 'table') THEN step END
FROM own LEFT JOIN v ON v.series_id = own.series_id
ORDER BY producer_id, coalesce(first_place, first_index), first_place NULLS FIRST, first_event, name, column_name"""
    rows = access.run(statement, lambda cursor: cursor.fetchall())
    found: dict[str, list[_Series]] = {}
    for run_id, producer, metric, column, form, low, high, value, kind, text, step in rows:
        series = _Series(producer, metric, column, form, _values(low, high, value, kind, text), step or [])
        found.setdefault(run_id, []).append(series)
    return found


def _values(
    low: int | None,
    high: int | None,
    values: list[float | None] | None,
    kinds: list[int] | None,
    texts: list[str | None] | None,
) -> list[Scalar]:
    """The values of one series with the types that they were logged with; *kinds* is None where all are alike."""
    if low is None or values is None:
        return []
    if low == high == _FLOAT and texts is None:
        return list(values)
    every_kind = kinds if kinds is not None else [low] * len(values)
    every_text = texts if texts is not None else [None] * len(values)
    return [_value(*point) for point in zip(every_kind, values, every_text, strict=True)]


def _value(kind: int, value: float | None, text: str | None) -> Scalar:
    if kind == _FLOAT:
        return value if text is None else float(text)
    if kind in (_INT, _BIGINT):
        return int(text) if text is not None else int(value or 0)
    if kind == _BOOL:
        return bool(value)
    return text if kind == _TEXT else None


def _by_metric(series: Sequence[_Series]) -> Iterable[tuple[str, str, list[_Series]]]:
    """Each metric with its form and its series, first logged first; the oldest producer's form holds."""
    found: dict[str, list[_Series]] = {}
    for one in series:
        found.setdefault(one.name, []).append(one)
    for name, own in found.items():
        yield name, own[0].form, own


def _columns(series: Sequence[_Series]) -> dict[str, list[Scalar]]:
    """Columns of equal length: a row is what one producer logged under one row number."""
    rows: dict[tuple[str, int], int] = {}
    for key in sorted({(one.producer_id, step) for one in series for step in one.steps}):
        rows[key] = len(rows)
    columns: dict[str, list[Scalar]] = {}
    for one in series:
        if one.column_name is None:
            continue
        column = columns.setdefault(one.column_name, [None] * len(rows))
        for step, value in zip(one.steps, one.values, strict=True):
            column[rows[one.producer_id, step]] = value
    return columns


def _bare(values: list[Scalar]) -> list[Scalar] | Scalar:
    return values[0] if len(values) == 1 else values
