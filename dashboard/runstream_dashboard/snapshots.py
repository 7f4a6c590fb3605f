"""Snapshots of the folders that runs were made from: lists as pages show them, files as a zip. No widgets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO

import pandas as pd

from runstream_consumer.history import (
    SNAPSHOT_PROPERTY,
    RunRow,
    Snapshot,
    SnapshotNotFound,
    UnsafePath,
    blobs,
    read_snapshot,
)
from runstream_dashboard import formats, live, zips
from runstream_dashboard.zips import WithheldError


def read(properties: Mapping[str, str]) -> Snapshot | None:
    """
    Read the list of the snapshot that a run's properties name; None where they name none.

    Raises:
        WithheldError: it lies in a store that is not ours, is gone, or is not what may be handed out.
    """
    try:
        found = read_snapshot(properties)
    except SnapshotNotFound as error:
        raise WithheldError(error.reason) from error
    except UnsafePath as error:
        raise zips.unsafe(error.path, error.reason) from error
    if found is not None:
        zips.checked(found.files)
    return found


def of(row: RunRow) -> Snapshot | None:
    """Return the snapshot of a run, its list read once for all viewers. Raises WithheldError."""
    named = row.properties.get(SNAPSHOT_PROPERTY)
    if named is None:
        return None
    return live.detail("snapshot", (0, 0), row.run_id, lambda _reader: read(row.properties), named)


def write_zip(snapshot: Snapshot, target: IO[bytes]) -> None:
    """
    Write all files into a zip; the same snapshot gives the same bytes.

    Raises:
        WithheldError: a file is gone, or not what was kept; what was written so far is no zip.
    """
    files = snapshot.files
    zips.pack(((file, blobs.chunks(snapshot.location(file), file.sha256, file.size_bytes)) for file in files), target)


def table(snapshot: Snapshot) -> pd.DataFrame:
    """Return the files as a table."""
    return pd.DataFrame(
        {
            "Path": [file.path for file in snapshot.files],
            "Size": [file.size_bytes for file in snapshot.files],
            "Executable": ["✓" if file.executable else "" for file in snapshot.files],
        }
    )


def summary(snapshot: Snapshot) -> str:
    """Return how much it is, on one line."""
    n = len(snapshot.files)
    files = f"{formats.count(n)} file{'' if n == 1 else 's'}"
    return f"{files} · {formats.size(snapshot.size_bytes)} · {snapshot.id[:12]}"
