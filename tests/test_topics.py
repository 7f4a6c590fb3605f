"""Creating the Kafka topics and judging those that are there."""

from __future__ import annotations

import threading
from dataclasses import asdict, replace

import kafka.admin
import pytest
from kafka import TopicPartition
from kafka.errors import KafkaError, PolicyViolationError

from runstream import topics
from runstream.topics import Finding, judge
from runstream_schemas.broker import connect, explained
from runstream_schemas.errors import BrokerMismatch, BrokerUnreachable, TopicMissing, TopicTooSmall
from runstream_schemas.topic_facts import TopicFacts, describe
from runstream_schemas.topics import PARTITIONS, Topic, dead_letter_name, topic_name
from tests.broker import Broker, GivenBroker, admin, change_config, free_port
from tests.kafka_log import N_PARTITIONS, EventLog, options_of

DAY_MS = 86_400_000
GOOD = TopicFacts("t", "id", 12, 1, topics.MESSAGE_BYTES, -1, -1, "delete", None, 0)


@pytest.fixture
def log(broker: Broker | GivenBroker, topic_prefix: str) -> EventLog:
    """Give a prefix on the shared broker whose topics do not exist yet."""
    return EventLog(broker.servers, topic_prefix)


def texts(*facts: TopicFacts, now_ns: int = 0) -> list[tuple[str, str]]:
    """Level and text of what is found about topics."""
    return [(f.level, f.text) for f in judge({fact.name: fact for fact in facts}, now_ns)]


def test_a_good_topic_is_not_talked_about() -> None:
    """Nothing is found about topics that are as `topics create` makes them."""
    assert texts(GOOD, replace(GOOD, name="u")) == []


def test_a_missing_topic_names_the_command() -> None:
    """A topic that is not there is an error with the command that creates it."""
    found = judge({"runstream.runs.v1": None}, 0)

    assert [(f.level, f.topic) for f in found] == [("error", "runstream.runs.v1")]
    assert "runstream topics create" in found[0].text


def test_a_small_limit_is_an_error() -> None:
    """A topic that cannot take the largest event ends a producer: told before it happens."""
    assert texts(replace(GOOD, max_message_bytes=1000))[0][0] == "error"


def test_compaction_is_an_error() -> None:
    """Compaction keeps one event a run."""
    level, text = texts(replace(GOOD, cleanup_policy="compact"))[0]

    assert level == "error"
    assert "cleanup.policy=compact" in text


def test_finite_retention_tells_the_date() -> None:
    """With finite retention the warning names the moment from which a rebuild is not complete any more."""
    oldest_ns = 1_790_000_000 * 10**9

    level, text = texts(replace(GOOD, retention_ms=7 * DAY_MS, oldest_ns=oldest_ns))[0]

    assert level == "warning"
    assert "from 2026-09-28 14:13 UTC" in text


def test_events_already_gone_are_told() -> None:
    """A topic that does not begin at offset 0 cannot rebuild the history."""
    assert "lost its first 1,234 events" in texts(replace(GOOD, n_expired=1234))[0][1]


def test_a_size_limit_is_told() -> None:
    """Retention by size loses events as well."""
    assert "retention.bytes" in texts(replace(GOOD, retention_bytes=10**9))[0][1]


def test_unequal_partition_counts_are_told() -> None:
    """One run has to stay on one partition number in all topics."""
    level, text = texts(GOOD, replace(GOOD, name="u", n_partitions=6))[0]

    assert level == "warning"
    assert "t 12, u 6" in text


def test_errors_come_first() -> None:
    """Whoever reads only the first line reads the worst."""
    found = texts(replace(GOOD, retention_ms=DAY_MS), replace(GOOD, name="u", cleanup_policy="compact"))

    assert [level for level, _ in found] == ["error", "warning"]


@pytest.mark.kafka
def test_created_topics_keep_events_for_ever(log: EventLog) -> None:
    """`create` makes the five topics and their dead-letter topics: 12 partitions, no retention, 1 MiB."""
    made = topics.create(log.options, log.prefix)

    names = [topic_name(topic, log.prefix) for topic in Topic]
    assert sorted(made) == sorted([*names, *map(dead_letter_name, names)])
    with topics.admin_client(log.options) as client:
        facts = describe(kafka, client, names)
    for fact in facts.values():
        assert fact is not None
        assert (fact.n_partitions, fact.max_message_bytes, fact.retention_ms, fact.retention_bytes) == (
            PARTITIONS,
            1 << 20,
            -1,
            -1,
        )
        assert (fact.cleanup_policy, fact.oldest_ns, fact.n_expired) == ("delete", None, 0)
    assert topics.check(log.options, log.prefix) == []


@pytest.mark.kafka
def test_creating_again_changes_nothing(log: EventLog) -> None:
    """Topics that are there stay as they are, and are not named as created."""
    topics.create(log.options, log.prefix, N_PARTITIONS)

    assert topics.create(log.options, log.prefix, 5) == []
    with topics.admin_client(log.options) as client:
        fact = describe(kafka, client, [log.tags])[log.tags]
    assert fact is not None
    assert fact.n_partitions == N_PARTITIONS


