"""Bytes kept in the artifact store under their sha256, small ones too: what snapshots are made of."""

from __future__ import annotations

import hashlib
import re
from io import BytesIO
from typing import BinaryIO, Final

from runstream import store
from runstream.config import Config
from runstream.store import Saved
from runstream_schemas.errors import SnapshotNotFound

_SHA256: Final = re.compile(r"[0-9a-f]{64}")


def put(source: BinaryIO | bytes, config: Config) -> Saved:
    """Keep bytes under their hash; those that are there already are not written again."""
    opened: BinaryIO = BytesIO(source) if isinstance(source, bytes) else source
    digest, size_bytes = hashlib.sha256(), 0
    while chunk := opened.read(store.CHUNK_BYTES):
        digest.update(chunk)
        size_bytes += len(chunk)
    kept = store.of(config)
    if kept.holds(digest.hexdigest(), size_bytes):
        return Saved(size_bytes, digest.hexdigest(), f"{kept.root}/{digest.hexdigest()}", is_new=False)
    opened.seek(0)
    return kept.save(opened.read(store.CHUNK_BYTES), opened, "keeping a file of the snapshot")


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
