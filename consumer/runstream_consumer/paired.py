"""Curves of one metric against another of the same run: points at equal steps belong together.

Of several points at one step the last counts, by producer, then by index, on both sides; a step that only one of the
two has is left out, and so is an x that is NaN or infinite. The pairs are in the order of x, equal x in the order of
steps. Unlike the curves of module chart this reads every point of both metrics: an x may run backwards, so that no
block of points bounds it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from runstream_consumer.access import Access
from runstream_consumer.chart import check_range, per_key
from runstream_consumer.literal import bigints, literal
from runstream_schemas.ids import run_key

PairKey = tuple[str, str]
"""Run id and the name of the metric that is y."""

Floats = npt.NDArray[np.float64]

_STATEMENT = Path(__file__).with_name("paired.sql").read_text(encoding="utf-8")
_WIDTH, _COLUMN = 0, 1
_MARKS = ("nan", "-inf", "inf")


@dataclass(frozen=True, slots=True, eq=False)
class PairedChart:
    """
    One curve over another metric. All arrays have shape (number of columns,).

    Attributes:
        name, x_name: the metrics that are y and x.
        width: of a column in units of x, a power of two anchored at 0; 0 where every entry is one pair.
        n: pairs in range, those included whose y is NaN or infinite.
        last_x, last: the pair with the greatest x of the column, of equals the one with the greatest step; `last` may
            be NaN or infinite.
        min, max: over finite y; NaN where a column has none.
        nonfinite: (x of the first in its column, "nan", "inf" or "-inf", how many), by x.
    """

    run_id: str
    name: str
    x_name: str
    width: float
    n: int
    last_x: Floats
    last: Floats
    min: Floats
    max: Floats
    nonfinite: list[tuple[float, str, int]]


def paired_charts(
    access: Access, keys: Sequence[PairKey], x_name: str, lo: float | None, hi: float | None, columns: int
) -> list[PairedChart]:
    """See History.paired_charts."""
    if not keys:
        return []
    parts = per_key(access, statement(keys, x_name, lo, hi, columns), len(keys))
    return [_chart(key, x_name, part) for key, part in zip(keys, parts, strict=True)]


def statement(keys: Sequence[PairKey], x_name: str, lo: float | None, hi: float | None, columns: int) -> str:
    """
    Return the statement that reads these curves; its columns are those of paired.sql's last SELECT.

    Raises:
        ValueError: no columns, or a range that is none.
    """
    check_range(lo, hi, columns)
    return _STATEMENT.format(
        names=literal([name for _, name in keys]),
        run_ids=literal([run_id for run_id, _ in keys]),
        run_keys=bigints([run_key(run_id) for run_id, _ in keys]),
        own=f"IN ({', '.join(literal(key) for key in sorted({run_key(run_id) for run_id, _ in keys}))})",
        x_name=literal(x_name),
        lo="true" if lo is None else f"x.value >= {literal(float(lo))}",
        hi="true" if hi is None else f"x.value <= {literal(float(hi))}",
        columns=int(columns),
    )


def _chart(key: PairKey, x_name: str, rows: dict[str, npt.NDArray[Any]]) -> PairedChart:
    run_id, name = key
    what = rows["what"]
    width, column, mark = what == _WIDTH, what == _COLUMN, what > _COLUMN
    return PairedChart(
        run_id=run_id,
        name=name,
        x_name=x_name,
        width=float(rows["x"][width][0]) if width.any() else 0.0,
        n=int(rows["n"][column].sum()),
        last_x=rows["x"][column],
        last=rows["y"][column],
        min=rows["low"][column],
        max=rows["high"][column],
        nonfinite=[
            (float(x), _MARKS[int(kind) - _COLUMN - 1], int(n))
            for x, kind, n in zip(rows["x"][mark], what[mark], rows["n"][mark], strict=True)
        ],
    )
