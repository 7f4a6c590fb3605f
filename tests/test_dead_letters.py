"""What cannot be read or folded: the row, the record on the dead-letter topic, and a rebuild that can read it."""

from __future__ import annotations

from pathlib import Path

import pytest

from runstream_consumer import dead_letters, loop
from runstream_consumer.dead_letters import of_damage, of_record, publish
from runstream_consumer.journal_source import JournalSource
from runstream_consumer.kafka_letterbox import KafkaLetterbox, Message
from runstream_consumer.kafka_source import KafkaSource
from runstream_consumer.loop import Pipeline
from runstream_consumer.source import Record, Source, Undecodable
from runstream_consumer.store import Store
from runstream_schemas.codec import decode
from runstream_schemas.errors import DecodeError
from runstream_schemas.events import Event, TagEvent
from runstream_schemas.home import Home
from runstream_schemas.topics import Topic
from tests.broker import Broker, GivenBroker, change_config
from tests.kafka_log import EventLog, drain
from tests.outbox_writer import Writer
from tests.waiting import until

RECORD = Record(Topic.TAGS, "runstream.tags.v1/3", 41, b"bad", b"run-1", 1_000_000)


def test_a_record_becomes_a_row() -> None:
    """The row says where the bytes came from, why they are there, and where reading goes on."""
    letter = of_record(RECORD, "decode", DecodeError("TagEvent", "x", "no magic"))

    assert (letter.topic, letter.partition, letter.position, letter.next_position) == (
        "tags",
        "runstream.tags.v1/3",
        41,
        42,
    )
    assert (letter.run_id, letter.stage, letter.error_type, letter.value) == ("run-1", "decode", "DecodeError", b"bad")
    assert letter.received_at_us == 1000


def test_a_refusal_of_the_fold_keeps_its_reason() -> None:
    """The fold gives its reason as text; the bytes themselves were fine."""
    letter = of_record(RECORD, "fold", "metric 'a' has another form")

    assert (letter.stage, letter.error_type, letter.error_message) == ("fold", "Refused", "metric 'a' has another form")


def test_a_record_without_a_key_belongs_to_no_run() -> None:
    """A foreign record may have no key, or one that is no text."""
    nobody = of_record(Record(Topic.TAGS, "t/0", 0, b"", b"", 0), "decode", "x")
    strange = of_record(Record(Topic.TAGS, "t/0", 0, b"", b"\xff", 0), "decode", "x")

    assert nobody.run_id is None
    assert strange.run_id == "�"


def test_a_record_of_the_catalog_belongs_to_no_run() -> None:
    """There the key is a workspace and a name: it is not taken for a run's id."""
    record = Record(Topic.CATALOG, "runstream.catalog.v1/3", 7, b"bad", b"ws/net", 1_000)

    assert of_record(record, "decode", "?").run_id is None


def test_damage_in_a_journal_keeps_file_and_byte() -> None:
    """Damaged bytes of a journal are found again by segment and offset."""
    stretch = Undecodable("producer", 7, 9, b"junk", "checksum", "0.journal", 512, "run-1")

    letter = of_damage(stretch, 5)

    assert (letter.position, letter.next_position, letter.segment, letter.segment_offset) == (7, 9, "0.journal", 512)
    assert (letter.run_id, letter.stage, letter.received_at_us) == ("run-1", "source", 5)


def test_headers_have_kafka_connects_names() -> None:
    """Tools for Connect's dead letters find topic, partition, offset, stage and exception where they look."""
    message = dead_letters.message(of_record(RECORD, "decode", DecodeError("TagEvent", "x", "no magic")))

    headers = dict(message.headers)
    assert (message.topic, message.key, message.value) == ("runstream.tags.v1.dlq", b"run-1", b"bad")
    assert {name.removeprefix("__connect.errors.") for name in headers} == {
        "topic",
        "partition",
        "offset",
        "connector.name",
        "task.id",
        "stage",
        "exception.class.name",
        "exception.message",
        "exception.stacktrace",
    }
    assert headers["__connect.errors.topic"] == b"runstream.tags.v1"
    assert headers["__connect.errors.partition"] == b"3"
    assert headers["__connect.errors.offset"] == b"41"
    assert headers["__connect.errors.stage"] == b"VALUE_CONVERTER"
    assert headers["__connect.errors.exception.class.name"] == b"DecodeError"


def test_a_source_without_topics_needs_no_publishing() -> None:
    """With embedded journals the rows in the history are all."""
    assert publish(object(), [of_record(RECORD, "decode", "x")]) == 0


