"""The list of a snapshot's files: one form for those who write it, restore it and show it."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path

import pytest

from runstream import Experiment, Run, Workspace
from runstream_consumer.history import read_snapshot
from runstream_dashboard import snapshots
from runstream_schemas.errors import SnapshotNotFound, UnsafePath
from runstream_schemas.paths import check_together
from runstream_schemas.snapshot import ListedFile, dump, parse

FILES = [ListedFile("lib/ä.py", "a" * 64, 8, executable=False), ListedFile("run.sh", "b" * 64, 9, executable=True)]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Give a run with a snapshot."""
    (tmp_path / "code" / "lib").mkdir(parents=True)
    (tmp_path / "code" / "lib" / "a.py").write_text("print(1)")
    (tmp_path / "code" / "run.sh").write_text("#!/bin/sh")
    (tmp_path / "code" / "run.sh").chmod(0o755)
    with Experiment(Workspace(), "listed").start_logging() as started:
        started.take_snapshot(tmp_path / "code")
    return started


def test_a_list_comes_back_as_it_was_written() -> None:
    """Paths of any script, hashes, sizes and who may run a file."""
    assert parse("0" * 64, dump(FILES)) == FILES


def test_equal_files_have_the_same_list_for_ever() -> None:
    """Its hash is the snapshot's id, which runs have kept: another byte in it would be another id."""
    assert hashlib.sha256(dump(FILES)).hexdigest() == "7e10f95f32b45f3831627e914af7a5c85050f0d2dc4258b6653b00e5b1266eb7"


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([["a", "0" * 64, float("inf"), False]], "no list of files"),
        ([["a", "0" * 64, "many", False]], "no list of files"),
        ([["a", "0" * 63, 1, False]], "no hash of 64 hex digits"),
        ([["a", "0" * 64, 2**31, False], ["b", "0" * 64, 1, False]], "more than 2,147,483,648 bytes"),
        ([["a", "0" * 64, 2**32, False], ["b", "0" * 64, -(2**32), False]], "more than"),
    ],
)
def test_a_list_that_nobody_of_us_wrote_is_refused(rows: list[list[object]], reason: str) -> None:
    """Sizes that are none, hashes that are none, more than may be restored."""
    with pytest.raises(SnapshotNotFound, match=reason):
        parse("0" * 64, json.dumps({"runstream_snapshot": 1, "files": rows}).encode())


@pytest.mark.parametrize(
    ("paths", "reason"),
    [
        (["a/b", "A/B"], "occurs twice"),
        (["caf\u00e9", "cafe\u0301"], "occurs twice"),
        (["a/b/c", "x", "A"], "below another file"),
        (["a//b"], "empty part"),
        (["../a"], "leaves"),
    ],
)
def test_paths_that_collide_do_not_go_together(paths: list[str], reason: str) -> None:
    """On a disk that takes two names for one, or a name for a file and a folder, one file would replace another."""
    with pytest.raises(UnsafePath, match=reason):
        check_together(paths)


def test_the_page_hands_out_the_zip_that_the_sdk_restores(run: Run, tmp_path: Path) -> None:
    """Whoever unpacks a snapshot gets the same bytes, by whichever way it came."""
    restored = Path(run.restore_snapshot(path=tmp_path / "restored"))
    found = snapshots.read(run.get_properties())
    target = io.BytesIO()
    assert found is not None
    snapshots.write_zip(found, target)

    assert target.getvalue() == restored.read_bytes()


def test_the_history_reads_the_list_of_a_run(run: Run) -> None:
    """Its files with the places of their bytes; a list that is gone is told by the snapshot's id."""
    properties = run.get_properties()
    found = read_snapshot(properties)
    assert found is not None
    assert [(file.path, Path(found.location(file)).read_bytes()) for file in found.files] == [
        ("lib/a.py", b"print(1)"),
        ("run.sh", b"#!/bin/sh"),
    ]
    Path(found.folder, found.id).unlink()
    with pytest.raises(SnapshotNotFound, match=found.id):
        read_snapshot(properties)
