"""Looking at topics beside the reading of them: polling shows neither a deleted topic nor a recreated one.

A topic that was deleted polls empty for ever; one that was created again and has grown past the position is read on
silently. So a thread of its own asks the broker for topic ids and offsets every few seconds. `Sight` is what it saw,
`judge` (pure) says whether reading on would hide a loss. Once a minute it also asks how long the topics keep events.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog

from runstream_consumer.source import Position
from runstream_schemas.broker import brokers_of, connect
from runstream_schemas.errors import (
    BrokerUnreachable,
    LogTruncated,
    OffsetsExpired,
    SourceError,
    TopicDeleted,
    TopicMissing,
    TopicRecreated,
)
from runstream_schemas.topic_facts import Shortfall, describe, shortfalls

LOOK_EVERY_S: Final = 3.0
RETENTION_EVERY_S: Final = 60.0
_RETRY_S: Final = 0.5
_UNKNOWN_TOPIC: Final = 3
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Sight:
    """What the broker said at one moment; partitions are named "topic/number".

    Attributes:
        topic_ids: None for a topic that does not exist.
        beginnings, ends: first offset and the one behind the last, per partition.
    """

    topic_ids: Mapping[str, str | None]
    beginnings: Mapping[str, int]
    ends: Mapping[str, int]


def topic_of_partition(partition: str) -> str:
    """The Kafka topic in a partition's name."""
    return partition.rpartition("/")[0]


def number_of_partition(partition: str) -> int:
    """The number in a partition's name."""
    return int(partition.rpartition("/")[2])


def look(client: Any, topics: Sequence[str]) -> Sight:
    """Ask a `KafkaAdminClient` for ids and offsets of topics; some 15 ms.

    Raises:
        kafka.errors.KafkaError: the broker did not answer.
    """
    from kafka import TopicPartition
    from kafka.admin import OffsetSpec

    rows = {row["name"]: row for row in client.describe_topics(list(topics))}
    ids = {name: _id_of(rows.get(name)) for name in topics}
    there = [
        TopicPartition(name, partition["partition_index"])
        for name in topics
        if ids[name] is not None
        for partition in rows[name]["partitions"]
    ]
    firsts = client.list_partition_offsets(dict.fromkeys(there, OffsetSpec.EARLIEST)) if there else {}
    lasts = client.list_partition_offsets(dict.fromkeys(there, OffsetSpec.LATEST)) if there else {}
    return Sight(ids, _named(firsts), _named(lasts))


def _id_of(row: Mapping[str, Any] | None) -> str | None:
    from kafka.errors import for_code

    code = _UNKNOWN_TOPIC if row is None else row["error_code"]
    if row is None or code == _UNKNOWN_TOPIC:
        return None
    if code:
        raise for_code(code)(row["name"])
    return str(row["topic_id"])


def _named(offsets: Mapping[Any, Any]) -> dict[str, int]:
    return {f"{tp.topic}/{tp.partition}": row.offset for tp, row in offsets.items()}


def judge(stored: Mapping[str, Position], sight: Sight) -> SourceError | None:
    """Compare stored positions with what the broker has, before the first record is read.

    Positions of other topics are ignored; a partition without a position begins at offset 0, so that events which
    expired before they were ever read are told, except where a topic is read for the first time.

    Returns:
        The first thing that makes reading on a loss, or None.
    """
    known = {topic_of_partition(name): position for name, position in stored.items()}
    for topic, found_id in sight.topic_ids.items():
        if found_id is None:
            return TopicDeleted(topic=topic) if topic in known else TopicMissing(topic=topic)
    for name, position in stored.items():
        found_id = sight.topic_ids.get(topic_of_partition(name))
        if found_id is not None and position.topic_id not in {None, found_id}:
            return TopicRecreated(topic_of_partition(name), str(position.topic_id), found_id)
        if found_id is not None and name not in sight.ends:
            return LogTruncated(topic_of_partition(name), number_of_partition(name), position.next_position, 0)
    for name, end in sight.ends.items():
        topic, number = topic_of_partition(name), number_of_partition(name)
        if topic not in known:
            continue
        at = stored[name].next_position if name in stored else 0
        if at < sight.beginnings[name]:
            return OffsetsExpired(topic, number, at, sight.beginnings[name])
        if at > end:
            return LogTruncated(topic, number, at, end)
    return None


def judge_running(topic_ids: Mapping[str, str], positions: Mapping[str, int], sight: Sight) -> SourceError | None:
    """Compare what is being read with what the broker has.

    Args:
        topic_ids: by topic, as they were at the start.
        positions: next offsets, taken **before** `sight`: taken later they could rightly lie beyond its ends.
        sight: what the broker said.
    """
    for topic, known_id in topic_ids.items():
        found_id = sight.topic_ids.get(topic)
        if found_id is None:
            return TopicDeleted(topic=topic)
        if found_id != known_id:
            return TopicRecreated(topic, known_id, found_id)
    for name, at in positions.items():
        end = sight.ends.get(name, at)
        if at > end:
            return LogTruncated(topic_of_partition(name), number_of_partition(name), at, end)
    return None


