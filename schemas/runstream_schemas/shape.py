"""Does an event have the shape its class declares? The same question before encoding and after decoding."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from runstream_schemas.catalog import SUBJECTS, CatalogEvent, ModelFile, ModelRegistered
from runstream_schemas.events import MAX_INLINE_BYTES, ArtifactEvent, Event, MetricEvent, Series
from runstream_schemas.ids import check_run_id
from runstream_schemas.points import MAX_EVENT_POINTS, MAX_SERIES, RECORD_BYTES


def check(event: Event, *, is_series_known: bool = False) -> None:
    """Pass if every field is of its declared type and within its bounds.

    Args:
        event: what to look at.
        is_series_known: the series of this metric event have passed before, as they are: only the rest is looked at.

    Raises:
        ValueError: says which field is wrong, and how.
    """
    check_types(event, but="series" if is_series_known else None)
    if event.run_id or not isinstance(event, CatalogEvent):
        check_run_id(event.run_id)
    if not event.producer_id:
        raise ValueError("producer_id is empty")
    if event.sequence < 0:
        raise ValueError(f"sequence is {event.sequence}, below 0")
    if isinstance(event, MetricEvent):
        if not is_series_known:
            check_series(event.series)
        check_metric(event)
    elif isinstance(event, ArtifactEvent):
        _check_file(event)
    elif isinstance(event, CatalogEvent):
        _check_catalog(event)


def check_metric(event: MetricEvent) -> None:
    """Pass if counts and side values of a metric event fit together.

    Raises:
        ValueError: says what does not.
    """
    count = event.count
    if not 0 <= count <= MAX_EVENT_POINTS or len(event.points) != count * RECORD_BYTES:
        raise ValueError(
            f"count is {count} with {len(event.points)} bytes of points, 0 to {MAX_EVENT_POINTS} of 32 fit"
        )
    if event.first_index < 0:
        raise ValueError(f"first_index is {event.first_index}, no index from 0 on")
    last = -1
    for other in event.others:
        if not last < other.point < count:
            raise ValueError(f"side value for point {other.point} after {last} of {count}")
        last = other.point


def check_series(series: Sequence[Series]) -> None:
    """Pass if the numbers of a metric event's series tell them apart and fit a record.

    Raises:
        ValueError: says what does not.
    """
    codes = {s.code for s in series}
    if len(codes) != len(series):
        raise ValueError("two series have one code")
    if codes and not (min(codes) >= 0 and max(codes) < MAX_SERIES):
        raise ValueError("a series code is below 0 or beyond 60 bits")


def _check_catalog(event: CatalogEvent) -> None:
    if event.subject not in SUBJECTS:
        raise ValueError(f"subject is {event.subject!r}, not one of {SUBJECTS}")
    if isinstance(event.change, ModelRegistered):
        for file in event.change.files:
            _check_file(file)


def _check_file(file: ArtifactEvent | ModelFile) -> None:
    if file.size_bytes < 0:
        raise ValueError(f"size_bytes is {file.size_bytes}, below 0")
    if len(file.sha256) != 64 or file.sha256.strip("0123456789abcdef"):
        raise ValueError("sha256 is not 64 lower-case hex digits")
    if file.content is not None and len(file.content) > MAX_INLINE_BYTES:
        raise ValueError(f"content has {len(file.content)} bytes, more than {MAX_INLINE_BYTES}")


def check_types(record: object, *, but: str | None = None) -> None:
    """Pass if each field of a dataclass instance (`but` aside) is exactly of its annotated type, through all levels.

    Avro libraries write True and 1.5 as the long 1: a wrong type must not get that far.

    Raises:
        ValueError: names the field.
    """
    kind: Any = type(record)
    for name, fits in _tests_of(kind):
        if name != but and not fits(getattr(record, name)):
            raise ValueError(f"{kind.__name__}.{name} is {getattr(record, name)!r:.80}, not of its declared type")


Test = Callable[[object], bool]


@cache
def _tests_of(kind: Any) -> tuple[tuple[str, Test], ...]:
    """A test for each field of a dataclass, made once: looking annotations up takes longer than the tests."""
    hints = typing.get_type_hints(kind)
    return tuple((f.name, _test_for(hints[f.name])) for f in dataclasses.fields(kind))


def _test_for(kind: Any) -> Test:
    if typing.get_origin(kind) is not None:
        return _test_for_generic(kind)
    if kind is int:
        return lambda value: type(value) is int and -(2**63) <= value < 2**63
    if dataclasses.is_dataclass(kind):
        return lambda value: type(value) is kind and all(f(getattr(value, n)) for n, f in _tests_of(kind))
    return lambda value: type(value) is kind


def _test_for_generic(kind: Any) -> Test:
    origin, tests = typing.get_origin(kind), [_test_for(a) for a in typing.get_args(kind) if a is not Ellipsis]
    if origin is types.UnionType:
        return lambda value: any(fits(value) for fits in tests)
    if origin is tuple:
        return lambda value: type(value) is tuple and all(map(tests[0], value))
    return lambda value: type(value) is dict and all(map(tests[0], value)) and all(map(tests[1], value.values()))
