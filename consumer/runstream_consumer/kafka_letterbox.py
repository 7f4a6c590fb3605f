"""Records put aside onto dead-letter topics.

A client of its own, and not an idempotent one: a refused record ends an idempotent producer of kafka-python for good,
and a dead letter that arrives twice does no harm.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from runstream_schemas.broker import connect, force_close
from runstream_schemas.errors import BrokerUnreachable

_SENDING: Final = {
    "acks": "all",
    "enable_idempotence": False,
    "allow_auto_create_topics": False,
    "max_request_size": 4 * 1024 * 1024,
    "max_block_ms": 2_000,
    "request_timeout_ms": 4_000,
    "delivery_timeout_ms": 5_000,
}
_PATIENCE_S: Final = 6.0
_MUTE_S: Final = 60.0
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Message:
    """A record for a topic; `partition` None = where its key belongs."""

    topic: str
    partition: int | None
    key: bytes | None
    value: bytes = field(repr=False)
    headers: list[tuple[str, bytes]]


class KafkaLetterbox:
    """Writes to dead-letter topics; connects at the first use."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Keep the options: `Settings.kafka_options()`."""
        self._options = options
        self._producer: Any = None
        self._muted_until_s = 0.0

    def put(self, messages: Sequence[Message]) -> int:
        """Send messages, wait some seconds for the broker, and return how many it took.

        After a failure nothing is tried for a minute: a missing topic must not slow the fold down with every batch.
        """
        from kafka.errors import KafkaError

        if time.monotonic() < self._muted_until_s:
            return 0
        try:
            if self._producer is None:
                self._producer = self._connect()
            futures = [
                self._producer.send(m.topic, value=m.value, key=m.key, headers=m.headers, partition=m.partition)
                for m in messages
            ]
            deadline_s = time.monotonic() + _PATIENCE_S
            n_taken = sum(_is_taken(future, deadline_s) for future in futures)
        except (KafkaError, BrokerUnreachable, ValueError) as error:
            _log.warning("dead letters cannot be sent", cause=str(error))
            n_taken = 0
        if n_taken < len(messages):
            self._muted_until_s = time.monotonic() + _MUTE_S
            self._drop_producer()
        return n_taken

    def close(self) -> None:
        """Let go of the connection."""
        self._drop_producer()

    def _connect(self) -> Any:
        from kafka import KafkaProducer
        from kafka.errors import KafkaError

        return connect(KafkaProducer, {**self._options, **_SENDING}, KafkaError)

    def _drop_producer(self) -> None:
        from kafka.errors import KafkaError

        producer, self._producer = self._producer, None
        if producer is not None:
            force_close(producer, KafkaError)


def _is_taken(future: Any, deadline_s: float) -> bool:
    from kafka.errors import KafkaError

    try:
        future.get(timeout=max(0.0, deadline_s - time.monotonic()))
    except KafkaError as error:
        _log.warning("a dead letter was refused", cause=repr(error))
        return False
    return True
