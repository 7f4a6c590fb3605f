"""A snapshot of a folder: the list of its files, kept under its own hash, and the zip that they are restored as."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from zipfile import ZIP_DEFLATED, ZipInfo

from runstream_schemas import paths
from runstream_schemas.errors import SnapshotNotFound
from runstream_schemas.settings import MAX_SNAPSHOT_BYTES

PROPERTY: Final = "ContentSnapshotId"
"""The property of a run that names its snapshot: the sha256 of the list."""

LOCATION: Final = "runstream.snapshot_location"
"""The property that says where the store keeps the list; each file is beside it, under its own hash."""

_VERSION: Final = 1
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class ListedFile:
    """
    A file in a list.

    Attributes:
        path: relative to the folder, as paths.checked() returns it.
        sha256: of its bytes, 64 hex digits.
        size_bytes: how many they are.
        executable: its owner may run it.
    """

    path: str
    sha256: str
    size_bytes: int
    executable: bool

    def zip_info(self) -> ZipInfo:
        """Return its head in a zip: the same files give the same zip, for no clock, user or machine is in it."""
        about = ZipInfo(self.path, _EPOCH)
        about.external_attr = (0o100755 if self.executable else 0o100644) << 16
        about.compress_type = ZIP_DEFLATED
        return about


def is_sha256(text: str) -> bool:
    """Tell whether *text* can be a hash, and so the id of a snapshot."""
    return bool(_SHA256.fullmatch(text))


def dump(files: Sequence[ListedFile]) -> bytes:
    """Return the list of *files*, the same bytes for the same files."""
    rows = [[file.path, file.sha256, file.size_bytes, file.executable] for file in files]
    told = {"runstream_snapshot": _VERSION, "files": rows}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def parse(snapshot_id: str, listed: bytes) -> list[ListedFile]:
    """
    Return the files of a snapshot's list, whoever wrote it: all of them can be unpacked into one folder.

    Raises:
        SnapshotNotFound: what is kept under the id is no such list, or claims to hold more than MAX_SNAPSHOT_BYTES.
        UnsafePath: a path would leave that folder, or two are the same on some system.
    """
    try:
        told = json.loads(listed)
        version = told["runstream_snapshot"]
        rows = told["files"] if version == _VERSION else []
        files = [ListedFile(str(path), str(sha256), int(size), bool(runs)) for path, sha256, size, runs in rows]
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise SnapshotNotFound(snapshot_id, "what the store keeps under its id is no list of files") from error
    if version != _VERSION:
        raise SnapshotNotFound(snapshot_id, f"its list is of another version than {_VERSION}")
    if reason := _objection(files):
        raise SnapshotNotFound(snapshot_id, reason)
    paths.check_together(file.path for file in files)
    return files


def _objection(files: Sequence[ListedFile]) -> str:
    """Say what no list of ours says of its files, or give an empty string."""
    if any(file.size_bytes < 0 for file in files) or sum(file.size_bytes for file in files) > MAX_SNAPSHOT_BYTES:
        return f"it claims to hold more than {MAX_SNAPSHOT_BYTES:,} bytes"
    bare = next((file.path for file in files if not is_sha256(file.sha256)), None)
    return "" if bare is None else f"{bare!r:.80} in it has no hash of 64 hex digits"
