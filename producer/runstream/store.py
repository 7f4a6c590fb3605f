"""The artifact store: bytes under their sha256, in a folder or at any address that fsspec knows."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import IO, Any, BinaryIO, Final, Protocol

from runstream.config import Config
from runstream.progress import Progress
from runstream_schemas.errors import ConfigError, InvalidValue
from runstream_schemas.home import make_private

CHUNK_BYTES: Final = 1024 * 1024

_S3_PARTS: Final = {"chunksize": 16 * 1024 * 1024, "max_concurrency": 2}
"""Parts of an upload to S3. Its driver would hold ten parts of 50 MB in the training process."""


class Readable(Protocol):
    """Anything that gives bytes, such as an open file."""

    def read(self, size: int = -1, /) -> bytes:
        """Return up to *size* bytes, none at the end."""
        ...


@dataclass(frozen=True, slots=True)
class Saved:
    """
    Bytes in the store.

    Attributes:
        size_bytes: how many.
        sha256: of them, 64 hex digits.
        location: where they are: a path or an address.
        is_new: False where they were there before.
    """

    size_bytes: int
    sha256: str
    location: str
    is_new: bool


class Store(Protocol):
    """Keeps bytes under their hash. What is there already is not written again; nothing half written gets the name."""

    root: str

    def holds(self, sha256: str, size_bytes: int) -> bool:
        """Tell whether bytes of this hash and size are there."""
        ...

    def save(self, head: bytes, source: Readable, what: str) -> Saved:
        """
        Keep *head* and the rest of *source*; *what* they are is shown where it takes long.

        Raises:
            OSError: the source or the store failed.
        """
        ...

    def opened(self, sha256: str) -> Any:
        """
        Open the bytes with this hash, as a context manager that gives a Readable.

        Raises:
            FileNotFoundError: they are not there.
            OSError: the store failed.
        """
        ...


def of(config: Config) -> Store:
    """
    Return the store that RUNSTREAM_ARTIFACTS names; the home's folder unless it is set.

    Raises:
        ConfigError: fsspec, or its driver for the address, is missing.
    """
    root = config.settings.artifacts
    return RemoteStore(root) if root and "://" in root else LocalStore(root or str(config.home.artifacts_dir))


class LocalStore:
    """A folder."""

    def __init__(self, root: str) -> None:
        self._folder = Path(root).expanduser().absolute()
        self.root = str(self._folder)

    def holds(self, sha256: str, size_bytes: int) -> bool:
        """Tell whether the file is there whole."""
        path = self._folder / sha256
        return path.is_file() and path.stat().st_size == size_bytes

    def save(self, head: bytes, source: Readable, what: str) -> Saved:
        """Copy into the folder, fsync, and only then give the file its hash as name."""
        make_private(self._folder)
        incoming = self._folder / f".incoming-{os.urandom(8).hex()}"
        try:
            with open(os.open(incoming, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as target:
                size_bytes, sha256 = copy(head, source, target, Progress(what, size_of(source)))
                os.fsync(target.fileno())
            is_new = not self.holds(sha256, size_bytes)
            # Over a file of the same hash it changes nothing, so two uploads at once do no harm.
            incoming.rename(self._folder / sha256)
        except BaseException:
            incoming.unlink(missing_ok=True)
            raise
        _sync_folder(self._folder)
        return Saved(size_bytes, sha256, str(self._folder / sha256), is_new)

    @contextmanager
    def opened(self, sha256: str) -> Iterator[Readable]:
        """Open one of the folder's files."""
        with (self._folder / sha256).open("rb") as file:
            yield file


