"""The end of a submitted run's folder: what of it is stored goes, and nothing else does."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from runstream import blobs, snapshot
from runstream_schemas.errors import SnapshotNotFound

if TYPE_CHECKING:
    from runstream.config import Config
    from runstream.run_folder import RunFolder
    from runstream_schemas.snapshot import ListedFile

_CACHE = "__pycache__"


def clear(folder: RunFolder, snapshot_id: str | None, uploaded: Iterable[Path], config: Config) -> None:
    """
    Remove what is stored from the copy of a run that has ended; the run's folder too, when nothing is left in it.

    A file that the script has written elsewhere than in `outputs` and `logs`, or changed, is nowhere else: it stays.

    Args:
        folder: of the run, in which no process of it works any more.
        snapshot_id: of the run's snapshot; None = none was taken, and the code stays.
        uploaded: files that are the run's, as they lie there.
        config: says where snapshots are kept.
    """
    for path in (*_of_snapshot(folder.code, snapshot_id, config), *uploaded):
        with suppress(OSError):
            path.unlink()
    _prune(folder.code)
    if not folder.code.exists():
        folder.discard()


def _of_snapshot(code: Path, snapshot_id: str | None, config: Config) -> list[Path]:
    """Return the files of the copy that are in the store with the same bytes."""
    if snapshot_id is None:
        return []
    try:
        # Written last: where the list is, all that it names is.
        entries = snapshot.files_of(snapshot_id, config)
    except SnapshotNotFound:
        return []
    return [code / entry.path for entry in entries if _holds(code / entry.path, entry)]


def _holds(path: Path, entry: ListedFile) -> bool:
    """Tell whether a file is as it was when the snapshot was taken."""
    try:
        if path.is_symlink() or path.stat().st_size != entry.size_bytes:
            return False
        with path.open("rb") as file:
            return blobs.digest(file)[0] == entry.sha256
    except OSError:
        return False


def _prune(code: Path) -> None:
    """Remove folders without files, and what Python keeps of modules that it has imported."""
    for parent, _, names in os.walk(code, topdown=False):
        with suppress(OSError):
            if Path(parent).name == _CACHE and all(name.endswith(".pyc") for name in names):
                for name in names:
                    Path(parent, name).unlink()
            os.rmdir(parent)
