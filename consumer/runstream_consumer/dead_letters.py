"""What could not be read or folded: a row in the history, a record on "<topic>.dlq", and the way back.

The row is written in the fold's own transaction, so it is there exactly once. The record on Kafka goes out before that
commit: after a crash it may be there twice, never not at all. Its headers have Kafka Connect's names, so that tools for
those dead letters work on ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from runstream_consumer.kafka_letterbox import Message
from runstream_consumer.kafka_watch import number_of_partition, topic_of_partition
from runstream_consumer.source import Record, Undecodable
from runstream_consumer.store import DeadLetter
from runstream_schemas.codec import decode
from runstream_schemas.errors import DecodeError
from runstream_schemas.topics import dead_letter_name

CONNECT: Final = "__connect.errors."
REPLAYED_HEADER: Final = "runstream.replayed"
_STAGES: Final = {"source": "KAFKA_CONSUME", "decode": "VALUE_CONVERTER", "fold": "TASK_PUT"}
_log = structlog.get_logger(__name__)


class Letterbox(Protocol):
    """Dead-letter topics to write to and read from; `KafkaLetterbox` is one."""

    def put(self, messages: Sequence[Message]) -> int:
        """Send messages; returns how many were taken."""

    def read(self, topics: Sequence[str]) -> Iterator[Message]:
        """Everything these topics hold now."""


def of_record(record: Record, stage: str, error: Exception | str) -> DeadLetter:
    """The dead letter of a record that could not be decoded or folded.

    Args:
        record: as the source gave it.
        stage: "decode" or "fold".
        error: why; the fold gives its reason as text.
    """
    return DeadLetter(
        received_at_us=record.received_at_ns // 1000,
        topic=record.topic.name.lower(),
        partition=record.partition,
        position=record.position,
        next_position=record.position + 1,
        run_id=record.key.decode("utf-8", "replace") or None,
        stage=stage,
        error_type="Refused" if isinstance(error, str) else type(error).__name__,
        error_message=str(error),
        value=record.value,
    )


def of_damage(stretch: Undecodable, received_at_us: int) -> DeadLetter:
    """The dead letter of a damaged stretch of a journal."""
    return DeadLetter(
        received_at_us=received_at_us,
        topic="",
        partition=stretch.partition,
        position=stretch.position,
        next_position=stretch.next_position,
        run_id=stretch.run_id,
        stage="source",
        error_type="SegmentDamaged",
        error_message=stretch.reason,
        value=stretch.value,
        segment=stretch.segment,
        segment_offset=stretch.offset,
    )


def message(letter: DeadLetter) -> Message:
    """A dead letter as a Kafka record: same key, same bytes, and in the headers where it came from and why."""
    topic = topic_of_partition(letter.partition)
    texts = {
        "topic": topic,
        "partition": str(number_of_partition(letter.partition)),
        "offset": str(letter.position),
        "connector.name": "runstream",
        "task.id": "0",
        "stage": _STAGES[letter.stage],
        "exception.class.name": letter.error_type,
        "exception.message": letter.error_message,
        "exception.stacktrace": f"{letter.error_type}: {letter.error_message}",
    }
    headers = [(CONNECT + name, text.encode()) for name, text in texts.items()]
    key = letter.run_id.encode() if letter.run_id is not None else None
    return Message(dead_letter_name(topic), None, key, letter.value, headers)


def publish(source: object, letters: Sequence[DeadLetter]) -> int:
    """Send dead letters to their topics, where the source has such; call it before the commit that stores them.

    A failure is told and is no error: the rows in the history are the record.

    Returns:
        How many could not be sent.
    """
    put_aside: Callable[[Sequence[Message]], int] | None = getattr(source, "put_aside", None)
    if put_aside is None or not letters:
        return 0
    n_failed = len(letters) - put_aside([message(letter) for letter in letters])
    if n_failed:
        _log.warning("dead letters are in the history only, not on their topics", n_letters=n_failed)
    return n_failed


@dataclass(frozen=True, slots=True)
class Replayed:
    """What `replay` did: records put back where they came from, and those that still cannot be decoded."""

    n_replayed: int
    n_refused: int


def replay(letterbox: Letterbox, topics: Sequence[str]) -> Replayed:
    """Put the dead letters of `topics` back, those that this version of runstream can decode.

    Worth it after an upgrade that knows more schemas. The fold knows an event by its sequence, so that replaying twice
    changes nothing. With embedded journals there is nothing to replay: rebuilding the history reads them again.
    """
    n_replayed = n_refused = 0
    for dead in letterbox.read([dead_letter_name(topic) for topic in topics]):
        headers = dict(dead.headers)
        if headers.get(CONNECT + "stage") != _STAGES["decode"].encode():
            continue
        try:
            decode(dead.value)
        except DecodeError:
            n_refused += 1
            continue
        topic, partition = headers[CONNECT + "topic"].decode(), int(headers[CONNECT + "partition"])
        back = Message(topic, partition, dead.key, dead.value, [(REPLAYED_HEADER, dead.topic.encode())])
        n_replayed += letterbox.put([back])
    return Replayed(n_replayed, n_refused)
