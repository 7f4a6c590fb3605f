"""Files of a run: their names, how they are kept, and that they come back as they went in."""

from __future__ import annotations

import hashlib
import os
from io import BytesIO, StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runstream import artifacts, config, folder_files, media
from runstream_schemas import paths
from runstream_schemas.errors import InvalidValue, UnsafePath
from runstream_schemas.events import MAX_INLINE_BYTES

BIG = bytes(range(256)) * 1000
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


class Slow:
    """A raw stream that gives one to three bytes a call."""

    def __init__(self, content: bytes) -> None:
        self.rest = content

    def read(self, size: int = -1, /) -> bytes:
        """Give at most three bytes."""
        part, self.rest = self.rest[: min(3, size)], self.rest[min(3, size) :]
        return part


class Failing:
    """A stream that ends in an error after 200 kB."""

    def __init__(self) -> None:
        self.given = 0

    def read(self, size: int = -1, /) -> bytes:
        """Give zeroes, then raise."""
        if self.given > 200_000:
            raise OSError("the disk went away")
        self.given += size
        return bytes(size)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("outputs/model.pkl", "outputs/model.pkl"),
        ("./outputs//model.pkl", "outputs/model.pkl"),
        ("모델/가중치.bin", "모델/가중치.bin"),
        ("a b.txt", "a b.txt"),
        (".hidden", ".hidden"),
        (Path("outputs") / "x", "outputs/x"),
    ],
)
def test_safe_names_are_kept(name: str, kept: str) -> None:
    """Relative names in any script are kept, without '.' and empty parts."""
    assert paths.checked(name) == kept


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "/etc/passwd",
        "../x",
        "a/../../x",
        "a\\b",
        "C:/x",
        "c:x",
        "//server/share",
        "a\0b",
        "a\nb",
        "a./b",
        "a ",
        "x" * 256,
        "é" * 128,
        "a/" * 600,
        "\ud800",
    ],
)
def test_unsafe_names_are_refused(name: str) -> None:
    """Absolute names, drives, '..', backslashes, control characters, trailing dots and long parts are refused."""
    with pytest.raises(UnsafePath):
        paths.checked(name)


@given(st.text(max_size=40))
def test_a_checked_name_stays_below_any_folder(name: str) -> None:
    """Whatever passes as a name is below the folder that it is joined to, and passes again unchanged."""
    try:
        kept = paths.checked(name)
    except UnsafePath:
        return
    assert paths.checked(kept) == kept
    assert os.path.normpath(os.path.join("/root", kept)) == f"/root/{kept}"


def test_a_small_file_travels_inside_the_event(tmp_path: Path) -> None:
    """Up to 100 kB are kept inside the event, with the hash of these bytes, and no file is written."""
    content = bytes(MAX_INLINE_BYTES)
    upload, inside = artifacts.keep_as("zeros.bin", BytesIO(content), config.read())
    assert inside == content
    assert upload.serialize() == {
        "path": "zeros.bin",
        "size_bytes": MAX_INLINE_BYTES,
        "sha256": hashlib.sha256(content).hexdigest(),
        "content_type": "application/octet-stream",
        "location": None,
    }
    assert not config.read().home.artifacts_dir.exists()


def test_a_big_file_goes_to_the_store_under_its_hash(tmp_path: Path) -> None:
    """More than 100 kB lie once in the store under their hash, readable by their owner only, however often kept."""
    (tmp_path / "weights.bin").write_bytes(BIG)
    upload, inside = artifacts.keep_as("outputs/weights.bin", tmp_path / "weights.bin", config.read())
    again, _ = artifacts.keep_as("copy.bin", str(tmp_path / "weights.bin"), config.read())
    folder = config.read().home.artifacts_dir
    assert inside is None
    assert upload.location == again.location == str(folder / hashlib.sha256(BIG).hexdigest())
    assert [path.name for path in folder.iterdir()] == [upload.sha256]
    assert (folder / upload.sha256).read_bytes() == BIG
    assert (folder / upload.sha256).stat().st_mode & 0o077 == 0


def test_the_store_may_be_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """RUNSTREAM_ARTIFACTS names the folder that big files go to."""
    monkeypatch.setenv("RUNSTREAM_ARTIFACTS", str(tmp_path / "elsewhere"))
    upload, _ = artifacts.keep_as("x", BytesIO(BIG), config.read())
    assert upload.location == str(tmp_path / "elsewhere" / upload.sha256)
    with artifacts.content_of(upload.location, None, upload.sha256, config.read()) as source:
        assert source.read() == BIG


