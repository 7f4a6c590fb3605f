"""Recovery: what a dead producer left is in its journal once, whenever recovery itself is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runstream_schemas import ring
from runstream_schemas.errors import SegmentDamaged
from runstream_schemas.events import Created, Gap, MetricEvent, ProducerLost, RunEvent
from runstream_schemas.home import Home, ProducerDir, locked
from runstream_schemas.points import RECORD_BYTES, VOID, kind_of
from runstream_schemas.recovery import heir_of, is_alive, recover, sweep_unborn
from runstream_schemas.segment import CLOSING
from runstream_schemas.survivor import surviving_header
from tests.staged import Staged, events, frames


def journalled(staged: Staged) -> dict[int, bytes]:
    """The points in the journal by index, void ones left out; fails if an index is there twice."""
    found: dict[int, bytes] = {}
    for event in events(staged.folder):
        if isinstance(event, MetricEvent):
            for i in range(event.count):
                data = bytes(event.points[i * RECORD_BYTES : (i + 1) * RECORD_BYTES])
                assert event.first_index + i not in found
                found[event.first_index + i] = data
    return {i: data for i, data in found.items() if kind_of(int.from_bytes(data[24:], "little")) != VOID}


@given(data=st.data())
@settings(max_examples=60)
def test_every_point_is_there_once(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Whatever was drained, marked, or left as a hole: each written point is in the journal exactly once."""
    staged = Staged.begin(Home(tmp_path_factory.mktemp("home")))
    n_slots = data.draw(st.integers(1, 60))
    holes = data.draw(st.sets(st.integers(0, n_slots - 1), max_size=4))
    staged.marks.set_base(3, 4096)
    for slot in range(n_slots):
        if slot not in holes:
            staged.put(3, slot, data.draw(st.sampled_from([0.25, 7, None, True, "word"])) if slot > 30 else 0.5)
    n_drained = data.draw(st.integers(0, min(n_slots, 30)))
    first_hole = min([slot for slot in holes if slot < n_drained], default=n_drained)
    at = 0
    for stop in [*sorted(slot for slot in holes if slot < n_drained), n_drained]:
        if stop > at:
            staged.drain(3, at, stop, data.draw(st.sampled_from([None, min(first_hole, stop)])))
        at = stop + 1
    written = staged.points
    staged.die()

    done = recover(staged.folder)

    assert done is not None
    assert journalled(staged) == written
    assert [frame.frame for frame in frames(staged.folder)] == list(range(len(frames(staged.folder))))
    assert not staged.folder.staging.exists()


def test_texts_and_series_travel_with_their_points(home: Home) -> None:
    """A string comes back with its series, and points are cut into events of 4,096."""
    staged = Staged.begin(home)
    staged.marks.set_base(0, 0)
    staged.marks.set_base(1, 4096)
    for slot in range(4096):
        staged.put(0, slot)
    staged.put(1, 0, "größe")
    staged.die()
    recover(staged.folder)
    metrics = [event for event in events(staged.folder) if isinstance(event, MetricEvent)]

    assert [event.count for event in metrics] == [4096, 1]
    assert [(other.point, other.text) for other in metrics[1].others] == [(0, "größe")]
    assert [series.name for series in metrics[1].series] == ["word"]


def test_the_journal_ends_with_lost_and_is_closed(home: Home) -> None:
    """The last frame closes the journal and says that the producer was lost; stamps and sequences go on."""
    staged = Staged.begin(home)
    staged.marks.set_base(0, 0)
    staged.put(0, 0)
    staged.marks.dropped = 3
    staged.die()
    recover(staged.folder)
    run_events = [event for event in events(staged.folder) if isinstance(event, RunEvent)]
    stamps = [event.logged_at_ns for event in events(staged.folder)]

    assert [type(event.change) for event in run_events] == [Created, Gap, ProducerLost]
    assert [event.sequence for event in run_events] == [0, 1, 2]
    assert isinstance(run_events[1].change, Gap)
    assert run_events[1].change.n_points == 3
    assert stamps == sorted(set(stamps))
    assert frames(staged.folder)[-1].flags == CLOSING


def test_a_second_recovery_finds_nothing(home: Home) -> None:
    """Repeating changes no byte."""
    staged = Staged.begin(home)
    staged.die()
    assert recover(staged.folder) is not None
    before = staged.folder.segment(0).read_bytes()

    assert recover(staged.folder) is None
    assert staged.folder.segment(0).read_bytes() == before


def test_a_living_producer_is_left_alone(home: Home) -> None:
    """While the lock is held nothing is touched."""
    staged = Staged.begin(home)
    staged.die()
    with locked(staged.folder.lock) as fd:
        assert fd is not None
        assert is_alive(staged.folder)
        assert recover(staged.folder) is None

    assert not is_alive(staged.folder)
    assert recover(staged.folder) is not None


