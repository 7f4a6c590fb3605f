"""Blocks: cells of about a thousand points whose figures equal a look at every point."""

import math
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from runstream_consumer.blocks import CELL_POINTS, STUB_POINTS, extremes, seal
from runstream_consumer.rows import Ints, PointRows, has_number, sort_points
from runstream_schemas.points import FLOAT, NONE, TEXT


def point_rows(series: list[list[tuple[int, int, float | None]]]) -> PointRows:
    """Rows of several series, each a list of (step, time, value) in order of index; None has no number."""
    ordered = [sorted(enumerate(points), key=lambda item: (item[1][0], item[0])) for points in series]
    flat = [(index, *point) for points in ordered for index, point in points]
    values = [value for *_, value in flat]
    return PointRows(
        starts=np.cumsum([0, *map(len, series)])[:-1].astype(np.int64),
        run_key=np.arange(len(series), dtype=np.int64),
        series_id=np.arange(len(series), dtype=np.int64) + 100,
        step=np.array([step for _, step, _, _ in flat], np.int64),
        index=np.array([index for index, *_ in flat], np.int64),
        logged_at_us=np.array([at for _, _, at, _ in flat], np.int64),
        value=np.array([math.nan if value is None else value for value in values], np.float64),
        kind=np.array([NONE if value is None else FLOAT for value in values], np.int8),
        text=None,
    )


def one_series(step: Ints, kind: int) -> PointRows:
    """Rows of one series at these steps, all of one kind."""
    one = np.ones(1, np.int64)
    count = np.arange(len(step))
    value = np.zeros(len(step))
    return PointRows(one - 1, one, one, step, count, count, value, np.full(len(step), kind, np.int8), None)