class Watch:
    """The thread that looks every few seconds, and mirrors positions to a Kafka group for lag tools.

    Attributes:
        sight: the newest one.
        found: why reading must stop; stays once it is set.
        away: why the broker does not answer, None while it does.
        seen_at_s: when it answered last, on the monotonic clock.
        shortfalls: what keeps the topics from giving the whole history again; empty where they keep everything.
    """

    def __init__(
        self, options: Mapping[str, Any], topics: Sequence[str], group_id: str, every_s: float = LOOK_EVERY_S
    ) -> None:
        self.sight = Sight({}, {}, {})
        self.found: SourceError | None = None
        self.away: BrokerUnreachable | None = None
        self.seen_at_s = time.monotonic()
        self.shortfalls: tuple[Shortfall, ...] = ()
        self._retention_at_s = 0.0
        self._options, self._topics, self._group_id, self._every_s = options, topics, group_id, every_s
        self._client: Any = None
        self._closing = threading.Event()
        self._mirrored: dict[str, int] = {}
        self._thread: threading.Thread | None = None

    def look(self) -> Sight:
        """Look now, on the calling thread; only before `run_beside` and by the thread itself.

        Raises:
            BrokerUnreachable: no answer.
        """
        from kafka.errors import KafkaError

        try:
            self.sight = look(self._admin(), self._topics)
        except KafkaError as error:
            self._drop_client()
            raise BrokerUnreachable(brokers_of(self._options), (f"{type(error).__name__}: {error}",)) from error
        self.seen_at_s = time.monotonic()
        return self.sight

    def cluster_id(self) -> str:
        """The id that tells this cluster from any other.

        Raises:
            BrokerUnreachable: no answer.
        """
        from kafka.errors import KafkaError

        try:
            return str(self._admin().describe_cluster()["cluster_id"])
        except KafkaError as error:
            self._drop_client()
            raise BrokerUnreachable(brokers_of(self._options), (f"{type(error).__name__}: {error}",)) from error

    def run_beside(self, positions: Callable[[], dict[str, int]]) -> None:
        """Start the thread; `positions` must be callable from it and gives the next offset of each partition."""
        topic_ids = {topic: found for topic, found in self.sight.topic_ids.items() if found is not None}
        self._thread = threading.Thread(
            target=self._run, args=(topic_ids, positions), name="runstream-kafka-watch", daemon=True
        )
        self._thread.start()

    def mirror(self, positions: Mapping[str, int]) -> None:
        """Note committed positions; the thread writes them to the group at its next look."""
        self._mirrored = dict(positions)

    def close(self) -> None:
        """End the thread; one that sits in a request is cut off by closing its client."""
        self._closing.set()
        self._drop_client()
        if self._thread is not None:
            self._thread.join(timeout=2)

    def _run(self, topic_ids: Mapping[str, str], positions: Callable[[], dict[str, int]]) -> None:
        suspicion: SourceError | None = None
        while not self._closing.wait(_RETRY_S if self.away or suspicion else self._every_s):
            before = positions()
            try:
                sight = self.look()
                self._write_mirror()
                self._look_at_retention()
            except Exception as error:  # noqa: BLE001 - this thread's edge: the next look tells more
                if self._closing.is_set():
                    return
                self._note_away(error)
                continue
            if self.away is not None:
                _log.info("the broker answers again", brokers=brokers_of(self._options))
                self.away = None
            judged = judge_running(topic_ids, before, sight)
            # A broker that has just come back may not know all topics yet: believe it the second time.
            if judged is not None and suspicion is not None:
                self.found = judged
                return
            suspicion = judged

    def _note_away(self, error: Exception) -> None:
        if not isinstance(error, BrokerUnreachable):
            self._drop_client()
            error = BrokerUnreachable(brokers_of(self._options), (f"{type(error).__name__}: {error}",))
        if self.away is None:
            _log.warning("the broker is away", cause=str(error))
        self.away = error

    def _write_mirror(self) -> None:
        from kafka import TopicPartition
        from kafka.errors import KafkaError, NoError
        from kafka.structs import OffsetAndMetadata

        mirrored, self._mirrored = self._mirrored, {}
        offsets = {
            TopicPartition(topic_of_partition(name), number_of_partition(name)): OffsetAndMetadata(at, "", -1)
            for name, at in mirrored.items()
        }
        if not offsets:
            return
        try:
            for outcome in self._admin().alter_group_offsets(self._group_id, offsets).values():
                if outcome is not NoError:
                    raise outcome
        except KafkaError as error:
            # Only lag tools miss it; a cluster's first group makes the broker create its offsets topic first.
            _log.debug("offsets not mirrored", cause=str(error))
            self._mirrored = mirrored | self._mirrored

    def _look_at_retention(self) -> None:
        import kafka.admin
        from kafka.errors import KafkaError

        now_s = time.monotonic()
        if now_s < self._retention_at_s:
            return
        self._retention_at_s = now_s + RETENTION_EVERY_S
        try:
            facts = describe(kafka, self._admin(), self._topics)
        except KafkaError as error:
            # A login may be allowed to read topics without being shown how they are kept.
            _log.debug("the topics' retention is not known", cause=str(error))
            return
        now_ns = time.time_ns()
        found = tuple(one for fact in facts.values() if fact is not None for one in shortfalls(fact, now_ns))
        for text in {one.text for one in found} - {one.text for one in self.shortfalls}:
            _log.warning(text)
        self.shortfalls = found

    def _admin(self) -> Any:
        from kafka.admin import KafkaAdminClient
        from kafka.errors import KafkaError

        if self._client is None:
            self._client = connect(KafkaAdminClient, {**self._options, "request_timeout_ms": 5000}, KafkaError)
        return self._client

    def _drop_client(self) -> None:
        # One that lived through a broker's restart fails at its next call: build a new one then.
        client, self._client = self._client, None
        if client is not None:
            client.close()
