"""A run's producer in this process: what `Run` and its nouns write through. It outlives its producer ids."""

from __future__ import annotations

import getpass
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from runstream import birth, notices
from runstream.channel import Channel, Make
from runstream.config import Config
from runstream.drain import Drainer
from runstream.journal import Room, Syncer
from runstream.series import PACKERS, Pack, SeriesTable
from runstream.staging import NOT_READY, Ready
from runstream_schemas.errors import FlushTimeout, JournalUnavailable
from runstream_schemas.events import Created, Series
from runstream_schemas.home import ProducerDir, host_name
from runstream_schemas.points import BIGINT, INT, INT_RECORD, TEXT, pack_code
from runstream_schemas.segment import Role
from runstream_schemas.topics import Topic

if TYPE_CHECKING:
    from runstream.logger import Logger
    from runstream.sender import Sender
    from runstream.values import Value

FULL_WAIT_S: Final = 2.0
YIELD_S: Final = 0.0001
FINISH_WAIT_S: Final = 5.0


@dataclass(slots=True, eq=False)
class Services:
    """
    What the producers of one home in this process share.

    Attributes:
        role: of their journals.
        room: that these may take up.
        drainer, syncer: of the process.
        opened: called when a producer begins to write.
        sender: None in embedded mode.
    """

    role: Role
    room: Room
    drainer: Drainer
    syncer: Syncer
    opened: Callable[[], None]
    sender: Sender | None = None

    def wrote(self, channel: Channel) -> None:
        """Have what a channel has just written synced and sent."""
        self.syncer.ask(channel.journal)
        if self.sender is not None:
            self.sender.wake(channel.producer_id)


