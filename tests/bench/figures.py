"""One figure: what was measured, how often, and its goal. Benchmarks tell them; `make bench` makes a table of them."""

from __future__ import annotations

import json
import os
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

COLLECT = "RUNSTREAM_TEST_BENCH_FIGURES"
"""Names the file to which a benchmark appends its figures, one JSON object a line."""


@dataclass(frozen=True, slots=True)
class Figure:
    """
    Something measured one or several times in one run.

    Attributes:
        name: what was measured.
        unit: of the values, of the goal too.
        values: one of each round.
        at_most, at_least: the goal; neither if the figure is there to compare with.
        is_promise: a miss means lost or doubled points and not a slow machine: `make bench` fails.
    """

    name: str
    unit: str
    values: tuple[float, ...]
    at_most: float | None = None
    at_least: float | None = None
    is_promise: bool = False

    @property
    def median(self) -> float:
        """The middle one of the values."""
        return statistics.median(self.values)

    @property
    def goal(self) -> str:
        """The goal in words; "-" without one."""
        if self.at_most is not None:
            return f"<= {self.at_most:g}"
        return "-" if self.at_least is None else f">= {self.at_least:g}"

    @property
    def verdict(self) -> str:
        """Whether the median keeps the goal: "met", or by which factor it is missed."""
        if self.at_most is not None and self.median > self.at_most:
            return f"missed, {self.median / self.at_most:.2f} x" if self.at_most else "MISSED"
        if self.at_least is not None and self.median < self.at_least:
            return f"missed, {self.median / self.at_least:.2f} x"
        return "" if self.at_most is None and self.at_least is None else "met"

    @property
    def measured(self) -> str:
        """The median, with the range of the rounds where there were several."""
        ends = f" ({short(min(self.values))}-{short(max(self.values))})" if len(self.values) > 1 else ""
        return short(self.median) + ends


def short(value: float) -> str:
    """Three significant digits, whole from 100 on."""
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def tell(
    name: str,
    unit: str,
    values: Iterable[float],
    *,
    at_most: float | None = None,
    at_least: float | None = None,
    is_promise: bool = False,
) -> Figure:
    """Print a figure, and keep it for the table if this benchmark is part of `make bench`."""
    figure = Figure(name, unit, tuple(values), at_most, at_least, is_promise)
    goal = "" if figure.goal == "-" else f"   goal {figure.goal}: {figure.verdict}"
    print(f"   {name}: {figure.measured} {unit}{goal}", flush=True)
    path = os.environ.get(COLLECT)
    if path:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(figure)) + "\n")
    return figure


def collected(path: Path) -> list[Figure]:
    """The figures that a benchmark has told so far, in order; those of one that crashed too."""
    if not path.exists():
        return []
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [Figure(**{**row, "values": tuple(row["values"])}) for row in rows]


def table(figures: Sequence[Figure]) -> str:
    """All figures below each other: figure, goal, measured, verdict."""
    heads = ("figure", "unit", "goal", "median (min-max)", "verdict")
    rows = [heads, *((one.name, one.unit, one.goal, one.measured, one.verdict) for one in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(heads))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * (sum(widths) + 2 * len(widths) - 2), *lines[1:]])
