"""A process and all that it starts: run, watched, and ended as one."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

_KILL_WAIT_S: Final = 10.0
# A program whose supervisor was killed ends, too: nobody would read what it prints, or tell how it went.
_ENDS_WITH_PARENT: Final = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGTERM)
if os.getppid() != int(sys.argv[1]):
    os._exit(1)
for number in (signal.SIGPIPE, signal.SIGXFSZ):
    signal.signal(number, signal.SIG_DFL)
try:
    os.execvp(sys.argv[2], sys.argv[2:])
except OSError as error:
    sys.exit(f"{sys.argv[2]} cannot be started: {error.strerror}")
"""
_PR_SET_CHILD_SUBREAPER: Final = 36
_PAUSE_S: Final = 0.02


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends, so that none can slip away from `end`."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


class Descendants:
    """
    A program in a session and process group of its own.

    Args:
        words: the program and its arguments.
        folder: that it runs in.
        environment: all of its variables.

    A program that cannot be started says so on stderr, and has the exit status 1.
    """

    def __init__(self, words: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _ENDS_WITH_PARENT, str(os.getpid()), *words],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """The number of the program's process, and of its group."""
        return self._process.pid

    @property
    def stdout(self) -> IO[bytes]:
        """What it prints."""
        assert self._process.stdout is not None
        return self._process.stdout

    @property
    def stderr(self) -> IO[bytes]:
        """What it writes about errors."""
        assert self._process.stderr is not None
        return self._process.stderr

    def poll(self) -> int | None:
        """Return the program's exit status, negative for a signal; None while it runs. Adopted orphans are reaped."""
        _reap_but(self.pid)
        return self._process.poll()

    def end(self, grace_s: float) -> None:
        """Ask the program, and all that it started, to end; kill what is still there after *grace_s*."""
        self._signal(signal.SIGTERM)
        until_s = time.monotonic() + grace_s
        while self._is_there() and time.monotonic() < until_s:
            time.sleep(_PAUSE_S)
        until_s = time.monotonic() + _KILL_WAIT_S
        while self._is_there() and time.monotonic() < until_s:
            self._signal(signal.SIGKILL)
            time.sleep(_PAUSE_S)

    def _is_there(self) -> bool:
        self.poll()
        return next(self._members(), None) is not None

    def _signal(self, number: int) -> None:
        for pid in list(self._members()):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)

    def _members(self) -> Iterator[int]:
        """Yield the living processes of the group, and those below this process that left it."""
        return members(self.pid, os.getpid())


def members(group: int, root: int | None = None) -> Iterator[int]:
    """Yield the processes of a group that live, and all descendants of *root*, if one is given."""
    living: dict[int, tuple[int, int]] = {}
    for name in os.listdir("/proc"):
        if name.isdecimal():
            with suppress(OSError):
                text = Path("/proc", name, "stat").read_text(encoding="ascii", errors="replace")
                state, parent, of_group = text.rpartition(")")[2].split()[:3]
                if state not in "ZX":
                    living[int(name)] = (int(parent), int(of_group))
    below = {root} if root is not None else set()
    grows = True
    while grows:
        more = {pid for pid, (parent, _) in living.items() if parent in below and pid not in below}
        below |= more
        grows = bool(more)
    for pid, (_, its_group) in living.items():
        if pid != root and (its_group == group or pid in below):
            yield pid


def end_group(group: int, grace_s: float) -> None:
    """End the processes of a group whose parent is dead: politely, then not."""
    for number, wait_s in ((signal.SIGTERM, grace_s), (signal.SIGKILL, _KILL_WAIT_S)):
        for pid in list(members(group)):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
        until_s = time.monotonic() + wait_s
        while next(members(group), None) is not None and time.monotonic() < until_s:
            time.sleep(_PAUSE_S)


def _reap_but(pid: int) -> None:
    """Take note of adopted processes that have ended, which the system keeps until somebody does; leave *pid* alone."""
    with suppress(ChildProcessError):
        while (ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) and ended.si_pid != pid:
            os.waitpid(ended.si_pid, 0)
