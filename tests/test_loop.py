"""The conductor: a logged value reaches the tables, trouble is told or ends the process, and every end is clean."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from runstream_consumer import config, loop
from runstream_consumer.config import Config
from runstream_consumer.fold_lock import fold_lock, is_held
from runstream_consumer.history import connect
from runstream_consumer.loop import Consumer, catch_up, caught_up
from runstream_consumer.serve import read_server
from runstream_consumer.store import Store
from runstream_schemas.errors import CommitUnknown, HistoryBusy, StoreLocked, StoreUnopenable
from runstream_schemas.home import Home
from tests.staged import Staged, frames
from tests.waiting import until


@pytest.fixture
def settings(home_path: Path) -> Config:
    """Give the configuration of an embedded consumer whose home is the test's own."""
    return config.read(home_path)


def dead_producer(home: Home, n_points: int = 10) -> Staged:
    """A producer that was killed with all its points in staging."""
    staged = Staged.begin(home)
    staged.marks.set_base(0, 0)
    for slot in range(n_points):
        staged.put(0, slot, float(slot))
    staged.die()
    return staged


def rows(settings: Config, query: str) -> list[tuple[object, ...]]:
    """What a query of the closed history file gives."""
    with duckdb.connect(str(settings.home.history_path), read_only=True) as connection:
        return connection.execute(query).fetchall()


POINTS = """SELECT count(*), sum(value), max("index") FROM
    (FROM point_live SELECT value, "index" UNION ALL FROM point SELECT value, "index")"""


@contextmanager
def running(settings: Config) -> Iterator[Consumer]:
    """A consumer in a thread of this process, stopped at the end; its errors are raised here."""
    consumer = Consumer(settings)
    errors: list[BaseException] = []

    def run() -> None:
        try:
            consumer.run()
        except BaseException as e:  # noqa: BLE001 - told to the test below
            errors.append(e)
            consumer.started.set()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert consumer.started.wait(60)
        yield consumer
    finally:
        consumer.stop()
        thread.join(60)
    if errors:
        raise errors[0]


def commits(consumer: Consumer) -> float:
    """How many transactions this consumer has committed."""
    return consumer.monitor.registry.get_sample_value("runstream_commits_total") or 0.0


def test_a_read_folds_what_a_dead_producer_left(settings: Config) -> None:
    """Catching up recovers, folds each point once, closes the file and lets go of the lock."""
    dead_producer(settings.home)
    catch_up(settings)
    catch_up(settings)

    assert rows(settings, POINTS) == [(10, 45.0, 9)]
    assert rows(settings, "SELECT change FROM run_event ORDER BY sequence") == [("created",), ("producer_lost",)]
    assert not is_held(settings.home)


def test_a_running_consumer_folds_what_is_written(settings: Config) -> None:
    """What a producer appends is committed while the consumer runs, small batches as they come."""
    staged = Staged.begin(settings.home)
    staged.marks.set_base(0, 0)
    with running(settings) as consumer:
        until(lambda: commits(consumer) == 1, what="created is folded")
        for slot in range(5):
            staged.put(0, slot, float(slot))
        staged.drain(0, 0, 5, 5)
        until(lambda: commits(consumer) >= 2, what="the points are folded")
    staged.die()

    assert rows(settings, POINTS) == [(5, 10.0, 4)]


def test_a_restarted_consumer_knows_the_last_commit(settings: Config) -> None:
    """Until it commits something itself, /metrics tells when the process before it did."""
    dead_producer(settings.home)
    catch_up(settings)
    [(at_us,)] = rows(settings, "SELECT max(committed_at) FROM position_log")
    with running(settings) as consumer:
        told = consumer.monitor.registry.get_sample_value("runstream_last_commit_timestamp_seconds")

    assert told == pytest.approx(float(str(at_us)) / 1e6)


def test_a_producer_that_dies_is_recovered_meanwhile(settings: Config) -> None:
    """The running consumer takes over what a producer left in staging at its end."""
    with running(settings) as consumer:
        dead = dead_producer(settings.home)
        until(lambda: consumer.monitor.registry.get_sample_value("runstream_points_total") == 10)
        assert not dead.folder.staging.exists()

    assert rows(settings, POINTS) == [(10, 45.0, 9)]


