"""Station 4: journals that are outboxes -> Kafka. One thread a process; nobody else ever waits for the network.

Also whatever dead processes of this home left: their journals are completed (recovery) and sent like our own.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from runstream import notices
from runstream.courier import Courier, Ward
from runstream.outbox import Archive, ArchivedSegments, Outbox, Segments
from runstream_schemas.errors import FlushTimeout, JournalUnavailable, SegmentDamaged, SourceError
from runstream_schemas.frame import Role
from runstream_schemas.home import Home, ProducerDir, locked
from runstream_schemas.recovery import recover
from runstream_schemas.scan import is_closed
from runstream_schemas.settings import Settings
from runstream_schemas.survivor import surviving_header

_LOOK_FOR_DEAD_S: Final = 30.0
_WAIT_S: Final = 1.0
_TELL_AFTER_S: Final = 1.0
_TELL_EVERY_S: Final = 2.0
_log = logging.getLogger("runstream")


class Sender:
    """The process's sender; starts its thread at the first `add`."""

    def __init__(self, settings: Settings, home: Home) -> None:
        """Nothing happens yet.

        Args:
            settings: with `brokers`.
            home: whose dead outboxes are sent as well.
        """
        self._courier = Courier(settings)
        self._home = home
        self._closing = threading.Event()
        # Taken once and never waited for: a signal handler that logs may come in the middle of `add`.
        self._is_started = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def trouble(self) -> SourceError | None:
        """Why nothing gets through at the moment; None while all is well."""
        return self._courier.trouble

    def add(self, folder: ProducerDir, trim: Callable[[int], None]) -> None:
        """Send the journal of a producer of this process.

        Args:
            folder: where it is written.
            trim: `Journal.trim`; called from the sender's thread with the frame below which all is acknowledged. When
                the journal is closed, all of it acknowledged and the folder's lock let go, the folder is removed.
        """
        self._courier.add(Ward(Outbox(folder, trim), removes=True))
        if self._is_started.acquire(blocking=False):
            self._thread = threading.Thread(target=self._run, name="runstream-sender", daemon=True)
            self._thread.start()

    def wake(self, producer_id: str) -> None:
        """Say that this producer's journal has grown; returns at once."""
        self._courier.wake(producer_id)

    def acked(self, producer_id: str) -> int | None:
        """Every frame of this producer below is in Kafka; None = all of them, and its journal has ended."""
        return self._courier.acked(producer_id)

    def wait(self, producer_id: str, frame: int, timeout_s: float) -> None:
        """Return once Kafka has acknowledged the frames of a producer up to and including `frame`.

        Raises:
            FlushTimeout: it has not within `timeout_s`; carries the cause where one is known.
        """
        left = self._wait_for({producer_id: frame}, timeout_s)
        if left:
            raise FlushTimeout(left, timeout_s, str(self.trouble or ""))

    def finish(self, frames: Mapping[str, int], wait_s: float) -> int:
        """At the end of the process: wait for acknowledgements, show progress after a second, say where the rest lies.

        Args:
            frames: the last frame of each producer.
            wait_s: RUNSTREAM_EXIT_WAIT.

        Returns:
            How many frames were not acknowledged; they stay in the journal.
        """
        start_s = time.monotonic()
        left = self._wait_for(frames, min(wait_s, _TELL_AFTER_S))
        try:
            while left and (spent_s := time.monotonic() - start_s) < wait_s:
                why = f" ({_short(self.trouble)})" if self.trouble else ""
                _tell(f"waiting for Kafka to acknowledge {left:,} events{why}; Ctrl-C leaves, they are safe")
                left = self._wait_for(frames, min(wait_s - spent_s, _TELL_EVERY_S))
        except KeyboardInterrupt:
            # Asked to leave: the events are in the journal, so there is nothing to save.
            left = self._wait_for(frames, 0)
        if left:
            where = self._home.journal_dir
            _tell(f"{left:,} events are not in Kafka yet; they are safe in {where}, and `runstream sync` sends them")
        return left

    def close(self, timeout_s: float = 1.0) -> None:
        """End the thread; what is not acknowledged stays in the journal."""
        self._closing.set()
        self._courier.wake()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout_s)

    def abandon(self) -> None:
        """Let go in a forked child: it makes a sender of its own, the parent's thread is not here."""
        self._courier.abandon()
        self._thread = None

    def _left(self, frames: Mapping[str, int]) -> int:
        left = 0
        for producer_id, frame in frames.items():
            acked = self._courier.acked(producer_id)
            if acked is not None:
                left += max(0, frame + 1 - acked)
            elif not self._courier.cares_for(producer_id):
                left += frame + 1
        return left

    def _wait_for(self, frames: Mapping[str, int], timeout_s: float) -> int:
        deadline_s = time.monotonic() + timeout_s
        while True:
            # Checked under the condition: an acknowledgement between look and wait must not be missed.
            with self._courier.progressed:
                left = self._left(frames)
                rest_s = deadline_s - time.monotonic()
                if not left or rest_s <= 0:
                    return left
                self._courier.progressed.wait(rest_s)

    def _run(self) -> None:
        looked_at_s = float("-inf")
        while not self._closing.is_set():
            try:
                if time.monotonic() - looked_at_s >= _LOOK_FOR_DEAD_S:
                    looked_at_s = time.monotonic()
                    adopt_dead(self._courier, self._home)
                self._courier.step(_WAIT_S)
            except Exception as error:  # noqa: BLE001 - the thread's edge: a dead sender would send nothing more
                notices.once(("sender", type(error)), "sending to Kafka failed and is tried again: %r", error)
                _log.debug("sender", exc_info=True)
                self._closing.wait(_WAIT_S)
        self._courier.close()


