"""
What the Logs tab reads: a stream's newest lines, one statement a commit for all viewers, which brings what is new.

A tail goes on from where it ended: lines that were read are never read again while anybody looks.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

from runstream_consumer.history import FoundLines, History, LogStream, Watermark
from runstream_dashboard import live, log_text
from runstream_dashboard.log_text import MAX_LINES, Tail

_KEPT = 32


class Tails:
    """The tails that viewers look at; those looked at longest ago are forgotten."""

    def __init__(self, kept: int = _KEPT) -> None:
        """Keep at most `kept` of them."""
        self._kept = kept
        self._lock = threading.Lock()
        self._tails: OrderedDict[tuple[str, str], Tail] = OrderedDict()

    def grown(self, reader: History, run_id: str, stream: str) -> Tail:
        """Read what is new of a stream and return its tail; of the first look, as much as a tail holds."""
        key = run_id, stream
        with self._lock:
            before = self._tails.get(key, Tail())
        tail = before.grown(reader.log_lines(run_id, stream, before.cursor, MAX_LINES, newest=True))
        with self._lock:
            self._tails[key] = tail
            self._tails.move_to_end(key)
            while len(self._tails) > self._kept:
                self._tails.popitem(last=False)
        return tail


_tails = Tails()


def streams(when: live.When, run_id: str) -> list[LogStream]:
    """Return the streams of a run in the order in which they are offered."""
    return live.detail("streams", when, run_id, lambda reader: log_text.ordered(reader.log_streams(run_id)))


def tail(mark: Watermark, run_id: str, stream: str) -> Tail:
    """Return the newest lines of a stream as of this commit."""
    when = (mark.commit_no, -1)
    return live.detail("tail", when, run_id, lambda reader: _tails.grown(reader, run_id, stream), stream)


def found(mark: Watermark, run_id: str, stream: str, wanted: str) -> FoundLines:
    """Return the newest lines of a stream that hold a text, as of this commit."""
    when = (mark.commit_no, -1)
    return live.detail(
        "found",
        when,
        run_id,
        lambda reader: reader.find_lines(run_id, wanted, stream, MAX_LINES),
        f"{stream}\0{wanted}",
    )
