"""One look at a run: everything that the widget shows of it, read out of the history."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from runstream.config import Config
from runstream.reading import portal_url
from runstream.widgets.curves import Curve, Curves
from runstream.widgets.newest_lines import Lines, NewestLines
from runstream.widgets.pictures import Picture, Pictures

if TYPE_CHECKING:
    from datetime import datetime

    from runstream_consumer.history import History, MetricInfo, RunRow

MAX_CHILDREN: Final = 100
MAX_VALUES: Final = 200

Facts = dict[str, Any]
"""What JSON can hold."""


@dataclass(slots=True)
class Seen:
    """
    What a look has found.

    Attributes:
        run: what the run is, its status and its error.
        progress: what changes all the time: points, seconds since the start, seconds since it was heard of.
        values: metrics that are one value, or no numbers: name, value, how many there were.
        curves: metrics that are drawn; `n_more_curves` more are not.
        lines: the newest lines of each stream.
        labels: tags and properties, [key, value] each.
        children: the newest ones; `n_children` in all.
        pictures: the newest ones, `slots` their bytes; `n_more_pictures` more are not shown.
    """

    run: Facts = field(default_factory=dict)
    progress: Facts = field(default_factory=dict)
    values: list[Facts] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)
    n_more_curves: int = 0
    lines: list[Lines] = field(default_factory=list)
    labels: Facts = field(default_factory=dict)
    children: list[Facts] = field(default_factory=list)
    n_children: int = 0
    pictures: list[Picture] = field(default_factory=list)
    slots: list[bytes] = field(default_factory=list)
    n_more_pictures: int = 0

    @property
    def is_over(self) -> bool:
        """Whether the run has ended."""
        return bool(self.run.get("is_over"))


class Look:
    """
    Looks at one run again and again, and asks only for what can have changed.

    Args:
        config: of the home, whose artifact store may hold pictures.
        run_id: of the run.
    """

    def __init__(self, config: Config, run_id: str) -> None:
        self.seen = Seen()
        """What the last look has found."""
        self._config = config
        self._run_id = run_id
        self._commit_no = -1
        self._curves = Curves(run_id)
        self._lines = NewestLines(run_id)
        self._pictures = Pictures(config, run_id)

    def read(self, history: History) -> bool:
        """
        Read anew; return whether the history has changed since, or is still behind the log.

        Raises:
            RunNotFound: nothing of the run has arrived.
            HistoryUnreachable, HistoryBusy: the history cannot be read.
        """
        with history.at_once():
            return self._read(history)

    def _read(self, history: History) -> bool:
        watermark = history.watermark()
        row = history.run(self._run_id)
        # A new one each time: another thread may be reading the last one.
        seen = replace(self.seen, run=self._facts(row), labels=_labels(row), progress=_progress(row))
        if watermark.commit_no == self._commit_no:
            self.seen = seen
            return watermark.behind_events > 0
        metrics = history.metric_list([self._run_id])
        seen.values = [_value(metric) for metric in metrics if _is_value(metric)][:MAX_VALUES]
        seen.curves, seen.n_more_curves = self._curves.read(history, metrics)
        seen.lines = self._lines.read(history)
        seen.pictures, seen.n_more_pictures = self._pictures.read(history)
        seen.slots = list(self._pictures.slots)
        children = history.children(self._run_id)
        seen.children, seen.n_children = self._kin(children[:MAX_CHILDREN]), len(children)
        # Last: what a failed question left out is asked again.
        self.seen, self._commit_no = seen, watermark.commit_no
        return True

    def _facts(self, row: RunRow) -> Facts:
        error = {"type": row.error_type, "message": row.error_message, "code": row.error_code}
        return {
            "id": row.run_id,
            "name": row.display_name or row.run_id,
            "number": row.number,
            "experiment": row.experiment,
            "workspace": row.workspace,
            "type": row.run_type,
            "status": row.status,
            "is_over": row.is_over,
            "description": row.description,
            "parent": row.parent_run_id,
            "host": row.host,
            "user": row.user,
            "created_s": _seconds(row.created_at),
            "ended_s": _seconds(row.ended_at),
            "error": {**error, "traceback": row.error_traceback} if any(error.values()) else None,
            "url": portal_url(self._config, row.run_id),
        }

    def _kin(self, rows: Sequence[RunRow]) -> list[Facts]:
        return [
            {
                "id": row.run_id,
                "name": row.display_name or row.run_id,
                "number": row.number,
                "status": row.status,
                "created_s": _seconds(row.created_at),
                "duration_s": round(row.duration_s, 1),
                "n_points": row.n_points,
                "url": portal_url(self._config, row.run_id),
            }
            for row in rows
        ]


def _labels(row: RunRow) -> Facts:
    return {
        "tags": [list(item) for item in row.tags.items()],
        "properties": [list(item) for item in row.properties.items()],
    }


def _progress(row: RunRow) -> Facts:
    silent_s = max(0.0, time.time() - row.last_seen_at.timestamp())
    return {
        "n_points": row.n_points,
        "n_lost": row.n_lost,
        "duration_s": round(row.duration_s, 1),
        # What does not change any more is not sent any more.
        "silent_s": None if row.is_over else round(silent_s),
        "seen_s": _seconds(row.last_seen_at),
    }


def _seconds(at: datetime | None) -> float | None:
    return None if at is None else round(at.timestamp(), 3)


def _is_value(metric: MetricInfo) -> bool:
    return metric.column_name is None and metric.form in {"scalar", "list"} and metric.n > 0 and metric.n_numeric < 2


def _value(metric: MetricInfo) -> Facts:
    value = metric.last_value
    shown = metric.last_text if value is None else f"{value:.6g}"
    is_number = value is not None and math.isfinite(value)
    return {"name": metric.name, "value": str(shown), "number": value if is_number else None, "n": metric.n}
