"""What a home holds is for its owner only, whatever the umask; what somebody has opened is left as it is."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runstream import Experiment, Model, RunConfiguration, ScriptRunConfig, Workspace
from runstream_consumer.fold import Fold
from runstream_schemas.events import TagEvent
from tests.folded import START_NS, fold_into, open_store

OTHERS = 0o077
LARGE = b"x" * 200_000
"""Too large for an event: it goes to the artifact store."""


@pytest.fixture(autouse=True)
def open_handed() -> Iterator[None]:
    """Make files that everybody may read and write, unless whoever makes them says otherwise."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    """Return who may do what with a file."""
    return path.stat().st_mode & 0o777


def open_to_others(home: Path) -> list[Path]:
    """Return what others could look into; the folder of a submitted run is closed as a whole."""
    found = [path for path in home.rglob("*") if mode(path) & OTHERS]
    return [path for path in found if path.parent == home / "runs" or not path.is_relative_to(home / "runs")]


def test_nothing_in_a_home_is_open_to_others(home_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Journals, archive, history, artifacts and the folder of a submitted run are private, each by itself."""
    monkeypatch.setenv("RUNSTREAM_KEEP_CODE", "yes")
    how = RunConfiguration()
    how.environment.python.user_managed_dependencies = True
    how.environment.python.interpreter_path = sys.executable
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "train.py").write_text("print('done')")
    experiment = Experiment(Workspace("lab"), "ridge")
    with experiment.start_logging() as run:
        run.log("loss", 1.0)
        (tmp_path / "large").write_bytes(LARGE)
        run.upload_file("large", tmp_path / "large")
    submitted = experiment.submit(ScriptRunConfig(tmp_path / "project", "train.py", run_config=how))
    submitted.wait_for_completion()

    assert run.get_metrics() == {"loss": 1.0}
    assert {path.name for path in home_path.iterdir()} >= {"journal", "archive", "history.duckdb", "artifacts", "runs"}
    assert mode(home_path) == 0o700
    assert open_to_others(home_path) == []


def test_a_home_that_begins_with_a_file_is_private(home_path: Path, tmp_path: Path) -> None:
    """The home that an upload makes, before anything is logged, is its owner's only."""
    (tmp_path / "net").write_bytes(LARGE)
    Model.register(Workspace("lab"), tmp_path / "net", "net")

    assert mode(home_path) == 0o700
    assert open_to_others(home_path) == []


def test_the_history_being_written_is_private(tmp_path: Path) -> None:
    """File, write-ahead log and the folder of temporary files, at every commit and after a checkpoint."""
    store = open_store(tmp_path)
    fold = Fold(store.load_state())
    for sequence in range(2):
        fold_into(store, fold, [TagEvent("run", "p1", sequence, START_NS, "key", "value")])
        assert mode(tmp_path / "history.duckdb.wal") == 0o600
        store.checkpoint()

    assert open_to_others(tmp_path) == []
    store.close()


def test_a_history_that_was_opened_to_others_stays_open(tmp_path: Path) -> None:
    """Whoever lets a group read the file finds it so afterwards, its write-ahead log too."""
    open_store(tmp_path).close()
    history = tmp_path / "history.duckdb"
    history.chmod(0o640)
    store = open_store(tmp_path)
    fold_into(store, Fold(store.load_state()), [TagEvent("run", "p1", 0, START_NS, "key", "value")])

    assert mode(history) == 0o640
    assert mode(tmp_path / "history.duckdb.wal") == 0o640
    store.close()
