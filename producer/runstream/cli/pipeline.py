"""`topics`, `sync`, `token`: what keeps the pipe between journals, Kafka and readers in order."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict

from runstream.cli.exits import FAILED, OK
from runstream_schemas import settings
from runstream_schemas.errors import ConfigError, RunstreamError
from runstream_schemas.settings import Settings


class BrokerRefusedError(RunstreamError):
    """The broker answered, and said no."""

    def __init__(self, cause: Exception) -> None:
        self.cause = cause
        super().__init__(f"the broker refused: {cause}; ask its administrator, or check RUNSTREAM_KAFKA_USERNAME")


def brokers_settings() -> Settings:
    """
    Return the settings of a command that needs Kafka.

    Raises:
        ConfigError: RUNSTREAM_BROKERS is not set.
    """
    parsed = settings.parse(os.environ)
    if not parsed.brokers:
        raise ConfigError("RUNSTREAM_BROKERS", "", "is not set; give host:port of a Kafka broker")
    return parsed


def create_topics(options: argparse.Namespace) -> int:  # noqa: ARG001
    """Create what is missing and name it."""
    from kafka.errors import KafkaError

    from runstream import topics

    parsed = brokers_settings()
    try:
        made = topics.create(parsed.kafka_options(), parsed.topic_prefix)
    except KafkaError as error:
        raise BrokerRefusedError(error) from error
    for name in made:
        print(f"created {name}")
    if not made:
        print("all topics are there")
    return OK


def check_topics(options: argparse.Namespace) -> int:
    """Print what is wrong, errors first; end with 1 when events cannot be kept."""
    from runstream import topics

    parsed = brokers_settings()
    found = topics.check(parsed.kafka_options(), parsed.topic_prefix)
    for finding in found:
        print(json.dumps(asdict(finding)) if options.json else f"{finding.level}: {finding.text}")
    if not found and not options.json:
        print(f"the topics of {parsed.topic_prefix} are in order", file=sys.stderr)
    return FAILED if any(finding.level == "error" for finding in found) else OK
