"""A real JupyterLab for tests: its server, with settings of its own, and notebooks opened in the browser.

The fixture `lab` is one server for a module; `notebooks` opens notebooks in pages that may not complain and may not ask
another host. Screenshots are kept below test-output/.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser import WAIT_MS, Pages, Server, free_port
from tests.waiting import until

CELL = ".jp-Notebook .jp-CodeCell"
WIDGET = ".rs-run"
# What JupyterLab says about itself: a notebook without a file for its page settings, and features of this browser.
HARMLESS = ("favicon", "Failed to load resource", "ResizeObserver", "preload")
KERNEL = "window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel"
SETTINGS = {
    "notification": {"fetchNews": "false", "checkForUpdates": False},
}


class Lab(Server):
    """A JupyterLab server over a folder of notebooks, whose kernels log to `home`; what it says lies beside them."""

    health = "/api/status"
    ended_by = signal.SIGTERM

    @property
    def folder(self) -> Path:
        """Where the notebooks are."""
        return self.log_path.parent

    def write(self, name: str, cells: Sequence[str]) -> None:
        """Write a notebook of these code cells."""
        cell: dict[str, Any] = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
        notebook = {
            "nbformat": 4,
            "nbformat_minor": 5,
            "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
            "cells": [{**cell, "id": f"cell-{number}", "source": source} for number, source in enumerate(cells)],
        }
        (self.folder / f"{name}.ipynb").write_text(json.dumps(notebook))


def start_lab(folder: Path, home: Path) -> Lab:
    """Start JupyterLab with nothing of the machine's own settings, until it answers."""
    folder.mkdir(parents=True)
    settings = folder / "settings"
    for name, values in SETTINGS.items():
        place = settings / "@jupyterlab" / "apputils-extension" / f"{name}.jupyterlab-settings"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(json.dumps(values))
    own = {"JUPYTER_CONFIG_DIR": "config", "JUPYTER_DATA_DIR": "data", "JUPYTER_RUNTIME_DIR": "runtime"}
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("RUNSTREAM_", "JUPYTER"))}
    environ |= {name: str(folder / place) for name, place in own.items()}
    environ |= {"IPYTHONDIR": str(folder / "ipython"), "JUPYTERLAB_SETTINGS_DIR": str(settings)}
    environ |= {"RUNSTREAM_HOME": str(home), "RUNSTREAM_CAPTURE": "none"}
    port = free_port()
    options = ["--no-browser", "--allow-root", f"--port={port}", "--port-retries=0", "--expose-app-in-browser"]
    options += ["--IdentityProvider.token=", "--ServerApp.ip=127.0.0.1", "--ServerApp.disable_check_xsrf=True"]
    with (folder / "lab.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options, f"--ServerApp.root_dir={folder}"],
            env=environ,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    lab = Lab(home, port, process, folder / "lab.log")
    until(lab.answers, what="JupyterLab's status")
    return lab


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Give the module's JupyterLab; its kernels log to a home that no consumer serves."""
    folder = tmp_path_factory.mktemp("lab")
    running = start_lab(folder / "notebooks", folder / "home")
    yield running
    running.close()


class Notebook:
    """A notebook in the browser."""

    def __init__(self, page: Page, lab: Lab) -> None:
        self.page = page
        self.n_widget_messages = 0
        """How many messages about widgets the kernel has sent to the page."""
        self._lab = lab
        page.on("websocket", lambda socket: socket.on("framereceived", self._received))

    def _received(self, frame: str | bytes) -> None:
        text = frame if isinstance(frame, bytes) else frame.encode()
        self.n_widget_messages += b'"comm_msg"' in text

    def load(self, name: str) -> None:
        """Open this notebook by itself, without the panels around it, and wait for its kernel."""
        self.page.goto(f"{self._lab.url}/doc/tree/{name}.ipynb")
        self.page.locator(CELL).first.wait_for()
        self.idle()

    def idle(self) -> None:
        """Wait until the kernel has nothing to do."""
        self.page.wait_for_function(f"{KERNEL}?.status === 'idle'")

    def execute(self, command: str, **arguments: Any) -> None:
        """Have JupyterLab execute one of its commands."""
        self.page.evaluate(
            "([name, args]) => void window.jupyterapp.commands.execute(name, args)", [command, arguments]
        )

    def run_cell(self, number: int) -> None:
        """Run one cell, counted from 0, and do not wait for it."""
        self.page.locator(CELL).nth(number).locator(".cm-content").click()
        self.execute("notebook:run-cell")

    def interrupt(self) -> None:
        """Interrupt the kernel, as the button does."""
        self.execute("notebook:interrupt-kernel")

    def dark(self) -> None:
        """Change to JupyterLab's dark theme."""
        self.execute("apputils:change-theme", theme="JupyterLab Dark")
        expect(self.page.locator("body")).to_have_attribute("data-jp-theme-light", "false")

    def output(self, number: int) -> Locator:
        """Return where the output of a cell is."""
        return self.page.locator(CELL).nth(number).locator(".jp-Cell-outputArea")

    @property
    def widget(self) -> Locator:
        """Return the widget."""
        return self.page.locator(WIDGET)


class Notebooks(Pages):
    """Notebooks of one test."""

    harmless = HARMLESS

    def __init__(self, lab: Lab, browser: Browser) -> None:
        super().__init__(lab.url, browser)
        self.lab = lab

    def open(self, name: str, cells: Sequence[str], width: int = 1100, height: int = 1000) -> Notebook:
        """Write a notebook and open it."""
        self.lab.write(name, cells)
        notebook = Notebook(self.blank(width, height), self.lab)
        notebook.load(name)
        return notebook


@pytest.fixture
def notebooks(lab: Lab, chromium: Browser) -> Iterator[Notebooks]:
    """Give notebooks whose pages may not complain and may not ask another host."""
    expect.set_options(timeout=WAIT_MS)
    opened = Notebooks(lab, chromium)
    yield opened
    opened.close()
    assert opened.problems == []
