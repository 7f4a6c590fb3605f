"""
Bytes that the artifact store keeps, read from here and never believed: their hash must be the one that was logged.

Where they lie is told by the log, which anybody may have written to. What the hash does not fit is not handed out, so
that no event can have this process read out another file of its machine.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from runstream_consumer import remote

_CHUNK_BYTES: Final = 1024 * 1024


def is_elsewhere(location: str) -> bool:
    """Say whether bytes lie at an address that is not this machine's own artifact store."""
    return remote.is_address(location) and not remote.is_ours(location)


def chunks(location: str, sha256: str, most_bytes: int) -> Iterator[bytes]:
    """
    Yield the bytes at a path, or in our remote store, piece by piece.

    Raises:
        OSError: it is no regular file here, or the store does not hold it.
        ValueError: it holds more than `most_bytes`, or, told only after the last piece, other bytes than were logged.
    """
    digest, n_bytes = hashlib.sha256(), 0
    with remote.opened(location) if remote.is_address(location) else _opened(location) as file:
        while chunk := file.read(_CHUNK_BYTES):
            n_bytes += len(chunk)
            if n_bytes > most_bytes:
                message = f"{location} holds more than the {most_bytes:,} bytes that were logged"
                raise ValueError(message)
            digest.update(chunk)
            yield chunk
    if digest.hexdigest() != sha256:
        message = f"{location} holds other bytes than were logged"
        raise ValueError(message)


@contextmanager
def _opened(path: str) -> Iterator[IO[bytes]]:
    """Open a regular file, and nothing else."""
    # O_NONBLOCK: opening a pipe that nobody writes would wait for ever before fstat could refuse it.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(descriptor, "rb", buffering=0) as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            message = f"{path} is no regular file"
            raise OSError(message)
        yield file


def read(content: bytes | None, location: str | None, sha256: str, most_bytes: int) -> bytes | None:
    """
    Return bytes that travelled inside their event, or that lie at a path of this machine or in our remote store.

    Returns:
        None where they lie elsewhere, are gone, are other bytes than were logged, or more than `most_bytes`.
    """
    if content is not None:
        return content
    if location is None or is_elsewhere(location):
        return None
    if not remote.is_address(location) and not Path(location).is_absolute():
        return None
    try:
        return b"".join(chunks(location, sha256, most_bytes))
    except (OSError, ValueError):
        return None