def test_a_raw_stream_is_read_to_its_end() -> None:
    """A stream that gives a few bytes a call is kept whole, empty ones too."""
    for content in (b"", b"abcdefgh", bytes(MAX_INLINE_BYTES + 7)):
        upload, _ = artifacts.keep_as("x", Slow(content), config.read())
        assert (upload.size_bytes, upload.sha256) == (len(content), hashlib.sha256(content).hexdigest())


def test_a_failing_source_leaves_nothing_in_the_store() -> None:
    """A stream that breaks off raises its error, and no part of it stays in the store."""
    with pytest.raises(OSError, match="went away"):
        artifacts.keep_as("x", Failing(), config.read())
    assert list(config.read().home.artifacts_dir.iterdir()) == []


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """Folders, pipes, text streams and other objects are refused at once; a missing file raises as open() does."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(UnsafePath, match="regular file"):
            artifacts.keep_as("x", path, config.read())
    with pytest.raises(InvalidValue, match="binary mode"):
        artifacts.keep_as("x", StringIO("text"), config.read())
    with pytest.raises(InvalidValue, match="path"):
        artifacts.keep_as("x", 3, config.read())
    with pytest.raises(FileNotFoundError):
        artifacts.keep_as("x", tmp_path / "missing", config.read())


def test_a_moved_home_still_finds_its_files(tmp_path: Path) -> None:
    """A file whose stored location is gone is taken from this home's own store, by its hash."""
    upload, _ = artifacts.keep_as("x", BytesIO(BIG), config.read())
    with artifacts.content_of("/gone/" + upload.sha256, None, upload.sha256, config.read()) as source:
        assert source.read() == BIG


def test_a_download_is_checked_and_appears_whole(tmp_path: Path) -> None:
    """A file is written under its name only when its bytes have the hash of what was uploaded."""
    target = tmp_path / "below" / "file"
    artifacts.save_as(BytesIO(BIG), target, hashlib.sha256(BIG).hexdigest())
    assert target.read_bytes() == BIG
    with pytest.raises(OSError, match="other bytes"):
        artifacts.save_as(BytesIO(b"damaged"), target, hashlib.sha256(BIG).hexdigest())
    assert target.read_bytes() == BIG
    assert [path.name for path in target.parent.iterdir()] == ["file"]


def test_a_folder_is_listed_with_everything_below(tmp_path: Path) -> None:
    """Files in subfolders and links that stay inside are found, by their names relative to the folder."""
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    (folder / "b.txt").write_text("b")
    (folder / "sub" / "a.txt").write_text("a")
    (folder / "link").symlink_to("sub/a.txt")
    found = folder_files.below(folder)
    assert [name for name, _ in found] == ["b.txt", "link", "sub/a.txt"]
    assert [file.read_text() for _, file in found] == ["b", "a", "a"]


def test_a_folder_with_a_way_out_is_refused(tmp_path: Path) -> None:
    """A link out of the folder, to a file or a folder, and a pipe inside are refused before anything is kept."""
    folder = tmp_path / "folder"
    (tmp_path / "other").mkdir()
    (tmp_path / "secret").write_text("s")
    for name, target in (("file", "../secret"), ("dir", "../other")):
        folder.mkdir()
        (folder / name).symlink_to(target)
        with pytest.raises(UnsafePath, match="out of"):
            folder_files.below(folder)
        (folder / name).unlink()
        folder.rmdir()
    folder.mkdir()
    os.mkfifo(folder / "pipe")
    with pytest.raises(UnsafePath):
        folder_files.below(folder)
    with pytest.raises(NotADirectoryError):
        folder_files.below(tmp_path / "secret")


@pytest.mark.parametrize(
    ("path", "head", "kind"),
    [
        ("x.bin", PNG, "image/png"),
        ("x.png", b"\xff\xd8\xff\xe0", "image/jpeg"),
        ("x", b"GIF89a....", "image/gif"),
        ("x", b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        ("x.png", b"<html>", "application/octet-stream"),
        ("notes.txt", b"hello", "text/plain"),
        ("x.unknown", b"?", "application/octet-stream"),
    ],
)
def test_the_type_of_an_image_is_told_by_its_content(path: str, head: bytes, kind: str) -> None:
    """What starts as an image is one whatever its name; what only claims to be one by its name is none."""
    assert media.content_type(path, head) == kind
