"""The archive: folded segments leave the journal byte for byte, small, and never while a recovery may need them."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runstream_consumer import archive
from runstream_consumer.archive import archive_segment, archived, may_leave, restore, scan_archive
from runstream_consumer.archivist import Archivist
from runstream_consumer.source import Position
from runstream_schemas.codec import metric_head
from runstream_schemas.errors import SegmentDamaged
from runstream_schemas.events import MetricEvent, Series
from runstream_schemas.home import Home, ProducerDir
from runstream_schemas.points import FLOAT_RECORD, RECORD_BYTES, pack_code
from runstream_schemas.recovery import recover
from runstream_schemas.scan import Frame, scan
from runstream_schemas.segment import CLOSING, SegmentHeader, SegmentWriter
from tests.staged import Staged, events, frames

PRODUCER = "01890000-0000-7000-8000-000000000001"


def new_segment(home: Home) -> SegmentWriter:
    """An empty segment of a producer of this home."""
    folder = home.ensure().producer(PRODUCER)
    folder.path.mkdir()
    return SegmentWriter(folder.segment(0), SegmentHeader("log", PRODUCER, "run-1", "host", "boot"))


def archivist(home: Home, positions: dict[str, int]) -> Archivist:
    """An archivist that takes these positions for committed."""
    return Archivist(home, lambda: {name: Position(at) for name, at in positions.items()})


@given(
    st.lists(st.tuples(st.integers(1, 5), st.binary(max_size=60), st.integers(0, 50)), max_size=10),
    st.binary(max_size=30),
    st.none() | st.integers(0, 5000),
)
def test_any_segment_comes_back_byte_for_byte(
    tmp_path_factory: pytest.TempPathFactory, written: list[tuple[int, bytes, int]], torn: bytes, flip: int | None
) -> None:
    """Events of all topics, a torn tail, a flipped byte: the archive restores what was there, and is scanned alike."""
    home = Home(tmp_path_factory.mktemp("home"))
    writer = new_segment(home)
    noise = random.Random(1)
    for topic, head, n_points in written:
        count = n_points if topic == 2 else 0
        points = noise.randbytes(count * RECORD_BYTES)
        writer.append(topic, [head, points], writer.next_sequences[topic], 0 if count else -1, count)
    data = bytearray(writer.path.read_bytes() + torn)
    if flip is not None:
        data[512 + flip % (len(data) - 511) - 1] ^= 1
    writer.path.write_bytes(data)
    before = [(type(item), item.offset, item.end) for item in scan(writer.path)]
    old = archive_segment(home, PRODUCER, writer.path)
    after = [(type(item), item.offset, item.end) for item in scan_archive(old.path, PRODUCER)]

    assert restore(old.path) == bytes(data)
    assert not writer.path.exists()
    assert after[: len(before)] == before


def losses(n_events: int) -> list[bytes]:
    """Points of ten noisy, falling losses, 4,096 an event, as a training loop logs them."""
    noise = random.Random(7)
    time_ns, events_of = 1_700_000_000_000_000_000, []
    for event in range(n_events):
        data = bytearray(4096 * RECORD_BYTES)
        for i in range(4096):
            step, series = divmod(event * 4096 + i, 10)
            time_ns += 450 + int(noise.expovariate(1 / 300_000))
            value = 2.0 / (1 + step * 1e-3) + noise.gauss(0, 0.1)
            FLOAT_RECORD.pack_into(data, i * RECORD_BYTES, step, time_ns, value, pack_code(series, 1))
        events_of.append(bytes(data))
    return events_of


def test_noisy_losses_take_twelve_bytes_a_point_at_most(tmp_path: Path) -> None:
    """The archived log of ten noisy float64 losses stays within its share of the promised bytes a point."""
    home = Home(tmp_path)
    writer = new_segment(home)
    series = [Series(i, f"loss {i}", None, "scalar") for i in range(10)]
    for i, points in enumerate(losses(8)):
        head = metric_head("run-1", PRODUCER, i, i + 1, i * 4096, 4096, series, [], len(points))
        writer.append(2, [head, points], i, i * 4096, 4096)
    old = archive_segment(home, PRODUCER, writer.path)

    assert old.path.stat().st_size / (8 * 4096) < 12


def test_an_archive_is_read_from_any_frame(tmp_path: Path) -> None:
    """Scanning from a frame gives that one and all later ones, across chunks."""
    home = Home(tmp_path)
    writer = new_segment(home)
    for i in range(40):
        writer.append(2, [os.urandom(4096 * RECORD_BYTES)], i, i * 4096, 4096)
    old = archive_segment(home, PRODUCER, writer.path)

    assert [item.frame for item in scan_archive(old.path, PRODUCER, 33) if isinstance(item, Frame)] == [*range(33, 40)]
    assert (old.first_frame, old.end_frame) == (0, 40)
    assert archived(home, PRODUCER) == [old]


def test_a_changed_archive_is_not_trusted(tmp_path: Path) -> None:
    """A flipped or missing byte is an error or a damaged frame, never another value."""
    home = Home(tmp_path)
    writer = new_segment(home)
    for i in range(5):
        writer.append(2, [bytes(3200)], i, i * 100, 100)
    original = writer.path.read_bytes()
    old = archive_segment(home, PRODUCER, writer.path)
    data = old.path.read_bytes()
    n_refused = 0
    for at in range(0, len(data), 3):
        old.path.write_bytes(data[:at] + bytes([data[at] ^ 16]) + data[at + 1 :])
        try:
            whole = [item for item in scan_archive(old.path, PRODUCER) if isinstance(item, Frame)]
        except SegmentDamaged:
            n_refused += 1
            continue
        assert all(bytes(frame.payload) == bytes(3200) for frame in whole)
        n_refused += restore(old.path) != original

    assert n_refused > len(data) // 3 * 0.8


KILLED = """
import sys
from pathlib import Path
from runstream_consumer import archive
from runstream_consumer.archive import archive_segment
from runstream_schemas.home import Home
home = Home(Path(sys.argv[1]))
archive_segment(home, sys.argv[2], home.producer(sys.argv[2]).segment(0))
"""


@pytest.mark.parametrize("point", ["archive.written", "archive.renamed", "archive.unlinked"])
def test_killed_anywhere_nothing_is_lost(tmp_path: Path, point: str) -> None:
    """After a kill at any step the segment is in the journal or whole in the archive, and a repeat ends the move."""
    home = Home(tmp_path)
    writer = new_segment(home)
    for i in range(5):
        writer.append(2, [os.urandom(3200)], i, i * 100, 100)
    data = writer.path.read_bytes()
    command = [sys.executable, "-c", KILLED, str(home.root), PRODUCER]
    killed = subprocess.run(command, env={**os.environ, "RUNSTREAM_FAILPOINT": point}, check=False)

    assert killed.returncode == -signal.SIGKILL
    assert writer.path.exists() == (point != "archive.unlinked")
    if point != "archive.written":
        assert restore(archived(home, PRODUCER)[0].path) == data
    if writer.path.exists():
        subprocess.run(command, check=True)
    assert [restore(old.path) for old in archived(home, PRODUCER)] == [data]
    assert not writer.path.exists()


def test_a_power_loss_cannot_keep_the_unlinking_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before a segment goes, the archive and every folder on the way to it are on the disk, private to their owner."""
    home = Home(tmp_path / "home")
    writer = new_segment(home)
    synced: list[Path] = []
    unlinked_after: list[int] = []
    really_sync, really_unlink = archive._sync_folder, Path.unlink

    def sync(folder: Path) -> None:
        really_sync(folder)
        synced.append(folder)

    def unlink(path: Path, missing_ok: bool = False) -> None:
        really_unlink(path, missing_ok)
        unlinked_after.append(len(synced))

    monkeypatch.setattr(archive, "_sync_folder", sync)
    monkeypatch.setattr(Path, "unlink", unlink)
    archive_segment(home, PRODUCER, writer.path)

    folders = {home.root, home.archive_dir, home.archive_dir / PRODUCER}
    assert set(synced) == folders
    assert unlinked_after == [3]
    assert {folder.stat().st_mode & 0o777 for folder in folders} == {0o700}


