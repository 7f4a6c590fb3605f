"""A real Chromium and a running dashboard for tests.

The fixture `stack` is one consumer and dashboard over one home for a whole module; `view` opens pages in a browser of
their own size and colour scheme, and fails its test on console errors and on requests to another host.
Screenshots are kept below test-output/.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, sync_playwright

from tests.waiting import until

SCREENSHOTS = Path(__file__).parent.parent / "test-output"
# Two busy cores: an attribute may take its time, a test that hangs must still end.
WAIT_MS = 60_000
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
# Streamlit probes for its base path below the page's own; Vega measures an empty chart once.
HARMLESS = ("_stcore/health", "_stcore/host-config", "Infinite extent")


@dataclass
class Stack:
    """A consumer and a dashboard over one home, as `runstream up` starts them."""

    home: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """The dashboard's address, without a slash at its end."""
        return f"http://127.0.0.1:{self.port}"

    def answers(self) -> bool:
        """Say whether the dashboard answers; fail if its process has ended."""
        assert self.process.poll() is None, (self.home / "up.log").read_text()
        try:
            with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def close(self) -> None:
        """End both, as Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_stack(home: Path, settings: Mapping[str, str] | None = None) -> Stack:
    """Start consumer and dashboard over a home, with these RUNSTREAM_* variables, until the dashboard answers."""
    home.mkdir(parents=True, exist_ok=True)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("RUNSTREAM_")}
    port = free_port()
    with (home / "up.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "runstream.cli", "up", "--no-browser", "--port", str(port)],
            env=environ | dict(settings or {}) | {"RUNSTREAM_HOME": str(home)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    stack = Stack(home, port, process)
    until(stack.answers, what="the dashboard's health check")
    return stack


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Give the module's consumer and dashboard, over an empty home."""
    running = start_stack(tmp_path_factory.mktemp("stack") / "home")
    yield running
    running.close()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Give the session's browser; the machine's own, so that nothing is downloaded."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert path, "Chromium is missing: install the package chromium, or set RUNSTREAM_TEST_SKIP=browser"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@dataclass
class View:
    """Pages of one test, and what went wrong in them."""

    stack: Stack
    browser: Browser
    contexts: list[BrowserContext] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def open(self, path: str, width: int = 1440, height: int = 900, scheme: Any = "light") -> Page:
        """Open a page of the dashboard in a fresh browser session of this size and colour scheme."""
        context = self.browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        self.contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.problems.append(f"uncaught: {error}"))
        page.on("request", self._requested)
        page.goto(f"{self.stack.url}{path}")
        return page

    def _heard(self, message: ConsoleMessage) -> None:
        text = f"{message.text} {message.location.get('url', '')}"
        if message.type == "error" and not any(harmless in text for harmless in HARMLESS):
            self.problems.append(f"console: {text}")

    def _requested(self, request: Request) -> None:
        if not request.url.startswith((self.stack.url, self.stack.url.replace("http", "ws"), "data:", "blob:")):
            self.problems.append(f"foreign: {request.url}")

    def close(self) -> None:
        """Close all pages."""
        for context in self.contexts:
            context.close()


@pytest.fixture
def view(stack: Stack, chromium: Browser) -> Iterator[View]:
    """Give pages that may not complain and may not ask another host."""
    opened = View(stack, chromium)
    yield opened
    opened.close()
    assert opened.problems == []


@pytest.fixture
def keep() -> Callable[[Page, str], None]:
    """Give a function that keeps a page's picture under this name."""

    def screenshot(page: Page, name: str) -> None:
        SCREENSHOTS.mkdir(exist_ok=True)
        page.screenshot(path=SCREENSHOTS / f"{name}.png")

    return screenshot
