"""The staging file of a producer: where `log()` puts its records, and what recovery finds after a kill.

Page 0, little-endian:
| bytes | field |
|---|---|
| 0-7 | magic, written last |
| 8-11, 12-15, 16-19 | version, number of blocks, records in a block |
| 24-31 | dropped: points that found no room |
| 32-71, 72-111, 112-247 | producer id, boot id, run id, zero-padded |
| 2048 + 16 * block | base + 1 (0 = the block is free), drained |

Then the blocks, each 4,096 records of 32 bytes (points.py). The file has its full length from birth and is sparse; a
block is used only after its space was allocated. The index of a record is its block's base + its slot. `drained` counts
the slots from the block's start that are in the journal for certain; records behind it may be there too.

Every word of page 0 is stored with one aligned 8-byte move: `pack_into` zeroes its target first, and a kill in between
would show a mark of 0.

Beside it lie two kinds of files of checked records (length, CRC32, bytes): `names` holds the registered series in the
order of their codes, `texts-<k>` the values that no record can hold, 4,096 in a file, numbered on from file to file.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from struct import Struct
from typing import Protocol

from runstream_schemas.errors import JournalUnavailable
from runstream_schemas.events import Series
from runstream_schemas.points import RECORD_BYTES

MAGIC = b"RSRING\r\n"
VERSION = 1
PAGE_BYTES = 4096
BLOCK_RECORDS = 4096
BLOCK_BYTES = BLOCK_RECORDS * RECORD_BYTES
N_BLOCKS = 128
BORN_BLOCKS = 2
GROWN_BLOCKS = 32
FILE_BYTES = PAGE_BYTES + N_BLOCKS * BLOCK_BYTES
TEXTS_PER_FILE = 4096

_HEAD = Struct("<III")
_TEXT = {"producer_id": (32, 40), "boot_id": (72, 40), "run_id": (112, 136)}
_DROPPED_WORD = 24 // 8
_TABLE_WORD = 2048 // 8
_SIDE = Struct("<II")
MAX_SIDE_BYTES = 1 << 20


class Buffer(Protocol):
    """What a mapping and a bytearray have in common."""

    def __buffer__(self, flags: int, /) -> memoryview: ...


def block_offset(block: int) -> int:
    """The byte at which a block's first record begins."""
    return PAGE_BYTES + block * BLOCK_BYTES


class Marks:
    """Page 0 of a staging file, over its mapping. One writer: the owner; `close` lets go of the mapping."""

    def __init__(self, mapping: Buffer) -> None:
        """Look at `mapping`, whose first page is page 0."""
        self._bytes = memoryview(mapping)[:PAGE_BYTES]
        self._words = self._bytes.cast("q")

    def create(self, producer_id: str, run_id: str, boot_id: str) -> None:
        """Write a fresh page: everything else first, the magic last."""
        self._bytes[8:20] = _HEAD.pack(VERSION, N_BLOCKS, BLOCK_RECORDS)
        for (start, size), text in zip(_TEXT.values(), (producer_id, boot_id, run_id), strict=True):
            self._bytes[start : start + size] = text.encode().ljust(size, b"\0")
        self._words[0] = int.from_bytes(MAGIC, "little", signed=True)

    @property
    def is_whole(self) -> bool:
        """The page was written to its end, by a version that we can read."""
        return bytes(self._bytes[:8]) == MAGIC and _HEAD.unpack(self._bytes[8:20]) == (VERSION, N_BLOCKS, BLOCK_RECORDS)

    def text(self, name: str) -> str:
        """`producer_id`, `boot_id` or `run_id`."""
        start, size = _TEXT[name]
        return bytes(self._bytes[start : start + size]).rstrip(b"\0").decode()

    @property
    def dropped(self) -> int:
        """Points that found no room and are lost."""
        return self._words[_DROPPED_WORD]

    @dropped.setter
    def dropped(self, count: int) -> None:
        self._words[_DROPPED_WORD] = count

    def base(self, block: int) -> int | None:
        """The index of the block's first record, None while the block is free."""
        stored = self._words[_TABLE_WORD + 2 * block]
        return stored - 1 if stored else None

    def set_base(self, block: int, base: int | None) -> None:
        """Hand the block out (drained = 0 must stand already), or free it."""
        self._words[_TABLE_WORD + 2 * block] = 0 if base is None else base + 1

    def drained(self, block: int) -> int:
        """How many slots from the block's start are in the journal for certain."""
        return self._words[_TABLE_WORD + 2 * block + 1]

    def set_drained(self, block: int, n_slots: int) -> None:
        """Move the mark; only after the journal has the records."""
        self._words[_TABLE_WORD + 2 * block + 1] = n_slots

    def close(self) -> None:
        """Release the mapping, which cannot be closed before."""
        self._words.release()
        self._bytes.release()


class SideWriter:
    """Appends checked records to a `names` or `texts-<k>` file, whole or not at all."""

    def __init__(self, path: Path) -> None:
        """Make the file, or go on behind its last whole record.

        Raises:
            JournalUnavailable: it cannot be written.
        """
        self._path = path
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            data = os.pread(self._fd, os.fstat(self._fd).st_size, 0)
        except OSError as e:
            raise JournalUnavailable(str(path), e) from e
        whole = list(_records(data))
        self.n_records = len(whole)
        self._size = sum(_SIDE.size + len(record) for record in whole)
        if self._size != len(data):
            os.ftruncate(self._fd, self._size)

    def append(self, payload: bytes) -> int:
        """Write one record and return its number within the file, from 0.

        Raises:
            JournalUnavailable: it is not in the file.
        """
        data = _SIDE.pack(len(payload), zlib.crc32(payload)) + payload
        try:
            if os.write(self._fd, data) != len(data):
                raise OSError("the record was cut short")
        except OSError as e:
            self._cut()
            raise JournalUnavailable(str(self._path), e) from e
        self._size += len(data)
        self.n_records += 1
        return self.n_records - 1

    def _cut(self) -> None:
        """Take away what a failed write left; a file that is shorter than we wrote must not be filled up with zeros."""
        with suppress(OSError):
            self._size = min(self._size, os.fstat(self._fd).st_size)
            os.ftruncate(self._fd, self._size)

    def close(self) -> None:
        """Close the file; nothing is written by it."""
        os.close(self._fd)


def read_side(path: Path) -> list[bytes]:
    """The whole records of a side file in order; none where there is no file."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    return list(_records(data))


def _records(data: bytes) -> Iterator[bytes]:
    at = 0
    while at + _SIDE.size <= len(data):
        length, crc = _SIDE.unpack_from(data, at)
        payload = data[at + _SIDE.size : at + _SIDE.size + length]
        if length > MAX_SIDE_BYTES or len(payload) != length or zlib.crc32(payload) != crc:
            return
        yield payload
        at += _SIDE.size + length


def pack_series(series: Series) -> bytes:
    """The record of the `names` file that registers a series."""
    fields = [series.code, series.name, series.column_name, series.form, series.description]
    return json.dumps(fields, ensure_ascii=False).encode()


def unpack_series(record: bytes) -> Series:
    """The series that a record of the `names` file registers."""
    return Series(*json.loads(record))


def read_series(path: Path) -> dict[int, Series]:
    """All registered series by their code."""
    return {series.code: series for series in map(unpack_series, read_side(path))}


def read_texts(paths: Mapping[int, Path]) -> dict[int, str]:
    """All side entries by their number, from the `texts-<k>` files by k."""
    return {
        file * TEXTS_PER_FILE + i: record.decode()
        for file, path in paths.items()
        for i, record in enumerate(read_side(path))
    }
