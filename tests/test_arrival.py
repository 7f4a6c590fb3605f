"""Following a run to its end shows all that it has written, also what arrives after the word of its end."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from textwrap import dedent

import pytest
from kafka import KafkaProducer

from runstream import Experiment, Run, Workspace, settling
from runstream.cli import exits, main
from runstream_consumer.arrival import Arrival
from runstream_consumer.history import History, connect
from runstream_schemas import codec
from runstream_schemas.events import (
    Change,
    Created,
    Event,
    LogEvent,
    ProducerClosed,
    RunEvent,
    StatusChanged,
    topic_for,
)
from runstream_schemas.home import Home, boot_id, host_name, locked
from runstream_schemas.ids import new_producer_id
from runstream_schemas.segment import SegmentHeader, SegmentWriter
from runstream_schemas.topics import Topic, topic_name
from tests import scripts
from tests.kafka_log import options_of
from tests.pipeline import Pipeline
from tests.waiting import until

LONG_S = 600.0


class Delivery:
    """Puts events into the log in the order of its calls: a topic comes before another one, as over Kafka."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._held = ExitStack()
        self._writers: dict[str, SegmentWriter] = {}
        self._sequences: Counter[tuple[str, Topic]] = Counter()
        self._at_ns = 0
        if pipeline.is_kafka:
            self._producer = KafkaProducer(**options_of(pipeline.settings["RUNSTREAM_BROKERS"]), acks="all")
            self._held.callback(self._producer.close, 5)

    def close(self) -> None:
        """Let go of the journals, or of the broker."""
        self._held.close()

    def changed(self, run_id: str, producer_id: str, *changes: Change) -> None:
        """Deliver changes of a run."""
        for change in changes:
            self._deliver(RunEvent(run_id, producer_id, 0, 0, change))

    def printed(self, run_id: str, producer_id: str, *lines: str) -> None:
        """Deliver lines that a run has printed, an event each."""
        for line in lines:
            self._deliver(LogEvent(run_id, producer_id, 0, 0, "stdout", self._sequences[producer_id, Topic.LOGS], line))

    def _deliver(self, event: Event) -> None:
        """Give an event its number and time, and put it into the log."""
        self._at_ns += 1
        key = event.producer_id, topic_for(event)
        sequence = self._sequences[key]
        self._sequences[key] += 1
        event = replace(event, sequence=sequence, logged_at_ns=self._at_ns)
        data = codec.encode(event)
        if self._pipeline.is_kafka:
            topic = topic_name(topic_for(event), self._pipeline.settings["RUNSTREAM_TOPIC_PREFIX"])
            self._producer.send(topic, value=data, key=event.run_id.encode()).get(timeout=30)
        else:
            self._writer(event).append(topic_for(event), [data], sequence)

    def _writer(self, event: Event) -> SegmentWriter:
        """Return the journal of the event's producer, which this process keeps alive."""
        if event.producer_id not in self._writers:
            folder = Home(self._pipeline.home).producer(event.producer_id)
            folder.path.mkdir()
            self._held.enter_context(locked(folder.lock))
            header = SegmentHeader("log", event.producer_id, event.run_id, host_name(), boot_id())
            self._writers[event.producer_id] = SegmentWriter(folder.segment(0), header)
        return self._writers[event.producer_id]