def test_a_second_consumer_is_told_of_the_first(settings: Config) -> None:
    """It fails at once and names process, machine and start of the one that runs."""
    with running(settings), pytest.raises(StoreLocked) as raised:
        Consumer(settings).run()

    assert f"process {os.getpid()} on " in raised.value.holder
    assert "runstream consumer" in raised.value.holder


def test_a_read_waits_for_another_and_then_says_who_holds_the_file(settings: Config) -> None:
    """While somebody holds the lock for longer than the patience, reading raises HistoryBusy with the holder."""
    with fold_lock(settings.home, "a long read"), pytest.raises(HistoryBusy, match="a long read"):
        catch_up(settings, wait_s=0.05)


def test_the_lock_is_kept_while_the_file_is_read(settings: Config) -> None:
    """Between folding and the end of the read nobody else can begin to write."""
    with caught_up(settings):
        assert is_held(settings.home)
        with pytest.raises(StoreLocked), fold_lock(settings.home, "another"):
            pass

    assert not is_held(settings.home)


def test_undecodable_events_become_dead_letters_and_the_rest_goes_on(settings: Config) -> None:
    """Damaged bytes and noise in a whole frame are kept with their reasons, and what is around them is folded."""
    staged = Staged.begin(settings.home)
    staged.marks.set_base(0, 0)
    for slot in range(6):
        staged.put(0, slot, 1.0)
    staged.writer.append(3, [b"noise"], 0)
    staged.drain(0, 0, 3, 3)
    staged.drain(0, 3, 6, 6)
    staged.die()
    [_, _, hurt, _] = frames(staged.folder)
    data = bytearray(staged.writer.path.read_bytes())
    data[hurt.offset + 60] ^= 1
    staged.writer.path.write_bytes(data)
    catch_up(settings)
    letters = rows(settings, "SELECT stage, position, segment IS NULL FROM dead_letter_log ORDER BY position")

    assert letters == [("decode", 1, True), ("source", 2, False)]
    # Recovery finds the damaged points in staging, or their frame's neighbours alone are there.
    assert rows(settings, POINTS)[0][0] == 3


def test_a_read_starts_behind_what_is_folded(settings: Config) -> None:
    """Dead letters at the end of a journal move its position too: nothing is told twice."""
    staged = Staged.begin(settings.home)
    staged.writer.append(3, [b"noise"], 0)
    staged.die()
    catch_up(settings)
    catch_up(settings)

    assert rows(settings, "SELECT count(*) FROM dead_letter_log WHERE position >= 0") == [(1,)]


