"""A producer's folder is born whole: built under a temporary name, its lock held, then renamed."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NamedTuple

from runstream.journal import Journal, fsync_folder
from runstream.room import Room
from runstream.series import Kinds
from runstream.staging import Staging
from runstream.texts import Texts
from runstream_schemas.errors import JournalUnavailable, PlatformUnsupported
from runstream_schemas.events import Series
from runstream_schemas.failpoint import hit
from runstream_schemas.home import NEW_PREFIX, Home, ProducerDir, boot_id, host_name, network_filesystem
from runstream_schemas.ids import new_producer_id
from runstream_schemas.ring import SideWriter, pack_series
from runstream_schemas.segment import Role, SegmentHeader

if sys.platform != "win32":
    import fcntl


class Parts(NamedTuple):
    """What lies in the folder: the ring, its side files, the journal, and the descriptor that holds the lock."""

    staging: Staging
    texts: Texts
    names: SideWriter
    journal: Journal
    lock_fd: int


def build(home: Home, run_id: str, role: Role, room: Room, kinds: Kinds, series: Iterable[Series]) -> Parts:
    """
    Build a new producer's folder under its temporary name; `reveal` makes it visible.

    Args:
        home: gets the folder.
        run_id, role: as the segments' headers hold them.
        room: that the journal takes from.
        kinds: for the ring's readers.
        series: known already, registered anew.

    Raises:
        JournalUnavailable: it cannot be written there.
        PlatformUnsupported: this system has no such files.
    """
    if sys.platform == "win32":
        raise PlatformUnsupported(platform="Windows", reason="the journal needs flock and mmap of a POSIX system")
    producer_id = new_producer_id()
    folder = ProducerDir(home.journal_dir / (NEW_PREFIX + producer_id))
    header = SegmentHeader(role, producer_id, run_id, host_name(), boot_id())
    with ExitStack() as undo:
        lock_fd = _claim(home, folder, undo)
        hit("birth-lock")
        journal = Journal(folder, header, room)
        undo.callback(journal.release)
        names = SideWriter(folder.names)
        undo.callback(names.close)
        for known in series:
            names.append(pack_series(known))
        staging = Staging(folder.staging, producer_id, run_id, header.boot_id, kinds)
        hit("birth-staging")
        undo.pop_all()
    return Parts(staging, Texts(folder), names, journal, lock_fd)


def _claim(home: Home, folder: ProducerDir, undo: ExitStack) -> int:
    """Make the folder and take its lock, whose descriptor is returned."""
    try:
        home.ensure()
        folder.path.mkdir(mode=0o700)
        undo.callback(shutil.rmtree, folder.path, ignore_errors=True)
        lock_fd = os.open(folder.lock, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        undo.callback(os.close, lock_fd)
        fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if network_filesystem(home.root) is not None:
            _stage_locally(folder)
    except OSError as error:
        raise JournalUnavailable(path=str(home.journal_dir), cause=error) from error
    return lock_fd


def reveal(parts: Parts) -> ProducerDir:
    """
    Give the folder its name, so that readers and recovery see it.

    Raises:
        JournalUnavailable: the home cannot be written.
    """
    hidden = parts.journal.folder
    folder = ProducerDir(hidden.path.with_name(hidden.producer_id))
    try:
        fsync_folder(hidden.path)
        hidden.path.rename(folder.path)
        fsync_folder(folder.path.parent)
    except OSError as error:
        raise JournalUnavailable(path=str(folder.path), cause=error) from error
    hit("birth-renamed")
    parts.journal.moved(folder)
    parts.texts.folder = folder
    parts.staging.path = folder.staging
    return folder


def _stage_locally(folder: ProducerDir) -> None:
    """Put staging on a disk of this machine: a mapped file on a network file system survives nothing."""
    mine = Path(tempfile.gettempdir()) / f"runstream-{os.getuid()}"
    mine.mkdir(mode=0o700, exist_ok=True)
    # Everybody may make folders there: one of this name that somebody else made could be taken away under us.
    if mine.lstat().st_uid != os.getuid() or not stat.S_ISDIR(mine.lstat().st_mode):
        raise PermissionError(errno.EPERM, "belongs to somebody else; set TMPDIR to a folder of yours", str(mine))
    local = mine / folder.producer_id
    local.mkdir(mode=0o700)
    folder.staging_pointer.write_text(f"{local}\n", encoding="utf-8")


def clear_local(folder: ProducerDir) -> None:
    """Remove the empty local folder of a producer whose home is on a network file system."""
    if folder.staging_pointer.exists():
        local = folder.staging.parent
        folder.staging_pointer.unlink()
        with suppress(OSError):  # a file of recovery's, or nothing: no reason to fail at the very end
            local.rmdir()
