"""The staging ring's layout, and the facts about CPython that it stands on."""

from __future__ import annotations

import itertools
import mmap
import os
import threading
from collections.abc import Callable
from pathlib import Path
from struct import Struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runstream_schemas import ring
from runstream_schemas.errors import JournalUnavailable
from runstream_schemas.events import FORMS, Series
from runstream_schemas.points import FLOAT_RECORD, INT_RECORD, RECORD_BYTES, kind_of, pack_code, series_of
from tests.strategies import NAMES, TEXTS


@given(
    st.dictionaries(
        st.integers(0, ring.N_BLOCKS - 1), st.tuples(st.none() | st.integers(0, 2**62), st.integers(0, 4096))
    ),
    st.integers(0, 2**62),
)
def test_page_zero_comes_back(blocks: dict[int, tuple[int | None, int]], dropped: int) -> None:
    """Identity, marks of every block and the count of dropped points are read as they were stored."""
    page = bytearray(ring.PAGE_BYTES)
    marks = ring.Marks(page)
    assert not marks.is_whole
    marks.create("producer", "run", "boot")
    marks.dropped = dropped
    for block, (base, drained) in blocks.items():
        marks.set_drained(block, drained)
        marks.set_base(block, base)
    read = ring.Marks(bytearray(page))

    assert read.is_whole
    assert (read.text("producer_id"), read.text("run_id"), read.text("boot_id")) == ("producer", "run", "boot")
    assert read.dropped == dropped
    assert {block: (read.base(block), read.drained(block)) for block in blocks} == blocks
    assert all(read.base(block) is None for block in range(ring.N_BLOCKS) if block not in blocks)


