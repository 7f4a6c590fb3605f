"""Consumer and dashboard in one command: who runs already, who must be started, and how all of it ends together."""

from __future__ import annotations

import ctypes
import ipaddress
import json
import os
import signal
import subprocess
import sys
import threading
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runstream.cli import ports
from runstream.cli.exits import FAILED, OK
from runstream_schemas.errors import ConfigError
from runstream_schemas.home import Home

READY_WITHIN_S = 90.0
"""Streamlit answers after 2-4 s; two busy cores have taken it half a minute."""

ENDS_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True)
class View:
    """How the dashboard is to be shown: the options of `up` and `dashboard`."""

    listen: str = "127.0.0.1"
    port: int | None = None
    may_open_browser: bool = True


@dataclass(slots=True)
class Dashboard:
    """The dashboard's process, a child of this one, and what was learnt about it."""

    url: str
    process: subprocess.Popen[bytes]
    log_path: Path
    ended: threading.Event = field(default_factory=threading.Event)

    def close(self) -> None:
        """End the child and wait for it."""
        self.ended.set()
        self.process.terminate()
        try:
            self.process.wait(ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def refuse_open_door(listen: str, may_anyone_look: bool) -> None:
    """
    Demand a spoken word before the dashboard leaves this machine: it asks nobody who they are.

    Raises:
        ConfigError: *listen* is not loopback and nothing allows strangers.
    """
    if not may_anyone_look and not is_loopback(listen):
        reason = "would show every run to whoever reaches it; add --allow-anonymous, or a proxy with a login in front"
        raise ConfigError("--listen", listen, reason)


def is_loopback(host: str) -> bool:
    """Say whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def running(home: Home) -> dict[str, Any] | None:
    """Return what server.json says while the consumer that wrote it lives; None for a missing or a stale file."""
    try:
        told = json.loads(home.server_json.read_text(encoding="utf-8"))
        os.kill(int(told["pid"]), 0)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return dict(told)


def tell(home: Home, url: str | None, pid: int | None) -> None:
    """Write the dashboard's address into server.json, or take it out, for get_portal_url() and a second `up`."""
    told = running(home)
    if told is None:
        return
    told |= {"dashboard": url, "dashboard_pid": pid}
    partial = home.server_json.with_suffix(f".{os.getpid()}")
    partial.write_text(json.dumps(told, indent=1), encoding="utf-8")
    partial.chmod(0o600)
    partial.replace(home.server_json)


def address(listen: str, port: int) -> str:
    """Return what to type into a browser on this machine."""
    host = "127.0.0.1" if listen in {"0.0.0.0", "::", ""} else listen
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def answers(url: str, ready: Callable[[int, str], bool]) -> bool:
    """Ask a dashboard at an address that was written down whether it is still there."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    return ready(int(port), host.strip("[]"))


def start(home: Home, view: View, command: Callable[[int, str], list[str]]) -> Dashboard:
    """
    Start the dashboard as a child that ends when this process does, however that ends.

    Raises:
        ConfigError: its port is taken.
    """
    port = ports.choose(view.listen, view.port)
    home.logs_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    log_path = home.logs_dir / "dashboard.log"
    with log_path.open("ab") as log:
        process = subprocess.Popen(
            command(port, view.listen),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # Not in the terminal's foreground group: Ctrl-C reaches us, and we end it in order.
            start_new_session=True,
            preexec_fn=_end_with_parent,  # noqa: PLW1509 - this process has no other thread yet
        )
    return Dashboard(address(view.listen, port), process, log_path)


def _end_with_parent() -> None:
    """Ask Linux to end this child when the parent's main thread is gone, even by SIGKILL (PR_SET_PDEATHSIG)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def announce(dashboard: Dashboard, home: Home, view: View, ready: Callable[[int, str], bool]) -> threading.Thread:
    """Print the address once the dashboard answers, and end this process when it dies; from a thread of its own."""

    def watch() -> None:
        port = int(dashboard.url.rpartition(":")[2])
        pause = threading.Event()
        n_polls = int(READY_WITHIN_S / 0.2)
        while n_polls and dashboard.process.poll() is None and not ready(port, view.listen):
            n_polls -= 1
            pause.wait(0.2)
        if dashboard.process.poll() is None and not dashboard.ended.is_set():
            tell(home, dashboard.url, dashboard.process.pid)
            print(f"Dashboard: {dashboard.url}", flush=True)
            _open_browser(dashboard.url, view)
            dashboard.process.wait()
        if not dashboard.ended.is_set():
            print(f"runstream: the dashboard ended; {dashboard.log_path} says why", file=sys.stderr, flush=True)
            # One of two that belong together has gone: the other ends too, and whoever supervises starts both.
            os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=watch, name="runstream-dashboard", daemon=True)
    thread.start()
    return thread


def _open_browser(url: str, view: View) -> None:
    # Without a screen the standard library would start a text browser in this terminal.
    if view.may_open_browser and (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        with suppress(webbrowser.Error):
            webbrowser.open(url)


def attended(dashboard: Dashboard) -> int:
    """Wait until the dashboard ends or this process is told to; for a dashboard beside somebody else's consumer."""
    told = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told.set())
    while not told.wait(0.5) and dashboard.process.poll() is None:
        pass
    return OK if told.is_set() and not dashboard.process.poll() else FAILED