def test_sequences_go_on_behind_trimmed_segments(home: Home) -> None:
    """An outbox whose first segments are gone counts on from its last header, not from zero."""
    staged = Staged.begin(home, role="outbox")
    staged.marks.set_base(0, 0)
    for slot in range(10):
        staged.put(0, slot)
    staged.drain(0, 0, 6, 6)
    staged.rotate(safe_below=6)
    staged.folder.segment(0).unlink()
    staged.die()
    recover(staged.folder)
    [metric, lost] = events(staged.folder)

    assert isinstance(metric, MetricEvent)
    assert (metric.sequence, metric.first_index, metric.count) == (1, 6, 4)
    assert (lost.sequence, frames(staged.folder)[0].frame) == (1, 2)


def test_a_torn_tail_is_cut_and_its_points_saved(home: Home) -> None:
    """A frame that was cut in the middle goes out again from staging."""
    staged = Staged.begin(home)
    staged.marks.set_base(0, 0)
    for slot in range(20):
        staged.put(0, slot)
    staged.drain(0, 0, 10, 10)
    staged.drain(0, 10, 20)
    os.truncate(staged.writer.path, staged.writer.size - 7)
    written = staged.points
    staged.die()
    recover(staged.folder)

    assert journalled(staged) == written


def test_after_a_restart_of_the_machine_an_heir_carries_the_rest(home: Home) -> None:
    """Another boot: the old journal is closed without a new event, the rest stands under a new, later producer id."""
    staged = Staged.begin(home, boot="another boot")
    staged.marks.set_base(0, 0)
    for slot in range(20):
        staged.put(0, slot, 0.5 if slot < 19 else "word")
    staged.drain(0, 0, 10, 10)
    staged.die()
    done = recover(staged.folder)
    assert done is not None
    assert done.heir is not None
    heir = home.producer(done.heir)
    created, metric, lost = events(heir)

    assert done.heir > staged.folder.producer_id
    assert isinstance(created, RunEvent)
    assert isinstance(created.change, Created)
    assert created.change.continues == staged.folder.producer_id
    assert isinstance(metric, MetricEvent)
    assert (metric.first_index, metric.count) == (0, 10)
    assert isinstance(lost, RunEvent)
    assert frames(heir)[-1].is_closing
    assert len(events(staged.folder)) == 2
    assert frames(staged.folder)[-1].is_closing
    assert not staged.folder.staging.exists()


def spoil_header(path: Path) -> None:
    """Flip a bit of a header's checksum."""
    data = bytearray(path.read_bytes())
    data[511] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("is_rotated", [False, True])
@pytest.mark.parametrize("role", ["log", "outbox"])
def test_a_damaged_header_loses_nothing(home: Home, is_rotated: bool, role: str) -> None:
    """The frames stay readable, the journal is closed in a new segment, and an heir carries what staging held."""
    staged = Staged.begin(home, role=role)
    staged.marks.set_base(0, 0)
    for slot in range(20):
        staged.put(0, slot, 0.5 if slot < 19 else "word")
    staged.drain(0, 0, 5, 5)
    if is_rotated:
        staged.rotate(0)
    staged.drain(0, 5, 10)
    spoil_header(staged.writer.path)
    os.truncate(staged.writer.path, staged.writer.size - 7)
    written = staged.points
    staged.die()

    done = recover(staged.folder)

    assert done is not None
    assert done.heir is not None
    heir = home.producer(done.heir)
    saved = [data for event in events(heir) if isinstance(event, MetricEvent) for data in split(event.points)]
    assert list(journalled(staged).values()) + saved == [data for _, data in sorted(written.items())]
    assert {surviving_header(folder).role for folder in (heir, staged.folder)} == {role}
    assert frames(staged.folder)[-1].is_closing
    assert not staged.folder.staging.exists()
    assert recover(staged.folder) is None
    assert recover(heir) is None


@pytest.mark.parametrize("point", ["recovery.frame:1", "recovery.lost:1", "recovery.heir:1", "recovery.unlinked:1"])
def test_a_recovery_behind_a_damaged_header_can_be_repeated(home: Home, point: str) -> None:
    """Killed at any step and repeated, it leaves every point once."""
    staged = Staged.begin(home)
    staged.marks.set_base(0, 0)
    for slot in range(20):
        staged.put(0, slot)
    staged.drain(0, 0, 10, 10)
    spoil_header(staged.writer.path)
    written = staged.points
    staged.die()
    command = [sys.executable, "-c", KILLED, str(home.root), staged.folder.producer_id]
    killed = subprocess.run(command, env={**os.environ, "RUNSTREAM_FAILPOINT": point}, check=False)

    recover(staged.folder)
    heir = home.producer(heir_of(staged.folder.producer_id))

    saved = [data for event in events(heir) if isinstance(event, MetricEvent) for data in split(event.points)]
    assert killed.returncode == -signal.SIGKILL
    assert list(journalled(staged).values()) + saved == [data for _, data in sorted(written.items())]
    assert frames(staged.folder)[-1].is_closing