class RemoteStore:
    """
    An address of fsspec, such as s3://bucket/folder.

    Raises:
        ConfigError: fsspec, or its driver for the address, is missing.
    """

    def __init__(self, root: str) -> None:
        self.root = root.rstrip("/")
        self._files, folder = _file_system(root)
        self._folder = folder.rstrip("/")

    def save(self, head: bytes, source: Readable, what: str) -> Saved:
        """Copy to a temporary file here, for the name is known only at the end; then send it unless it is there."""
        import tempfile

        with tempfile.NamedTemporaryFile(prefix="runstream-") as kept:
            size_bytes, sha256 = copy(head, source, kept, Progress(what, size_of(source)))
            is_new = not self.holds(sha256, size_bytes)
            if is_new:
                self._send(kept.name, f"{self._folder}/{sha256}", Progress(f"{what} to {self.root}", size_bytes))
        return Saved(size_bytes, sha256, f"{self.root}/{sha256}", is_new)

    def holds(self, sha256: str, size_bytes: int) -> bool:
        """Tell whether the file is there whole."""
        target = f"{self._folder}/{sha256}"
        # The file may be newer than the listing that the driver remembers.
        self._files.invalidate_cache()
        return bool(self._files.exists(target)) and self._files.size(target) == size_bytes

    def _send(self, path: str, target: str, progress: Progress) -> None:
        callbacks = import_module("fsspec.callbacks")
        callback = callbacks.Callback()
        callback.relative_update = progress.add
        self._files.makedirs(self._folder, exist_ok=True)
        # Not open(..., "wb"): closing that after an error makes a half file whole.
        options = _S3_PARTS if "s3" in self._files.protocol else {}
        self._files.put_file(path, target, callback=callback, **options)
        progress.done()

    @contextmanager
    def opened(self, sha256: str) -> Iterator[Readable]:
        """Open one of the store's files."""
        with self._files.open(f"{self._folder}/{sha256}", "rb") as remote:
            yield remote


@contextmanager
def opened(location: str) -> Iterator[Readable]:
    """
    Open bytes where an event says that they are: a path, or an address of fsspec.

    Raises:
        FileNotFoundError: they are not there.
        OSError: the store failed.
    """
    if "://" not in location:
        with Path(location).open("rb") as local:
            yield local
        return
    files, path = _file_system(location)
    with files.open(path, "rb") as remote:
        yield remote


def read(source: Readable, size: int) -> bytes:
    """
    Read *size* bytes, fewer only at the end: raw streams and sockets give what they have.

    Raises:
        InvalidValue: the stream gives text.
    """
    parts: list[bytes] = []
    missing = size
    while missing and (part := _bytes(source.read(missing))):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def copy(head: bytes, source: Readable, target: IO[bytes] | BinaryIO, progress: Progress) -> tuple[int, str]:
    """Write *head* and the rest of *source* to *target*; return size and hash of what was written."""
    digest, size_bytes, chunk = hashlib.sha256(), 0, head
    while chunk:
        digest.update(chunk)
        size_bytes += len(chunk)
        target.write(chunk)
        progress.add(len(chunk))
        chunk = read(source, CHUNK_BYTES)
    target.flush()
    progress.done()
    return size_bytes, digest.hexdigest()


def size_of(source: object) -> int | None:
    """Return the size of a file behind a stream; None where there is none."""
    try:
        return os.fstat(source.fileno()).st_size or None  # type: ignore[attr-defined]
    except (AttributeError, OSError, TypeError, ValueError):
        return None


def _bytes(part: object) -> bytes:
    """Return what a caller's stream gave, of which bytes are only hoped for."""
    if isinstance(part, bytes | bytearray):
        return bytes(part)
    reason = "the stream gives no bytes: open it in binary mode"
    raise InvalidValue(name="path_or_stream", value_type=type(part).__name__, reason=reason)


def _sync_folder(folder: Path) -> None:
    """Make a rename in *folder* survive a power loss."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _file_system(uri: str) -> tuple[Any, str]:
    """Return the fsspec file system of *uri* and the path inside it."""
    try:
        core = import_module("fsspec.core")
    except ImportError as error:
        reason = "a store given by URI needs fsspec and its driver: pip install runstream[s3] for s3://"
        raise ConfigError(name="RUNSTREAM_ARTIFACTS", value=uri, reason=reason) from error
    try:
        files, path = core.url_to_fs(uri)
    except (ValueError, ImportError) as error:
        raise ConfigError(name="RUNSTREAM_ARTIFACTS", value=uri, reason=str(error)) from error
    return files, path
