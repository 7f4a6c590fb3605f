"""run.log(): what it takes, what it refuses, and that what it took is in the journal as it was."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runstream import config, process
from runstream.logger import Logger
from runstream_schemas.errors import InvalidName, InvalidStep, InvalidValue, MetricFormClash, TooLarge
from runstream_schemas.events import Created, MetricEvent
from tests import journals


@pytest.fixture
def logger(home_path: Path) -> Iterator[Logger]:
    """A logger into the test's home, closed at the end."""
    made = Logger(partial(process.open_producer, config.read(), "run", Created("w", "e")))
    yield made
    made.producer.close()


def logged(logger: Logger, home_path: Path) -> list[journals.Point]:
    """Everything that was logged, from the journal."""
    logger.producer.sync()
    return journals.points(home_path)


VALUES = [
    0.3,
    -0.0,
    math.inf,
    -math.inf,
    5e-324,
    0,
    -1,
    2**63 - 1,
    -(2**63),
    2**63,
    -(2**70),
    True,
    False,
    None,
    "",
    "größer als 漢字 🎉",
]


@pytest.mark.parametrize("value", VALUES)
def test_a_value_is_kept_as_it_went_in(logger: Logger, home_path: Path, value: object) -> None:
    """Every kind of value comes back equal and of its type, the first time and through the fast way."""
    for step in range(3):
        logger.log("x", value, step=step)

    points = logged(logger, home_path)

    assert [(repr(p.value), type(p.value), p.step) for p in points] == [
        (repr(value), type(value), step) for step in range(3)
    ]


def test_nan_is_kept(logger: Logger, home_path: Path) -> None:
    """NaN is a value like any other."""
    logger.log("x", math.nan)

    (point,) = logged(logger, home_path)

    assert isinstance(point.value, float)
    assert math.isnan(point.value)


NUMPY = [
    (np.float64(0.1), 0.1),
    (np.float32(0.5), 0.5),
    (np.int64(-3), -3),
    (np.uint64(2**64 - 1), 2**64 - 1),
    (np.bool_(True), True),
    (np.array(2.5), 2.5),
    (np.str_("t"), "t"),
]


@pytest.mark.parametrize(("value", "expected"), NUMPY)
def test_numpy_scalars_are_python_values(logger: Logger, home_path: Path, value: Any, expected: object) -> None:
    """NumPy scalars and 0-d arrays are kept as their Python value, also from the second time on."""
    logger.log("x", value)
    logger.log("x", value)

    assert [(type(p.value), p.value) for p in logged(logger, home_path)] == [(type(expected), expected)] * 2


def test_mixed_kinds_keep_the_order_of_the_calls(logger: Logger, home_path: Path) -> None:
    """Values of all kinds under one name stand in the order in which they were logged."""
    values = [value for _ in range(500) for value in VALUES]
    for value in values:
        logger.log("x", value)

    assert [repr(point.value) for point in logged(logger, home_path)] == [repr(value) for value in values]


@pytest.mark.parametrize("step", [0, -1, 2**63 - 1, -(2**63) + 1, np.int32(7), True])
def test_any_64_bit_step_is_kept(logger: Logger, home_path: Path, step: Any) -> None:
    """Steps are 64-bit integers of any kind; they may be negative."""
    logger.log("x", 1.0, step=step)

    assert [point.step for point in logged(logger, home_path)] == [int(step)]


@pytest.mark.parametrize("step", [2.0, "3", 2**63, -(2**63), -(2**63) - 1, None.__class__, [1]])
def test_other_steps_are_refused(logger: Logger, home_path: Path, step: Any) -> None:
    """A step that is no such integer raises on the first call and on the fast way, and leaves no point."""
    with pytest.raises(InvalidStep):
        logger.log("x", 1.0, step=step)
    logger.log("x", 2.0)
    with pytest.raises(InvalidStep):
        logger.log("x", 3.0, step=step)

    assert [point.value for point in logged(logger, home_path)] == [2.0]
    assert journals.untold(home_path) == []


@pytest.mark.parametrize("value", [[1, 2], {"a": 1}, 1j, b"x", np.array([1, 2]), object()])
def test_what_one_point_cannot_hold_is_refused(logger: Logger, value: object) -> None:
    """Lists, mappings, complex numbers and the like raise InvalidValue."""
    with pytest.raises(InvalidValue):
        logger.log("x", value)


@pytest.mark.parametrize("name", ["", "a\nb", "\ud800", "n" * 257, 3, ["x"], None])
def test_bad_names_are_refused(logger: Logger, name: Any) -> None:
    """A name is 1 to 256 bytes of text without control characters."""
    with pytest.raises(InvalidName):
        logger.log(name, 1.0)


def test_a_long_string_is_refused_and_the_longest_is_kept(logger: Logger, home_path: Path) -> None:
    """64 KiB of UTF-8 fit; one byte more raises TooLarge."""
    logger.log("x", "a" * 65536)
    with pytest.raises(TooLarge):
        logger.log("x", "a" * 65537)

    assert [point.value for point in logged(logger, home_path)] == ["a" * 65536]


