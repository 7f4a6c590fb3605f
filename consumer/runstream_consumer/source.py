"""What an event log looks like to the consumer: records with positions, whichever log it is.

A position is the number of a record within its partition: the frame in a producer's journal (partition = producer id),
or the offset in Kafka (partition = "topic/number"). Stored positions name the *next* record to read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from runstream_schemas.topics import Topic


@dataclass(frozen=True, slots=True)
class Record:
    """One event as it lies in the log.

    Attributes:
        topic: what kind of event it should be.
        partition: producer id (journal) or "<topic name>/<number>" (Kafka).
        position: its place in the partition.
        value: the encoded event.
        key: the run id, UTF-8.
        received_at_ns: when it entered the log (Kafka) or was read (journal), nanoseconds since 1970 UTC.
    """

    topic: Topic
    partition: str
    position: int
    value: bytes = field(repr=False)
    key: bytes
    received_at_ns: int


@dataclass(frozen=True, slots=True)
class Undecodable:
    """A stretch of the log that holds no record: damage in a journal. Reading goes on at `next_position`.

    Attributes:
        value: the bytes found there, cut to MAX_EVENT_BYTES.
        segment, offset: the file and the byte at which they start.
        run_id: whose journal it is, as far as its header tells: that run is incomplete.
    """

    partition: str
    position: int
    next_position: int
    value: bytes = field(repr=False)
    reason: str
    segment: str | None = None
    offset: int | None = None
    run_id: str | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """Where a partition was left: the next record, and what proves that it is still the same log.

    Attributes:
        topic_id: Kafka's id of the topic.
        last_producer_id, last_sequence: of the record before `next_position`.
    """

    next_position: int
    topic_id: str | None = None
    last_producer_id: str | None = None
    last_sequence: int | None = None


@dataclass(frozen=True, slots=True)
class Lag:
    """How far the fold is behind in one partition: events not read yet, and the age of the oldest of them."""

    partition: str
    next_position: int
    end: int
    behind_s: float


class Source(Protocol):
    """An event log. One thread uses it."""

    kind: Literal["journal", "kafka"]
    identity: str
    """Names the log for ever: a cluster's id, or "journal:" and the home's id."""

    def start(self, positions: Mapping[str, Position]) -> None:
        """Begin behind what the store has; partitions that are not listed begin at their start.

        Raises:
            SourceError: the log is not the one that these positions came from.
        """

    def poll(self, max_bytes: int, timeout_s: float) -> Sequence[Record | Undecodable]:
        """The next records, in order within each partition: about `max_bytes` at most, none after `timeout_s`."""

    def reaches_back(self) -> bool:
        """Does the log still hold its first event, so that tables may be built anew from it?"""

    def check(self) -> None:
        """Look for what polling cannot show (log gone, recreated, truncated).

        Raises:
            SourceError: reading on would hide a loss.
        """

    def lag(self) -> list[Lag]:
        """One row per partition that is being read."""

    def close(self) -> None:
        """Let go of files and connections."""
