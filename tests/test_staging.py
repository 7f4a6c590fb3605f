"""The mapped ring as its owner sees it, and the interpreter's habits that it relies on."""

from __future__ import annotations

import struct
from operator import length_hint
from pathlib import Path

import pytest

from runstream.series import SeriesTable
from runstream.staging import VOID_CODE, Staging
from runstream.texts import CLOSED, Texts
from runstream_schemas import ring
from runstream_schemas.errors import JournalUnavailable
from runstream_schemas.home import ProducerDir
from runstream_schemas.points import CODE_OFFSET, FLOAT, FLOAT_RECORD, RECORD_BYTES, pack_code

CODE = pack_code(0, FLOAT)


@pytest.fixture
def staging(tmp_path: Path) -> Staging:
    """A fresh ring."""
    return Staging(tmp_path / "staging", "producer", "run", "boot", SeriesTable().kinds)


def fill(staging: Staging, n_records: int) -> list[int]:
    """Take records and write them; return their offsets."""
    offsets = []
    for _ in range(n_records):
        offset = next(staging.ready[1], None)
        if offset is None:
            assert staging.take() is not None
            offset = next(staging.ready[1])
        FLOAT_RECORD.pack_into(staging.ring, offset, 1, 2, 0.5, CODE)
        offsets.append(offset)
    return offsets


def test_a_record_is_zeroed_first_and_its_code_written_last() -> None:
    """pack_into of this interpreter zeroes the record before it converts a field: a failed write has no code."""
    record = bytearray(b"\xff" * RECORD_BYTES)

    with pytest.raises(struct.error):
        FLOAT_RECORD.pack_into(record, 0, 1, 2, 0.5, -1)

    assert record[CODE_OFFSET:] == bytes(8)
    assert struct.unpack_from("<q", record)[0] == 1


def test_the_lowest_byte_of_every_code_tells_a_written_record() -> None:
    """Whatever the series, the byte that the drainer looks for is not zero."""
    codes = [pack_code(series, kind) for series in (0, 31, 32, 255, 2**20) for kind in range(1, 8)]

    assert all(code & 0xFF for code in codes)


def test_blocks_are_handed_out_one_after_the_other(staging: Staging) -> None:
    """Records follow each other through both blocks; then none is left, and the published offsets stay exhausted."""
    offsets = fill(staging, 2 * ring.BLOCK_RECORDS)

    assert offsets == list(range(ring.PAGE_BYTES, ring.PAGE_BYTES + 2 * ring.BLOCK_BYTES, RECORD_BYTES))
    assert staging.take() is None
    assert next(staging.ready[1], None) is None


def test_a_freed_block_is_empty_and_continues_the_indexes(staging: Staging) -> None:
    """A block that is handed out again holds no old record, under the next base."""
    fill(staging, ring.BLOCK_RECORDS + 1)
    staging.free(staging.blocks[0])

    assert [(block.number, block.base) for block in staging.blocks] == [(1, 4096), (0, 8192)]
    assert bytes(staging.view[ring.PAGE_BYTES : ring.block_offset(1)]) == bytes(ring.BLOCK_BYTES)


def test_growth_takes_real_space_and_keeps_the_mapping(staging: Staging) -> None:
    """More blocks appear behind the first two, with space on the disk, in the same mapping."""
    mapping = staging.ring

    assert staging.grow(ring.GROWN_BLOCKS)
    assert not staging.grow(ring.GROWN_BLOCKS)
    assert len(fill(staging, ring.GROWN_BLOCKS * ring.BLOCK_RECORDS)) == 131_072
    assert staging.ring is mapping
    assert staging.path.stat().st_size == ring.FILE_BYTES


def test_a_new_ring_takes_little_space(staging: Staging) -> None:
    """The file has its full length and hardly any blocks on the disk."""
    assert staging.path.stat().st_blocks * 512 < 400_000


def test_a_sealed_ring_hands_out_nothing_and_knows_what_was_taken(staging: Staging) -> None:
    """After seal() every block ends with its last taken record."""
    fill(staging, 10)
    staging.seal()

    assert staging.take() is None
    assert [block.n_taken for block in staging.blocks] == [10, 0]
    assert [length_hint(block.slots) for block in staging.blocks] == [0, 0]


def test_void_settles_an_unwritten_record_only(staging: Staging) -> None:
    """An unwritten record becomes void; a complete one and one of a freed block stay as they are."""
    slots = staging.ready[1]
    written = fill(staging, 1)[0]
    unwritten = next(slots)

    assert staging.void(slots, unwritten)
    assert not staging.void(slots, written)
    assert staging.ring[unwritten + CODE_OFFSET] == VOID_CODE
    assert staging.ring[written + CODE_OFFSET] == CODE
    assert not staging.void(iter(()), unwritten + RECORD_BYTES)
    assert not staging.ring[unwritten + RECORD_BYTES + CODE_OFFSET]


def test_records_can_be_read_after_the_mapping_is_closed(staging: Staging) -> None:
    """What was written before unmap() is still read from the file."""
    fill(staging, 3)

    assert staging.unmap()
    assert struct.unpack("<qqdQ", staging.record(staging.blocks[0], 2)) == (1, 2, 0.5, CODE)


def test_unmap_waits_for_whoever_looks_into_the_ring(staging: Staging) -> None:
    """While somebody holds a view of the mapping it stays, usable; afterwards it closes."""
    with memoryview(staging.ring):
        refused = staging.unmap()
        fill(staging, 1)

    assert not refused
    assert staging.unmap()


def test_dropped_points_are_counted_where_recovery_reads(staging: Staging) -> None:
    """The count of dropped points stands in page 0."""
    staging.count_dropped(2)
    staging.count_dropped(3)

    assert ring.Marks(bytearray(staging.path.read_bytes())).dropped == staging.n_dropped == 5


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """A missing folder raises JournalUnavailable with the path."""
    with pytest.raises(JournalUnavailable) as raised:
        Staging(tmp_path / "none" / "staging", "producer", "run", "boot", SeriesTable().kinds)

    assert str(tmp_path) in raised.value.path


def test_side_entries_are_on_the_disk_under_their_numbers(tmp_path: Path) -> None:
    """Texts are numbered on from file to file; what recovery reads are the same numbers."""
    folder = ProducerDir(tmp_path)
    texts = Texts(folder)
    numbers = [texts.add(f"t{number}") for number in range(5000)]

    assert numbers == list(range(5000))
    assert ring.read_texts({0: folder.texts(0), 1: folder.texts(1)}) == {number: f"t{number}" for number in range(5000)}


def test_a_file_of_side_entries_goes_when_the_journal_has_them(tmp_path: Path) -> None:
    """The current file stays; one before it goes with its last entry."""
    folder = ProducerDir(tmp_path)
    texts = Texts(folder)
    numbers = [texts.add("t") for _ in range(4097)]
    texts.discard([number for number in numbers[:4095] if isinstance(number, int)])
    before = folder.text_files()
    texts.discard([4095, 4096])

    assert before == [folder.texts(0), folder.texts(1)]
    assert folder.text_files() == [folder.texts(1)]
    assert len(texts) == 0


def test_closed_side_entries_take_nothing(tmp_path: Path) -> None:
    """After close() an entry has to go to another producer."""
    texts = Texts(ProducerDir(tmp_path))
    texts.close()

    assert texts.add("t") is CLOSED
