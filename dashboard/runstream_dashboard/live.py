"""
What the pages read: the history, with every answer shared by all viewers of this process.

An answer is kept under the number of the commit that it shows, so that ten viewers of one chart cost one statement,
and a tick without news costs none beside the watermark.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import TypeVar

import numpy as np

from runstream_consumer import history
from runstream_consumer.history import (
    ArtifactRow,
    Chart,
    History,
    HistoryBusy,
    HistoryUnreachable,
    MetricInfo,
    PairedChart,
    PipelineFacts,
    RunFacts,
    RunPage,
    RunRow,
    StoreError,
    TableDoc,
    Watermark,
)
from runstream_dashboard import address
from runstream_dashboard.answers import Answers

T = TypeVar("T")

TICK_S = 1.0
# How long the slower facts (statuses, the list of metrics) may be behind while points arrive every tick.
SLOW_S = 4.0
# And while nothing is folded: only the clock changes anything then, such as a silent run that counts as failed.
IDLE_S = 30.0
SPARK_COLUMNS = 24
MAX_SPARKS = 100
# What a history that cannot be read now raises; the consumer may come back, its file may be put right.
UNREACHABLE = (HistoryUnreachable, HistoryBusy, StoreError)
TERMINAL = frozenset({"Completed", "Failed", "Canceled"})
_KEPT = 96

ChartKey = tuple[str, str, str | None]
When = tuple[int, int]


class Reader:
    """The one open history of this process; script threads share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._history: History | None = None

    def _open(self) -> History:
        with self._lock:
            if self._history is None:
                self._history = history.connect()
            return self._history

    def ask(self, question: Callable[[History], T]) -> T:
        """
        Answer a question.

        When the history does not answer it is opened anew and asked once more: a consumer that has started since
        holds the file that was read directly before, and a restarted one listens elsewhere.
        """
        opened = self._open()
        try:
            return question(opened)
        except UNREACHABLE:
            self._forget(opened)
        return question(self._open())

    def _forget(self, opened: History) -> None:
        with self._lock:
            if self._history is opened:
                self._history = None
                opened.close()


@cache
def _reader() -> Reader:
    return Reader()


@cache
def _answers() -> Answers:
    return Answers(_KEPT, UNREACHABLE)


def ask(question: Callable[[History], T]) -> T:
    """Answer a question that nobody shares: one run's files, a statement typed by the reader."""
    return _reader().ask(question)


def _shared(question: tuple[object, ...], when: When, answer: Callable[[History], T]) -> T:
    return _answers().get(question, when, lambda: ask(answer))


def watermark() -> Watermark:
    """
    Return how far the history has come, read at most once a tick for all viewers.

    When the history cannot be reached any more, the last known state is returned, marked as stopped, so that a page
    stays usable on what it has.

    Raises:
        HistoryUnreachable, HistoryBusy: the history was never reached.
    """
    now = tick()
    mark, read_at = _shared(("watermark",), now, lambda reader: (reader.watermark(), now))
    return mark if read_at == now else replace(mark, state="stopped")


def slow(mark: Watermark, turn: int = 0) -> When:
    """
    Return when the slower facts were read: up to SLOW_S ago; if nothing runs at this commit, up to IDLE_S ago.

    Args:
        mark: the watermark of this tick.
        turn: at which of the ticks within SLOW_S, so that a page of many facts does not ask for all of them at once.
    """
    now = time.monotonic() - turn * TICK_S
    return (mark.commit_no, int(now / IDLE_S)) if mark.state == "idle" else (-1, int(now / SLOW_S))


def run_page(
    when: When,
    text: str = "",
    experiment: str | None = None,
    status: tuple[str, ...] = (),
    sort: str = "-created_at",
    page: int = 1,
    page_size: int = 100,
    metrics: tuple[str, ...] = (),
    workspace: str | None = None,
    include_children: bool = True,
    include_archived: bool = False,
) -> RunPage:
    """Return one page of runs; raises FilterError for a filter that does not parse."""
    return _shared(
        (
            "runs",
            text,
            experiment,
            status,
            sort,
            page,
            page_size,
            metrics,
            workspace,
            include_children,
            include_archived,
        ),
        when,
        lambda reader: reader.runs(
            text, experiment, status, sort, page, page_size, metrics, workspace, include_children, include_archived
        ),
    )


