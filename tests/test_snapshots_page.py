"""Snapshots as the dashboard reads them: lists that are checked, zips that are safe, bytes that are what was kept."""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from pathlib import Path

import pytest

from runstream_consumer import blobs
from runstream_dashboard import snapshots
from runstream_dashboard.zips import WithheldError
from runstream_schemas.snapshot import LOCATION, PROPERTY


def keep(store: Path, data: bytes) -> str:
    """Keep bytes as the artifact store does; return their hash."""
    sha256 = hashlib.sha256(data).hexdigest()
    store.mkdir(exist_ok=True)
    (store / sha256).write_bytes(data)
    return sha256


def listed(store: Path, *rows: list[object], version: int = 1) -> dict[str, str]:
    """Keep a list of files; return the properties of the run whose snapshot it is."""
    told = {"runstream_snapshot": version, "files": rows}
    sha256 = keep(store, json.dumps(told).encode())
    return {PROPERTY: sha256, LOCATION: f"{store}/{sha256}"}


def test_a_snapshot_comes_back_as_a_zip(tmp_path: Path) -> None:
    """Every file under its path with its bytes; what could be run still can; equal snapshots give equal zips."""
    one, two = keep(tmp_path, b"print(1)"), keep(tmp_path, b"#!/bin/sh")
    found = snapshots.read(listed(tmp_path, ["lib/a.py", one, 8, False], ["run.sh", two, 9, True]))
    assert found is not None
    zips = [io.BytesIO(), io.BytesIO()]
    for target in zips:
        snapshots.write_zip(found, target)

    packed = zipfile.ZipFile(zips[0])
    assert {name: packed.read(name) for name in packed.namelist()} == {"lib/a.py": b"print(1)", "run.sh": b"#!/bin/sh"}
    assert packed.getinfo("run.sh").external_attr >> 16 == 0o100755
    assert zips[0].getvalue() == zips[1].getvalue()
    assert snapshots.table(found)["Path"].tolist() == ["lib/a.py", "run.sh"]
    assert snapshots.summary(found).startswith("2 files · 17 B · ")


def test_a_run_without_a_snapshot_has_none(tmp_path: Path) -> None:
    """No property, no snapshot; one that is gone, or lies elsewhere, says so."""
    assert snapshots.read({}) is None
    properties = listed(tmp_path)
    (tmp_path / properties[PROPERTY]).unlink()
    with pytest.raises(WithheldError, match="is not there"):
        snapshots.read(properties)
    remote = {PROPERTY: "a" * 64, LOCATION: f"s3://bucket/{'a' * 64}"}
    with pytest.raises(WithheldError, match="s3://bucket"):
        snapshots.read(remote)


@pytest.mark.parametrize(
    "path",
    [
        "", "/etc/passwd", "../x", "a/../../x", "a//b", "./a", "C:/x", "c:x", "a\\b", "a\nb", "a\0b", "a.", "a ", "con",
        "NUL.txt", "lib/com1", "a/\u202egpj.exe", "\ud800", "x" * 256, "/".join(["abc"] * 300), "a/",
    ],
)  # fmt: skip
def test_a_path_that_may_not_be_unpacked_refuses_the_whole_snapshot(tmp_path: Path, path: str) -> None:
    """Absolute, leaving, unclean, impossible on some system, invisible or too long: nothing of it is handed out."""
    properties = listed(tmp_path, ["good.py", keep(tmp_path, b""), 0, False], [path, keep(tmp_path, b""), 0, False])

    with pytest.raises(WithheldError):
        snapshots.read(properties)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([["a", "0" * 64, 0, False], ["A", "0" * 64, 0, False]], "twice"),
        ([["caf\u00e9", "0" * 64, 0, False], ["cafe\u0301", "0" * 64, 0, False]], "twice"),
        ([["a", "0" * 64, 0, False], ["a/b", "0" * 64, 0, False]], "lies below another file"),
        ([["a", "../../etc", 0, False]], "no hash"),
        ([["a", "0" * 64, 2**31 + 1, False]], "more than 2,147,483,648 bytes"),
        ([["a", "0" * 64, -1, False]], "more than"),
        ([[f"f{i}", "0" * 64, 0, False] for i in range(10_001)], "10,001 files"),
        ([["a", "0" * 64]], "no list"),
    ],
)
def test_a_list_beyond_reason_is_refused(tmp_path: Path, rows: list[list[object]], reason: str) -> None:
    """Names that collide, hashes that are none, sizes and counts above the caps."""
    with pytest.raises(WithheldError, match=reason):
        snapshots.read(listed(tmp_path, *rows))


def test_a_forged_list_is_refused(tmp_path: Path) -> None:
    """What does not have the hash that the run names is not read, wherever the run says that it lies."""
    with pytest.raises(WithheldError, match="version"):
        snapshots.read(listed(tmp_path, version=2))
    properties = listed(tmp_path, ["a", "0" * 64, 0, False])
    (tmp_path / properties[PROPERTY]).write_bytes(b"{}")
    with pytest.raises(WithheldError, match="something else"):
        snapshots.read(properties)
    elsewhere = properties | {LOCATION: "/etc/passwd"}
    with pytest.raises(WithheldError, match="does not say where"):
        snapshots.read(elsewhere)


def test_a_changed_file_ends_the_zip(tmp_path: Path) -> None:
    """A zip holds what was kept or is not handed out at all; so does one whose file grew beyond its size."""
    sha256 = keep(tmp_path, b"good")
    found = snapshots.read(listed(tmp_path, ["a", sha256, 4, False]))
    assert found is not None
    for bad in (b"evil", b"good and more"):
        (tmp_path / sha256).write_bytes(bad)
        with pytest.raises(WithheldError, match="a cannot be read"):
            snapshots.write_zip(found, io.BytesIO())


def test_only_logged_bytes_of_regular_files_are_read(tmp_path: Path) -> None:
    """No link, no pipe, no relative path, no address, nothing of another hash: the log does not open files here."""
    sha256 = keep(tmp_path, b"data")
    path = tmp_path / sha256
    (tmp_path / "link").symlink_to(path)
    os.mkfifo(tmp_path / "pipe")

    assert blobs.read(None, str(path), sha256, 4) == b"data"
    assert blobs.read(b"inside", None, sha256, 4) == b"inside"
    for location in (None, f"{tmp_path}/link", f"{tmp_path}/pipe", "s3://x/y", sha256, str(tmp_path)):
        assert blobs.read(None, location, sha256, 4) is None
    assert blobs.read(None, str(path), "0" * 64, 4) is None
    assert blobs.read(None, str(path), sha256, 3) is None
