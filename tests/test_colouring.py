"""The colours of a scatter plot's dots: scales for numbers, a colour for each of a few texts."""

from __future__ import annotations

import pytest

from runstream_dashboard import colouring, figures, palette
from tests.test_differences import ROWS


def test_runs_may_be_coloured_by_whatever_differs() -> None:
    """Settings, tags and results on which any two runs differ are offered; what all share is not."""
    values = colouring.values_of(ROWS, {"a": {"property lr": 0.1}, "b": {"property lr": 0.01, "metric acc": 0.8}})

    assert values == {"property lr": {"a": 0.1, "b": 0.01}}


def test_few_numbers_are_steps_of_a_scale() -> None:
    """Up to eight numbers have a colour each, in their order; a run without one has none."""
    by = colouring.colouring("property depth", {"a": 12.0, "b": 6.0, "c": 12.0})

    assert (by.categories, by.places, by.is_ordered) == (("6", "12"), {"a": 1, "b": 0, "c": 1}, True)


@pytest.mark.parametrize(("values", "is_log"), [(range(1, 20), False), ([10.0**-n for n in range(9)], True)])
def test_many_numbers_are_a_scale(values: list[float], is_log: bool) -> None:
    """A scale from the least to the greatest, logarithmic where they span more than two powers of ten."""
    by = colouring.colouring("property lr", {str(place): float(value) for place, value in enumerate(values)})

    assert (by.categories, by.is_log) == ((), is_log)


def test_of_many_texts_the_rare_ones_share_a_colour() -> None:
    """Seven texts have their own; all others are one grey entry of the legend."""
    by = colouring.colouring("tag x", {f"{letter}{n}": letter for letter in "abcdefgh" for n in range(2)} | {"r": "z"})

    assert by.categories == (*"abcdefg", colouring.OTHER)
    assert (by.places["a0"], by.places["h1"], by.places["r"]) == (0, 7, 7)


def point(run_id: str, chosen: bool) -> figures.Point:
    """Make a run for a scatter plot."""
    return figures.Point(run_id, run_id, 1.0, 2.0, "#4460f3", chosen)


def test_dots_carry_their_value_and_keep_their_series() -> None:
    """The legend maps the third number of a dot; dots without a value are grey, in a series that it leaves alone."""
    spec = figures.scatter([point("a", False), point("b", False), point("mine", True)], "lr", "loss")
    by = colouring.colouring("tag team", {"a": "x", "mine": "y"})

    dyed = colouring.dyed(spec, by, ["mine"], dark=False)

    marks = [(mark["id"], mark["value"]) for each in dyed["series"] for mark in each["data"]]
    assert marks == [("a", [1.0, 2.0, 0, "x"]), ("b", [1.0, 2.0]), ("mine", [1.0, 2.0, 1, "y"])]
    assert dyed["visualMap"]["seriesIndex"] == [0, 2]
    assert [piece["label"] for piece in dyed["visualMap"]["pieces"]] == ["x", "y"]
    assert dyed["series"][2]["itemStyle"]["borderWidth"] == 2


def test_a_scale_is_spread_from_end_to_end() -> None:
    """Both ends are there, and what lies between is mixed from its neighbours."""
    assert palette.spread(["#000000", "#ffffff"], 3) == ["#000000", "#808080", "#ffffff"]
    assert palette.spread(["#000000", "#ffffff"], 1) == ["#ffffff"]