@pytest.fixture
def delivery(pipeline: Pipeline) -> Iterator[Delivery]:
    """Give a hand on the log of the pipeline."""
    made = Delivery(pipeline)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is given up in these tests because a machine is slow."""
    monkeypatch.setattr(settling, "QUIET_S", LONG_S)
    monkeypatch.setattr(settling, "MISSING_S", LONG_S)


@pytest.fixture
def once_asked(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], None]:
    """Give a way to have something happen after a follower has seen the end and asked once what is missing."""

    def arrange(then: Callable[[], None]) -> None:
        ask, waiting = History.arrival, [then]

        def arrival(history: History, run_id: str) -> Arrival:
            found = ask(history, run_id)
            if waiting:
                waiting.pop()()
            return found

        monkeypatch.setattr(History, "arrival", arrival)

    return arrange


def arrive(run_id: str) -> Arrival:
    """Wait until the consumer has the end of a run; return what of it is there."""
    with connect() as past:
        until(lambda: [row.status for row in past.run_many([run_id])] == ["Completed"])
        return past.arrival(run_id)


def follow(run_id: str, capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    """Follow a run with a command that must succeed; return the last word of each line that it prints."""
    code = main([*words, run_id])
    told = capsys.readouterr()
    assert (code, told.err) == (exits.OK, "")
    return [line.split()[-1] for line in told.out.splitlines()]


def ended_early(delivery: Delivery, run_id: str, n_events: int) -> str:
    """Deliver a run and its end, but nothing of what it has printed; return its producer."""
    producer_id = new_producer_id()
    closed = ProducerClosed(0, 0, n_events)
    delivery.changed(run_id, producer_id, Created("default", "letters"), StatusChanged("Completed"), closed)
    return producer_id


def test_lines_behind_the_end_are_shown(
    delivery: Delivery, once_asked: Callable[[Callable[[], None]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """What a closed producer says it has written is waited for; then `tail` and `logs --follow` end at once."""
    for words in (["tail"], ["logs", "--follow"]):
        producer_id = ended_early(delivery, words[0], n_events=2)
        assert arrive(words[0]) == Arrival(n_missing=2, is_told=True)
        once_asked(partial(delivery.printed, words[0], producer_id, "one\n", "two\n"))

        assert follow(words[0], capsys, *words) == ["one", "two"]


def test_a_run_waited_for_shows_lines_behind_its_end(
    delivery: Delivery, once_asked: Callable[[Callable[[], None]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """wait_for_completion(show_output=True) prints them too."""
    producer_id = ended_early(delivery, "early", n_events=2)
    assert arrive("early").n_missing == 2
    once_asked(lambda: delivery.printed("early", producer_id, "one\n", "two\n"))
    Run(Experiment(Workspace(), "letters"), "early").wait_for_completion(show_output=True)

    assert "\none\ntwo\n" in capsys.readouterr().out


def test_lines_of_a_process_that_is_still_open_are_shown(
    delivery: Delivery, once_asked: Callable[[Callable[[], None]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """A process that has not ended yet may have more to tell: when it has, the command ends at once."""
    ended_early(delivery, "open", n_events=0)
    other = new_producer_id()
    delivery.changed("open", other, Created("default", "letters"))
    until(lambda: not arrive("open").is_told)

    def tell() -> None:
        delivery.printed("open", other, "one\n")
        delivery.changed("open", other, ProducerClosed(0, 0, n_events=1))

    once_asked(tell)

    assert follow("open", capsys, "logs", "--follow") == ["one"]


def test_a_process_that_stays_open_is_waited_for_no_longer_than_it_is_heard(
    delivery: Delivery, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nobody knows what is on its way, the command ends after a while in which nothing has come."""
    monkeypatch.setattr(settling, "QUIET_S", 0.0)
    ended_early(delivery, "open", n_events=0)
    delivery.changed("open", new_producer_id(), Created("default", "letters"))
    until(lambda: not arrive("open").is_told)

    assert follow("open", capsys, "tail") == []


def test_what_does_not_come_is_told(
    delivery: Delivery, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where known events stay away, the command says how many, and ends with 4."""
    monkeypatch.setattr(settling, "MISSING_S", 0.0)
    producer_id = ended_early(delivery, "early", n_events=3)
    delivery.printed("early", producer_id, "one\n")
    until(lambda: arrive("early").n_missing == 2)
    code, told = main(["logs", "--follow", "early"]), capsys.readouterr()

    assert (code, told.out) == (exits.TRY_AGAIN, "stdout | one\n")
    assert told.err.startswith("runstream: 2 events that run early has written have not arrived: ")


def test_all_that_a_process_writes_is_counted(home_path: Path) -> None:
    """Of a run that has logged points, tags, files and lines nothing is missing, whether its process closed or died."""
    program = """
    from runstream.scribe import Scribe
    for i in range(10_000): run.log('x', i, step=i)
    run.log_list('empty', [])
    run.tag('k', 'v')
    run.upload_file('f', __import__('io').BytesIO(b'f'))
    printed = Scribe(run.id, lambda: run.producer)
    printed.write('stdout', 'line\\n')
    printed.close()
    """
    ended = [scripts.execute(home_path, dedent(program) + end) for end in ("", "os.kill(os.getpid(), signal.SIGKILL)")]
    assert [one.status for one in ended] == [0, -signal.SIGKILL]
    with connect() as past:
        assert past.arrival("script") == Arrival(n_missing=0, is_told=True)
        told = past.sql("select change from event where change like 'producer%' order by 1").fetchall()
        assert told == [("producer_closed",), ("producer_lost",)]
        assert past.arrival("nobody") == Arrival(n_missing=0, is_told=False)
