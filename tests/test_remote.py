"""What lies in a remote store is shown on the pages: from our own store on a real S3 server, and from no other."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from runstream import Experiment, Run, Workspace
from runstream_consumer import blobs, remote
from runstream_consumer.history import connect
from runstream_dashboard import files, folders, snapshots
from tests.s3 import S3

BIG = b"0123456789" * 30_000


@pytest.fixture
def store(s3: S3, monkeypatch: pytest.MonkeyPatch) -> str:
    """Give the address of a store on the S3 server, which RUNSTREAM_ARTIFACTS names."""
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("RUNSTREAM_ARTIFACTS", "s3://pages/runs")
    return "s3://pages/runs"


@pytest.fixture
def run(store: str, tmp_path: Path) -> Run:
    """Give an ended run with a large file and a snapshot in that store."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "train.py").write_text("print('hi')\n")
    with Experiment(Workspace(), "remote").start_logging() as started:
        started.upload_file("outputs/weights.bin", io.BytesIO(BIG))
        started.take_snapshot(tmp_path / "code")
    return started


def test_a_file_a_folder_and_a_snapshot_come_out_of_our_store(run: Run) -> None:
    """The page hands out the file's bytes, a zip of its folder, and a zip of the code."""
    with connect() as history:
        (artifact,) = history.artifacts(run.id)
        assert files.read(history, run.id, artifact) == BIG
        folder, code = io.BytesIO(), io.BytesIO()
        folders.write_zip(history, run.id, "outputs", folder)
        snapshot = snapshots.read(history.properties(run.id))
    assert snapshot is not None
    snapshots.write_zip(snapshot, code)

    assert zipfile.ZipFile(folder).read("weights.bin") == BIG
    assert zipfile.ZipFile(code).read("train.py") == b"print('hi')\n"


def test_another_store_than_ours_is_not_asked(run: Run, store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An event may name any address; what is not below RUNSTREAM_ARTIFACTS is told, not fetched."""
    with connect() as history:
        (artifact,) = history.artifacts(run.id)
        assert artifact.location is not None
        for named in ("s3://other/runs", "/folder", "s3://pages/run"):
            monkeypatch.setenv("RUNSTREAM_ARTIFACTS", named)
            assert files.read(history, run.id, artifact) is None
            assert blobs.is_elsewhere(artifact.location)
            with pytest.raises(OSError, match="RUNSTREAM_ARTIFACTS"), remote.opened(artifact.location):
                pass


def test_an_address_that_leaves_our_store_is_not_ours(store: str) -> None:
    """Neither by dots nor by a longer name of the same beginning."""
    assert remote.is_ours(f"{store}/abc")
    assert not remote.is_ours(f"{store}/../secret")
    assert not remote.is_ours(f"{store}-other/abc")


def test_other_bytes_in_our_store_are_not_handed_out(run: Run, store: str) -> None:
    """What somebody changed there has another hash than was logged."""
    with connect() as history:
        (artifact,) = history.artifacts(run.id)
    assert artifact.location is not None

    assert blobs.read(None, artifact.location, "0" * 64, len(BIG)) is None
    assert blobs.read(None, f"{store}/{'0' * 64}", "0" * 64, len(BIG)) is None
    assert blobs.read(None, artifact.location, artifact.sha256, len(BIG)) == BIG