def block_rows(columns: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of table ``block``."""
    lists = {name: column.to_pylist() for name, column in columns.items()}
    return [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]


VALUES = st.one_of(st.floats(-9, 9), st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0]), st.none())
POINTS = st.tuples(st.one_of(st.integers(-40, 40), st.integers(-(2**63) + 1, 2**63 - 1)), st.integers(0, 50), VALUES)


# Hypothesis draws short lists: repeated, some are long enough for cells of their own.
SERIES = st.tuples(st.lists(POINTS, min_size=1, max_size=12), st.sampled_from([1, 30])).map(
    lambda pair: pair[0] * pair[1]
)


@given(st.lists(SERIES, min_size=1, max_size=4), st.integers(0, 1000))
@settings(max_examples=150)
def test_a_block_says_what_its_points_say(series: list[list[tuple[int, int, float | None]]], first: int) -> None:
    """First, last, lowest, highest, counts and time order of every block equal those over its points."""
    rows = point_rows(series)
    block, columns = seal(rows, first)
    assert block[0] == first
    assert set(np.diff(block).tolist()) <= {0, 1}
    for low, n in zip(rows.starts.tolist(), rows.counts.tolist(), strict=True):
        assert n >= STUB_POINTS or block[low] == block[low + n - 1]
    owner = np.repeat(np.arange(len(series)), rows.counts)
    numeric = has_number(rows.kind)
    found = {row["block"]: row for row in block_rows(columns)}
    assert set(found) == set(block[numeric].tolist())
    for number, row in found.items():
        (mine,) = np.nonzero((block == number) & numeric)
        value, step, at = rows.value[mine], rows.step[mine], rows.logged_at_us[mine]
        assert len(set(owner[mine].tolist())) == 1
        is_stub = rows.counts[owner[mine[0]]] < STUB_POINTS
        expected: dict[str, Any] = {
            "run_key": owner[mine[0]],
            "series_id": owner[mine[0]] + 100,
            "n": len(mine),
            "nonfinite": int((~np.isfinite(value)).sum()),
            "first_step": step[0],
            "last_step": step[-1],
            "time_ordered": not is_stub and bool((at[1:] >= at[:-1]).all()),
        }
        assert {name: row[name] for name in expected} == expected
        places: dict[str, int | None] = {"first": 0, "last": len(mine) - 1, "min": None, "max": None}
        if np.isfinite(value).any():
            finite = np.flatnonzero(np.isfinite(value))
            places["min"] = int(finite[np.argmin(value[finite])])
            places["max"] = int(finite[np.argmax(value[finite])])
        for name, place in places.items():
            known = None if is_stub or place is None else (at[place], repr(float(value[place])))
            told = row[f"{name}_value"]
            assert (None if told is None else (row[f"{name}_at"], repr(told))) == known
            if name in ("min", "max"):
                assert row[f"{name}_step"] == (None if known is None or place is None else step[place])


@given(st.integers(STUB_POINTS, 20_000), st.integers(1, 2**40), st.integers(-(2**50), 2**50))
@settings(max_examples=60)
def test_cells_are_aligned_and_hold_about_a_thousand_points(n: int, stride: int, first: int) -> None:
    """At an even stride no cell holds more than CELL_POINTS, inner ones at least half, and none crosses its cell."""
    step = np.arange(n, dtype=np.int64) * stride + first
    rows = one_series(step, FLOAT)
    block, _ = seal(rows, 0)
    counts = np.bincount(block)
    assert counts.max() <= CELL_POINTS
    assert (counts[1:-1] >= CELL_POINTS // 2 - 1).all()
    firsts, lasts = step[np.searchsorted(block, np.arange(len(counts)))], step[np.cumsum(counts) - 1]
    edges = [(int(low) ^ int(high)) % 2**64 for low, high in zip(lasts[:-1], firsts[1:], strict=True)]
    widths = [(int(low) ^ int(high)) % 2**64 for low, high in zip(firsts, lasts, strict=True)]
    assert all(edge.bit_length() > max(widths).bit_length() for edge in edges) or len(counts) == 1


def test_points_at_the_ends_of_the_step_range_are_divided() -> None:
    """Steps from one end of 64 bits to the other do not overflow."""
    points: list[tuple[int, int, float | None]] = [(-(2**63) + 1, 0, 1.0), (2**63 - 1, 1, 2.0)] * STUB_POINTS
    block, columns = seal(point_rows([points]), 0)
    assert sorted(set(block.tolist())) == [0, 1]
    assert columns["n"].to_pylist() == [STUB_POINTS, STUB_POINTS]


def test_a_slice_of_text_alone_has_blocks_without_rows() -> None:
    """Points without a number get a block number and no row in the pyramid."""
    block, columns = seal(one_series(np.arange(3), TEXT), 7)
    assert (block.tolist(), columns) == ([7, 7, 7], {})


def test_extremes_of_nothing_finite_have_no_row() -> None:
    """A stretch of NaN and infinities has no lowest and no highest point."""
    found = extremes(np.array([0, 2]), np.array([math.nan, math.inf, 3.0, -1.0]))
    assert found.lowest_row.tolist() == [-1, 3]
    assert found.highest_row.tolist() == [-1, 2]
    assert found.nonfinite.tolist() == [2, 0]


@given(st.lists(st.sampled_from([1, 255, 256, 300]), min_size=1, max_size=6))
def test_turning_moves_points_within_their_series_only(counts: list[int]) -> None:
    """A turned slice holds every point with all of its columns where its series was, each second long one backwards."""
    rows = point_rows([[(step, step * 10, float(step)) for step in range(count)] for count in counts])
    block = rows.series_id.repeat(counts) * 1000 + rows.index

    rows.turn(block)

    orders = [rows.index[begin : begin + n].tolist() for begin, n in zip(rows.starts, counts, strict=True)]
    long = [order for order, n in zip(orders, counts, strict=True) if n >= 256]
    assert [sorted(order) for order in orders] == [list(range(count)) for count in counts]
    assert [order[0] == 0 for order in long] == [place % 2 == 0 for place in range(len(long))]
    assert (rows.step == rows.index).all()
    assert (rows.value == rows.index).all()
    assert (block == rows.series_id.repeat(counts) * 1000 + rows.index).all()


def test_live_points_that_lie_in_order_can_be_turned() -> None:
    """Rows that need no sorting are still the slice's own: Arrow's read-only memory is not touched."""
    n = 600
    live = pa.table(
        {
            "run_key": np.ones(n, np.int64),
            "series_id": np.repeat(np.arange(2), n // 2),
            "step": np.tile(np.arange(n // 2), 2),
            "index": np.arange(n),
            "logged_at": np.arange(n),
            "value": np.arange(n, dtype=np.float64),
            "kind": np.full(n, FLOAT, np.int8),
            "text": pa.nulls(n, pa.string()),
        }
    )

    rows = sort_points(live)
    rows.turn(np.zeros(n, np.int64))

    assert rows.step.tolist() == [*range(n // 2), *reversed(range(n // 2))]
    assert live.column("step").to_pylist() == [*range(n // 2), *range(n // 2)]
