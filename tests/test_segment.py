"""Journal segments: whole frames come back, a torn tail is told from damage, a failing disk leaves no half frame."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runstream_schemas.errors import JournalUnavailable, SegmentDamaged
from runstream_schemas.home import segment_name
from runstream_schemas.scan import is_closed
from runstream_schemas.segment import (
    CLOSING,
    FRAME_BYTES,
    HEADER_BYTES,
    Damage,
    Frame,
    SegmentHeader,
    SegmentWriter,
    read_header,
    scan,
)

PRODUCER = "01890000-0000-7000-8000-000000000001"
HEADER = SegmentHeader("log", PRODUCER, "run-1", "host", "boot")


def new_segment(folder: Path, n_frames: int = 0, payload: bytes = b"payload ") -> SegmentWriter:
    """A segment in a producer's folder, with frames whose payloads differ."""
    path = folder / PRODUCER
    path.mkdir(exist_ok=True)
    writer = SegmentWriter(path / segment_name(0), HEADER)
    for i in range(n_frames):
        writer.append(2, [payload, str(i).encode()], i, i * 10, 10)
    return writer


def frames_of(path: Path) -> list[int]:
    """The numbers of the whole frames in a file."""
    return [item.frame for item in scan(path) if isinstance(item, Frame)]


@given(
    st.lists(
        st.tuples(
            st.integers(1, 5),
            st.lists(st.binary(max_size=40), max_size=3),
            st.integers(-1, 2**60),
            st.integers(0, 4096),
            st.sampled_from([0, CLOSING]),
        ),
        max_size=12,
    )
)
def test_frames_come_back_as_written(
    tmp_path_factory: pytest.TempPathFactory, written: list[tuple[int, list[bytes], int, int, int]]
) -> None:
    """Topic, sequence, index range, flags and payload of every frame are read as they were appended."""
    writer = new_segment(tmp_path_factory.mktemp("segment"))
    for topic, parts, first_index, count, flags in written:
        writer.append(topic, parts, writer.next_sequences[topic], first_index, count, flags)
    pass_over = scan(writer.path)
    read = [
        (item.topic, bytes(item.payload), item.first_index, item.count, item.flags)
        for item in pass_over
        if isinstance(item, Frame)
    ]

    assert read == [(t, b"".join(parts), i, c, f) for t, parts, i, c, f in written]
    assert frames_of(writer.path) == list(range(len(written)))
    assert pass_over.tail == ("end", writer.size)


def test_the_header_says_whose_journal_it_is(tmp_path: Path) -> None:
    """The header of a file is the one that it was made with, successors count on."""
    writer = new_segment(tmp_path, 3)
    following = writer.successor(safe_below=25)

    assert read_header(writer.path) == HEADER
    assert following.first_frame == 3
    assert following.safe_below == 25
    assert following.next_sequences == (0, 0, 3, 0, 0, 0, 0, 0)
    assert SegmentHeader.unpack(following.pack()) == following


@given(st.integers(0, HEADER_BYTES - 1), st.integers(1, 255))
def test_a_changed_header_is_not_trusted(at: int, change: int) -> None:
    """Any changed byte of the header raises."""
    data = bytearray(HEADER.pack())
    data[at] ^= change

    with pytest.raises(ValueError, match=r"start|checksum|version"):
        SegmentHeader.unpack(bytes(data))


def test_frames_are_read_without_a_header(tmp_path: Path) -> None:
    """A header that cannot be trusted costs no frame: the folder's name tells the producer."""
    writer = new_segment(tmp_path, 5)
    data = bytearray(writer.path.read_bytes())
    data[20] ^= 1
    writer.path.write_bytes(data)

    with pytest.raises(SegmentDamaged):
        read_header(writer.path)
    assert frames_of(writer.path) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("n_cut", [1, 9, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 5])
def test_a_cut_end_is_a_torn_tail(tmp_path: Path, n_cut: int) -> None:
    """A half frame at the end is torn, not damaged, and begins where the last whole one ends."""
    writer = new_segment(tmp_path, 5)
    os.truncate(writer.path, writer.size - n_cut)
    pass_over = scan(writer.path)
    items = list(pass_over)

    assert [item.frame for item in items if isinstance(item, Frame)] == [0, 1, 2, 3]
    assert not any(isinstance(item, Damage) for item in items)
    assert pass_over.tail.offset == items[-1].end
    assert pass_over.tail.kind == ("torn" if n_cut < FRAME_BYTES + 9 else "end")


