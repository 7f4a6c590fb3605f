"""Range sets: what has been folded, and what of a new range is news."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from runstream_consumer.ranges import RangeSet

RANGES = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)).map(sorted).map(tuple), max_size=30)


@given(RANGES)
def test_agrees_with_a_set_of_integers(ranges: list[tuple[int, int]]) -> None:
    """Every answer of a range set is that of a plain set, and its ranges never touch."""
    mine, plain = RangeSet(), set[int]()
    for low, high in ranges:
        assert [n for a, b in mine.missing(low, high) for n in range(a, b)] == sorted(set(range(low, high)) - plain)
        fresh = mine.add(low, high)
        assert [n for a, b in fresh for n in range(a, b)] == sorted(set(range(low, high)) - plain)
        plain |= set(range(low, high))
    held = list(mine)
    assert [n for low, high in held for n in range(low, high)] == sorted(plain)
    assert all(low < high for low, high in held)
    assert all(high < low for (_, high), (low, _) in pairwise(held))
    assert all((n in mine) == (n in plain) for n in range(-1, 62))


@given(RANGES, RANGES)
def test_a_copy_lives_on_its_own(ranges: list[tuple[int, int]], more: list[tuple[int, int]]) -> None:
    """What is added to a copy is not in the original."""
    original = RangeSet(ranges)
    before = list(original)
    copy = original.copy()
    assert copy == original
    for low, high in more:
        copy.add(low, high)
    assert list(original) == before


def test_contiguous_numbers_stay_one_range() -> None:
    """A producer's numbers, added one by one, cost one range."""
    ranges = RangeSet()
    for n in range(10_000):
        assert ranges.add(n, n + 1) == [(n, n + 1)]
    assert list(ranges) == [(0, 10_000)]
    assert repr(ranges) == "RangeSet([(0, 10000)])"
