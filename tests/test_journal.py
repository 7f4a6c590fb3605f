"""A producer's segments: the next one, fsync, trim."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runstream.journal import Journal, Syncer
from runstream.room import Room
from runstream_schemas.errors import JournalUnavailable
from runstream_schemas.home import ProducerDir
from runstream_schemas.scan import Frame
from runstream_schemas.segment import SegmentHeader, scan
from runstream_schemas.topics import Topic
from tests.waiting import until


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """A journal whose segments hold a few frames each."""
    folder = ProducerDir(tmp_path / "producer")
    folder.path.mkdir()
    made = Journal(folder, SegmentHeader("outbox", "producer", "run", "host", "boot"), Room(tmp_path, "outbox", None))
    made.segment_bytes = 2000
    return made


def write(journal: Journal, n_frames: int) -> None:
    """Append frames of 100 points each."""
    for _ in range(n_frames):
        sequence = journal.next_sequence(Topic.METRICS)
        journal.append(Topic.METRICS, [b"head", memoryview(bytes(496))], sequence, sequence * 100, 100)


def frames(folder: ProducerDir) -> list[Frame]:
    """Every frame of the journal."""
    return [item for _, path in folder.segments() for item in scan(path) if isinstance(item, Frame)]


def test_frames_and_sequences_go_on_over_segments(journal: Journal) -> None:
    """Segments are named by their first frame; frames and sequences are contiguous over them."""
    write(journal, 10)
    found = frames(journal.folder)

    assert [frame.frame for frame in found] == [frame.sequence for frame in found] == list(range(10))
    assert [first for first, _ in journal.folder.segments()] == [0, 3, 6, 9]


def test_acknowledged_segments_leave_once_staging_does_not_need_them(journal: Journal) -> None:
    """trim() removes what is acknowledged and below safe_below, never the segment that is written."""
    write(journal, 10)
    journal.trim(10)
    held = len(journal.folder.segments())
    journal.safe_below = 650
    journal.trim(5)
    partly = [first for first, _ in journal.folder.segments()]
    journal.trim(10)

    assert held == 4
    assert partly == [3, 6, 9]
    assert [first for first, _ in journal.folder.segments()] == [6, 9]
    journal.safe_below = 1000
    journal.trim(10)
    assert [first for first, _ in journal.folder.segments()] == [9]


def test_a_closed_journal_gives_its_room_back_once(journal: Journal) -> None:
    """What Kafka has of a closed journal no longer counts against the quota, however often it is told."""
    write(journal, 10)
    journal.close()
    for _ in range(3):
        journal.trim(10)

    assert journal.room._used_bytes == 0


def test_a_segments_header_says_what_staging_still_holds(journal: Journal) -> None:
    """The next segment's header carries the lowest index that may be in staging only."""
    from runstream_schemas.segment import read_header

    write(journal, 3)
    journal.safe_below = 123
    write(journal, 1)

    assert read_header(journal.folder.segments()[-1][1]).safe_below == 123


def test_a_failed_append_ends_the_segment_and_the_next_goes_on(journal: Journal) -> None:
    """After an error the frame is not there, and the following one has its number, in a segment of its own."""
    write(journal, 2)
    journal._writer.close()
    with pytest.raises(JournalUnavailable):
        journal._writer.append(Topic.METRICS, [b"x"], 2)
    write(journal, 2)

    assert [frame.frame for frame in frames(journal.folder)] == [0, 1, 2, 3]
    assert [first for first, _ in journal.folder.segments()] == [0, 2]


def test_sync_covers_every_segment(journal: Journal) -> None:
    """After sync() all frames count as durable, those of ended segments included."""
    write(journal, 7)
    journal.sync()

    assert journal.synced_frame == journal.end_frame == 7


def test_a_failed_sync_is_raised_and_ends_the_segment(journal: Journal) -> None:
    """A second fsync on the same file would prove nothing: writing goes on in another."""
    write(journal, 1)
    ends = os.pipe()
    os.dup2(ends[1], journal._writer._fd)  # a pipe cannot be synced
    with pytest.raises(JournalUnavailable):
        journal.sync()
    write(journal, 1)
    for end in ends:
        os.close(end)

    assert journal.synced_frame == 0
    assert [first for first, _ in journal.folder.segments()] == [0, 1]


def test_the_syncer_syncs_what_was_written(journal: Journal) -> None:
    """A journal that asks is synced within a moment, in the background, once for all that was written meanwhile."""
    syncer = Syncer()
    for _ in range(5):
        write(journal, 1)
        syncer.ask(journal)
    until(lambda: journal.synced_frame == 5)
    syncer.stop(10.0)
    syncer.ask(journal)

    assert journal.synced_frame == 5
