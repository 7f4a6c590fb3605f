"""The points of one fold: new points of many metric events -> sorted rows. No Python per point.

Events are looked at one by one (is it new, what does it call its series); their points only as whole columns.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from runstream_consumer.rows import (
    MAX_EXACT,
    MINUS_ZERO,
    MINUS_ZERO_BITS,
    STEPLESS,
    Flags,
    Floats,
    Ints,
    PointRows,
    has_number,
    sparse_text,
    stable_order,
    step_order,
)
from runstream_consumer.state import Draft
from runstream_schemas.events import MetricEvent, Series
from runstream_schemas.points import BIGINT, CODE_OFFSET, FLOAT, INT, KIND_BITS, KIND_MASK, NO_STEP, RECORD_BYTES, VOID

_UNKNOWN = -1
_WORDS = RECORD_BYTES // 8
MAX_SERIES_CODE = 1 << 22
"""Series of one producer are numbered from 0; a number beyond this is not from a producer of ours."""


Owner = tuple[str, str]
"""Whose series are numbered: (producer id, run id)."""


class Codes:
    """One producer's own series numbers -> slots. A cache: every event describes the series it uses."""

    __slots__ = ("described", "newest", "slots")

    def __init__(self) -> None:
        self.newest: tuple[Series, ...] = ()
        """The dictionary looked up last: what decoding hands out again as the same object needs no second look."""
        self.described: dict[int, tuple[Series, str | None]] = {}
        self.slots: npt.NDArray[np.int32] = np.full(16, _UNKNOWN, np.int32)

    def put(self, series: Series, slot: int) -> None:
        """The series' number means the series at ``slot``."""
        # The last entry stays unknown: looking up any greater number is clipped to it.
        if series.code + 1 >= len(self.slots):
            grown = np.full(max(series.code + 2, 2 * len(self.slots)), _UNKNOWN, np.int32)
            grown[: len(self.slots)] = self.slots
            self.slots = grown
        self.described[series.code] = (series, None)
        self.slots[series.code] = slot

    def refuse(self, series: Series, reason: str) -> None:
        """Points of this series must not be folded, for ``reason``."""
        if 0 <= series.code <= MAX_SERIES_CODE:
            self.put(series, _UNKNOWN)
        self.described[series.code] = (series, reason)

    def reason(self, code: int) -> str:
        """Why a point with this number has no slot."""
        _, reason = self.described.get(code, (None, None))
        return reason or f"a point names series {code}, which its event does not describe"


@dataclass(frozen=True, slots=True)
class PointColumns:
    """Points column by column, each (n,): step, time in us, the 64 bits of the value, kind, and slot of the series."""

    step: Ints
    at_us: Ints
    bits: Ints
    kind: npt.NDArray[np.int8]
    slot: npt.NDArray[np.int32]

    def take(self, rows: Ints | slice) -> "PointColumns":
        """Those of ``rows``, in memory of their own but for a slice."""
        return PointColumns(self.step[rows], self.at_us[rows], self.bits[rows], self.kind[rows], self.slot[rows])


class Scratch:
    """Room for columns that is used again by every fold: fresh memory of this size costs more than the copying."""

    __slots__ = ("_columns",)

    def __init__(self) -> None:
        self._columns = self._room(0)

    def rows(self, n: int) -> PointColumns:
        """Columns of ``n`` points of any content, good until the next call."""
        if n > len(self._columns.step):
            self._columns = self._room(max(n, 2 * len(self._columns.step)))
        return self._columns.take(slice(n))

    @staticmethod
    def _room(n: int) -> PointColumns:
        step, at_us, bits = (np.empty(n, np.int64) for _ in range(3))
        return PointColumns(step, at_us, bits, np.empty(n, np.int8), np.empty(n, np.int32))


@dataclass(slots=True)
class _Piece:
    """Newly folded points of one event: records (n, 4), numbered from ``first_index``."""

    item: int
    codes: Codes
    first_index: int
    records: Ints


