"""Files of a run: from a path or stream to the store, content-addressed, and back."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from runstream import store
from runstream.config import Config
from runstream.media import content_type
from runstream.progress import Progress
from runstream.store import Readable
from runstream_schemas import paths
from runstream_schemas.errors import InvalidValue, UnsafePath
from runstream_schemas.events import MAX_INLINE_BYTES, ArtifactEvent


@dataclass(frozen=True, slots=True)
class Upload:
    """
    A file as a run keeps it.

    Attributes:
        path: its name in the run.
        size_bytes: of the content.
        sha256: 64 hex digits, of exactly the bytes that were kept.
        content_type: such as image/png; a guess from content and name.
        location: where the store keeps it; None when it travels inside the event (up to 100 kB).
    """

    path: str
    size_bytes: int
    sha256: str
    content_type: str
    location: str | None

    def serialize(self) -> dict[str, Any]:
        """Return the fields as a dict that JSON can hold."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes that have been kept: inside (`content`) when small, else at `location`; `head` are the first of them."""

    size_bytes: int
    sha256: str
    location: str | None
    content: bytes | None
    head: bytes


@contextmanager
def opened(path_or_stream: Any) -> Iterator[Readable]:
    """
    Open a path for reading, or pass an open binary stream through; only what was opened here is closed.

    Raises:
        FileNotFoundError, PermissionError: as open() does.
        UnsafePath: the path is a folder, a pipe, a device or a socket.
        InvalidValue: neither a path nor something to read from.
    """
    if isinstance(path_or_stream, str | os.PathLike):
        # O_NONBLOCK: opening a pipe that nobody writes would wait for ever before fstat could refuse it.
        descriptor = os.open(path_or_stream, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise UnsafePath(
                path=os.fspath(path_or_stream), reason="is no regular file; a folder goes by upload_folder()"
            )
        with open(descriptor, "rb", buffering=0) as file:
            yield file
    elif callable(getattr(path_or_stream, "read", None)):
        yield path_or_stream
    else:
        reason = "a file is given as a path or as a stream opened in binary mode"
        raise InvalidValue(name="path_or_stream", value_type=type(path_or_stream).__name__, reason=reason)


def keep_as(
    name: str, path_or_stream: Any, config: Config, inline_bytes: int = MAX_INLINE_BYTES
) -> tuple[Upload, bytes | None]:
    """
    Keep a file under *name*; return what is known about it, and its bytes when they go into the event.

    Raises:
        UnsafePath: *name* cannot be a run's file name, or the path is no regular file.
        InvalidValue: *path_or_stream* is neither a path nor a binary stream.
        OSError: it cannot be read, or the store cannot be written.
    """
    path = paths.checked(name)
    with opened(path_or_stream) as source:
        kept = keep(path, source, config, inline_bytes)
    return Upload(path, kept.size_bytes, kept.sha256, content_type(path, kept.head), kept.location), kept.content


def event(
    upload: Upload, content: bytes | None, metric_name: str | None, header: tuple[str, str, int, int]
) -> ArtifactEvent:
    """Return the event that tells of *upload*; *header* = run id, producer id, sequence, time."""
    return ArtifactEvent(
        *header,
        path=upload.path,
        size_bytes=upload.size_bytes,
        sha256=upload.sha256,
        content_type=upload.content_type,
        location=upload.location,
        content=content,
        metric_name=metric_name,
    )


def keep(name: str, source: Readable, config: Config, inline_bytes: int = MAX_INLINE_BYTES) -> Content:
    """
    Read *source* to its end and keep the bytes; the hash is that of the bytes kept, whatever happens to the file.
    *name* is shown where it takes long.

    Up to *inline_bytes* (100 kB at most) stay in memory, to travel inside the event; more goes to the store.

    Raises:
        InvalidValue: the stream gives text.
        OSError: the source or the store failed; nothing half written stays under a hash's name.
    """
    head = store.read(source, MAX_INLINE_BYTES + 1)
    if len(head) <= inline_bytes:
        return Content(len(head), hashlib.sha256(head).hexdigest(), None, head, head)
    saved = store.of(config).save(head, source, f"keeping {name}")
    return Content(saved.size_bytes, saved.sha256, saved.location, None, head)


def whole(source: Readable) -> bytes:
    """
    Return everything that *source* gives.

    Raises:
        InvalidValue: it gives text.
    """
    parts: list[bytes] = []
    while part := store.read(source, store.CHUNK_BYTES):
        parts.append(part)
    return b"".join(parts)


@contextmanager
def content_of(location: str | None, content: bytes | None, sha256: str, config: Config) -> Iterator[Readable]:
    """
    Open a kept file for reading: from its event, its location, or this home's own store under its hash.

    Raises:
        FileNotFoundError: the store does not hold it (any more), or is one that this machine does not share.
    """
    if content is not None:
        yield BytesIO(content)
        return
    if location and "://" in location:
        with store.opened(location) as remote:
            yield remote
        return
    # A home that was moved or copied still holds the file, at another path than the event says.
    places = [Path(location)] if location else []
    places.append(config.home.artifacts_dir / sha256)
    found = next((place for place in places if place.is_file()), places[0])
    with found.open("rb") as local:
        yield local


def save_as(source: Readable, target: Path, sha256: str, size_bytes: int | None = None) -> None:
    """
    Write *source* to *target*, which appears whole or not at all, and check its hash.

    Raises:
        OSError: it cannot be written, or the store gave other bytes than were uploaded.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    incoming = target.parent / f".{target.name[:200]}-{os.urandom(8).hex()}"
    try:
        with incoming.open("xb") as out:
            shown = Progress(f"fetching {target.name}", size_bytes)
            _, found = store.copy(store.read(source, store.CHUNK_BYTES), source, out, shown)
        if found != sha256:
            message = f"{target.name}: the store gave other bytes (sha256 {found}) than were uploaded ({sha256})"
            raise OSError(message)
        incoming.replace(target)
    except BaseException:
        incoming.unlink(missing_ok=True)
        raise
