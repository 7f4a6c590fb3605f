"""The lock of a home's history file: who writes it, for how long, and what the next one is told."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from runstream_schemas.errors import StoreLocked
from runstream_schemas.home import Home, host_name, locked

_PAUSE_S = 0.02


@contextmanager
def fold_lock(home: Home, command: str, wait_s: float = 0.0) -> Iterator[None]:
    """Hold the lock while the block runs; it holds JSON about this process for others to read.

    Args:
        command: what this process is, in words.
        wait_s: how long to wait for another holder.

    Raises:
        StoreLocked: another process has it; the error names that one.
    """
    home.ensure()
    deadline = time.monotonic() + wait_s
    while True:
        with locked(home.fold_lock) as fd:
            if fd is not None:
                about = {"pid": os.getpid(), "host": host_name(), "started_at": time.time(), "command": command}
                os.ftruncate(fd, 0)
                os.pwrite(fd, json.dumps(about).encode(), 0)
                try:
                    yield
                finally:
                    os.ftruncate(fd, 0)
                return
        if time.monotonic() >= deadline:
            raise StoreLocked(str(home.history_path), holder(home))
        time.sleep(_PAUSE_S)


def holder(home: Home) -> str:
    """Who holds the lock, in words, as far as the file tells."""
    try:
        about = json.loads(home.fold_lock.read_text(encoding="utf-8"))
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(about["started_at"]))
        return f"{about['command']}, process {about['pid']} on {about['host']} since {since}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"


def is_held(home: Home) -> bool:
    """Does any process hold the lock now?"""
    try:
        fd = os.open(home.fold_lock, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False
