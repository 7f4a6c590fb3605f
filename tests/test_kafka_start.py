"""A consumer that starts while its broker is away waits; one whose settings are wrong says so and ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from runstream.cli import exits
from runstream_consumer.serve import read_server
from runstream_schemas.home import Home
from tests.broker import Broker, GivenBroker, free_port, new_prefix
from tests.kafka_log import EventLog
from tests.waiting import until

pytestmark = pytest.mark.kafka


@contextmanager
def consuming(log: Path, servers: str, prefix: str, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """A `runstream consume` of this test's home while the block runs; what it says goes to `log`."""
    environment = {**os.environ, "RUNSTREAM_BROKERS": servers, "RUNSTREAM_TOPIC_PREFIX": prefix, **settings}
    command = [sys.executable, "-m", "runstream.cli", "consume"]
    with log.open("wb") as out, subprocess.Popen(command, env=environment, stderr=out) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_consumer_waits_for_its_broker(own_broker: Broker, home_path: Path, tmp_path: Path) -> None:
    """Started while the broker is down it says so, begins to serve when the broker is there, and ends with 0."""
    prefix = new_prefix()
    EventLog(own_broker.servers, prefix).create()
    own_broker.stop()
    log = tmp_path / "log"

    with consuming(log, own_broker.servers, prefix) as process:
        until(lambda: "waiting for the broker" in log.read_text(), what="it says that it waits")
        own_broker.start()
        until(lambda: read_server(Home(home_path)), what="it serves")
        process.send_signal(signal.SIGTERM)

        assert process.wait(60) == exits.OK
    assert "nothing listens at that address" in log.read_text()


def test_a_waiting_consumer_ends_when_asked(tmp_path: Path) -> None:
    """SIGTERM while no broker answers ends it with 0 and without a traceback."""
    log = tmp_path / "log"

    with consuming(log, f"127.0.0.1:{free_port()}", "p") as process:
        until(lambda: log.read_text().count("waiting for the broker") > 1, what="it says so again and again")
        process.send_signal(signal.SIGTERM)

        assert process.wait(60) == exits.OK
    assert "Traceback" not in log.read_text()


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, "`runstream topics create`"),
        ({"RUNSTREAM_KAFKA_SECURITY": "SSL"}, "does not speak TLS"),
    ],
)
def test_a_wrong_setting_ends_the_consumer(
    broker: Broker | GivenBroker, tmp_path: Path, settings: dict[str, str], told: str
) -> None:
    """Missing topics and a wrong protocol are not cured by waiting: it ends with 1 and says what to do."""
    log = tmp_path / "log"

    with consuming(log, broker.servers, new_prefix(), **settings) as process:
        assert process.wait(60) == exits.FAILED
    assert told in log.read_text()
    assert "Traceback" not in log.read_text()
