"""Topics: what goes where. The key is the run id, so that one run stays on one partition number; catalog.py
holds what belongs to no run.
"""

from __future__ import annotations

from enum import IntEnum

PARTITIONS = 12
"""Partitions of every topic: the same everywhere, so that one consumer gets all topics of a run."""

VERSION = 1


class Topic(IntEnum):
    """The streams of events; the number stands in journal frames and in the table `batch`."""

    RUNS = 1
    METRICS = 2
    TAGS = 3
    ARTIFACTS = 4
    LOGS = 5
    CATALOG = 6


def topic_name(topic: Topic, prefix: str = "runstream") -> str:
    """The Kafka name of a topic, such as `runstream.metrics.v1`."""
    return f"{prefix}.{topic.name.lower()}.v{VERSION}"


def topic_of(name: str, prefix: str = "runstream") -> Topic:
    """The topic with this Kafka name.

    Raises:
        ValueError: no topic of ours has this name under this prefix.
    """
    for topic in Topic:
        if topic_name(topic, prefix) == name:
            return topic
    raise ValueError(f"{name!r} is no topic of runstream with the prefix {prefix!r}")


def dead_letter_name(name: str) -> str:
    """The topic that takes what could not be decoded or folded from topic `name`."""
    return f"{name}.dlq"
