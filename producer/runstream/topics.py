"""The Kafka topics: create them, look at them, say what is wrong with them.

Commands and the sender use this; nothing here runs in the training code's threads.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal

from runstream_schemas.broker import connect
from runstream_schemas.errors import TopicMissing, TopicTooSmall
from runstream_schemas.topic_facts import TopicFacts, describe, shortfalls
from runstream_schemas.topics import PARTITIONS, Topic, dead_letter_name, topic_name

MESSAGE_BYTES: Final = 1024 * 1024
"""What every topic must take: the largest event (512 KiB) with room to spare."""

#: Time as the broker saw it: a producer whose clock is wrong is not refused, and a rebuild gives the same stamps.
#: The broker compresses, so that training processes need not: 0.08 us a point there, 0.03 us here.
_EVENTS: Final = {
    "compression.type": "zstd",
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "cleanup.policy": "delete",
    "max.message.bytes": str(MESSAGE_BYTES),
    "message.timestamp.type": "LogAppendTime",
}
#: A dead letter is a message that was let in once, with headers on top.
_DEAD_LETTERS: Final = {**_EVENTS, "max.message.bytes": str(2 * MESSAGE_BYTES)}


@dataclass(frozen=True, slots=True)
class Terms:
    """How the broker takes events.

    Attributes:
        n_partitions: of each topic.
        compresses: the broker does it for all topics, whatever it is sent; otherwise it keeps what it gets.
    """

    n_partitions: Mapping[Topic, int]
    compresses: bool


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing about the topics that a person should know.

    Attributes:
        level: "error" = events cannot be kept or folded; "warning" = they will be lost later, or a rebuild will fail.
    """

    level: Literal["error", "warning"]
    topic: str
    text: str


def event_topics(prefix: str) -> list[str]:
    """The Kafka names of the five event topics."""
    return [topic_name(topic, prefix) for topic in Topic]


def create(options: Mapping[str, Any], prefix: str, n_partitions: int = PARTITIONS) -> list[str]:
    """Create the topics that are missing, dead-letter topics included; existing ones stay as they are.

    Returns:
        The names of those that were created.

    Raises:
        BrokerUnreachable: no broker answers.
        kafka.errors.KafkaError: the broker refused (for example: no permission).
    """
    wanted = dict.fromkeys(event_topics(prefix), _EVENTS)
    wanted |= {dead_letter_name(name): _DEAD_LETTERS for name in event_topics(prefix)}
    with admin_client(options) as client:
        missing = [t["name"] for t in client.describe_topics(list(wanted)) if t["error_code"] == _UNKNOWN_TOPIC]
        if not missing:
            return []
        request = {
            name: {"num_partitions": n_partitions, "replication_factor": -1, "configs": wanted[name]}
            for name in missing
        }
        answer = client.create_topics(request, wait_for_metadata=True, raise_errors=False)
        return [topic["name"] for topic in answer["topics"] if not _refused(topic)]


_UNKNOWN_TOPIC: Final = 3
_TOPIC_EXISTS: Final = 36
_AS_SENT: Final = ("producer", "uncompressed")


def _refused(topic: Mapping[str, Any]) -> bool:
    """Whether another process was faster; any other error is raised."""
    from kafka.errors import for_code

    code = topic["error_code"]
    if code not in {0, _TOPIC_EXISTS}:
        raise for_code(code)(f"{topic['name']}: {topic.get('error_message') or ''}")
    return bool(code)


def require(client: Any, prefix: str) -> Terms:
    """Make sure that the broker will take every event, before the first is sent; returns how it takes them.

    Raises:
        TopicMissing: a topic does not exist.
        TopicTooSmall: a topic's `max.message.bytes` is below what an event may need: one refused record ends an
            idempotent kafka-python producer for good.
    """
    from kafka.admin import ConfigResource

    names = event_topics(prefix)
    seen = {topic["name"]: topic for topic in client.describe_topics(names)}
    for name in names:
        if name not in seen or seen[name]["error_code"] == _UNKNOWN_TOPIC:
            raise TopicMissing(topic=name)
    wanted = {"max.message.bytes": None, "compression.type": None}
    resources = [ConfigResource("TOPIC", name, wanted) for name in names]
    configs = client.describe_configs(resources, config_filter="all")["topic"]
    for name, config in configs.items():
        limit = int(config["max.message.bytes"]["value"])
        if limit < MESSAGE_BYTES:
            raise TopicTooSmall(topic=name, limit=limit, needed=MESSAGE_BYTES)
    n_partitions = {topic: len(seen[topic_name(topic, prefix)]["partitions"]) for topic in Topic}
    compresses = all(config["compression.type"]["value"] not in _AS_SENT for config in configs.values())
    return Terms(n_partitions, compresses)


def check(options: Mapping[str, Any], prefix: str) -> list[Finding]:
    """Look at all event topics and judge them; an empty list means that all is well.

    Raises:
        BrokerUnreachable: no broker answers.
    """
    import kafka.admin

    with admin_client(options) as client:
        facts = describe(kafka, client, event_topics(prefix))
    return judge(facts, time.time_ns())


def judge(facts: Mapping[str, TopicFacts | None], now_ns: int) -> list[Finding]:
    """Say what is wrong with topics; errors first."""
    found: list[Finding] = []
    for name, fact in facts.items():
        if fact is None:
            found.append(Finding("error", name, str(TopicMissing(topic=name))))
        else:
            found.extend(_judged(fact, now_ns))
    counts = {fact.name: fact.n_partitions for fact in facts.values() if fact is not None}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{name} {n}" for name, n in counts.items())
        text = f"the topics differ in partitions ({listed}); give all the same number, so that a run stays together"
        found.append(Finding("warning", next(iter(counts)), text))
    return sorted(found, key=lambda finding: finding.level)


def _judged(fact: TopicFacts, now_ns: int) -> Iterator[Finding]:
    if fact.max_message_bytes < MESSAGE_BYTES:
        error = TopicTooSmall(topic=fact.name, limit=fact.max_message_bytes, needed=MESSAGE_BYTES)
        yield Finding("error", fact.name, str(error))
    if fact.cleanup_policy != "delete":
        text = f"{fact.name} has cleanup.policy={fact.cleanup_policy}, which removes events; set it to delete"
        yield Finding("error", fact.name, text)
    for lack in shortfalls(fact, now_ns):
        yield Finding("warning", fact.name, lack.text)


def checksums_are_native() -> bool:
    """Whether kafka-python computes checksums in C: in Python a message of 100 kB holds the interpreter for 13 ms."""
    import kafka.record.util as record_util

    slow = getattr(record_util, "crc32c_py", None)
    return slow is not None and getattr(record_util, "_crc32c", slow) is not slow


@contextmanager
def admin_client(options: Mapping[str, Any]) -> Iterator[Any]:
    """An admin client for one use: one that lived through a broker's restart fails at its next call.

    Raises:
        BrokerUnreachable: no broker answers.
    """
    from kafka.admin import KafkaAdminClient
    from kafka.errors import KafkaError

    client = connect(KafkaAdminClient, {**options, "request_timeout_ms": 10_000}, KafkaError)
    try:
        yield client
    finally:
        client.close()