@given(data=st.data())
@settings(max_examples=200)
def test_one_changed_byte_costs_one_frame(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Wherever a byte changes, all other frames come back; only in the last frame it looks like a torn tail."""
    writer = new_segment(tmp_path_factory.mktemp("segment"), 8)
    raw = bytearray(writer.path.read_bytes())
    at = data.draw(st.integers(HEADER_BYTES, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    hurt = next(item.frame for item in scan(writer.path) if isinstance(item, Frame) and item.offset <= at < item.end)
    writer.path.write_bytes(raw)
    pass_over = scan(writer.path)
    items = list(pass_over)

    assert [item.frame for item in items if isinstance(item, Frame)] == [i for i in range(8) if i != hurt]
    assert sum(isinstance(item, Damage) for item in items) == (hurt < 7)
    assert pass_over.tail.kind == ("torn" if hurt == 7 else "end")


def test_a_zero_filled_end_is_torn(tmp_path: Path) -> None:
    """What a power loss leaves, a tail of zeros, ends the journal and hides nothing before it."""
    writer = new_segment(tmp_path, 3)
    with writer.path.open("ab") as file:
        file.write(bytes(10_000))
    pass_over = scan(writer.path)

    assert len(list(pass_over)) == 3
    assert pass_over.tail == ("torn", writer.size)


def test_a_journal_inside_an_event_is_no_frame_of_ours(tmp_path: Path) -> None:
    """Frames of another journal, kept as an artifact in a torn frame, are not taken for frames of this one."""
    other = SegmentWriter(tmp_path / "x.journal", SegmentHeader("log", "other", "run-1", "host", "boot"))
    for i in range(20):
        other.append(2, [b"theirs"], i)
    writer = new_segment(tmp_path, 3)
    size = writer.size
    writer.append(4, [other.path.read_bytes(), b"end"], 0)
    os.truncate(writer.path, writer.size - 1)
    pass_over = scan(writer.path)

    assert len(list(pass_over)) == 3
    assert pass_over.tail == ("torn", size)


def test_reading_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """A second pass from the end of the first gives what was appended in between, and only that."""
    writer = new_segment(tmp_path, 3)
    first = scan(writer.path)
    assert len(list(first)) == 3
    writer.append(1, [b"later"], 0)

    assert [item.frame for item in scan(writer.path, first.tail.offset, 3) if isinstance(item, Frame)] == [3]


def test_frames_larger_than_a_reading_chunk_come_back(tmp_path: Path) -> None:
    """Reading in portions of a mebibyte does not lose what lies across their edges."""
    writer = new_segment(tmp_path, 9, payload=os.urandom(300_000))

    assert frames_of(writer.path) == list(range(9))


def test_resuming_cuts_the_torn_tail_and_counts_on(tmp_path: Path) -> None:
    """A writer that resumes a file of a dead producer begins behind its last whole frame."""
    writer = new_segment(tmp_path, 4)
    os.truncate(writer.path, writer.size - 3)
    resumed = SegmentWriter.resume(writer.path)
    resumed.append(2, [b"again"], resumed.next_sequences[2])

    assert frames_of(writer.path) == [0, 1, 2, 3]
    assert scan(writer.path).tail.kind == "end"
    assert resumed.next_sequences[2] == 4


def test_a_segment_is_never_overwritten(tmp_path: Path) -> None:
    """Making a segment where one is raises, and leaves it alone."""
    writer = new_segment(tmp_path, 2)

    with pytest.raises(JournalUnavailable, match="exists"):
        SegmentWriter(writer.path, HEADER)
    assert frames_of(writer.path) == [0, 1]


LIMITED = """
import resource
import sys
from pathlib import Path
from runstream_schemas.errors import JournalUnavailable
from runstream_schemas.segment import SegmentHeader, SegmentWriter
writer = SegmentWriter(Path(sys.argv[1]), SegmentHeader("log", sys.argv[2], "run-1", "host", "boot"))
writer.append(2, [b"x" * 100], 0)
resource.setrlimit(resource.RLIMIT_FSIZE, (writer.size + 70, writer.size + 70))
try:
    writer.append(2, [b"y" * 100], 1)
except JournalUnavailable as e:
    print(type(e.cause).__name__, writer.is_ended, writer.next_frame, Path(sys.argv[1]).stat().st_size == writer.size)
"""


def test_a_short_write_is_cut(tmp_path: Path) -> None:
    """Where the disk takes only part of a frame, the part is cut, the segment is ended and the frame not counted."""
    path = tmp_path / PRODUCER / segment_name(0)
    path.parent.mkdir()
    done = subprocess.run([sys.executable, "-c", LIMITED, path, PRODUCER], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["OSError", "True", "1", "True"]
    assert frames_of(path) == [0]


def test_a_full_disk_ends_the_segment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of the disk raises JournalUnavailable with its cause, and nothing is appended behind it."""
    writer = new_segment(tmp_path, 2)

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "writev", full)
    with pytest.raises(JournalUnavailable, match="No space"):
        writer.append(2, [b"x"], 2)
    monkeypatch.undo()
    with pytest.raises(JournalUnavailable, match="ended"):
        writer.append(2, [b"x"], 2)
    assert frames_of(writer.path) == [0, 1]


@pytest.mark.parametrize("payload", [b"", b"an event of some length"])
def test_a_closed_journal_is_seen_by_its_last_bytes(tmp_path: Path, payload: bytes) -> None:
    """Only a whole closing frame at the very end closes a journal."""
    writer = new_segment(tmp_path, 3, payload=b"RSF1" * 50)
    assert not is_closed(writer.path)
    writer.append(1, [payload], 0, flags=CLOSING)
    assert is_closed(writer.path)
    os.truncate(writer.path, writer.size - 1)

    assert not is_closed(writer.path)


def test_a_frame_that_was_half_written_at_the_first_look_is_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A journal that grows by the rest of a frame and the next one, between two looks, is read without a gap."""
    writer = new_segment(tmp_path, 4, b"x" * 100)
    writer.close()
    frame_bytes = FRAME_BYTES + 101
    half_written = writer.size - 2 * frame_bytes
    whole = writer.path.read_bytes()
    rest = whole[half_written + 99 :]
    os.truncate(writer.path, half_written + 99)
    pread = os.pread

    def read_then_grow(fd: int, length: int, offset: int) -> bytes:
        data = pread(fd, length, offset)
        if offset == half_written and writer.path.stat().st_size < len(whole):
            # The writer ends its frame and writes another while the reader looks at what it got.
            with writer.path.open("ab") as file:
                file.write(rest)
        return data

    monkeypatch.setattr(os, "pread", read_then_grow)
    items = list(scan(writer.path))

    assert [item.frame for item in items if isinstance(item, Frame)] == [0, 1, 2, 3]
    assert len(items) == 4
