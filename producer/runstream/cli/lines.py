"""Lines that a run has printed: those that were not read yet, and how they are shown."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from runstream.cli import printing

if TYPE_CHECKING:
    from runstream_consumer.history import History, LogPage

COLUMNS: Final = ("logged_at", "stream", "line", "text")

# Colours stay; what moves the cursor, renames the window or rings a bell is not for somebody else's terminal.
_COLOUR: Final = r"\x1b\[[0-9;]*m"
_CONTROL: Final = re.compile(rf"{_COLOUR}|[\x00-\x08\x0a-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Line:
    """One line; `number` counts those of its process in its stream, from 0."""

    logged_at: datetime
    stream: str
    number: int
    text: str


class LineFollower:
    """
    Reads the lines of one run that have not been read yet.

    Args:
        run_id: of the run.
        stream: only this one; None = all.
    """

    def __init__(self, run_id: str, stream: str | None = None) -> None:
        self._run_id = run_id
        self._stream = stream
        self._cursor: dict[str, int] = {}

    def last(self, past: History, n: int) -> list[Line]:
        """Return the last *n* lines, oldest first; those before them count as read."""
        page = past.log_lines(self._run_id, self._stream, self._cursor, limit=max(n, 1), newest=True)
        self._cursor = dict(page.cursor)
        return list(_lines(page))[-n:] if n else []

    def new(self, past: History) -> Iterator[Line]:
        """Yield the lines that came since the last call, in the order of their clocks."""
        while True:
            page = past.log_lines(self._run_id, self._stream, self._cursor)
            self._cursor = dict(page.cursor)
            yield from _lines(page)
            if page.is_last:
                return


def _lines(page: LogPage) -> Iterator[Line]:
    for piece in page.pieces:
        for place, text in enumerate(piece.text.removesuffix("\n").split("\n")):
            yield Line(piece.logged_at, piece.stream, piece.first_line + place, text)


def write(line: Line, *, is_json: bool, with_stream: bool) -> None:
    """Print one line as a log has it, behind its stream's name if asked; or as one JSON object."""
    if is_json:
        printing.write_line(COLUMNS, (line.logged_at, line.stream, line.number, line.text), sys.stdout)
    else:
        print(f"{line.stream} | {shown(line.text)}" if with_stream else shown(line.text))


def shown(text: str) -> str:
    """Return a line as it may be printed: for a terminal, without what would act on it; else as it is."""
    return _CONTROL.sub(_colour_or_blank, text) if sys.stdout.isatty() else text


def _colour_or_blank(match: re.Match[str]) -> str:
    return match[0] if len(match[0]) > 1 else " "
