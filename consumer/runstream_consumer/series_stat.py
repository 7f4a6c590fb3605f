"""What each series comes to: counts, range, lowest, highest and last logged value, kept up fold by fold.

The figures of one slice merge with those of everything before by plain comparisons, in any split and with the same
result: the last value is the one with the highest point index, ties of the lowest and highest go to the lower step.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from runstream_consumer.blocks import extremes
from runstream_consumer.rows import STEPLESS, Ints, PointRows, has_number, nullable

_LOWEST, _HIGHEST = -(2**63), 2**63 - 1

STAT = np.dtype(
    [
        (name, np.int64)
        for name in ("n", "n_stepless", "n_numeric", "nonfinite", "low_step", "high_step", "low_at", "high_at")
    ]
    + [("last_step", np.int64), ("last_index", np.int64), ("last_at", np.int64), ("last_kind", np.int8)]
    + [("last_value", np.float64), ("min_step", np.int64), ("min_value", np.float64)]
    + [("max_step", np.int64), ("max_value", np.float64)]
)
"""Figures of one series. Steps, times and values mean nothing while their count (n, n_numeric - nonfinite) is 0."""

Stats = npt.NDArray[np.void]


def empty_stats(n_series: int) -> Stats:
    """Figures of ``n_series`` series that have no points; merging with them changes nothing."""
    stats = np.zeros(n_series, STAT)
    for name in ("low_step", "low_at", "min_step", "max_step"):
        stats[name] = _HIGHEST
    for name in ("high_step", "high_at", "last_step", "last_at"):
        stats[name] = _LOWEST
    stats["last_index"] = -1
    stats["last_value"] = np.nan
    stats["min_value"] = np.inf
    stats["max_value"] = -np.inf
    return stats


def summarise(rows: PointRows) -> tuple[Stats, list[str | None]]:
    """Figures of each series of a slice, (n_series,), and the text of its last value where it has one."""
    starts, counts = rows.starts, rows.counts
    stats = empty_stats(len(starts))
    if not rows.n:
        return stats, []
    ends = starts + counts - 1
    stats["n"] = counts
    is_stepless = (rows.kind & STEPLESS) != 0
    if is_stepless.any():
        stats["n_stepless"] = np.add.reduceat(is_stepless, starts, dtype=np.int64)
    stats["low_step"], stats["high_step"] = rows.step[starts], rows.step[ends]
    stats["low_at"] = np.minimum.reduceat(rows.logged_at_us, starts)
    stats["high_at"] = np.maximum.reduceat(rows.logged_at_us, starts)
    last = _last_rows(rows.index, starts, counts, ends)
    for field, column in (
        ("last_step", rows.step),
        ("last_index", rows.index),
        ("last_at", rows.logged_at_us),
        ("last_kind", rows.kind),
        ("last_value", rows.value),
    ):
        stats[field] = column[last]
    _set_extremes(stats, rows)
    texts = [None] * len(starts) if rows.text is None else rows.text.take(pa.array(last)).to_pylist()
    return stats, texts


def _last_rows(index: Ints, starts: Ints, counts: Ints, ends: Ints) -> Ints:
    """Row of each series' point with the highest index; indices are unique inside a series."""
    highest = np.maximum.reduceat(index, starts)
    if np.array_equal(highest, index[ends]):
        return ends
    return np.flatnonzero(index == np.repeat(highest, counts))


def _set_extremes(stats: Stats, rows: PointRows) -> None:
    """Fill in the figures over points that have a number."""
    counted = has_number(rows.kind)
    if counted.all():
        series = np.arange(len(stats))
        starts, value, step = rows.starts, rows.value, rows.step
    else:
        kept = np.flatnonzero(counted)
        if not len(kept):
            return
        own = np.searchsorted(rows.starts, kept, side="right") - 1
        starts = np.flatnonzero(np.diff(own, prepend=-1))
        series = own[starts]
        value, step = rows.value[kept], rows.step[kept]
    found = extremes(starts, value)
    stats["n_numeric"][series] = found.n
    stats["nonfinite"][series] = found.nonfinite
    finite = found.lowest_row >= 0
    where = series[finite]
    stats["min_step"][where] = step[found.lowest_row[finite]]
    stats["min_value"][where] = value[found.lowest_row[finite]]
    stats["max_step"][where] = step[found.highest_row[finite]]
    stats["max_value"][where] = value[found.highest_row[finite]]


def merge(old: Stats, new: Stats) -> tuple[Stats, npt.NDArray[np.bool_]]:
    """Figures of both together, row by row, and where the last value is that of ``new``."""
    both = old.copy()
    for name in ("n", "n_stepless", "n_numeric", "nonfinite"):
        both[name] += new[name]
    for name in ("low_step", "low_at"):
        both[name] = np.minimum(old[name], new[name])
    for name in ("high_step", "high_at"):
        both[name] = np.maximum(old[name], new[name])
    is_later = new["last_index"] > old["last_index"]
    _take(both, new, is_later, ("last_step", "last_index", "last_at", "last_kind", "last_value"))
    lower = new["min_value"] < old["min_value"]
    lower |= (new["min_value"] == old["min_value"]) & (new["min_step"] < old["min_step"])
    _take(both, new, lower, ("min_step", "min_value"))
    higher = new["max_value"] > old["max_value"]
    higher |= (new["max_value"] == old["max_value"]) & (new["max_step"] < old["max_step"])
    _take(both, new, higher, ("max_step", "max_value"))
    return both, is_later


def _take(both: Stats, new: Stats, where: npt.NDArray[np.bool_], names: tuple[str, ...]) -> None:
    for name in names:
        both[name][where] = new[name][where]


def stat_columns(run_key: Ints, series_id: Ints, stats: Stats, texts: Sequence[str | None]) -> dict[str, pa.Array]:
    """The columns of table ``series_stat`` for these series, NULL where there is nothing to tell."""
    is_empty = stats["n"] == 0
    is_barren = stats["n_numeric"] == stats["nonfinite"]
    columns = {"series_id": pa.array(series_id), "run_key": pa.array(run_key)}
    for name in ("n", "n_stepless", "n_numeric", "nonfinite"):
        columns[name] = pa.array(_contiguous(stats, name))
    for name in ("low_step", "high_step", "low_at", "high_at", "last_step", "last_index", "last_at", "last_kind"):
        columns[name] = nullable(_contiguous(stats, name), is_empty)
    columns["last_value"] = nullable(_contiguous(stats, "last_value"), is_empty | ~has_number(stats["last_kind"]))
    columns["last_text"] = pa.array(list(texts), pa.string())
    for name in ("min_step", "min_value", "max_step", "max_value"):
        columns[name] = nullable(_contiguous(stats, name), is_barren)
    return columns


def stats_of(table: pa.Table) -> tuple[Stats, list[str | None]]:
    """The inverse of ``stat_columns``: figures and texts of rows read back."""
    stats = empty_stats(table.num_rows)
    for name in STAT.names or ():
        column = table.column(name).combine_chunks()
        known = column.is_valid().to_numpy(zero_copy_only=False)
        stats[name][known] = column.drop_null().to_numpy(zero_copy_only=False)
    return stats, table.column("last_text").to_pylist()


def _contiguous(stats: Stats, name: str) -> npt.NDArray[np.generic]:
    return np.ascontiguousarray(stats[name])