def run_facts(when: When, run_ids: tuple[str, ...]) -> RunFacts:
    """Return the runs with these ids that exist, in the order of the ids, with what is known of them."""
    return _shared(("facts", run_ids), when, lambda reader: reader.run_facts(run_ids))


def run_rows(when: When, run_ids: tuple[str, ...]) -> list[RunRow]:
    """Return the runs with these ids that exist, in the order of the ids."""
    return run_facts(when, run_ids).rows


def charts(
    mark: Watermark,
    keys: tuple[ChartKey, ...],
    axis: str,
    zoom: tuple[float, float | None] | None,
    columns: int,
) -> list[Chart] | list[PairedChart]:
    """Return the columns of many curves over this x axis (see address.View), read by one statement."""
    low, high = zoom or (None, None)
    plain = address.plain_axis(axis)
    if plain is None:
        x_name = address.axis_metric(axis)
        plotted = tuple((run_id, name) for run_id, name, _ in keys)
        return _shared(
            ("paired", keys, axis, zoom, columns),
            (mark.commit_no, -1),
            lambda reader: reader.paired_charts(plotted, x_name, lo=low, hi=high, columns=columns),
        )
    return _shared(
        ("charts", keys, axis, zoom, columns),
        (mark.commit_no, -1),
        lambda reader: reader.charts(keys, x=plain, lo=low, hi=high, columns=columns),
    )


def pictures(when: When, run_ids: tuple[str, ...]) -> list[ArtifactRow]:
    """Return the pictures of these runs without their bytes, of each run the first logged first."""
    return _shared(("pictures", run_ids), when, lambda reader: reader.pictures(run_ids))


def sparklines(when: When, run_ids: tuple[str, ...], name: str) -> dict[str, list[float]]:
    """Return a metric of many runs, each as some tens of values along its steps; runs without it are left out."""
    keys = tuple((run_id, name, None) for run_id in run_ids)
    curves = _shared(("spark", keys), when, lambda reader: reader.charts(keys, columns=SPARK_COLUMNS))
    drawn = {curve.run_id: curve.last[np.isfinite(curve.last)].tolist() for curve in curves}
    return {run_id: values for run_id, values in drawn.items() if len(values) > 1}


def curves(when: When, run_id: str, metrics: Sequence[MetricInfo]) -> dict[tuple[str, str | None], list[float]]:
    """Return the first metrics of a run, by name and column, each as some tens of values along its steps or rows."""
    keys = tuple((run_id, m.name, m.column_name) for m in metrics if m.n_numeric > 1)[:MAX_SPARKS]
    if not keys:
        return {}
    drawn = _shared(("spark", keys), when, lambda reader: reader.charts(keys, columns=SPARK_COLUMNS))
    return {(curve.name, curve.column_name): curve.last[np.isfinite(curve.last)].tolist() for curve in drawn}


def any_live(rows: Sequence[RunRow]) -> bool:
    """Say whether one of these runs may still log."""
    return any(row.status not in TERMINAL for row in rows)


def detail(kind: str, when: When, run_id: str, question: Callable[[History], T], name: str = "") -> T:
    """Return something of one run that every viewer sees alike: its files, its history, the rows of a metric."""
    return _shared((kind, run_id, name), when, question)


def table_docs() -> list[TableDoc]:
    """Return the documentation of the public tables; it does not change while a server runs."""
    return _shared(("docs",), (0, 0), lambda reader: reader.tables())


def pipeline(when: When) -> PipelineFacts:
    """Return how the pipeline is doing."""
    return _shared(("pipeline",), when, lambda reader: reader.pipeline())


def tick() -> When:
    """Return the time in ticks, for what is read anew at every tick."""
    return (int(time.monotonic() / TICK_S), -2)
