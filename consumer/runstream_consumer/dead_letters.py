"""What could not be read or folded: a row in the history, and a record on "<topic>.dlq".

The row is written in the fold's own transaction, so it is there exactly once. The record on Kafka goes out before that
commit: after a crash it may be there twice, never not at all. Its headers have Kafka Connect's names, so that tools for
those dead letters work on ours.

There is no way of putting one back: the event still lies in the log at its own place, so that a history that is built
anew by a runstream which can read it has it there, once, and in its order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import structlog

from runstream_consumer.kafka_letterbox import Message
from runstream_consumer.kafka_watch import number_of_partition, topic_of_partition
from runstream_consumer.source import Record, Undecodable
from runstream_consumer.store import DeadLetter
from runstream_schemas.topics import Topic, dead_letter_name

CONNECT: Final = "__connect.errors."
_STAGES: Final = {"source": "KAFKA_CONSUME", "decode": "VALUE_CONVERTER", "fold": "TASK_PUT"}
_log = structlog.get_logger(__name__)


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
        run_id=_run_id(record),
        stage=stage,
        error_type="Refused" if isinstance(error, str) else type(error).__name__,
        error_message=str(error),
        value=record.value,
    )


def _run_id(record: Record) -> str | None:
    """The run, which the key names, but for the catalog: there it names what the event is about."""
    return None if record.topic is Topic.CATALOG else record.key.decode("utf-8", "replace") or None


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
