"""Sets of integers kept as ranges: which sequences or point indices of a producer have been folded.

A producer numbers its events and its points without gaps, so what has been folded of it is nearly always one
range, however long the run: a duplicate costs one comparison, and the memory does not grow with history.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator


class RangeSet:
    """A set of integers held as sorted, disjoint, non-adjacent half-open ranges ``[low, high)``."""

    __slots__ = ("_highs", "_lows")

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        """Start with the union of ``ranges``, given in any order; they may overlap."""
        self._lows: list[int] = []
        self._highs: list[int] = []
        for low, high in ranges:
            self.add(low, high)

    def copy(self) -> "RangeSet":
        """Return an independent copy."""
        twin = RangeSet()
        twin._lows = self._lows.copy()
        twin._highs = self._highs.copy()
        return twin

    def add(self, low: int, high: int) -> list[tuple[int, int]]:
        """Add ``[low, high)`` and return the parts of it that were not in the set before, in order.

        An empty range adds nothing. The answer is empty when all of it was there: a duplicate.
        """
        if low >= high:
            return []
        highs = self._highs
        if highs and low == highs[-1]:
            highs[-1] = high
            return [(low, high)]
        fresh = self.missing(low, high)
        if fresh:
            # Neighbours that touch the new range are swallowed, so that contiguous numbers stay one range.
            first = bisect_left(highs, low)
            last = bisect_right(self._lows, high)
            if first < last:
                low = min(low, self._lows[first])
                high = max(high, highs[last - 1])
            self._lows[first:last] = [low]
            highs[first:last] = [high]
        return fresh

    def missing(self, low: int, high: int) -> list[tuple[int, int]]:
        """Return the parts of ``[low, high)`` that are not in the set, in order."""
        gaps: list[tuple[int, int]] = []
        at = bisect_right(self._highs, low)
        while low < high and at < len(self._lows) and self._lows[at] < high:
            if low < self._lows[at]:
                gaps.append((low, self._lows[at]))
            low = self._highs[at]
            at += 1
        if low < high:
            gaps.append((low, high))
        return gaps

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self._lows, number) - 1
        return at >= 0 and number < self._highs[at]

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self._lows, self._highs, strict=True)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RangeSet):
            return NotImplemented
        return self._lows == other._lows and self._highs == other._highs

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __repr__(self) -> str:
        return f"RangeSet({list(self)})"
