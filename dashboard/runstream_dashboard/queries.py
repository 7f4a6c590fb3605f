"""Statements typed by a reader of the SQL page, and their results. No widgets."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd

from runstream_consumer.history import ColumnDoc, History, StatementFailed, TableDoc
from runstream_dashboard import formats

# A browser shows so many rows well; exports hold up to MAX_ROWS.
SHOWN_ROWS = 10_000
MAX_ROWS = 1_000_000


class RefusedError(Exception):
    """A statement that did not run: refused because it would write, or wrong; the message is for the reader."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a statement gave: all rows up to MAX_ROWS, and whether there were more."""

    whole: pd.DataFrame
    cut: bool

    @property
    def table(self) -> pd.DataFrame:
        """The first SHOWN_ROWS rows."""
        return self.whole.head(SHOWN_ROWS)

    def columns(self) -> dict[str, list[object]]:
        """Return the shown rows column by column, numbers as numbers and missing values as None."""
        shown = self.table.astype(object).where(self.table.notna(), None)
        return {str(name): shown[name].tolist() for name in shown.columns}


def run(reader: History, text: str) -> Result:
    """
    Run one reading statement.

    Raises:
        RefusedError: it is wrong, or it would write.
    """
    try:
        frame = reader.sql(text).limit(MAX_ROWS + 1).df()
    except StatementFailed as error:
        raise RefusedError(str(error)) from error
    return Result(frame.head(MAX_ROWS), len(frame) > MAX_ROWS)


def told(result: Result, seconds: float) -> str:
    """Return how much a statement gave and how long it took."""
    n = len(result.whole)
    parts = [f"{'more than ' if result.cut else ''}{formats.count(n)} row{'' if n == 1 else 's'}"]
    if n > SHOWN_ROWS:
        parts.append(f"the first {formats.count(SHOWN_ROWS)} shown")
    parts.append(f"{formats.number(seconds * 1000)} ms")
    return " · ".join(parts)


def _csv(result: Result) -> bytes:
    return result.whole.to_csv(index=False).encode()


def _parquet(result: Result) -> bytes:
    out = io.BytesIO()
    result.whole.to_parquet(out, index=False)
    return out.getvalue()


EXPORTS: tuple[tuple[str, str, Callable[[Result], bytes]], ...] = (
    ("CSV", "text/csv", _csv),
    ("Parquet", "application/vnd.apache.parquet", _parquet),
)


def columns_like(table: TableDoc, find: str) -> Sequence[ColumnDoc]:
    """Return the columns to show of a table: all if its name holds `find`, else those whose name or comment does."""
    word = find.lower().strip()
    if word in table.name.lower():
        return table.columns
    return [column for column in table.columns if word in f"{column.name} {column.comment}".lower()]
