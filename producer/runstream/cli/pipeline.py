"""`topics`, `sync`, `token`: what keeps the pipe between journals, Kafka and readers in order."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
from dataclasses import asdict

from runstream import sender
from runstream.cli.exits import FAILED, OK, TRY_AGAIN
from runstream.cli.processes import require
from runstream.outbox import Archive
from runstream_schemas import settings
from runstream_schemas.errors import ConfigError, RunstreamError
from runstream_schemas.home import Home
from runstream_schemas.recovery import recover
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


def sync(options: argparse.Namespace) -> int:
    """Complete and hand on what dead processes left in this home; say how much, and what is still to do."""
    parsed = settings.parse(os.environ)
    home = Home(parsed.home)
    if parsed.brokers:
        archive = _archive() if options.to_kafka else None
        done = sender.sync(parsed, home, to_kafka=options.to_kafka, timeout_s=options.timeout, archive=archive)
        return _sent(done, home)
    if options.to_kafka:
        brokers_settings()
    n_recovered = sum(recover(folder) is not None for folder in home.producers())
    print(f"recovered the journals of {n_recovered} dead processes in {home.journal_dir}")
    return _folded()


def _archive() -> Archive | None:
    """Where a consumer of this home has put folded journals; without its extra nothing can have been archived here."""
    if importlib.util.find_spec("zstandard") is None or importlib.util.find_spec("numpy") is None:
        return None
    from runstream_consumer import archive

    return archive


def _sent(done: sender.Synced, home: Home) -> int:
    print(f"sent {done.n_sent:,} events of {done.n_producers} journals")
    if not done.n_unfinished:
        return OK
    why = f": {done.trouble}" if done.trouble else "; call it again, or raise --timeout"
    print(f"runstream: {done.n_unfinished} journals are not wholly sent{why}", file=sys.stderr)
    print(f"runstream: nothing is lost, they stay in {home.journal_dir}", file=sys.stderr)
    return FAILED if done.trouble and not done.trouble.retriable else TRY_AGAIN


def _folded() -> int:
    if importlib.util.find_spec("duckdb") is None:
        print("they are folded by whoever reads this home: runstream[consumer] is not installed here")
        return OK
    from runstream_consumer.history import connect

    # Whoever opens an embedded history folds what the journals hold first, or asks the consumer that does.
    with connect() as past:
        seen = past.watermark()
    print(f"the history holds {seen.n_events:,} events")
    return OK


def token(options: argparse.Namespace) -> int:
    """Print the token on standard output, for a file or a secret store."""
    require("`runstream token`", "consumer", "duckdb")
    from runstream_consumer.serve import read_or_make_token, read_server

    home = Home(settings.parse(os.environ).home)
    print(read_or_make_token(home, rotate=options.rotate))
    if options.rotate and read_server(home):
        print("runstream: the running consumer takes the new token when it is started again", file=sys.stderr)
    return OK