@pytest.mark.kafka
def test_two_creators_at_once_both_succeed(log: EventLog) -> None:
    """Whoever is second finds the topics there; neither fails."""
    made: list[list[str]] = []
    threads = [
        threading.Thread(target=lambda: made.append(topics.create(log.options, log.prefix, N_PARTITIONS)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(made) == 3
    assert sorted(name for names in made for name in names) == sorted(
        [topic_name(topic, log.prefix) + end for topic in Topic for end in ("", ".dlq")]
    )


@pytest.mark.kafka
def test_check_sees_what_the_broker_has(log: EventLog) -> None:
    """Retention, limit and lost events are read from the broker itself."""
    log.create()
    log.put(log.tag_events(5))
    with admin(log.servers) as client:
        client.delete_records({TopicPartition(log.tags, 0): 2})
    change_config(log.servers, log.tags, {"retention.ms": str(30 * DAY_MS), "max.message.bytes": "5000"})

    found = topics.check(log.options, log.prefix)

    assert [(f.level, f.topic) for f in found] == [("error", log.tags), ("warning", log.tags), ("warning", log.tags)]
    assert "takes messages of 5,000 bytes" in found[0].text
    assert "lost its first 2 events" in found[1].text
    assert "30 days" in found[2].text


@pytest.mark.kafka
def test_require_refuses_what_the_broker_would_refuse(log: EventLog) -> None:
    """Before the first event: a missing topic, then a limit below the largest event."""
    with topics.admin_client(log.options) as client:
        with pytest.raises(TopicMissing):
            topics.require(client, log.prefix)
        log.create()
        assert topics.require(client, log.prefix) == topics.Terms(dict.fromkeys(Topic, N_PARTITIONS), compresses=True)
        change_config(log.servers, log.tags, {"max.message.bytes": "1000"})
        with pytest.raises(TopicTooSmall) as caught:
            topics.require(client, log.prefix)

    assert (caught.value.topic, caught.value.limit) == (log.tags, 1000)


@pytest.mark.kafka
def test_topics_that_keep_what_they_get_are_sent_compressed_events(log: EventLog) -> None:
    """One topic that somebody made with the broker's defaults, and the producer compresses itself."""
    log.create()
    change_config(log.servers, log.tags, {"compression.type": "producer"})

    with topics.admin_client(log.options) as client:
        assert not topics.require(client, log.prefix).compresses


@pytest.mark.kafka
@pytest.mark.parametrize(
    ("options", "cause"),
    [
        ({"security_protocol": "SSL"}, "does not speak TLS"),
        (
            {
                "security_protocol": "SASL_PLAINTEXT",
                "sasl_mechanism": "PLAIN",
                "sasl_plain_username": "a",
                "sasl_plain_password": "b",
            },
            "expects no login",
        ),
    ],
)
def test_a_wrong_protocol_is_told_from_a_dead_broker(
    broker: Broker | GivenBroker, options: dict[str, str], cause: str
) -> None:
    """The client reports all failures alike; our error says what is likely wrong."""
    given = options_of(broker.servers, bootstrap_timeout_ms=1000) | options

    with pytest.raises(BrokerMismatch, match=cause) as caught:
        topics.check(given, "p")

    assert not caught.value.retriable


def test_a_failed_connection_leaves_nothing_behind() -> None:
    """The client's constructor leaks a thread and descriptors when it fails; ours gives them back."""
    from kafka.admin import KafkaAdminClient

    options = options_of(f"127.0.0.1:{free_port()}", bootstrap_timeout_ms=100)

    def attempt() -> int:
        with pytest.raises(BrokerUnreachable):
            connect(KafkaAdminClient, options, KafkaError)
        return threading.active_count()

    first = attempt()
    counts = {attempt() for _ in range(3)}

    assert counts == {first}
    assert not [t for t in threading.enumerate() if t.name.startswith("kafka-io-kafka-python-admin")]


def test_an_unknown_failure_keeps_the_log_lines() -> None:
    """Where no cause is known the client's own lines are all there is."""
    assert explained({}, ["one", "two"]).log_lines == ("one", "two")
    assert explained({}, ["gaierror", "DNS lookup failed for x"]).log_lines == (
        "the host name is not known here",
        "DNS lookup failed for x",
    )


def test_a_broker_that_goes_down_in_a_handshake_is_waited_for() -> None:
    """What looks like a wrong protocol beside a refused connection may pass; alone it does not."""
    assert not explained({}, ["UNEXPECTED_EOF_WHILE_READING"]).retriable
    assert explained({}, ["UNEXPECTED_EOF_WHILE_READING", "ECONNREFUSED"]).retriable


def test_other_errors_pass_through() -> None:
    """What is no failure to connect keeps its own type."""
    from kafka.admin import KafkaAdminClient

    with pytest.raises(TypeError):
        connect(KafkaAdminClient, {"bootstrap_servers": 5}, PolicyViolationError)


def test_checksums_are_computed_in_c() -> None:
    """The base install brings the wheel without which 100 kB hold the interpreter for 13 ms."""
    assert topics.checksums_are_native()


def test_findings_are_plain_data() -> None:
    """Commands print them, as text or JSON."""
    assert asdict(Finding("error", "t", "x")) == {"level": "error", "topic": "t", "text": "x"}
