"""Series dictionaries remembered by their encoded bytes: a producer's events repeat theirs byte for byte.

An Avro array says by itself where it ends, so bytes that begin with a known array begin with that array and no other.
Reading one of 250 series takes longer than folding the 4,096 points behind it; comparing its bytes takes nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

from runstream_schemas.events import Series

LIMIT_BYTES = 4 << 20
"""Of encoded dictionaries; as objects they take about ten times as much."""
_ENTRY_BYTES = 512
"""What an entry counts besides its bytes: many small dictionaries must not grow without bound either."""


class Dictionaries:
    """The last dictionary of each producer, up to a limit of bytes; those used longest ago leave first. Any thread."""

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        """Remember nothing yet, and never more than ``limit_bytes`` of encoded dictionaries."""
        self._limit_bytes = limit_bytes
        self._known: OrderedDict[str, tuple[bytes, tuple[Series, ...]]] = OrderedDict()
        self._lock = Lock()
        self.size_bytes = 0

    def find(self, producer_id: str, data: bytes | memoryview, at: int) -> tuple[tuple[Series, ...], int] | None:
        """The dictionary that begins at ``at`` of ``data``, and the offset behind it; None if it is not known."""
        with self._lock:
            found = self._known.get(producer_id)
            if found is None:
                return None
            self._known.move_to_end(producer_id)
        encoded, series = found
        end = at + len(encoded)
        # Compared as bytes: memoryviews compare item by item.
        return (series, end) if bytes(data[at:end]) == encoded else None

    def keep(self, producer_id: str, encoded: bytes, series: tuple[Series, ...]) -> None:
        """Remember a dictionary, in place of the producer's former one. ``series`` must have passed all checks."""
        with self._lock:
            former = self._known.pop(producer_id, None)
            if former is not None:
                self.size_bytes -= len(former[0]) + _ENTRY_BYTES
            self._known[producer_id] = (encoded, series)
            self.size_bytes += len(encoded) + _ENTRY_BYTES
            while self.size_bytes > self._limit_bytes:
                _, (gone, _) = self._known.popitem(last=False)
                self.size_bytes -= len(gone) + _ENTRY_BYTES