@dataclass(slots=True)
class MetricSlice:
    """Collects the new points of metric events, then sorts them."""

    draft: Draft
    codes: dict[Owner, Codes]
    scratch: Scratch
    pieces: list[_Piece] = field(default_factory=list)
    text_places: list[int] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    n: int = 0

    def add(self, item: int, event: MetricEvent, fresh: list[tuple[int, int]]) -> None:
        """Add the points of ``event`` whose indices lie in ``fresh``; ``item`` names the event in ``sort``'s answer."""
        records = np.frombuffer(event.points, np.int64).reshape(-1, _WORDS)
        for low, high in fresh:
            begin = low - event.first_index
            end = high - event.first_index
            for other in event.others:
                if begin <= other.point < end:
                    self.text_places.append(self.n + other.point - begin)
                    self.texts.append(other.text)
            self.pieces.append(_Piece(item, self.codes_of(event), low, records[begin:end]))
            self.n += high - low

    def codes_of(self, event: MetricEvent) -> Codes:
        """What the numbers of the event's producer mean, as far as they were described."""
        owner = (event.producer_id, event.run_id)
        found = self.codes.get(owner)
        if found is None:
            found = self.codes[owner] = Codes()
        return found

    def sort(self) -> tuple[PointRows, Ints, dict[int, str]]:
        """Return the rows, the slot of each series of them, and why points of which items had to be left out."""
        points = self._arrived()
        text = sparse_text(self.n, self.text_places, self.texts) if self.texts else None
        kept = (points.slot >= 0) & (points.kind != VOID) & (points.kind != 0)
        if kept.all():
            return *self._sorted(points, None, text), {}
        broken = self._broken(np.flatnonzero((points.slot == _UNKNOWN) & (points.kind != VOID)))
        rows = np.flatnonzero(kept)
        text = None if text is None else text.take(pa.array(rows))
        return *self._sorted(points.take(rows), rows, text), broken

    def _arrived(self) -> PointColumns:
        """All points in the order of arrival. A record is taken apart while its event is in the processor's cache."""
        points = self.scratch.rows(self.n)
        begin = 0
        for piece in self.pieces:
            records, here = piece.records, points.take(slice(begin, begin + len(piece.records)))
            here.step[:] = records[:, 0]
            np.floor_divide(records[:, 1], 1000, out=here.at_us)
            here.bits[:] = records[:, 2]
            # Of the code word only the low byte is looked at for the kind.
            np.bitwise_and(records.view(np.int8)[:, CODE_OFFSET], KIND_MASK, out=here.kind)
            np.take(piece.codes.slots, _series_codes(records), out=here.slot, mode="clip")
            begin += len(piece.records)
        return points

    def _indices(self, rows: Ints) -> Ints:
        """The producers' indices of the points that arrived as ``rows``."""
        counts = np.array([len(piece.records) for piece in self.pieces], np.int64)
        ahead = np.array([piece.first_index for piece in self.pieces], np.int64) - (np.cumsum(counts) - counts)
        if (ahead == ahead[0]).all():
            # The usual case: the events of one producer without a gap.
            return rows + int(ahead[0])
        indices: Ints = rows + np.repeat(ahead, counts)[rows]
        return indices

    def _broken(self, rows: Ints) -> dict[int, str]:
        """The items that the points at ``rows`` came from, each with the first reason why it has no slot."""
        ends = np.cumsum([len(piece.records) for piece in self.pieces])
        owners, first = np.unique(np.searchsorted(ends, rows, side="right"), return_index=True)
        found: dict[int, str] = {}
        for owner, row in zip(owners.tolist(), rows[first].tolist(), strict=True):
            piece = self.pieces[owner]
            record = piece.records[row - int(ends[owner]) + len(piece.records) :][:1]
            found.setdefault(piece.item, piece.codes.reason(int(_series_codes(record)[0])))
        return found

    def _sorted(self, points: PointColumns, rows: Ints | None, text: pa.StringArray | None) -> tuple[PointRows, Ints]:
        """Sort points that arrived as ``rows`` (None: all, in order)."""
        slots, dense, counts = self._dense(points.slot)
        starts = np.cumsum(counts) - counts
        order = stable_order(dense, len(slots))
        if order is not None:
            text = None if text is None else text.take(pa.array(order))
            rows = order if rows is None else rows[order]
        index = self._indices(np.arange(len(dense)) if rows is None else rows)
        words = (points.step, points.at_us, points.bits)
        step, at_us, bits = (word.copy() if order is None else word[order] for word in words)
        kind = points.kind.copy() if order is None else points.kind[order]
        is_stepless = step == NO_STEP
        if is_stepless.any():
            _number_stepless(step, is_stepless, starts, self.draft.state.stats["n_stepless"][slots])
            kind[is_stepless] |= STEPLESS
        order = step_order(starts, step, index)
        if order is not None:
            step, at_us, bits, index = (word[order] for word in (step, at_us, bits, index))
            kind = kind[order]
            text = None if text is None else text.take(pa.array(order))
        value, text = _values(bits, kind, text)
        runs, ids = self.draft.keys_of(slots)
        return PointRows(starts, runs, ids, step, index, at_us, value, kind, text), slots

    def _dense(self, slot: npt.NDArray[np.int32]) -> tuple[Ints, npt.NDArray[np.int32], Ints]:
        """Slots of the series here, by (run_key, series_id), each point's place among them, and their counts."""
        points = np.bincount(slot, minlength=self.draft.n_slots)
        slots = np.flatnonzero(points)
        runs, ids = self.draft.keys_of(slots)
        slots = slots[np.lexsort((ids, runs))]
        place = np.empty(self.draft.n_slots, np.int32)
        place[slots] = np.arange(len(slots), dtype=np.int32)
        return slots, place[slot], points[slots]


