"""Any value, in any form and any sequence of calls, comes back through the journal, the fold and the history."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runstream import Experiment, Run, Workspace
from tests.sameness import same

VALUES: list[Any] = [
    0.1,
    -0.0,
    math.nan,
    math.inf,
    -math.inf,
    5e-324,
    1,
    -(2**63),
    2**63 - 1,
    2**53 + 1,
    -(2**53) - 1,
    2**63,
    -(10**40),
    True,
    False,
    None,
    "",
    "text",
    "다람쥐 🐿 'quoted' \\ \n\0",
    "x" * 65_536,
]


@pytest.fixture
def run() -> Run:
    """Give a started run."""
    return Experiment(Workspace("lab"), "ridge").start_logging()


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:20])
def test_one_value_comes_back_as_itself(run: Run, value: Any) -> None:
    """Every kind of value logged once comes back alone, equal and of Python's type."""
    run.log("m", value)
    assert same(run.get_metrics(), {"m": value})


def test_both_zeros_keep_their_sign(run: Run) -> None:
    """0.0 and -0.0 beside each other, once the points lie compressed: DuckDB itself takes them for one number."""
    zeros = [0.0, -0.0] * 2000
    for step, zero in enumerate(zeros):
        run.log("m", zero, step=step)
    run.log_list("zeros", [0.0, -0.0])
    run.complete()

    for _ in range(2):
        assert same(run.get_metrics(), {"m": zeros, "zeros": [0.0, -0.0]})


def test_mixed_values_come_back_in_order(run: Run) -> None:
    """All kinds under one name come back as one list in the order logged, whatever the steps say."""
    for place, value in enumerate(VALUES):
        run.log("m", value, step=-place)
    assert same(run.get_metrics("m"), {"m": VALUES})
    assert run.get_metrics("unknown") == {}


def test_numpy_scalars_come_back_as_pythons(run: Run) -> None:
    """NumPy scalars and 0-d arrays come back as Python's int, float, bool and str."""
    for value in (np.int64(3), np.float32(0.5), np.bool_(True), np.str_("s"), np.array(2.0), np.uint64(2**64 - 1)):
        run.log("m", value)
    assert same(run.get_metrics(), {"m": [3, 0.5, True, "s", 2.0, 2**64 - 1]})


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.floats()
    | st.text(st.characters(codec="utf-8"), max_size=30)
)
NAMES = st.sampled_from(["a", "b", "손실", "c/d e", "'"])
STEPS = st.none() | st.integers(-(2**63) + 1, 2**63 - 1)
COLUMNS = st.lists(st.sampled_from("xyz"), min_size=1, unique=True)
TABLES = st.tuples(COLUMNS, st.lists(st.tuples(SCALARS, SCALARS, SCALARS), max_size=3))
CALLS = st.lists(
    st.tuples(st.just("log"), NAMES, SCALARS, STEPS)
    | st.tuples(st.just("list"), NAMES, st.lists(SCALARS, max_size=5), st.none())
    | st.tuples(st.just("row"), NAMES, st.dictionaries(st.sampled_from("xyz"), SCALARS, min_size=1), st.none())
    | st.tuples(
        st.just("table"), NAMES, TABLES.map(lambda t: {c: [r[n] for r in t[1]] for n, c in enumerate(t[0])}), st.none()
    )
    | st.tuples(st.just("complete"), st.just(""), st.none(), st.none()),
    max_size=30,
)


def call(run: Run, form: str, name: str, value: Any, step: int | None) -> None:
    """Make one drawn call."""
    if form == "log":
        run.log(f"log {name}", value, step=step)
    elif form == "list":
        run.log_list(f"list {name}", value)
    elif form == "row":
        run.log_row(f"row {name}", **value)
    elif form == "table":
        run.log_table(f"table {name}", value)
    else:
        run.complete()


def expected(calls: list[tuple[str, str, Any, Any]]) -> dict[str, Any]:
    """Say what get_metrics() gives after *calls*, by the contract's rules and without any of our code."""
    found: dict[str, Any] = {}
    for form, name in dict.fromkeys((form, name) for form, name, _, _ in calls if form != "complete"):
        given = [value for other, called, value, _ in calls if (other, called) == (form, name)]
        if form in {"row", "table"}:
            rows: list[Mapping[str, Any]] = given
            if form == "table":
                rows = [dict(zip(t, cells, strict=True)) for t in given for cells in zip(*t.values(), strict=True)]
            columns = {column for row in given for column in row}
            cells = {column: [row.get(column) for row in rows] for column in columns}
            found[f"{form} {name}"] = {c: items[0] if len(items) == 1 else items for c, items in cells.items()}
        else:
            values = given if form == "log" else [element for value in given for element in value]
            found[f"{form} {name}"] = values[0] if len(values) == 1 else values
    return found


def in_order(result: dict[str, Any]) -> dict[str, Any]:
    """Sort names and columns, so that two results compare by content."""
    return {
        name: dict(sorted(value.items())) if isinstance(value, dict) else value
        for name, value in sorted(result.items())
    }


@settings(max_examples=25)
@given(calls=CALLS)
def test_any_sequence_of_calls_comes_back(calls: list[tuple[str, str, Any, Any]]) -> None:
    """Any mixture of values, names, steps, forms and ends comes back equal, of Python's types and in order."""
    run = Experiment(Workspace(), "any").start_logging()
    for drawn in calls:
        call(run, *drawn)
    assert same(in_order(run.get_metrics()), in_order(expected(calls)))
    run.complete()
