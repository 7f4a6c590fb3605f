"""Snapshots of folders: their files kept under their hashes, the list of them under its own, which is the id."""

from __future__ import annotations

import hashlib
import zipfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Final

from runstream import blobs, store
from runstream.config import Config
from runstream.ignore import IGNORE_FILES, Source, one, sources
from runstream_schemas.errors import SnapshotFailed
from runstream_schemas.snapshot import LOCATION, PROPERTY, ListedFile, dump, parse

MAX_LIST_BYTES: Final = 64 * 1024 * 1024
_AT_ONCE: Final = 8  # a store on the network answers in milliseconds, and thousands of files would wait one by one
_LOOK_FURTHER: Final = 10  # times the limit: enough to say where the many files lie, without walking a whole disk


@dataclass(frozen=True, slots=True)
class Snapshot:
    """
    A folder as it was.

    Attributes:
        id: 64 hex digits: the sha256 of the list of its files, each with its own; equal folders have equal ids.
        n_files: in it.
        size_bytes: of all files.
        unchanged: the store had it already.
        location: where the store keeps the list; each file is beside it, under its own hash.
    """

    id: str
    n_files: int
    size_bytes: int
    unchanged: bool
    location: str

    def properties(self) -> dict[str, str]:
        """Return the properties of the run that it is the snapshot of."""
        return {PROPERTY: self.id, LOCATION: self.location}


def take(folder: Path, config: Config) -> Snapshot:
    """
    Keep the files of *folder* that no ignore rule names; of a file: itself.

    Raises:
        SnapshotFailed: it is not there, is too large, or holds something that cannot be kept; the error says what.
        OSError: a file cannot be read, or the store cannot be written.
    """
    return keep(chosen(folder, config), config)


def chosen(folder: Path, config: Config) -> list[Source]:
    """
    Return the files of *folder* that belong into a snapshot, by their paths; of a file: itself.

    Raises:
        SnapshotFailed: as take().
    """
    if not folder.exists():
        raise SnapshotFailed(str(folder), "it is not there")
    limit, limit_bytes = config.settings.snapshot_files, config.settings.snapshot_bytes
    found: list[Source] = []
    size_bytes = 0
    for source in sources(folder, (config.home.root.resolve(),)) if folder.is_dir() else [one(folder)]:
        found.append(source)
        size_bytes += source.size_bytes
        if len(found) >= limit * _LOOK_FURTHER:
            break
    if len(found) > limit:
        raise SnapshotFailed(str(folder), _too_much(f"{len(found):,} files", f"{limit:,}", "FILES", found))
    if size_bytes > limit_bytes:
        have, most = f"{size_bytes / 1e6:,.1f} MB", f"{limit_bytes / 1e6:,.0f} MB"
        raise SnapshotFailed(str(folder), _too_much(have, most, "BYTES", found))
    return sorted(found, key=lambda source: source.path)


def _too_much(have: str, most: str, setting: str, found: Sequence[Source]) -> str:
    """Say what is too much, and where the most of it lies."""
    weights: Counter[str] = Counter()
    for source in found:
        top, slash, _ = source.path.partition("/")
        weights[top + slash] += 1 if setting == "FILES" else source.size_bytes
    heaviest = ", ".join(
        f"{name} ({weight:,} files)" if setting == "FILES" else f"{name} ({weight / 1e6:,.1f} MB)"
        for name, weight in weights.most_common(3)
    )
    return (
        f"it has {have}, more than {most}, most of them in {heaviest}; name what the script does not need in "
        f"{IGNORE_FILES[0]}, or raise RUNSTREAM_SNAPSHOT_{setting}"
    )


def keep(files: Sequence[Source], config: Config) -> Snapshot:
    """
    Keep *files*, sorted by path, and the list of them.

    Raises:
        SnapshotFailed: a file was changed while it was read, or they are too many for one list.
        OSError: as take().
    """
    entries = [_entry(source) for source in files]
    listed = dump(entries)
    if len(listed) > MAX_LIST_BYTES:
        reason = f"the list of its {len(files):,} files would have more than {MAX_LIST_BYTES:,} bytes"
        raise SnapshotFailed(str(files[0].file.parent), reason)
    snapshot_id, kept = hashlib.sha256(listed).hexdigest(), store.of(config)
    # The list is written last: where it is, all that it names is.
    unchanged = kept.holds(snapshot_id, len(listed))
    if not unchanged:
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            list(threads.map(lambda file, entry: _keep(file, entry, kept), files, entries))
        kept.save(listed, BytesIO(), "keeping the snapshot's list")
    size_bytes = sum(entry.size_bytes for entry in entries)
    return Snapshot(snapshot_id, len(entries), size_bytes, unchanged, f"{kept.root}/{snapshot_id}")


def _entry(source: Source) -> ListedFile:
    with source.file.open("rb") as opened:
        return ListedFile(source.path, *blobs.digest(opened), source.executable)


def _keep(source: Source, entry: ListedFile, kept: store.Store) -> None:
    with source.file.open("rb") as opened:
        saved = blobs.put(opened, kept, entry.sha256, entry.size_bytes)
    if saved.sha256 != entry.sha256:
        raise SnapshotFailed(str(source.file.parent), f"{source.path!r} changed while it was read; try again")


def files_of(snapshot_id: str, config: Config) -> list[ListedFile]:
    """
    Read the list of a snapshot's files, all of which can be unpacked into one folder.

    Raises:
        SnapshotNotFound: the store does not hold it, or holds something else under this id.
        UnsafePath: a path would leave the folder, or two are the same on some system.
    """
    return parse(snapshot_id, blobs.get(snapshot_id, MAX_LIST_BYTES, store.of(config)))


def restore_zip(snapshot_id: str, target: Path, config: Config) -> Path:
    """
    Write a snapshot's files into the zip file *target*, which appears whole or not at all; return its path.

    Raises:
        SnapshotNotFound: the store does not hold it, or not all of it.
        UnsafePath: a path in it would leave the folder.
        OSError: *target* cannot be written.
    """
    files = files_of(snapshot_id, config)
    target, kept = target.absolute(), store.of(config)
    target.parent.mkdir(parents=True, exist_ok=True)
    incoming = target.with_name(f".{target.name}.part")
    try:
        with zipfile.ZipFile(incoming, "w", zipfile.ZIP_DEFLATED) as packed:
            for file in files:
                with packed.open(file.zip_info(), "w", force_zip64=True) as target_file:
                    blobs.copy(file.sha256, file.size_bytes, kept, target_file)
        incoming.replace(target)
    except BaseException:
        incoming.unlink(missing_ok=True)
        raise
    return target
