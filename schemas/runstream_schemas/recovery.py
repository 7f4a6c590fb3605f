"""What a dead producer left behind -> a journal that is complete and closed. May be killed and repeated at every step.

1. take the producer's flock: refused = it lives, or another recovery is at it
2. read the journal: which point indexes it covers, where its sequences stand, whether it is closed
3. cut a torn tail and append what staging holds beyond that
4. append `lost` as the closing frame, fsync
5. unlink staging

If the machine was started anew since, pages may be lost that the producer's events had already reached Kafka from: the
rest then goes out under a new producer id, made whole in a folder of its own, and the old journal is only closed. The
same where a segment's header is damaged: how far the sequences had come is not known for certain.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, field, replace
from hashlib import blake2b

from runstream_schemas import codec
from runstream_schemas.errors import DecodeError, SegmentDamaged
from runstream_schemas.events import Created, Event, Gap, ProducerLost, RunEvent, topic_for
from runstream_schemas.failpoint import hit
from runstream_schemas.home import NEW_PREFIX, Home, ProducerDir, boot_id, host_name, locked, network_filesystem
from runstream_schemas.ids import uuid7, uuid7_value
from runstream_schemas.leftovers import Batch, Leftovers
from runstream_schemas.scan import Frame, is_closed
from runstream_schemas.segment import CLOSING, SegmentHeader, SegmentWriter, scan
from runstream_schemas.survivor import is_sound, surviving_header
from runstream_schemas.topics import Topic

UNBORN_AGE_S = 60.0
"""Making a folder takes milliseconds; one that is this old and not locked was given up."""

_LOCK_TRIES = 3
_LOCK_PAUSE_S = 0.005
_ANEW = "the machine was started anew, or the journal was damaged"
_ENDED = "the process ended without closing its run"


@dataclass(frozen=True, slots=True)
class Recovered:
    """What a recovery did.

    Attributes:
        producer_id, run_id: whose journal it closed.
        n_points: slots that it took from staging into the journal, void ones included.
        heir: the producer id that carries them after a restart of the machine, else None.
    """

    producer_id: str
    run_id: str
    n_points: int
    heir: str | None = None


def is_alive(folder: ProducerDir) -> bool:
    """Does the owner of this folder still run (or a recovery work on it)?"""
    try:
        with locked(folder.lock, shared=True) as fd:
            return fd is None
    except FileNotFoundError:
        return False


def recover(folder: ProducerDir) -> Recovered | None:
    """Complete and close the journal of a dead producer.

    Returns:
        None if there is nothing to do: it lives, is closed already, has left, or belongs to another machine.

    Raises:
        JournalUnavailable: the journal cannot be written now; nothing is lost, try again.
        SegmentDamaged: no segment's header can be trusted, and nothing else tells what the journal is.
    """
    try:
        for attempt in range(_LOCK_TRIES):
            # Somebody who only asks is_alive() holds the lock for a moment.
            if attempt:
                time.sleep(_LOCK_PAUSE_S)
            with locked(folder.lock) as fd:
                if fd is not None:
                    return _recover(folder)
    except FileNotFoundError:
        return None
    return None


def _recover(folder: ProducerDir) -> Recovered | None:
    segments = folder.segments()
    if not segments:
        return None
    last = segments[-1][1]
    if is_closed(last):
        _unlink_staging(folder)
        return None
    header = surviving_header(folder)
    if header.host != host_name() and (network_filesystem(folder.path) or folder.staging_pointer.exists()):
        return None
    journal = _Journal.read(folder)
    leftovers = Leftovers(folder)
    if header.boot_id != boot_id() or not is_sound(folder):
        return _recover_with_heir(folder, header, journal, leftovers)
    writer = SegmentWriter.resume(last)
    try:
        hit("recovery.cut")
        n_points = _finish(_Appender(writer, journal.last_logged_at_ns), journal, leftovers)
    finally:
        writer.close()
    hit("recovery.synced")
    _unlink_staging(folder)
    return Recovered(folder.producer_id, header.run_id, n_points)


@dataclass(slots=True)
class _Journal:
    """What the frames of a journal tell."""

    covered: list[tuple[int, int]] = field(default_factory=list)
    last_logged_at_ns: int = 0
    told_dropped: int = 0
    created: Created | None = None
    next_frame: int = 0

    @classmethod
    def read(cls, folder: ProducerDir) -> _Journal:
        journal = cls()
        last = None
        for _, path in folder.segments():
            for item in scan(path):
                if isinstance(item, Frame):
                    journal._add(item)
                    last = item
        journal.covered.sort()
        event = _decoded(last) if last is not None else None
        journal.next_frame = last.frame + 1 if last is not None else 0
        if event is not None:
            journal.last_logged_at_ns = event.logged_at_ns
        return journal

    def _add(self, frame: Frame) -> None:
        if frame.topic == Topic.METRICS and frame.count:
            self.covered.append((frame.first_index, frame.first_index + frame.count))
        if frame.topic != Topic.RUNS:
            return
        event = _decoded(frame)
        if isinstance(event, RunEvent) and isinstance(event.change, Gap):
            self.told_dropped += event.change.n_points
        if isinstance(event, RunEvent) and isinstance(event.change, Created):
            self.created = event.change


def _decoded(frame: Frame) -> Event | None:
    try:
        return codec.decode(frame.payload) if len(frame.payload) else None
    except DecodeError:
        # It stays in the journal; whoever reads it makes a dead letter of it.
        return None


class _Appender:
    """Events of one producer into its last segment: sequences go on, stamps rise."""

    def __init__(self, writer: SegmentWriter, last_logged_at_ns: int) -> None:
        self._writer = writer
        self._last_ns = last_logged_at_ns

    def stamp(self) -> int:
        self._last_ns = max(time.time_ns(), self._last_ns + 1)
        return self._last_ns

    def add_batch(self, batch: Batch, first_index: int) -> None:
        header = self._writer.header
        sequence = self._writer.next_sequences[Topic.METRICS]
        head = codec.metric_head(
            header.run_id,
            header.producer_id,
            sequence,
            self.stamp(),
            first_index,
            batch.count,
            batch.series,
            batch.others,
            len(batch.points),
        )
        self._writer.append(Topic.METRICS, [head, batch.points], sequence, first_index, batch.count)
        hit("recovery.frame")

    def add_change(self, change: Created | Gap | ProducerLost, flags: int = 0) -> None:
        header = self._writer.header
        sequence = self._writer.next_sequences[Topic.RUNS]
        event = RunEvent(header.run_id, header.producer_id, sequence, self.stamp(), change)
        self._writer.append(topic_for(event), [codec.encode(event)], sequence, flags=flags)

    def close_journal(self, reason: str) -> None:
        """Append `lost` as the closing frame; of a producer that serves no run, there is nothing to tell."""
        if self._writer.header.run_id:
            self.add_change(ProducerLost(reason, self._writer.n_events), CLOSING)
        else:
            self._writer.append(0, [], 0, flags=CLOSING)

    def sync(self) -> None:
        self._writer.sync()


def _finish(appender: _Appender, journal: _Journal, leftovers: Leftovers, *, renumber: bool = False) -> int:
    """Append what is left, the points that were dropped, and the closing frame; return the number of points."""
    n_points = 0
    for batch in leftovers.batches(journal.covered):
        appender.add_batch(batch, n_points if renumber else batch.first_index)
        n_points += batch.count
    n_dropped = leftovers.dropped - journal.told_dropped
    if n_dropped > 0:
        appender.add_change(Gap(n_dropped, "found no room in the ring before the process ended"))
    reason = (
        "the machine was started anew, or its journal was damaged"
        if renumber
        else "the process ended without closing its run"
    )
    appender.close_journal(reason)
    hit("recovery.lost")
    appender.sync()
    return n_points


def _recover_with_heir(
    folder: ProducerDir, header: SegmentHeader, journal: _Journal, leftovers: Leftovers
) -> Recovered:
    heir = heir_of(folder.producer_id)
    target = ProducerDir(folder.path.with_name(heir))
    n_points = 0
    if not target.path.exists():
        n_points = _make_heir(target, header, journal, leftovers)
    hit("recovery.heir")
    writer = _last_writer(folder, header, journal)
    try:
        writer.append(0, [], 0, flags=CLOSING)
        writer.sync()
    finally:
        writer.close()
    _unlink_staging(folder)
    return Recovered(folder.producer_id, header.run_id, n_points, heir)


def _last_writer(folder: ProducerDir, header: SegmentHeader, journal: _Journal) -> SegmentWriter:
    """The end of a journal; behind a segment with a damaged header, which is left as it is, a new one."""
    first_frame, last = folder.segments()[-1]
    try:
        return SegmentWriter.resume(last)
    except SegmentDamaged:
        # A segment in which nothing was found held at least one frame, or will be told as if it had.
        next_frame = max(journal.next_frame, first_frame + 1)
        return SegmentWriter(folder.segment(next_frame), replace(header, first_frame=next_frame))


def heir_of(producer_id: str) -> str:
    """The producer id that carries on after a restart of the machine: always the same, and later than its own."""
    counter_bits = 74
    mark = int.from_bytes(blake2b(producer_id.encode(), digest_size=10).digest(), "big") >> (80 - counter_bits)
    return uuid7(((uuid7_value(producer_id) >> counter_bits) + 1 << counter_bits) | mark)


def _make_heir(target: ProducerDir, old: SegmentHeader, journal: _Journal, leftovers: Leftovers) -> int:
    """Build the heir's folder whole under a temporary name, then rename it."""
    born = ProducerDir(target.path.with_name(NEW_PREFIX + target.producer_id))
    born.path.mkdir(mode=0o700, exist_ok=True)
    for _, path in born.segments():
        path.unlink()
    header = SegmentHeader(old.role, target.producer_id, old.run_id, host_name(), boot_id())
    writer = SegmentWriter(born.segment(0), header)
    try:
        appender = _Appender(writer, journal.last_logged_at_ns)
        if journal.created is not None:
            appender.add_change(_continuing(journal.created, old.producer_id))
        n_points = _finish(appender, journal, leftovers, renumber=True)
    finally:
        writer.close()
    born.path.rename(target.path)
    return n_points


def _continuing(created: Created, producer_id: str) -> Created:
    return replace(created, continues=producer_id)


def _unlink_staging(folder: ProducerDir) -> None:
    for path in (*folder.text_files(), folder.names, folder.staging):
        path.unlink(missing_ok=True)
        hit("recovery.unlinked")


def sweep_unborn(home: Home) -> int:
    """Remove folders of producers that were killed while they were made: nobody could log there yet.

    Returns:
        How many were removed.
    """
    n_removed = 0
    for path in home.journal_dir.glob(f"{NEW_PREFIX}*"):
        try:
            if time.time() - path.stat().st_mtime < UNBORN_AGE_S:
                continue
            with locked(ProducerDir(path).lock) as fd:
                if fd is not None:
                    shutil.rmtree(path)
                    n_removed += 1
        except FileNotFoundError:
            # It was born, or somebody else swept it.
            continue
    return n_removed
