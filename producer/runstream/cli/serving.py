"""`up`: the consumer and the dashboard as two children of one command, started, restarted and ended together."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
import webbrowser
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from runstream.cli import ports
from runstream.cli.exits import FAILED, OK, TRY_AGAIN
from runstream_schemas.home import Home, make_private

READY_WITHIN_S = 90.0
"""Streamlit answers after 2-4 s; two busy cores have taken it half a minute."""

ENDS_WITHIN_S = 20.0
"""A consumer writes a checkpoint before it ends."""

LOOK_EVERY_S = 0.2
LONGEST_PAUSE_S = 10.0

Ready = Callable[[int, str], bool]
"""Does a dashboard answer on this port of this host?"""


@dataclass(frozen=True, slots=True)
class View:
    """How the dashboard is to be shown: the options of `up` and `dashboard`."""

    listen: str = "127.0.0.1"
    port: int | None = None
    may_open_browser: bool = True


class Child:
    """
    A process that ends when this one does, however that ends.

    Args:
        command: what to run.
        environment: variables beside those of this process.
        log_path: where its output goes, appended; None = to this process's own.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log_path: Path | None = None) -> None:
        self._command = list(command)
        self._environment = {**os.environ, **environment}
        self.log_path = log_path
        self.n_starts = 0
        self.start()

    def start(self) -> None:
        """Start it, or start it again."""
        self.n_starts += 1
        self.started_at_s = time.monotonic()
        with open(self.log_path or os.devnull, "ab") as log:
            self.process = subprocess.Popen(
                self._command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log if self.log_path else None,
                stderr=log if self.log_path else None,
                # Not in the terminal's foreground group: Ctrl-C reaches us, and we end it in order.
                start_new_session=True,
                preexec_fn=_end_with_parent,  # noqa: PLW1509 - this process has no other thread
            )

    @property
    def exit_code(self) -> int | None:
        """Its exit code; None while it runs."""
        return self.process.poll()

    def end(self) -> None:
        """Ask it to end, wait, and insist."""
        self.process.terminate()
        try:
            self.process.wait(ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _end_with_parent() -> None:
    """Ask Linux to end this child when the parent is gone, even by SIGKILL (PR_SET_PDEATHSIG)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)


class Household:
    """
    The children, and the address that they are reached at.

    Args:
        home: whose history they serve.
        view: of the dashboard.
        dashboard: its command line, for a port and a host.
        ready: its health check.
        consumes: start a consumer too; False beside a running one.
    """

    def __init__(
        self, home: Home, view: View, dashboard: Callable[[int, str], list[str]], ready: Ready, consumes: bool
    ) -> None:
        self._home, self._view, self._ready = home, view, ready
        self._port = ports.choose(view.listen, view.port)
        self.url = address(view.listen, self._port)
        make_private(home.ensure().logs_dir)
        self._told = threading.Event()
        self._is_announced = False
        quiet = {} if os.environ.get("RUNSTREAM_LOG_LEVEL") else {"RUNSTREAM_LOG_LEVEL": "WARNING"}
        consume = [sys.executable, "-m", "runstream.cli", "consume", "--listen", view.listen]
        self._consumer = Child(consume, quiet) if consumes else None
        self._dashboard = Child(dashboard(self._port, view.listen), {}, home.logs_dir / "dashboard.log")

    def stay(self) -> int:
        """Look after the children until this process is told to end, or one of them cannot go on; return the code."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._told.set())
        try:
            while not self._told.wait(LOOK_EVERY_S):
                code = self._look()
                if code is not None:
                    return code
            return OK
        finally:
            self._dashboard.end()
            if self._consumer is not None:
                self._consumer.end()
            else:
                tell(self._home, None)

    def _look(self) -> int | None:
        """Return an exit code if it is over, else do what is due."""
        if self._dashboard.exit_code is not None:
            print(f"runstream: the dashboard ended; {self._dashboard.log_path} says why", file=sys.stderr)
            return FAILED
        if self._consumer is not None and (code := self._consumer.exit_code) is not None:
            # Crash-only: it ends where a fresh process must read its positions, or where waiting helps.
            if code not in (TRY_AGAIN, -signal.SIGKILL):
                return code or FAILED
            pause_s = min(LONGEST_PAUSE_S, 0.5 * 2.0 ** min(self._consumer.n_starts, 6))
            if time.monotonic() - self._consumer.started_at_s < pause_s:
                return None
            self._consumer.start()
        if not self._is_announced:
            return self._announce()
        # A consumer that was started again has written server.json anew.
        tell(self._home, self.url)
        return None

    def _announce(self) -> int | None:
        if self._ready(self._port, self._view.listen):
            self._is_announced = True
            print(f"Dashboard: {self.url}", flush=True)
            _open_browser(self.url, self._view)
        elif time.monotonic() - self._dashboard.started_at_s > READY_WITHIN_S:
            print(f"runstream: the dashboard does not answer; {self._dashboard.log_path} says why", file=sys.stderr)
            return FAILED
        return None


def tell(home: Home, url: str | None) -> None:
    """Write the dashboard's address into server.json, or take it out: get_portal_url() and a second `up` read it."""
    from runstream_consumer.serve import read_server, write_server

    told = read_server(home)
    if told is not None and told.dashboard != url:
        write_server(home, replace(told, dashboard=url))


def answering(home: Home, ready: Ready) -> str | None:
    """Return the address of the dashboard that server.json tells, if it answers."""
    from runstream_consumer.serve import read_server

    told = read_server(home)
    if told is None or not told.dashboard:
        return None
    host, _, port = told.dashboard.removeprefix("http://").rpartition(":")
    return told.dashboard if ready(int(port), host.strip("[]")) else None


def address(listen: str, port: int) -> str:
    """Return what to type into a browser on this machine."""
    host = "127.0.0.1" if listen in {"0.0.0.0", "::", ""} else listen
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _open_browser(url: str, view: View) -> None:
    # Without a screen the standard library would start a text browser in this terminal.
    if view.may_open_browser and (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        with suppress(webbrowser.Error):
            webbrowser.open(url)