@pytest.mark.parametrize("step", [5, 0, None, 1.5])
def test_a_step_in_the_place_of_the_description_is_told(logger: Logger, step: Any) -> None:
    """log(name, value, 5) says what was meant, whether the name is known or not."""
    for _ in range(2):
        with pytest.raises(TypeError, match="did you mean step="):
            logger.log("x", 1.0, step)
        logger.log("x", 1.0)


def test_a_description_travels_with_the_metric(logger: Logger, home_path: Path) -> None:
    """The newest description that is not empty stands in the dictionary; leaving it out changes nothing."""
    logger.log("x", 1.0, "first", 1)
    logger.log("x", 2.0, step=2)
    logger.log("x", 3.0, "second", step=3)
    logger.log("x", 4.0, "second")
    logger.producer.sync()
    newest = [event for event in journals.events(home_path) if isinstance(event, MetricEvent)][-1]

    assert [series.description for series in newest.series] == ["second"]
    assert [(p.value, p.step) for p in logged(logger, home_path)] == [(1.0, 1), (2.0, 2), (3.0, 3), (4.0, None)]


def test_a_metric_has_one_form(logger: Logger) -> None:
    """A name that was logged as a list cannot be logged as a scalar, nor the reverse."""
    logger.producer.register("list", None, "list", "")
    logger.log("scalar", 1.0)

    with pytest.raises(MetricFormClash):
        logger.log("list", 1.0)
    with pytest.raises(MetricFormClash):
        logger.producer.register("scalar", "column", "row", "")


class Failing:
    """An integer that cannot be had."""

    def __index__(self) -> int:
        raise ZeroDivisionError


def test_an_exception_of_the_users_own_number_leaves_no_gap(logger: Logger, home_path: Path) -> None:
    """What a step's own code raises comes out of log(), and the record that was taken is void, not lost."""
    logger.log("x", 1.0)
    with pytest.raises(ZeroDivisionError):
        logger.log("x", 2.0, step=Failing())  # type: ignore[arg-type]
    logger.log("x", 3.0)

    assert [point.value for point in logged(logger, home_path)] == [1.0, 3.0]
    assert journals.untold(home_path) == []


def test_rows_share_a_number_that_counts_from_zero(logger: Logger, home_path: Path) -> None:
    """The cells of a row have the row's number as their step."""
    codes = [logger.producer.register("row", column, "row", "") for column in ("a", "b")]
    for number in range(3):
        logger.producer.put_row("row", codes, [number, str(number)])

    assert [(p.column_name, p.value, p.step) for p in logged(logger, home_path)] == [
        (column, value, number) for number in range(3) for column, value in (("a", number), ("b", str(number)))
    ]


def test_a_closed_producer_opens_again_under_a_new_id(logger: Logger, home_path: Path) -> None:
    """Logging goes on after close(), with the same codes, in a second journal; reading back covers both."""
    producer = logger.producer
    logger.log("x", 1.0)
    first = producer.producer_id
    producer.close()
    logger.log("x", 2.0)

    assert [(p.producer_id == first, p.value) for p in logged(logger, home_path)] == [(True, 1.0), (False, 2.0)]
    assert {producer_id for producer_id, _ in producer.written()} == {first, producer.producer_id}


def test_more_series_than_a_dictionary_holds_are_all_told(logger: Logger, home_path: Path) -> None:
    """A thousand metrics, each with strings in between: every event tells the series that occur in it."""
    for step in range(3000):
        logger.log(f"m{step % 1000}", step if step % 3 else f"t{step}", step=step)

    points = logged(logger, home_path)

    assert [(p.name, p.value) for p in points] == [
        (f"m{step % 1000}", step if step % 3 else f"t{step}") for step in range(3000)
    ]


def test_large_strings_are_cut_into_events_that_fit(logger: Logger, home_path: Path) -> None:
    """No event grows beyond what a broker takes, however large the strings in it are."""
    text = "ä" * 32000
    for step in range(60):
        logger.log("x", text, step=step)
    logger.producer.sync()
    sizes = [len(frame.payload) for folder in [logger.producer.dir] for frame in journals.frames(folder)]

    assert [point.step for point in journals.points(home_path)] == list(range(60))
    assert max(sizes) <= 400_000


@pytest.mark.parametrize(("one", "other"), [("loss", "Loss"), ("caf\u00e9", "cafe\u0301")])
def test_names_that_look_alike_are_told_once(
    logger: Logger, caplog: pytest.LogCaptureFixture, one: str, other: str
) -> None:
    """Two metrics that differ in case or encoding stay two, and one warning names both; other names are silent."""
    for name in (one, "accuracy", other, other, one):
        logger.log(name, 0.5)

    assert [record.getMessage() for record in caplog.records] == [
        f"metrics {one!r} and {other!r} differ only in case or in how they are encoded; they are kept as two metrics"
    ]
