"""The codec: what goes in comes out, the bytes are the specification's, and hostile bytes are refused."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from io import BytesIO
from typing import Any

import fastavro
import pytest
from fastavro.schema import fingerprint as compute_fingerprint
from fastavro.schema import to_parsing_canonical_form
from hypothesis import given, settings
from hypothesis import strategies as st

from runstream_schemas import codec
from runstream_schemas.catalog import CatalogEvent, CatalogTag, ModelFile, ModelRegistered
from runstream_schemas.errors import DecodeError, EncodeError
from runstream_schemas.events import (
    ArtifactEvent,
    Created,
    Event,
    Heartbeat,
    MetricEvent,
    Other,
    ProducerClosed,
    RunEvent,
    Series,
    TagEvent,
    topic_for,
)
from runstream_schemas.points import MAX_EVENT_POINTS, RECORD_BYTES
from tests.strategies import EVENTS, metric_events

HEADER = ("run-1", "01890000-0000-7000-8000-000000000000", 7, 1_700_000_000_000_000_000)
TAG = TagEvent(*HEADER, "lr", "0.1")
PATH = ("model.pkl", 3, "0" * 64, "application/octet-stream")
MODEL = CatalogEvent("", *HEADER[1:], "w", "model", "ridge", ModelRegistered((ModelFile(*PATH, None, b"abc"),)))


@given(EVENTS)
def test_every_event_comes_back_equal(event: Event) -> None:
    """Encoding and decoding gives an equal event of the same type."""
    decoded = codec.decode(codec.encode(event))

    assert decoded == event
    assert type(decoded) is type(event)


@given(EVENTS)
def test_events_are_single_objects_of_a_shipped_schema(event: Event) -> None:
    """An event starts with C3 01 and the fingerprint of a schema that belongs to its topic."""
    data = codec.encode(event)

    assert data[:2] == b"\xc3\x01"
    assert codec.SCHEMAS[data[2:10]].topic is topic_for(event)


@given(metric_events())
def test_the_packed_head_equals_fastavro(event: MetricEvent) -> None:
    """Head and points together are byte for byte what fastavro writes."""
    fields = {field.name: getattr(event, field.name) for field in dataclasses.fields(event) if field.name != "points"}

    assert codec.metric_head(**fields, n_points_bytes=len(event.points)) + event.points == codec.encode(event)


@pytest.mark.parametrize(
    ("schema", "fingerprint"),
    [
        ('"null"', "7195948357588979594"),
        ('"boolean"', "-6970731678124411036"),
        ('"int"', "8247732601305521295"),
        ('"long"', "-3434872931120570953"),
        ('"float"', "5583340709985441680"),
        ('"double"', "-8181574048448539266"),
        ('"bytes"', "5746618253357095269"),
        ('"string"', "-8142146995180207161"),
        ('[ "int" , {"type":"boolean"} ]', "5392556393470105090"),
        ('{"fields":[], "type":"record", "name":"foo", "doc":"Useful info"}', "-4824392279771201922"),
        ('{"fields":[], "type":"record", "name":"foo", "namespace":"x.y"}', "5916914534497305771"),
        ('{"fields":[{"type":{"type":"boolean"}, "name":"f1"}], "type":"record", "name":"foo"}', "7843277075252814651"),
        ('{"type":"enum", "name":"foo", "symbols":["A1"]}', "-6342190197741309591"),
        ('{"type":"fixed", "name":"foo", "size":15}', "1756455273707447556"),
        ('{"items":{"type":"null"}, "type":"array"}', "-589620603366471059"),
        ('{"type":"map", "values":"string"}', "-8732877298790414990"),
    ],
)
def test_fingerprints_are_those_of_the_specification(schema: str, fingerprint: str) -> None:
    """CRC-64-AVRO of canonical forms equals the Avro project's own list, stored little-endian."""
    mark = bytes.fromhex(compute_fingerprint(to_parsing_canonical_form(json.loads(schema)), "CRC-64-AVRO"))

    assert int.from_bytes(mark, "little", signed=True) == int(fingerprint)


