"""`runstream up` as a process: one address, children that live and end together, and what a second one does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runstream_consumer.serve import ServerInfo, read_server
from runstream_schemas.home import Home
from tests.waiting import until


class Up:
    """One `runstream up` with its output in a file, so that nothing it says is lost and nothing blocks it."""

    def __init__(self, home: Path, folder: Path) -> None:
        self.home = Home(home)
        self.output = folder / f"up-{len(list(folder.iterdir()))}.log"
        with self.output.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "runstream.cli", "up", "--no-browser", "--port", "0"],
                env={**os.environ, "RUNSTREAM_HOME": str(home)},
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    @property
    def said(self) -> str:
        """What it has printed so far."""
        return self.output.read_text()

    def served(self) -> ServerInfo:
        """Wait until consumer and dashboard are up and know of each other."""

        def complete() -> ServerInfo | None:
            assert self.process.poll() is None, self.said
            info = read_server(self.home)
            return info if info is not None and info.dashboard else None

        return until(complete, timeout_s=120, what="server.json tells the dashboard")

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Signal it and return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(60)


@pytest.fixture
def up(home_path: Path, tmp_path: Path) -> Iterator[Up]:
    """Give one that is starting; it is gone when the test ends."""
    started = Up(home_path, tmp_path)
    yield started
    if started.process.poll() is None:
        started.end()


def is_alive(pid: int) -> bool:
    """Say whether a process runs; a zombie that nobody has waited for does not count."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def children(pid: int) -> list[int]:
    """Return the pids of a process's children."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_up_prints_one_address_and_ends_in_order(up: Up, tmp_path: Path) -> None:
    """`up` tells home and address; a second one tells the address and ends with 0; SIGTERM ends all with 0."""
    info = up.served()
    pids = children(up.process.pid)
    second = Up(up.home.root, tmp_path)
    code = second.process.wait(60)

    assert up.said == f"home: {up.home.root}\nDashboard: {info.dashboard}\n"
    assert (code, second.said) == (0, f"Dashboard: {info.dashboard} (already running)\n")
    assert len(pids) == 2
    assert info.pid in pids
    assert up.end() == 0
    assert not up.home.server_json.exists()
    assert [pid for pid in pids if is_alive(pid)] == []


def test_a_killed_consumer_is_started_again(up: Up) -> None:
    """After SIGKILL of its consumer `up` starts another, and server.json tells it with the same dashboard."""
    before = up.served()
    os.kill(before.pid, signal.SIGKILL)

    def restarted() -> ServerInfo | None:
        info = up.served()
        return info if info.pid != before.pid else None

    after = until(restarted, timeout_s=120, what="a new consumer")

    assert after.dashboard == before.dashboard
    assert up.said == f"home: {up.home.root}\nDashboard: {before.dashboard}\n"


def test_children_end_with_a_killed_parent(up: Up) -> None:
    """SIGKILL of `up` itself leaves neither consumer nor dashboard behind."""
    up.served()
    pids = children(up.process.pid)

    up.end(signal.SIGKILL)

    until(lambda: not any(is_alive(pid) for pid in pids), what="the children are gone")
    assert len(pids) == 2


def test_up_attaches_to_a_running_consumer(home_path: Path, tmp_path: Path) -> None:
    """Beside `runstream consume` only the dashboard starts, and ending it leaves the consumer running."""
    environment = {**os.environ, "RUNSTREAM_HOME": str(home_path)}
    with (tmp_path / "consume.log").open("wb") as out:
        consumer = subprocess.Popen(
            [sys.executable, "-m", "runstream.cli", "consume"], env=environment, stdout=out, stderr=subprocess.STDOUT
        )
    try:
        until(lambda: read_server(Home(home_path)), what="the consumer serves")
        beside = Up(home_path, tmp_path)
        info = beside.served()
        n_children = len(children(beside.process.pid))
        code = beside.end()
        left = read_server(Home(home_path))
    finally:
        consumer.terminate()
        ended = consumer.wait(60)

    attached = f"attached to the running consumer (pid {consumer.pid})"
    assert beside.said == f"home: {home_path}\n{attached}\nDashboard: {info.dashboard}\n"
    assert (n_children, code, ended) == (1, 0, 0)
    assert left is not None
    assert (left.pid, left.dashboard) == (consumer.pid, None)
