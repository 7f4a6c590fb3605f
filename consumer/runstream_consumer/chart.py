"""Curves for drawing: aligned columns, exact at any length, at a cost that does not grow with the history.

A column is a power of two steps (or microseconds) wide and anchored at 0, so it never depends on what else is shown,
and a block of points that is narrower never crosses one: whole blocks give first, last, least and greatest value of a
column, raw points are read only where a block does not fit, and from the tail that is not sealed yet.

By time, blocks are not aligned: nearly every edge of a column splits one, and reading these point by point cost as much
as all else together. Where a block is no longer than half a column it gives its first, last, least and greatest point
instead, each to the column that it lies in. So every point shown is where it was logged, and no first, last, least or
greatest value of a block is ever missing; a column may lack what the split block held besides, within half a column of
its edge. The block is counted where it begins. Closer in, where blocks are longer than that, all of it is exact again.

Order among equal x: by producer, step and index, whatever was sealed first.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import duckdb
import numpy as np
import numpy.typing as npt

from runstream_consumer.access import Access
from runstream_consumer.literal import bigints, literal
from runstream_schemas.ids import run_key

Axis = Literal["step", "time", "relative"]
ChartKey = tuple[str, str, str | None]
"""Run id, metric name, column of a row or table (None otherwise)."""

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

BLOCKS_FROM = 100_000
"""With fewer points a scan of the points beats looking at blocks first (a block holds about a thousand)."""

_STATEMENT = Path(__file__).with_name("chart.sql").read_text(encoding="utf-8")
_LOW, _HIGH = -(1 << 63), (1 << 63) - 1
_HEADER, _COLUMN, _MARK = 0, 1, 2
_MARKS = ("nan", "-inf", "inf")


@dataclass(frozen=True, slots=True, eq=False)
class Chart:
    """
    One curve: per column its first, last, least and greatest point. All arrays have shape (number of columns,).

    Attributes:
        x: which axis; its unit is steps, or seconds (since 1970 UTC, or since the run was created).
        width: of a column in units of x; 0 where every entry is one point.
        n: points in range, NaN and infinities included; None and text are not.
        column: number of the column: floor(x / width), with the x of the axes step and time.
        first_x, first, last_x, last: may be NaN or infinite.
        min_x, min, max_x, max: over finite values, the first of equals; NaN where a column has none.
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


def charts(
    access: Access, keys: Sequence[ChartKey], x: Axis, lo: float | None, hi: float | None, columns: int
) -> list[Chart]:
    """See History.charts."""
    if not keys:
        return []
    parts = per_key(access, statement(keys, x, lo, hi, columns), len(keys))
    return [_chart(key, x, part) for key, part in zip(keys, parts, strict=True)]


def per_key(access: Access, statement: str, n_keys: int) -> Iterator[dict[str, npt.NDArray[Any]]]:
    """Run a statement whose rows are sorted by `i`, the number of their key; yield the columns of each key's rows."""
    found = access.run(statement, duckdb.DuckDBPyConnection.fetchnumpy)
    bounds = np.searchsorted(np.asarray(found["i"]), np.arange(n_keys + 1))
    plain = {name: _plain(values) for name, values in found.items()}
    for begin, end in pairwise(bounds):
        yield {name: values[begin:end] for name, values in plain.items()}


def check_range(lo: float | None, hi: float | None, columns: int) -> None:
    """Raise ValueError where no column is asked for, or a range that is none."""
    if columns < 1 or (lo is not None and math.isnan(lo)) or (hi is not None and math.isnan(hi)):
        raise ValueError(f"columns={columns}, lo={lo}, hi={hi}: ask for one column or more, and numbers as a range")


