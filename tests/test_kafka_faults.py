"""What can happen to topics and brokers while events flow: each fault has its own error, and nothing is skipped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import duckdb
import pytest
from kafka import TopicPartition
from structlog.testing import capture_logs

from runstream import courier, topics
from runstream.sender import Sender
from runstream_consumer import kafka_source
from runstream_consumer.kafka_source import KafkaSource
from runstream_consumer.loop import Pipeline
from runstream_consumer.source import Position
from runstream_consumer.store import Store
from runstream_schemas.errors import (
    BrokerUnreachable,
    CommitUnknown,
    LogTruncated,
    OffsetsExpired,
    ProducerRefused,
    SourceError,
    TopicDeleted,
    TopicMissing,
    TopicRecreated,
    TopicTooSmall,
)
from runstream_schemas.home import Home
from runstream_schemas.topics import Topic, topic_name
from tests.broker import Broker, GivenBroker, admin, new_prefix
from tests.kafka_log import EventLog, drain, positions_after
from tests.outbox_writer import Writer, settings_for
from tests.waiting import until

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def frail() -> Iterator[Broker]:
    """Give a broker that the tests of this module may kill; each leaves it running."""
    own = Broker.start_new()
    yield own
    own.close()


def delete_topic(log: EventLog) -> None:
    """Delete the tag topic and wait until the broker has forgotten it."""
    with admin(log.servers) as client:
        client.delete_topics([log.tags])
        until(lambda: client.describe_topics([log.tags])[0]["error_code"] == 3, what="the topic is gone")


def recreate_topic(log: EventLog) -> None:
    """Delete the tag topic and create it anew, empty."""
    delete_topic(log)
    until(lambda: log.tags in topics.create(log.options, log.prefix, 2), what="the topic is there again")


def folded(log: EventLog, n: int) -> dict[str, Position]:
    """Put `n` events into the log, read them, and give what a store would then hold."""
    log.put(log.tag_events(n))
    source = log.source()
    stored = positions_after(source, drain(source, n))
    source.close()
    return stored


def stop_of(source: KafkaSource) -> SourceError:
    """Poll until the source stops, and give the error."""

    def stopped() -> SourceError | None:
        try:
            source.poll(1 << 20, 0.1)
        except SourceError as error:
            return error
        return None

    error = until(stopped, what="the source stops")
    assert error is not None
    return error


def test_a_topic_that_was_never_created_names_the_command(broker: Broker | GivenBroker, topic_prefix: str) -> None:
    """Without topics the consumer says which command makes them."""
    log = EventLog(broker.servers, topic_prefix)

    with pytest.raises(TopicMissing, match="runstream topics create"):
        log.source()


def test_a_topic_deleted_while_stopped(log: EventLog) -> None:
    """A topic with stored positions that is gone is not taken for one that was never made."""
    stored = folded(log, 3)
    delete_topic(log)

    with pytest.raises(TopicDeleted) as caught:
        log.source(stored)

    assert caught.value.topic == log.tags


def test_a_topic_deleted_while_reading(log: EventLog) -> None:
    """Polling a deleted topic would be empty for ever; the watch tells."""
    log.put(log.tag_events(3))
    source = log.source()
    drain(source, 3)
    delete_topic(log)

    error = stop_of(source)

    source.close()
    assert isinstance(error, TopicDeleted)


def test_a_topic_recreated_while_stopped(log: EventLog) -> None:
    """A new topic of the same name that has grown past the position would be read on silently; its id tells."""
    stored = folded(log, 3)
    recreate_topic(log)
    log.put(log.tag_events(10))

    with pytest.raises(TopicRecreated) as caught:
        log.source(stored)

    assert caught.value.stored_id == stored[f"{log.tags}/0"].topic_id
    assert caught.value.found_id != caught.value.stored_id


def test_a_topic_recreated_while_reading(log: EventLog) -> None:
    """The same while the consumer runs: it stops, by the id, or by the shorter log that it meets first."""
    log.put(log.tag_events(3))
    source = log.source()
    drain(source, 3)
    recreate_topic(log)
    log.put(log.tag_events(10))

    error = stop_of(source)

    source.close()
    assert isinstance(error, (TopicRecreated, TopicDeleted))


def test_offsets_that_expired_while_stopped(log: EventLog) -> None:
    """Events removed before they were folded are named; reading does not jump over them."""
    stored = folded(log, 3)
    log.put(log.tag_events(7))
    with admin(log.servers) as client:
        client.delete_records({TopicPartition(log.tags, 0): 8})

    with pytest.raises(OffsetsExpired, match="events from 3 to below 8 were removed by retention") as caught:
        log.source(stored)

    assert (caught.value.position, caught.value.beginning) == (3, 8)


def test_offsets_that_expire_before_a_partition_was_ever_read(log: EventLog) -> None:
    """In a topic that is being read, a partition without a position begins at offset 0, and not later."""
    stored = folded(log, 3)
    log.put(log.tag_events(5), partition=1)
    with admin(log.servers) as client:
        client.delete_records({TopicPartition(log.tags, 1): 4})

    with pytest.raises(OffsetsExpired) as caught:
        log.source(stored)

    assert (caught.value.partition, caught.value.position, caught.value.beginning) == (1, 0, 4)


def test_a_first_reading_begins_where_the_topic_begins(log: EventLog) -> None:
    """A new history over an old topic takes what is left, and says that earlier events are gone."""
    log.put(log.tag_events(6))
    with admin(log.servers) as client:
        client.delete_records({TopicPartition(log.tags, 0): 4})

    with capture_logs() as told:
        source = log.source()
    records = drain(source, 2)

    source.close()
    assert [r.position for r in records] == [4, 5]
    assert [(row["partition"], row["begins_at"]) for row in told] == [(f"{log.tags}/0", 4)]


def test_offsets_that_expire_while_reading(log: EventLog) -> None:
    """Retention that overtakes a slow consumer stops it."""
    # Bytes that no compression makes small: the client would fetch all of them at once.
    log.put([Random(i).randbytes(400_000) for i in range(60)])
    source = log.source(watch_every_s=600)
    source.poll(max_bytes=1, timeout_s=10)
    with admin(log.servers) as client:
        client.delete_records({TopicPartition(log.tags, 0): 60})
    log.put(log.tag_events(1))

    error = stop_of(source)

    source.close()
    assert isinstance(error, OffsetsExpired)
    assert error.beginning == 60


def test_a_log_that_is_shorter_than_what_was_folded(log: EventLog) -> None:
    """A position behind the end heals silently once the log has grown; so it stops the start."""
    stored = folded(log, 3)
    beyond = {name: Position(9, at.topic_id) for name, at in stored.items()}

    with pytest.raises(LogTruncated) as caught:
        log.source(beyond)

    assert (caught.value.position, caught.value.end) == (9, 3)


def test_a_log_that_was_cut_and_has_grown_again(log: EventLog) -> None:
    """Offsets and topic id look right; only the record before the position is another one."""
    stored = folded(log, 3)
    other = EventLog(log.servers, log.prefix)
    changed = {name: Position(3, at.topic_id, other.producer_id, 2) for name, at in stored.items()}

    with pytest.raises(LogTruncated):
        log.source(changed)


def test_a_truncated_file_stops_the_start(frail: Broker) -> None:
    """A broker that lost the end of a partition's file and has taken other events since is found out."""
    log = EventLog(frail.servers, new_prefix()).create()
    stored = folded(log, 20)
    frail.kill()
    segment = log_file(frail, log)
    segment.write_bytes(segment.read_bytes()[: segment.stat().st_size // 2])
    frail.start()
    log.put(log.tag_events(60))

    with pytest.raises(LogTruncated):
        log.source(stored)


def test_a_truncated_file_stops_the_reading(frail: Broker) -> None:
    """The same while the consumer runs through the broker's restart."""
    log = EventLog(frail.servers, new_prefix()).create()
    log.put(log.tag_events(20))
    source = log.source()
    drain(source, 20)
    frail.kill()
    segment = log_file(frail, log)
    segment.write_bytes(segment.read_bytes()[: segment.stat().st_size // 2])
    frail.start()
    log.put(log.tag_events(60))

    error = stop_of(source)

    source.close()
    assert isinstance(error, LogTruncated)


def log_file(broker: Broker, log: EventLog) -> Path:
    """The one segment file of the tag topic's first partition."""
    return next(broker.log_folder(log.tags, 0).glob("*.log"))


def test_a_broker_that_is_away_is_no_error(frail: Broker) -> None:
    """While the broker is down polls are empty and the source says so; then reading goes on, gapless."""
    log = EventLog(frail.servers, new_prefix()).create()
    log.put(log.tag_events(5))
    source = log.source()
    drain(source, 5)
    frail.kill()

    seen = until(lambda: (source.poll(1 << 20, 0.05), source.away)[1], what="the source sees it")
    empty = source.poll(1 << 20, 0.05)
    behind_s = max(lag.behind_s for lag in source.lag())
    frail.start()
    log.put(log.tag_events(5))
    records = drain(source, 5)
    until(lambda: source.away is None, what="the source sees it back")

    source.close()
    assert isinstance(seen, BrokerUnreachable)
    assert empty == []
    assert behind_s > 0
    assert [r.position for r in records] == [5, 6, 7, 8, 9]


def test_a_client_that_brings_nothing_is_replaced(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that polls empty although the broker has more is thrown away; nothing is skipped or read twice."""
    monkeypatch.setattr(kafka_source, "STALLED_S", 0.5)
    log.put(log.tag_events(3))
    source = log.source()
    drain(source, 3)
    stuck = source._consumer
    stuck.pause(*stuck.assignment())
    log.put(log.tag_events(4))

    records = drain(source, 4)

    source.close()
    assert [r.position for r in records] == [3, 4, 5, 6]
    assert source._consumer is not stuck


def test_a_sender_outlives_its_broker(frail: Broker, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is logged while the broker is down waits in the journal and arrives when it is back: once, in order."""
    monkeypatch.setattr(courier, "_STALLED_S", 0.5)
    monkeypatch.setattr(courier, "_PROBE_MS", 200)
    log = EventLog(frail.servers, new_prefix()).create()
    writer = Writer(home)
    writer.tag(50)
    sender = Sender(settings_for(frail.servers, log.prefix), home)
    sender.add(writer.folder, lambda _: None)
    sender.wait(writer.folder.producer_id, 49, 60)
    frail.kill()
    writer.tag(50)
    sender.wake(writer.folder.producer_id)
    until(lambda: sender.trouble, what="the sender sees it")

    frail.start()
    sender.wait(writer.folder.producer_id, 99, 60)

    sender.close()
    assert [r.value for r in log.read_all(log.tags)] == writer.events[Topic.TAGS]


def test_a_broker_killed_under_load(frail: Broker, home: Home) -> None:
    """SIGKILL with events on the wire: every event is in the log afterwards, in order, and none is missing."""
    log = EventLog(frail.servers, new_prefix()).create()
    writer = Writer(home)
    sender = Sender(settings_for(frail.servers, log.prefix), home)
    writer.log(50, 60_000)
    sender.add(writer.folder, lambda _: None)
    sender.wait(writer.folder.producer_id, 10, 60)
    writer.log(150, 60_000)
    sender.wake(writer.folder.producer_id)

    frail.kill()
    frail.start()
    sender.wait(writer.folder.producer_id, 199, 120)

    sender.close()
    arrived = [r.value for r in log.read_all(topic_name(Topic.LOGS, log.prefix))]
    assert without_repeats(arrived) == writer.events[Topic.LOGS]


def without_repeats(values: list[bytes]) -> list[bytes]:
    """What the fold makes of it: an event that comes a second time changes nothing."""
    return list(dict.fromkeys(values))


def test_too_small_a_topic_is_refused_before_the_first_event(log: EventLog, home: Home, broker: Broker) -> None:
    """The sender looks at the topic's limit first: nothing is sent that the broker would refuse; then it goes on."""
    broker.config(log.tags, {"max.message.bytes": "1000"})
    writer = Writer(home)
    writer.tag(5)
    sender = Sender(settings_for(log.servers, log.prefix), home)
    sender.add(writer.folder, lambda _: None)

    trouble = until(lambda: sender.trouble, what="the sender complains")
    before = log.read_all(log.tags)
    broker.config(log.tags, {"max.message.bytes": str(topics.MESSAGE_BYTES)})
    sender.wait(writer.folder.producer_id, 4, 60)

    sender.close()
    assert isinstance(trouble, TopicTooSmall)
    assert (trouble.topic, trouble.limit) == (log.tags, 1000)
    assert before == []
    assert [r.value for r in log.read_all(log.tags)] == writer.events[Topic.TAGS]


def test_a_refused_producer_is_replaced(
    log: EventLog, home: Home, broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    """A limit lowered while sending makes the broker refuse: told once, the journal is kept, later all arrives."""
    logs = topic_name(Topic.LOGS, log.prefix)
    writer = Writer(home)
    writer.log(3, 50_000)
    sender = Sender(settings_for(log.servers, log.prefix), home)
    sender.add(writer.folder, lambda _: None)
    sender.wait(writer.folder.producer_id, 2, 60)
    broker.config(logs, {"max.message.bytes": "10000"})

    seen: list[type] = []

    def sees_the_limit() -> bool:
        # The new limit takes a moment to hold, so more events are logged until it does.
        if ProducerRefused not in seen:
            writer.log(1, 50_000)
            sender.wake(writer.folder.producer_id)
        seen.append(type(sender.trouble))
        return seen[-1] is TopicTooSmall

    until(sees_the_limit)
    broker.config(logs, {"max.message.bytes": str(topics.MESSAGE_BYTES)})
    sender.wait(writer.folder.producer_id, writer.last_frame, 60)

    sender.close()
    assert ProducerRefused in seen
    assert caplog.text.count("the broker refused events") == 1
    assert [r.value for r in log.read_all(logs)] == writer.events[Topic.LOGS]


def test_a_topic_deleted_under_the_sender(log: EventLog, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client would retry for ever in silence; the sender finds out which topic is missing, and goes on with it."""
    monkeypatch.setattr(courier, "_STALLED_S", 0.5)
    writer = Writer(home)
    writer.tag(3)
    sender = Sender(settings_for(log.servers, log.prefix), home)
    sender.add(writer.folder, lambda _: None)
    sender.wait(writer.folder.producer_id, 2, 60)
    delete_topic(log)
    writer.tag(3)
    sender.wake(writer.folder.producer_id)

    trouble = until(lambda: sender.trouble, what="the sender complains")
    topics.create(log.options, log.prefix, 2)
    sender.wait(writer.folder.producer_id, 5, 60)

    sender.close()
    assert isinstance(trouble, TopicMissing)
    assert trouble.topic == log.tags
    assert [r.value for r in log.read_all(log.tags)] == writer.events[Topic.TAGS][3:]


@contextmanager
def folding(log: EventLog, home: Home) -> Iterator[Pipeline]:
    """The source of a log, folded into the history file of a home."""
    source = KafkaSource(log.options, log.prefix)
    store = Store.open(home.history_path, source.kind, source.identity)
    try:
        yield Pipeline(source, store)
    finally:
        store.close()
        source.close()


def test_an_unknown_commit_outcome_is_settled_by_the_file(
    log: EventLog, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A COMMIT that raised although it took ends this consumer; the next one reads positions and doubles nothing."""
    log.create()
    log.put(log.tag_events(5))
    really = Store._commit

    def raise_after(store: Store) -> None:
        really(store)
        raise duckdb.IOException("no space left on device")

    with folding(log, home) as pipeline, monkeypatch.context() as patch:
        patch.setattr(Store, "_commit", raise_after)
        with pytest.raises(CommitUnknown):
            until(lambda: pipeline.turn(0.1), what="the commit that raises")
        with pytest.raises(CommitUnknown):
            pipeline.store.commit(pipeline.fold.fold([], 0), [])
    log.put(log.tag_events(5))
    with folding(log, home) as pipeline:
        until(lambda: pipeline.turn(0.1), what="the next events")
        at = pipeline.store.positions()[f"{log.tags}/0"]
        values = pipeline.store.connection.execute("SELECT value FROM tag_event ORDER BY sequence").fetchall()

    assert at.next_position == 10
    assert [value for (value,) in values if value] == [str(number) for number in range(10)]
