"""Sending outboxes, one step at a time, on whatever thread calls `Courier.step`.

At most `IN_FLIGHT_BYTES` are handed to the client: it would take any amount, and memory is not where events are safe.
When anything fails, the link is dropped, every outbox goes back to its acknowledged mark and a new link is made. What
was on the wire may then arrive twice; its (producer, topic, sequence) makes that harmless.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from runstream import notices
from runstream.outbox import Outbox
from runstream_schemas import codec
from runstream_schemas.catalog import CatalogEvent, catalog_key
from runstream_schemas.errors import BrokerUnreachable, DecodeError, ProducerRefused, SourceError
from runstream_schemas.home import locked
from runstream_schemas.scan import Frame
from runstream_schemas.settings import Settings
from runstream_schemas.topics import Topic, topic_name

if TYPE_CHECKING:
    from runstream.kafka_link import Link

IN_FLIGHT_BYTES: Final = 32 * 1024 * 1024
_TAKE_BYTES: Final = 4 * 1024 * 1024
_SETTLE_EVERY_S: Final = 0.2
_LOOK_EVERY_S: Final = 1.0
_STALLED_S: Final = 5.0
_RELINK_S: Final = 30.0
_PROBE_MS: Final = 2_000
_FORK_WAIT_S: Final = 3.0
_PAUSE_S: Final = 0.2
_REFUSED_PAUSE_S: Final = 2.0


@dataclass(slots=True)
class Ward:
    """An outbox in the courier's care.

    Attributes:
        removes: the folder goes once all of it is acknowledged and its lock is ours.
        is_once: it leaves once what it holds now is acknowledged, whether more will follow or not.
        held, is_locked: what to let go of in the end; whether that is the folder's lock.
        is_fresh: its journal may hold more than was taken.
    """

    outbox: Outbox
    removes: bool = False
    is_once: bool = False
    held: ExitStack = field(default_factory=ExitStack)
    is_locked: bool = False
    is_fresh: bool = True
    settled_at_s: float = 0.0


@dataclass(frozen=True, slots=True)
class _Sent:
    """One event handed to the client of link number `link_no`."""

    ward: Ward
    frame: int
    topic: Topic
    size_bytes: int
    link_no: int


class Courier:
    """Takes frames from outboxes to Kafka and acknowledgements back.

    Attributes:
        trouble: why nothing gets through at the moment; None while all is well.
        n_acked: events acknowledged since the start.
        progressed: notified when acknowledgements came or trouble changed.
    """

    def __init__(self, settings: Settings) -> None:
        self.trouble: SourceError | None = None
        self.n_acked = 0
        self.progressed = threading.Condition()
        self._settings = settings
        self._wards: dict[str, Ward] = {}
        self._finished: set[str] = set()
        self._new: deque[Ward] = deque()
        self._woken = threading.Event()
        self._results: deque[tuple[_Sent, BaseException | None]] = deque()
        self._link: Link | None = None
        self._link_no = 0
        self._in_flight_bytes = 0
        self._acked_at_s = self._looked_at_s = self._probed_at_s = 0.0
        self._retry_at_s = 0.0

    def add(self, ward: Ward) -> None:
        """Take care of an outbox from the next step on; callable from any thread."""
        self._new.append(ward)
        self._woken.set()

    def wake(self, producer_id: str | None = None) -> None:
        """Say that a journal has grown, or (None) end the current wait; callable from any thread."""
        ward = self._wards.get(producer_id) if producer_id is not None else None
        if ward is not None:
            ward.is_fresh = True
        self._woken.set()

    def acked(self, producer_id: str) -> int | None:
        """Every frame of this producer below is in Kafka; None = all of a journal that has ended (or is not ours)."""
        ward = self._ward(producer_id)
        return ward.outbox.acked if ward is not None else None

    def cares_for(self, producer_id: str) -> bool:
        """Whether this producer's outbox is in care, or was and has ended."""
        return producer_id in self._finished or self._ward(producer_id) is not None

    def n_wards(self) -> int:
        """Outboxes in care."""
        return len(self._wards) + len(self._new)

    def step(self, wait_s: float) -> None:
        """Collect acknowledgements, send what fits, and if there was nothing wait for news, at most `wait_s`."""
        while self._new:
            ward = self._new.popleft()
            self._wards[ward.outbox.folder.producer_id] = ward
        self._collect()
        if self._wards and self._has_link() and self._send():
            return
        self._look_for_stall()
        self._woken.wait(wait_s)
        self._woken.clear()

    def close(self) -> None:
        """Drop the link and let every folder go; what is not acknowledged stays in the journal."""
        self._drop_link()
        for ward in list(self._wards.values()):
            if ward.outbox.is_finished:
                self._finish(ward)
            else:
                self._settle(ward)
            ward.held.close()
        self._wards.clear()

    def abandon(self) -> None:
        """Let go in a forked child: the parent goes on sending."""
        if self._link is not None:
            self._link.abandon()
            # The child must not run its finaliser either.
            _inherited.append(self._link)
        self._link, self._wards = None, {}

    def _ward(self, producer_id: str) -> Ward | None:
        found = self._wards.get(producer_id)
        if found is not None:
            return found
        return next((ward for ward in list(self._new) if ward.outbox.folder.producer_id == producer_id), None)

    def _has_link(self) -> bool:
        if self._link is not None:
            return True
        if time.monotonic() < self._retry_at_s:
            return False
        self._link_no += 1
        try:
            self._link = _link_class()(self._settings.kafka_options(), self._settings.topic_prefix)
        except BrokerUnreachable as error:
            self._note(error, _PAUSE_S)
            return False
        except SourceError as error:
            self._note(error, _REFUSED_PAUSE_S)
            return False
        self._acked_at_s = self._probed_at_s = time.monotonic()
        return True

    def _send(self) -> bool:
        """Hand over frames until the window is full or nothing is left; False if there was none to hand over."""
        now_s = time.monotonic()
        if now_s - self._looked_at_s >= _LOOK_EVERY_S:
            self._looked_at_s = now_s
            for ward in self._wards.values():
                ward.is_fresh = True
        has_sent = False
        for ward in list(self._wards.values()):
            room_bytes = IN_FLIGHT_BYTES - self._in_flight_bytes
            if ward.is_fresh and room_bytes > 0:
                has_sent = self._send_from(ward, min(room_bytes, _TAKE_BYTES)) or has_sent
        return has_sent

    def _send_from(self, ward: Ward, max_bytes: int) -> bool:
        assert self._link is not None
        # Cleared before looking: a journal that grows meanwhile sets it again.
        ward.is_fresh = False
        try:
            frames = ward.outbox.take(max_bytes)
        except FileNotFoundError:
            # A segment went into the archive between the look and the reading.
            ward.outbox.rewind()
            frames = []
        ward.is_fresh = ward.is_fresh or bool(frames)
        if not self._in_flight_bytes:
            self._acked_at_s = time.monotonic()
        for frame in frames:
            sent = _Sent(ward, frame.frame, Topic(frame.topic), len(frame.payload), self._link_no)
            self._in_flight_bytes += sent.size_bytes
            done = partial(self._note_result, sent)
            key = _catalog_key(frame, ward.outbox) if sent.topic == Topic.CATALOG else ward.outbox.run_id
            self._link.send(sent.topic, key, sent.frame, bytes(frame.payload), done)
        is_through = ward.is_once and not frames and not ward.outbox.n_in_flight
        if ward.outbox.is_finished or is_through or (not frames and _is_sent_by_another(ward)):
            self._finish(ward)
        return bool(frames)

    def _note_result(self, sent: _Sent, error: BaseException | None) -> None:
        """Called in the client's thread."""
        self._results.append((sent, error))
        self._woken.set()

    def _collect(self) -> None:
        acked: dict[int, tuple[Ward, list[int]]] = {}
        failure: tuple[_Sent, BaseException] | None = None
        while self._results:
            sent, error = self._results.popleft()
            # Results of a dropped link do not count: its frames are taken again.
            if sent.link_no != self._link_no:
                continue
            self._in_flight_bytes -= sent.size_bytes
            if error is None:
                acked.setdefault(id(sent.ward), (sent.ward, []))[1].append(sent.frame)
            else:
                failure = failure or (sent, error)
        for ward, frames in acked.values():
            self._acknowledge(ward, frames)
        if acked:
            self._acked_at_s, self.trouble = time.monotonic(), None
            self._notify()
        if failure is not None:
            self._fail(*failure)

    def _acknowledge(self, ward: Ward, frames: list[int]) -> None:
        ward.outbox.acknowledge(frames)
        self.n_acked += len(frames)
        now_s = time.monotonic()
        if ward.outbox.is_finished:
            self._finish(ward)
        elif ward.outbox.n_in_flight == 0 or now_s - ward.settled_at_s >= _SETTLE_EVERY_S:
            ward.settled_at_s = now_s
            ward.is_fresh = ward.is_fresh or ward.is_once
            self._settle(ward)

    def _finish(self, ward: Ward) -> None:
        self._settle(ward)
        if ward.removes and not self._remove(ward):
            # Its owner is still putting files away; the next look finds it done.
            return
        ward.held.close()
        producer_id = ward.outbox.folder.producer_id
        self._finished.add(producer_id)
        self._wards.pop(producer_id, None)
        self._notify()

    def _remove(self, ward: Ward) -> bool:
        with ExitStack() as held:
            try:
                if not ward.is_locked and held.enter_context(locked(ward.outbox.folder.lock)) is None:
                    return False
            except FileNotFoundError:
                # Another process took it over as soon as its owner let go, and was done with it first.
                return True
            self._guarded(ward, ward.outbox.remove)
            return True

    def _settle(self, ward: Ward) -> None:
        self._guarded(ward, ward.outbox.settle)

    def _guarded(self, ward: Ward, act: Callable[[], object]) -> None:
        try:
            act()
        except FileNotFoundError:
            # As above: the folder is gone, with all that was to be marked or removed.
            pass
        except OSError as error:
            # Events are in Kafka; a mark that lags only makes them go there again.
            folder = ward.outbox.folder.path
            notices.once(("trim", folder), "acknowledged events in %s cannot be removed: %s", folder, error)

    def _fail(self, sent: _Sent, error: BaseException) -> None:
        """Drop the link after a failed event. One refusal ends an idempotent client of kafka-python for good."""
        from runstream.kafka_link import is_retriable

        if is_retriable(error):
            brokers = self._settings.brokers or ""
            self._note(BrokerUnreachable(brokers, (f"{type(error).__name__}: {error}",)), _PAUSE_S)
        else:
            name = topic_name(sent.topic, self._settings.topic_prefix)
            self._note(ProducerRefused(name, f"{type(error).__name__}: {error}"), _REFUSED_PAUSE_S)
        self._drop_link()

    def _look_for_stall(self) -> None:
        """Nothing acknowledged for a while: the client retries in silence, so find out why."""
        now_s = time.monotonic()
        silent_s = now_s - self._acked_at_s
        if self._link is None or not self._in_flight_bytes or silent_s < _STALLED_S:
            return
        if now_s - self._probed_at_s < _STALLED_S:
            return
        from runstream import topics

        try:
            options = {**self._settings.kafka_options(), "bootstrap_timeout_ms": _PROBE_MS}
            with topics.admin_client(options) as client:
                topics.require(client, self._settings.topic_prefix)
        except BrokerUnreachable as error:
            self._note(error, 0.0)
        except SourceError as error:
            self._note(error, _REFUSED_PAUSE_S)
            self._drop_link()
        else:
            if silent_s > _RELINK_S:
                self._drop_link()
        self._probed_at_s = time.monotonic()

    def _drop_link(self) -> None:
        link, self._link = self._link, None
        self._link_no += 1
        self._in_flight_bytes = 0
        if link is not None:
            link.close()
        for ward in self._wards.values():
            ward.outbox.rewind()
            ward.is_fresh = True

    def _note(self, error: SourceError, pause_s: float) -> None:
        self.trouble = error
        self._retry_at_s = time.monotonic() + pause_s
        topic = getattr(error, "topic", "")
        notices.once((type(error), topic), "%s. Events are kept in the journal and sent as soon as they can be", error)
        self._notify()

    def _notify(self) -> None:
        with self.progressed:
            self.progressed.notify_all()


def _is_sent_by_another(ward: Ward) -> bool:
    """Whether a process that took the folder over, once its owner had let go, has sent all of it and removed it."""
    folder = ward.outbox.folder.path
    return ward.removes and not folder.exists() and folder.parent.exists()


def _catalog_key(frame: Frame, outbox: Outbox) -> str:
    """What the event is about, which its producer's run does not tell. These are rare: decoding them costs nothing."""
    try:
        event = codec.decode(frame.payload)
    except DecodeError:
        # A newer version wrote it. Whoever can read it finds it on any partition.
        return outbox.run_id
    return catalog_key(event) if isinstance(event, CatalogEvent) else event.run_id


_inherited: list[Link] = []
_loading = threading.Lock()


def _link_class() -> type[Link]:
    """Import Kafka's client (0.3 s), and let no fork happen meanwhile: a child could never finish that import."""
    with _loading:
        from runstream import kafka_link

        kafka_link.load()
        return kafka_link.Link


def _let_loading_end() -> None:
    if _loading.acquire(timeout=_FORK_WAIT_S):
        _loading.release()


os.register_at_fork(before=_let_loading_end)
