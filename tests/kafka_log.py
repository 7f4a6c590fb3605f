"""A small hand on a real broker for tests: topics, events put in with a plain client, and everything read back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from runstream import topics
from runstream_consumer.kafka_source import KafkaSource
from runstream_consumer.source import Position, Record
from runstream_schemas.codec import decode, encode
from runstream_schemas.events import TagEvent
from runstream_schemas.ids import new_producer_id
from runstream_schemas.topics import Topic, topic_name
from tests.broker import Broker, GivenBroker
from tests.waiting import until

N_PARTITIONS = 2


def options_of(servers: str, bootstrap_timeout_ms: int = 5000) -> dict[str, Any]:
    """What `Settings.kafka_options()` gives for a broker without security."""
    return {
        "bootstrap_servers": servers,
        "bootstrap_timeout_ms": bootstrap_timeout_ms,
        "reconnect_backoff_max_ms": 1000,
    }


class EventLog:
    """The topics of one prefix on one broker.

    Attributes:
        tags: the name of the tag topic, which most tests use.
    """

    def __init__(self, servers: str, prefix: str) -> None:
        self.servers, self.prefix = servers, prefix
        self.options = options_of(servers)
        self.tags = topic_name(Topic.TAGS, prefix)
        self.producer_id = new_producer_id()
        self._sequence = 0

    def create(self) -> EventLog:
        """Create the topics, with few partitions."""
        topics.create(self.options, self.prefix, N_PARTITIONS)
        return self

    def tag_events(self, n: int) -> list[bytes]:
        """Encode `n` further tag events of this log's producer."""
        events = []
        for _ in range(n):
            event = TagEvent("run", self.producer_id, self._sequence, self._sequence, "k", str(self._sequence), False)
            events.append(encode(event))
            self._sequence += 1
        return events

    def put(self, values: Sequence[bytes | None], topic: str | None = None, partition: int = 0) -> None:
        """Append values to one partition and wait until the broker has them."""
        producer = KafkaProducer(**self.options, acks="all", allow_auto_create_topics=False)
        futures = [producer.send(topic or self.tags, value=value, key=b"run", partition=partition) for value in values]
        for future in futures:
            future.get(timeout=30)
        producer.close(5)

    def read_all(self, topic: str) -> list[Any]:
        """Every record of a topic, by partition and offset."""
        consumer = KafkaConsumer(**self.options, auto_offset_reset="earliest", enable_auto_commit=False)
        partitions = [TopicPartition(topic, n) for n in sorted(consumer.partitions_for_topic(topic) or ())]
        consumer.assign(partitions)
        consumer.seek_to_beginning()
        ends = consumer.end_offsets(partitions)
        found: list[Any] = []

        def all_read() -> bool:
            found.extend(_polled(consumer))
            return _is_at(consumer, ends)

        until(all_read, what="all records were read")
        consumer.close()
        return sorted(found, key=lambda record: (record.partition, record.offset))

    def source(self, positions: Mapping[str, Position] | None = None, watch_every_s: float = 0.2) -> KafkaSource:
        """Start a source behind `positions`."""
        source = KafkaSource(self.options, self.prefix, watch_every_s)
        try:
            source.start(positions or {})
        except BaseException:
            source.close()
            raise
        return source


@pytest.fixture
def log(broker: Broker | GivenBroker, topic_prefix: str) -> EventLog:
    """Give the topics of this test on the shared broker."""
    return EventLog(broker.servers, topic_prefix).create()


def _polled(consumer: KafkaConsumer) -> list[Any]:
    return [record for records in consumer.poll(timeout_ms=200).values() for record in records]


def _is_at(consumer: KafkaConsumer, ends: Mapping[TopicPartition, int]) -> bool:
    return all(consumer.position(tp) >= end for tp, end in ends.items())


def drain(source: KafkaSource, n: int) -> list[Record]:
    """Poll until `n` records have come (or more at once), as the consumer's loop does."""
    found: list[Record] = []

    def enough() -> bool:
        found.extend(source.poll(max_bytes=1 << 20, timeout_s=0.1))
        return len(found) >= n

    until(enough, what=f"{n} records came")
    return found


def positions_after(source: KafkaSource, records: Sequence[Record]) -> dict[str, Position]:
    """What a store holds after folding `records`: position, topic id, and which event was the last."""
    stored = {}
    for record in records:
        event = decode(record.value)
        stored[record.partition] = Position(
            record.position + 1, source.topic_ids[record.partition], event.producer_id, event.sequence
        )
    return stored