@pytest.mark.kafka
def test_dead_letters_arrive_on_their_topic(log: EventLog) -> None:
    """A record that cannot be decoded lies on <topic>.dlq with its bytes, while reading has gone on."""
    log.put([b"not ours", *log.tag_events(1)])
    source = log.source()
    records = drain(source, 2)

    n_unsent = publish(source, [of_record(records[0], "decode", DecodeError("event", "x", "no magic"))])

    source.close()
    letters = log.read_all(f"{log.tags}.dlq")
    assert n_unsent == 0
    assert [(r.key, r.value) for r in letters] == [(b"run", b"not ours")]
    assert dict(letters[0].headers)["__connect.errors.offset"] == b"0"


@pytest.mark.kafka
def test_the_largest_record_fits_with_its_headers(log: EventLog) -> None:
    """A foreign record as large as the topic lets in, plus the headers, still finds room on the dead-letter topic."""
    source = log.source()
    value = bytes(1024 * 1024 - 200)
    letter = of_record(Record(Topic.TAGS, f"{log.tags}/0", 0, value, b"run", 0), "decode", "x" * 1000)

    n_unsent = publish(source, [letter])

    source.close()
    assert n_unsent == 0
    assert [len(r.value) for r in log.read_all(f"{log.tags}.dlq")] == [len(value)]


@pytest.mark.kafka
def test_a_refused_dead_letter_stops_nothing(log: EventLog) -> None:
    """When the broker refuses one, the others of its batch and the reading go on; the count tells."""
    change_config(log.servers, f"{log.tags}.dlq", {"max.message.bytes": "2000"})
    source = log.source()
    small = of_record(Record(Topic.TAGS, f"{log.tags}/0", 0, b"x", b"run", 0), "decode", "x")
    large = of_record(Record(Topic.TAGS, f"{log.tags}/0", 1, bytes(50_000), b"run", 0), "decode", "x")

    n_unsent = publish(source, [large, small])
    log.put(log.tag_events(1))
    records = drain(source, 1)

    source.close()
    assert n_unsent >= 1
    assert len(records) == 1


@pytest.mark.kafka
def test_a_missing_dead_letter_topic_is_tried_once_a_minute(log: EventLog, broker: Broker | GivenBroker) -> None:
    """Without the topic nothing can be sent, and later batches do not wait for it."""
    letterbox = KafkaLetterbox(log.options)
    message = Message("no.such.topic", None, b"k", b"v", [])

    first = letterbox.put([message])
    connected = letterbox._producer
    second = letterbox.put([message])

    letterbox.close()
    assert (first, second, connected, letterbox._producer) == (0, 0, None, None)


def fold_all(source: Source, history: Path, n_events: int) -> tuple[int, list[tuple[str, str]]]:
    """Fold what a log holds into a history; returns the number of dead letters in it, and the tags."""
    store = Store.open(history, source.kind, source.identity)
    pipeline = Pipeline(source, store)

    def counts() -> tuple[int, int]:
        pipeline.turn(0.2)
        found = store.connection.execute(
            "SELECT (SELECT coalesce(sum(1), 0) FROM tag)::INT, (SELECT coalesce(sum(1), 0) FROM dead_letter)::INT"
        ).fetchone()
        assert found is not None
        return found[0], found[1]

    until(lambda: sum(counts()) >= n_events, what="all is folded")
    pipeline.turn(0.0)
    n_dead = counts()[1]
    tags = store.connection.execute("SELECT key, value FROM tag ORDER BY key, value").fetchall()
    store.close()
    source.close()
    return n_dead, tags


def old_decode(data: bytes, where: str | None = None) -> Event:
    """The decoder of a runstream that knows no tags yet."""
    event = decode(data, where)
    if isinstance(event, TagEvent):
        raise DecodeError("event", str(where), "unknown schema")
    return event


@pytest.mark.kafka
@pytest.mark.parametrize("kind", ["journal", "kafka"])
def test_a_rebuild_reads_dead_letters_again(
    kind: str, log: EventLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an old runstream could not decode is in the history that a newer one builds anew: once, and no letter."""
    home, history = Home(tmp_path / "home").ensure(), tmp_path / "history.duckdb"
    writer = Writer(home, role="log")
    writer.tag(1)
    log.put(log.tag_events(1))

    def source() -> Source:
        return JournalSource(home) if kind == "journal" else KafkaSource(log.options, log.prefix)

    with monkeypatch.context() as patched:
        patched.setattr(loop, "decode", old_decode)
        before = fold_all(source(), history, 1)
    history.unlink()
    after = fold_all(source(), history, 1)

    assert before == (1, [])
    assert after == (0, [("k", "0")])