def test_an_unknown_commit_ends_the_consumer(settings: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """A COMMIT that raises ends the process's loop; the next one finds the batch in the file or folds it again."""
    dead_producer(settings.home)
    really = Store._commit

    def raise_after(store: Store) -> None:
        really(store)
        raise duckdb.IOException("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Store, "_commit", raise_after)
        with pytest.raises(CommitUnknown):
            Consumer(settings).run()
    catch_up(settings)

    assert rows(settings, POINTS) == [(10, 45.0, 9)]


def test_a_failing_recovery_is_told_once_and_tried_again(settings: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the disk is full a dead producer stays as it is; when there is room it is recovered."""
    dead_producer(settings.home)
    told: set[str] = set()
    with monkeypatch.context() as patch:
        patch.setattr("os.writev", lambda *_: 0)
        assert loop.recover_dead(settings.home, set(), told) == 0
        assert loop.recover_dead(settings.home, set(), told) == 0

    assert told == {producer.producer_id for producer in settings.home.producers()}
    assert loop.recover_dead(settings.home, set(), told) == 1
    catch_up(settings)
    assert rows(settings, POINTS) == [(10, 45.0, 9)]


def test_a_removed_history_file_ends_the_consumer(settings: Config) -> None:
    """Folding into a file that has no name any more would lose it all: the consumer stops and says so."""
    consumer = Consumer(settings)

    def remove() -> None:
        consumer.started.wait(60)
        settings.home.history_path.unlink()

    threading.Thread(target=remove).start()
    with pytest.raises(StoreUnopenable, match="removed or replaced"):
        consumer.run()


def test_outboxes_are_left_to_their_sender(settings: Config) -> None:
    """What is on its way to Kafka is not folded from its journal: acknowledged parts of it are gone."""
    Staged.begin(settings.home, role="outbox").die()
    catch_up(settings)

    assert rows(settings, "SELECT count(*) FROM run_event WHERE sequence >= 0") == [(0,)]


def test_a_backlog_goes_through_the_first_door(settings: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many waiting points are committed in large batches, straight into the sealed table."""
    monkeypatch.setattr("runstream_consumer.folding.DOOR_ONE_POINTS", 1000)
    dead_producer(settings.home, 2000)
    catch_up(settings)

    assert rows(settings, "SELECT count(*) FROM point WHERE kind > 0") == [(2000,)]
    assert rows(settings, "SELECT count(*) FROM point_live WHERE kind > 0") == [(0,)]


COMMAND = "from runstream_consumer import config, commands; print(commands.consume(config.read()))"


@contextmanager
def process(settings: Config, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A consumer process on the test's home, killed at the end if it still runs."""
    env = {**os.environ, "RUNSTREAM_HOME": str(settings.home.root), **environment}
    with subprocess.Popen([sys.executable, "-c", COMMAND], env=env, stdout=subprocess.PIPE, text=True) as child:
        try:
            yield child
        finally:
            child.kill()


def n_served(settings: Config) -> int:
    """Points that the running consumer shows its readers."""
    with connect(settings.home.root) as past:
        return len(past.sql("SELECT step FROM metric").fetchall())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_cleanly(settings: Config, number: signal.Signals) -> None:
    """SIGTERM and SIGINT end the process with 0, the file closed, server.json and the lock gone."""
    dead_producer(settings.home)
    with process(settings) as child:
        until(lambda: read_server(settings.home), what="it serves")
        until(lambda: n_served(settings) == 10, what="the points are folded")
        child.send_signal(number)
        assert child.wait(60) == 0

    assert read_server(settings.home) is None
    assert not is_held(settings.home)
    assert rows(settings, POINTS) == [(10, 45.0, 9)]
    assert not settings.home.history_path.with_name("history.duckdb.wal").exists()


def test_it_tells_health_readiness_and_metrics(settings: Config) -> None:
    """server.json leads to /healthz, /readyz and /metrics of the running process."""
    with process(settings):
        info = until(lambda: read_server(settings.home), what="it serves")

        def get(path: str) -> str:
            with urllib.request.urlopen(f"http://{info.monitor}{path}", timeout=10) as answer:
                return str(answer.read().decode())

        assert json.loads(get("/healthz"))["status"] == "ok"
        until(lambda: is_ready(f"http://{info.monitor}/readyz"), what="it is ready")
        assert "runstream_lag_seconds 0.0" in get("/metrics")


def is_ready(url: str) -> bool:
    """Does /readyz say so? Before the first look at the log it does not."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return bool(json.loads(answer.read())["status"] == "ok")
    except urllib.error.HTTPError:
        return False


@pytest.mark.parametrize("point", ["commit.rows:1", "commit.before:1", "commit.after:1", "commit.before:2"])
def test_killed_anywhere_each_point_is_there_once(settings: Config, point: str) -> None:
    """A consumer killed around a commit is started again and has every point once."""
    staged = Staged.begin(settings.home)
    staged.marks.set_base(0, 0)
    for slot in range(4):
        staged.put(0, slot, float(slot))
    staged.drain(0, 0, 4, 4)
    with process(settings, RUNSTREAM_FAILPOINT=point) as child:

        def log_one_more() -> bool:
            slot = len(staged.points)
            staged.put(0, slot, float(slot))
            staged.drain(0, slot, slot + 1, slot + 1)
            return child.poll() is not None

        until(log_one_more, what="the consumer is killed")
        assert child.wait() == -signal.SIGKILL
    staged.die()
    written = len(staged.points)
    catch_up(settings)

    assert rows(settings, POINTS) == [(written, float(sum(range(written))), written - 1)]