@pytest.fixture
def staged(tmp_path: Path) -> Staged:
    """Give a producer with three segments: a hole at point 3 of the first is open through all of them."""
    staged = Staged.begin(Home(tmp_path / "home"))
    staged.marks.set_base(0, 0)
    for slot in range(9):
        if slot != 3:
            staged.put(0, slot)
    staged.drain(0, 0, 3, 3)
    staged.drain(0, 4, 6)
    staged.rotate(safe_below=3)
    staged.drain(0, 6, 8)
    staged.rotate(safe_below=3)
    staged.drain(0, 8, 9)
    return staged


def test_a_segment_stays_while_a_hole_is_open(staged: Staged) -> None:
    """Folded to the end, a segment with points above the oldest hole stays in the journal: recovery needs it."""
    [(_, first), (_, second), (_, third)] = staged.folder.segments()
    staged.die()

    assert not any(may_leave(staged.folder, path, 99) for path in (first, second, third))


def test_hole_rotate_archive_kill_recover_doubles_nothing(staged: Staged) -> None:
    """A hole held open, rotation, an archivist at work, a kill, recovery: every point is in the log once."""
    home = Home(staged.folder.path.parent.parent)
    written = dict(staged.points)
    archivist(home, {staged.folder.producer_id: 99}).step(10.0)
    staged.die()
    recover(staged.folder)
    found = [
        event.first_index + i
        for event in events(staged.folder)
        if isinstance(event, MetricEvent)
        for i in range(event.count)
    ]
    logged = [index for index in found if index in written]

    assert sorted(logged) == sorted(written)
    assert len(found) == len(set(found))


