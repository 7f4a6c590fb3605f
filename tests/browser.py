"""A real Chromium and a running dashboard for tests.

The fixture `stack` is one consumer and dashboard over one home for a whole module; `view` opens pages in a browser of
their own size and colour scheme, and fails its test on console errors and on requests to another host.
Screenshots are kept below test-output/.
"""

from __future__ import annotations

import math
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Request, expect, sync_playwright

from runstream import Experiment, Run, Workspace
from tests.waiting import until

SCREENSHOTS = Path(__file__).parent.parent / "test-output"
# Two busy cores: an attribute may take its time, a test that hangs must still end.
WAIT_MS = 60_000
expect.set_options(timeout=WAIT_MS)
# The first two are the address bar's own pages: without them a window costs a third of the CPU. The others are those
# that Playwright switches off; the browser listens to one list only, the last.
_SWITCHED_OFF = (
    "WebUIOmniboxPopup", "WebUIOmniboxAimPopup",
    "AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "HttpsUpgrades",
    "HttpsFirstBalancedModeAutoEnable", "LensOverlay", "MediaRouter", "PaintHolding", "ThirdPartyStoragePartitioning",
    "AvoidCorsURLLoaderRestartOnRedirect", "OptimizationHints", "NetworkTimeServiceQuerying", "PreconnectToSearch",
)  # fmt: skip
FLAGS = [
    f"--disable-features={','.join(_SWITCHED_OFF)}",
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

CHART = "[data-testid=rs-chart]"
GRID = "[data-testid=rs-grid]"
STEPS = 1200
Keep = Callable[[Page, str], None]


@dataclass
class Server:
    """
    A server of pages in a process of its own.

    Attributes:
        home: that what runs in it logs to, or shows.
        port: on 127.0.0.1.
        log_path: of what it says.
        health: the path that it answers at once.
        ended_by: the signal that it ends by.
    """

    home: Path
    port: int
    process: subprocess.Popen[bytes]
    log_path: Path
    health: ClassVar[str]
    ended_by: ClassVar[signal.Signals]

    @property
    def url(self) -> str:
        """Its address, without a slash at its end."""
        return f"http://127.0.0.1:{self.port}"

    def answers(self) -> bool:
        """Say whether it answers; fail if its process has ended."""
        assert self.process.poll() is None, self.log_path.read_text()
        try:
            with urllib.request.urlopen(f"{self.url}{self.health}", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def close(self) -> None:
        """End it, and what it has started."""
        self.process.send_signal(self.ended_by)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Stack(Server):
    """A consumer and a dashboard over one home, as `runstream up` starts them."""

    health = "/_stcore/health"
    ended_by = signal.SIGINT


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
    stack = Stack(home, port, process, home / "up.log")
    until(stack.answers, what="the dashboard's health check")
    return stack


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Give the module's consumer and dashboard, over an empty home."""
    running = start_stack(tmp_path_factory.mktemp("stack") / "home")
    yield running
    running.close()


@pytest.fixture
def stack_home(clean_environment: None, stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Log into the home that the module's consumer follows."""
    monkeypatch.setenv("RUNSTREAM_HOME", str(stack.home))


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Give the session's browser; the machine's own, so that nothing is downloaded."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert path, "Chromium is missing: install the package chromium, or set RUNSTREAM_TEST_SKIP=browser"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


class Pages:
    """
    Pages of one server, of one test, and what went wrong in them.

    Attributes:
        url: the server's address; a request to any other one is a problem.
        problems: errors on the console, exceptions that nobody caught, and foreign requests.
        harmless: parts of what the server's own pages say on the console whatever a test does.
    """

    harmless: ClassVar[tuple[str, ...]]

    def __init__(self, url: str, browser: Browser) -> None:
        self.url = url
        self.problems: list[str] = []
        self._browser = browser
        self._contexts: list[BrowserContext] = []

    def blank(self, width: int, height: int, scheme: Any = None) -> Page:
        """Return an empty page in a fresh browser session of this size and colour scheme."""
        context = self._browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        self._contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.problems.append(f"uncaught: {error}"))
        page.on("request", self._requested)
        return page

    def _heard(self, message: ConsoleMessage) -> None:
        text = f"{message.text} {message.location.get('url', '')}"
        if message.type == "error" and not any(harmless in text for harmless in self.harmless):
            self.problems.append(f"console: {text}")

    def _requested(self, request: Request) -> None:
        if not request.url.startswith((self.url, self.url.replace("http", "ws"), "data:", "blob:")):
            self.problems.append(f"foreign: {request.url}")

    def close(self) -> None:
        """Close all pages."""
        for context in self._contexts:
            context.close()


class View(Pages):
    """Pages of the dashboard."""

    harmless = HARMLESS

    def __init__(self, stack: Stack, browser: Browser) -> None:
        super().__init__(stack.url, browser)
        self.stack = stack

    def open(self, path: str, width: int = 1440, height: int = 900, scheme: Any = "light") -> Page:
        """Open a page of the dashboard in a fresh browser session of this size and colour scheme."""
        page = self.blank(width, height, scheme)
        page.goto(f"{self.url}{path}")
        return page


@pytest.fixture
def view(stack: Stack, chromium: Browser) -> Iterator[View]:
    """Give pages that may not complain and may not ask another host."""
    opened = View(stack, chromium)
    yield opened
    opened.close()
    assert opened.problems == []


@pytest.fixture
def keep() -> Keep:
    """Give a function that keeps a page's picture under this name."""

    def screenshot(page: Page, name: str) -> None:
        SCREENSHOTS.mkdir(exist_ok=True)
        page.screenshot(path=SCREENSHOTS / f"{name}.png")

    return screenshot


def png(width: int, height: int) -> bytes:
    """Return a grey picture of this size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + b"\x80" * width) * height
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def start(name: str, experiment: str = "pages") -> Run:
    """Start a run with this name."""
    return Experiment(Workspace(), experiment).start_logging(display_name=name)


def curve(run: Run, name: str = "train/loss", first: int = 0, n: int = STEPS) -> None:
    """Log n falling values from step `first` on."""
    for step in range(first, first + n):
        run.log(name, 2 * math.exp(-step / 400) + 0.1, step=step)


def drawn(page: Page, metric: str = "train/loss") -> Locator:
    """Wait until this chart is drawn and return it."""
    chart = page.locator(f'{CHART}[data-metric="{metric}"][data-points]')
    chart.wait_for()
    return chart


def version(page: Page) -> int:
    """Return the number of the newest frame that the grid has taken."""
    return int(page.locator(GRID).get_attribute("data-version") or 0)


def ticks(page: Page, n: int) -> None:
    """Wait until the grid has taken n more frames."""
    wanted = version(page) + n
    until(lambda: version(page) >= wanted, what=f"{n} ticks")


def points(page: Page, metric: str = "train/loss") -> int:
    """Return how many columns this chart has drawn."""
    return int(drawn(page, metric).get_attribute("data-points") or 0)


def corner(element: Locator) -> tuple[float, float]:
    """Return where an element's upper left corner is, in pixels of the window."""
    box = element.bounding_box()
    assert box is not None
    return box["x"], box["y"]


def drag(page: Page, metric: str, low: float, high: float) -> None:
    """Drag over a chart from one share of its width to another."""
    box = drawn(page, metric).locator(".u-over").bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * low, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * high, y, steps=6)
    page.mouse.up()
