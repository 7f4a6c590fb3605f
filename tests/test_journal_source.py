"""The journals of a home as a source: every frame once and in order, growing, rotated, archived, damaged or closed."""

from __future__ import annotations

import os
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runstream_consumer.archive import archive_segment
from runstream_consumer.journal_source import JournalSource
from runstream_consumer.source import Position, Record, Undecodable
from runstream_schemas.home import Home
from runstream_schemas.ids import new_producer_id
from runstream_schemas.segment import CLOSING, SegmentHeader, SegmentWriter
from tests.waiting import until

EVERYTHING = 1 << 30


class Writer:
    """A producer's journal with events whose bytes tell their frame."""

    def __init__(self, home: Home) -> None:
        self.producer = home.ensure().producer(new_producer_id())
        self.producer.path.mkdir()
        header = SegmentHeader("log", self.producer.producer_id, "run-1", "host", "boot")
        self.segment = SegmentWriter(self.producer.segment(0), header)

    @property
    def name(self) -> str:
        """The partition."""
        return self.producer.producer_id

    def write(self, n_frames: int = 1, size_bytes: int = 0) -> None:
        """Append frames that hold their number."""
        for _ in range(n_frames):
            frame = self.segment.next_frame
            self.segment.append(3, [b"%d" % frame, bytes(size_bytes)], self.segment.next_sequences[3])

    def rotate(self) -> None:
        """Begin the next segment."""
        header = self.segment.successor(0)
        self.segment.close()
        self.segment = SegmentWriter(self.producer.segment(header.first_frame), header)

    def close(self) -> None:
        """Write the closing frame."""
        self.segment.append(0, [], 0, flags=CLOSING)
        self.segment.close()


def started(home: Home, positions: dict[str, int] | None = None) -> JournalSource:
    """A source that begins at these positions."""
    source = JournalSource(home)
    source.start({name: Position(at) for name, at in (positions or {}).items()})
    return source


def polled(source: JournalSource, max_bytes: int = EVERYTHING) -> Sequence[Record | Undecodable]:
    """What is there now."""
    return source.poll(max_bytes, 0.0)


def positions_of(items: Sequence[Record | Undecodable]) -> list[int]:
    """The frames of the records, each of which holds its number."""
    records = [item for item in items if isinstance(item, Record)]
    assert [int(record.value.rstrip(b"\0")) for record in records] == [record.position for record in records]
    return [record.position for record in records]


