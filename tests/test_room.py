"""What the journals of a home may take up: a quota of the home, whoever writes, and a free disk without one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runstream import room as room_module
from runstream.room import Room
from runstream_schemas.events import ProducerClosed, RunEvent
from runstream_schemas.home import Home
from runstream_schemas.segment import Role, SegmentHeader, SegmentWriter
from tests import journals, scripts

QUOTA_BYTES = 100_000_000
BROKER_AWAY = {"RUNSTREAM_BROKERS": "127.0.0.1:9", "RUNSTREAM_EXIT_WAIT": "0"}


@pytest.fixture
def home(home_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """Give a home whose rooms look at the disk whenever they are asked."""
    monkeypatch.setattr(room_module, "_LOOK_EVERY_S", 0.0)
    monkeypatch.setattr(room_module, "_REST", 0)
    return Home(home_path).ensure()


@pytest.fixture
def room(home: Home) -> Room:
    """Give the room for a process's outboxes."""
    return Room(home.journal_dir, "outbox", QUOTA_BYTES)


def hold(home: Home, producer_id: str, size_bytes: int, role: Role = "outbox") -> None:
    """Make the journal of a producer as large as told, without using so much of the disk."""
    folder = home.producer(producer_id)
    if not folder.path.exists():
        folder.path.mkdir()
        SegmentWriter(folder.segment(0), SegmentHeader(role, producer_id, "run", "host", "boot")).close()
    os.truncate(folder.segment(0), size_bytes)


def allowed(room: Room) -> tuple[bool, bool]:
    """Tell whether a point, and whether a tag may be written."""
    return room.allows(1, reserved=False), room.allows(1, reserved=True)


def test_points_stop_before_the_reserve_and_tags_at_the_quota(home: Home, room: Room) -> None:
    """What is written counts at once, and what is trimmed is free again."""
    room.own("mine")
    hold(home, "mine", 90_000_000)
    held = allowed(room)
    hold(home, "mine", QUOTA_BYTES)
    full = allowed(room)
    hold(home, "mine", 50_000_000)

    assert (held, full, allowed(room)) == ((False, True), (False, False), (True, True))
    assert room.full_because == (
        "its quota of 100,000,000 bytes is used up; what Kafka takes makes room, or raise RUNSTREAM_JOURNAL_BYTES"
    )


def test_between_two_looks_own_bytes_count(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that has looked at the disk does not ask it again for every event."""
    monkeypatch.setattr(room_module, "_LOOK_EVERY_S", 3600.0)
    room = Room(home.journal_dir, "outbox", QUOTA_BYTES)
    assert allowed(room) == (True, True)
    hold(home, "other", QUOTA_BYTES)
    assert allowed(room) == (True, True)

    room.add(room_module._LOOK_EVERY_BYTES + 1)
    assert allowed(room)[0] is False
    assert "100,000,000 of them by other processes" in room.full_because


def test_journals_of_other_processes_count(home: Home, room: Room) -> None:
    """Twenty processes have one quota; what the others hold is told, and free again when it is sent."""
    room.own("mine")
    hold(home, "mine", 10_000_000)
    hold(home, "other", 90_000_000)

    assert room.allows(1, reserved=False) is False
    assert "is used up, 90,000,000 of them by other processes, living or dead; what Kafka takes" in room.full_because
    hold(home, "other", 50_000_000)
    assert room.allows(1, reserved=False) is True


def test_what_others_hold_does_not_keep_a_run_from_telling_its_end(home: Home, room: Room) -> None:
    """Where other processes have filled the reserve too, each process still has one of its own for tags and status."""
    hold(home, "other", 2 * QUOTA_BYTES)

    assert allowed(room) == (False, True)
    assert room.allows(room_module.RESERVE_BYTES - 1, reserved=True) is True
    assert room.allows(1, reserved=True) is False


def test_an_outbox_does_not_pay_for_what_was_logged_without_kafka(home: Home, room: Room) -> None:
    """Embedded journals stay for good, and are not counted among those that wait for a broker."""
    hold(home, "other", QUOTA_BYTES, "log")

    assert allowed(room) == (True, True)


def test_a_forked_child_counts_its_parents_journals_as_anothers(home: Home, room: Room) -> None:
    """What the parent holds stays counted in the child."""
    room.own("mine")
    hold(home, "mine", QUOTA_BYTES)
    room.abandon()

    assert room.allows(1, reserved=False) is False
    assert "100,000,000 of them by other processes" in room.full_because


def test_without_a_size_all_outboxes_share_half_of_the_disk(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that starts later gets no half of what the first has left, but what is left of the one half."""
    hold(home, "other", 60_000_000)
    monkeypatch.setattr(room_module, "_free_bytes", lambda folder: 140_000_000)
    room = Room(home.journal_dir, "outbox", None)

    assert room.allows(20_000_000, reserved=False) is True
    assert room.allows(30_000_000, reserved=False) is False


def test_the_embedded_log_stops_when_the_disk_is_nearly_full(home: Home) -> None:
    """Without a quota a log may take what the disk has, but for the last gibibyte."""
    room = Room(home.journal_dir, "log", None)

    assert room.allows(1000, reserved=False)
    assert not room.allows(1 << 60, reserved=False)
    assert room.full_because == "less than 1 GiB of its disk is free"


def test_a_quota_of_the_embedded_log_is_the_homes(home: Home) -> None:
    """What a consumer archives leaves the journals, and makes room."""
    room = Room(home.journal_dir, "log", QUOTA_BYTES)
    hold(home, "other", QUOTA_BYTES, "log")

    assert room.allows(1, reserved=False) is False
    assert "what a consumer archives makes room" in room.full_because


def test_two_processes_without_a_broker_fill_one_quota(home_path: Path) -> None:
    """The second process drops what the first has left no room for, says so, and tells its end all the same."""
    program = "for i in range(60_000): run.log('x', 0.0, step=i)"
    ended = [
        scripts.execute(home_path, program, RUNSTREAM_JOURNAL_BYTES="2M", **BROKER_AWAY),
        scripts.execute(home_path, program, RUNSTREAM_JOURNAL_BYTES="2M", **BROKER_AWAY),
    ]
    held = sum(path.stat().st_size for folder in Home(home_path).producers() for _, path in folder.segments())

    assert [one.status for one in ended] == [0, 0]
    assert 1_000_000 < held < 2 << 20
    assert "by other processes" not in ended[0].err
    assert "by other processes, living or dead" in ended[1].err
    closed = [event.change for event in journals.events(home_path) if isinstance(event, RunEvent)]
    assert [change.n_dropped > 0 for change in closed if isinstance(change, ProducerClosed)] == [True, True]
