"""The curves of a run as the widget draws them: one a metric, read anew only when points were added to it."""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from runstream_consumer.history import Chart, History, MetricInfo

COLUMNS: Final = 150
"""A card is about 300 pixels wide, and a curve comes in this many to twice as many columns."""

MAX_CURVES: Final = 60
MAX_ROWS: Final = 10_000
"""A longer table is drawn as its first numeric column alone, which the history thins out."""

MAX_MARKS: Final = 100
_ITEM_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class Curve:
    """
    One metric's curve.

    Attributes:
        name: of the metric.
        x_name, y_name: what the axes hold: step, place or row, and the column of a row or table ("" where it has none).
        n: points that it stands for.
        width: of a column in units of x; 0 where each column is one point.
        x, y, low, high: float64 in the machine's order, one a column; low and high are empty where width is 0.
        marks: [x, "nan", "inf" or "-inf", how many] of what cannot be drawn.
    """

    name: str
    x_name: str
    y_name: str
    n: int
    width: float
    x: bytes
    y: bytes
    low: bytes = b""
    high: bytes = b""
    marks: tuple[tuple[float, str, int], ...] = ()

    @property
    def n_columns(self) -> int:
        """How many columns there are."""
        return len(self.x) // _ITEM_BYTES

    @property
    def size_bytes(self) -> int:
        """What its numbers take."""
        return len(self.x) + len(self.y) + len(self.low) + len(self.high)

    def points(self) -> tuple[list[float], list[float | None]]:
        """Return x and y as numbers; a y that is not finite is None."""
        return numbers(self.x), [value if math.isfinite(value) else None for value in numbers(self.y)]

    def least_and_greatest(self) -> tuple[float, float] | None:
        """Return them over what can be drawn; None where nothing can."""
        low, high = (
            [value for value in numbers(values) if math.isfinite(value)]
            for values in (self.low or self.y, self.high or self.y)
        )
        return (min(low), max(high)) if low and high else None

    def after(self, base: Curve | None) -> int:
        """Return how many leading columns are those of *base*, bit for bit; 0 when they are cut differently."""
        if base is None or (base.width, base.x_name, base.y_name) != (self.width, self.x_name, self.y_name):
            return 0
        same, different = 0, min(self.n_columns, base.n_columns) + 1
        while different - same > 1:
            middle = (same + different) // 2
            if all(a[: middle * _ITEM_BYTES] == b[: middle * _ITEM_BYTES] for a, b in self._with(base)):
                same = middle
            else:
                different = middle
        return same

    def _with(self, base: Curve) -> list[tuple[bytes, bytes]]:
        return [(self.x, base.x), (self.y, base.y), (self.low, base.low), (self.high, base.high)]


def numbers(values: bytes) -> list[float]:
    """Return float64 values as Python's."""
    return array("d", values).tolist()


class Curves:
    """Reads the curves of one run, and remembers them."""

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._known: dict[str, tuple[Sequence[int], Curve]] = {}

    def read(self, history: History, metrics: Sequence[MetricInfo]) -> tuple[list[Curve], int]:
        """Return the curves of these metrics, the first logged first, and how many metrics are left out for room."""
        groups: dict[str, list[MetricInfo]] = {}
        for info in metrics:
            groups.setdefault(info.name, []).append(info)
        drawn = [(name, infos) for name, infos in groups.items() if _is_drawn(infos)]
        stale = [(name, infos) for name, infos in drawn[:MAX_CURVES] if self._counts(name) != _counts(infos)]
        lines: list[tuple[MetricInfo, Sequence[int]]] = []
        for name, infos in stale:
            numeric = [info for info in infos if info.n_numeric]
            if len(numeric) > 1 and max(info.n for info in infos) <= MAX_ROWS:
                self._known[name] = (_counts(infos), _of_table(history, *numeric[:2]))
            else:
                lines.append((numeric[0], _counts(infos)))
        if lines:
            keys = [(self._run_id, info.name, info.column_name) for info, _ in lines]
            for (info, counts), chart in zip(lines, history.charts(keys, columns=COLUMNS), strict=True):
                self._known[info.name] = (counts, _of_chart(chart, info.form))
        return [self._known[name][1] for name, _ in drawn[:MAX_CURVES]], max(0, len(drawn) - MAX_CURVES)

    def _counts(self, name: str) -> Sequence[int]:
        return self._known[name][0] if name in self._known else ()


def _counts(infos: Sequence[MetricInfo]) -> Sequence[int]:
    return sorted(info.n for info in infos)


def _is_drawn(infos: Sequence[MetricInfo]) -> bool:
    """Whether there are numbers enough for a line; one number alone is told as a value."""
    return infos[0].form in {"scalar", "list", "row", "table"} and max(info.n_numeric for info in infos) > 1


def _of_chart(chart: Chart, form: str) -> Curve:
    is_banded = chart.width > 0
    return Curve(
        name=chart.name,
        x_name={"scalar": "step", "list": "place"}.get(form, "row"),
        y_name=chart.column_name or "",
        n=chart.n,
        width=chart.width,
        x=chart.last_x.astype("=f8").tobytes(),
        y=chart.last.astype("=f8").tobytes(),
        low=chart.min.astype("=f8").tobytes() if is_banded else b"",
        high=chart.max.astype("=f8").tobytes() if is_banded else b"",
        marks=tuple((float(x), str(kind), int(count)) for x, kind, count in chart.nonfinite[:MAX_MARKS]),
    )


def _of_table(history: History, x_info: MetricInfo, y_info: MetricInfo) -> Curve:
    x_name, y_name = x_info.column_name or "", y_info.column_name or ""
    pairs = _pairs(history.table(x_info.run_id, x_info.name), x_name, y_name)
    # Every so many: a curve over a column of its own has no order that it could be cut into columns along.
    shown = pairs[:: max(1, math.ceil(len(pairs) / (2 * COLUMNS)))]
    x, y = array("d", [x for x, _ in shown]), array("d", [y for _, y in shown])
    return Curve(x_info.name, x_name, y_name, len(pairs), 0.0, x.tobytes(), y.tobytes())


def _pairs(table: Mapping[str, Sequence[object]], x_name: str, y_name: str) -> list[tuple[float, float]]:
    """Return the rows that have a place: x is finite; a y that is no number is NaN, a gap."""
    found = []
    for x, y in zip(table.get(x_name, ()), table.get(y_name, ()), strict=False):
        if isinstance(x, int | float) and math.isfinite(x):
            found.append((float(x), float(y) if isinstance(y, int | float) else math.nan))
    return found
