"""Ids: computed from what they name or from the clock, never handed out by a server."""

from __future__ import annotations

import os
import re
import threading
import time
from hashlib import blake2b

from runstream_schemas.errors import InvalidName

MAX_NAME_BYTES = 256
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_ABSENT = b"\xff\xff\xff\xff"
_COUNTER_BITS = 74


def run_key(run_id: str) -> int:
    """The signed 64-bit key of a run in the tables."""
    return _hash(run_id)


def series_id(run_id: str, producer_id: str, name: str, column_name: str | None) -> int:
    """The signed 64-bit id of one producer's series; a missing column differs from an empty one."""
    return _hash(run_id, producer_id, name, column_name)


def _hash(*parts: str | None) -> int:
    digest = blake2b(digest_size=8)
    for part in parts:
        if part is None:
            digest.update(_ABSENT)
        else:
            text = part.encode()
            digest.update(len(text).to_bytes(4, "little") + text)
    return int.from_bytes(digest.digest(), "little", signed=True)


class _Clock:
    """The last UUIDv7 given out; a forked child starts with a fresh lock.

    The lock may be taken again by its holder: a signal handler that makes an id may have interrupted another.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.last = 0

    def next(self) -> int:
        """48 bits of milliseconds and 74 of a random counter, above every earlier one of this process."""
        now = (time.time_ns() // 1_000_000) << _COUNTER_BITS
        # Half of the counter's range stays free, so that a busy or standing clock can count on.
        fresh = now | int.from_bytes(os.urandom(10), "big") & ((1 << (_COUNTER_BITS - 1)) - 1)
        with self.lock:
            # A step of its own, so that an interrupted call and the one that interrupts it differ.
            value = fresh if fresh > self.last else self.last + 1 + (fresh & 0xFFFF_FFFF)
            self.last = max(self.last, value)
            return value


_clock = _Clock()


def _after_fork() -> None:
    _clock.lock = threading.RLock()
    # Parent and child must not count on from one value.
    _clock.last += int.from_bytes(os.urandom(8), "big")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def new_producer_id() -> str:
    """A new UUIDv7, dashed, strictly greater than every earlier one of this process."""
    return uuid7(_clock.next())


def uuid7(value: int) -> str:
    """The dashed UUIDv7 holding 122 bits: 48 of milliseconds, 74 of counter. Its order is the order of `value`."""
    milliseconds, counter = value >> _COUNTER_BITS, value & ((1 << _COUNTER_BITS) - 1)
    high, low = counter >> 62, counter & ((1 << 62) - 1)
    digits = f"{milliseconds << 80 | 0x7 << 76 | high << 64 | 0x2 << 62 | low:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def uuid7_value(producer_id: str) -> int:
    """The 122 bits behind a UUIDv7: the inverse of `uuid7`."""
    number = int(producer_id.replace("-", ""), 16)
    milliseconds, high, low = number >> 80, number >> 64 & 0xFFF, number & ((1 << 62) - 1)
    return milliseconds << _COUNTER_BITS | high << 62 | low


def check_run_id(run_id: str) -> str:
    """Return `run_id` if it may name a run.

    Raises:
        InvalidName: not 1 to 128 of letters, digits, dot, dash, underscore, starting with a letter or digit.
    """
    if not _RUN_ID.fullmatch(str(run_id)) or type(run_id) is not str:
        raise InvalidName(
            "run id", str(run_id), "is not 1 to 128 letters, digits, '.', '_' or '-', starting with a letter or digit"
        )
    return run_id


def check_name(what: str, name: str) -> str:
    """Return `name` if it may name a metric, tag, property, experiment or the like (`what` says which).

    Raises:
        InvalidName: empty, beyond 256 bytes of UTF-8, a control character or a lone surrogate inside, or no string.
    """
    if not isinstance(name, str):
        raise InvalidName(what, repr(name), f"is no string but {type(name).__name__}")
    if not name:
        raise InvalidName(what, name, "is empty")
    if any(ch < " " or "\x7f" <= ch <= "\x9f" for ch in name):
        raise InvalidName(what, name, "holds a control character")
    try:
        size_bytes = len(name.encode())
    except UnicodeEncodeError:
        raise InvalidName(what, name, "holds half of a surrogate pair and is no valid Unicode") from None
    if size_bytes > MAX_NAME_BYTES:
        raise InvalidName(what, name, f"has {size_bytes} bytes of UTF-8, more than {MAX_NAME_BYTES}")
    return name
