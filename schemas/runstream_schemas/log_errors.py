"""Errors about the history file and the event log; import them from errors.py, where the tree is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runstream_schemas.root_error import RunstreamError


class StoreError(RunstreamError):
    """Something about the history file; raised by whoever opens or writes it."""


class SourceError(RunstreamError):
    """Something about the event log that reading on would hide; the consumer stops and says so."""


@dataclass(eq=False)
class Fenced(StoreError):
    """Another consumer has moved this partition's position."""

    template = (
        "partition {partition} stands at {stored}, not at {expected}: another consumer writes this history; "
        "stop one of the two"
    )
    partition: str
    expected: int
    stored: int


@dataclass(eq=False)
class StoreLocked(StoreError):
    """A second consumer on one history file."""

    template = "{path} belongs to a running consumer ({holder}); use that one or stop it first"
    path: str
    holder: str


@dataclass(eq=False)
class StoreVersion(StoreError):
    """A history file written by a newer runstream."""

    template = "{path} has tables of version {found}, this runstream knows {supported}; upgrade runstream"
    path: str
    found: object
    supported: object


@dataclass(eq=False)
class StoreForeign(StoreError):
    """A history file that was folded from another event log."""

    template = (
        "{path} holds the history of {stored_source}, not of {source}; set RUNSTREAM_HOME to another folder "
        "for this source, or RUNSTREAM_BROKERS back"
    )
    path: str
    stored_source: str
    source: str


@dataclass(eq=False)
class StoreUnopenable(StoreError):
    """A history file that does not open and could not be rebuilt."""

    template = "{path} does not open: {cause}; it was set aside, start the consumer to rebuild it from the log"
    path: str
    cause: object


@dataclass(eq=False)
class CommitUnknown(StoreError):
    """COMMIT raised: the batch may or may not be durable, so this process must end and read the positions again."""

    template = "it is unknown whether a commit to {path} took effect: {cause}; restart the consumer"
    path: str
    cause: object
    retriable = True


@dataclass(eq=False)
class BrokerUnreachable(SourceError):
    """No broker answers."""

    brokers: str
    log_lines: Sequence[str] = ()
    retriable = True

    def __str__(self) -> str:
        said = "; the client said: " + " | ".join(self.log_lines) if self.log_lines else ""
        return f"no Kafka broker answers at {self.brokers}{said}; check RUNSTREAM_BROKERS and RUNSTREAM_KAFKA_*"


@dataclass(eq=False)
class BrokerMismatch(BrokerUnreachable):
    """Something answers, and the settings do not fit it: waiting does not help."""

    retriable = False

    def __str__(self) -> str:
        return f"the Kafka broker at {self.brokers} cannot be used: {' | '.join(self.log_lines)}"


@dataclass(eq=False)
class TopicMissing(SourceError):
    """A topic that was never created."""

    template = "topic {topic} does not exist; create it with `runstream topics create`"
    topic: str


@dataclass(eq=False)
class TopicRecreated(SourceError):
    """The topic has another id than the one whose offsets are stored."""

    template = (
        "topic {topic} was deleted and created again (id {stored_id} is now {found_id}); its stored offsets "
        "mean nothing there: fold it into a new home (RUNSTREAM_HOME), or bring the old topic back"
    )
    topic: str
    stored_id: str
    found_id: str


@dataclass(eq=False)
class TopicDeleted(SourceError):
    """A topic that was being read is gone."""

    template = "topic {topic} was deleted; the history is kept, restore the topic or start a new home"
    topic: str


@dataclass(eq=False)
class OffsetsExpired(SourceError):
    """Retention removed events that were not folded."""

    template = (
        "{topic}/{partition}: the events from {position} to below {beginning} were removed by retention before "
        "they were folded; set retention.ms=-1 (`runstream topics check`) and fold what is left into a new home"
    )
    topic: str
    partition: int
    position: int
    beginning: int


@dataclass(eq=False)
class LogTruncated(SourceError):
    """The broker's log is shorter than, or differs from, what was folded."""

    template = (
        "{topic}/{partition} ends at {end} or holds other events than those folded up to {position}: the "
        "broker lost data; restore it, or fold into a new home"
    )
    topic: str
    partition: int
    position: int
    end: int


@dataclass(eq=False)
class JournalShrunk(SourceError):
    """A journal that holds fewer frames than were folded from it (power loss, or files removed)."""

    template = (
        "the journal of producer {producer_id} ends at frame {end}, {position} were folded: files were "
        "removed or lost with power; the history keeps what it has"
    )
    producer_id: str
    position: int
    end: int


@dataclass(eq=False)
class TopicTooSmall(SourceError):
    """A topic whose message limit is below an event's largest size."""

    template = (
        "topic {topic} takes messages of {limit:,} bytes, events need {needed:,}; raise max.message.bytes, "
        "events wait in the journal until then"
    )
    topic: str
    limit: int
    needed: int


@dataclass(eq=False)
class ProducerRefused(SourceError):
    """The broker refused a record for good; the client was replaced and the journal kept."""

    template = "the broker refused events for {topic}: {cause}; they stay in the journal, fix it and they go out"
    topic: str
    cause: object