def test_the_magic_is_written_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that was killed at any earlier step is not whole."""
    steps: list[bool] = []
    page = bytearray(ring.PAGE_BYTES)

    class Watched(ring.Marks):
        def __init__(self) -> None:
            super().__init__(page)
            self._bytes = Watch(self._bytes)  # type: ignore[assignment]

    class Watch:
        def __init__(self, inner: memoryview) -> None:
            self.inner = inner

        def __setitem__(self, key: slice, value: bytes) -> None:
            self.inner[key] = value
            steps.append(ring.Marks(bytearray(page)).is_whole)

    Watched().create("p", "r", "b")

    assert steps == [False] * 4
    assert ring.Marks(page).is_whole


def test_blocks_lie_behind_page_zero_and_fill_the_file() -> None:
    """128 blocks of 4,096 records follow the first page, none crosses into another."""
    offsets = [ring.block_offset(block) for block in range(ring.N_BLOCKS)]

    assert offsets[0] == ring.PAGE_BYTES
    assert {b - a for a, b in itertools.pairwise(offsets)} == {4096 * 32}
    assert offsets[-1] + ring.BLOCK_BYTES == ring.FILE_BYTES


@given(st.integers(0, 2**60), st.integers(1, 7))
def test_code_words_keep_series_and_kind(series: int, kind: int) -> None:
    """A code word is never 0, and says series and kind."""
    code = pack_code(series, kind)

    assert code
    assert (series_of(code), kind_of(code)) == (series, kind)


@given(st.lists(st.binary(max_size=50), max_size=8), st.integers(0, 60))
def test_side_records_survive_a_cut(
    tmp_path_factory: pytest.TempPathFactory, payloads: list[bytes], n_cut: int
) -> None:
    """What was appended comes back in order; a cut loses only the records that it touches, and writing goes on."""
    path = tmp_path_factory.mktemp("side") / "names"
    writer = ring.SideWriter(path)
    assert [writer.append(payload) for payload in payloads] == list(range(len(payloads)))
    writer.close()
    assert ring.read_side(path) == payloads
    path.write_bytes(path.read_bytes()[: max(0, path.stat().st_size - n_cut)])
    left = ring.read_side(path)
    again = ring.SideWriter(path)
    number = again.append(b"more")
    again.close()

    assert left == payloads[: len(left)]
    assert number == len(left)
    assert ring.read_side(path) == [*left, b"more"]


def test_a_side_file_without_a_place_is_unavailable(tmp_path: Path) -> None:
    """A folder that is not there raises JournalUnavailable, naming the file."""
    with pytest.raises(JournalUnavailable, match="names"):
        ring.SideWriter(tmp_path / "gone" / "names")


@pytest.mark.parametrize("n_left", [30, 5])
def test_a_cut_short_record_leaves_whole_ones_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_left: int
) -> None:
    """After a write that failed nothing of it stays, and a file that has become shorter is not filled with zeros."""
    path = tmp_path / "names"
    writer = ring.SideWriter(path)
    writer.append(b"x" * 22)
    real = os.write

    def failing(fd: int, data: bytes) -> int:
        n_written = real(fd, data[:7])
        os.ftruncate(fd, n_left)
        return n_written

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", failing)
        with pytest.raises(JournalUnavailable, match="cut short"):
            writer.append(b"y" * 22)
    writer.close()

    assert path.read_bytes().rstrip(b"\0") == path.read_bytes()
    assert ring.read_side(path) == ([b"x" * 22] if n_left == 30 else [])
    assert path.stat().st_size == n_left


@given(st.builds(Series, st.integers(0, 2**60), NAMES, st.none() | TEXTS, st.sampled_from(FORMS), TEXTS))
def test_registrations_come_back(series: Series) -> None:
    """A registered series is read as it was, missing and empty columns apart."""
    assert ring.unpack_series(ring.pack_series(series)) == series


def test_texts_are_numbered_from_file_to_file(tmp_path: Path) -> None:
    """The number in a record leads to its text over several files."""
    for number, texts in ((1, ["ä", "b"]), (3, ["c"])):
        writer = ring.SideWriter(tmp_path / f"texts-{number}")
        for text in texts:
            writer.append(text.encode())
        writer.close()

    assert ring.read_texts({1: tmp_path / "texts-1", 3: tmp_path / "texts-3"}) == {4096: "ä", 4097: "b", 12288: "c"}


class Stopped:
    """A value whose conversion looks at the record while `pack_into` is at work."""

    def __init__(self, look: Callable[[], None]) -> None:
        self.look = look

    def __float__(self) -> float:
        self.look()
        return 1.5

    def __index__(self) -> int:
        self.look()
        return 7


@pytest.mark.parametrize("layout", [FLOAT_RECORD, INT_RECORD])
def test_pack_into_writes_the_code_last(layout: Struct) -> None:
    """While the value is converted, the code word is still zero: a kill there leaves a record never written."""
    page = bytearray(b"\xff" * RECORD_BYTES)
    seen: list[bytes] = []
    layout.pack_into(page, 0, 5, 6, Stopped(lambda: seen.append(bytes(page))), 9)

    assert seen
    assert seen[0][24:] == bytes(8)
    assert page[24:] == (9).to_bytes(8, "little")


def test_a_failed_pack_into_leaves_no_code() -> None:
    """A value that does not fit leaves the record zeroed behind it, never half complete."""
    page = bytearray(b"\xff" * RECORD_BYTES)

    with pytest.raises(Exception, match="required"):
        FLOAT_RECORD.pack_into(page, 0, 5, 6, "text", 9)
    assert page[24:] == bytes(8)


def test_next_of_a_range_is_one_step() -> None:
    """Threads that share a range iterator never get the same slot twice, and none is left out."""
    slots = iter(range(0, 400_000, 32))
    taken: list[list[int]] = [[] for _ in range(4)]
    threads = [threading.Thread(target=lambda mine=mine: mine.extend(slots)) for mine in taken]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(slot for mine in taken for slot in mine) == list(range(0, 400_000, 32))


def test_a_strided_slice_of_a_mapping_finds_the_first_hole() -> None:
    """The complete prefix of a block is found in C, by the lowest byte of each code word."""
    mapping = mmap.mmap(-1, ring.PAGE_BYTES)
    for slot in (0, 1, 2, 4):
        FLOAT_RECORD.pack_into(mapping, slot * RECORD_BYTES, 0, 0, 0.0, pack_code(0, 1))

    assert mapping[24 : 8 * RECORD_BYTES : RECORD_BYTES].find(0) == 3
    mapping.close()
