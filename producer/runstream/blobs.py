"""Bytes kept in the artifact store under their sha256, small ones too: what snapshots are made of."""

from __future__ import annotations

import hashlib
from io import BytesIO
from typing import IO, BinaryIO

from runstream import store
from runstream.store import Saved, Store
from runstream_schemas.errors import SnapshotNotFound
from runstream_schemas.snapshot import is_sha256


def digest(source: BinaryIO) -> tuple[str, int]:
    """Read *source* to its end; return the sha256 of its bytes, and how many there are."""
    found, size_bytes = hashlib.sha256(), 0
    while chunk := source.read(store.CHUNK_BYTES):
        found.update(chunk)
        size_bytes += len(chunk)
    return found.hexdigest(), size_bytes


def put(source: BinaryIO, kept: Store, sha256: str, size_bytes: int) -> Saved:
    """
    Keep bytes under their hash; those that are there already are not read again.

    Args:
        source: of the bytes, at its beginning.
        kept: the store.
        sha256, size_bytes: what digest() found; the result has others when the source was changed since.
    """
    if kept.holds(sha256, size_bytes):
        return Saved(size_bytes, sha256, f"{kept.root}/{sha256}", is_new=False)
    return kept.save(source.read(store.CHUNK_BYTES), source, "keeping a file of the snapshot")


def get(sha256: str, limit_bytes: int, kept: Store) -> bytes:
    """Return the bytes with this hash. Raises as copy() does; *limit_bytes* is the most that there may be."""
    found = BytesIO()
    _copy(sha256, limit_bytes, kept, found)
    return found.getvalue()


def copy(sha256: str, size_bytes: int, kept: Store, target: IO[bytes]) -> None:
    """
    Write the bytes with this hash to *target*.

    Raises:
        SnapshotNotFound: the store does not hold them, or holds others; what was written is to be thrown away.
    """
    if _copy(sha256, size_bytes, kept, target) != size_bytes:
        raise SnapshotNotFound(sha256, f"the store at {kept.root} gave fewer bytes than were kept")


def _copy(sha256: str, limit_bytes: int, kept: Store, target: IO[bytes]) -> int:
    """Copy no more than a bounded number of bytes; return how many there were."""
    if not is_sha256(sha256):
        raise SnapshotNotFound(sha256, "an id is 64 hex digits")
    found, size_bytes = hashlib.sha256(), 0
    try:
        with kept.opened(sha256) as source:
            while size_bytes <= limit_bytes and (chunk := store.read(source, store.CHUNK_BYTES)):
                size_bytes += len(chunk)
                found.update(chunk)
                target.write(chunk)
    except OSError as error:
        raise SnapshotNotFound(sha256, f"the store at {kept.root} does not hold it ({error})") from error
    if size_bytes > limit_bytes or found.hexdigest() != sha256:
        raise SnapshotNotFound(sha256, f"the store at {kept.root} gave other bytes than were kept")
    return size_bytes
