"""Byte planes: whatever the records, they come back, and an archive written by an earlier version is read."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from runstream_consumer.planes import from_planes, to_planes
from runstream_schemas.points import RECORD_BYTES


def plain_planes(points: bytes) -> bytes:
    """The planes by their definition, one byte after the other."""
    records = np.frombuffer(points, "<u8").reshape(-1, 4).copy()
    records[1:, :2] = records[1:, :2] - records[:-1, :2]
    return records.view(np.uint8).reshape(-1, RECORD_BYTES).T.tobytes()


WORDS = st.integers(0, 2**64 - 1) | st.integers(0, 300)
RECORDS = st.lists(st.tuples(WORDS, WORDS, WORDS, WORDS), max_size=40).map(
    lambda rows: np.array(rows, "<u8").reshape(-1, 4).tobytes()
)


@given(RECORDS)
def test_planes_are_what_their_definition_says(points: bytes) -> None:
    """The planes that are filled instead of copied hold the same bytes: the format on the disk is one."""
    assert to_planes(points) == plain_planes(points)


@given(RECORDS)
def test_records_come_back_from_their_planes(points: bytes) -> None:
    """Any records, in any order, extreme words included."""
    assert from_planes(to_planes(points)) == points


@given(st.binary(max_size=8 * RECORD_BYTES).map(lambda data: data[: len(data) // RECORD_BYTES * RECORD_BYTES]))
def test_any_bytes_are_the_planes_of_some_records(planes: bytes) -> None:
    """Hostile planes become records, and these have no other planes."""
    assert to_planes(from_planes(planes)) == planes
