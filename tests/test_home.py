"""A home: private folders, producers that are whole, locks, and where the disk is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from runstream_schemas import home as home_module
from runstream_schemas.home import Home, first_frame_of, locked, network_filesystem, segment_name


def test_only_its_owner_may_look_inside(home: Home) -> None:
    """Home and journals are made with mode 0700, and making them again changes nothing."""
    home.ensure()

    assert home.root.stat().st_mode & 0o777 == 0o700
    assert home.journal_dir.stat().st_mode & 0o777 == 0o700


def test_producers_are_listed_oldest_first_and_whole(home: Home) -> None:
    """Folders that are still being made are left out; a home without journals has none."""
    for name in ("b", ".new-c", "a"):
        (home.journal_dir / name).mkdir()

    assert [producer.producer_id for producer in home.producers()] == ["a", "b"]
    assert Home(home.root / "none").producers() == []
    assert home_module.ProducerDir(home.journal_dir / ".new-c").producer_id == "c"


def test_segments_sort_by_their_first_frame(home: Home) -> None:
    """Segment files are found by name, whatever else lies in the folder."""
    producer = home.producer("p")
    producer.path.mkdir()
    for name in (segment_name(10), segment_name(9), "lock", "names", "x.journal", ".new-" + segment_name(11)):
        (producer.path / name).touch()

    assert producer.segments() == [(9, producer.segment(9)), (10, producer.segment(10))]
    assert first_frame_of(segment_name(2**60)) == 2**60


def test_staging_may_lie_elsewhere(home: Home, tmp_path: Path) -> None:
    """A pointer in the folder leads to a local disk, for ring and side files alike."""
    producer = home.producer("p")
    producer.path.mkdir()
    assert producer.staging == producer.path / "staging"
    producer.staging_pointer.write_text(f"{tmp_path}\n")

    assert (producer.staging, producer.names, producer.texts(3)) == (
        tmp_path / "staging",
        tmp_path / "names",
        tmp_path / "texts-3",
    )


ASK = """
import sys
from pathlib import Path
from runstream_schemas.home import Home
print(Home(Path(sys.argv[1])).identity())
"""


def test_a_home_keeps_its_id(home: Home) -> None:
    """Many processes that ask at once get one id, for ever."""
    command = [sys.executable, "-c", ASK, str(home.root)]
    asking = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    ids = {process.communicate()[0].strip() for process in asking}

    assert ids == {home.identity()}


def test_a_lock_is_held_once(home: Home) -> None:
    """A second taker, also in this process, is told; afterwards it is free."""
    path = home.root / "lock"
    with locked(path) as first, locked(path) as second:
        assert first is not None
        assert second is None

    with locked(path, shared=True) as one, locked(path, shared=True) as other:
        assert None not in (one, other)


MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
40 22 0:35 / /mnt/shared rw shared:2 - nfs4 server:/export rw,vers=4.2
41 40 8:2 / /mnt/shared/local rw - xfs /dev/sdb1 rw
42 22 0:36 / /mnt/with\\040space rw - fuse.sshfs me@host:/ rw
43 22 0:37 / /mnt/sharedbutnot rw - tmpfs tmpfs rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/me/.runstream", None),
        ("/mnt/shared", "nfs4"),
        ("/mnt/shared/a/b", "nfs4"),
        ("/mnt/shared/local/a", None),
        ("/mnt/with space/x", "fuse.sshfs"),
        ("/mnt/sharedbutnot/x", None),
    ],
)
def test_network_disks_are_told_by_their_mount(monkeypatch: pytest.MonkeyPatch, path: str, kind: str | None) -> None:
    """The innermost mount around a path decides, and only the network's kinds count."""
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: MOUNTS)

    assert network_filesystem(Path(path)) == kind
