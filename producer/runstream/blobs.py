"""Bytes kept in the artifact store under their sha256, small ones too: what snapshots are made of."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Final

from runstream.config import Config
from runstream_schemas.errors import SnapshotNotFound

_CHUNK_BYTES: Final = 1024 * 1024
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Kept:
    """What is known of bytes in the store; `is_new`: they were not there before."""

    sha256: str
    size_bytes: int
    location: str
    is_new: bool


def put(source: BinaryIO | bytes, config: Config) -> Kept:
    """Keep bytes under their hash; those that are there already are not written again."""
    opened: BinaryIO = BytesIO(source) if isinstance(source, bytes) else source
    digest, size_bytes = hashlib.sha256(), 0
    while chunk := opened.read(_CHUNK_BYTES):
        digest.update(chunk)
        size_bytes += len(chunk)
    folder = Path(config.settings.artifacts or config.home.artifacts_dir).expanduser().absolute()
    target = folder / digest.hexdigest()
    if target.is_file() and target.stat().st_size == size_bytes:
        return Kept(digest.hexdigest(), size_bytes, str(target), is_new=False)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    incoming = folder / f".incoming-{os.urandom(8).hex()}"
    opened.seek(0)
    with incoming.open("xb") as out:
        while chunk := opened.read(_CHUNK_BYTES):
            out.write(chunk)
        out.flush()
        os.fsync(out.fileno())
    incoming.rename(target)
    return Kept(digest.hexdigest(), size_bytes, str(target), is_new=True)


def get(sha256: str, limit_bytes: int, config: Config) -> bytes:
    """
    Return the bytes with this hash.

    Raises:
        SnapshotNotFound: the store does not hold them, or holds others or more than *limit_bytes*.
    """
    if not _SHA256.fullmatch(sha256):
        raise SnapshotNotFound(sha256, "an id is 64 hex digits")
    folder = Path(config.settings.artifacts or config.home.artifacts_dir).expanduser().absolute()
    try:
        with (folder / sha256).open("rb") as opened:
            content = opened.read(limit_bytes + 1)
    except OSError as error:
        raise SnapshotNotFound(sha256, f"the store at {folder} does not hold it ({error.strerror})") from error
    if len(content) > limit_bytes or hashlib.sha256(content).hexdigest() != sha256:
        raise SnapshotNotFound(sha256, f"the store at {folder} gave other bytes than were kept")
    return content
