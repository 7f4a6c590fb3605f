"""Curves for drawing: aligned columns, exact at any length, at a cost that does not grow with the history.

A column is a power of two steps (or microseconds) wide and anchored at 0, so it never depends on what else is shown,
and a block of points that is narrower never crosses one: whole blocks give first, last, least and greatest value of a
column, raw points are read only where a block does not fit, and from the tail that is not sealed yet.

Order among equal x: by producer, then by index. Where a whole block meets another at one x, the later seal is later.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import duckdb
import numpy as np
import numpy.typing as npt

from runstream_consumer.access import Access
from runstream_consumer.literal import literal
from runstream_schemas.ids import run_key

Axis = Literal["step", "time", "relative"]
ChartKey = tuple[str, str, str | None]
"""Run id, metric name, column of a row or table (None otherwise)."""

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

RAW_BELOW = 200_000
"""With so few points in range a scan of the points beats looking at blocks first (store.md 3.2)."""

_KINDS = ("nan", "inf", "-inf")
_INT64 = 1 << 63


@dataclass(frozen=True, slots=True, eq=False)
class Chart:
    """
    One curve: per column its first, last, least and greatest point. All arrays have shape (number of columns,).

    Attributes:
        x: which axis; its unit is steps, or seconds (since 1970 UTC, or since the run started).
        width: of a column in units of x; 0 where every entry is one point.
        n: points in range, NaN and infinities included; None and text are not.
        column: number of the column: floor(x / width) before `relative` moves its origin; of a point, its x.
        first_x, first, last_x, last: may be NaN or infinite.
        min_x, min, max_x, max: over finite values; NaN where a column has none.
        nonfinite: (x of the first in its column, "nan", "inf" or "-inf", how many), by x.
    """

    run_id: str
    name: str
    column_name: str | None
    x: Axis
    width: float
    n: int
    column: Ints
    first_x: Floats
    first: Floats
    last_x: Floats
    last: Floats
    min_x: Floats
    min: Floats
    max_x: Floats
    max: Floats
    nonfinite: list[tuple[float, str, int]]


_SERIES = """
WITH asked AS (SELECT unnest(range(len({names}))) AS i, unnest({run_ids}) AS run_id, unnest({names}) AS name,
                      unnest({column_names}) AS column_name, unnest({run_keys}) AS run_key),
own AS (
    SELECT a.i, s.run_key, s.series_id, any_value(s.producer_id) AS producer_id
    FROM series_log AS s JOIN asked AS a
      ON s.run_key = a.run_key AND s.run_id = a.run_id AND s.name = a.name
     AND s.column_name IS NOT DISTINCT FROM a.column_name
    WHERE s.run_key IN ({key_list}) GROUP BY 1, 2, 3),
stat AS (
    SELECT o.*, t.n, t.n_stepless, t.n_numeric, t.low_step, t.high_step, t.low_at, t.high_at,
           row_number() OVER (PARTITION BY o.i ORDER BY o.producer_id) AS place,
           coalesce(sum(t.n_stepless) OVER (PARTITION BY o.i ORDER BY o.producer_id
               ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)::BIGINT AS shift
    FROM own AS o JOIN series_newest AS t ON t.run_key = o.run_key AND t.series_id = o.series_id
    WHERE t.run_key IN ({key_list})),
began AS (
    SELECT run_key, min(logged_at_ns) // 1000 AS at FROM run_event
    WHERE change = 'created' AND run_key IN ({key_list}) GROUP BY 1),"""

_RANGES = """
span AS (
    SELECT i, coalesce(any_value({lo}), min({low})) AS lo, coalesce(any_value({hi}), max({high})) AS hi,
           any_value(b.at) AS origin, sum(n_numeric) AS n
    FROM stat AS s LEFT JOIN began AS b ON b.run_key = s.run_key GROUP BY i),
"""


def charts(
    access: Access, keys: Sequence[ChartKey], x: Axis, lo: float | None, hi: float | None, columns: int
) -> list[Chart]:
    """See History.charts."""
    raise RuntimeError("soon")
