"""Folders of a run's files: which there are, and everything in one of them as a zip."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from runstream import Experiment, Workspace
from runstream_consumer.history import ArtifactRow, connect
from runstream_dashboard import folders
from runstream_dashboard.zips import WithheldError

LOGGED = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)


def row(path: str, location: str | None = None, size_bytes: int = 1) -> ArtifactRow:
    """Return a file's row."""
    sha256 = hashlib.sha256(path.encode()).hexdigest()
    return ArtifactRow("r", path, size_bytes, sha256, "text/plain", location, None, None, LOGGED, 1, True)


def test_folders_stand_above_those_in_them() -> None:
    """All files first, then each folder that files lie in, parents before their children."""
    assert folders.named([row("b/c/d.txt"), row("a.txt"), row("b/e.txt")]) == ["", "b", "b/c"]


def test_a_folder_holds_the_newest_files_below_it() -> None:
    """Paths are relative to the folder; older versions, and a folder whose name only begins alike, are not in it."""
    rows = [row("b/c/d.txt"), replace(row("b/e.txt"), newest=False), row("bc/f.txt"), row("g.txt")]

    assert [entry.path for entry, _ in folders.checked(rows, "b")] == ["c/d.txt"]
    assert len(folders.checked(rows, "")) == 3


@pytest.mark.parametrize(
    ("rows", "cause"),
    [
        ([], "no files"),
        ([row("a"), row("A")], "occurs twice"),
        ([row("../a")], "'..'"),
        ([row(f"{n}") for n in range(10_001)], "10,001 files"),
        ([row("a", "/store/a", 3 << 30)], "larger than"),
        ([row("a", None, 300 << 20)], "small files"),
        ([row("a", "s3://bucket/a"), row("b")], "1 of its files lie in another store"),
    ],
)
def test_what_would_not_unpack_cleanly_is_refused(rows: list[ArtifactRow], cause: str) -> None:
    """Too much, names that leave the folder or collide, and bytes that are elsewhere: told before anything is read."""
    with pytest.raises(WithheldError, match=cause):
        folders.checked(rows, "")


def test_a_zip_holds_small_and_large_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes that lie in the log and bytes that the store keeps come out as they went in."""
    monkeypatch.setenv("RUNSTREAM_HOME", str(tmp_path / "home"))
    contents = {"small.txt": b"a few bytes", "deep/large.bin": bytes(range(256)) * 1000}
    with Experiment(Workspace(), "packed").start_logging() as run:
        for name, data in contents.items():
            source = tmp_path / "source"
            source.write_bytes(data)
            run.upload_file(f"out/{name}", str(source))
    target = io.BytesIO()
    with connect() as past:
        folders.write_zip(past, run.id, "out", target)

    packed = zipfile.ZipFile(target)
    assert {name: packed.read(name) for name in packed.namelist()} == contents
