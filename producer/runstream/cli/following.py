"""`show` and `tail`: one run in a terminal, whole or as it grows."""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

from runstream import settling
from runstream.cli import printing
from runstream.cli.exits import OK, TRY_AGAIN
from runstream.cli.lines import Line, LineFollower, shown, write
from runstream.cli.reading import history, page_address, resolved
from runstream_schemas.errors import HistoryUnreachable

if TYPE_CHECKING:
    from runstream_consumer.history import History, RunRow

POLL_S = 1.0
TERMINAL = ("Completed", "Failed", "Canceled")
SILENT = "NotResponding"
COLUMNS = ("logged_at", "step", "name", "column_name", "value")


def show(options: argparse.Namespace) -> int:
    """Print what is known about one run."""
    with history() as past:
        run_id = resolved(past, options.run)
        row = past.run(run_id)
        metrics = past.metric_list([run_id])
        files = past.artifacts(run_id)
        streams = past.log_streams(run_id)
    if options.json:
        facts: dict[str, Any] = asdict(row) | {
            "metrics": [asdict(metric) for metric in metrics],
            "artifacts": [{k: v for k, v in asdict(file).items() if k != "content"} for file in files],
            "logs": [asdict(stream) for stream in streams],
        }
        printing.write_object(facts, sys.stdout)
        return OK
    _print_facts(asdict(row) | {"page": page_address(run_id)})
    _print_part("tags", ("key", "value"), list(row.tags.items()))
    _print_part("properties", ("key", "value"), list(row.properties.items()))
    columns = ("name", "column_name", "form", "n", "last_value", "min_value", "max_value")
    _print_part("metrics", columns, [[getattr(metric, column) for column in columns] for metric in metrics])
    _print_part("files", ("path", "size_bytes", "sha256"), [(f.path, f.size_bytes, f.sha256[:12]) for f in files])
    _print_part("logs", ("stream", "lines", "last_at"), [(s.name, s.n_lines, s.last_at) for s in streams])
    return OK


def _print_facts(facts: dict[str, Any]) -> None:
    told = {key: value for key, value in facts.items() if value not in (None, "") and not isinstance(value, dict)}
    width = max(map(len, told))
    for key, value in told.items():
        print(f"{key:<{width}}  {printing.local(value) if isinstance(value, datetime) else printing.text(value)}")


