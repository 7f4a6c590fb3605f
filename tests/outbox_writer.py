"""A producer's outbox written by hand, for tests of what becomes of it."""

from __future__ import annotations

from random import Random

from runstream_schemas.codec import encode
from runstream_schemas.events import LogEvent, ProducerLost, RunEvent, TagEvent
from runstream_schemas.home import Home, ProducerDir, boot_id, host_name
from runstream_schemas.ids import new_producer_id
from runstream_schemas.segment import CLOSING, Role, SegmentHeader, SegmentWriter
from runstream_schemas.settings import Settings, parse
from runstream_schemas.topics import Topic


class Writer:
    """A journal written by hand: what a producer leaves, without its ring.

    Attributes:
        events: the payloads appended, by topic.
    """

    def __init__(self, home: Home, run_id: str = "run", role: Role = "outbox") -> None:
        self.folder: ProducerDir = home.ensure().producer(new_producer_id())
        self.folder.path.mkdir()
        self.folder.lock.touch()
        header = SegmentHeader(role, self.folder.producer_id, run_id, host_name(), boot_id())
        self.run_id = run_id
        self.events: dict[Topic, list[bytes]] = {topic: [] for topic in Topic}
        self._writer = SegmentWriter(self.folder.segment(0), header)

    @property
    def last_frame(self) -> int:
        """The number of the newest frame."""
        return self._writer.next_frame - 1

    def tag(self, n: int) -> None:
        """Append `n` tag events."""
        for _ in range(n):
            sequence = self._writer.next_sequences[Topic.TAGS]
            event = TagEvent(self.run_id, self.folder.producer_id, sequence, sequence + 1, "k", str(sequence), False)
            self._append(Topic.TAGS, encode(event), sequence)

    def log(self, n: int, size_bytes: int) -> None:
        """Append `n` large log events that no compression makes small."""
        for _ in range(n):
            sequence = self._writer.next_sequences[Topic.LOGS]
            text = Random(sequence).randbytes(size_bytes // 2).hex()
            event = LogEvent(self.run_id, self.folder.producer_id, sequence, sequence + 1, "stdout", 0, text)
            self._append(Topic.LOGS, encode(event), sequence)

    def rotate(self) -> None:
        """Begin the next segment."""
        header = self._writer.successor(0)
        self._writer.close()
        self._writer = SegmentWriter(self.folder.segment(header.first_frame), header)

    def close(self) -> None:
        """Write the closing event."""
        sequence = self._writer.next_sequences[Topic.RUNS]
        event = RunEvent(self.run_id, self.folder.producer_id, sequence, sequence + 1, ProducerLost("test"))
        self._append(Topic.RUNS, encode(event), sequence, CLOSING)
        self._writer.close()

    def _append(self, topic: Topic, payload: bytes, sequence: int, flags: int = 0) -> None:
        self._writer.append(topic, [payload], sequence, flags=flags)
        self.events[topic].append(payload)


def settings_for(servers: str, prefix: str) -> Settings:
    """Settings as the environment would give them."""
    return parse({"RUNSTREAM_BROKERS": servers, "RUNSTREAM_TOPIC_PREFIX": prefix})