def _series_codes(records: Ints) -> Ints:
    """Which series each record names, by its producer's numbering."""
    # The code word is unsigned: as a signed one a number beyond all would come out as one below all.
    codes: Ints = (records[:, 3].view(np.uint64) >> np.uint64(KIND_BITS)).view(np.int64)
    return codes


def _number_stepless(step: Ints, is_stepless: Flags, starts: Ints, folded_before: Ints) -> None:
    """Give each point without a step its place among those of its series, in the order of arrival."""
    count = np.cumsum(is_stepless)
    before_series: Ints = count[starts] - is_stepless[starts]
    lengths = np.diff(starts, append=len(step))
    place = count - 1 + np.repeat(folded_before - before_series, lengths)
    step[is_stepless] = place[is_stepless]


def _values(raw: Ints, kind: npt.NDArray[np.int8], text: pa.StringArray | None) -> tuple[Floats, pa.StringArray | None]:
    """The value column and the text column: numbers as DOUBLE, beside it text where a DOUBLE is not exact.

    ``raw`` holds 64 bits a point and becomes the value column where all are floats.
    """
    bare = kind & (STEPLESS - 1)
    is_float = bare == FLOAT
    value = raw.view(np.float64)
    minus_zero = np.flatnonzero(is_float & (raw == MINUS_ZERO_BITS))
    if len(minus_zero):
        # DuckDB compresses 0.0 and -0.0 as one number.
        told = sparse_text(len(raw), minus_zero.tolist(), [MINUS_ZERO] * len(minus_zero))
        text = told if text is None else pc.coalesce(text, told)
    if is_float.all():
        return value, text
    numbers = raw.astype(np.float64)
    value = np.where(is_float, value, numbers)
    value[~has_number(kind)] = np.nan
    is_int = bare == INT
    inexact = np.flatnonzero(is_int & ((raw > MAX_EXACT) | (raw < -MAX_EXACT)))
    if len(inexact):
        exact = sparse_text(len(raw), inexact.tolist(), [str(number) for number in raw[inexact].tolist()])
        text = exact if text is None else pc.coalesce(text, exact)
    big = np.flatnonzero(bare == BIGINT)
    if len(big) and text is not None:
        value[big] = [_rounded(digits) for digits in text.take(pa.array(big)).to_pylist()]
    return value, text


def _rounded(digits: str | None) -> float:
    """The DOUBLE nearest to an integer given as text; beyond its range, an infinity."""
    return float(digits) if digits else float("nan")
