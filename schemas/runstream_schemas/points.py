"""The 32-byte point record: as `log()` writes it into staging, as it lies in the event, as the consumer reads it.

| bytes | field | |
|---|---|---|
| 0-7 | step | int64; NO_STEP = none was given |
| 8-15 | time_ns | int64, nanoseconds since 1970 UTC |
| 16-23 | value | float64, or int64 (kind INT), or the number of a side entry (kinds TEXT and BIGINT) |
| 24-31 | code | uint64: series number << 3 | kind; 0 = not written yet, so it is written last |

Everything is little-endian.
"""

from __future__ import annotations

from struct import Struct

RECORD_BYTES = 32
FLOAT_RECORD = Struct("<qqdQ")
INT_RECORD = Struct("<qqqQ")
CODE_OFFSET = 24
NO_STEP = -(2**63)
MAX_EVENT_POINTS = 4096

FLOAT = 1
INT = 2
BOOL = 3
NONE = 4
TEXT = 5
BIGINT = 6
VOID = 7
"""A slot that was taken and given up: it has an index but no point; folds leave it out."""

KIND_BITS = 3
KIND_MASK = 7
KINDS = {FLOAT: "float", INT: "int", BOOL: "bool", NONE: "None", TEXT: "text", BIGINT: "bigint", VOID: "void"}
SIDE_KINDS = (TEXT, BIGINT)
MAX_SERIES = 2**60


def pack_code(series: int, kind: int) -> int:
    """The code word of a record: `series` numbers the producer's series from 0, `kind` is one of the above."""
    return series << KIND_BITS | kind


def series_of(code: int) -> int:
    """The producer's series number in a code word."""
    return code >> KIND_BITS


def kind_of(code: int) -> int:
    """The kind in a code word; 0 only in a record that was never written."""
    return code & KIND_MASK
