"""What may be logged, and as which Python value it is kept."""

from __future__ import annotations

import enum
import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runstream.values import columns, listed, normalise
from runstream_schemas.errors import InvalidValue, TooLarge
from runstream_schemas.events import MAX_TEXT_BYTES
from tests.sameness import same


class Label(str):
    """A string whose str() is not its text."""

    __slots__ = ()

    def __str__(self) -> str:
        return "something else"


class Level(enum.IntEnum):
    """An enum that is an int."""

    HIGH = 3


class Ratio(float):
    """A float that lies about itself when converted."""

    def __float__(self) -> float:
        return -1.0


class Scalar:
    """What a tensor of one element looks like."""

    def __init__(self, *elements: Any) -> None:
        self.elements = elements

    def item(self) -> Any:
        """Give the element, or raise as torch does."""
        if len(self.elements) != 1:
            message = f"a Tensor with {len(self.elements)} elements cannot be converted to Scalar"
            raise RuntimeError(message)
        return self.elements[0]


@given(st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec="utf-8"), max_size=50))
def test_plain_values_stay_as_they_are(value: Any) -> None:
    """A Python number, string, bool or None is kept as itself, of any size, NaN and -0.0 included."""
    assert same(normalise("m", value), value)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (np.float64(0.1), 0.1),
        (np.float32(0.5), 0.5),
        (np.float16(0.5), 0.5),
        (np.longdouble(0.25), 0.25),
        (np.int64(2), 2),
        (np.uint64(2**64 - 1), 2**64 - 1),
        (np.int8(-3), -3),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        (np.array(3), 3),
        (np.array([1.5]), 1.5),
        (np.array(np.nan), math.nan),
        (np.array("text"), "text"),
        (np.array(None), None),
        (Scalar(2.0), 2.0),
        (Scalar(np.int32(4)), 4),
        (Label("red"), "red"),
        (Level.HIGH, 3),
        (Ratio(0.5), 0.5),
    ],
)
def test_scalars_of_other_libraries_become_pythons(value: Any, kept: Any) -> None:
    """NumPy and torch scalars, arrays of one element and enums are kept as the Python value inside."""
    assert same(normalise("m", value), kept)


@pytest.mark.parametrize(
    ("value", "advice"),
    [
        (np.array([1, 2]), "log_list"),
        (np.array([]), "log_list"),
        (Scalar(1, 2), "log_list"),
        ([1], "log_list"),
        ((1, 2), "log_list"),
        (range(3), "log_list"),
        ({"x": 1}, "log_row"),
        (Decimal("1.5"), "float()"),
        (Fraction(1, 2), "float()"),
        (1j, "float()"),
        (np.complex64(1j), "float()"),
        (np.datetime64("2026-01-01"), "float()"),
        (object(), "float()"),
        (b"x", "upload_file"),
    ],
)
def test_what_one_point_cannot_hold_is_refused_with_advice(value: Any, advice: str) -> None:
    """Arrays, containers, Decimal, complex and objects raise a TypeError that says what to call instead."""
    with pytest.raises(InvalidValue, match=advice) as raised:
        normalise("m", value)
    assert isinstance(raised.value, TypeError)


def test_text_is_limited_by_its_bytes() -> None:
    """64 KiB of UTF-8 are kept; one more byte is refused with both sizes, as is half of a surrogate pair."""
    assert normalise("m", "é" * (MAX_TEXT_BYTES // 2)) == "é" * (MAX_TEXT_BYTES // 2)
    with pytest.raises(TooLarge) as raised:
        normalise("m", "é" * (MAX_TEXT_BYTES // 2) + "x")
    assert (raised.value.size_bytes, raised.value.limit_bytes) == (MAX_TEXT_BYTES + 1, MAX_TEXT_BYTES)
    with pytest.raises(InvalidValue, match="surrogate"):
        normalise("m", "\ud800")


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ([1, 2.0, "x", None, True], [1, 2.0, "x", None, True]),
        ((n * n for n in range(3)), [0, 1, 4]),
        (range(3), [0, 1, 2]),
        (np.arange(3), [0, 1, 2]),
        (np.array([0.5, np.nan]), [0.5, math.nan]),
        (np.array([1, "x", None], dtype=object), [1, "x", None]),
        ([np.int64(1), np.array(2), Scalar(3)], [1, 2, 3]),
        ("abc", ["a", "b", "c"]),
        ([], []),
    ],
)
def test_any_iterable_is_a_list(value: Any, kept: list[Any]) -> None:
    """Lists, generators, ranges, arrays and the characters of a string become plain values in order."""
    assert all(same(left, right) for left, right in zip(listed("m", value), kept, strict=True))


@pytest.mark.parametrize("value", [3, None, np.array(3), {"a": 1}, [[1]], np.zeros((2, 2)), [1, object()]])
def test_what_is_no_list_of_values_is_refused(value: Any) -> None:
    """A lone value, a mapping, nested lists and arrays of two dimensions are refused as a list."""
    with pytest.raises(InvalidValue):
        listed("m", value)


def test_columns_may_be_any_iterables_or_lone_values() -> None:
    """A table's columns are lists, tuples or arrays; a lone value, strings included, is a column of one row."""
    assert columns("t", {"x": [1], "y": (2,), "z": np.array([3]), "s": "text", "n": np.array(4)}) == {
        "x": [1],
        "y": [2],
        "z": [3],
        "s": ["text"],
        "n": [4],
    }
    assert columns("t", {}) == {}
    assert columns("t", {"x": []}) == {"x": []}


def test_uneven_columns_are_refused_with_their_lengths() -> None:
    """Columns of different lengths raise, and the message tells each length; so does what is no mapping."""
    with pytest.raises(InvalidValue, match="x: 2, y: 3"):
        columns("t", {"x": [1, 2], "y": [1, 2, 3]})
    with pytest.raises(InvalidValue, match="mapping"):
        columns("t", [1, 2])


def test_an_integer_that_python_would_not_read_back_is_refused() -> None:
    """Integers have up to 14,284 bits, within the 4,300 digits that Python converts unasked; longer ones raise."""
    assert normalise("m", 2**14_284 - 1) == 2**14_284 - 1
    for number in (2**14_284, -(10**5000)):
        with pytest.raises(InvalidValue, match="14,284 bits"):
            normalise("m", number)


def test_a_data_frame_is_refused_with_the_call_that_makes_columns_of_it() -> None:
    """log_table() takes mappings; of a data frame the message says how it becomes one."""
    frame = pd.DataFrame({"a": [1, 2]})
    with pytest.raises(InvalidValue, match=r"to_dict\('list'\)"):
        columns("t", frame)
    assert columns("t", frame.to_dict("list")) == {"a": [1, 2]}