def statement(keys: Sequence[ChartKey], x: Axis, lo: float | None, hi: float | None, columns: int) -> str:
    """
    Return the statement that reads these curves; its columns are those of chart.sql's last SELECT.

    Raises:
        ValueError: an unknown axis, no columns, or a range that is none.
    """
    if x not in ("step", "time", "relative"):
        raise ValueError(f"x={x!r} is no axis; use 'step', 'time' or 'relative'")
    check_range(lo, hi, columns)
    scale = 1 if x == "step" else 1_000_000
    origin = "began.at" if x == "relative" else "0"
    return _STATEMENT.format(
        names=literal([name for _, name, _ in keys]),
        run_ids=literal([run_id for run_id, _, _ in keys]),
        column_names=f"{literal([column for _, _, column in keys])}::VARCHAR[]",
        run_keys=bigints([run_key(run_id) for run_id, _, _ in keys]),
        own=f"IN ({', '.join(literal(key) for key in sorted({run_key(run_id) for run_id, _, _ in keys}))})",
        lo="NULL" if lo is None else f"{origin} + {_whole(lo * scale, math.floor)}",
        hi="NULL" if hi is None else f"{origin} + {_whole(hi * scale, math.ceil)}",
        columns=int(columns),
        blocks_from=BLOCKS_FROM,
        **(_STEP if x == "step" else _TIME),
    )


# What of chart.sql depends on the axis: names of the columns that hold x, the shift of points that were logged
# without a step (s.shift, by what earlier producers of the run have counted), and which blocks bound x at all.
_STEP = {
    "low": "low_step",
    "high": "high_step",
    "whole_shift": "if(n_stepless = n, shift, 0)",
    "is_mixed": "n_stepless > 0 AND n_stepless < n AND shift > 0",
    "point_x": "p.step + if(p.kind >= 8, s.shift, 0)",
    "point_range": "p.step BETWEEN s.lo_shifted AND s.hi",
    "block_range": "b.last_step >= s.lo_shifted AND b.first_step <= s.hi_shifted",
    "is_bounded": "b.min_at IS NOT NULL OR b.first_at IS NOT NULL",
    "is_split": "false",
    "x": "step",
}
_TIME = {
    "low": "low_at",
    "high": "high_at",
    "whole_shift": "0",
    "is_mixed": "false",
    "point_x": "p.logged_at",
    "point_range": "p.logged_at BETWEEN s.lo AND s.hi",
    "block_range": "(NOT b.time_ordered OR b.last_at >= s.lo AND b.first_at <= s.hi)",
    "is_bounded": "b.time_ordered",
    "is_split": """NOT is_raw AND time_ordered AND first_at >= lo AND last_at <= hi
                   AND 2 * (last_at::HUGEINT - first_at) <= 1::HUGEINT << sh""",
    "x": "at",
}


def _whole(x: float, rounded: Any) -> str:
    return literal(min(max(rounded(x), _LOW), _HIGH) if math.isfinite(x) else (_HIGH if x > 0 else _LOW))


def _plain(values: Any) -> npt.NDArray[Any]:
    """A column of the answer without its mask: NULL is NaN in floats and 0 in integers."""
    if isinstance(values, np.ma.MaskedArray):
        return np.asarray(values.filled(np.nan if values.dtype.kind == "f" else 0))
    return np.asarray(values)


def _chart(key: ChartKey, x: Axis, rows: dict[str, npt.NDArray[Any]]) -> Chart:
    run_id, name, column_name = key
    what = rows["what"]
    column, mark = what == _COLUMN, what == _MARK
    header = np.flatnonzero(what == _HEADER)
    shift = int(rows["c"][header[0]]) if len(header) else 0
    origin = int(rows["fx"][header[0]]) if len(header) and x == "relative" else 0
    unit = 1.0 if x == "step" else 1e6
    n = rows["n"][column]

    def along(place: str, of: npt.NDArray[np.bool_] = column) -> Floats:
        return (rows[place][of] - origin) / unit

    is_finite = np.isfinite(rows["nv"][column])
    return Chart(
        run_id=run_id,
        name=name,
        column_name=column_name,
        x=x,
        width=0.0 if not (n > 1).any() else float(1 << shift) / unit,
        n=int(n.sum()),
        column=rows["c"][column].astype(np.int64),
        first_x=along("fx"),
        first=rows["fv"][column],
        last_x=along("lx"),
        last=rows["lv"][column],
        min_x=np.where(is_finite, along("nx"), np.nan),
        min=rows["nv"][column],
        max_x=np.where(is_finite, along("xx"), np.nan),
        max=rows["xv"][column],
        nonfinite=[
            (float(at), _MARKS[int(kind)], int(count))
            for at, kind, count in zip(along("fx", mark), rows["lx"][mark], rows["n"][mark], strict=True)
        ],
    )
