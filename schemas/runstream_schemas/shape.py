"""Does an event have the shape its class declares? The same question before encoding and after decoding."""

from __future__ import annotations

import dataclasses
import types
import typing
from functools import cache
from typing import Any

from runstream_schemas.events import MAX_INLINE_BYTES, ArtifactEvent, Event, MetricEvent
from runstream_schemas.ids import check_run_id
from runstream_schemas.points import MAX_EVENT_POINTS, MAX_SERIES, RECORD_BYTES

_INT64 = range(-(2**63), 2**63)


def check(event: Event) -> None:
    """Pass if every field is of its declared type and within its bounds.

    Raises:
        ValueError: says which field is wrong, and how.
    """
    check_types(event)
    check_run_id(event.run_id)
    if not event.producer_id:
        raise ValueError("producer_id is empty")
    if event.sequence < 0:
        raise ValueError(f"sequence is {event.sequence}, below 0")
    if isinstance(event, MetricEvent):
        check_metric(event)
    elif isinstance(event, ArtifactEvent):
        _check_artifact(event)


def check_metric(event: MetricEvent) -> None:
    """Pass if counts, series and side values of a metric event fit together.

    Raises:
        ValueError: says what does not.
    """
    count = event.count
    if not 0 <= count <= MAX_EVENT_POINTS or len(event.points) != count * RECORD_BYTES:
        raise ValueError(
            f"count is {count} with {len(event.points)} bytes of points, 0 to {MAX_EVENT_POINTS} of 32 fit"
        )
    if event.first_index not in _INT64 or event.first_index < 0:
        raise ValueError(f"first_index is {event.first_index}, no index from 0 on")
    codes = {s.code for s in event.series}
    if len(codes) != len(event.series):
        raise ValueError("two series have one code")
    if codes and not (min(codes) >= 0 and max(codes) < MAX_SERIES):
        raise ValueError("a series code is below 0 or beyond 60 bits")
    last = -1
    for other in event.others:
        if not last < other.point < count:
            raise ValueError(f"side value for point {other.point} after {last} of {count}")
        last = other.point


def _check_artifact(event: ArtifactEvent) -> None:
    if event.size_bytes < 0:
        raise ValueError(f"size_bytes is {event.size_bytes}, below 0")
    if len(event.sha256) != 64 or event.sha256.strip("0123456789abcdef"):
        raise ValueError("sha256 is not 64 lower-case hex digits")
    if event.content is not None and len(event.content) > MAX_INLINE_BYTES:
        raise ValueError(f"content has {len(event.content)} bytes, more than {MAX_INLINE_BYTES}")


def check_types(record: object) -> None:
    """Pass if each field of a dataclass instance is exactly of its annotated type, through all levels.

    Avro libraries write True and 1.5 as the long 1: a wrong type must not get that far.

    Raises:
        ValueError: names the field.
    """
    record_type: Any = type(record)
    for name, kind in _fields(record_type):
        value = getattr(record, name)
        if not _fits(value, kind):
            raise ValueError(f"{type(record).__name__}.{name} is {value!r:.80}, not {getattr(kind, '__name__', kind)}")


@cache
def _fields(kind: type[Any]) -> tuple[tuple[str, Any], ...]:
    hints = typing.get_type_hints(kind)
    return tuple((f.name, hints[f.name]) for f in dataclasses.fields(kind))


def _fits(value: object, kind: Any) -> bool:
    origin = typing.get_origin(kind)
    if origin is None:
        if type(value) is not kind:
            return False
        if kind is int:
            return value in _INT64
        if dataclasses.is_dataclass(kind):
            check_types(value)
        return True
    arguments = typing.get_args(kind)
    if origin is types.UnionType:
        return any(_fits(value, a) for a in arguments)
    if origin is tuple:
        return type(value) is tuple and all(_fits(v, arguments[0]) for v in value)
    return type(value) is dict and all(_fits(k, arguments[0]) and _fits(v, arguments[1]) for k, v in value.items())
