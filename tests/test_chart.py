"""Charts: the columns that come out of blocks, raw edges and the live tail are those of a look at every point."""

from __future__ import annotations

import itertools
import math
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import duckdb
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from runstream_consumer import blocks
from runstream_consumer import chart as charting
from runstream_consumer.access import T, Take
from runstream_consumer.chart import Axis, Chart
from runstream_consumer.fold import Fold
from runstream_consumer.maintain import Maintainer
from runstream_schemas.events import Created, MetricEvent, Other, RunEvent
from tests.folded import START_NS, Value, fold_into, open_store, pack_point, scalar

RUN, NAME = "run", "loss"
CREATED_NS = START_NS - 5_000_000


class Direct:
    """An access to an open history file, without a server."""

    where = "here"
    is_served = False

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def run(self, statement: str, take: Take[T]) -> T:
        """See Access."""
        cursor = self._connection.cursor()
        cursor.execute(statement)
        return take(cursor)

    def relation(self, statement: str) -> duckdb.DuckDBPyRelation:
        """See Access."""
        return self._connection.sql(statement)

    def at_once(self) -> AbstractContextManager[None]:
        """See Access."""
        return nullcontext()

    def close(self) -> None:
        """See Access."""


@dataclass(frozen=True)
class Logged:
    """One point as logged: by which producer, with or without a step, when (us after the start)."""

    producer: int
    step: int | None
    at_us: int
    value: Value


@dataclass(frozen=True)
class Slice:
    """Points that are committed together, and what happens to them."""

    points: list[Logged]
    door_one: bool
    seal: bool


NUMBERS: st.SearchStrategy[Value] = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, 1.0, 2.0, math.nan, math.inf, -math.inf]),
    st.floats(-1e6, 1e6),
    st.integers(-5, 5),
    st.sampled_from([None, "text", True]),
)
STEPS = st.one_of(st.none(), st.integers(-40, 40), st.integers(-3, 3))


@st.composite
def histories(draw: st.DrawFn) -> list[Slice]:
    """Up to five commits of up to two producers: steps and clocks repeat and run backwards."""
    slices = []
    clock = itertools.count()
    for _ in range(draw(st.integers(1, 5))):
        strided = draw(st.booleans())
        n = draw(st.integers(1, 60 if strided else 25))
        base = draw(st.integers(-50, 200))
        points = [
            Logged(
                draw(st.integers(0, 1)) if not strided else 0,
                base + i * 2 if strided else draw(STEPS),
                next(clock) * 7 + (0 if strided else draw(st.integers(-30, 30))),
                draw(NUMBERS),
            )
            for i in range(n)
        ]
        slices.append(Slice(points, draw(st.booleans()), draw(st.booleans())))
    return slices


def event_of(points: Sequence[tuple[int, Logged]], producer: int, sequence: int) -> MetricEvent:
    """One metric event of (index, point) pairs of one producer."""
    packed = [pack_point(0, p.step, p.value, START_NS + p.at_us * 1000, i) for i, (_, p) in enumerate(points)]
    return MetricEvent(
        RUN, f"p{producer}", sequence, START_NS, points[0][0], len(points), (scalar(0, NAME),),
        tuple(other for _, other in packed if isinstance(other, Other)), b"".join(record for record, _ in packed),
    )  # fmt: skip


def build(folder: Path, slices: Sequence[Slice]) -> Any:
    """Fold the slices; returns the open store."""
    store = open_store(folder)
    fold = Fold(store.load_state())
    maintainer = Maintainer(store, fold)
    created = Created("default", "exp", None, None, None, None, "host", "user", 1, None)
    fold_into(store, fold, [RunEvent(RUN, "p0", 0, CREATED_NS, created)])
    index, sequence = [0, 0], [0, 0]
    for part in slices:
        events = []
        for producer in (0, 1):
            own = [p for p in part.points if p.producer == producer]
            if own:
                events.append(event_of(list(enumerate(own, index[producer])), producer, sequence[producer]))
                index[producer] += len(own)
                sequence[producer] += 1
        fold_into(store, fold, events, door_one=part.door_one)
        if part.seal:
            maintainer.seal()
    maintainer.write_statistics()
    return store


@dataclass(frozen=True)
class Point:
    """A point that a chart can show: x in steps or us, and its place among equals."""

    x: int
    order: tuple[int, int, int]
    value: float


