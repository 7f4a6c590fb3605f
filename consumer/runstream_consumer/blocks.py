"""Blocks: first, last, lowest and highest value of about a thousand points each, so that charts read few rows.

A block holds the points of one series, of one sealed slice, whose steps share an aligned cell ``step >> shift``.
Aligned cells are what lets a chart whose columns are a power of two wide use whole blocks and read nothing raw.
Pure numpy; the order of points is (step, index) everywhere.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from runstream_consumer.rows import Flags, Floats, Ints, PointRows, has_number, lengths, nullable

CELL_POINTS = 1024
"""Upper bound on the points of a cell at the slice's mean stride (half of it is the lower bound)."""

STUB_POINTS = 64
"""A series with fewer points in a slice gets one stub: no values, always read raw."""


@dataclass(frozen=True, slots=True)
class Extremes:
    """What stretches of sorted points come to; every field is (n_stretches,), ``*_row`` are rows of the input.

    ``lowest_row`` and ``highest_row`` are -1 where no value is finite. Ties go to the first point.
    """

    n: Ints
    nonfinite: Ints
    lowest_row: Ints
    highest_row: Ints


def extremes(starts: Ints, value: Floats) -> Extremes:
    """Summarise the stretches of ``value`` that begin at ``starts`` (none of them empty)."""
    n = lengths(starts, len(value))
    is_finite = np.isfinite(value)
    if is_finite.all():
        nonfinite = np.zeros(len(starts), np.int64)
        low = high = value
    else:
        nonfinite = np.add.reduceat(~is_finite, starts, dtype=np.int64)
        low = np.where(is_finite, value, np.inf)
        high = np.where(is_finite, value, -np.inf)
    lowest = _first_equal(low, np.minimum.reduceat(low, starts), starts, n)
    highest = _first_equal(high, np.maximum.reduceat(high, starts), starts, n)
    barren = nonfinite == n
    lowest[barren] = highest[barren] = -1
    return Extremes(n, nonfinite, lowest, highest)


def _first_equal(value: Floats, wanted: Floats, starts: Ints, n: Ints) -> Ints:
    """First row of each stretch whose value is the stretch's ``wanted``."""
    rows = np.flatnonzero(value == np.repeat(wanted, n))
    return rows[np.searchsorted(rows, starts)]


def seal(rows: PointRows, first_block: int) -> tuple[Ints, dict[str, pa.Array]]:
    """Divide ``rows`` into blocks numbered from ``first_block``.

    Returns the block number of each point (n_points,) and the columns of table ``block``. Blocks count and summarise
    the points that have a number; a cell without any has a number but no row.
    """
    begins = _begins(rows)
    block: Ints = np.cumsum(begins, dtype=np.int64)
    block += first_block - 1
    counted = has_number(rows.kind)
    if counted.all():
        return block, _block_columns(rows, np.flatnonzero(begins), block, None)
    kept = np.flatnonzero(counted)
    if not len(kept):
        return block, {}
    return block, _block_columns(rows, np.flatnonzero(np.diff(block[kept], prepend=first_block - 1)), block, kept)


def _begins(rows: PointRows) -> Flags:
    """True at the first point of each block."""
    counts = rows.counts
    is_series = np.zeros(rows.n, np.bool_)
    is_series[rows.starts] = True
    is_stub = counts < STUB_POINTS
    if is_stub.all():
        return is_series
    cell = rows.step >> np.repeat(_shifts(rows, counts), counts)
    begins = np.ones(rows.n, np.bool_)
    np.not_equal(cell[1:], cell[:-1], out=begins[1:])
    if is_stub.any():
        begins &= ~np.repeat(is_stub, counts)
    begins |= is_series
    return begins


def _shifts(rows: PointRows, counts: Ints) -> npt.NDArray[np.int64]:
    """Bits that a series' steps are shifted by, so that a cell holds CELL_POINTS / 2 to CELL_POINTS points."""
    first = rows.step[rows.starts]
    last = rows.step[rows.starts + counts - 1]
    # Steps span up to 2**64: the difference wraps in int64 and is right in uint64.
    span = (last.astype(np.uint64) - first.astype(np.uint64)).astype(np.float64) + 1.0
    shift = np.floor(np.log2(np.maximum(span * (CELL_POINTS / np.maximum(counts, 1)), 1.0)))
    bits: Ints = np.clip(shift, 0, 63).astype(np.int64)
    return bits


def _block_columns(rows: PointRows, starts: Ints, block: Ints, kept: Ints | None) -> dict[str, pa.Array]:
    """Columns of table ``block``. Only the points ``kept`` count (None: all); blocks begin at ``starts`` of these."""
    step, index, at, value = rows.step, rows.index, rows.logged_at_us, rows.value
    if kept is not None:
        step, index, at, value, block = step[kept], index[kept], at[kept], value[kept], block[kept]
    found = extremes(starts, value)
    ends = starts + found.n - 1
    owners = starts if kept is None else kept[starts]
    series = np.searchsorted(rows.starts, owners, side="right") - 1
    is_stub = rows.counts[series] < STUB_POINTS
    is_barren = is_stub | (found.lowest_row < 0)
    columns = {
        "run_key": pa.array(rows.run_key[series]),
        "series_id": pa.array(rows.series_id[series]),
        "block": pa.array(block[starts]),
        "n": pa.array(found.n.astype(np.int32)),
        "nonfinite": pa.array(found.nonfinite.astype(np.int32)),
        "first_step": pa.array(step[starts]),
        "last_step": pa.array(step[ends]),
        "first_index": nullable(index[starts], is_stub),
        "last_index": nullable(index[ends], is_stub),
        "min_step": nullable(step[found.lowest_row], is_barren),
        "max_step": nullable(step[found.highest_row], is_barren),
        "time_ordered": pa.array(_time_ordered(starts, at) & ~is_stub),
    }
    for name, place, is_null in (
        ("first", starts, is_stub),
        ("last", ends, is_stub),
        ("min", found.lowest_row, is_barren),
        ("max", found.highest_row, is_barren),
    ):
        columns[f"{name}_at"] = nullable(at[place], is_null)
        columns[f"{name}_value"] = nullable(value[place], is_null)
    return columns


def _time_ordered(starts: Ints, at: Ints) -> Flags:
    """True for blocks whose times never step back."""
    ordered = np.ones(len(starts), np.bool_)
    back = np.flatnonzero(at[1:] < at[:-1]) + 1
    back = back[~np.isin(back, starts)]
    ordered[np.searchsorted(starts, back, side="right") - 1] = False
    return ordered