def adopt_dead(courier: Courier, home: Home) -> int:
    """Put the outboxes of dead producers of a home into a courier's care, completed first; returns how many."""
    n_added = 0
    seen: set[str] = set()
    # Completing a journal may bring a second one into being: the rest of it, under a new producer id.
    while fresh := [folder for folder in home.producers() if folder.producer_id not in seen]:
        for folder in fresh:
            seen.add(folder.producer_id)
            if not courier.cares_for(folder.producer_id):
                n_added += _is_adopted(courier, folder)
    return n_added


def _is_adopted(courier: Courier, folder: ProducerDir) -> bool:
    if _role(folder) != "outbox":
        return False
    try:
        recover(folder)
        with ExitStack() as held:
            if held.enter_context(locked(folder.lock)) is None or not is_closed(folder.segments()[-1][1]):
                return False
            courier.add(Ward(Outbox(folder), removes=True, held=held.pop_all(), is_locked=True))
        return True
    except FileNotFoundError:
        # Somebody else has sent and removed it meanwhile.
        return False
    except (OSError, SegmentDamaged, JournalUnavailable) as error:
        _tell_unsent(folder, error)
        return False


def _role(folder: ProducerDir) -> Role | None:
    """What a journal is; None where it has no segment, or nothing tells."""
    try:
        return surviving_header(folder).role
    except FileNotFoundError:
        return None
    except (OSError, SegmentDamaged) as error:
        _tell_unsent(folder, error)
        return None


def _tell_unsent(folder: ProducerDir, error: Exception) -> None:
    notices.once(("adopt", folder.path), "the journal in %s cannot be sent: %s", folder.path, error)


def adopt_logs(courier: Courier, home: Home, archive: Archive | None) -> int:
    """Put the embedded journals of a home into a courier's care: living ones and archived ones too; they all stay.

    Returns:
        How many there are.
    """
    archived = archive.archived_producers(home) if archive is not None else []
    folders = [*home.producers(), *(home.producer(producer_id) for producer_id in archived)]
    marks = home.root / "sent"
    marks.mkdir(mode=0o700, exist_ok=True)
    n_added = 0
    for folder in {folder.producer_id: folder for folder in folders}.values():
        if folder.path.exists():
            if _role(folder) != "log":
                continue
            recover(folder)
        kept = Segments(folder) if archive is None else ArchivedSegments(folder, home, archive)
        courier.add(Ward(Outbox(folder, kept=kept, mark=marks / folder.producer_id), is_once=True))
        n_added += 1
    return n_added


@dataclass(frozen=True, slots=True)
class Synced:
    """What `sync` did.

    Attributes:
        n_producers: journals that were to be sent.
        n_sent: events that Kafka has acknowledged.
        n_unfinished: journals that are not, or not wholly, in Kafka.
        trouble: why, where it is known.
    """

    n_producers: int
    n_sent: int
    n_unfinished: int
    trouble: SourceError | None


def sync(
    settings: Settings,
    home: Home,
    *,
    to_kafka: bool = False,
    timeout_s: float = 300.0,
    archive: Archive | None = None,
) -> Synced:
    """Send what dead processes of a home left. Outboxes of running producers are sent by these themselves.

    Args:
        settings: with `brokers`.
        home: whose journals.
        to_kafka: its embedded journals as well, which stay where they are.
        timeout_s: after so long the rest is left for another time.
        archive: `runstream_consumer.archive` where it is installed: embedded journals may lie there in part.
    """
    courier = Courier(settings)
    deadline_s = time.monotonic() + timeout_s
    n_producers = adopt_dead(courier, home)
    if to_kafka:
        n_producers += adopt_logs(courier, home, archive)
    try:
        while courier.n_wards() and time.monotonic() < deadline_s:
            courier.step(0.1)
        return Synced(n_producers, courier.n_acked, courier.n_wards(), courier.trouble)
    finally:
        courier.close()


def _short(error: SourceError | None) -> str:
    return str(error).partition(";")[0]


def _tell(text: str) -> None:
    print(f"runstream: {text}", file=sys.stderr, flush=True)
