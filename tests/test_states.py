"""What a page shows while the history cannot be read, in a real browser; it goes on by itself afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest
from playwright.sync_api import Browser, expect

from runstream_consumer.history import HistoryBusy, HistoryUnreachable, connect
from runstream_dashboard import server, states
from tests.browser import Keep, Stack, View, curve, drawn, free_port, start
from tests.waiting import until

pytestmark = pytest.mark.browser


@pytest.fixture
def home(clean_environment: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with one folded run, where no consumer runs."""
    folder = tmp_path / "home"
    monkeypatch.setenv("RUNSTREAM_HOME", str(folder))
    with start("there") as run:
        curve(run, n=20)
    with connect(folder) as past:
        assert past.run(run.id).n_points == 20
    return folder


@contextmanager
def dashboard(home: Path, chromium: Browser, address: str | None = None) -> Iterator[View]:
    """The bare dashboard over a home, or attached to a consumer's address; its pages may not complain."""
    port = free_port()
    process = server.start(port, home=home, server=address, log_path=home / "dashboard.log")
    stack = Stack(home, port, process, home / "dashboard.log")
    view = View(stack, chromium)
    try:
        until(stack.answers, what="the dashboard's health check")
        yield view
    finally:
        view.close()
        stack.close()
    assert view.problems == []


def set_version(home: Path, version: str) -> bool:
    """Write another version of the tables into the history file; False while a reader has it."""
    try:
        with duckdb.connect(str(home / "history.duckdb")) as file:
            file.execute("UPDATE meta SET value = ? WHERE key = 'tables_version'", [version])
    except duckdb.IOException:
        return False
    return True


def test_a_file_that_cannot_be_used_is_told_with_what_to_do(home: Path, chromium: Browser, keep: Keep) -> None:
    """Tables of a later version: every page names the file and the way out; put right, the page draws itself."""
    with duckdb.connect(str(home / "history.duckdb")) as file:
        version = file.execute("SELECT value FROM meta WHERE key = 'tables_version'").fetchall()[0][0]
    assert set_version(home, "999")
    with dashboard(home, chromium) as view:
        for path in ("/charts", "/compare?runs=a,b", "/run?run=a", "/pipeline", "/"):
            page = view.open(path)
            page.get_by_role("heading", name="The history cannot be read").wait_for()
            expect(page.get_by_test_id("stAlert")).to_contain_text("history.duckdb has tables of version 999")
            expect(page.get_by_test_id("stCode")).to_contain_text("runstream consume")
        keep(page, "history-unusable")
        until(lambda: set_version(home, version), what="a moment when no page looks")
        page.get_by_test_id("stDataFrame").wait_for()
        page.get_by_text("1–1 of 1 run").wait_for()


def test_a_damaged_file_is_rebuilt_under_the_reader(home: Path, chromium: Browser) -> None:
    """Bytes that are no database: set aside, and the page shows what the log holds."""
    (home / "history.duckdb").write_bytes(b"no database" * 4096)
    with dashboard(home, chromium) as view:
        page = view.open("/")
        page.get_by_text("1–1 of 1 run").wait_for()
    assert list(home.glob("history.duckdb.aside-*"))


def test_a_server_that_is_away_is_waited_for(home: Path, chromium: Browser, keep: Keep) -> None:
    """RUNSTREAM_SERVER where nobody listens: told with the command; when a consumer comes, the page draws itself."""
    port = free_port()
    with dashboard(home, chromium, f"127.0.0.1:{port}") as view:
        page = view.open("/")
        page.get_by_role("heading", name="The history cannot be read").wait_for()
        expect(page.get_by_test_id("stCode")).to_contain_text("runstream up")
        keep(page, "history-away")
        consumer = subprocess.Popen(
            [sys.executable, "-m", "runstream.cli", "consume", "--port", str(port)],
            env=os.environ | {"RUNSTREAM_HOME": str(home)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            page.get_by_text("1–1 of 1 run").wait_for()
        finally:
            consumer.terminate()
            consumer.wait()
        # What is shown stays, and the badge says that it does not grow any more.
        page.get_by_text("Not updating").wait_for()
        expect(page.get_by_test_id("stDataFrame")).to_be_visible()
        keep(page, "consumer-stopped")


def test_a_page_of_one_run_and_one_point_draws_it(home: Path, chromium: Browser) -> None:
    """One point is told as a value; the page has no empty chart."""
    with start("single") as run:
        run.log("accuracy", 0.75, step=3)
    with dashboard(home, chromium) as view:
        page = view.open(f"/charts?runs={run.id}")
        chart = drawn(page, "accuracy")
        expect(chart).to_contain_text("0.75")


def test_each_kind_of_failure_has_its_own_way_out() -> None:
    """A file that is busy is waited for; a consumer that is away is started."""
    busy, _ = states.remedy(HistoryBusy("history.duckdb", "pid 7"))
    away, command = states.remedy(HistoryUnreachable("127.0.0.1:1", "nobody answers"))

    assert "Another process" in busy
    assert "Start the consumer" in away
    assert "runstream up" in command
