"""Starting the dashboard: one Streamlit application with the grid's files beside it, on a given host and port."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from runstream_dashboard.palette import DARK_PRIMARY, LIGHT_PRIMARY
from runstream_dashboard.shell import Shell

PACKAGE = Path(__file__).parent
WEB = PACKAGE / "web"

_LIGHT = {
    "primaryColor": LIGHT_PRIMARY,
    "backgroundColor": "#ffffff",
    "secondaryBackgroundColor": "#f6f7f9",
    "textColor": "#131a2a",
    "borderColor": "#e3e6ec",
}
_DARK = {
    "primaryColor": DARK_PRIMARY,
    "backgroundColor": "#0e1117",
    "secondaryBackgroundColor": "#1a202b",
    "textColor": "#e6e9ef",
    "borderColor": "#2a303c",
}


def options(port: int, host: str) -> dict[str, Any]:
    """Return Streamlit's options for a product: own look, no menu of a development tool, nothing sent anywhere."""
    chosen: dict[str, Any] = {
        "server.port": port,
        "server.address": host,
        "server.headless": True,
        "server.fileWatcherType": "none",
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "none",
        "client.showErrorLinks": False,
        "browser.gatherUsageStats": False,
        "theme.baseRadius": "8px",
        "theme.baseFontSize": 15,
        "theme.showWidgetBorder": True,
    }
    chosen |= {f"theme.light.{name}": value for name, value in _LIGHT.items()}
    chosen |= {f"theme.dark.{name}": value for name, value in _DARK.items()}
    return chosen


@cache
def web_path() -> str:
    """
    Return the path below which the grid's own files are served.

    It holds a digest of the files, so that a browser may keep them for ever and still never mixes two versions.
    """
    digest = hashlib.sha256()
    for path in sorted(WEB.rglob("*")):
        if path.is_file():
            digest.update(path.read_bytes())
    return f"/runstream-web/{digest.hexdigest()[:16]}"


def run(port: int, host: str) -> None:
    """Serve the dashboard from this process until it is told to end; blocks."""
    import streamlit as st
    from starlette.middleware import Middleware
    from streamlit.file_util import get_static_dir

    from runstream_dashboard import known
    from runstream_dashboard.routes import routes

    threading.Thread(target=known.warm, name="warm", daemon=True).start()
    shell = Middleware(Shell, folder=Path(get_static_dir()))
    app = st.App(PACKAGE / "pages" / "app.py", routes=routes(web_path(), WEB), middleware=[shell])
    app.run(config=options(port, host))


def command(port: int, host: str = "127.0.0.1") -> list[str]:
    """Return the command line that serves the dashboard as a process of its own."""
    return [sys.executable, "-m", "runstream_dashboard", "--port", str(port), "--host", host]


def start(
    port: int,
    host: str = "127.0.0.1",
    home: Path | None = None,
    server: str | None = None,
    token_file: Path | None = None,
    log_path: Path | None = None,
) -> subprocess.Popen[bytes]:
    """
    Start the dashboard as a process of its own and return it at once; `ready` tells when it answers.

    Args:
        port: the port to listen on; it must be free.
        host: the address to listen on.
        home: the home whose history is shown (RUNSTREAM_HOME of the new process); None: as in this process.
        server: host:port of a consumer to attach to (RUNSTREAM_SERVER); None: as in this process.
        token_file: where its token lies (RUNSTREAM_TOKEN_FILE); None: as in this process.
        log_path: where its output goes, appended; None: to this process's own.
    """
    environ = dict(os.environ)
    given: Mapping[str, object | None] = {
        "RUNSTREAM_HOME": home,
        "RUNSTREAM_SERVER": server,
        "RUNSTREAM_TOKEN_FILE": token_file,
    }
    environ |= {name: str(value) for name, value in given.items() if value is not None}
    arguments = command(port, host)
    if log_path is None:
        return subprocess.Popen(arguments, env=environ, stdin=subprocess.DEVNULL)
    with log_path.open("ab") as log:
        return subprocess.Popen(arguments, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def ready(port: int, host: str = "127.0.0.1") -> bool:
    """Say whether a dashboard answers its health check on this port now."""
    reached = "127.0.0.1" if host in {"0.0.0.0", "::", ""} else host
    try:
        with urllib.request.urlopen(f"http://{reached}:{port}/_stcore/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
