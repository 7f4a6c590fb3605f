"""A run watched until it is over: its status asked again and again, its lines printed as they are written."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TextIO

from runstream import console, settling, status
from runstream_schemas.errors import HistoryBusy, HistoryUnreachable

if TYPE_CHECKING:
    from runstream.reading import History, LogPage, Reader, RunRow

FIRST_PAUSE_S: Final = 0.05
LONGEST_PAUSE_S: Final = 2.0
GROWTH: Final = 1.4

REST: Final = 4
"""A pause lasts at least so many times as long as the look before it took: a wait never keeps a core busy."""

OVER: Final = status.TERMINAL | {"NotResponding"}
"""Statuses after which there is nothing to wait for: a silent run may come back, but nobody knows when."""

ENDING: Final = frozenset((status.CANCEL_REQUESTED, "Finalizing"))


class Show:
    """Prints what is to be seen of a run while it is waited for."""

    def __init__(self, run_id: str, url: str) -> None:
        self._run_id = run_id
        self._url = url
        self._out = _out()
        self._stream: str | None = None
        self._told: set[str] = set()
        self._cursor: dict[str, int] = {}

    def begin(self) -> None:
        """Say which run it is."""
        self._print(f"RunId: {self._run_id}\nWeb View: {self._url}\n")

    def lines(self, history: History) -> bool:
        """Print what was written since the last call; tell whether there was anything."""
        found = False
        while True:
            page = history.log_lines(self._run_id, after=self._cursor)
            self._cursor = dict(page.cursor)
            self._page(page)
            found = found or bool(page.pieces)
            if page.is_last:
                return found

    def rest(self, history: History) -> None:
        """Print the lines that arrive after the run's end, and say so where some do not."""
        n_missing = settling.show_rest(history, self._run_id, lambda: self.lines(history))
        if n_missing:
            self._print(f"\n{n_missing:,} events that the run has written have not arrived yet")

    def end(self, row: RunRow) -> None:
        """Print the summary."""
        self._title("Execution Summary")
        self._print(f"RunId: {self._run_id}\nWeb View: {self._url}")
        if row.status != status.COMPLETED:
            told = ": ".join(filter(None, (row.error_type, row.error_message)))
            self._print(f"Status: {row.status}{f' ({told})' if told else ''}")
        self._print("")

    def _page(self, page: LogPage) -> None:
        for piece in page.pieces:
            if piece.stream != self._stream:
                self._stream = piece.stream
                if piece.stream in self._told:
                    self._print(f"-- {piece.stream} --")
                else:
                    self._told.add(piece.stream)
                    self._title(f"Streaming {piece.stream}")
            print(piece.text, end="", file=self._out, flush=True)

    def _title(self, text: str) -> None:
        self._print(f"\n{text}\n{'=' * len(text)}")

    def _print(self, text: str) -> None:
        print(text, file=self._out, flush=True)


def _out() -> TextIO | None:
    """Return where to print: not into what is kept as this process's own output, for these lines are kept already."""
    return sys.stdout.target if isinstance(sys.stdout, console.Tee) else sys.stdout


def to_end(reader: Reader, run_id: str, is_over: Callable[[str], bool], show: Show | None, patience_s: float) -> RunRow:
    """
    Return a run as it is when it is over.

    Args:
        reader: of the run.
        run_id: of the run.
        is_over: tells it of its status.
        show: prints its lines meanwhile.
        patience_s: how long the history may be out of reach; a consumer that is started anew is waited for.

    Raises:
        RunNotFound: nobody knows the run.
        HistoryUnreachable, HistoryBusy: the history was out of reach for longer than that.
    """
    pause_s, heard_s = FIRST_PAUSE_S, time.monotonic()
    with reader.history() as history:
        while True:
            began_s = time.monotonic()
            try:
                row = history.run(run_id)
                has_lines = show is not None and show.lines(history)
                if is_over(row.status):
                    if show is not None and row.status in status.TERMINAL:
                        show.rest(history)
                    return row
                heard_s = time.monotonic()
            except (HistoryUnreachable, HistoryBusy):
                if time.monotonic() - heard_s > patience_s:
                    raise
                has_lines = False
            pause_s = FIRST_PAUSE_S if has_lines else min(pause_s * GROWTH, LONGEST_PAUSE_S)
            time.sleep(max(pause_s, REST * (time.monotonic() - began_s)))
