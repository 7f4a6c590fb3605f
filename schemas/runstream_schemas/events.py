"""The events: what producers say, what the log keeps, what the consumer folds.

Every event starts with the same header: `run_id` (also the Kafka key; catalog.py holds what belongs to no run),
`producer_id` (one per run, process and start), `sequence` (contiguous from 0 per producer and topic: with the two
before it the event's identity) and `logged_at_ns` (nanoseconds since 1970 UTC, strictly rising per producer; it decides
which of two values is newer).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from runstream_schemas.catalog import CatalogEvent
from runstream_schemas.topics import Topic

MAX_INLINE_BYTES = 100_000
"""Files up to this size may ride inside an ArtifactEvent."""

MAX_TEXT_BYTES = 65_536
"""The longest string value, in bytes of UTF-8."""

FORMS = ("scalar", "list", "row", "table", "image", "chart")


@dataclass(frozen=True, slots=True)
class Created:
    """A producer began to log to a run: the first event of every producer. Of several for one run, the oldest holds."""

    workspace: str
    experiment: str
    display_name: str | None = None
    run_type: str | None = None
    parent_run_id: str | None = None
    description: str | None = None
    host: str = ""
    user: str = ""
    pid: int = 0
    continues: str | None = None


@dataclass(frozen=True, slots=True)
class Described:
    """The run got another display name or description: of each, the newest that is not None holds."""

    display_name: str | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class StatusChanged:
    """The run's status as its user set it, with the error if there was one."""

    status: str
    error_type: str | None = None
    error_message: str | None = None
    error_traceback: str | None = None
    error_code: str | None = None


@dataclass(frozen=True, slots=True)
class PropertiesAdded:
    """Write-once key and value pairs; of several for one key, the oldest holds."""

    properties: dict[str, str]


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The producer lives; sent after a while without another event."""


@dataclass(frozen=True, slots=True)
class ProducerClosed:
    """The producer ended in good order: how many points it logged, and how many it had to drop.

    `n_events` = how many events it wrote to topics other than that of the runs: a reader who has them has all. None
    where it was not counted.
    """

    n_points: int
    n_dropped: int
    n_events: int | None = None


@dataclass(frozen=True, slots=True)
class ProducerLost:
    """Recovery found the producer dead; appended after everything that could be saved. `n_events` as above."""

    reason: str
    n_events: int | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """Points that were accepted from nobody: the ring was full, or the journal beyond its quota."""

    n_points: int
    reason: str


@dataclass(frozen=True, slots=True)
class Archived:
    """The run was hidden from lists, or brought back."""

    archived: bool


@dataclass(frozen=True, slots=True)
class Deleted:
    """The run is to be forgotten."""


Change = (
    Created
    | Described
    | StatusChanged
    | PropertiesAdded
    | Heartbeat
    | ProducerClosed
    | ProducerLost
    | Gap
    | Archived
    | Deleted
)


_CHANGE_NAMES: dict[type, str] = {
    Created: "created",
    Described: "described",
    StatusChanged: "status",
    PropertiesAdded: "properties",
    Heartbeat: "heartbeat",
    ProducerClosed: "closed",
    ProducerLost: "lost",
    Gap: "gap",
    Archived: "archived",
    Deleted: "deleted",
}


def change_name(change: Change) -> str:
    """The word that stands for this kind of change, in the schema's field `change` and in the tables."""
    return _CHANGE_NAMES[type(change)]


@dataclass(frozen=True, slots=True)
class RunEvent:
    """Something happened to a run or to one of its producers."""

    run_id: str
    producer_id: str
    sequence: int
    logged_at_ns: int
    change: Change


@dataclass(frozen=True, slots=True)
class Series:
    """One producer's series, as every event that holds points of it tells anew.

    Attributes:
        code: the producer's series number from 0, as in the upper 61 bits of a record's code word.
        name: the metric's name.
        column_name: the column of a row or table; None for the other forms.
        form: scalar, list, row, table, image or chart.
        description: of the metric, may be empty.
    """

    code: int
    name: str
    column_name: str | None
    form: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Other:
    """The value of a point that no 8 bytes can hold: a string, or an integer beyond 64 bits in decimal digits.

    Attributes:
        point: offset of the point within the event, from 0; its record's kind (TEXT or BIGINT) says which it is.
        text: the string, or the digits.
    """

    point: int
    text: str


@dataclass(frozen=True, slots=True)
class MetricEvent:
    """A batch of points of one producer.

    Attributes:
        first_index: the producer's point index of the first point; indexes count over all series, from 0.
        count: points (void slots included); 0 with series = these series exist and are empty so far.
        series: all series that occur in `points`, unique by code.
        others: values that do not fit a record, rising by point.
        points: `count` records of 32 bytes, see points.py; of a decoded event a view of its bytes.
    """

    run_id: str
    producer_id: str
    sequence: int
    logged_at_ns: int
    first_index: int
    count: int
    series: tuple[Series, ...]
    others: tuple[Other, ...] = ()
    points: bytes | memoryview = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class TagEvent:
    """A tag was set or removed; the newest holds."""

    run_id: str
    producer_id: str
    sequence: int
    logged_at_ns: int
    key: str
    value: str | None
    removed: bool = False


@dataclass(frozen=True, slots=True)
class ArtifactEvent:
    """A file was kept for a run; of several at one path, the newest shows.

    Attributes:
        path: relative, forward slashes.
        sha256: 64 lower-case hex digits of the content.
        location: where the store keeps it (an fsspec URI); None = only inside this event.
        content: the bytes themselves, at most 100 kB; None = only at the location.
        metric_name: the image metric that this file belongs to.
    """

    run_id: str
    producer_id: str
    sequence: int
    logged_at_ns: int
    path: str
    size_bytes: int
    sha256: str
    content_type: str
    location: str | None = None
    content: bytes | None = field(default=None, repr=False)
    metric_name: str | None = None


@dataclass(frozen=True, slots=True)
class LogEvent:
    """Lines that the run printed: `first_line` counts the stream's lines from 0."""

    run_id: str
    producer_id: str
    sequence: int
    logged_at_ns: int
    stream: str
    first_line: int
    text: str


Event = RunEvent | MetricEvent | TagEvent | ArtifactEvent | LogEvent | CatalogEvent

_TOPICS: dict[type, Topic] = {
    RunEvent: Topic.RUNS,
    MetricEvent: Topic.METRICS,
    TagEvent: Topic.TAGS,
    ArtifactEvent: Topic.ARTIFACTS,
    LogEvent: Topic.LOGS,
    CatalogEvent: Topic.CATALOG,
}


def topic_for(event: Event) -> Topic:
    """The topic that carries this type of event."""
    return _TOPICS[type(event)]