def _print_part(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    if rows:
        print(f"\n{title}")
        printing.write(columns, rows, "table", sys.stdout)


def tail(options: argparse.Namespace) -> int:
    """Print a run's last points and lines, then each new one, until the run has ended and all of it is printed."""
    with history() as past:
        run_id = resolved(past, options.run)
        follower = Follower(past, run_id, options.metric)
        # Whoever asks for a metric wants nothing else.
        printed = None if options.metric else LineFollower(run_id)
        last = [] if printed is None else printed.last(past, options.lines)
        _print(follower.last(past, options.lines), last, options.json)

    def show(past: History) -> bool:
        lines = [] if printed is None else list(printed.new(past))
        return _print(follower.new(past), lines, options.json)

    return to_its_end(run_id, show, "tail")


def to_its_end(run_id: str, show: Callable[[History], bool], command: str) -> int:
    """
    Show what comes of a run until it has ended and all of it is there; a consumer that is started anew is waited for.

    Args:
        run_id: of the run.
        show: prints what is new, and tells whether there was anything.
        command: to call again, for a run that does not respond, or of which something is missing.

    Returns:
        The exit code.
    """
    pause = threading.Event()
    while True:
        try:
            with history() as past:
                while (run := past.run(run_id)).status not in (*TERMINAL, SILENT):
                    show(past)
                    pause.wait(POLL_S)
                if run.status == SILENT:
                    show(past)
                    return _silent(run, command)
                return _ended(run, settling.show_rest(past, run_id, lambda: show(past)), command)
        except HistoryUnreachable:
            # The consumer is being started again: whoever looks knows where it was.
            pause.wait(POLL_S)


def _ended(run: RunRow, n_missing: int, command: str) -> int:
    """Return the exit code of a look that has come to the run's end; what is missing is told."""
    if not n_missing:
        return OK
    print(
        f"runstream: {n_missing:,} events that run {run.run_id} has written have not arrived: they wait on the machine "
        f"that it ran on, the consumer is behind, or the log has lost them; call `runstream {command}` again later",
        file=sys.stderr,
    )
    return TRY_AGAIN


def _silent(run: RunRow, command: str) -> int:
    """Tell that nothing is heard of a run; return the exit code."""
    print(
        f"runstream: run {run.run_id} is {SILENT}: nothing was heard of it since {printing.local(run.last_seen_at)}, "
        f"so its process is dead, stopped or cut off; call `runstream {command}` again once it is back",
        file=sys.stderr,
    )
    return TRY_AGAIN


def _print(points: Sequence[Point], printed: Sequence[Line], is_json: bool) -> bool:
    """Print points and lines in the order of their clocks; tell whether there were any."""
    found: list[Point | Line] = [*points, *printed]
    found.sort(key=lambda either: either.logged_at)
    if is_json:
        for one in found:
            _print_object(one)
    else:
        for _, those in groupby(found, key=_step_of):
            _print_told(list(those))
    sys.stdout.flush()
    return bool(found)


def _step_of(one: Point | Line) -> tuple[str, int] | None:
    """Return what people read on one line: what a process logged of one step, one after another. None for lines."""
    return (one.producer_id, one.step) if isinstance(one, Point) else None


class Follower:
    """
    Reads the points of one run that have not been read yet.

    How far it has read is one point index a producer: each producer's points are numbered as they were logged.

    Args:
        past: the history, as it is now; points in it count as read.
        run_id: of the run.
        names: of the metrics to follow; none = all.
    """

    def __init__(self, past: History, run_id: str, names: Sequence[str]) -> None:
        chosen = f" and name in ({', '.join('?' * len(names))})" if names else ""
        self.run_id = run_id
        self._where = f"where run_id = ?{chosen}"
        self._parameters = [run_id, *names]
        rows = past.sql(f'select producer_id, max("index") from metric {self._where} group by 1', self._parameters)
        self._read: dict[str, int] = dict(rows.fetchall())

    def last(self, past: History, n: int) -> list[Point]:
        """Return the last *n* of the points already read, oldest first."""
        if not self._read or n <= 0:
            return []
        order = 'order by logged_at desc, producer_id desc, "index" desc limit ?'
        condition, marks = self._read_condition()
        rows = self._points(past, f"and ({condition}) {order}", [*marks, n])
        return rows[::-1]

    def new(self, past: History) -> list[Point]:
        """Return the points that came since the last call, in the order of their clocks."""
        condition, marks = self._read_condition()
        rows = self._points(past, f'and not ({condition}) order by logged_at, producer_id, "index"', marks)
        for row in rows:
            self._read[row.producer_id] = max(row.index, self._read.get(row.producer_id, -1))
        return rows

    def _read_condition(self) -> tuple[str, list[object]]:
        parts = ['producer_id = ? and "index" <= ?'] * len(self._read)
        return " or ".join(parts) or "false", [part for mark in self._read.items() for part in mark]

    def _points(self, past: History, rest: str, parameters: list[object]) -> list[Point]:
        columns = 'logged_at, step, name, column_name, value, text, kind, producer_id, "index"'
        statement = f"select {columns} from metric {self._where} {rest}"
        return [Point(*row) for row in past.sql(statement, [*self._parameters, *parameters]).fetchall()]


@dataclass(frozen=True, slots=True)
class Point:
    """One point as the view `metric` gives it."""

    logged_at: datetime
    step: int
    name: str
    column_name: str | None
    value: float | None
    text: str | None
    kind: str
    producer_id: str
    index: int

    @property
    def logged(self) -> float | int | bool | str | None:
        """The value as it was logged, of Python's type."""
        if self.kind == "text" or self.kind == "none":
            return self.text
        if self.kind == "int":
            return int(self.text) if self.text is not None else int(self.value or 0)
        return bool(self.value) if self.kind == "bool" else self.value

    @property
    def told(self) -> str:
        """Its name and value, as people read them."""
        name = self.name if self.column_name is None else f"{self.name}.{self.column_name}"
        return f"{name} {printing.cell(self.logged)}"


def _print_told(those: Sequence[Point | Line]) -> None:
    """Print the points of one step on a line, lines as they are."""
    points = [one for one in those if isinstance(one, Point)]
    if points:
        print(_clock(points[0].logged_at), f"{points[0].step:>8}", "  ".join(point.told for point in points))
    for one in those:
        if isinstance(one, Line):
            print(_clock(one.logged_at), f"{'':>8}", one.stream, shown(one.text))


def _print_object(one: Point | Line) -> None:
    if isinstance(one, Point):
        row = (one.logged_at, one.step, one.name, one.column_name, one.logged)
        printing.write_line(COLUMNS, row, sys.stdout)
    else:
        write(one, is_json=True, with_stream=True)


def _clock(moment: datetime) -> str:
    return f"{moment.astimezone():%H:%M:%S.%f}"[:-3]
