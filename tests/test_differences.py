"""What tells runs apart, and how the pages write numbers."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from runstream_consumer.history import MetricInfo, RunRow
from runstream_dashboard import differences, formats, tables

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def run(run_id: str, number: int = 1, status: str = "Completed", **properties: str) -> RunRow:
    """Make a run with these properties."""
    return RunRow(
        run_id=run_id, workspace="default", experiment="sweep", number=number, display_name=None, status=status,
        created_at=NOW, started_at=NOW, ended_at=None, duration_s=60.0, user="ada", host="node", pid=1,
        description=None, run_type=None, parent_run_id=None, error_type=None, error_message=None,
        error_traceback=None, error_code=None, n_points=10, n_producers=1, n_lost=0, n_dead_letters=0,
        last_seen_at=NOW, archived=False, properties=properties,
    )  # fmt: skip


def metric(run_id: str, name: str, value: float | None, text: str | None = None) -> MetricInfo:
    """Make a metric whose last value is this."""
    return MetricInfo(
        run_id=run_id, name=name, column_name=None, form="scalar", description="", n=1, n_numeric=int(text is None),
        n_nonfinite=0, last_value=value, last_text=text, last_step=0, min_value=value, min_step=0, max_value=value,
        max_step=0, low_step=0, high_step=0,
    )  # fmt: skip


ROWS = [run("a", 1, lr="0.1", batch="64"), run("b", 2, lr="0.01", batch="64")]
METRICS = [
    metric("a", "val/loss", 0.5),
    metric("b", "val/loss", 0.25),
    metric("a", "acc", 0.9),
    metric("b", "acc", 0.8),
]


def test_only_what_differs_is_listed_with_the_best_value_marked() -> None:
    """Equal keys are left out; of a loss the lowest, of an accuracy the highest value is the best."""
    lines = differences.pick(differences.compare(ROWS, METRICS), "", only_differences=True)
    assert [(line.group, line.key, line.best) for line in lines] == [
        ("metric", "val/loss", 1),
        ("metric", "acc", 0),
        ("property", "lr", None),
    ]


def test_what_was_set_stands_before_where_it_came_from() -> None:
    """Git and the machine have groups of their own; names that repeat git for other tools are left out."""
    origin = {"azureml.git.commit": "c", "mlflow.source.git.commit": "c", "runstream.python": "3.11.2"}
    lines = differences.compare([replace(ROWS[0], properties={**origin, "lr": "1"})], [])

    assert [(line.group, line.key) for line in lines if line.group not in {"run", "tag"}] == [
        ("property", "lr"), ("git", "azureml.git.commit"), ("environment", "runstream.python"),
    ]  # fmt: skip


def test_keys_are_found_by_words_in_any_order() -> None:
    """Both words must be in the key, capitals do not matter."""
    lines = differences.compare(ROWS, METRICS)
    assert [line.key for line in differences.pick(lines, "LOSS val", only_differences=False)] == ["val/loss"]


@pytest.mark.parametrize(
    ("name", "values", "best"),
    [
        ("loss", [0.5, 0.2, None], 1),
        ("train/rmse", [3.0, 4.0], 0),
        ("accuracy", [0.5, 0.9], 1),
        ("glossary", [1.0, 2.0], None),
        ("loss", [0.5, 0.5], None),
        ("loss", [math.nan, 0.5], None),
        ("loss", [math.inf, 0.5, 0.4], 2),
    ],
)
def test_the_best_value_needs_a_rival(name: str, values: list[float | None], best: int | None) -> None:
    """The better direction follows from the name; missing and infinite values cannot win, nor can equal ones."""
    assert differences.best_of(name, values) == best


def test_a_scatter_plot_starts_with_a_result_against_a_setting() -> None:
    """Metrics and numeric properties are offered; at first the loss is drawn against a property."""
    numbers = differences.numbers_of(ROWS, METRICS)
    assert numbers["b"]["property lr"] == 0.01
    assert differences.first_axes(list(numbers["a"])) == ("property lr", "metric val/loss")
    points = differences.points(ROWS, numbers, "property lr", "metric val/loss", ["b"], dark=False)
    assert [(point.x, point.y, point.chosen) for point in points] == [(0.1, 0.5, False), (0.01, 0.25, True)]


@pytest.mark.parametrize(("stat", "texts", "best"), [("last", ("0.5", "0.4"), 1), ("least", ("0.1", "0.4"), 0)])
def test_runs_are_compared_by_their_last_or_their_extreme_values(
    stat: differences.Stat, texts: tuple[str, str], best: int
) -> None:
    """A run whose loss was lowest in between is the best by its least value, not by its last."""
    metrics = [replace(metric("a", "loss", 0.5), min_value=0.1), metric("b", "loss", 0.4)]
    line = differences.compare(ROWS, metrics, stat)[0]
    assert (line.key, line.texts, line.best) == ("loss", texts, best)


def test_axes_on_which_runs_differ_are_offered_first() -> None:
    """A number that all runs share is no axis to begin with, unless there is no other."""
    numbers = differences.numbers_of(ROWS, METRICS)
    assert "property batch" in numbers["a"]
    assert "property batch" not in differences.varied(list(numbers["a"]), numbers)
    assert differences.varied(["property batch", "property lr"], numbers) == ["property batch", "property lr"]


def test_cells_unlike_the_baseline_are_tinted_and_the_best_is_bold() -> None:
    """The style of a comparison marks the best value and every cell that the baseline does not share."""
    lines = differences.pick(differences.compare(ROWS, METRICS), "", only_differences=True)
    style = tables.difference_style(lines, ROWS, base=0, dark=False)
    assert "700" in str(style.loc[1, "b"])
    assert "background" in str(style.loc[3, "b"])
    assert style.loc[3, "a"] == ""


def test_the_runs_table_keeps_the_chosen_columns_in_order() -> None:
    """Columns are named by kind and name; a run without a value has an empty cell."""
    table = tables.run_table(ROWS, ["property:lr", "run:status", "metric:loss"], {"a": [1.0, 2.0]}, dark=False)
    assert list(table.columns) == ["dot", "name", "property:lr", "run:status", "spark", "metric:loss"]
    assert table["property:lr"].tolist() == [0.1, 0.01]
    assert table["metric:loss"].isna().all()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.73766, "0.7377"),
        (12345.0, "12,345"),
        (12345.67, "12,346"),
        (0.0000123, "1.23e-5"),
        (0.5, "0.5"),
        (-3.14159, "-3.142"),
        (0.0, "0"),
        (2.5e12, "2.50e12"),
        (math.nan, "NaN"),
        (-math.inf, "-inf"),
        (None, "–"),
    ],
)
def test_numbers_have_four_significant_digits(value: float | None, text: str) -> None:
    """Tables write numbers short enough to compare and exact enough to tell apart."""
    assert formats.number(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "40ms"), (42, "42s"), (750, "12m 30s"), (3900, "1h 05m"), (273600, "3d 04h"), (None, "–")],
)
def test_durations_show_their_two_greatest_units(seconds: float | None, text: str) -> None:
    """A duration is as long as it needs to be."""
    assert formats.duration(seconds) == text


def test_times_in_lists_are_relative() -> None:
    """Minutes, hours and days ago; a future time, from a clock ahead, is now."""
    assert [formats.ago(NOW - timedelta(seconds=s), NOW) for s in (5, 120, 7200, 200000, -50)] == [
        "just now",
        "2 min ago",
        "2 h ago",
        "2 d ago",
        "just now",
    ]


def test_sizes_are_in_decimal_units() -> None:
    """Bytes below 1,000, then kB, MB and on."""
    assert [formats.size(n) for n in (512, 4100, 12_000_000, None)] == ["512 B", "4.1 kB", "12 MB", "–"]
