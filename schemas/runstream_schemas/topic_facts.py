"""What a broker says of a topic, and what that means for building the history anew from it.

Commands of the producer and the running consumer both tell it, and never import each other; they hand in their Kafka
library, for none is imported here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

_SETTINGS: Final = ("retention.ms", "retention.bytes", "cleanup.policy", "max.message.bytes")


@dataclass(frozen=True, slots=True)
class TopicFacts:
    """What the broker says about one topic.

    Attributes:
        topic_id: changes when the topic is deleted and created again.
        retention_ms: -1 = for ever.
        oldest_ns: broker's stamp of the oldest event, None where the topic is empty.
        n_expired: events that are gone already.
    """

    name: str
    topic_id: str
    n_partitions: int
    replication_factor: int
    max_message_bytes: int
    retention_ms: int
    retention_bytes: int
    cleanup_policy: str
    oldest_ns: int | None
    n_expired: int


@dataclass(frozen=True, slots=True)
class Shortfall:
    """One reason why a topic cannot, or soon cannot, give the whole history again.

    Attributes:
        from_s: seconds since 1970 UTC from which it cannot; 0 = it cannot any more, None = nobody can tell when.
    """

    topic: str
    text: str
    from_s: float | None = None


def describe(kafka: Any, client: Any, names: Sequence[str]) -> dict[str, TopicFacts | None]:
    """Look at topics; None for one that does not exist.

    Args:
        kafka: the module of kafka-python, with `kafka.admin` imported.
        client: a `KafkaAdminClient` of it.
        names: of the topics.

    Raises:
        kafka.errors.KafkaError: the broker does not answer, or does not show topics to this login.
    """
    seen = {topic["name"]: topic for topic in client.describe_topics(list(names))}
    there = [name for name in names if name in seen and seen[name]["error_code"] == 0]
    resources = [kafka.admin.ConfigResource("TOPIC", name, dict.fromkeys(_SETTINGS)) for name in there]
    configs = client.describe_configs(resources, config_filter="all")["topic"] if there else {}
    facts: dict[str, TopicFacts | None] = dict.fromkeys(names)
    for name in there:
        facts[name] = _facts(kafka, client, seen[name], {key: row["value"] for key, row in configs[name].items()})
    return facts


def _facts(kafka: Any, client: Any, topic: Mapping[str, Any], config: Mapping[str, str]) -> TopicFacts:
    partitions = [kafka.TopicPartition(topic["name"], p["partition_index"]) for p in topic["partitions"]]
    firsts = client.list_partition_offsets(dict.fromkeys(partitions, kafka.admin.OffsetSpec.EARLIEST))
    oldest = client.list_partition_offsets(dict.fromkeys(partitions, 0))
    stamps = [row.timestamp for row in oldest.values() if row.timestamp >= 0]
    return TopicFacts(
        name=topic["name"],
        topic_id=str(topic["topic_id"]),
        n_partitions=len(partitions),
        replication_factor=min(len(p["replica_nodes"]) for p in topic["partitions"]),
        max_message_bytes=int(config["max.message.bytes"]),
        retention_ms=int(config["retention.ms"]),
        retention_bytes=int(config["retention.bytes"]),
        cleanup_policy=config["cleanup.policy"],
        oldest_ns=min(stamps) * 1_000_000 if stamps else None,
        n_expired=sum(row.offset for row in firsts.values()),
    )


def shortfalls(fact: TopicFacts, now_ns: int) -> Iterator[Shortfall]:
    """Tell what of a topic is gone, or will go, although building the history anew needs it."""
    if fact.n_expired:
        text = f"{fact.name} has lost its first {fact.n_expired:,} events: a rebuild from it is not complete any more"
        yield Shortfall(fact.name, text, 0.0)
    if fact.retention_ms >= 0:
        yield _expiry(fact, now_ns)
    if fact.retention_bytes >= 0:
        text = f"{fact.name} keeps {fact.retention_bytes:,} bytes a partition (retention.bytes); set it to -1"
        yield Shortfall(fact.name, text)


def _expiry(fact: TopicFacts, now_ns: int) -> Shortfall:
    kept = timedelta(milliseconds=fact.retention_ms)
    from_s = (now_ns if fact.oldest_ns is None else fact.oldest_ns) / 1e9 + kept.total_seconds()
    gone = datetime.fromtimestamp(from_s, UTC)
    text = (
        f"{fact.name} keeps events for {kept} (retention.ms): from {gone:%Y-%m-%d %H:%M} UTC the history cannot be "
        "rebuilt from it; set retention.ms=-1"
    )
    return Shortfall(fact.name, text, from_s)