def shown(slices: Sequence[Slice], x: Axis) -> list[Point]:
    """Every number of the history as the axis sees it: steps that were counted go on over producers."""
    by_producer: list[list[Logged]] = [[], []]
    for part in slices:
        for p in part.points:
            by_producer[p.producer].append(p)
    n_stepless = [sum(p.step is None for p in own) for own in by_producer]
    found = []
    for producer, own in enumerate(by_producer):
        counted = itertools.count(n_stepless[0] if producer else 0)
        for index, p in enumerate(own):
            step = next(counted) if p.step is None else p.step
            at = START_NS // 1000 + p.at_us
            if not isinstance(p.value, str) and p.value is not None:
                tie = (producer, step, index)
                found.append(Point(step if x == "step" else at, tie, float(p.value)))
    return found


def expected(points: Sequence[Point], width: int) -> dict[int, tuple[tuple[float, ...], float, float]]:
    """Column -> first x, last x, least x and value, greatest x and value; its first and last value."""
    columns: dict[int, list[Point]] = defaultdict(list)
    for p in points:
        columns[p.x // width].append(p)
    answer = {}
    for column, own in columns.items():
        first = min(own, key=lambda p: (p.x, p.order))
        last = max(own, key=lambda p: (p.x, p.order))
        finite = [p for p in own if math.isfinite(p.value)]
        least = min(finite, key=lambda p: (p.value, p.x), default=None)
        most = min(finite, key=lambda p: (-p.value, p.x), default=None)
        ends = [v for p in (least, most) for v in ((p.x, p.value) if p else (math.nan, math.nan))]
        answer[column] = ((first.x, last.x, *ends), first.value, last.value)
    return answer


def found(chart: Chart, unit: float, origin_us: int) -> dict[int, tuple[float, ...]]:
    """A chart's columns in the form of `expected`."""
    arrays = [
        chart.first_x, chart.first, chart.last_x, chart.last, chart.min_x, chart.min, chart.max_x, chart.max
    ]  # fmt: skip
    answer = {}
    for place, column in enumerate(chart.column):
        row = [float(array[place]) for array in arrays]
        for at in (0, 2, 4, 6):
            row[at] = row[at] if math.isnan(row[at]) else float(round(row[at] * unit) + origin_us)
        answer[int(column)] = tuple(row)
    return answer


def same(left: Sequence[float], right: Sequence[float]) -> bool:
    """Equal numbers, NaN being NaN."""
    return all(a == b or (math.isnan(a) and math.isnan(b)) for a, b in zip(left, right, strict=True))


@settings(
    max_examples=50,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
    report_multiple_bugs=False,
)
@given(
    slices=histories(),
    x=st.sampled_from(["step", "time", "relative"]),
    columns=st.sampled_from([1, 3, 8, 1000]),
    blocks_from=st.sampled_from([1, 1, 10_000]),
    ends=st.tuples(st.none() | st.integers(-60, 330), st.none() | st.integers(-60, 330)),
)
def test_columns_are_those_of_a_look_at_every_point(
    slices: list[Slice], x: Axis, columns: int, blocks_from: int, ends: tuple[int | None, int | None]
) -> None:
    """Any mix of seals, stubs, blocks and tail gives the columns of brute force, on each axis and for any range."""
    origin_us = {"step": 0, "time": 0, "relative": CREATED_NS // 1000}[x]
    unit = 1.0 if x == "step" else 1e6
    zero = 0 if x == "step" else START_NS // 1000 - origin_us
    lo, hi = (None if end is None else (zero + end) / unit for end in ends)
    with (
        tempfile.TemporaryDirectory() as folder,
        patch.object(blocks, "CELL_POINTS", 8),
        patch.object(blocks, "STUB_POINTS", 5),
        patch.object(charting, "BLOCKS_FROM", blocks_from),
    ):
        store = build(Path(folder), slices)
        try:
            chart = charting.charts(Direct(store.connection), [(RUN, NAME, None)], x, lo, hi, columns)[0]
        finally:
            store.close()

    may_split = x != "step" and blocks_from == 1
    check(chart, shown(slices, x), (lo, hi), unit, origin_us, may_split=may_split)


def check(
    chart: Chart,
    points: Sequence[Point],
    ends: tuple[float | None, float | None],
    unit: float,
    origin_us: int,
    *,
    may_split: bool = False,
) -> None:
    """Compare a chart with brute force over the same columns; raw charts point by point."""
    width = round(chart.width * unit) or 1
    low, high = (None if end is None else round(end * unit) + origin_us for end in ends)
    begin = None if low is None else low // width * width
    end = None if high is None else (high // width + 1) * width - 1
    # Where every column is one point the width does not matter, but the range was widened to it: take what is asked.
    inside = [p for p in points if (begin is None or p.x >= begin) and (end is None or p.x <= end)]
    if chart.width:
        wanted = expected(inside, width)
        got = found(chart, unit, origin_us)
        assert got.keys() == wanted.keys()
        if may_split:
            check_split(got, inside, wanted, width)
            wanted = {}
        for column, (row, wanted_first, wanted_last) in wanted.items():
            first_x, first_value, last_x, last_value, *rest = got[column]
            assert same((first_x, last_x, *rest), row), (column, got[column], row)
            assert same([first_value, last_value], [wanted_first, wanted_last]), (column, got[column])
    else:
        got_points = [(round(a * unit) + origin_us, b) for a, b in zip(chart.first_x, chart.first, strict=True)]
        # A drawn zero has no sign: adding 0.0 takes it away.
        assert {(a, str(float(b) + 0.0)) for a, b in got_points} >= {(p.x, str(p.value + 0.0)) for p in inside}
        assert all(any(p.x == a and same([p.value], [b]) for p in points) for a, b in got_points)
        assert list(chart.first_x) == sorted(chart.first_x)
    if chart.width:
        assert chart.n == len(inside)
        assert sum(count for _, _, count in chart.nonfinite) == sum(not math.isfinite(p.value) for p in inside)


def check_split(
    got: Mapping[int, tuple[float, ...]], inside: Sequence[Point], wanted: Mapping[int, Any], width: int
) -> None:
    """Columns whose edges may split blocks: true points at their place, close to the edges, and no extreme lost."""
    logged = {(p.x, str(p.value + 0.0)) for p in inside}
    lows = {column: row[0][3] for column, row in wanted.items() if not math.isnan(row[0][3])}
    for column, row in got.items():
        for x, value in zip(row[::2], row[1::2], strict=True):
            assert math.isnan(x) or ((int(x), str(value + 0.0)) in logged and x // width == column)
        (first_x, last_x, *_), _, _ = wanted[column]
        assert 0 <= row[0] - first_x <= width / 2
        assert 0 <= last_x - row[2] <= width / 2
    for column, low in lows.items():
        near = [got[c] for c in (column - 1, column, column + 1) if c in got]
        assert min(row[5] for row in near if not math.isnan(row[5])) <= low
        assert max(row[7] for row in near if not math.isnan(row[7])) >= wanted[column][0][5]


@pytest.mark.parametrize("columns", [2, 5, 12])
def test_blocks_that_edges_split_lose_no_extreme(tmp_path: Path, columns: int) -> None:
    """By time, a long curve is drawn without a look at its points: spikes at their place, first and last exact."""
    values: list[Value] = np.random.default_rng(3).normal(0.0, 1.0, 600).tolist()
    values[133], values[377], values[200] = 99.0, -99.0, math.nan
    slices = [Slice([Logged(0, i, i * 7, value) for i, value in enumerate(values)], door_one=True, seal=False)]
    with patch.object(blocks, "CELL_POINTS", 8), patch.object(charting, "BLOCKS_FROM", 1):
        store = build(tmp_path, slices)
        try:
            keys: list[charting.ChartKey] = [(RUN, NAME, None)]
            whole = charting.charts(Direct(store.connection), keys, "time", None, None, columns)[0]
            store.connection.execute("UPDATE point SET value = 1e9")
            chart = charting.charts(Direct(store.connection), keys, "time", None, None, columns)[0]
        finally:
            store.close()

    check(whole, shown(slices, "time"), (None, None), 1e6, 0, may_split=True)
    assert (chart.n, len(chart.column)) == (600, len(set(chart.column)))
    assert (max(chart.max), min(chart.min)) == (99.0, -99.0)
    assert chart.max_x[np.argmax(chart.max)] == (START_NS // 1000 + 133 * 7) / 1e6
    assert (chart.first[0], chart.last[-1]) == (values[0], values[599])
    assert list(chart.last_x) == sorted(chart.last_x)
    assert [count for _, _, count in chart.nonfinite] == []


def test_unknown_and_empty_curves_are_empty_charts(tmp_path: Path) -> None:
    """A key that nothing was logged under gives a chart without columns, at its place in the answer."""
    store = build(tmp_path, [Slice([Logged(0, 1, 0, 1.0)], door_one=False, seal=False)])
    keys = [("nobody", NAME, None), (RUN, NAME, None), (RUN, NAME, "column")]
    found_charts = charting.charts(Direct(store.connection), keys, "step", None, None, 1000)
    store.close()

    assert [(c.run_id, c.column_name, c.n, len(c.column)) for c in found_charts] == [
        ("nobody", None, 0, 0),
        (RUN, None, 1, 1),
        (RUN, "column", 0, 0),
    ]


def test_few_points_come_as_they_are(tmp_path: Path) -> None:
    """Below one point a column nothing is merged: width 0, points at equal steps included, in the order logged."""
    points = [Logged(0, step, 0, float(i)) for i, step in enumerate([0, 5, 5, 5, 100])]
    store = build(tmp_path, [Slice(points, door_one=True, seal=False)])
    chart = charting.charts(Direct(store.connection), [(RUN, NAME, None)], "step", None, None, 8)[0]
    store.close()

    assert chart.width == 0
    assert chart.first_x.tolist() == [0, 5, 5, 5, 100]
    assert chart.first.tolist() == [0, 1, 2, 3, 4]


def test_kinds_of_nonfinite_points_are_told_apart(tmp_path: Path) -> None:
    """Each column names its first NaN, -inf and inf and how many there are, out of whole blocks too."""
    values = [math.nan if i % 50 == 7 else (math.inf if i % 90 == 3 else float(i)) for i in range(4000)]
    points = [Logged(0, i, i, value) for i, value in enumerate(values)]
    with patch.object(charting, "BLOCKS_FROM", 1):
        store = build(tmp_path, [Slice(points, door_one=True, seal=False)])
        chart = charting.charts(Direct(store.connection), [(RUN, NAME, None)], "step", None, None, 2)[0]
        store.close()

    assert chart.width == 1024
    assert chart.n == 4000
    assert [mark for mark in chart.nonfinite if mark[0] < 1024] == [(3.0, "inf", 12), (7.0, "nan", 21)]
    assert np.isfinite(chart.min).all()


@pytest.mark.parametrize(("x", "columns", "lo"), [("epoch", 10, None), ("step", 0, None), ("step", 10, math.nan)])
def test_questions_without_a_meaning_are_refused(x: Any, columns: int, lo: float | None) -> None:
    """An unknown axis, no columns and a NaN as the range raise at the call."""
    with pytest.raises(ValueError, match=r"axis|columns"):
        charting.statement([(RUN, NAME, None)], x, lo, None, columns)


def test_the_far_ends_of_64_bits_are_steps_like_others(tmp_path: Path) -> None:
    """The lowest and highest step that can be logged are drawn, whatever the width of a column."""
    steps = [-(2**63) + 1, 0, 2**63 - 1]
    store = build(tmp_path, [Slice([Logged(0, s, 0, 1.0) for s in steps], door_one=False, seal=True)])
    access = Direct(store.connection)
    whole = charting.charts(access, [(RUN, NAME, None)], "step", None, None, 1)[0]
    part = charting.charts(access, [(RUN, NAME, None)], "step", -10, 1e300, 1000)[0]
    store.close()

    assert whole.n == 3
    assert part.n >= 2


@pytest.mark.parametrize("door_one", [True, False])
def test_equal_steps_follow_the_order_of_logging_not_of_sealing(tmp_path: Path, door_one: bool) -> None:
    """Points that a slow thread logged first and that arrive and are sealed last still come first at their step."""
    with (
        patch.object(blocks, "CELL_POINTS", 8),
        patch.object(blocks, "STUB_POINTS", 5),
        patch.object(charting, "BLOCKS_FROM", 1),
    ):
        store = open_store(tmp_path)
        fold = Fold(store.load_state())
        late, early = ([Logged(0, i // 8, i, value + i) for i in range(16)] for value in (100.0, 200.0))
        for sequence, (first, points) in enumerate(((16, late), (0, early))):
            event = replace(event_of(list(enumerate(points)), 0, sequence), first_index=first)
            fold_into(store, fold, [event], door_one=door_one)
            if not door_one:
                Maintainer(store, fold).seal()
        Maintainer(store, fold).write_statistics()
        try:
            chart = charting.charts(Direct(store.connection), [(RUN, NAME, None)], "step", None, None, 2)[0]
        finally:
            store.close()

    assert chart.first.tolist() == [200.0, 208.0]
    assert chart.last.tolist() == [107.0, 115.0]
