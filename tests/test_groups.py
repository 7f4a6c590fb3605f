"""Groups of runs: a mean and a band on a common grid, in which every run of a group weighs the same."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runstream_consumer.history import RunRow
from runstream_dashboard import frames, groups
from runstream_dashboard.address import Band
from runstream_dashboard.frames import Curve

NOW = dt.datetime(2026, 11, 24, tzinfo=dt.UTC)


def curve(run_id: str, x: Sequence[float], y: Sequence[float], width: float = 0.0, spread: float = 0.0) -> Curve:
    """Make a run's curve of the chart "loss"; `spread` is how far its band reaches up and down."""
    values = np.array(y, dtype=float)
    low, high = values - spread, values + spread
    return Curve("loss", run_id, width, len(x), np.array(x, dtype=float), values, low, high, (), width > 0)


def run(run_id: str, experiment: str = "e", **properties: str) -> RunRow:
    """Make a run with these properties."""
    nothing = (None,) * 9
    return RunRow(
        run_id, "w", experiment, 1, run_id, "Completed", NOW, NOW, NOW, 1.0, *nothing, None, 0, 1, 0, 0, NOW, False,
        properties=properties,
    )  # fmt: skip


def one(curves: Sequence[Curve], band: Band = "range", columns: int = 100) -> Curve:
    """Return the curve of all these runs as one group."""
    (found,) = groups.combined(curves, {"all": [each.run_id for each in curves]}, band, columns)
    return found


def test_the_mean_of_runs_at_equal_steps_is_exact() -> None:
    """Runs that log at the same steps: the plain mean, and from the least to the greatest."""
    found = one([curve("a", [0, 1, 2], [1, 2, 3]), curve("b", [0, 1, 2], [3, 4, 8])])

    assert (found.chart, found.run_id, found.width, found.band) == ("loss", "all", 0.0, True)
    assert (found.x.tolist(), found.y.tolist()) == ([0, 1, 2], [2, 3, 5.5])
    assert (found.low.tolist(), found.high.tolist()) == ([1, 2, 3], [3, 4, 8])


def test_the_spread_is_the_standard_deviation_of_a_sample() -> None:
    """Up and down from the mean by the runs' deviation; one run alone has none."""
    found = one([curve("a", [0, 1], [1, 5]), curve("b", [0], [3]), curve("c", [0], [5])], "std")

    assert found.y.tolist() == [3, 5]
    assert (found.low.tolist(), found.high.tolist()) == ([1, 5], [5, 5])


def test_a_run_between_its_points_counts_with_the_line_between_them() -> None:
    """A run that logs every tenth step weighs as much as one that logs each: the mean does not jump."""
    steady = curve("a", range(21), [0.0] * 21)
    rare = curve("b", [0, 10, 20], [10, 10, 10])

    assert one([steady, rare]).y.tolist() == [5.0] * 21


def test_a_run_counts_only_from_its_first_to_its_last_point() -> None:
    """After a run has ended the mean is that of the others: nothing is carried on."""
    found = one([curve("a", [0, 1], [0, 0]), curve("b", [0, 1, 2, 3], [4, 4, 4, 4])])

    assert found.y.tolist() == [2, 2, 4, 4]


def test_narrow_columns_lie_in_the_widest() -> None:
    """Curves of different widths meet on the widest; a column keeps its extremes, and the last value."""
    wide = curve("a", [3, 7], [1, 1], width=4.0)
    narrow = curve("b", [1, 3, 5, 7], [2, 3, 9, 5], width=2.0, spread=1.0)
    found = one([wide, narrow])

    assert (found.width, found.x.tolist(), found.y.tolist()) == (4.0, [3, 7], [2, 3])
    assert (found.low.tolist(), found.high.tolist()) == ([1, 1], [4, 10])


def test_points_that_share_no_x_are_put_into_columns() -> None:
    """Wall times of two runs never meet: with more of them than columns each column is a power of two wide."""
    x = np.linspace(0, 100, 200)
    found = one([curve("a", x.tolist(), [1.0] * 200), curve("b", (x + 0.01).tolist(), [3.0] * 200)], columns=32)

    assert math.log2(found.width).is_integer()
    assert 32 <= len(found.x) <= 65
    assert set(found.y.tolist()) == {2.0}


def test_what_is_not_finite_is_marked_and_left_out_of_the_mean() -> None:
    """A NaN of one run does not take the mean of the others away."""
    broken = frames.Curve(
        "loss", "a", 0.0, 2, np.array([0.0, 1.0]), np.array([np.nan, 1.0]), np.array([np.nan, 1.0]),
        np.array([np.nan, 1.0]), ((0.0, "nan", 1),), False,
    )  # fmt: skip
    found = one([broken, curve("b", [0, 1], [3, 3])])

    assert found.y.tolist() == [3, 2]
    assert found.nonfinite == ((0.0, "nan", 1),)


_RUN = st.lists(st.tuples(st.integers(0, 30), st.floats(-100, 100)), max_size=12).map(sorted)


@given(st.lists(_RUN, min_size=1, max_size=4), st.sampled_from([4, 100]))
def test_a_mean_lies_in_its_band_and_x_ascends(runs: list[list[tuple[int, float]]], columns: int) -> None:
    """Whatever runs log: one x a column, the mean between least and greatest, no column without a run."""
    curves = [curve(f"r{i}", [x for x, _ in points], [y for _, y in points]) for i, points in enumerate(runs)]
    found = one(curves, columns=columns)

    assert (np.diff(found.x) > 0).all()
    assert np.isfinite(found.y).all()
    assert ((found.low <= found.y + 1e-9) & (found.y <= found.high + 1e-9)).all()


def test_each_chart_and_group_has_a_curve() -> None:
    """A group without a point in a chart is an empty curve, so that the chart can say so."""
    found = groups.combined([curve("a", [0], [1])], {"x": ["a"], "y": ["b"]}, "range", 10)

    assert [(each.chart, each.run_id, len(each.x)) for each in found] == [("loss", "x", 1), ("loss", "y", 0)]


def test_groups_are_ordered_as_numbers_then_words() -> None:
    """Learning rates go by size, names by alphabet, runs without the key come last."""
    rows = [run("a", lr="0.1"), run("b", lr="0.01"), run("c", lr="auto"), run("d"), run("e", lr="0.1")]

    assert groups.members(rows, "property:lr") == {"0.01": ["b"], "0.1": ["a", "e"], "auto": ["c"], groups.NONE: ["d"]}


@pytest.mark.parametrize(("key", "value"), [("run:experiment", "sweep"), ("property:lr", "0.1"), ("lr", "0.1")])
def test_a_key_may_be_an_experiment_or_a_property(key: str, value: str) -> None:
    """A link may name a property with or without its kind."""
    assert groups.value_of(run("a", "sweep", lr="0.1"), key) == value


def test_one_run_has_nothing_to_be_grouped_by() -> None:
    """Two runs offer their experiment and every property; one run offers nothing."""
    assert groups.keys_of([run("a", lr="1")]) == []
    assert groups.keys_of([run("a", lr="1"), run("b", seed="2")]) == [
        ("run:experiment", "experiment"), ("property:lr", "lr"), ("property:seed", "seed")
    ]  # fmt: skip