def test_segments_below_the_oldest_hole_may_leave(tmp_path: Path) -> None:
    """When all points of a segment are drained for good and folded, it leaves; what is not folded stays."""
    staged = Staged.begin(Home(tmp_path / "home"))
    staged.marks.set_base(0, 0)
    for slot in range(8):
        staged.put(0, slot)
    staged.drain(0, 0, 4, 4)
    staged.rotate(safe_below=4)
    staged.drain(0, 4, 8, 8)
    [(_, first), (_, second)] = staged.folder.segments()
    staged.die()

    assert not may_leave(staged.folder, first, 1)
    assert may_leave(staged.folder, first, 2)
    assert not may_leave(staged.folder, second, 99)


def close_whole(folder: ProducerDir) -> int:
    """Recover a dead producer; returns the frame behind its last event."""
    recover(folder)
    return frames(folder)[-1].frame + 1


def test_a_closed_and_folded_journal_leaves_with_its_folder(tmp_path: Path) -> None:
    """Everything folded and closed: all segments are archived and the folder is gone; unfolded it all stays."""
    home = Home(tmp_path / "home")
    staged = Staged.begin(home)
    staged.die()
    end = close_whole(staged.folder)
    name = staged.folder.producer_id

    assert not archivist(home, {name: end - 1}).step(10.0)
    assert staged.folder.path.exists()
    assert archivist(home, {name: end}).step(10.0)
    assert not staged.folder.path.exists()
    assert [(old.first_frame, old.end_frame) for old in archived(home, name)] == [(0, end)]


def test_an_outbox_is_never_archived(tmp_path: Path) -> None:
    """Segments of an outbox belong to its sender."""
    home = Home(tmp_path / "home")
    staged = Staged.begin(home, role="outbox")
    staged.die()
    end = close_whole(staged.folder)

    assert not archivist(home, {staged.folder.producer_id: end}).step(10.0)
    assert staged.folder.path.exists()


def test_a_closing_frame_without_an_event_needs_no_fold(tmp_path: Path) -> None:
    """A journal closed by an empty frame may leave when its last event is folded."""
    home = Home(tmp_path / "home")
    writer = new_segment(home)
    writer.append(1, [b"event"], 0)
    writer.append(0, [], 0, flags=CLOSING)
    writer.close()

    assert not may_leave(home.producer(PRODUCER), writer.path, 0)
    assert may_leave(home.producer(PRODUCER), writer.path, 1)
