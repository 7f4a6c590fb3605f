"""Station 2, the thread: one drainer for all producers of the process."""

from __future__ import annotations

import logging
import queue
import sys
import threading
import time
from collections.abc import Callable
from typing import Final

from runstream.channel import Channel
from runstream_schemas.errors import JournalUnavailable

BUSY_TICK_S: Final = 0.05
IDLE_TICK_S: Final = 0.2
LONGEST_TICK_S: Final = 0.5
IDLE_AFTER_S: Final = 10.0
LOCK_WAIT_S: Final = 1.0

_logger = logging.getLogger("runstream")


class Job:
    """Something that the drainer does for a waiting caller."""

    __slots__ = ("_call", "_done", "error")

    def __init__(self, call: Callable[[], None]) -> None:
        """Prepare *call*; what it raises is raised where `wait` is called."""
        self._call = call
        # A lock, held until it is done: an Event's wait is Python code, which a signal exception would leave half way.
        self._done = threading.Lock()
        self._done.acquire()
        self.error: BaseException | None = None

    def run(self) -> None:
        """Do it, in the thread that drains."""
        try:
            self._call()
        except Exception as error:  # noqa: BLE001 - the edge between two threads: it belongs to the one that asked
            self.error = error
        finally:
            self._done.release()

    def refuse(self) -> None:
        """End the waiting: nobody can do it any more."""
        self.error = TimeoutError("the journal's thread was stopped; what was logged is safe in staging")
        self._done.release()

    def wait(self, timeout_s: float | None = None) -> None:
        """Return when it is done; raise what it raised, or TimeoutError."""
        if not self._done.acquire(timeout=-1 if timeout_s is None else timeout_s):
            message = f"the journal's thread did not answer within {timeout_s:g} s; what was logged is safe in staging"
            raise TimeoutError(message)
        self._done.release()
        if self.error is not None:
            raise self.error


class Drainer:
    """
    Brings the records of every channel into its journal: 20 times a second while points arrive, less often when idle,
    at once when a block is full or somebody waits.

    Once `stop` was called, at the interpreter's exit, whoever wants something does it in its own thread.
    """

    def __init__(self) -> None:
        """Nothing runs before somebody asks."""
        # Its put() is one C call that takes no lock of ours: a signal handler or a finalizer may call it anywhere.
        self._asked: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self.lock = threading.RLock()
        # Changed and copied by single C calls: nobody waits for the lock, which the drainer holds while it writes.
        self._channels: dict[str, Channel] = {}
        self._thread: threading.Thread | None = None
        self._threads: set[int] = set()
        self._is_inline = False
        self._is_stopping = False
        self._tick_s = BUSY_TICK_S
        self._busy_at_s = time.monotonic()

    @property
    def is_mine(self) -> bool:
        """The caller runs in the drainer's own thread: it must not wait for it."""
        return threading.get_ident() in self._threads

    @property
    def channels(self) -> list[Channel]:
        """Every channel that is not closed."""
        return list(self._channels.values())

    def add(self, channel: Channel) -> None:
        """Drain *channel* from now on."""
        self._channels[channel.producer_id] = channel

    def remove(self, channel: Channel) -> None:
        """Forget a closed channel."""
        self._channels.pop(channel.producer_id, None)

    def wake(self) -> None:
        """Have the channels looked at now; may be called from anywhere."""
        if self._is_inline:
            self._inline(self._step)
        elif self._asked.empty():
            self._asked.put(None)

    def do(self, call: Callable[[], None], timeout_s: float | None = None) -> None:
        """
        Have *call* done by the drainer, after everything logged so far was drained, and wait for it.

        A finalizer that happens to run in the drainer's own thread is not waited for: it is done right after.

        Raises:
            TimeoutError: it took longer than *timeout_s*.
            Exception: whatever *call* raised.
        """
        job = self.post(call)
        if not self.is_mine:
            job.wait(timeout_s)

    def post(self, call: Callable[[], None]) -> Job:
        """Have *call* done as `do` does, without waiting."""
        job = Job(call)
        self._start()
        if not self._is_inline:
            self._asked.put(job)
        elif not (self._inline(self._step) and self._inline(job.run)):
            job.refuse()
        return job

    def stop(self, timeout_s: float) -> None:
        """End the thread after what was asked for; from then on everything is done in the caller's thread."""
        thread, self._is_stopping = self._thread, True
        self._asked.put(None)
        if thread is not None and not self.is_mine:
            thread.join(timeout_s)
        self._is_inline, self._thread = True, None
        for job in self._left():
            self._inline(job.run)

    def reset(self) -> None:
        """Begin anew in a forked child, where the thread does not exist; at the interpreter's exit it stays inline."""
        is_inline = self._is_inline
        self.__init__()  # type: ignore[misc]
        self._is_inline = is_inline

    def _start(self) -> None:
        """Start the thread unless it runs; without one, as when the interpreter ends, work inline."""
        if self._thread is not None or self._is_inline:
            return
        if sys.is_finalizing():
            self._is_inline = True  # a thread would never get the interpreter lock, and its start wait for ever
            return
        thread = threading.Thread(target=self._run, name="runstream-drain", daemon=True)
        try:
            # Should a signal exception fly out here a second one is started later: the lock keeps them apart.
            thread.start()
        except RuntimeError:
            self._is_inline = True
        else:
            self._thread = thread

    def _run(self) -> None:
        self._threads.add(threading.get_ident())
        while not self._is_stopping:
            jobs = self._wait()
            with self.lock:
                self._step()
                for job in jobs:
                    job.run()

    def _wait(self) -> list[Job]:
        """Sleep until the next tick or until somebody asks; return what is asked for."""
        try:
            first = self._asked.get(timeout=self._tick_s)
        except queue.Empty:
            return []
        return self._left() if first is None else [first, *self._left()]

    def _left(self) -> list[Job]:
        """Take everything that is asked for already."""
        jobs: list[Job] = []
        while True:
            try:
                job = self._asked.get_nowait()
            except queue.Empty:
                return jobs
            if job is not None:
                jobs.append(job)

    def _step(self) -> None:
        """Look at every channel once, and choose the next pause."""
        now_s = time.monotonic()
        is_busy = False
        for channel in self.channels:
            try:
                is_busy = channel.step(now_s) or is_busy
                if channel.is_worn:
                    channel.close()
            # The thread's edge: one run's trouble must not end the draining of all others.
            except Exception as error:
                if not isinstance(error, JournalUnavailable):
                    _logger.exception("run %s: draining failed and is tried again", channel.run_id)
        if is_busy:
            self._busy_at_s, self._tick_s = now_s, BUSY_TICK_S
        elif now_s - self._busy_at_s > IDLE_AFTER_S:
            self._tick_s = min(max(self._tick_s * 1.25, IDLE_TICK_S), LONGEST_TICK_S)

    def _inline(self, call: Callable[[], None]) -> bool:
        """Do something in the caller's thread; False when a thread that the interpreter's exit froze holds the lock."""
        if not self.lock.acquire(timeout=LOCK_WAIT_S):
            return False
        try:
            call()
        finally:
            self.lock.release()
        return True
