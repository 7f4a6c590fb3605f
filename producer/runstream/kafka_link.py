"""One idempotent Kafka producer, checked before use and thrown away whole when anything is refused.

kafka-python's producer is dead for good after one refusal (a message too large, a missing permission), closes nothing
while the broker is away, and neither bounds nor refuses what it is given: the sender above counts bytes and replaces
links, this module hides how.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from runstream import topics
from runstream_schemas.broker import connect, force_close
from runstream_schemas.topics import Topic, topic_name

FRAME_HEADER: Final = "runstream.frame"
_SENDING: Final = {
    "acks": "all",
    "enable_idempotence": True,
    "allow_auto_create_topics": False,
    "max_in_flight_requests_per_connection": 5,
    "linger_ms": 0,
    "batch_size": 512 * 1024,
    "max_request_size": topics.MESSAGE_BYTES,
    "max_block_ms": 5_000,
    "request_timeout_ms": 10_000,
    "delivery_timeout_ms": 120_000,
    "metadata_max_age_ms": 30_000,
    # Counters of the client's own, which nobody reads: a tenth of its thread's time.
    "metrics_enabled": False,
}

Done = Callable[[BaseException | None], None]


def load() -> None:
    """Import all of the client that a link uses."""
    import kafka.admin
    import kafka.codec
    import kafka.partitioner.default  # noqa: F401


class Link:
    """A connection that takes events until something fails; then it is closed and another one is made."""

    def __init__(self, options: Mapping[str, Any], prefix: str) -> None:
        """Look at the topics, then connect; blocks for some seconds where no broker answers.

        Raises:
            BrokerUnreachable, TopicMissing, TopicTooSmall: events cannot be taken now.
        """
        from kafka import KafkaProducer
        from kafka.codec import has_zstd
        from kafka.errors import KafkaError

        with topics.admin_client(options) as client:
            terms = topics.require(client, prefix)
        self._n_partitions = terms.n_partitions
        self._names = {topic: topic_name(topic, prefix) for topic in Topic}
        self._partitions: dict[tuple[str, int], int] = {}
        compression = "zstd" if has_zstd() and not terms.compresses else None
        self._producer = connect(KafkaProducer, {**options, **_SENDING, "compression_type": compression}, KafkaError)
        # The library's own exit hook would close this before ours has waited for acknowledgements.
        getattr(self._producer, "_unregister_cleanup", lambda: None)()

    def send(self, topic: Topic, key: str, frame: int, value: bytes, done: Done) -> None:
        """Hand over one event; `done` is called in the client's thread, with None or with what went wrong.

        Raises:
            kafka.errors.KafkaError: the client does not take it (closed, too large, or no metadata in 5 s).
        """
        future = self._producer.send(
            self._names[topic],
            value=value,
            key=key.encode(),
            headers=[(FRAME_HEADER, b"%d" % frame)],
            partition=self._partition(key, self._n_partitions[topic]),
        )
        future.add_callback(lambda _: done(None))
        future.add_errback(done)

    def _partition(self, key: str, n_partitions: int) -> int:
        """Where the Java client would put this key; its hash in Python costs 6 us, so once a key."""
        found = self._partitions.get((key, n_partitions))
        if found is None:
            from kafka.partitioner.default import murmur2

            found = (murmur2(key.encode()) & 0x7FFFFFFF) % n_partitions
            self._partitions[key, n_partitions] = found
        return found

    def close(self) -> None:
        """Close, with the broker there or away; what was not acknowledged fails."""
        from kafka.errors import KafkaError

        force_close(self._producer, KafkaError)

    def abandon(self) -> None:
        """Forget the client without touching its connection, as a forked child must: its thread is not here."""
        self._producer._closed = True


def is_retriable(error: BaseException) -> bool:
    """Whether waiting may cure it (broker away, time-out), as opposed to a refusal."""
    from kafka.errors import IllegalStateError, RetriableError

    return isinstance(error, (RetriableError, IllegalStateError))
