"""Charts that do not tick: the forms of a metric and the scatter plot."""

from __future__ import annotations

import math

import pytest

from runstream_dashboard import figures

BLUE = "#4460f3"
Table = dict[str, list[object]]


def test_a_list_is_a_line_of_one_variable() -> None:
    """A list is drawn against the place of each value, in the order logged."""
    spec = figures.list_line("Fibonacci", [0, 1, 1, 2], BLUE)
    assert spec["series"][0]["data"] == [[0, 0], [1, 1], [2, 1], [3, 2]]
    assert spec["xAxis"]["name"] == "place"


def test_rows_with_two_numeric_columns_are_a_line_of_two_variables() -> None:
    """The first numeric column is x, the second y; text columns are passed over."""
    table: Table = {"name": ["a", "b"], "angle": [0.0, 1.0], "cos": [1.0, 0.5]}
    assert figures.axes_of(table) == ("angle", "cos")
    spec = figures.table_line(table, "angle", "cos", BLUE)
    assert spec["series"][0]["data"] == [[0.0, 1.0], [1.0, 0.5]]
    assert spec["xAxis"]["name"] == "angle"


def test_one_numeric_column_is_drawn_against_the_row() -> None:
    """A table with one column of numbers is drawn against the row's number, one with none is not drawn."""
    assert figures.axes_of({"name": ["a"], "size": [4]}) == (figures.ROW, "size")
    assert figures.table_line({"size": [4, 5]}, figures.ROW, "size", BLUE)["series"][0]["data"] == [[0, 4], [1, 5]]
    assert figures.axes_of({"name": ["a", "b"]}) is None


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, None])
def test_what_is_not_finite_is_a_gap(value: float | None) -> None:
    """NaN, infinities and missing values interrupt the line; at x they leave the point out."""
    spec = figures.line([0, 1, 2], [1.0, value, 3.0], "x", "y", BLUE)
    assert spec["series"][0]["data"] == [[0, 1.0], [1, None], [2, 3.0]]
    assert figures.line([0, value], [1.0, 2.0], "x", "y", BLUE)["series"][0]["data"] == [[0, 1.0]]


def test_flags_and_mixed_columns_are_not_axes() -> None:
    """Booleans and columns with text in them are no numbers; missing cells do not matter."""
    table: Table = {"flag": [True, False], "mixed": [1, "a"], "gap": [None, 2.0], "nan": [math.nan, 1.0]}
    assert figures.numeric_columns(table) == ["gap", "nan"]


def point(x: float, y: float, chosen: bool, name: str = "run") -> figures.Point:
    """Make a run for a scatter plot."""
    return figures.Point(name, name, x, y, BLUE, chosen)


def test_chosen_runs_are_in_colour_before_the_others() -> None:
    """The compared runs are series of their own, in their colour and large; all others are one grey series."""
    spec = figures.scatter([point(1, 2, False), point(3, 4, True, "mine")], "lr", "loss")
    grey, mine = spec["series"]
    assert (grey["data"][0]["value"], mine["data"][0]["value"]) == ([1, 2], [3, 4])
    assert mine["itemStyle"]["color"] == BLUE
    assert mine["symbolSize"] > grey["symbolSize"]


def test_a_logarithmic_axis_leaves_out_what_it_cannot_show() -> None:
    """Zero and negative values have no place on a logarithmic axis."""
    points = [point(0, 1, False), point(-1, 1, False), point(1, 1, False)]
    spec = figures.scatter(points, "lr", "loss", log_x=True)
    assert [each["value"] for each in spec["series"][0]["data"]] == [[1, 1]]
    assert spec["xAxis"]["type"] == "log"


def test_a_query_result_with_text_gets_a_category_axis() -> None:
    """Names on x are categories; a line over numbers stays numeric."""
    values: Table = {"name": ["a", "b"], "n": [1, 2]}
    assert figures.query_chart(values, "name", "n", "bar", BLUE)["xAxis"]["data"] == ["a", "b"]
    assert figures.query_chart(values, figures.ROW, "n", "line", BLUE)["xAxis"]["type"] == "value"
