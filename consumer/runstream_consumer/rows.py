"""Points as sorted columns: the form in which both doors of the store, and every block, see them.

Pure numpy. A slice of points is sorted by (run_key, series_id, step, index); one stretch of it is one series.
Series ids are first mapped to small codes local to the slice, so that the sort is a radix sort over 16 bits.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from runstream_schemas.points import NONE, TEXT

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

STEPLESS = 8
"""Bit of ``kind`` that marks a point logged without a step."""

MINUS_ZERO = "-0.0"
MINUS_ZERO_BITS = -(2**63)
"""Of the float -0.0, read as an integer."""

MAX_EXACT = 2**53
"""Integers beyond this magnitude are not exact in a DOUBLE and travel as text too."""

_NUMBERLESS_KINDS = (NONE, TEXT)
_RADIX_BITS = 16
_WORTH_TURNING = 256
"""Points of a series in a slice; below, a group holds so many series that turning one changes little."""


@dataclass(frozen=True, slots=True)
class PointRows:
    """Points sorted by (run_key, series_id, step, index).

    ``starts`` (n_series,) is the row at which each series begins, ``run_key`` and ``series_id`` (n_series,) name it;
    the other columns are (n_points,). ``value`` is NaN where the kind has no number. ``text`` is None when no point
    of the slice has any.
    """

    starts: Ints
    run_key: Ints
    series_id: Ints
    step: Ints
    index: Ints
    logged_at_us: Ints
    value: Floats
    kind: npt.NDArray[np.int8]
    text: pa.StringArray | None

    @property
    def n(self) -> int:
        """Number of points."""
        return len(self.step)

    @property
    def counts(self) -> Ints:
        """Points of each series, (n_series,)."""
        return lengths(self.starts, self.n)

    def turn(self, block: Ints) -> None:
        """Lay every second series backwards, in place, for the sealed table; ``block`` (n_points,) goes along.

        DuckDB compresses groups of 2,048 rows by their differences. Where one series ends and the next begins, step,
        index and time would leap back by the whole series, and the group pay for that leap in every row; turned, they
        hardly move. Readers order what they read, so the table's own order is free to choose.
        """
        if self.text is not None:
            return
        ends = self.starts + self.counts
        long = np.flatnonzero(self.counts >= _WORTH_TURNING)
        for series in long[1::2].tolist():
            stretch = slice(self.starts[series], ends[series])
            for column in (self.step, self.index, self.logged_at_us, self.value, self.kind, block):
                column[stretch] = column[stretch][::-1]

    def columns(self) -> dict[str, pa.Array]:
        """The columns of table ``point``, without ``block``."""
        counts = self.counts
        return {
            "run_key": pa.array(np.repeat(self.run_key, counts)),
            "series_id": pa.array(np.repeat(self.series_id, counts)),
            "step": pa.array(self.step),
            "index": pa.array(self.index),
            "logged_at": pa.array(self.logged_at_us),
            "value": nullable(self.value, ~has_number(self.kind)),
            "kind": pa.array(self.kind),
            "text": pa.nulls(self.n, pa.string()) if self.text is None else self.text,
        }


def lengths(starts: Ints, n: int) -> Ints:
    """Lengths of the stretches of ``n`` rows that begin at ``starts``."""
    return np.diff(starts, append=n)


def has_number(kind: npt.NDArray[np.int8]) -> Flags:
    """True where a point of this kind has a value that can be drawn."""
    bare = kind & (STEPLESS - 1)
    flags: Flags = (bare != _NUMBERLESS_KINDS[0]) & (bare != _NUMBERLESS_KINDS[1])
    return flags


def nullable(values: npt.NDArray[np.generic], is_null: Flags) -> pa.Array:
    """An Arrow array of ``values`` with NULL where ``is_null``; NaN elsewhere stays NaN."""
    if not is_null.any():
        return pa.array(values)
    return pa.array(values, mask=is_null, from_pandas=False)


def sparse_text(n: int, places: list[int], texts: list[str]) -> pa.StringArray:
    """A string column of length ``n``: ``texts[i]`` at row ``places[i]``, NULL elsewhere."""
    take = np.zeros(n, np.int64)
    is_null = np.ones(n, np.bool_)
    take[places] = np.arange(len(texts))
    is_null[places] = False
    return pa.array(texts, pa.string()).take(pa.array(take, mask=is_null))


def stable_order(codes: npt.NDArray[np.int32], n_codes: int) -> Ints | None:
    """Order that sorts ``codes`` (each in [0, n_codes)) keeping equal ones in place, or None if they are in order."""
    if len(codes) < 2 or bool((codes[1:] >= codes[:-1]).all()):
        return None
    order: Ints = codes.astype(np.uint16).argsort(kind="stable")
    if n_codes > 1 << _RADIX_BITS:
        high = (codes >> _RADIX_BITS).astype(np.uint16)
        order = order[high[order].argsort(kind="stable")]
    return order


def step_order(starts: Ints, step: Ints, index: Ints) -> Ints | None:
    """Order that sorts rows, grouped in stretches from ``starts``, by (step, index) in each; None if they are in order.

    Only stretches that are out of order pay for a comparison sort.
    """
    # Few rows do not rise above the one before: mostly those that a stretch begins with.
    low = np.flatnonzero(step[1:] <= step[:-1]) + 1
    wrong = low[(step[low] < step[low - 1]) | (index[low] < index[low - 1])]
    owner = np.searchsorted(starts, wrong, side="right") - 1
    is_mixed = np.zeros(len(starts), np.bool_)
    is_mixed[owner[starts[owner] != wrong]] = True
    if not is_mixed.any():
        return None
    codes = np.repeat(np.arange(len(starts)), lengths(starts, len(step)))
    rows = np.flatnonzero(is_mixed[codes])
    order = np.arange(len(step))
    order[rows] = rows[np.lexsort((index[rows], step[rows], codes[rows]))]
    return order


def sort_points(table: pa.Table) -> PointRows:
    """The rows of table ``point_live``, in any order, as sorted columns."""
    n = table.num_rows
    run_key, series_id, step, index, at, value, kind = (
        # Arrow hands out its own memory, read-only; what is sorted may be turned in place later.
        np.require(table.column(name), requirements=("W", "O"))
        for name in ("run_key", "series_id", "step", "index", "logged_at", "value", "kind")
    )
    text = table.column("text").combine_chunks() if table.column("text").null_count < n else None
    # Each commit wrote its rows sorted, so series come in long stretches: only these are looked up.
    begins = np.flatnonzero(np.diff(series_id, prepend=series_id[0] ^ 1))
    order = np.lexsort((series_id[begins], run_key[begins]))
    ids = series_id[begins][order]
    is_new = np.ones(len(ids), np.bool_)
    is_new[1:] = ids[1:] != ids[:-1]
    code_of_stretch = np.empty(len(ids), np.int32)
    code_of_stretch[order] = np.cumsum(is_new, dtype=np.int32) - 1
    dense = np.repeat(code_of_stretch, lengths(begins, n))
    series = begins[order][is_new]
    keys = (run_key[series], series_id[series])
    counts = np.bincount(dense, minlength=len(series))
    starts = np.cumsum(counts) - counts
    by_series = stable_order(dense, len(series))
    if by_series is not None:
        step, index, at, value, kind = (column[by_series] for column in (step, index, at, value, kind))
        text = None if text is None else text.take(pa.array(by_series))
    by_step = step_order(starts, step, index)
    if by_step is not None:
        step, index, at, value, kind = (column[by_step] for column in (step, index, at, value, kind))
        text = None if text is None else text.take(pa.array(by_step))
    return PointRows(starts, *keys, step, index, at, value, kind, text)
