"""What the staging file of a dead producer still holds and its journal does not: ready to be framed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from struct import Struct

from runstream_schemas.events import Other, Series
from runstream_schemas.home import ProducerDir
from runstream_schemas.points import (
    CODE_OFFSET,
    INT_RECORD,
    MAX_EVENT_POINTS,
    NO_STEP,
    RECORD_BYTES,
    SIDE_KINDS,
    VOID,
    kind_of,
    series_of,
)
from runstream_schemas.ring import (
    BLOCK_BYTES,
    BLOCK_RECORDS,
    N_BLOCKS,
    PAGE_BYTES,
    Marks,
    block_offset,
    read_series,
    read_texts,
)

MAX_OTHERS_BYTES = 250_000
_CODE = Struct("<Q")
_VOID_RECORD = INT_RECORD.pack(NO_STEP, 0, 0, VOID)


@dataclass(frozen=True, slots=True)
class Batch:
    """Neighbouring points of one producer, as the fields of a MetricEvent."""

    first_index: int
    count: int
    series: tuple[Series, ...]
    others: tuple[Other, ...]
    points: bytes


class Leftovers:
    """The staging file, names and side entries of a producer that is not alive.

    Attributes:
        is_there: there is a whole staging file.
        dropped: points that found no room and were not yet told of.
    """

    def __init__(self, folder: ProducerDir) -> None:
        """Read page 0 and the side files; the blocks follow in `batches`."""
        self._path = folder.staging
        page = _read(self._path, 0, PAGE_BYTES)
        marks = Marks(bytearray(page.ljust(PAGE_BYTES, b"\0")))
        self.is_there = marks.is_whole
        self.dropped = marks.dropped if self.is_there else 0
        self._blocks: list[tuple[int, int, int]] = []
        if self.is_there:
            bases = [(marks.base(block), marks.drained(block), block) for block in range(N_BLOCKS)]
            self._blocks = sorted((base, drained, block) for base, drained, block in bases if base is not None)
        self._series = read_series(folder.names) if self.is_there else {}
        self._texts = read_texts(_numbered(folder.text_files())) if self.is_there else {}

    def batches(self, covered: Sequence[tuple[int, int]]) -> Iterator[Batch]:
        """The points that no range of `covered` (first index, end) holds, in the order of their index.

        A slot that was taken but never written belongs to a call that did not return: it goes out as void, so that
        the indexes have no gap.
        """
        blocks = [
            (base, drained, _read(self._path, block_offset(block), BLOCK_BYTES))
            for base, drained, block in self._blocks
        ]
        tops = [base + _n_used(data) for base, _, data in blocks if _n_used(data)]
        end = max(tops, default=0)
        for base, drained, data in blocks:
            n_slots = min(BLOCK_RECORDS, end - base, len(data) // RECORD_BYTES)
            for first, last in _open_ranges(base + max(drained, 0), base + n_slots, covered):
                yield from self._split(first, data[(first - base) * RECORD_BYTES : (last - base) * RECORD_BYTES])

    def _split(self, first_index: int, data: bytes) -> Iterator[Batch]:
        """Cut neighbouring records into events of a size that fits."""
        points, others, codes, n_bytes = bytearray(), list[Other](), set[int](), 0
        for at in range(0, len(data), RECORD_BYTES):
            record = data[at : at + RECORD_BYTES]
            (code,) = _CODE.unpack_from(record, CODE_OFFSET)
            text = self._text(record, code)
            if code == 0 or series_of(code) not in self._series or (kind_of(code) in SIDE_KINDS and text is None):
                record, code, text = _VOID_RECORD, VOID, None
            size = len(text.encode()) + 8 if text is not None else 0
            count = len(points) // RECORD_BYTES
            if count == MAX_EVENT_POINTS or (n_bytes + size > MAX_OTHERS_BYTES and count):
                yield self._batch(first_index, points, others, codes)
                first_index += count
                points, others, codes, n_bytes, count = bytearray(), [], set(), 0, 0
            if text is not None:
                others.append(Other(count, text))
            if kind_of(code) != VOID:
                codes.add(series_of(code))
            points += record
            n_bytes += size
        if points:
            yield self._batch(first_index, points, others, codes)

    def _text(self, record: bytes, code: int) -> str | None:
        if kind_of(code) not in SIDE_KINDS:
            return None
        return self._texts.get(INT_RECORD.unpack(record)[2])

    def _batch(self, first_index: int, points: bytearray, others: list[Other], codes: set[int]) -> Batch:
        series = tuple(self._series[code] for code in sorted(codes))
        return Batch(first_index, len(points) // RECORD_BYTES, series, tuple(others), bytes(points))


def _n_used(block: bytes) -> int:
    """Slots up to the last written one."""
    return len(block[CODE_OFFSET::RECORD_BYTES].rstrip(b"\0"))


def _open_ranges(first: int, end: int, covered: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The parts of first..end that lie in no range of `covered`, which is sorted."""
    for start, stop in covered:
        if stop <= first:
            continue
        if start >= end:
            break
        if start > first:
            yield first, start
        first = max(first, stop)
    if first < end:
        yield first, end


def _numbered(paths: Sequence[Path]) -> Mapping[int, Path]:
    return {int(path.name.rpartition("-")[2]): path for path in paths}


def _read(path: Path, offset: int, length: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(length)
    except FileNotFoundError:
        return b""
