"""Files of a run: from a path or stream to the store, content-addressed, and back."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from runstream import paths
from runstream.config import Config
from runstream.media import content_type
from runstream_schemas.errors import ConfigError, InvalidValue, UnsafePath
from runstream_schemas.events import MAX_INLINE_BYTES, ArtifactEvent

_CHUNK_BYTES = 1024 * 1024


class Readable(Protocol):
    """Anything that gives bytes, such as an open file."""

    def read(self, size: int = -1, /) -> bytes:
        """Return up to *size* bytes, none at the end."""
        ...


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
            raise UnsafePath(path=os.fspath(path_or_stream), reason="is no regular file; a folder goes by upload_folder()")
        with open(descriptor, "rb", buffering=0) as file:
            yield file
    elif callable(getattr(path_or_stream, "read", None)):
        yield path_or_stream
    else:
        reason = "a file is given as a path or as a stream opened in binary mode"
        raise InvalidValue(name="path_or_stream", value_type=type(path_or_stream).__name__, reason=reason)


def keep_as(name: str, path_or_stream: Any, config: Config) -> tuple[Upload, bytes | None]:
    """
    Keep a file under *name*; return what is known about it, and its bytes when they go into the event.

    Raises:
        UnsafePath: *name* cannot be a run's file name, or the path is no regular file.
        InvalidValue: *path_or_stream* is neither a path nor a binary stream.
        OSError: it cannot be read, or the store cannot be written.
    """
    path = paths.checked(name)
    with opened(path_or_stream) as source:
        kept = keep(source, config)
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


def keep(source: Readable, config: Config) -> Content:
    """
    Read *source* to its end and keep the bytes; the hash is that of the bytes kept, whatever happens to the file.

    Up to 100 kB stay in memory, to travel inside the event; more goes to the store under its hash.

    Raises:
        InvalidValue: the stream gives text.
        OSError: the source or the store failed; nothing half written stays under a hash's name.
    """
    head = _read(source, MAX_INLINE_BYTES + 1)
    if len(head) <= MAX_INLINE_BYTES:
        return Content(len(head), hashlib.sha256(head).hexdigest(), None, head, head)
    root = config.settings.artifacts
    save = _save_remote if root and "://" in root else _save_local
    return save(head, source, root or str(config.home.artifacts_dir))


def _read(source: Readable, size: int) -> bytes:
    """Read *size* bytes, fewer only at the end: raw streams and sockets give what they have."""
    parts: list[bytes] = []
    missing = size
    while missing and (part := _bytes(source.read(missing))):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def _bytes(part: object) -> bytes:
    """Return what a caller's stream gave, of which bytes are only hoped for."""
    if isinstance(part, bytes | bytearray):
        return bytes(part)
    reason = "the stream gives no bytes: open it in binary mode"
    raise InvalidValue(name="path_or_stream", value_type=type(part).__name__, reason=reason)


def whole(source: Readable) -> bytes:
    """
    Return everything that *source* gives.

    Raises:
        InvalidValue: it gives text.
    """
    parts: list[bytes] = []
    while part := _read(source, _CHUNK_BYTES):
        parts.append(part)
    return b"".join(parts)


def _copy(head: bytes, source: Readable, target: BinaryIO) -> tuple[int, str]:
    """Write *head* and the rest of *source* to *target*; return size and hash of what was written."""
    digest, size_bytes, chunk = hashlib.sha256(), 0, head
    while chunk:
        digest.update(chunk)
        size_bytes += len(chunk)
        target.write(chunk)
        chunk = _read(source, _CHUNK_BYTES)
    target.flush()
    return size_bytes, digest.hexdigest()


def _save_local(head: bytes, source: Readable, root: str) -> Content:
    """Copy into the folder *root*, fsync, and only then give the file its hash as name."""
    folder = Path(root).expanduser().absolute()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    incoming = folder / f".incoming-{os.urandom(8).hex()}"
    try:
        with open(os.open(incoming, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as target:
            size_bytes, sha256 = _copy(head, source, target)
            os.fsync(target.fileno())
        # Over a file of the same hash it changes nothing, so two uploads at once do no harm.
        incoming.rename(folder / sha256)
    except BaseException:
        incoming.unlink(missing_ok=True)
        raise
    _sync_folder(folder)
    return Content(size_bytes, sha256, str(folder / sha256), None, head)


def _sync_folder(folder: Path) -> None:
    """Make a rename in *folder* survive a power loss."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _save_remote(head: bytes, source: Readable, root: str) -> Content:
    """Copy to a local temporary file, for the name is known only at the end; then send it unless it is there."""
    import shutil
    import tempfile

    files, folder = _file_system(root)
    with tempfile.TemporaryFile() as kept:
        size_bytes, sha256 = _copy(head, source, kept)
        target = f"{folder.rstrip('/')}/{sha256}"
        if not files.exists(target) or files.size(target) != size_bytes:
            kept.seek(0)
            files.makedirs(folder, exist_ok=True)
            with files.open(target, "wb") as out:
                shutil.copyfileobj(kept, out, _CHUNK_BYTES)
    return Content(size_bytes, sha256, f"{root.rstrip('/')}/{sha256}", None, head)


def _file_system(uri: str) -> tuple[Any, str]:
    """Return the fsspec file system of *uri* and the path inside it."""
    try:
        core = import_module("fsspec.core")
    except ImportError as error:
        reason = "a store given by URI needs fsspec: pip install fsspec, and its driver such as s3fs"
        raise ConfigError(name="RUNSTREAM_ARTIFACTS", value=uri, reason=reason) from error
    try:
        files, path = core.url_to_fs(uri)
    except (ValueError, ImportError) as error:
        raise ConfigError(name="RUNSTREAM_ARTIFACTS", value=uri, reason=str(error)) from error
    return files, path


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
        files, path = _file_system(location)
        with files.open(path, "rb") as remote:
            yield remote
        return
    # A home that was moved or copied still holds the file, at another path than the event says.
    places = [Path(location)] if location else []
    places.append(config.home.artifacts_dir / sha256)
    found = next((place for place in places if place.is_file()), places[0])
    with found.open("rb") as local:
        yield local


def save_as(source: Readable, target: Path, sha256: str) -> None:
    """
    Write *source* to *target*, which appears whole or not at all, and check its hash.

    Raises:
        OSError: it cannot be written, or the store gave other bytes than were uploaded.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    incoming = target.parent / f".{target.name[:200]}-{os.urandom(8).hex()}"
    try:
        with incoming.open("xb") as out:
            _, found = _copy(_read(source, _CHUNK_BYTES), source, out)
        if found != sha256:
            message = f"{target.name}: the store gave other bytes (sha256 {found}) than were uploaded ({sha256})"
            raise OSError(message)
        incoming.replace(target)
    except BaseException:
        incoming.unlink(missing_ok=True)
        raise
