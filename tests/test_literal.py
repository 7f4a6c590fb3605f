"""Values into SQL: DuckDB reads back what was meant, wherever the literal stands, and nothing else."""

from __future__ import annotations

import datetime as dt
import math
import struct
from decimal import Decimal
from uuid import UUID

import duckdb
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runstream_consumer.literal import bigints, identifier, literal, render
from runstream_schemas.errors import InvalidLiteral

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
TIMES = st.datetimes()
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**127), 2**127 - 1),
    st.floats(),
    TEXT,
    st.binary(max_size=50),
    TIMES,
    st.dates(),
    st.times(),
    st.timedeltas(dt.timedelta(days=-90_000), dt.timedelta(days=90_000)),
    st.uuids(),
    st.decimals(allow_nan=False, allow_infinity=False, places=5, min_value=-(10**12), max_value=10**12),
)


@pytest.fixture(scope="module")
def engine() -> duckdb.DuckDBPyConnection:
    """An empty DuckDB."""
    return duckdb.connect()


def read_back(engine: duckdb.DuckDBPyConnection, value: object) -> object:
    """What DuckDB makes of a value's literal."""
    row = engine.execute(f"SELECT {literal(value)}").fetchone()
    assert row is not None
    return row[0]


def same(found: object, value: object) -> bool:
    """Equal, of one type, and bit for bit so for floats (any NaN is NaN)."""
    if isinstance(value, float) and isinstance(found, float):
        return math.isnan(found) if math.isnan(value) else struct.pack("<d", found) == struct.pack("<d", value)
    return type(found) is type(value) and found == value


@given(SCALARS)
def test_duckdb_reads_back_the_same_value(engine: duckdb.DuckDBPyConnection, value: object) -> None:
    """Every value that has a literal comes back equal and of its own type: NaN, -0.0 and Unicode too."""
    assert same(read_back(engine, value), value)


@given(st.lists(st.floats(), max_size=5), st.lists(st.integers(-(2**63), 2**63 - 1), max_size=9))
def test_lists_keep_their_elements(engine: duckdb.DuckDBPyConnection, floats: list[float], numbers: list[int]) -> None:
    """Lists come back element by element, also as the one constant that `bigints` writes."""
    found = read_back(engine, tuple(floats))
    assert isinstance(found, list)
    packed = engine.execute(f"SELECT {bigints(numbers)}").fetchone()

    assert all(same(*pair) for pair in zip(found, floats, strict=True))
    assert packed == (numbers,)


@given(st.one_of(st.integers(-(2**100), 2**100), st.floats(allow_nan=False)))
def test_a_literal_stands_anywhere(engine: duckdb.DuckDBPyConnection, number: float) -> None:
    """Behind a minus sign, where a bare negative number would begin a comment, and before an operator."""
    row = engine.execute(f"SELECT 0-{literal(number)}, {literal(number)} IS NOT NULL -- end").fetchone()

    assert row is not None
    assert row[0] == 0 - number
    assert row[1]


@given(TIMES, st.integers(-14 * 60, 14 * 60))
def test_a_zoned_time_is_the_same_moment(engine: duckdb.DuckDBPyConnection, at: dt.datetime, minutes: int) -> None:
    """A datetime with a zone becomes a TIMESTAMPTZ of that moment."""
    zoned = at.replace(year=max(2, min(9998, at.year)), tzinfo=dt.timezone(dt.timedelta(minutes=minutes)))
    row = engine.execute(f"SELECT epoch_us({literal(zoned)}), typeof({literal(zoned)})").fetchone()

    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    assert row == ((zoned - epoch) // dt.timedelta(microseconds=1), "TIMESTAMP WITH TIME ZONE")


@given(TEXT.filter(bool))
def test_an_identifier_names_exactly_itself(engine: duckdb.DuckDBPyConnection, name: str) -> None:
    """Any text without NUL can be a column's name, quotes inside included."""
    row = engine.execute(f"SELECT c.{identifier(name)} FROM (SELECT 7 AS {identifier(name)}) AS c").fetchone()

    assert row == (7,)


@pytest.mark.parametrize(
    "value",
    ["a\0b", "\ud800", ["fine", "\0"], 2**127, -(2**127) - 1, object(), {"a": 1}, np.arange(3), Decimal("NaN"), 1j,
     Decimal("1e40")],
)  # fmt: skip
def test_what_sql_cannot_hold_is_refused(value: object) -> None:
    """NUL, half surrogates, numbers too large and unknown types raise instead of changing on the way."""
    with pytest.raises(InvalidLiteral):
        literal(value)


@pytest.mark.parametrize(
    ("value", "plain"),
    [(np.int64(-5), -5), (np.float32(0.5), 0.5), (np.bool_(True), True), (np.str_("x"), "x"), (np.array(3), 3)],
)
def test_numpy_scalars_count_as_python_values(engine: duckdb.DuckDBPyConnection, value: object, plain: object) -> None:
    """What numpy hands out is written as the plain value."""
    assert same(read_back(engine, value), plain)


def test_placeholders_are_found_by_duckdbs_own_scanner(engine: duckdb.DuckDBPyConnection) -> None:
    """Question marks and dollars in strings, quoted names, dollar quotes and comments are no placeholders."""
    text = """SELECT ?, '?''?' AS "?", $$ ? $1 $$, E'\\'?' /* ? /* ? */ ? */, $한글$ ? $한글$, ? -- ?
              , 'é', ?::INT"""

    row = engine.execute(render(text, ["a'b", -1.5, 3])).fetchone()

    assert row == ("a'b", "?'?", " ? $1 ", "'?", " ? ", -1.5, "é", 3)


@given(st.lists(SCALARS, min_size=1, max_size=5))
def test_rendered_parameters_arrive_in_order(engine: duckdb.DuckDBPyConnection, values: list[object]) -> None:
    """A statement with placeholders answers as if the values had been bound, whatever they hold."""
    row = engine.execute(render(f"SELECT {', '.join('?' * len(values))}", values)).fetchone()

    assert row is not None
    assert all(same(*pair) for pair in zip(row, values, strict=True))


def test_numbered_and_named_parameters_may_repeat(engine: duckdb.DuckDBPyConnection) -> None:
    """$1 and $name may stand several times and in any order."""
    assert engine.execute(render("SELECT $2, $1, $2", [1, 2])).fetchone() == (2, 1, 2)
    assert engine.execute(render("SELECT $b, $a, $b", {"a": 1, "b": "$a"})).fetchone() == ("$a", 1, "$a")


@pytest.mark.parametrize(
    ("text", "parameters"),
    [("SELECT ?", []), ("SELECT ?", [1, 2]), ("SELECT $3", [1]), ("SELECT $x", {"y": 1}), ("SELECT 1", {"y": 1}),
     ("SELECT ?", "a")],
)  # fmt: skip
def test_parameters_must_fit_the_statement(text: str, parameters: object) -> None:
    """A missing or superfluous parameter raises and names itself."""
    with pytest.raises(InvalidLiteral, match="parameter"):
        render(text, parameters)  # type: ignore[arg-type]


def test_a_uuid_is_typed(engine: duckdb.DuckDBPyConnection) -> None:
    """A UUID comes out as DuckDB's own type."""
    assert engine.execute(f"SELECT typeof({literal(UUID(int=5))})").fetchone() == ("UUID",)