def test_a_header_of_which_nothing_is_left_is_reported(home: Home) -> None:
    """Nothing says whether it was a log or an outbox: the journal stays as it is, for a person to look at."""
    staged = Staged.begin(home)
    path = staged.writer.path
    path.write_bytes(bytes(512) + path.read_bytes()[512:])
    staged.die()

    with pytest.raises(SegmentDamaged):
        recover(staged.folder)


KILLED = """
import sys
from pathlib import Path
from runstream_schemas.home import Home
from runstream_schemas.recovery import recover
recover(Home(Path(sys.argv[1])).producer(sys.argv[2]))
"""
POINTS = [
    *("recovery.cut:1", "recovery.frame:1", "recovery.frame:2", "recovery.lost:1", "recovery.synced:1"),
    *("recovery.unlinked:1", "recovery.unlinked:2", "recovery.unlinked:3"),
]


@pytest.mark.parametrize("boot", ["", "another boot"])
@pytest.mark.parametrize("point", [*POINTS, "recovery.heir:1"])
def test_killed_anywhere_it_can_be_repeated(home: Home, point: str, boot: str) -> None:
    """A recovery that was killed at any step and repeated leaves every point once."""
    staged = Staged.begin(home, boot=boot or None)
    staged.marks.set_base(0, 0)
    staged.marks.set_base(1, 4096)
    for slot in range(50):
        staged.put(0, slot)
        staged.put(1, slot, "word" if slot == 9 else slot)
    staged.drain(0, 0, 30, 20)
    written = staged.points
    staged.die()
    command = [sys.executable, "-c", KILLED, str(home.root), staged.folder.producer_id]
    killed = subprocess.run(command, env={**os.environ, "RUNSTREAM_FAILPOINT": point}, check=False)
    is_reached = "heir" not in point or bool(boot)
    is_reached &= not (boot and point in ("recovery.cut:1", "recovery.synced:1"))
    assert killed.returncode == (-signal.SIGKILL if is_reached else 0)

    recover(staged.folder)
    heir = home.producer(heir_of(staged.folder.producer_id))

    assert frames(staged.folder)[-1].is_closing
    assert not staged.folder.staging.exists()
    if not boot:
        assert journalled(staged) == written
        return
    saved = [data for event in events(heir) if isinstance(event, MetricEvent) for data in split(event.points)]
    assert saved == [data for index, data in sorted(written.items()) if (index >= 30 and index < 50) or index >= 4096]
    assert [path.path.name for path in home.producers()] == [staged.folder.producer_id, heir.producer_id]


def split(points: bytes | memoryview) -> list[bytes]:
    """The records of an event, void ones left out."""
    rows = [bytes(points[at : at + RECORD_BYTES]) for at in range(0, len(points), RECORD_BYTES)]
    return [row for row in rows if kind_of(int.from_bytes(row[24:], "little")) != VOID]


def test_a_ring_that_was_never_whole_holds_nothing(home: Home) -> None:
    """A staging file without its magic belongs to a producer that never let anybody log."""
    staged = Staged.begin(home)
    staged.marks.set_base(0, 0)
    staged.put(0, 0)
    staged.mapping[:8] = bytes(8)
    staged.die()
    done = recover(staged.folder)

    assert done is not None
    assert done.n_points == 0


def test_points_without_their_registration_become_void(home: Home) -> None:
    """Only a power loss parts a point from its series; its index stays, its value cannot."""
    staged = Staged.begin(home)
    staged.marks.set_base(0, 0)
    staged.put(0, 0)
    staged.folder.names.unlink()
    staged.die()
    recover(staged.folder)
    [metric] = [event for event in events(staged.folder) if isinstance(event, MetricEvent)]

    assert kind_of(int.from_bytes(metric.points[24:32], "little")) == VOID
    assert ring.read_series(staged.folder.names) == {}


def test_folders_that_were_never_born_are_swept(home: Home) -> None:
    """Old leftovers of a killed birth go; one that is being made, held or whole stays."""
    for name in (".new-old", ".new-held", ".new-young", "whole"):
        (home.journal_dir / name).mkdir()
        (home.journal_dir / name / "lock").touch()
        if name != ".new-young":
            os.utime(home.journal_dir / name, (0, 0))
    with locked(ProducerDir(home.journal_dir / ".new-held").lock):
        n_removed = sweep_unborn(home)

    assert n_removed == 1
    assert sorted(path.name for path in home.journal_dir.iterdir()) == [".new-held", ".new-young", "whole"]