class Producer:
    """
    One run's way into the journal of this process, under one producer id after the other.

    It opens at the first use, and again, under a new id, after `close`, after a fork, or when its ring is worn out. The
    series keep their codes throughout.

    Attributes:
        config, run_id, services: as opened.
        series: every series logged so far.
    """

    def __init__(self, config: Config, run_id: str, created: Created, services: Services) -> None:
        """Prepare; nothing is written before the first use."""
        self.config = config
        self.run_id = run_id
        self.services = services
        self.series = SeriesTable()
        self._created = created
        self._channel: Channel | None = None
        self._written: dict[tuple[str, Topic], int] = {}
        self._ends: dict[str, int] = {}
        self._n_loggers = 0
        self._begin()

    def _begin(self) -> None:
        """Set what a forked child has to set anew."""
        self._lock = threading.RLock()
        self._rows: dict[str, _Rows] = {}
        self._unwritten: dict[int, Series] = {}
        self._n_unopened = 0
        self._is_dropping = False

    # Who it is.

    @property
    def ready(self) -> Ready:
        """What loggers read at once; see staging.Ready."""
        channel = self._channel
        return NOT_READY if channel is None else channel.staging.ready

    @property
    def role(self) -> Role:
        """Of the journal: log = it is the event log; outbox = it goes to Kafka."""
        return self.services.role

    @property
    def producer_id(self) -> str:
        """The id under which events are written now."""
        return self.channel().producer_id

    @property
    def dir(self) -> ProducerDir:
        """The folder of the current id."""
        return self.channel().folder

    def channel(self) -> Channel:
        """
        Return the open channel; open one if there is none.

        Raises:
            JournalUnavailable: the home cannot be written.
        """
        channel = self._channel
        if channel is not None and not channel.is_closed:
            return channel
        with self._lock:
            channel = self._channel
            return channel if channel is not None and not channel.is_closed else self._open()

    def attach(self, logger: Logger) -> None:
        """Stay open while *logger* lives; when the last one is gone, the producer closes by itself."""
        self._n_loggers += 1
        weakref.finalize(logger, self._detach).atexit = False

    # Points.

    def register(self, name: str, column_name: str | None, form: str, description: str) -> int:
        """
        Return the series' number, registering it at the first time.

        Raises:
            InvalidName, TooLarge: *name*, *column_name* or *description* cannot be kept.
            MetricFormClash: the metric is known in another form.
        """
        code = self.series.code(name, column_name, form, description)
        if code is not None:
            return code
        with self._lock:
            series = self.series.planned(name, column_name, form, description)
            self._unwritten[series.code] = series
            self._write_series(series.code)
            return series.code

    def put(self, code: int, value: Value, step: int) -> None:
        """
        Log one point; it survives this process when the call returns. What finds no room is dropped and counted.

        Args:
            code: of the series, from `register`.
            value: a plain value, from values.normalise.
            step: 64 bits, or NO_STEP.
        """
        pack, kind = PACKERS.get(type(value), (INT_RECORD.pack_into, TEXT))
        if kind == INT and not -(2**63) <= value < 2**63:  # type: ignore[operator]
            kind = BIGINT
        is_side = kind in (TEXT, BIGINT)
        try:
            if self._unwritten and not self._write_series(code):
                self._drop()
                return
            while True:
                channel = self.channel()
                stored = channel.texts.add(str(value)) if is_side else value
                if self._pack(channel, pack, step, stored, pack_code(code, kind)):
                    return
        except JournalUnavailable as error:
            self._tell(error)
            self._drop()

    def put_row(self, name: str, codes: Sequence[int], cells: Iterable[Value]) -> None:
        """Log the cells of one row; they share the row's number within this producer id and metric as their step."""
        rows = self._rows.get(name) or self._rows.setdefault(name, _Rows())
        with rows.lock:
            number = rows.next(self._channel)
            for code, cell in zip(codes, cells, strict=True):
                self.put(code, cell, number)

    def declare(self, codes: Sequence[int]) -> None:
        """Say that series exist, without a point. Raises as `append` does."""
        self.channel()
        self.services.drainer.do(lambda: self.channel().declare(codes))

    def void(self, slots: object, offset: int) -> None:
        """Settle a record that `log()` took and did not write."""
        channel = self._channel
        if channel is not None:
            channel.staging.void(slots, offset)

    # Events.

    def append(self, make: Make) -> None:
        """
        Append an event; it is in the journal when this returns.

        Args:
            make: (sequence, logged_at_ns) -> the event; called in another thread.

        Raises:
            EncodeError: the event is malformed or too large.
            JournalUnavailable: it is not in the journal.
        """
        self.channel()
        self.services.drainer.do(lambda: self.channel().write(make))

    def sync(self) -> None:
        """
        Return when everything logged so far survives a power loss.

        Raises:
            JournalUnavailable: it does not.
        """
        channel = self._channel
        if channel is not None and not channel.is_closed:
            self.services.drainer.do(channel.sync)

    def flush(self, timeout_s: float) -> None:
        """
        Return when the broker has acknowledged everything logged so far; in embedded mode, when it is synced.

        Raises:
            FlushTimeout: it took longer than *timeout_s*.
            JournalUnavailable: the disk does not take it.
        """
        end_s = time.monotonic() + timeout_s
        channel = self._channel
        if channel is not None and not channel.is_closed:
            try:
                self.services.drainer.do(channel.sync, timeout_s)
            except TimeoutError as error:
                raise FlushTimeout(pending=1, timeout_s=timeout_s, cause=str(error)) from error
        if self.services.sender is not None:
            for producer_id, frame in self.ends().items():
                self.services.sender.wait(producer_id, frame, max(0.0, end_s - time.monotonic()))

    def close(self) -> None:
        """
        Bring everything into the journal, end the producer id, let go of its files; the next use opens a new one.

        Raises:
            JournalUnavailable: the disk does not take it; what is left is kept for recovery.
        """
        channel = self._channel
        if channel is not None and not channel.is_closed:
            self.services.drainer.do(channel.close)

    def finish(self) -> None:
        """Close at the end of the process: no longer than a few seconds, and without a complaint that helps nobody."""
        try:
            channel = self._channel
            if channel is not None and not channel.is_closed:
                self.services.drainer.do(channel.close, FINISH_WAIT_S)
        except (JournalUnavailable, TimeoutError) as error:
            notices.once(("finish", self.run_id), "run %s: %s; recovery will pick it up", self.run_id, error)

    # How far it is.

    def written(self) -> dict[tuple[str, Topic], int]:
        """Bring what was logged into the journal; return this process's last sequences by producer id and topic."""
        channel = self._channel
        if channel is None:
            return dict(self._written)
        self.services.drainer.do(lambda: None)
        return {**self._written, **_sequences(channel)}

    def progress(self) -> dict[Topic, int]:
        """The last sequence by topic under the current producer id."""
        channel = self._channel
        return {} if channel is None else {topic: last for (_, topic), last in _sequences(channel).items()}

    def ends(self) -> dict[str, int]:
        """The last frame of each producer id of this process."""
        channel = self._channel
        current = {} if channel is None else {channel.producer_id: channel.journal.end_frame - 1}
        return {**self._ends, **current}

    # The life of a channel.

    def _open(self) -> Channel:
        """Open a channel under a new producer id; `created` is its first event. The caller holds the lock."""
        services = self.services
        services.opened()
        known = tuple(self.series.by_code.values())
        parts = birth.build(self.config.home, self.run_id, services.role, services.room, self.series.kinds, known)
        channel = Channel(self.run_id, parts, self.series, services.wrote, self._retire)
        channel.begin(replace(self._created, host=host_name(), user=_user_name(), pid=os.getpid()))
        if services.sender is not None:
            services.sender.add(channel.folder, channel.journal.trim)
        if self._n_unopened:
            channel.staging.count_dropped(self._n_unopened)
            self._n_unopened = 0
        self._channel = channel
        services.drainer.add(channel)
        return channel

    def _retire(self, channel: Channel) -> None:
        """Remember how far a closed channel came. Called in the drainer's thread."""
        self._written |= _sequences(channel)
        self._ends[channel.producer_id] = channel.journal.end_frame - 1
        if self._channel is channel:
            self._channel = None
        self.services.drainer.remove(channel)

    def _detach(self) -> None:
        """A logger is gone; close without it. Runs wherever the collector happens to run, so it waits for nobody."""
        self._n_loggers -= 1
        channel = self._channel
        if self._n_loggers == 0 and channel is not None:
            self.services.drainer.post(lambda: None if self._n_loggers else channel.close())

    def abandon(self) -> None:
        """Let go of the parent's files in a forked child; the child's first use opens its own."""
        channel, self._channel = self._channel, None
        self._written, self._ends = {}, {}
        self._begin()
        if channel is not None and not channel.is_closed:
            channel.abandon()

    # Room.

    def _write_series(self, code: int) -> bool:
        """Register a series that is not on the disk yet; False while the disk refuses."""
        with self._lock:
            series = self._unwritten.get(code)
            if series is None:
                return True
            try:
                self.channel().register(series)
            except JournalUnavailable as error:
                self._tell(error)
                return False
            self.series.publish(series)
            self._unwritten.pop(code, None)
            return True

    def _pack(self, channel: Channel, pack: Pack, step: int, value: object, word: int) -> bool:
        """Write one record, or drop it where there is no room; False when the channel was closed meanwhile."""
        while True:
            _, slots, ring = channel.staging.ready
            offset = next(slots, None)
            if offset is None:
                found = self._find_room(channel)
                if found:
                    continue
                return found is None
            try:
                pack(ring, offset, step, time.time_ns(), value, word)
            except ValueError:
                return False
            except BaseException:
                channel.staging.void(slots, offset)
                raise
            return True

    def _find_room(self, channel: Channel) -> bool | None:
        """Wait for free records: True = there are some, False = the channel was closed, None = the value is dropped."""
        staging, drainer = channel.staging, self.services.drainer
        end_s = time.monotonic() + FULL_WAIT_S
        while True:
            drainer.wake()
            found = staging.take()
            if found is not None:
                self._is_dropping = False
                if 2 * found[1] >= len(staging.blocks):
                    # Half full: give the interpreter lock away for one frame, or the drainer gets one every 5 ms.
                    time.sleep(YIELD_S)
                return True
            if staging.is_sealed:
                return False
            # After one long wait in vain every further value is dropped at once, until there is room again.
            is_hopeless = self._is_dropping or channel.failure is not None or drainer.is_mine
            if is_hopeless or time.monotonic() >= end_s:
                self._is_dropping = True
                self._drop()
                return None
            time.sleep(YIELD_S)

    def _drop(self) -> None:
        """Count a value that found no room, and warn once."""
        channel = self._channel
        if channel is None:
            self._n_unopened += 1
        else:
            channel.staging.count_dropped(1)
        cause = "run %s: the journal takes nothing; points are dropped and counted"
        notices.once(("dropped", self.run_id), cause, self.run_id)

    def _tell(self, error: JournalUnavailable) -> None:
        notices.once(("journal", error.path), "%s; points are dropped and counted until then", error)


class _Rows:
    """The row numbers of one metric, from 0 under each producer id. Re-entrant: a signal handler may log a row, too."""

    __slots__ = ("_n_rows", "_of", "lock")

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._of: Channel | None = None
        self._n_rows = 0

    def next(self, channel: Channel | None) -> int:
        """Return the number of the next row."""
        if channel is not self._of:
            self._of, self._n_rows = channel, 0
        number, self._n_rows = self._n_rows, self._n_rows + 1
        return number


def _user_name() -> str:
    """The user, as far as the system knows one: a container's user may have no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def _sequences(channel: Channel) -> dict[tuple[str, Topic], int]:
    """The last sequence by topic that a channel has written."""
    found = {(channel.producer_id, topic): channel.journal.next_sequence(topic) - 1 for topic in Topic}
    return {key: last for key, last in found.items() if last >= 0}
