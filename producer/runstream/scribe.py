"""What a run prints, as log events: written by a thread of its own, so that printing waits for nothing."""

from __future__ import annotations

import atexit
import os
import threading
from collections import deque
from typing import TYPE_CHECKING, Final

from runstream import notices, worker
from runstream.lines import Lines
from runstream_schemas.errors import JournalUnavailable
from runstream_schemas.events import LogEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from runstream.producer import Producer

INTERVAL_S: Final = 0.25
"""How long text waits for more before it becomes an event."""

MAX_WAITING_CHARACTERS: Final = 8_000_000
"""What may wait to be written; beyond it text is left out, and a line says how much."""

STOP_WAIT_S: Final = 5.0


class Scribe:
    """
    Writes the streams of one run; they are named at their first text.

    Args:
        run_id: of the run.
        producer: gives the run's producer.
    """

    def __init__(self, run_id: str, producer: Callable[[], Producer]) -> None:
        self._run_id = run_id
        self._producer = producer
        self._streams: dict[str, Lines] = {}
        self._waiting: deque[tuple[str, str]] = deque()
        self._n_waiting = 0
        self._n_left_out = 0
        self._is_child = False
        self._begin()

    def _begin(self) -> None:
        """Have no thread yet; in a forked child, not any more."""
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def write(self, stream: str, text: str) -> None:
        """Take text of a stream; nothing is waited for, and nothing raised."""
        if not text:
            return
        if self._pid != os.getpid():
            self._in_child()
        if self._n_waiting > MAX_WAITING_CHARACTERS:
            self._n_left_out += len(text)
            return
        self._waiting.append((stream, text))
        self._n_waiting += len(text)
        if self._thread is None:
            self._start()
        self._wake.set()

    def close(self) -> None:
        """Write what is left, and end the thread; text that comes later starts another one."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None and thread.is_alive() and self._pid == os.getpid():
            self._stop.set()
            self._wake.set()
            thread.join(STOP_WAIT_S)
            if thread.is_alive():
                return
        self._stop.clear()
        self._write_waiting()
        for stream, lines in self._streams.items():
            self._append(stream, lines.finish())

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                thread = threading.Thread(target=self._run, args=(self._stop, self._wake), name="runstream-scribe")
                thread.daemon = True
                self._thread = thread
                thread.start()
                if self._is_child:
                    # The run is its parent's to end; what is printed here last would wait in vain.
                    atexit.register(self.close)
                    worker.at_exit(self.close, -40)

    def _in_child(self) -> None:
        """Begin anew after a fork: the parent writes what waited there, and its lines have its numbers."""
        self._begin()
        self._is_child = True
        self._streams, self._waiting, self._n_waiting, self._n_left_out = {}, deque(), 0, 0

    def _run(self, stop: threading.Event, wake: threading.Event) -> None:
        while not stop.is_set():
            wake.wait()
            stop.wait(INTERVAL_S)
            wake.clear()
            self._write_waiting()

    def _write_waiting(self) -> None:
        """Write the text that waits, of each stream in one go."""
        texts: dict[str, list[str]] = {}
        while self._waiting:
            stream, text = self._waiting.popleft()
            texts.setdefault(stream, []).append(text)
        # Counted without a lock, which a print in a signal handler could wait for for ever; errors end here.
        self._n_waiting = 0
        n_left_out, self._n_left_out = self._n_left_out, 0
        for stream, parts in texts.items():
            if n_left_out:
                parts.append(f"\n[runstream: {n_left_out} characters came faster than they could be kept]\n")
                n_left_out = 0
            self._append(stream, self._streams.setdefault(stream, Lines()).feed("".join(parts)))

    def _append(self, stream: str, pieces: Iterator[tuple[int, str]]) -> None:
        for first_line, text in pieces:
            self._append_piece(stream, first_line, text)

    def _append_piece(self, stream: str, first_line: int, text: str) -> None:
        # A string of half surrogate pairs, as undecodable bytes become, has no UTF-8.
        valid = text.encode("utf-8", "backslashreplace").decode()
        try:
            producer = self._producer()
            producer.append(
                lambda sequence, at: LogEvent(
                    self._run_id, producer.producer_id, sequence, at, stream, first_line, valid
                )
            )
        except (JournalUnavailable, TimeoutError) as error:
            notices.once(("scribe", self._run_id), "run %s: printed lines are not kept: %s", self._run_id, error)
