"""Statements typed by a reader of the SQL page: run beside the page, canceled, and their results. No widgets."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from runstream_consumer.history import Answer, ColumnDoc, Question, StatementFailed, TableDoc
from runstream_dashboard import formats, live

# A browser shows so many rows well; exports hold the whole answer.
SHOWN_ROWS = 10_000
GONE = "The history went away while the statement ran; run it again."


@dataclass(frozen=True, slots=True)
class Result:
    """What a statement gave: all rows that are kept, the first SHOWN_ROWS of them as a table, and how long it took."""

    answer: Answer
    table: pd.DataFrame
    seconds: float

    def columns(self) -> dict[str, list[object]]:
        """Return the shown rows column by column, numbers as numbers and missing values as None."""
        shown = self.table.astype(object).where(self.table.notna(), None)
        return {str(name): shown[name].tolist() for name in shown.columns}


class Asked:
    """One statement on its way: a thread of its own runs it, so that the page can be used and can cancel it."""

    def __init__(self, question: Question) -> None:
        """Begin to run it."""
        self.result: Result | None = None
        self.problem = ""
        self.is_over = threading.Event()
        self.seconds = question.seconds
        self._question = question
        self._began = time.perf_counter()
        threading.Thread(target=self._run, name="statement", daemon=True).start()

    @property
    def running_s(self) -> float:
        """Seconds since it was begun."""
        return time.perf_counter() - self._began

    def cancel(self) -> None:
        """End it; `is_over` is set when it has ended."""
        try:
            self._question.cancel()
        except live.UNREACHABLE as error:
            self.problem = f"not canceled: {error}"

    def _run(self) -> None:
        try:
            answer = self._question.answer()
            self.result = Result(answer, answer.head(SHOWN_ROWS).df(), self.running_s)
        except StatementFailed as failure:
            self.problem = str(failure)
        except live.UNREACHABLE as error:
            self.problem = f"{GONE} {error}"
        finally:
            self.is_over.set()


def told(result: Result) -> str:
    """Return how much a statement gave and how long it took."""
    n = result.answer.n
    parts = [f"{'more than ' if result.answer.is_cut else ''}{formats.count(n)} row{'' if n == 1 else 's'}"]
    if n > SHOWN_ROWS:
        parts.append(f"the first {formats.count(SHOWN_ROWS)} shown")
    parts.append(f"{formats.number(result.seconds * 1000)} ms")
    return " · ".join(parts)


def columns_like(table: TableDoc, find: str) -> Sequence[ColumnDoc]:
    """Return the columns to show of a table: all if its name holds `find`, else those whose name or comment does."""
    word = find.lower().strip()
    if word in table.name.lower():
        return table.columns
    return [column for column in table.columns if word in f"{column.name} {column.comment}".lower()]
