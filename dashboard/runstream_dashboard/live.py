"""
What the pages read: the history, with every answer shared by all viewers of this process.

An answer is kept under the number of the commit that it shows, so that ten viewers of one chart cost one statement,
and a tick without news costs none beside the watermark.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import TypeVar

from runstream_consumer.history import Chart, History, MetricInfo, RunPage, RunRow, Watermark

from runstream_consumer import history
from runstream_dashboard.answers import Answers

T = TypeVar("T")

TICK_S = 1.0
# How long the slower facts (statuses, the list of metrics) may be behind while points arrive every tick.
SLOW_S = 3.0
TERMINAL = frozenset({"Completed", "Failed", "Canceled"})
_MAX_IDLE = 4
_KEPT = 96

ChartKey = tuple[str, str, str | None]
When = tuple[int, int]


class Pool:
    """Open readers of the history, each lent to one script thread at a time."""

    def __init__(self) -> None:
        self._idle: queue.LifoQueue[History] = queue.LifoQueue(_MAX_IDLE)

    @contextmanager
    def lend(self) -> Iterator[History]:
        """Lend a reader; one that raised is closed, because nobody knows what state it is in."""
        try:
            reader = self._idle.get_nowait()
        except queue.Empty:
            reader = history.connect()
        try:
            yield reader
            self._idle.put_nowait(reader)
        except queue.Full:
            reader.close()
        except BaseException:
            reader.close()
            raise

    def ask(self, question: Callable[[History], T]) -> T:
        """Answer a question; if the connection broke, once more with a fresh reader: the consumer may be a new one."""
        try:
            with self.lend() as reader:
                return question(reader)
        except ConnectionError:
            self.close()
        with self.lend() as reader:
            return question(reader)

    def close(self) -> None:
        """Close all idle readers."""
        while True:
            try:
                self._idle.get_nowait().close()
            except queue.Empty:
                return


@cache
def _pool() -> Pool:
    return Pool()


@cache
def _answers() -> Answers:
    return Answers(_KEPT)


def ask(question: Callable[[History], T]) -> T:
    """Answer a question that nobody shares: one run's files, a statement typed by the reader."""
    return _pool().ask(question)


def _shared(question: tuple[object, ...], when: When, answer: Callable[[History], T]) -> T:
    return _answers().get(question, when, lambda: ask(answer))


def watermark() -> Watermark:
    """
    Return how far the history has come, read at most once a tick for all viewers.

    When the history cannot be reached any more, the last known state is returned, marked as stopped, so that a page
    stays usable on what it has.

    Raises:
        ConnectionError: the history was never reached.
    """
    now = int(time.monotonic() / TICK_S)
    reached = False

    def read(reader: History) -> Watermark:
        nonlocal reached
        mark = reader.watermark()
        reached = True
        return mark

    known = _answers().get(("watermark",), (now, 0), lambda: (ask(read), now))
    mark, tick = known
    return mark if reached or now - tick <= 1 else replace(mark, state="stopped")


def slow(mark: Watermark) -> When:
    """Return when the slower facts were read: at this commit if nothing runs, else up to SLOW_S ago."""
    return (mark.commit_no, -1) if mark.state == "idle" else (-1, int(time.monotonic() / SLOW_S))


def run_page(
    when: When,
    text: str = "",
    experiment: str | None = None,
    status: tuple[str, ...] = (),
    sort: str = "-created_at",
    page: int = 1,
    page_size: int = 100,
    metrics: tuple[str, ...] = (),
) -> RunPage:
    """Return one page of runs; raises FilterError for a filter that does not parse."""
    return _shared(
        ("runs", text, experiment, status, sort, page, page_size, metrics),
        when,
        lambda reader: reader.runs(
            text, experiment=experiment, status=status, sort=sort, page=page, page_size=page_size, metrics=metrics
        ),
    )


def run_rows(when: When, run_ids: tuple[str, ...]) -> list[RunRow]:
    """Return the runs with these ids that exist, in the order of the ids."""
    rows = _shared(("rows", run_ids), when, lambda reader: reader.run_many(run_ids))
    found = {row.run_id: row for row in rows}
    return [found[run_id] for run_id in run_ids if run_id in found]


def metric_list(when: When, run_ids: tuple[str, ...]) -> list[MetricInfo]:
    """Return every metric of these runs, first logged first."""
    return _shared(("metrics", run_ids), when, lambda reader: reader.metric_list(run_ids))


def charts(
    mark: Watermark, keys: tuple[ChartKey, ...], axis: str, zoom: tuple[float, float | None] | None, columns: int
) -> list[Chart]:
    """Return the columns of many curves, read by one statement."""
    low, high = zoom or (None, None)
    return _shared(
        ("charts", keys, axis, zoom, columns),
        (mark.commit_no, -1),
        lambda reader: reader.charts(keys, x=axis, lo=low, hi=high, columns=columns),
    )


def any_live(rows: Sequence[RunRow]) -> bool:
    """Say whether one of these runs may still log."""
    return any(row.status not in TERMINAL for row in rows)


def detail(kind: str, when: When, run_id: str, question: Callable[[History], T], name: str = "") -> T:
    """Return something of one run that every viewer sees alike: its files, its history, the rows of a metric."""
    return _shared((kind, run_id, name), when, question)
