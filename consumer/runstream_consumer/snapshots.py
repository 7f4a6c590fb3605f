"""Snapshots of the folders that runs were made from: their lists of files, out of the store that this process reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from runstream_consumer import blobs
from runstream_schemas.errors import SnapshotNotFound
from runstream_schemas.snapshot import LOCATION, PROPERTY, ListedFile, is_sha256, parse

MAX_LIST_BYTES: Final = 16 * 1024**2


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A folder as it was: its id, where the store keeps its files, each under its hash, and their list."""

    id: str
    folder: str
    files: tuple[ListedFile, ...]

    @property
    def size_bytes(self) -> int:
        """Bytes of all files."""
        return sum(file.size_bytes for file in self.files)

    def location(self, file: ListedFile) -> str:
        """Return where the store keeps one of its files."""
        return f"{self.folder}/{file.sha256}"


def read(properties: Mapping[str, str]) -> Snapshot | None:
    """
    Read the list of the snapshot that a run's properties name; None where they name none.

    Raises:
        SnapshotNotFound: it lies in a store that is not ours, is gone, or is no list of files.
        UnsafePath: a path in it would leave the folder that it is unpacked into, or two are the same on some system.
    """
    if PROPERTY not in properties:
        return None
    snapshot_id, location = properties[PROPERTY], properties.get(LOCATION, "")
    if blobs.is_elsewhere(location):
        reason = (
            f"it lies at {location}, and RUNSTREAM_ARTIFACTS names another store here; run.restore_snapshot() gets it"
        )
        raise SnapshotNotFound(snapshot_id, reason)
    folder, _, name = location.rpartition("/")
    if not is_sha256(snapshot_id) or name != snapshot_id:
        raise SnapshotNotFound(snapshot_id, "the run does not say where it lies")
    listed = blobs.read(None, location, snapshot_id, MAX_LIST_BYTES)
    if listed is None:
        raise SnapshotNotFound(snapshot_id, f"{location} is not there, or holds something else")
    return Snapshot(snapshot_id, folder, tuple(parse(snapshot_id, listed)))
