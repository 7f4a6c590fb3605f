"""Neighbouring records of a ring -> the head of a metric event, to stand in front of the records as they lie.

No record is copied or looked at one by one: what an event needs beside them (its series, its strings) is found by C
calls over a whole column of bytes.
"""

from __future__ import annotations

from typing import NamedTuple

from runstream.series import SeriesTable
from runstream.staging import VOID_CODE
from runstream.texts import Texts
from runstream_schemas import codec
from runstream_schemas.events import Other, Series
from runstream_schemas.points import CODE_OFFSET, INT_RECORD, RECORD_BYTES, SIDE_KINDS, series_of

MAX_METRIC_BYTES = 400_000
"""An event stays below: the limit of 512 KiB holds everywhere behind."""

WHOLE_DICTIONARY = 64
MAX_DICTIONARY_CHARACTERS = 4096
_IS_SIDE = bytes(1 if low & 7 in SIDE_KINDS else 0 for low in range(256))


class Batch(NamedTuple):
    """
    The start of an event: `head`, then the first `n_points` of the records.

    Attributes:
        texts: numbers of the side entries in it.
    """

    head: bytes
    n_points: int
    texts: list[int]


class Batches:
    """Makes metric events of one producer."""

    def __init__(self, run_id: str, producer_id: str, series: SeriesTable, texts: Texts) -> None:
        """Take names from *series* and strings from *texts*."""
        self._run_id, self._producer_id = run_id, producer_id
        self._series = series
        self._texts = texts
        self._whole: tuple[Series, ...] | None = ()
        self._whole_of = -1

    def batch(self, sequence: int, logged_at_ns: int, first_index: int, points: memoryview) -> Batch:
        """
        Return the longest event that begins with the records in *points*: all, unless strings make it too large.

        Args:
            sequence, logged_at_ns, first_index: as the event holds them.
            points: complete records, at least one.
        """
        n_points = len(points) // RECORD_BYTES
        while True:
            size_bytes = n_points * RECORD_BYTES
            with points[:size_bytes] as part:
                others, numbers = self._others(part)
                series = self._series_in(part)
            header = (self._run_id, self._producer_id, sequence, logged_at_ns, first_index, n_points)
            head = codec.metric_head(*header, series, others, size_bytes)
            if len(head) + size_bytes <= MAX_METRIC_BYTES or n_points == 1:
                return Batch(head, n_points, numbers)
            n_points //= 2

    def _others(self, points: memoryview) -> tuple[list[Other], list[int]]:
        """Return the side entries of an event's points, and their numbers."""
        others: list[Other] = []
        numbers: list[int] = []
        if not len(self._texts):
            return others, numbers
        flags = bytes(points[CODE_OFFSET::RECORD_BYTES]).translate(_IS_SIDE)
        at = flags.find(1)
        while at >= 0:
            number = INT_RECORD.unpack_from(points, at * RECORD_BYTES)[2]
            others.append(Other(at, self._texts.get(number)))
            numbers.append(number)
            at = flags.find(1, at + 1)
        return others, numbers

    def _series_in(self, points: memoryview) -> tuple[Series, ...]:
        """Return the event's dictionary: all series while they are few and short, else those that occur."""
        state = len(self._series.by_code) + self._series.n_changes
        if state != self._whole_of:
            self._whole, self._whole_of = self._whole_dictionary(), state
        if self._whole is not None:
            return self._whole
        with points.cast("Q") as words:
            codes = {series_of(code) for code in set(words[3::4]) if code != VOID_CODE}
        return tuple(self._series.by_code[code] for code in sorted(codes))

    def _whole_dictionary(self) -> tuple[Series, ...] | None:
        """Return all series, or None when telling them with every event costs more than looking which occur."""
        series = tuple(self._series.by_code.values())
        n_characters = sum(len(s.name) + len(s.column_name or "") + len(s.description) for s in series)
        return series if len(series) <= WHOLE_DICTIONARY and n_characters <= MAX_DICTIONARY_CHARACTERS else None
