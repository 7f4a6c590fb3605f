"""What lies in the journals of a home, read as a consumer would: for tests that log and look."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from struct import Struct

from runstream_schemas import codec
from runstream_schemas.events import Event, MetricEvent, Series
from runstream_schemas.home import Home, ProducerDir
from runstream_schemas.points import BIGINT, BOOL, FLOAT, NO_STEP, NONE, TEXT, VOID, kind_of, series_of
from runstream_schemas.scan import Damage, Frame
from runstream_schemas.segment import scan

_RECORD = Struct("<qqqQ")
_DOUBLE = Struct("<d")
_WORD = Struct("<q")


@dataclass(frozen=True, slots=True)
class Point:
    """
    One point as it was logged.

    Attributes:
        producer_id, index: where it stands.
        name, column_name: of its series.
        step: None where none was given.
        value: of Python's type.
        time_ns: of the call.
    """

    producer_id: str
    index: int
    name: str
    column_name: str | None
    step: int | None
    value: object
    time_ns: int


def frames(folder: ProducerDir) -> Iterator[Frame]:
    """Every frame of a journal in order; a frame that two segments hold comes once."""
    next_frame = 0
    for _, path in folder.segments():
        for item in scan(path):
            assert not isinstance(item, Damage), f"{path} is damaged at {item.offset}"
            if item.frame >= next_frame:
                next_frame = item.frame + 1
                yield item


def events(home_path: Path) -> list[Event]:
    """Every event of every producer of a home, oldest producer first."""
    folders = Home(home_path).producers()
    return [codec.decode(frame.payload) for folder in folders for frame in frames(folder) if len(frame.payload)]


def points(home_path: Path) -> list[Point]:
    """Every point of a home, by producer and index; void slots are left out."""
    found = [point for event in events(home_path) if isinstance(event, MetricEvent) for point in points_of(event)]
    return sorted(found, key=lambda point: (point.producer_id, point.index))


def points_of(event: MetricEvent) -> Iterator[Point]:
    """The points of one event."""
    series = {known.code: known for known in event.series}
    others = {other.point: other.text for other in event.others}
    for at, (step, time_ns, word, code) in enumerate(_RECORD.iter_unpack(event.points)):
        if kind_of(code) != VOID:
            value = _value(kind_of(code), word, others.get(at, ""))
            yield _point(event, at, series[series_of(code)], None if step == NO_STEP else step, value, time_ns)


def _point(event: MetricEvent, at: int, series: Series, step: int | None, value: object, time_ns: int) -> Point:
    index = event.first_index + at
    return Point(event.producer_id, index, series.name, series.column_name, step, value, time_ns)


def _value(kind: int, word: int, text: str) -> object:
    if kind == FLOAT:
        return _DOUBLE.unpack(_WORD.pack(word))[0]
    if kind == TEXT:
        return text
    if kind == BIGINT:
        return int(text)
    return {BOOL: bool(word), NONE: None}.get(kind, word)


def index_ranges(home_path: Path) -> dict[str, list[tuple[int, int]]]:
    """By producer: the (first index, end) of every metric event with points, in order of index."""
    ranges: dict[str, list[tuple[int, int]]] = {}
    for event in events(home_path):
        if isinstance(event, MetricEvent) and event.count:
            ranges.setdefault(event.producer_id, []).append((event.first_index, event.first_index + event.count))
    return {producer_id: sorted(of_one) for producer_id, of_one in ranges.items()}


def untold(home_path: Path) -> list[str]:
    """What is wrong with the order of a home's journals: gaps and overlaps of frames, sequences and indexes."""
    wrong = []
    for folder in Home(home_path).producers():
        next_frame, next_sequence = 0, dict[int, int]()
        for frame in frames(folder):
            if frame.frame != next_frame:
                wrong.append(f"{folder.producer_id}: frame {frame.frame} instead of {next_frame}")
            next_frame = frame.frame + 1
            if len(frame.payload):
                expected = next_sequence.get(frame.topic, 0)
                if frame.sequence != expected:
                    wrong.append(f"{folder.producer_id}: topic {frame.topic} has {frame.sequence}, not {expected}")
                next_sequence[frame.topic] = frame.sequence + 1
    for producer_id, ranges in index_ranges(home_path).items():
        end = 0
        for first, last in ranges:
            if first != end:
                wrong.append(f"{producer_id}: index {first} instead of {end}")
            end = last
    return wrong