@pytest.mark.parametrize(
    "event",
    [
        dataclasses.replace(TAG, sequence=True),
        dataclasses.replace(TAG, sequence=1.5),  # type: ignore[arg-type]
        dataclasses.replace(TAG, sequence=2**63),
        dataclasses.replace(TAG, sequence=-1),
        dataclasses.replace(TAG, value=3),  # type: ignore[arg-type]
        dataclasses.replace(TAG, removed=1),  # type: ignore[arg-type]
        dataclasses.replace(TAG, run_id="../x"),
        dataclasses.replace(TAG, producer_id=""),
        dataclasses.replace(TAG, key="half \ud800"),
        RunEvent(*HEADER, Created("w", 5)),  # type: ignore[arg-type]
        RunEvent(*HEADER, ProducerClosed(True, 0)),
        RunEvent(*HEADER, "created"),  # type: ignore[arg-type]
        MetricEvent(*HEADER, 0, 2, (), (), b"\0" * 32),
        MetricEvent(*HEADER, -1, 0, (), (), b""),
        MetricEvent(*HEADER, 0, 0, (Series(0, "a", None, "scalar"),) * 2, (), b""),
        MetricEvent(*HEADER, 0, 0, (Series(-1, "a", None, "scalar"),), (), b""),
        MetricEvent(*HEADER, 0, 1, (), (Other(1, "x"),), b"\0" * 32),
        MetricEvent(*HEADER, 0, 1, (), (Other(0, "x"), Other(0, "y")), b"\0" * 32),
        MetricEvent(*HEADER, 0, 0, [], (), b""),  # type: ignore[arg-type]
        ArtifactEvent(*HEADER, "a", -1, "0" * 64, "text/plain"),
        ArtifactEvent(*HEADER, "a", 1, "G" * 64, "text/plain"),
        ArtifactEvent(*HEADER, "a", 1, "0" * 64, "text/plain", None, b"x" * 100_001),
        TagEvent(*HEADER, "k", "x" * codec.MAX_EVENT_BYTES),
        dataclasses.replace(TAG, run_id=""),
        dataclasses.replace(MODEL, run_id="../x"),
        dataclasses.replace(MODEL, subject="run"),
        dataclasses.replace(MODEL, change=CatalogTag("a", 1)),  # type: ignore[arg-type]
        dataclasses.replace(MODEL, change=ModelRegistered((ModelFile(*PATH, None, b"x" * 100_001),))),
        dataclasses.replace(MODEL, change=ModelRegistered((ModelFile("a", 1, "0", "text/plain"),))),
        dataclasses.replace(MODEL, change=ModelRegistered((), tags={"a": 1})),  # type: ignore[dict-item]
    ],
)
def test_wrong_events_are_not_encoded(event: Event) -> None:
    """Whatever has another type or bound than declared raises EncodeError, and nothing is coerced."""
    with pytest.raises(EncodeError) as raised:
        codec.encode(event)

    assert raised.value.event == type(event).__name__


def test_more_points_than_an_event_holds_are_refused() -> None:
    """4,096 points fit, one more does not."""
    n_points = MAX_EVENT_POINTS + 1
    event = MetricEvent(*HEADER, 0, n_points, (), (), bytes(n_points * RECORD_BYTES))

    with pytest.raises(EncodeError):
        codec.encode(event)
    assert codec.encode(dataclasses.replace(event, count=n_points - 1, points=event.points[:-RECORD_BYTES]))


@given(EVENTS, st.data())
@settings(max_examples=300)
def test_changed_bytes_decode_or_raise_decode_error(event: Event, data: st.DataObject) -> None:
    """A flipped byte, a cut or added bytes give an event or DecodeError, never another exception."""
    raw = bytearray(codec.encode(event))
    at = data.draw(st.integers(0, len(raw) - 1))
    kind = data.draw(st.sampled_from(["flip", "cut", "add"]))
    if kind == "flip":
        raw[at] ^= data.draw(st.integers(1, 255))
    elif kind == "cut":
        del raw[at:]
    else:
        raw += data.draw(st.binary(min_size=1, max_size=9))

    try:
        decoded = codec.decode(bytes(raw), "here")
    except DecodeError:
        return
    assert kind == "flip"
    assert codec.decode(codec.encode(decoded)) == decoded


