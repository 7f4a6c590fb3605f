"""A home on a network file system: staging on a disk of this machine, and recovery only where that disk is."""

from __future__ import annotations

import os
import tempfile
from functools import partial
from pathlib import Path

import pytest

from runstream import birth, config, process
from runstream.cli import check
from runstream.logger import Logger
from runstream_schemas import home, recovery
from runstream_schemas.events import Created
from runstream_schemas.home import Home, ProducerDir
from tests import journals, scripts
from tests.killing import recover_home
from tests.staged import Staged, frames


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home lies on NFS, and temporary files in the folder given."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setattr(birth, "network_filesystem", lambda path: "nfs4")
    monkeypatch.setattr(recovery, "network_filesystem", lambda path: "nfs4")
    return folder


def new_logger(run_id: str) -> Logger:
    """A logger to a new run in the home of the environment."""
    return Logger(partial(process.open_producer, config.read(), run_id, Created("w", "e")))


def test_staging_is_local_and_gone_at_the_end(temporary: Path, home_path: Path) -> None:
    """Ring and side files lie in a private folder of this machine; the journal lies in the home, and nothing else."""
    logger = new_logger("run")
    logger.log("x", 1.0)
    logger.log("x", "text")
    mine = temporary / f"runstream-{os.getuid()}"
    (local,) = mine.iterdir()
    names = {path.name for path in local.iterdir()}
    modes = [path.stat().st_mode & 0o777 for path in (mine, local)]
    logger.producer.close()

    assert {"staging", "names", "texts-0"} <= names
    assert modes == [0o700, 0o700]
    assert [point.value for point in journals.points(home_path)] == [1.0, "text"]
    assert list(mine.iterdir()) == []
    assert {path.suffix for path in (home_path / "journal").glob("*/*")} <= {".journal", ""}


def test_a_folder_of_somebody_else_is_not_used(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where another user has made that folder first, nothing is staged in it, and the cause says what to set."""
    mine = temporary / f"runstream-{os.getuid() + 1}"
    mine.mkdir()
    monkeypatch.setattr(os, "getuid", lambda: mine.stat().st_uid + 1)
    folder = ProducerDir(temporary / "producer")

    with pytest.raises(PermissionError, match="TMPDIR"):
        birth._stage_locally(folder)
    assert list(mine.iterdir()) == []


def test_a_killed_producer_is_recovered_on_its_own_machine(temporary: Path, home_path: Path) -> None:
    """After `kill -9` the points come out of the local folder, once."""
    program = f"""
    import tempfile
    from runstream import birth
    tempfile.tempdir = {str(temporary)!r}
    birth.network_filesystem = lambda path: 'nfs4'
    for i in range(1000): run.log('x', i, step=i)
    os.kill(os.getpid(), signal.SIGKILL)
    """
    ended = scripts.execute(home_path, program)
    recover_home(home_path)
    recover_home(home_path)

    assert ended.status == -9
    assert [point.value for point in journals.points(home_path)] == list(range(1000))


def test_another_machine_leaves_it_alone(temporary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Staging lies where the process ran: another machine would close the journal without it."""
    staged = Staged.begin(Home(tmp_path / "home"))
    staged.marks.set_base(0, 0)
    staged.put(0, 0)
    staged.die()
    before = len(frames(staged.folder))
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(recovery, "host_name", lambda: f"not-{home.host_name()}")
        assert recovery.recover(staged.folder) is None
        assert len(frames(staged.folder)) == before

    assert recovery.recover(staged.folder) is not None
    assert len(frames(staged.folder)) > before


def test_check_tells_what_it_means(monkeypatch: pytest.MonkeyPatch, home_path: Path) -> None:
    """`check` warns that the history file cannot lie there."""
    monkeypatch.setattr(check, "network_filesystem", lambda path: "nfs4")
    told = [found for found in check.findings_of(os.environ) if "nfs4" in found.text]

    assert [(found.level, found.part) for found in told] == [("warning", "home")]
    assert "history file cannot lie here" in told[0].text
