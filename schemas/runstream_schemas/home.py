"""Paths below a home, what a producer's folder holds, and who is alive. Reads no environment.

journal/<producer>/   lock, staging, names, texts-<k>, <first frame>.journal
archive/              folded segments, compressed
history.duckdb        the tables;  fold.lock = the consumer that writes them
artifacts/  server.json  token  logs/  runs/  environments/
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import BinaryIO

from runstream_schemas.ids import new_producer_id

if sys.platform != "win32":
    import fcntl

SEGMENT_SUFFIX = ".journal"
NEW_PREFIX = ".new-"
"""A producer's folder is made under this prefix and renamed when it is whole; readers leave such names alone."""

# fmt: off
_NETWORK_TYPES = frozenset((
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "lustre", "gpfs", "beegfs", "glusterfs",
    "ocfs2", "gfs2", "fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.s3fs", "fuse.gcsfuse", "fuse.juicefs",
))
# fmt: on


@dataclass(frozen=True, slots=True)
class ProducerDir:
    """The folder of one producer; its name is the producer's id."""

    path: Path

    @property
    def producer_id(self) -> str:
        """The producer whose folder this is, also while the folder still has its temporary name."""
        return self.path.name.removeprefix(NEW_PREFIX)

    @property
    def lock(self) -> Path:
        """Held with flock by the owner for its whole life, or by a recovery."""
        return self.path / "lock"

    @property
    def staging(self) -> Path:
        """The mapped ring; gone once everything is in the journal."""
        return self._local / "staging"

    @property
    def names(self) -> Path:
        """The registered series, in the order of their numbers."""
        return self._local / "names"

    @property
    def staging_pointer(self) -> Path:
        """A file that says where staging lies when the home is on a network file system: one absolute path."""
        return self.path / "staging.path"

    @property
    def _local(self) -> Path:
        try:
            return Path(self.staging_pointer.read_text(encoding="utf-8").strip())
        except OSError:
            return self.path

    def texts(self, number: int) -> Path:
        """The `number`-th file of side entries."""
        return self._local / f"texts-{number}"

    def text_files(self) -> list[Path]:
        """Every file of side entries that is still there."""
        return sorted(self._local.glob("texts-*"))

    def segment(self, first_frame: int) -> Path:
        """The path of the segment that starts with this frame."""
        return self.path / segment_name(first_frame)

    def segments(self) -> list[tuple[int, Path]]:
        """The segments in order, as (first frame, path)."""
        found = []
        with os.scandir(self.path) as entries:
            for entry in entries:
                first_frame = first_frame_of(entry.name)
                if first_frame is not None:
                    found.append((first_frame, Path(entry.path)))
        return sorted(found)


def segment_name(first_frame: int) -> str:
    """The file name of the segment that starts with this frame; names sort as numbers."""
    return f"{first_frame:020d}{SEGMENT_SUFFIX}"


def first_frame_of(name: str) -> int | None:
    """The number in a segment's file name; None for any other file."""
    stem = name.removesuffix(SEGMENT_SUFFIX)
    return int(stem) if stem != name and stem.isdecimal() else None


@dataclass(frozen=True, slots=True)
class Home:
    """One folder per user: `RUNSTREAM_HOME`, by default ~/.runstream."""

    root: Path

    @property
    def journal_dir(self) -> Path:
        """One folder per producer."""
        return self.root / "journal"

    @property
    def archive_dir(self) -> Path:
        """One folder per producer with its folded segments, compressed."""
        return self.root / "archive"

    @property
    def runs_dir(self) -> Path:
        """One folder per submitted run: the script's copy of its folder, and the way to its supervisor."""
        return self.root / "runs"

    @property
    def environments_dir(self) -> Path:
        """Virtual environments of submitted runs, one per set of packages."""
        return self.root / "environments"

    @property
    def history_path(self) -> Path:
        """The DuckDB file."""
        return self.root / "history.duckdb"

    @property
    def artifacts_dir(self) -> Path:
        """Files by their sha256, unless RUNSTREAM_ARTIFACTS says otherwise."""
        return self.root / "artifacts"

    @property
    def server_json(self) -> Path:
        """Where the running consumer of this home answers."""
        return self.root / "server.json"

    @property
    def token_path(self) -> Path:
        """The token of that server (0600)."""
        return self.root / "token"

    @property
    def logs_dir(self) -> Path:
        """Log files of what runs in the background."""
        return self.root / "logs"

    @property
    def fold_lock(self) -> Path:
        """Held with flock by whoever writes the history file; holds JSON about it."""
        return self.root / "fold.lock"

    def producer(self, producer_id: str) -> ProducerDir:
        """The folder of this producer, there or not."""
        return ProducerDir(self.journal_dir / producer_id)

    def producers(self) -> list[ProducerDir]:
        """The folders of all producers, oldest first; those not yet whole are left out."""
        try:
            with os.scandir(self.journal_dir) as entries:
                names = sorted(entry.name for entry in entries if not entry.name.startswith("."))
        except FileNotFoundError:
            return []
        return [self.producer(name) for name in names]

    def identity(self) -> str:
        """The id of this home for ever, made at the first call; the folder must exist. It names the embedded log."""
        path = self.root / "home.id"
        if not path.exists():
            born = self.root / f".home.id-{os.getpid()}"
            with private_file(born) as file:
                file.write(new_producer_id().encode("ascii"))
            try:
                # Of two processes that come here at once, one wins and both read its id.
                os.link(born, path)
            except FileExistsError:
                pass
            finally:
                born.unlink()
        return path.read_text(encoding="ascii").strip()

    def ensure(self) -> Home:
        """Make the home and its journal folder, readable by their owner only, and return self."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.journal_dir.mkdir(mode=0o700, exist_ok=True)
        return self


def make_private(folder: Path) -> None:
    """Make a folder for its owner only, and so those above it that are missing; one that is there stays as it is."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except FileNotFoundError:
        make_private(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def private_file(path: Path) -> BinaryIO:
    """Open a file to be written from its beginning, made for its owner only."""
    return open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb")


@contextmanager
def locked(path: Path, *, shared: bool = False) -> Iterator[int | None]:
    """Try to take the flock on `path` (made if missing) without waiting.

    Yields:
        The open file descriptor while the lock is held, None if somebody else has it.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            yield fd
    finally:
        os.close(fd)


@cache
def boot_id() -> str:
    """An id of this boot of the machine: what the page cache held before another one may be lost."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


@cache
def host_name() -> str:
    """This machine's name, as it stands in headers and events."""
    return socket.gethostname()


def network_filesystem(path: Path) -> str | None:
    """The type of the network file system that holds `path` (nfs4, cifs, ...), None where the disk is local."""
    try:
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    real = os.path.realpath(path)
    best, kind = "", ""
    for line in mounts:
        fields, _, source = line.partition(" - ")
        point = fields.split(" ")[4].replace("\\040", " ")
        inside = real == point or real.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, source.split(" ")[0]
    return kind if kind in _NETWORK_TYPES else None
