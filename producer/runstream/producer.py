"""A run's producer in this process: what `Run` and its nouns write through. It outlives its producer ids."""

from __future__ import annotations

import getpass
import itertools
import os
import time
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from runstream import birth
from runstream.channel import Channel, Make
from runstream.config import Config
from runstream.drain import Drainer
from runstream.intake import Intake
from runstream.journal import Syncer
from runstream.room import Room
from runstream_schemas.errors import FlushTimeout, JournalUnavailable
from runstream_schemas.events import Created
from runstream_schemas.home import ProducerDir, host_name
from runstream_schemas.segment import Role
from runstream_schemas.topics import Topic

if TYPE_CHECKING:
    from runstream.logger import Logger
    from runstream.sender import Sender

RETRY_AFTER_S: Final = 0.5


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


class Producer(Intake):
    """
    One run's way into the journal of this process, under one producer id after the other.

    It opens at the first use, and again, under a new id, after `close`, after a fork, or when its ring is worn out. The
    series keep their codes throughout.

    Attributes:
        config, services: as opened.
    """

    def __init__(self, config: Config, run_id: str, created: Created, services: Services) -> None:
        """Prepare; nothing is written before the first use."""
        super().__init__(run_id, services.drainer)
        self.config = config
        self.services = services
        self._created = created
        self._written: dict[tuple[str, Topic], int] = {}
        self._ends: dict[str, int] = {}
        # Changed by single C calls: a finalizer must not wait for a lock.
        self._loggers: dict[int, bool] = {}
        self._keys = itertools.count()
        self._refusal: JournalUnavailable | None = None
        self._retry_at_s = 0.0

    # Who it is.

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
        while True:
            channel = self._channel
            if channel is not None and not channel.is_closed:
                return channel
            if self._refusal is not None and time.monotonic() < self._retry_at_s:
                # A full disk must not cost a training loop a mkdir at every call.
                raise self._refusal.with_traceback(None)
            # Opened by the drainer: no signal exception can fly out of the middle of it there.
            if self._drainer.is_mine:
                self._open()
            else:
                self._drainer.do(self._open)

    def attach(self, logger: Logger) -> None:
        """Stay open while *logger* lives; when the last one is gone, the producer closes by itself."""
        key = next(self._keys)
        self._loggers[key] = True
        weakref.finalize(logger, self._detach, key).atexit = False

    # Events.

    def declare(self, codes: Sequence[int]) -> None:
        """Say that series exist, without a point. Raises as `append` does."""
        self.channel()
        self.services.drainer.do(lambda: self.channel().declare(codes))

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
            try:
                for producer_id, frame in self.ends().items():
                    self.services.sender.wait(producer_id, frame, max(0.0, end_s - time.monotonic()))
            except FlushTimeout as error:
                raise FlushTimeout(pending=error.pending, timeout_s=timeout_s, cause=error.cause) from None

    def close(self) -> None:
        """
        Bring everything into the journal, end the producer id, let go of its files; the next use opens a new one.

        Raises:
            JournalUnavailable: the disk does not take it; what is left is kept for recovery.
        """
        channel = self._channel
        if channel is not None and not channel.is_closed:
            self.services.drainer.do(channel.close)

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

    def _open(self) -> None:
        """Open a channel under a new producer id, unless one is open; `created` is its first event."""
        if self._channel is not None and not self._channel.is_closed:
            return
        services = self.services
        services.opened()
        known = tuple(self.series.by_code.values())
        try:
            parts = birth.build(self.config.home, self.run_id, services.role, services.room, self.series.kinds, known)
            channel = Channel(self.run_id, parts, self.series, services.wrote, self._retire)
            channel.begin(replace(self._created, host=host_name(), user=_user_name(), pid=os.getpid()))
            with self._lock:
                # Nobody registers meanwhile, and what was registered since is not in the new names file yet.
                for series in self.series.by_code.values():
                    if series not in known:
                        channel.register(series)
                self._channel = channel
        except JournalUnavailable as error:
            self._refusal, self._retry_at_s = error, time.monotonic() + RETRY_AFTER_S
            raise
        self._refusal = None
        if services.sender is not None:
            services.sender.add(channel.folder, channel.journal.trim)
        services.drainer.add(channel)
        if self._n_unopened:
            channel.staging.count_dropped(self._n_unopened)
            self._n_unopened = 0

    def _retire(self, channel: Channel) -> None:
        """Remember how far a closed channel came. Called in the drainer's thread."""
        self._written |= _sequences(channel)
        self._ends[channel.producer_id] = channel.journal.end_frame - 1
        if self._channel is channel:
            self._channel = None
        self.services.drainer.remove(channel)

    def _detach(self, key: int) -> None:
        """A logger is gone; close without it. Runs wherever the collector happens to run, so it waits for nobody."""
        self._loggers.pop(key, None)
        channel = self._channel
        if not self._loggers and channel is not None:
            self.services.drainer.post(lambda: self._close_unused(channel))

    def _close_unused(self, channel: Channel) -> None:
        """Close a channel that no logger uses any more."""
        if not self._loggers:
            with suppress(JournalUnavailable):  # told by the channel; recovery does the rest
                channel.close()

    def abandon(self) -> None:
        """Let go of the parent's files in a forked child; the child's first use opens its own."""
        channel, self._channel = self._channel, None
        self._written, self._ends, self._refusal = {}, {}, None
        self._begin()
        if channel is not None and not channel.is_closed:
            channel.abandon()


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
