"""The artifact store at an address: a real S3 server, and what happens when it fails half way."""

from __future__ import annotations

import hashlib
import os
import sys
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from runstream import Experiment, Run, Workspace, config, progress, store
from runstream_schemas.errors import ConfigError
from tests.s3 import S3

BIG = os.urandom(300_000)
PARTS = os.urandom(40 * 1024 * 1024)
"""Beyond the size from which an upload goes in parts."""


@pytest.fixture
def bucket(s3: S3, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """Give an empty folder of the S3 server, that RUNSTREAM_ARTIFACTS names."""
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    address = f"s3://tests/{hashlib.sha256(request.node.name.encode()).hexdigest()[:8]}"
    monkeypatch.setenv("RUNSTREAM_ARTIFACTS", address)
    return address


def files(address: str) -> Any:
    """The driver of an address, asked past everything that it remembers."""
    driver = import_module("fsspec.core").url_to_fs(address)[0]
    driver.invalidate_cache()
    return driver


def test_files_go_to_s3_and_come_back(bucket: str, tmp_path: Path) -> None:
    """A file above 100 kB lies in the bucket under its hash, once; small ones travel in the event."""
    run = Experiment(Workspace(), "s3").start_logging()
    upload = run.upload_file("outputs/model.bin", BytesIO(BIG))
    again = run.upload_file("outputs/copy.bin", BytesIO(BIG))
    small = run.upload_file("outputs/small.txt", BytesIO(b"small"))
    run.complete()

    run.download_file("outputs/model.bin", tmp_path / "back.bin")
    assert (tmp_path / "back.bin").read_bytes() == BIG
    assert upload.location == again.location == f"{bucket}/{hashlib.sha256(BIG).hexdigest()}"
    assert small.location is None
    assert len(files(bucket).ls(bucket)) == 1


def test_large_files_go_in_parts_and_say_how_far_they_are(
    bucket: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each part moves the count that stderr shows, and the bytes are those that were given."""
    monkeypatch.setattr(progress, "FIRST_S", 0.0)
    monkeypatch.setattr(progress, "AGAIN_S", 0.0)
    saved = store.of(config.read()).save(PARTS[:10], BytesIO(PARTS[10:]), "keeping parts")

    shown = capsys.readouterr().err
    assert f"keeping parts to {bucket}: 16.8 MB of 41.9 MB (40 %)" in shown
    assert f"keeping parts to {bucket}: 41.9 MB, done" in shown
    with store.opened(saved.location) as opened:
        assert store.read(opened, len(PARTS) + 1) == PARTS


def test_an_upload_that_fails_half_way_leaves_nothing_under_the_name(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second part fails: there is no file, no part that stays, and the next try succeeds."""
    kept = store.of(config.read())
    driver = files(bucket)
    call, parts = driver._call_s3, list[str]()

    async def failing(method: str, *arguments: Any, **options: Any) -> Any:
        if method == "upload_part":
            parts.append(method)
            if len(parts) == 2:
                raise OSError("the line is down")
        return await call(method, *arguments, **options)

    with monkeypatch.context() as broken:
        broken.setattr(driver, "_call_s3", failing)
        with pytest.raises(OSError, match="the line is down"):
            kept.save(PARTS[:10], BytesIO(PARTS[10:]), "keeping parts")
    assert not driver.exists(f"{bucket}/{hashlib.sha256(PARTS).hexdigest()}")
    assert driver.call_s3("list_multipart_uploads", Bucket="tests").get("Uploads", []) == []

    assert kept.save(PARTS[:10], BytesIO(PARTS[10:]), "keeping parts").is_new


def test_other_bytes_in_the_store_are_noticed_on_download(bucket: str, tmp_path: Path) -> None:
    """What somebody changed in the bucket is refused, and no file appears."""
    run = Experiment(Workspace(), "s3").start_logging()
    upload = run.upload_file("model.bin", BytesIO(BIG))
    run.complete()
    files(bucket).pipe_file(upload.location, BIG[:-1] + b"?")

    with pytest.raises(OSError, match="other bytes"):
        run.download_file("model.bin", tmp_path / "back.bin")
    assert list(tmp_path.glob("*back*")) == []


def test_half_a_file_in_the_store_is_written_anew(bucket: str) -> None:
    """A file of the right name and the wrong size is not taken for the one."""
    kept = store.of(config.read())
    saved = kept.save(BIG, BytesIO(), "keeping x")
    files(bucket).pipe_file(saved.location, BIG[:1000])

    assert not kept.holds(saved.sha256, saved.size_bytes)
    assert kept.save(BIG, BytesIO(), "keeping x").is_new
    with kept.opened(saved.sha256) as opened:
        assert store.read(opened, len(BIG) + 1) == BIG


def test_a_snapshot_goes_to_the_same_store(bucket: str, tmp_path: Path) -> None:
    """A snapshotted folder comes back from S3 as a zip."""
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "train.py").write_text("print('hi')\n")
    run: Run = Experiment(Workspace(), "s3").start_logging()
    run.take_snapshot(folder)
    run.complete()

    restored = Path(run.restore_snapshot(path=tmp_path))
    assert restored.suffix == ".zip"
    assert restored.is_file()


def test_an_unknown_scheme_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error holds the address."""
    monkeypatch.setenv("RUNSTREAM_ARTIFACTS", "nowhere://bucket")
    with pytest.raises(ConfigError, match="nowhere"):
        store.of(config.read())


def test_an_address_needs_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without fsspec the error says what to install; small files need no store."""
    monkeypatch.setitem(sys.modules, "fsspec", None)
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    monkeypatch.setenv("RUNSTREAM_ARTIFACTS", "s3://bucket/runs")
    run = Experiment(Workspace(), "s3").start_logging()
    with pytest.raises(ConfigError, match=r"pip install runstream\[s3\]"):
        run.upload_file("big", BytesIO(BIG))
    assert run.upload_file("small", BytesIO(b"small")).location is None


@pytest.mark.parametrize(
    ("n_bytes", "shown"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (99_960, "100 kB"), (3_210_000_000, "3.2 GB")],
)
def test_sizes_are_shown_in_three_digits_and_a_unit(n_bytes: int, shown: str) -> None:
    """As people read them."""
    assert progress.shown_bytes(n_bytes) == shown


def test_quick_copies_say_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """A line for every small file would hide what matters."""
    copied = progress.Progress("keeping x", 10)
    copied.add(10)
    copied.done()

    assert capsys.readouterr().err == ""
