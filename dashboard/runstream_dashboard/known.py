"""
What the list of runs offers to choose from, as last read by anybody: it is drawn before it can be read.

The filter row stands above the rows, so a page that has just been opened draws it from what this process knows, and
draws it again only if that has changed. `warm` reads it before the first viewer comes.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from runstream_consumer.history import RunPage
from runstream_dashboard import live, tables

PAGE_SIZE = 100


@dataclass(frozen=True, slots=True)
class Known:
    """Experiments, those of them that are hidden, runs by status, and the metrics that the page shows at first."""

    experiments: tuple[str, ...] = ()
    hidden: frozenset[str] = frozenset()
    counts: Mapping[str, int] = field(default_factory=dict)
    metrics: tuple[str, ...] = ()


class _Shelf:
    """The newest one, shared by the threads of all viewers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known = Known()

    def get(self) -> Known:
        with self._lock:
            return self._known

    def put(self, known: Known) -> None:
        with self._lock:
            self._known = known


_shelf = _Shelf()


def newest() -> Known:
    """Return what the list offered when anybody last read it; nothing before."""
    return _shelf.get()


def learn(answer: RunPage, metrics: Sequence[str]) -> Known:
    """Keep what this answer offers, with the metrics that are shown of it, and return it."""
    hidden = {row.name for row in answer.catalog if row.archived} - {
        row.name for row in answer.catalog if not row.archived
    }
    known = Known(tuple(answer.experiments), frozenset(hidden), dict(answer.counts_by_status), tuple(metrics))
    _shelf.put(known)
    return known


def warm() -> None:
    """
    Read what the first viewer will ask for, and import what its page is made of.

    Meant for a thread at the server's start. A history that cannot be read now is the first viewer's to hear of.
    """
    from runstream_dashboard import pages

    pages.all_modules()
    try:
        when = live.slow(live.watermark())
        answer = live.run_page(when, page_size=PAGE_SIZE, include_children=False)
        choice = tables.choices(answer.rows, answer.logged)
        metrics = tables.named(choice.first, "metric")
        learn(answer, metrics)
        if metrics:
            live.run_page(when, page_size=PAGE_SIZE, metrics=metrics, include_children=False)
            live.sparklines(when, tuple(row.run_id for row in answer.rows), metrics[0])
    except live.UNREACHABLE:
        return
