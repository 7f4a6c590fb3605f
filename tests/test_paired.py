"""Curves over another metric: points of equal steps belong together, and the columns are those of every pair."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from runstream_consumer import paired
from runstream_consumer.fold import Fold
from runstream_consumer.maintain import Maintainer
from runstream_consumer.paired import PairedChart
from runstream_schemas.events import Created, MetricEvent, RunEvent
from tests.folded import START_NS, Value, fold_into, metric_event, open_store, scalar
from tests.test_chart import Direct

RUN, X, Y = "run", "epoch", "loss"
Logged = tuple[str, int | None, Value]
"""Metric, step or None, value."""

NUMBERS: st.SearchStrategy[Value] = st.sampled_from(
    [0.0, -0.0, 1.0, 2.5, -7.0, math.nan, math.inf, -math.inf, 3, None, "text", 1e308, -1e308, 5e-324]
)
POINTS = st.lists(st.tuples(st.sampled_from([X, Y]), st.none() | st.integers(-3, 12), NUMBERS), min_size=1, max_size=60)


def chart_of(
    batches: Sequence[Sequence[Logged]], columns: int, ends: tuple[float | None, float | None] = (None, None)
) -> PairedChart:
    """Fold batches, each by a producer of its own, every second one sealed; return the run's curve of Y over X."""
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(Path(folder))
        fold = Fold(store.load_state())
        maintainer = Maintainer(store, fold)
        fold_into(
            store,
            fold,
            [RunEvent(RUN, "p0", 0, START_NS, Created("default", "e", None, None, None, None, "h", "u", 1, None))],
        )
        for place, batch in enumerate(batches):
            fold_into(store, fold, [event_of(batch, f"p{place}")])
            if place % 2:
                maintainer.seal()
        maintainer.write_statistics()
        try:
            return paired.paired_charts(Direct(store.connection), [(RUN, Y)], X, *ends, columns)[0]
        finally:
            store.close()


def event_of(batch: Sequence[Logged], producer_id: str) -> MetricEvent:
    """Return the one metric event of a producer."""
    points = [((X, Y).index(name), step, value) for name, step, value in batch]
    return metric_event(points, [scalar(0, X), scalar(1, Y)], run_id=RUN, producer_id=producer_id)


def pairs_of(batches: Sequence[Sequence[Logged]]) -> list[tuple[float, int, float]]:
    """Every (x, step, y) by a look at each point: the last of equal steps, steps that were counted going on."""
    counted = {X: 0, Y: 0}
    values: dict[str, dict[int, float]] = {X: {}, Y: {}}
    for batch in batches:
        for name, given_step, value in batch:
            step = counted[name] if given_step is None else given_step
            counted[name] += given_step is None
            if value is not None and not isinstance(value, str):
                values[name][step] = float(value)
    return sorted((values[X][s], s, y) for s, y in values[Y].items() if math.isfinite(values[X].get(s, math.nan)))


def test_equal_steps_are_joined_and_the_last_of_them_counts() -> None:
    """A step that both metrics have is a point; one logged again counts once, with what was logged last."""
    chart = chart_of([[(X, 0, 0.5), (X, 1, 1.5), (Y, 1, 9.0), (Y, 1, 3.0), (Y, 2, 4.0), (Y, 0, 8.0)]], 100)

    assert (chart.width, chart.n, chart.last_x.tolist(), chart.last.tolist()) == (0.0, 2, [0.5, 1.5], [8.0, 3.0])


def test_pairs_are_in_the_order_of_x_though_it_runs_backwards() -> None:
    """A falling x, such as a learning rate, gives an ascending axis."""
    chart = chart_of([[(name, s, float(10 - s) if name == X else float(s)) for s in range(5) for name in (X, Y)]], 100)

    assert chart.last_x.tolist() == [6, 7, 8, 9, 10]
    assert chart.last.tolist() == [4, 3, 2, 1, 0]


def test_many_pairs_become_columns_with_their_extremes() -> None:
    """More pairs than columns: each column tells its last, least and greatest y; a spike stays inside the band."""
    points = [(name, s, s / 10 if name == X else (99.0 if s == 517 else 1.0)) for s in range(1000) for name in (X, Y)]
    chart = chart_of([points], 50)

    assert 50 <= len(chart.last_x) <= 101
    assert chart.n == 1000
    assert math.log2(chart.width).is_integer()
    assert chart.max.max() == 99.0
    assert set(chart.last.tolist()) == {1.0}


def test_a_range_keeps_what_lies_inside() -> None:
    """Both ends belong to the range, and fewer pairs come one by one."""
    chart = chart_of([[(name, s, float(s)) for s in range(100) for name in (X, Y)]], 20, (10.0, 15.0))

    assert (chart.width, chart.last_x.tolist()) == (0.0, [10, 11, 12, 13, 14, 15])


@settings(max_examples=25, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(batches=st.lists(POINTS, min_size=1, max_size=3), columns=st.sampled_from([1, 3, 100]))
def test_columns_are_those_of_every_pair(batches: list[list[Logged]], columns: int) -> None:
    """Whatever was logged, by several producers, sealed or not: pairs, columns, extremes and marks are exact."""
    chart = chart_of(batches, columns)
    wanted = pairs_of(batches)
    cells: dict[float, list[tuple[float, int, float]]] = {}
    for place, pair in enumerate(wanted):
        cells.setdefault(math.floor(pair[0] / chart.width) if chart.width else place, []).append(pair)

    assert (chart.width == 0) == (len(wanted) <= columns)
    assert chart.n == len(wanted)
    assert same(chart.last_x, [cell[-1][0] for cell in cells.values()])
    assert same(chart.last, [cell[-1][2] for cell in cells.values()])
    finite = [[y for _, _, y in cell if math.isfinite(y)] for cell in cells.values()]
    assert same(chart.min, [min(ys, default=math.nan) for ys in finite])
    assert same(chart.max, [max(ys, default=math.nan) for ys in finite])
    assert sum(count for _, _, count in chart.nonfinite) == sum(not math.isfinite(y) for _, _, y in wanted)


def same(found: Any, wanted: Sequence[float]) -> bool:
    """Equal numbers, NaN being NaN, zeros without a sign."""
    return np.array_equal(np.asarray(found), np.asarray(wanted, dtype=float), equal_nan=True)


def test_runs_and_metrics_without_points_are_empty_curves() -> None:
    """A metric without x, or an unknown run, is a curve without columns at its place in the answer."""
    chart = chart_of([[(Y, 0, 1.0)]], 10)

    assert (chart.run_id, chart.name, chart.x_name, chart.n, len(chart.last_x)) == (RUN, Y, X, 0, 0)


@pytest.mark.parametrize(("columns", "lo"), [(0, None), (10, math.nan)])
def test_questions_without_a_meaning_are_refused(columns: int, lo: float | None) -> None:
    """No columns and a NaN as the range raise at the call."""
    with pytest.raises(ValueError, match="columns"):
        paired.statement([(RUN, Y)], X, lo, None, columns)