@given(st.data())
@settings(max_examples=40)
def test_each_frame_comes_once_and_in_order(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Any mixture of writing, rotating, archiving, polling in portions and starting anew gives each frame once."""
    home = Home(tmp_path_factory.mktemp("home")).ensure()
    writers = [Writer(home) for _ in range(data.draw(st.integers(1, 3)))]
    source, read = started(home), {writer.name: list[int]() for writer in writers}

    def poll(max_bytes: int) -> None:
        for item in polled(source, max_bytes):
            assert isinstance(item, Record)
            read[item.partition].append(item.position)

    for step in data.draw(st.lists(st.sampled_from(["write", "rotate", "archive", "poll", "restart"]), max_size=25)):
        writer = data.draw(st.sampled_from(writers))
        if step == "write":
            writer.write(data.draw(st.integers(1, 5)))
        elif step == "rotate" and writer.segment.next_frame > writer.segment.header.first_frame:
            writer.rotate()
        elif step == "archive":
            for first, path in writer.producer.segments()[:-1]:
                if all(frame in read[writer.name] for frame in range(first, first + 1)):
                    archive_segment(home, writer.name, path)
        elif step == "poll":
            poll(data.draw(st.integers(1, 12)))
        else:
            source = started(home, {name: at[-1] + 1 for name, at in read.items() if at})
    for writer in writers:
        writer.close()
    for _ in range(3):
        poll(EVERYTHING)

    assert source.closed == set(read)
    assert read == {writer.name: [*range(writer.segment.next_frame - 1)] for writer in writers}


def test_records_say_where_they_come_from(home: Home) -> None:
    """Partition is the producer, position the frame, key the run, and the topic is the frame's."""
    writer = Writer(home)
    writer.write()
    [record] = polled(started(home))

    assert isinstance(record, Record)
    assert (record.partition, record.position, record.key) == (writer.name, 0, b"run-1")
    assert record.topic.name == "TAGS"
    assert record.received_at_ns > 0


def test_a_producer_born_later_is_found(home: Home) -> None:
    """A journal that appears while the source runs is read; one under its temporary name is not."""
    source = started(home)
    assert polled(source) == []
    (home.journal_dir / ".new-unborn").mkdir()
    writer = Writer(home)
    writer.write(2)

    assert positions_of(until(lambda: polled(source))) == [0, 1]
    assert [lag.partition for lag in source.lag()] == [writer.name]


def test_polling_waits_for_the_first_record(home: Home) -> None:
    """A poll with time left returns as soon as something is there."""
    writer = Writer(home)
    source = started(home)
    assert polled(source) == []
    writer.write()

    assert positions_of(source.poll(EVERYTHING, 60.0)) == [0]


def test_a_torn_tail_waits_until_it_is_whole(home: Home) -> None:
    """Half a frame at the end of a living journal is no damage: it is read when the rest is there."""
    writer = Writer(home)
    writer.write(3)
    data = writer.segment.path.read_bytes()
    os.truncate(writer.segment.path, len(data) - 4)
    source = started(home)

    assert positions_of(polled(source)) == [0, 1]
    assert polled(source) == []
    writer.segment.path.write_bytes(data)
    assert positions_of(polled(source)) == [2]


def test_damage_is_told_and_read_over(home: Home) -> None:
    """A flipped byte in frame 2 costs that frame: its bytes come as undecodable, with segment and offset."""
    writer = Writer(home)
    writer.write(5)
    data = bytearray(writer.segment.path.read_bytes())
    frame_bytes = 48 + 1
    data[512 + 2 * frame_bytes + 48] ^= 1
    writer.segment.path.write_bytes(data)
    items = polled(started(home))
    [damage] = [item for item in items if isinstance(item, Undecodable)]

    assert positions_of(items) == [0, 1, 3, 4]
    assert (damage.partition, damage.position, damage.next_position) == (writer.name, 2, 3)
    assert (damage.segment, damage.offset) == (writer.segment.path.name, 512 + 2 * frame_bytes)
    assert damage.value == bytes(data[512 + 2 * frame_bytes : 512 + 3 * frame_bytes])
    assert items.index(damage) == 2
    assert damage.run_id == "run-1"


def test_damage_is_told_from_the_archive_too(home: Home) -> None:
    """An archived segment with a damaged stretch reads the same as before it was archived."""
    writer = Writer(home)
    writer.write(5)
    data = bytearray(writer.segment.path.read_bytes())
    data[512 + 49 + 48] ^= 1
    writer.segment.path.write_bytes(data)
    writer.rotate()
    writer.write(1)
    before = polled(started(home))
    archive_segment(home, writer.name, writer.producer.segments()[0][1])
    after = polled(started(home))

    assert positions_of(after) == positions_of(before) == [0, 2, 3, 4, 5]
    assert [(i.position, i.next_position, i.value) for i in after if isinstance(i, Undecodable)] == [
        (i.position, i.next_position, i.value) for i in before if isinstance(i, Undecodable)
    ]


def test_a_lost_end_of_a_segment_is_told(home: Home) -> None:
    """When the next segment begins behind frames that are nowhere, the gap comes as undecodable."""
    writer = Writer(home)
    writer.write(3)
    former, size = writer.segment.path, writer.segment.size
    writer.rotate()
    writer.write(1)
    os.truncate(former, size - 10)
    items = polled(started(home))
    [lost] = [item for item in items if isinstance(item, Undecodable)]

    assert positions_of(items) == [0, 1, 3]
    assert (lost.position, lost.next_position) == (2, 3)
    assert "frames 2 to 2" in lost.reason


def test_missing_first_segments_are_told(home: Home) -> None:
    """A journal whose beginning was removed is read from what is left, and the gap is told."""
    writer = Writer(home)
    writer.write(3)
    former = writer.segment.path
    writer.rotate()
    writer.write(2)
    former.unlink()
    items = polled(started(home))

    assert positions_of(items) == [3, 4]
    assert isinstance(items[0], Undecodable)
    assert (items[0].position, items[0].next_position) == (0, 3)


def test_a_frame_of_an_unknown_topic_is_set_aside(home: Home) -> None:
    """A topic of a later version is no reason to stop: its frame is undecodable, the next is read."""
    writer = Writer(home)
    writer.segment.append(7, [b"later"], 0)
    writer.write()
    [unknown, record] = polled(started(home))

    assert isinstance(unknown, Undecodable)
    assert (unknown.value, unknown.next_position) == (b"later", 1)
    assert "upgrade" in unknown.reason
    assert isinstance(record, Record)


def test_a_shrunk_journal_is_reported_and_not_reset(home: Home) -> None:
    """A position beyond the journal's end stays where it is; nothing is read twice, and the source says so."""
    writer = Writer(home)
    writer.write(3)
    writer.close()
    source = started(home, {writer.name: 10})

    assert polled(source) == []
    assert source.shrunk == {writer.name: 4}
    assert source.closed == {writer.name}


def test_a_closed_journal_is_not_looked_at_again(home: Home) -> None:
    """After the closing frame the producer has no lag and its folder may go."""
    writer = Writer(home)
    writer.write(2)
    writer.close()
    source = started(home)

    assert positions_of(polled(source)) == [0, 1]
    assert (source.closed, source.lag()) == ({writer.name}, [])
    archive_segment(home, writer.name, writer.segment.path)
    writer.producer.path.rmdir()
    assert polled(source) == []


def test_an_archived_producer_is_read_for_a_rebuild(home: Home) -> None:
    """From position 0 the archive gives everything again; from its end nothing, and at once."""
    writer = Writer(home)
    writer.write(4)
    writer.close()
    archive_segment(home, writer.name, writer.segment.path)
    writer.producer.path.rmdir()

    assert positions_of(polled(started(home))) == [0, 1, 2, 3]
    source = started(home, {writer.name: 4})
    assert polled(source) == []
    assert source.closed == {writer.name}


def test_a_segment_in_both_places_is_read_once(home: Home) -> None:
    """A kill between archiving and unlinking leaves two copies: their frames count once."""
    writer = Writer(home)
    writer.write(3)
    data = writer.segment.path.read_bytes()
    writer.rotate()
    writer.write(1)
    [(_, first), _] = writer.producer.segments()
    archive_segment(home, writer.name, first)
    first.write_bytes(data)

    assert positions_of(polled(started(home))) == [0, 1, 2, 3]


def test_a_poll_takes_what_was_asked_for_and_all_producers_get_a_turn(home: Home) -> None:
    """Under a small limit no producer is starved, and nothing is left out."""
    writers = [Writer(home) for _ in range(3)]
    for writer in writers:
        writer.write(10, size_bytes=100)
    source, seen = started(home), list[tuple[str, int]]()
    turns = []
    while items := polled(source, 500):
        turns.append({item.partition for item in items})
        seen += [(item.partition, item.position) for item in items]
        assert sum(len(item.value) for item in items) <= 700

    assert sorted(seen) == sorted((writer.name, at) for writer in writers for at in range(10))
    assert len(set.union(*turns[:3])) == 3


def test_lag_counts_frames_of_any_size_over_segments(home: Home) -> None:
    """Small and large frames, segments not yet entered and a torn tail: lag is the number of whole frames, exactly."""
    writer = Writer(home)
    writer.write(3, size_bytes=50_000)
    source = started(home)
    assert len(polled(source, 1)) == 1
    writer.write(40)
    writer.rotate()
    writer.write(2, size_bytes=100_000)
    seen = [lag.end - lag.next_position for lag in source.lag()]
    writer.write(7)
    with writer.segment.path.open("ab") as file:
        file.write(b"RSF1 and no more of it")
    seen += [lag.end - lag.next_position for lag in source.lag()]
    assert len(polled(source)) == 51

    assert seen == [44, 51]
    assert [lag.end for lag in source.lag()] == [52]


def test_lag_goes_on_behind_damage(home: Home) -> None:
    """What lies behind a damaged frame counts as soon as reading has passed it."""
    writer = Writer(home)
    writer.write(5)
    data = bytearray(writer.segment.path.read_bytes())
    data[512 + 2 * 49] ^= 1
    writer.segment.path.write_bytes(data)
    source = started(home)
    behind = [lag.end - lag.next_position for lag in source.lag()]
    assert positions_of(polled(source)) == [0, 1, 3, 4]
    writer.write(2)
    behind += [lag.end - lag.next_position for lag in source.lag()]

    assert behind == [2, 2]


def test_lag_tells_events_and_age(home: Home) -> None:
    """Unread frames show as lag, and for how long there have been some; what is read does not."""
    writer = Writer(home)
    writer.write(5)
    source = started(home)
    assert len(polled(source)) == 5
    writer.write(5)
    [behind] = source.lag()
    assert len(polled(source)) == 5
    [even] = source.lag()

    assert behind.end - behind.next_position == 5
    assert behind.behind_s > 0
    assert (even.next_position, even.end, even.behind_s) == (10, 10, 0.0)


def test_an_empty_journal_is_not_behind(home: Home) -> None:
    """A producer that has not said anything yet, or has just begun a segment, shows no lag."""
    writer = Writer(home)
    source = started(home)
    assert polled(source) == []
    [before] = source.lag()
    writer.write(2)
    assert len(polled(source)) == 2
    writer.rotate()
    [after] = source.lag()

    assert before.end == before.next_position == 0
    assert after.end == after.next_position == 2


def test_the_log_keeps_its_name(home: Home) -> None:
    """A home is the same log after a restart, another home is another."""
    assert JournalSource(home).identity == JournalSource(home).identity
    assert JournalSource(home).identity != JournalSource(Home(home.root.with_name("other"))).identity
