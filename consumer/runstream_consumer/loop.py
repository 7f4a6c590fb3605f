"""The conductor: poll, decode, fold, commit, maintain, report. The stations know nothing of each other.

Crash-only: whatever leaves a doubt about the history file ends the process, and the next one reads the positions from
the file. That is safe because rows and positions are one transaction and the log is the truth.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import structlog

from runstream_consumer import dead_letters
from runstream_consumer.archivist import Archivist
from runstream_consumer.config import Config
from runstream_consumer.culprit import UNSTORABLE, commit_parts
from runstream_consumer.fold import Fold, Folded
from runstream_consumer.fold_lock import fold_lock
from runstream_consumer.journal_source import JournalSource
from runstream_consumer.logs import as_library
from runstream_consumer.maintain import Maintainer
from runstream_consumer.monitor import Monitor
from runstream_consumer.source import Record, Source, Undecodable
from runstream_consumer.store import DeadLetter, Store
from runstream_schemas.codec import decode
from runstream_schemas.errors import (
    DecodeError,
    HistoryBusy,
    JournalUnavailable,
    SegmentDamaged,
    StoreLocked,
    StoreUnopenable,
)
from runstream_schemas.events import Event
from runstream_schemas.home import Home
from runstream_schemas.recovery import recover, sweep_unborn

BATCH_BYTES = 40 << 20
"""What one commit takes at most: a bit more than a million points."""

BUSY_BYTES = BATCH_BYTES // 2
"""After a batch of this size the next is taken at once: there is a backlog."""

RUSH_BYTES = BATCH_BYTES // 10
"""A batch of this size means about a million points a second: the next one waits until it is worth sorting at once,
which costs half of writing the points twice."""

RUSH_TURN_S = 0.5

TURN_S = 0.08
"""Commits of a trickle are at least this far apart: a reader sees a point 100 ms after it was logged."""

POLL_S = 0.1
MAINTAIN_S = 0.5
READ_MAINTAIN_S = 0.2
RECOVER_EVERY_S = 1.0
REPORT_EVERY_S = 1.0
RUNAWAY_S = 60.0
_log = structlog.get_logger(__name__)
if TYPE_CHECKING:
    from runstream_consumer.serve import Server


class Pipeline:
    """One source folded into one store, a batch at a time; what `Consumer` repeats and `catch_up` does until empty."""

    def __init__(self, source: Source, store: Store) -> None:
        """Start the source behind what the store has."""
        self.source = source
        self.store = store
        self._inode = _inode(store.path)
        self.fold = Fold(store.load_state())
        source.start(store.positions())
        # Only Kafka has topic ids; they are stored beside the positions.
        self.fold.topic_ids = getattr(source, "topic_ids", self.fold.topic_ids)

    def check_file(self) -> None:
        """Look whether the history file is still the one that is being written.

        Raises:
            StoreUnopenable: it was removed or replaced; what is folded from now on would go nowhere.
        """
        if _inode(self.store.path) != self._inode:
            cause = "it was removed or replaced while the consumer wrote it"
            raise StoreUnopenable(str(self.store.path), cause)

    def turn(self, timeout_s: float, monitor: Monitor | None = None) -> int:
        """Poll, decode, fold and commit one batch; returns about the bytes of its events, 0 only if there were none.

        Raises:
            SourceError: reading on would hide a loss.
            CommitUnknown: the batch may or may not be in the file; end the process.
        """
        # 1 poll
        items = self.source.poll(BATCH_BYTES, timeout_s)
        if not items:
            return 0
        commit = partial(self._commit, monitor=monitor)
        try:
            commit(items)
        except UNSTORABLE as e:
            _log.warning("the history refused a batch; it is taken apart", n_events=len(items), cause=str(e))
            commit_parts(items, commit, partial(self._set_aside, monitor=monitor))
        return sum(len(item.value) + 1 for item in items)

    def _commit(self, items: Sequence[Record | Undecodable], monitor: Monitor | None) -> None:
        # 2 decode
        events, letters = decode_all(items)
        # 3 fold
        began = time.monotonic()
        folded = self.fold.fold(events, time.time_ns() // 1000)
        letters += [dead_letters.of_record(record, "fold", reason) for record, reason in folded.rejected]
        # 4 commit
        self._write(folded, letters, began, monitor)

    def _set_aside(self, item: Record | Undecodable, error: Exception, monitor: Monitor | None) -> None:
        """Commit the one item that the history does not take as a dead letter, and nothing of it besides."""
        if isinstance(item, Undecodable):
            raise error
        letter = dead_letters.of_record(item, "fold", error)
        began = time.monotonic()
        self._write(self.fold.fold([], time.time_ns() // 1000), [letter], began, monitor)

    def _write(self, folded: Folded, letters: Sequence[DeadLetter], began: float, monitor: Monitor | None) -> None:
        dead_letters.publish(self.source, letters)
        self.store.commit(folded, letters)
        self.fold.accept(folded)
        if monitor is not None:
            monitor.committed(folded.n_events, folded.n_points, len(letters), time.monotonic() - began)
        for letter in letters:
            _log.warning(
                "dead letter",
                partition=letter.partition,
                position=letter.position,
                stage=letter.stage,
                reason=letter.error_message,
            )


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


def pause_after(n_bytes: int) -> float:
    """Seconds from the beginning of a turn that took `n_bytes` of events to that of the next one."""
    if not n_bytes or n_bytes >= BUSY_BYTES:
        return 0.0
    return TURN_S if n_bytes < RUSH_BYTES else RUSH_TURN_S


def decode_all(items: Sequence[Record | Undecodable]) -> tuple[list[tuple[Record, Event]], list[DeadLetter]]:
    """The events in `items`, and a dead letter for each that is none."""
    events: list[tuple[Record, Event]] = []
    letters: list[DeadLetter] = []
    for item in items:
        if isinstance(item, Undecodable):
            letters.append(dead_letters.of_damage(item, time.time_ns() // 1000))
            continue
        try:
            events.append((item, decode(item.value, f"{item.partition}@{item.position}")))
        except DecodeError as e:
            letters.append(dead_letters.of_record(item, "decode", e))
    return events, letters


def recover_dead(home: Home, closed: set[str], told: set[str] | None = None) -> int:
    """Complete the journals of producers that died; returns how many were.

    Args:
        home: whose producers.
        closed: producers that need no look.
        told: those whose recovery has failed before; they are tried again and not told again.
    """
    told = set() if told is None else told
    n_recovered = 0
    for producer in home.producers():
        if producer.producer_id in closed:
            continue
        try:
            done = recover(producer)
        except (JournalUnavailable, SegmentDamaged) as e:
            # Nothing is lost: the next look tries again.
            if producer.producer_id not in told:
                told.add(producer.producer_id)
                _log.error("a dead producer could not be recovered", producer_id=producer.producer_id, cause=str(e))
            continue
        if done is not None:
            n_recovered += 1
            _log.info("recovered a dead producer", producer_id=done.producer_id, n_points=done.n_points)
    return n_recovered


class Consumer:
    """The consumer process: the only writer of its home's history."""

    def __init__(self, config: Config) -> None:
        """Keep the configuration; nothing is opened before `run`."""
        self.config = config
        self.monitor = Monitor()
        self._server: Server | None = None
        self._unrecovered: set[str] = set()
        self.stopping = threading.Event()
        self.started = threading.Event()

    def stop(self) -> None:
        """Have `run` return after the turn that it is in."""
        self.stopping.set()

    def run(self) -> None:
        """Fold until `stop`, SIGTERM or SIGINT.

        Raises:
            StoreLocked: a consumer of this home runs already.
            SourceError, StoreError: it cannot go on; the message says what to do.
        """
        home = self.config.home
        with ExitStack() as stack:
            stack.enter_context(fold_lock(home, "runstream consumer"))
            stack.enter_context(self._signals())
            source = open_source(self.config)
            stack.callback(source.close)
            may_rebuild = source.reaches_back()
            store = Store.open(home.history_path, source.kind, source.identity, may_rebuild=may_rebuild)
            stack.callback(store.close)
            for note in store.notes:
                _log.warning(note, path=str(store.path))
            sweep_unborn(home)
            self.monitor.resumed(store.committed_at_us)
            pipeline = Pipeline(source, store)
            self._server = server = self._serve(store, stack)
            archive = Archivist(home, store.positions).step if source.kind == "journal" else None
            maintainer = Maintainer(store, pipeline.fold, archive, lambda: _paused(server))
            _log.info("consuming", source=source.identity, home=str(home.root), server=server.address)
            self.started.set()
            self._turn_until_stopped(pipeline, maintainer)
            _log.info("stopped", commit_no=store.commit_no)

    def _turn_until_stopped(self, pipeline: Pipeline, maintainer: Maintainer) -> None:
        recover_at_s = report_at_s = 0.0
        while not self.stopping.is_set():
            began = time.monotonic()
            if began >= recover_at_s:
                self._recover(pipeline.source)
                recover_at_s = began + RECOVER_EVERY_S
            n_bytes = pipeline.turn(POLL_S, self.monitor)
            # 5 maintain
            done = maintainer.step(MAINTAIN_S)
            if done.steps:
                _log.debug("maintained", steps=list(done.steps), n_sealed=done.n_sealed, seconds=round(done.seconds, 3))
            # 6 report
            self.monitor.turned()
            if began >= report_at_s:
                self._report(pipeline)
                report_at_s = began + REPORT_EVERY_S
            if maintainer.restart_wanted:
                _log.warning("ending so that a reader's left-over session lets go of the write-ahead log")
                return
            self.stopping.wait(max(0.0, pause_after(n_bytes) - (time.monotonic() - began)))

    def _recover(self, source: Source) -> None:
        if isinstance(source, JournalSource):
            recover_dead(self.config.home, source.closed, self._unrecovered)

    def _report(self, pipeline: Pipeline) -> None:
        pipeline.source.check()
        pipeline.check_file()
        lags = pipeline.source.lag()
        self.monitor.behind(lags)
        shrunk: dict[str, int] = getattr(pipeline.source, "shrunk", {})
        self.monitor.shrunk(shrunk)
        if self._server is not None:
            self._server.tell(lags, shrunk, getattr(pipeline.source, "shortfalls", ()))
            late = self._server.runaway(RUNAWAY_S)
            if late is not None:
                seconds = round(late.running_s)
                _log.warning("a reader's statement keeps a core busy", seconds=seconds, sql=late.statement)
        mirror = getattr(pipeline.source, "mirror", None)
        if mirror is not None:
            mirror({name: at.next_position for name, at in pipeline.store.positions().items()})

    def _serve(self, store: Store, stack: ExitStack) -> Server:
        from runstream_consumer.serve import serve

        monitor_port = self.monitor.serve("127.0.0.1", self.config.monitor_port)
        stack.callback(self.monitor.close)
        monitor = f"127.0.0.1:{monitor_port}"
        server = serve(store.connection, self.config.home, self.config.listen, self.config.port, monitor)
        stack.callback(server.close)
        return server

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """SIGTERM and SIGINT end the loop while the block runs; a second one ends the process as it otherwise would."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        numbers = (signal.SIGTERM, signal.SIGINT)
        before = {number: signal.getsignal(number) for number in numbers}

        def stop(number: int, _: FrameType | None) -> None:
            _log.info("stopping", signal=signal.Signals(number).name)
            self.stop()
            for each, handler in before.items():
                signal.signal(each, handler)

        for number in numbers:
            signal.signal(number, stop)
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)


@contextmanager
def _paused(server: Server) -> Iterator[None]:
    """No readers while the block runs; their next statement connects anew."""
    server.stop()
    try:
        yield
    finally:
        server.start()


def open_source(config: Config) -> Source:
    """The event log that the configuration names: Kafka where brokers are set, else the home's journals.

    Raises:
        BrokerUnreachable: no broker answers.
    """
    settings = config.settings
    if settings.brokers is None:
        return JournalSource(config.home)
    from runstream_consumer.kafka_source import KafkaSource

    return KafkaSource(settings.kafka_options(), settings.topic_prefix)


@contextmanager
def caught_up(config: Config, wait_s: float = 30.0) -> Iterator[None]:
    """Fold all that the journals hold and close the file; the lock is held while the block runs: it may read the file.

    Raises:
        HistoryBusy: another process has the file for longer than `wait_s`.
        StoreError: the file cannot be used; the message says what to do.
    """
    as_library()
    home = config.home
    with ExitStack() as stack:
        try:
            stack.enter_context(fold_lock(home, "a read of the history", wait_s))
        except StoreLocked as e:
            raise HistoryBusy(e.path, e.holder) from e
        _fold_all(home)
        yield


def _fold_all(home: Home) -> None:
    source = JournalSource(home)
    store = Store.open(home.history_path, source.kind, source.identity)
    try:
        sweep_unborn(home)
        recover_dead(home, source.closed)
        pipeline = Pipeline(source, store)
        while pipeline.turn(0.0):
            pass
        maintainer = Maintainer(store, pipeline.fold, Archivist(home, store.positions).step)
        maintainer.write_statistics()
        maintainer.step(READ_MAINTAIN_S)
    finally:
        store.close()
        source.close()


def catch_up(config: Config, wait_s: float = 30.0) -> None:
    """Fold all that the journals hold: embedded reading without a consumer.

    Raises:
        HistoryBusy: another process has the file for longer than `wait_s`.
    """
    with caught_up(config, wait_s):
        return
