"""What a supervisor hears: requests through the run's pipe, signals, and that a child of it has ended."""

from __future__ import annotations

import os
import select
import signal
from dataclasses import dataclass

from runstream.run_folder import CANCEL, STOP, RunFolder


@dataclass(frozen=True, slots=True)
class Request:
    """
    The run shall end.

    Attributes:
        reason: to tell with the status; None when its user asked.
        is_told: whoever asked tells the run's end.
    """

    reason: str | None
    is_told: bool = False


class Listener:
    """Hears requests from its making on; one a process, made in the main thread."""

    def __init__(self, folder: RunFolder) -> None:
        # Opened for writing, too: the pipe would end with the first one that has written.
        self._control = os.open(folder.control, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self._woken, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: None)

    def wait(self, timeout_s: float) -> Request | None:
        """Wait for whatever comes first: a request, which is returned; a child's end; the end of the time."""
        ready, _, _ = select.select([self._control, self._woken], [], [], timeout_s)
        requests = os.read(self._control, 4096) if self._control in ready else b""
        signals = os.read(self._woken, 4096) if self._woken in ready else b""
        if CANCEL in requests or STOP in requests:
            return Request(None, is_told=STOP in requests)
        names = [signal.Signals(number).name for number in signals if number != signal.SIGCHLD]
        return Request(f"its supervisor got {names[0]}") if names else None
