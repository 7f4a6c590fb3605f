"""Events <-> Avro bytes: single-object encoding, C3 01, the schema's CRC-64-AVRO fingerprint, the datum.

The `.avsc` files beside this module are the source of truth. A schema that was ever shipped stays: when `metric.avsc`
changes, the former file becomes `metric.1.avsc` and its fingerprint is still read. Decoding happens only with one of
these writer schemas, never with one that travels with the data.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runstream_schemas import shape
from runstream_schemas.catalog import CatalogEvent
from runstream_schemas.datum import from_datum, metric_event, to_datum
from runstream_schemas.dictionary import Dictionaries
from runstream_schemas.errors import DecodeError, EncodeError, InvalidName
from runstream_schemas.events import ArtifactEvent, Event, LogEvent, MetricEvent, Other, RunEvent, Series, TagEvent
from runstream_schemas.topics import Topic

if TYPE_CHECKING:
    SCHEMAS: Mapping[bytes, Writer]
    """Fingerprint -> schema, for every schema ever shipped. Built at first use: fastavro takes 20 ms to import."""

MAGIC = b"\xc3\x01"
PREFIX_BYTES = 10
MAX_EVENT_BYTES = 512 * 1024

_dictionaries = Dictionaries()
_FILES: dict[type[Event], tuple[str, Topic]] = {
    RunEvent: ("run", Topic.RUNS),
    MetricEvent: ("metric", Topic.METRICS),
    TagEvent: ("tag", Topic.TAGS),
    ArtifactEvent: ("artifact", Topic.ARTIFACTS),
    LogEvent: ("log", Topic.LOGS),
    CatalogEvent: ("catalog", Topic.CATALOG),
}


@dataclass(frozen=True, slots=True)
class Writer:
    """A schema that events may have been written with.

    Attributes:
        schema: parsed for fastavro.
        topic: where such events belong.
        event: the class they become.
        is_current: written today; others are resolved to the current one.
        file: its name in the package.
    """

    schema: Any
    topic: Topic
    event: type[Event]
    is_current: bool
    file: str


@cache
def _load() -> tuple[dict[bytes, Writer], dict[type[Event], tuple[bytes, Writer]]]:
    import fastavro
    from fastavro.schema import fingerprint, to_parsing_canonical_form

    by_fingerprint: dict[bytes, Writer] = {}
    current: dict[type[Event], tuple[bytes, Writer]] = {}
    for event, (stem, topic) in _FILES.items():
        for path in sorted(Path(__file__).parent.glob(f"{stem}*.avsc")):
            raw = json.loads(path.read_text(encoding="utf-8"))
            mark = bytes.fromhex(fingerprint(to_parsing_canonical_form(raw), "CRC-64-AVRO"))
            writer = Writer(fastavro.parse_schema(raw), topic, event, path.stem == stem, path.name)
            by_fingerprint[mark] = writer
            if writer.is_current:
                current[event] = (mark, writer)
    return by_fingerprint, current


def __getattr__(name: str) -> Any:
    if name == "SCHEMAS":
        return _load()[0]
    raise AttributeError(name)


def encode(event: Event) -> bytes:
    """The bytes of an event, as they go into the journal and onto Kafka.

    Raises:
        EncodeError: a field has another type than its class declares, or is out of bounds, or the whole is too large.
    """
    import fastavro

    name = type(event).__name__
    try:
        shape.check(event)
        mark, writer = _load()[1][type(event)]
        out = BytesIO()
        out.write(MAGIC + mark)
        fastavro.schemaless_writer(out, writer.schema, to_datum(event), strict=True)
    except (ValueError, InvalidName, KeyError, TypeError, OverflowError) as e:
        raise EncodeError(name, e) from e
    if out.tell() > MAX_EVENT_BYTES:
        raise EncodeError(name, f"{out.tell():,} bytes are more than {MAX_EVENT_BYTES:,}")
    return out.getvalue()


def decode(data: bytes | memoryview, where: str | None = None) -> Event:
    """The event in `data`.

    Args:
        data: one whole event, nothing behind it. The points of a metric event are a view of it, no copy.
        where: names the source position in the error.

    Raises:
        DecodeError: whatever is wrong with the bytes.
    """
    name = "event"
    try:
        if not PREFIX_BYTES <= len(data) <= MAX_EVENT_BYTES:
            raise ValueError(f"{len(data)} bytes, {PREFIX_BYTES} to {MAX_EVENT_BYTES} are possible")
        if bytes(data[:2]) != MAGIC:
            raise ValueError(f"starts with {bytes(data[:2]).hex(' ')}, not with C3 01")
        known, current = _load()
        mark = bytes(data[2:PREFIX_BYTES])
        writer = known.get(mark)
        if writer is None:
            raise ValueError(
                f"unknown schema {mark.hex()}; if a newer runstream wrote it, upgrade this one and rebuild the history"
            )
        name = writer.event.__name__
        if writer.is_current and writer.event is MetricEvent:
            return _read_metric(data)
        event = _read(data, writer, current[writer.event][1])
        shape.check(event)
    # fastavro raises eight kinds of exceptions on hostile bytes, and promises none of them.
    except Exception as e:
        raise DecodeError(name, where or "an unnamed place", f"{type(e).__name__}: {e}") from e
    return event


def _read(data: bytes | memoryview, writer: Writer, reader: Writer) -> Event:
    import fastavro

    stream = BytesIO(data)
    stream.seek(PREFIX_BYTES)
    datum: Any = fastavro.schemaless_reader(stream, writer.schema, None if writer.is_current else reader.schema)
    _check_end(stream, data)
    return from_datum(writer.event, datum)


def _check_end(stream: BytesIO, data: bytes | memoryview) -> None:
    if stream.tell() != len(data):
        raise ValueError(f"{len(data) - stream.tell()} bytes left over")


@cache
def _metric_parts() -> tuple[Any, Any, Any]:
    """The metric schema cut in three, as records: what lies before the dictionary, the dictionary, what lies behind.

    Of the points, which are the last field, only the length that Avro writes before bytes.
    """
    import fastavro

    raw = json.loads((Path(__file__).parent / "metric.avsc").read_text(encoding="utf-8"))
    fields = raw["fields"]
    at = [field["name"] for field in fields].index("series")
    length = fields[-1] | {"type": "long"}
    cuts = (fields[:at], fields[at : at + 1], [*fields[at + 1 : -1], length])
    before, series, behind = (fastavro.parse_schema(raw | {"fields": cut}) for cut in cuts)
    return before, series, behind


def _read_metric(data: bytes | memoryview) -> MetricEvent:
    """As `_read` and `shape.check`, for a dictionary that the producer has sent before at the price of a comparison."""
    import fastavro

    before, middle, behind = _metric_parts()
    stream = BytesIO(data)
    stream.seek(PREFIX_BYTES)
    datum: Any = fastavro.schemaless_reader(stream, before, None)
    begin = stream.tell()
    known = _dictionaries.find(datum["producer_id"], data, begin)
    if known is not None:
        datum["series"], end = known
        stream.seek(end)
    else:
        datum |= fastavro.schemaless_reader(stream, middle, None)
        end = stream.tell()
    datum |= fastavro.schemaless_reader(stream, behind, None)
    n_bytes, begin_points = datum["points"], stream.tell()
    if n_bytes != len(data) - begin_points:
        raise ValueError(f"{len(data) - begin_points} bytes of points, the event says {n_bytes}")
    datum["points"] = memoryview(data)[begin_points:]
    event = metric_event(datum)
    shape.check(event, is_series_known=known is not None)
    if known is None:
        _dictionaries.keep(event.producer_id, bytes(data[begin:end]), event.series)
    return event


def metric_head(
    run_id: str,
    producer_id: str,
    sequence: int,
    logged_at_ns: int,
    first_index: int,
    count: int,
    series: Sequence[Series],
    others: Sequence[Other],
    n_points_bytes: int,
) -> bytes:
    """The encoded MetricEvent without its points: head + points equals `encode` of the whole, and nothing is copied.

    Packed by hand, since fastavro needs 31 us an event. Nothing is checked: the caller builds all of it, with fields as
    in MetricEvent, and appends `n_points_bytes` = 32 * `count` bytes of records.
    """
    parts = [_prefix(run_id, producer_id), _long(sequence), _long(logged_at_ns), _long(first_index), _long(count)]
    if series:
        parts.append(_long(len(series)))
        parts += map(_series, series)
    parts.append(b"\0")
    if others:
        parts.append(_long(len(others)))
        parts += [_long(o.point) + _string(o.text) for o in others]
    parts.append(b"\0")
    parts.append(_long(n_points_bytes))
    return b"".join(parts)


@lru_cache(maxsize=64)
def _prefix(run_id: str, producer_id: str) -> bytes:
    return MAGIC + _load()[1][MetricEvent][0] + _string(run_id) + _string(producer_id)


@lru_cache(maxsize=4096)
def _series(series: Series) -> bytes:
    column = b"\0" if series.column_name is None else b"\2" + _string(series.column_name)
    return _long(series.code) + _string(series.name) + column + _string(series.form) + _string(series.description)


def _string(text: str) -> bytes:
    data = text.encode()
    return _long(len(data)) + data


def _long(number: int) -> bytes:
    """Avro's long: zigzag, then 7 bits a byte, lowest first."""
    rest = (number << 1) ^ (number >> 63)
    if rest < 0x80:
        return bytes((rest,))
    out = bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)
