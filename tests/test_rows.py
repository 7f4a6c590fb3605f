"""Metrics of every form as they lie in the journal: series, descriptions, row numbers, and what is refused."""

from __future__ import annotations

import threading
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from runstream import Run
from runstream_schemas.errors import InvalidName, InvalidStep, InvalidValue, MetricFormClash
from runstream_schemas.events import MetricEvent
from tests import journals
from tests.run_events import events, forms, png


def test_every_form_is_told_with_its_description(run: Run, home_path: Path) -> None:
    """Scalars, lists, rows, tables and images each tell their form, columns and description."""
    run.log("loss", 0.5, "of the net")
    run.log_list("alphas", [1, 2], "tried")
    run.log_row("wave", "one period", angle=0.0, cos=1.0)
    run.log_table("sine", {"x": [1, 2], "y": [3, 4]}, "two points")
    run.log_image("plot", BytesIO(png()), description="a line")
    run.complete()
    assert forms(home_path) == {
        ("loss", None): ("scalar", "of the net"),
        ("alphas", None): ("list", "tried"),
        ("wave", "angle"): ("row", "one period"),
        ("wave", "cos"): ("row", "one period"),
        ("sine", "x"): ("table", "two points"),
        ("sine", "y"): ("table", "two points"),
        ("plot", None): ("image", "a line"),
    }


def test_a_step_in_the_description_s_place_is_told(run: Run) -> None:
    """A number given as third argument raises and asks whether a step was meant; so does one in log_row()."""
    with pytest.raises(TypeError, match="did you mean step=5"):
        run.log("loss", 0.1, 5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="description"):
        run.log_row("wave", 5, x=1)  # type: ignore[arg-type]


def test_one_name_has_one_form(run: Run) -> None:
    """A name that was logged in one form is refused in any other, with both told."""
    run.log("m", 1)
    calls: list[Callable[[], None]] = [
        lambda: run.log_list("m", [1]),
        lambda: run.log_row("m", x=1),
        lambda: run.log_table("m", {"x": [1]}),
        lambda: run.log_image("m", BytesIO(png())),
    ]
    for call in calls:
        with pytest.raises(MetricFormClash, match="scalar"):
            call()
    run.log_row("r", x=1)
    with pytest.raises(MetricFormClash, match="row"):
        run.log("r", 1)


def test_a_bad_value_leaves_nothing_half_logged(run: Run, home_path: Path) -> None:
    """A list, row or table with one bad cell raises, and none of its values was logged."""
    with pytest.raises(InvalidValue):
        run.log_list("l", [1, 2, object()])
    with pytest.raises(InvalidValue):
        run.log_row("r", x=1, y=[2])
    with pytest.raises(InvalidValue, match="x: 2, y: 1"):
        run.log_table("t", {"x": [1, 2], "y": [1]})
    with pytest.raises(InvalidValue):
        run.log_row("empty")
    with pytest.raises(InvalidName):
        run.log_row("n", None, **{"x": 1, "": 2})
    with pytest.raises(InvalidName):
        run.log_table("n", {"x": [1], "a\nb": [2]})
    with pytest.raises(InvalidStep):
        run.log("s", 1, step=2.5)  # type: ignore[arg-type]
    run.complete()
    assert events(home_path, MetricEvent) == []


def test_columns_may_be_called_like_the_arguments(run: Run, home_path: Path) -> None:
    """A column may be called self, and name may be given by keyword, as scripts do."""
    run.log_row(name="wave", self=1, angle=2)
    run.complete()
    assert set(forms(home_path)) == {("wave", "self"), ("wave", "angle")}


def test_every_cell_of_a_row_carries_its_number(run: Run, home_path: Path) -> None:
    """Rows are numbered by metric from 0, tables row by row, also when the run's producer is opened anew between."""
    run.log_row("r", x=1, y=2)
    run.log_table("t", {"x": [5, 6], "y": [7, 8]})
    run.complete()
    run.log_row("r", x=3)
    run.log_row("r", y=4)
    run.complete()
    found = [(point.name, point.column_name, point.step, point.value) for point in journals.points(home_path)]
    assert found == [
        ("r", "x", 0, 1),
        ("r", "y", 0, 2),
        ("t", "x", 0, 5),
        ("t", "y", 0, 7),
        ("t", "x", 1, 6),
        ("t", "y", 1, 8),
        ("r", "x", 1, 3),
        ("r", "y", 2, 4),
    ]


def test_rows_of_many_threads_stay_apart(run: Run, home_path: Path) -> None:
    """When four threads log rows of one metric, every row keeps its cells together under a number of its own."""

    def log(thread: int) -> None:
        for n in range(200):
            run.log_row("r", a=thread * 1000 + n, b=thread * 1000 + n, c=str(thread * 1000 + n))

    threads = [threading.Thread(target=log, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run.complete()
    rows: dict[int | None, dict[str | None, object]] = {}
    for point in journals.points(home_path):
        rows.setdefault(point.step, {})[point.column_name] = point.value
    assert sorted(rows) == list(range(800))  # type: ignore[type-var]
    assert all(row["a"] == row["b"] and str(row["a"]) == row["c"] for row in rows.values())


def test_empty_lists_and_tables_are_told(run: Run, home_path: Path) -> None:
    """An empty list and a table without rows make their series known, without a point."""
    run.log_list("l", [])
    run.log_table("t", {"x": [], "y": []})
    run.complete()
    assert set(forms(home_path)) == {("l", None), ("t", "x"), ("t", "y")}
    assert sum(event.count for event in events(home_path, MetricEvent)) == 0


def test_numpy_scalars_are_values(run: Run, home_path: Path) -> None:
    """NumPy scalars and 0-d arrays are logged; arrays of several elements are refused at the call."""
    run.log("m", np.float32(0.5))
    run.log("m", np.int64(3))
    run.log("m", np.array(2.0))
    with pytest.raises(InvalidValue):
        run.log("m", np.array([1, 2]))
    run.complete()
    assert sum(event.count for event in events(home_path, MetricEvent)) == 3
