"""
Snapshots of the folders that runs were made from: their list of files, and all of them as a zip. No widgets.

The list comes out of the store as somebody wrote it. Names that would leave the folder in which the zip is unpacked,
or collide there, and sizes beyond all reason are refused as a whole.
"""

from __future__ import annotations

import json
import re
import unicodedata
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, Any, Final

import pandas as pd

from runstream_dashboard import blobs, formats

PROPERTY: Final = "ContentSnapshotId"
LOCATION: Final = "runstream.snapshot_location"
MAX_FILES: Final = 10_000
MAX_BYTES: Final = 2 * 1024**3
MAX_LIST_BYTES: Final = 16 * 1024**2
_VERSION: Final = 1
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_MAX_PATH_BYTES: Final = 1024
_MAX_PART_BYTES: Final = 255
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_DEVICES: Final = {"con", "prn", "aux", "nul", *(f"{name}{n}" for name in ("com", "lpt") for n in range(1, 10))}


class SnapshotError(ValueError):
    """A snapshot, or a folder of files, cannot be shown or handed out; the message says why."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a snapshot."""

    path: str
    sha256: str
    size_bytes: int
    executable: bool


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A folder as it was: its id, where the store keeps its files, each under its hash, and their list."""

    id: str
    folder: str
    entries: tuple[Entry, ...]

    @property
    def size_bytes(self) -> int:
        """Bytes of all files."""
        return sum(entry.size_bytes for entry in self.entries)


def read(properties: Mapping[str, str]) -> Snapshot | None:
    """
    Read the list of the snapshot that a run's properties name; None where they name none.

    Raises:
        SnapshotError: it lies in a store that is not ours, is gone, or is not what a snapshot may be.
    """
    if PROPERTY not in properties:
        return None
    snapshot_id, location = properties[PROPERTY], properties.get(LOCATION, "")
    if blobs.is_elsewhere(location):
        raise SnapshotError(
            f"it lies at {location}, and RUNSTREAM_ARTIFACTS names another store here; run.restore_snapshot() gets it"
        )
    folder, _, name = location.rpartition("/")
    if not _SHA256.fullmatch(snapshot_id) or name != snapshot_id:
        raise SnapshotError("the run does not say where it lies")
    listed = blobs.read(None, location, snapshot_id, MAX_LIST_BYTES)
    if listed is None:
        raise SnapshotError(f"{location} is not there, or holds something else")
    return Snapshot(snapshot_id, folder, tuple(checked(_entries(listed))))


def _entries(listed: bytes) -> list[Entry]:
    try:
        told: Any = json.loads(listed)
        if told["runstream_snapshot"] != _VERSION:
            raise SnapshotError(f"its list has version {told['runstream_snapshot']!r:.20}, not {_VERSION}")
        return [Entry(str(path), str(sha), int(size), bool(runs)) for path, sha, size, runs in told["files"]]
    except SnapshotError:
        raise
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise SnapshotError("what the store keeps under its id is no list of files") from error


def checked(entries: Sequence[Entry]) -> Sequence[Entry]:
    """
    Return files as they are, all of which may be unpacked into one folder.

    Raises:
        SnapshotError: a path leaves that folder or collides with another one, or they are too many or too large.
    """
    if len(entries) > MAX_FILES:
        raise SnapshotError(f"it has {len(entries):,} files, more than {MAX_FILES:,}")
    if any(entry.size_bytes < 0 for entry in entries) or sum(e.size_bytes for e in entries) > MAX_BYTES:
        raise SnapshotError(f"its files are larger than {MAX_BYTES:,} bytes")
    files: set[str] = set()
    folders: set[str] = set()
    for entry in entries:
        reason = objection(entry.path) or ("" if _SHA256.fullmatch(entry.sha256) else "has no hash")
        folded = _folded(entry.path)
        if not reason and folded in files:
            reason = "occurs twice, but for upper and lower case"
        if reason:
            raise SnapshotError(f"the path {entry.path!r:.80} in it {reason}")
        files.add(folded)
        folders.update(map(str, PurePosixPath(folded).parents))
    if files & folders:
        raise SnapshotError(f"{min(files & folders)!r:.80} in it is a file and a folder")
    return entries


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()


def objection(path: str) -> str:
    """Say why a path may not stand in a zip; an empty string if it may: relative, clean, possible everywhere."""
    parts = path.split("/")
    try:
        lengths = [len(part.encode()) for part in parts]
    except UnicodeEncodeError:
        return "is no valid Unicode"
    if path.startswith("/") or re.match(r"[A-Za-z]:", path):
        return "is absolute"
    if "\\" in path or any(unicodedata.category(character) in {"Cc", "Cf"} for character in path):
        return "holds a backslash, a control or an invisible character"
    if any(part in {"", ".", ".."} for part in parts):
        return "has an empty part, '.' or '..'"
    if any(part[-1] in ". " or part.partition(".")[0].lower() in _DEVICES for part in parts):
        return "has a part that some systems take for another name"
    if max(lengths) > _MAX_PART_BYTES or sum(lengths) + len(parts) > _MAX_PATH_BYTES:
        return "is too long"
    return ""


def write_zip(snapshot: Snapshot, target: IO[bytes]) -> None:
    """
    Write all files into a zip; the same snapshot gives the same bytes.

    Raises:
        SnapshotError: a file is gone, or not what was kept; what was written so far is no zip.
    """
    pack(
        (
            (entry, blobs.chunks(f"{snapshot.folder}/{entry.sha256}", entry.sha256, entry.size_bytes))
            for entry in snapshot.entries
        ),
        target,
    )


def pack(files: Iterable[tuple[Entry, Iterator[bytes]]], target: IO[bytes]) -> None:
    """
    Write files, each with its bytes, into a zip.

    Raises:
        SnapshotError: the bytes of one cannot be read.
    """
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
        for entry, chunks in files:
            about = zipfile.ZipInfo(entry.path, _EPOCH)
            about.external_attr = (0o100755 if entry.executable else 0o100644) << 16
            about.compress_type = zipfile.ZIP_DEFLATED
            try:
                with packed.open(about, "w", force_zip64=True) as file:
                    for chunk in chunks:
                        file.write(chunk)
            except (OSError, ValueError) as error:
                raise SnapshotError(f"{entry.path} cannot be read: {error}") from error


def table(snapshot: Snapshot) -> pd.DataFrame:
    """Return the files as a table."""
    return pd.DataFrame(
        {
            "Path": [entry.path for entry in snapshot.entries],
            "Size": [entry.size_bytes for entry in snapshot.entries],
            "Executable": ["✓" if entry.executable else "" for entry in snapshot.entries],
        }
    )


def summary(snapshot: Snapshot) -> str:
    """Return how much it is, on one line."""
    n = len(snapshot.entries)
    files = f"{formats.count(n)} file{'' if n == 1 else 's'}"
    return f"{files} · {formats.size(snapshot.size_bytes)} · {snapshot.id[:12]}"