@given(st.binary(max_size=200), st.sampled_from(sorted(codec.SCHEMAS)))
@settings(max_examples=300)
def test_noise_behind_a_known_fingerprint_is_refused(noise: bytes, mark: bytes) -> None:
    """Random bytes that claim a known schema end in an event or DecodeError."""
    try:
        event = codec.decode(codec.MAGIC + mark + noise)
    except DecodeError:
        return
    assert codec.encode(event)


def long(number: int) -> bytes:
    """Avro's long as fastavro writes it."""
    out = BytesIO()
    fastavro.schemaless_writer(out, {"type": "long"}, number)
    return out.getvalue()


HOSTILE_COUNTS = [2**40, -(2**40), 2**62, -1, -(2**62)]


@pytest.mark.parametrize("count", HOSTILE_COUNTS)
def test_hostile_counts_end_at_once(count: int) -> None:
    """A list that claims to hold any number of entries, or a length below 0, is refused in bounds of time and space."""
    head = codec.MAGIC + codec.encode(MetricEvent(*HEADER, 0, 0, (), (), b""))[2:10]
    text = long(3) + b"run"
    in_array = head + text + text + long(0) + long(0) + long(0) + long(0) + long(count) + long(8)
    in_string = head + long(count) + b"run"
    code = f"""
import resource
resource.setrlimit(resource.RLIMIT_CPU, (10, 10))
resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
from runstream_schemas import codec
from runstream_schemas.errors import DecodeError
for data in ({in_array!r}, {in_string!r}):
    try:
        codec.decode(data)
    except DecodeError:
        print("refused")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout.split()) == (0, ["refused", "refused"])


def test_the_error_names_event_position_and_cause() -> None:
    """A DecodeError says what the bytes seemed to be, where they came from and what is wrong."""
    with pytest.raises(DecodeError) as raised:
        codec.decode(codec.encode(TAG)[:-1], "runstream.tags.v1/3@17")

    assert (raised.value.event, raised.value.position) == ("TagEvent", "runstream.tags.v1/3@17")
    assert "EOFError" in str(raised.value)


def test_an_unknown_schema_asks_for_an_upgrade() -> None:
    """Bytes of a schema that was never shipped here are refused with its fingerprint and what to do."""
    with pytest.raises(DecodeError, match=r"0011223344556677.*upgrade"):
        codec.decode(codec.MAGIC + bytes.fromhex("0011223344556677") + b"x")


def test_an_unknown_change_asks_for_an_upgrade() -> None:
    """A run event with a change of a newer version is refused as such, not misread."""
    mark, writer = next((m, w) for m, w in codec.SCHEMAS.items() if w.event is RunEvent and w.is_current)
    names = ("created", "described", "status", "properties", "closed", "lost", "gap", "archived")
    datum: dict[str, Any] = dict.fromkeys(names) | dict(
        zip(("run_id", "producer_id", "sequence", "logged_at_ns"), HEADER, strict=True), change="promoted"
    )
    out = BytesIO()
    fastavro.schemaless_writer(out, writer.schema, datum)

    with pytest.raises(DecodeError, match=r"promoted.*upgrade"):
        codec.decode(codec.MAGIC + mark + out.getvalue())


def test_a_catalog_change_without_its_details_is_refused() -> None:
    """A catalog event whose field of that name is null is told as such."""
    mark, writer = next((m, w) for m, w in codec.SCHEMAS.items() if w.event is CatalogEvent)
    datum: dict[str, Any] = dict.fromkeys(("tag", "archived", "deleted", "registered")) | {
        **dict(zip(("run_id", "producer_id", "sequence", "logged_at_ns"), HEADER, strict=True)),
        "workspace": "w",
        "subject": "model",
        "name": "n",
        "change": "registered",
    }
    out = BytesIO()
    fastavro.schemaless_writer(out, writer.schema, datum)

    with pytest.raises(DecodeError, match="without its details"):
        codec.decode(codec.MAGIC + mark + out.getvalue())


def test_large_and_small_data_are_refused_before_decoding() -> None:
    """Nothing beyond 512 KiB or below a header is looked into."""
    event = codec.encode(RunEvent(*HEADER, Heartbeat()))

    for data in (b"", event[:9], event + bytes(codec.MAX_EVENT_BYTES)):
        with pytest.raises(DecodeError):
            codec.decode(data)
