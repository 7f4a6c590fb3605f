"""Bytes kept in the artifact store under their sha256, small ones too: what snapshots are made of."""

from __future__ import annotations

import hashlib
import re
from typing import BinaryIO, Final

from runstream import store
from runstream.config import Config
from runstream.store import Saved, Store
from runstream_schemas.errors import SnapshotNotFound

_SHA256: Final = re.compile(r"[0-9a-f]{64}")


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


def get(sha256: str, limit_bytes: int, config: Config) -> bytes:
    """
    Return the bytes with this hash.

    Raises:
        SnapshotNotFound: the store does not hold them, or holds others or more than *limit_bytes*.
    """
    if not _SHA256.fullmatch(sha256):
        raise SnapshotNotFound(sha256, "an id is 64 hex digits")
    kept = store.of(config)
    try:
        with kept.opened(sha256) as opened:
            content = store.read(opened, limit_bytes + 1)
    except OSError as error:
        raise SnapshotNotFound(sha256, f"the store at {kept.root} does not hold it ({error})") from error
    if len(content) > limit_bytes or hashlib.sha256(content).hexdigest() != sha256:
        raise SnapshotNotFound(sha256, f"the store at {kept.root} gave other bytes than were kept")
    return content
