"""A whole pipeline for tests: a home, its event log, and a consumer process that can be killed and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from runstream_consumer import history
from runstream_consumer.history import History
from tests.broker import new_prefix
from tests.killing import ROOT, Victim
from tests.waiting import until

TOTALS = """
SELECT run_id, name, count(step) AS n, max(step) AS last, sum(step)::HUGEINT AS total,
    sum(step::HUGEINT * step)::HUGEINT AS squares,
    count(CASE WHEN step < 0 OR value IS DISTINCT FROM step::DOUBLE AND kind = 'float'
                 OR text IS DISTINCT FROM 'text ' || step AND kind = 'text' THEN step END) AS n_wrong
FROM metric WHERE name LIKE 't%' GROUP BY ALL
"""
"""By series of the killed processes. Every count is of a column, because a bare one is not safe beside commits; sums of
steps and of their squares tell whether each step is there once, and unlike distinct counts need no memory."""


@dataclass
class Pipeline:
    """
    One home with its consumer; over Kafka if `settings` name brokers, else over its own journals.

    Attributes:
        home: RUNSTREAM_HOME of everything in it.
        settings: the RUNSTREAM_* variables of its processes besides the home.
    """

    home: Path
    settings: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def is_kafka(self) -> bool:
        """Do the events travel over a broker?"""
        return "RUNSTREAM_BROKERS" in self.settings

    @property
    def environment(self) -> dict[str, str]:
        """The environment of its processes."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("RUNSTREAM_")}
        return own | self.settings | {"RUNSTREAM_HOME": str(self.home)}

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `runstream ...` to its end; fails if it does."""
        argv = [sys.executable, "-m", "runstream.cli", *arguments]
        ended = subprocess.run(argv, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, f"runstream {' '.join(arguments)}: {ended.stdout}{ended.stderr}"
        return ended

    def start(self) -> None:
        """Start the consumer, and wait until it answers."""
        self.home.mkdir(parents=True, exist_ok=True)
        with (self.home / "consumer.log").open("ab") as log:
            argv = [sys.executable, "-m", "runstream.cli", "consume"]
            self.process = subprocess.Popen(argv, cwd=ROOT, env=self.environment, stdout=log, stderr=log)
        until(self._serves, what="the consumer's server")

    def _serves(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.home / "consumer.log").read_text()
        server = self.home / "server.json"
        return server.exists() and f'"pid": {self.process.pid}' in server.read_text()

    def kill(self) -> None:
        """SIGKILL the consumer."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End the consumer as a service manager does."""
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(60)
            self.process = None

    def read(self) -> History:
        """The history as a reader in another process sees it, for a `with`."""
        return history.connect(self.home)

    def rows(self, sql: str, parameters: Sequence[object] | None = None) -> list[tuple[object, ...]]:
        """The rows of one statement."""
        with self.read() as reader:
            return list(reader.sql(sql, parameters).fetchall())

    def send_leftovers(self) -> None:
        """What dead processes left in their outboxes goes to the broker; embedded, the consumer finds it by itself."""
        if self.is_kafka:
            self.command("sync")


def faults_of(pipeline: Pipeline, victims: Sequence[Victim], timeout_s: float = 300.0) -> list[str]:
    """
    Wait until the history holds what the victims were told to have logged, then compare in full.

    Returns:
        What is lost, doubled or wrong, in words; empty if nothing is.
    """
    wanted = {
        (victim.run_id, f"t{thread}"): last for victim in victims for thread, last in enumerate(victim.last_steps())
    }
    found: dict[tuple[str, str], tuple[int, ...]] = {}

    def all_there() -> bool:
        found.clear()
        for run_id, name, *figures in pipeline.rows(TOTALS):
            found[str(run_id), str(name)] = tuple(int(str(figure)) for figure in figures)
        return all(last < 0 or (key in found and found[key][0] > last) for key, last in wanted.items())

    faults = []
    try:
        until(all_there, timeout_s, every_s=0.5, what="the history of the killed processes")
    except AssertionError:
        faults.append(f"not everything arrived within {timeout_s:g} s")
    for key, last in wanted.items():
        n, highest, total, squares, n_wrong = found.get(key, (0, -1, 0, 0, 0))
        if highest < last or n < highest + 1:
            faults.append(f"{key}: {last + 1} acknowledged, {n} steps up to {highest}")
        if n > highest + 1:
            faults.append(f"{key}: {n - highest - 1} doubled")
        if (total, squares) != (highest * (highest + 1) // 2, highest * (highest + 1) * (2 * highest + 1) // 6):
            faults.append(f"{key}: not every step up to {highest} is there exactly once")
        # One call per thread may have been in flight.
        if highest > last + 1:
            faults.append(f"{key}: step {highest} after {last}")
        if n_wrong:
            faults.append(f"{key}: {n_wrong} with another value")
    return faults


@pytest.fixture(params=["journals", pytest.param("kafka", marks=pytest.mark.kafka)])
def pipeline(request: pytest.FixtureRequest, home_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pipeline]:
    """Give this test's home with a running consumer, embedded and over the real broker."""
    settings: dict[str, str] = {}
    if request.param == "kafka":
        servers = request.getfixturevalue("broker").servers
        settings = {"RUNSTREAM_BROKERS": servers, "RUNSTREAM_TOPIC_PREFIX": new_prefix()}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    pipeline = Pipeline(home_path, settings)
    if pipeline.is_kafka:
        pipeline.command("topics", "create")
    pipeline.start()
    yield pipeline
    pipeline.stop()
