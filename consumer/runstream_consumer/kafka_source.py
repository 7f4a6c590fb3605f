"""Kafka as the event log: the five topics of one prefix, read by assigned partition from stored offsets.

Nothing is ever skipped: `auto_offset_reset='none'`, topic ids and the last record are compared at the start, a
`Watch` looks on while reading, and whatever cannot be read on from stops with an error of its own type.
The broker being away is no error: polls come back empty, `away` says so.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import structlog

from runstream_consumer.kafka_letterbox import KafkaLetterbox, Message
from runstream_consumer.kafka_watch import (
    LOOK_EVERY_S,
    Sight,
    Watch,
    judge,
    number_of_partition,
    topic_of_partition,
)
from runstream_consumer.source import Lag, Position, Record
from runstream_schemas.broker import brokers_of, connect
from runstream_schemas.codec import MAX_EVENT_BYTES, decode
from runstream_schemas.errors import (
    BrokerUnreachable,
    DecodeError,
    LogTruncated,
    SourceError,
)
from runstream_schemas.topic_facts import Shortfall
from runstream_schemas.topics import Topic, topic_name

_READING: Final = {
    "auto_offset_reset": "none",
    "enable_auto_commit": False,
    "allow_auto_create_topics": False,
    "isolation_level": "read_committed",
    "check_crcs": True,
    "fetch_min_bytes": 1,
    "fetch_max_wait_ms": 250,
    "fetch_max_bytes": 16 * 1024 * 1024,
    "max_partition_fetch_bytes": 4 * 1024 * 1024,
    "metadata_max_age_ms": 30_000,
    "metrics_enabled": False,
}
_MAX_RECORDS: Final = 5_000
_LAST_RECORD_TIMEOUT_S: Final = 30.0
STALLED_S: Final = 20.0
"""kafka-python has had bugs after which a consumer polls empty for ever."""

_log = structlog.get_logger(__name__)


class KafkaSource:
    """A `Source` over Kafka; partitions are named "runstream.metrics.v1/3".

    Attributes:
        identity: the cluster's id.
        topic_ids: the broker's id of each partition's topic; store it beside the position.
    """

    kind: Literal["journal", "kafka"] = "kafka"

    def __init__(self, options: Mapping[str, Any], prefix: str, watch_every_s: float = LOOK_EVERY_S) -> None:
        """Connect.

        Args:
            options: `Settings.kafka_options()`.
            prefix: of the topics' names.
            watch_every_s: pause between two looks at the topics.

        Raises:
            BrokerUnreachable: no broker answers; trying again later may help.
        """
        self.topic_ids: dict[str, str] = {}
        self._options = {**options, "client_id": f"runstream-consumer-{prefix}"}
        self._topics = {topic_name(topic, prefix): topic for topic in Topic}
        self._watch = Watch(self._options, list(self._topics), group_id=f"{prefix}.history", every_s=watch_every_s)
        self._positions: dict[str, int] = {}
        self._fresh_at_ns: dict[str, int] = {}
        self._progress_at_s = 0.0
        self._lock = threading.Lock()
        self._consumer: Any = None
        self._letterbox = KafkaLetterbox(self._options)
        self.identity = self._watch.cluster_id()

    def start(self, positions: Mapping[str, Position]) -> None:
        """Begin behind `positions`; partitions that are not listed begin at their first event.

        Raises:
            TopicMissing, TopicDeleted, TopicRecreated, OffsetsExpired, LogTruncated: the log is not the one, or not
                all of the one, that these positions came from.
            BrokerUnreachable: no answer; trying again later may help.
        """
        sight = self._watch.look()
        if (error := judge(positions, sight)) is not None:
            raise error
        self._compare_last_records(positions, sight)
        known = {topic_of_partition(name) for name in positions}
        for name, beginning in sight.beginnings.items():
            first = 0 if topic_of_partition(name) in known else beginning
            if first:
                _log.warning("earlier events are gone, this history lacks them", partition=name, begins_at=first)
            self._positions[name] = positions[name].next_position if name in positions else first
        self._consumer = self._connect(_READING)
        self._assign(self._positions)
        self._progress_at_s = time.monotonic()
        self._watch.run_beside(self._snapshot)

    def poll(self, max_bytes: int, timeout_s: float) -> Sequence[Record]:
        """The next records; none when nothing came within `timeout_s`, also while the broker is away.

        Raises:
            SourceError: as `start`, seen while reading.
        """
        self.check()
        self._adopt_partitions()
        records: list[Record] = []
        size_bytes, wait_ms = 0, max(0, int(timeout_s * 1000))
        while size_bytes < max_bytes:
            # By the largest event: a small fetch may unfold to any size, since the broker compresses.
            batch = self._poll_once(wait_ms, (max_bytes - size_bytes) // MAX_EVENT_BYTES)
            if not batch:
                break
            for tp, rows in batch.items():
                size_bytes += self._take(f"{tp.topic}/{tp.partition}", self._topics[tp.topic], rows, records)
            wait_ms = 0
        self._look_for_stall(has_records=bool(records))
        return records

    def reaches_back(self) -> bool:
        """Does every partition still begin at its first event? Retention may have taken some.

        Raises:
            BrokerUnreachable: no answer; trying again later may help.
        """
        return not any(self._watch.look().beginnings.values())

    def check(self) -> None:
        """Raise what the watch has found. A broker that is away is no error here: see `away`.

        Raises:
            TopicDeleted, TopicRecreated, LogTruncated: reading on would hide a loss.
        """
        if self._watch.found is not None:
            raise self._watch.found

    @property
    def away(self) -> BrokerUnreachable | None:
        """Why the broker does not answer at the moment; None while it does."""
        return self._watch.away

    @property
    def shortfalls(self) -> tuple[Shortfall, ...]:
        """What keeps the topics from giving the whole history again, as of the last minute."""
        return self._watch.shortfalls

    def lag(self) -> list[Lag]:
        """One row per partition, as of the last look at the broker.

        While the broker is away nobody knows what waits there: then at least as old as the last answer.
        """
        ends, now_ns = self._watch.sight.ends, time.time_ns()
        silent_s = time.monotonic() - self._watch.seen_at_s if self.away is not None else 0.0
        rows = []
        for name, at in self._snapshot().items():
            end = max(at, ends.get(name, at))
            if end == at:
                # Nothing was waiting now, so what waits later cannot be older than that.
                self._fresh_at_ns[name] = now_ns
            age_ns = now_ns - self._fresh_at_ns.setdefault(name, now_ns)
            rows.append(Lag(name, at, end, max(silent_s, age_ns / 1e9, 0.0)))
        return rows

    def mirror(self, positions: Mapping[str, int]) -> None:
        """Show committed positions to Kafka's own lag tools, as group "<prefix>.history"; nothing reads them back."""
        self._watch.mirror(positions)

    def put_aside(self, messages: Sequence[Message]) -> int:
        """Send dead letters to their topics; returns how many the broker has taken."""
        return self._letterbox.put(messages)

    def close(self) -> None:
        """Let go of all connections."""
        self._watch.close()
        self._letterbox.close()
        if self._consumer is not None:
            self._consumer.close(autocommit=False, timeout_ms=2000)
            self._consumer = None

    def _connect(self, settings: Mapping[str, Any]) -> Any:
        from kafka import KafkaConsumer
        from kafka.errors import KafkaError

        return connect(KafkaConsumer, {**self._options, **settings}, KafkaError)

    def _snapshot(self) -> dict[str, int]:
        with self._lock:
            return dict(self._positions)

    def _assign(self, fresh: Mapping[str, int]) -> None:
        # Assigning again keeps the positions of what was assigned before; new partitions have none until they seek.
        self._consumer.assign([_partition(name) for name in self._positions])
        for name, at in fresh.items():
            self._consumer.seek(_partition(name), at)
            self.topic_ids[name] = str(self._watch.sight.topic_ids[topic_of_partition(name)])

    def _adopt_partitions(self) -> None:
        """Begin to read partitions that were added, at offset 0."""
        fresh = {name: 0 for name in self._watch.sight.ends if name not in self._positions}
        if fresh:
            _log.info("reading new partitions", partitions=sorted(fresh))
            with self._lock:
                self._positions.update(fresh)
            self._assign(fresh)

    def _look_for_stall(self, *, has_records: bool) -> None:
        """Replace a client that brings nothing although the broker answers and has more."""
        ends, now_s = self._watch.sight.ends, time.monotonic()
        has_more = any(ends.get(name, at) > at for name, at in self._positions.items())
        if has_records or self.away is not None or not has_more:
            self._progress_at_s = now_s
        elif now_s - self._progress_at_s > STALLED_S:
            _log.warning("the Kafka client brings nothing although there is more: replacing it")
            self._consumer.close(autocommit=False, timeout_ms=2000)
            self._consumer = self._connect(_READING)
            self._assign(self._positions)
            self._progress_at_s = now_s

    def _poll_once(self, wait_ms: int, n_records: int) -> Mapping[Any, Sequence[Any]]:
        from kafka.errors import LogTruncationError, NoOffsetForPartitionError, OffsetOutOfRangeError

        try:
            batch: Mapping[Any, Sequence[Any]] = self._consumer.poll(timeout_ms=wait_ms, max_records=max(1, n_records))
        except (OffsetOutOfRangeError, LogTruncationError, NoOffsetForPartitionError) as error:
            raise self._diagnosed(error) from error
        return batch

    def _take(self, name: str, topic: Topic, rows: Sequence[Any], records: list[Record]) -> int:
        size_bytes = 0
        for row in rows:
            value = row.value or b""
            size_bytes += len(value) + len(row.key or b"")
            records.append(Record(topic, name, row.offset, value, row.key or b"", row.timestamp * 1_000_000))
        with self._lock:
            self._positions[name] = rows[-1].offset + 1
        self._fresh_at_ns[name] = max(rows[-1].timestamp * 1_000_000, self._fresh_at_ns.get(name, 0))
        return size_bytes

    def _diagnosed(self, error: Exception) -> SourceError:
        """Find out what an offset error of the client means: it looks the same for several causes."""
        stored = {name: Position(at, self.topic_ids.get(name)) for name, at in self._snapshot().items()}
        watch = Watch(self._options, list(self._topics), group_id="")
        try:
            sight = watch.look()
        finally:
            watch.close()
        if (judged := judge(stored, sight)) is not None:
            return judged
        # The log has grown past the position again: what was there before is gone all the same.
        arguments = error.args[0] if error.args else {}
        tp = next(iter(arguments), None) if isinstance(arguments, (dict, set, list, tuple)) else None
        name = f"{tp.topic}/{tp.partition}" if tp is not None else next(iter(stored))
        at = stored[name].next_position
        return LogTruncated(topic_of_partition(name), number_of_partition(name), at, sight.ends.get(name, 0))

    def _compare_last_records(self, positions: Mapping[str, Position], sight: Sight) -> None:
        """A log that was cut and has grown again looks whole: only the record before the position tells.

        Raises:
            LogTruncated: another event lies there than the one that was folded.
            BrokerUnreachable: the records did not come.
        """
        wanted = {
            name: at
            for name, at in positions.items()
            if at.last_producer_id and at.next_position > sight.beginnings.get(name, at.next_position)
        }
        for name, value in self._values_before(wanted).items():
            try:
                event = decode(value)
            except DecodeError:
                continue
            at = wanted[name]
            if (event.producer_id, event.sequence) != (at.last_producer_id, at.last_sequence):
                raise LogTruncated(
                    topic_of_partition(name), number_of_partition(name), at.next_position, sight.ends[name]
                )

    def _values_before(self, positions: Mapping[str, Position]) -> dict[str, bytes]:
        """The value of the record just before each position; none where that offset holds no record."""
        if not positions:
            return {}
        values: dict[str, bytes] = {}
        # One batch of each partition is enough; the broker never sends less than a whole one.
        reader = self._connect({**_READING, "max_partition_fetch_bytes": 1})
        waiting = {_partition(name): at.next_position - 1 for name, at in positions.items()}
        reader.assign(list(waiting))
        for tp, offset in waiting.items():
            reader.seek(tp, offset)
        deadline = time.monotonic() + _LAST_RECORD_TIMEOUT_S
        try:
            while waiting:
                if time.monotonic() > deadline:
                    raise BrokerUnreachable(brokers_of(self._options), ("the last records folded did not come",))
                for tp, rows in reader.poll(timeout_ms=200, max_records=_MAX_RECORDS).items():
                    if tp in waiting and rows[0].offset == waiting[tp]:
                        values[f"{tp.topic}/{tp.partition}"] = rows[0].value or b""
                for tp in [tp for tp, offset in waiting.items() if reader.position(tp) > offset]:
                    reader.pause(tp)
                    del waiting[tp]
        finally:
            reader.close(autocommit=False, timeout_ms=2000)
        return values


def _partition(name: str) -> Any:
    from kafka import TopicPartition

    return TopicPartition(topic_of_partition(name), number_of_partition(name))
