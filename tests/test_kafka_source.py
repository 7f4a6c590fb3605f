"""Reading the event log from a real broker when all goes well."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from kafka import TopicPartition
from kafka.errors import RetriableError

from runstream_consumer.kafka_source import KafkaSource
from runstream_consumer.source import Position
from runstream_schemas.errors import BrokerUnreachable
from runstream_schemas.topics import Topic, topic_name
from tests.broker import CLUSTER_ID, Broker, GivenBroker, admin, change_config, free_port
from tests.kafka_log import EventLog, drain, options_of, positions_after
from tests.waiting import until

pytestmark = pytest.mark.kafka


def test_records_come_in_order_with_key_and_value(log: EventLog) -> None:
    """Events of a partition come in the order of their offsets, bytes unchanged."""
    events = log.tag_events(50)
    log.put(events)
    source = log.source()

    records = drain(source, 50)

    source.close()
    assert [r.value for r in records] == events
    assert [r.position for r in records] == list(range(50))
    assert {(r.topic, r.partition, r.key) for r in records} == {(Topic.TAGS, f"{log.tags}/0", b"run")}


def test_reading_goes_on_behind_stored_positions(log: EventLog) -> None:
    """A source started with stored positions gives only what lies behind them."""
    log.put(log.tag_events(5))
    first = log.source()
    stored = positions_after(first, drain(first, 5))
    first.close()
    later = log.tag_events(3)
    log.put(later)

    second = log.source(stored)
    records = drain(second, 3)

    second.close()
    assert [r.value for r in records] == later


def test_all_topics_are_read(log: EventLog) -> None:
    """Each of the five topics is read, and each record tells which it came from."""
    for topic in Topic:
        log.put([b"x"], topic=topic_name(topic, log.prefix), partition=1)
    source = log.source()

    records = drain(source, 5)

    source.close()
    assert sorted(r.topic for r in records) == list(Topic)
    assert {r.partition.rpartition("/")[2] for r in records} == {"1"}


def test_poll_stops_near_the_asked_size(log: EventLog) -> None:
    """A poll hands out about as many bytes as asked, so that memory does not grow with the backlog."""
    log.put([bytes(500_000)] * 60)
    source = log.source()

    until(lambda: source.lag() and sum(lag.end - lag.next_position for lag in source.lag()) == 60, what="lag is seen")
    sizes: list[int] = []
    while sum(sizes) < 60 * 500_000:
        sizes.append(sum(len(r.value) for r in source.poll(max_bytes=1_000_000, timeout_s=5)))

    source.close()
    assert max(sizes) <= 1_000_000 + 16 * 1024 * 1024
    assert sum(sizes) == 60 * 500_000


def test_tombstones_are_records_too(log: EventLog) -> None:
    """A foreign record without a value is handed on as empty bytes, for the dead letters to tell."""
    log.put([None])
    source = log.source()

    records = drain(source, 1)

    source.close()
    assert [r.value for r in records] == [b""]


def test_lag_tells_events_and_age(log: EventLog) -> None:
    """Lag counts what the broker has behind the position, and is zero once all is read."""
    log.put(log.tag_events(7))
    source = log.source()

    waiting = until(lambda: [lag for lag in source.lag() if lag.end > lag.next_position], what="lag is seen")
    drain(source, 7)
    done = [lag for lag in source.lag() if lag.partition == f"{log.tags}/0"]

    source.close()
    assert [(lag.partition, lag.end - lag.next_position) for lag in waiting] == [(f"{log.tags}/0", 7)]
    assert [(lag.next_position, lag.end, lag.behind_s) for lag in done] == [(7, 7, 0.0)]


def test_stamps_are_the_brokers(log: EventLog) -> None:
    """The received stamp is when the broker took the record: a rebuild gives the same stamps."""
    log.put(log.tag_events(2))
    first, second = log.source(), log.source()

    stamps = [[r.received_at_ns for r in drain(source, 2)] for source in (first, second)]

    first.close()
    second.close()
    assert stamps[0] == stamps[1]
    assert stamps[0][0] > 1_600_000_000_000_000_000


def test_identity_is_the_cluster(log: EventLog, broker: Broker | GivenBroker) -> None:
    """A source is named by the cluster's id, so that a history file knows its log again."""
    source = log.source()
    source.close()

    assert source.identity == (CLUSTER_ID if isinstance(broker, Broker) else source.identity)
    assert source.identity


def test_committed_positions_are_mirrored_for_lag_tools(log: EventLog) -> None:
    """Kafka's own tools see the committed positions as a consumer group."""
    log.put(log.tag_events(4))
    source = log.source()
    drain(source, 4)

    source.mirror({f"{log.tags}/0": 4})

    group = f"{log.prefix}.history"
    with admin(log.servers) as client:

        def offsets() -> Any:
            with contextlib.suppress(RetriableError):
                return client.list_group_offsets([group]).get(group)

        found = until(offsets, what="the group has offsets")
    source.close()
    assert found[TopicPartition(log.tags, 0)].offset == 4


def test_added_partitions_are_read_from_their_start(log: EventLog) -> None:
    """A partition that is added while reading is read from its first event on, the others go on."""
    log.put(log.tag_events(2))
    source = log.source()
    drain(source, 2)

    with admin(log.servers) as client:
        client.create_partitions({log.tags: 3})
    log.put(log.tag_events(2), partition=2)
    log.put(log.tag_events(1), partition=0)
    records = drain(source, 3)

    source.close()
    assert sorted((r.partition, r.position) for r in records) == [
        (f"{log.tags}/0", 2),
        (f"{log.tags}/2", 0),
        (f"{log.tags}/2", 1),
    ]
    assert source.topic_ids[f"{log.tags}/2"] == source.topic_ids[f"{log.tags}/0"]


def test_a_dead_address_names_the_cause() -> None:
    """Where nothing listens, the error says so and is one that waiting may cure."""
    with pytest.raises(BrokerUnreachable, match="nothing listens at that address") as caught:
        KafkaSource(options_of(f"127.0.0.1:{free_port()}", bootstrap_timeout_ms=500), "p")

    assert caught.value.retriable


def test_positions_of_another_prefix_are_left_alone(log: EventLog) -> None:
    """Stored partitions that this source does not read neither stop it nor are read."""
    log.put(log.tag_events(1))
    source = log.source({"other.tags.v1/0": Position(99, "id")})

    records = drain(source, 1)

    source.close()
    assert [r.partition for r in records] == [f"{log.tags}/0"]


def test_a_topic_that_forgets_is_told_with_its_date(log: EventLog) -> None:
    """While reading goes on, finite retention is seen, and the moment from which the history cannot be rebuilt."""
    log.put(log.tag_events(2))
    change_config(log.servers, log.tags, {"retention.ms": str(7 * 86_400_000)})
    source = log.source()

    (found,) = until(lambda: source.shortfalls, what="the topic's retention")

    source.close()
    stamp_s = log.read_all(log.tags)[0].timestamp / 1000
    assert found.topic == log.tags
    assert found.from_s == pytest.approx(stamp_s + 7 * 86_400)
    assert "the history cannot be rebuilt from it" in found.text
