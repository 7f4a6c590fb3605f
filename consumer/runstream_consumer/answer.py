"""The answer to a statement that somebody typed: counted, looked at, and written to files without becoming Python."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import duckdb

from runstream_consumer.literal import identifier

# A spreadsheet takes a cell that begins so for a formula.
_FORMULA = "'=', '+', '-', '@', chr(9), chr(13)"
_TEXT = ("VARCHAR", "JSON", "UUID")


class Answer:
    """At most `most` rows, held once, as DuckDB holds a table: columns that may spill to disk."""

    def __init__(self, relation: duckdb.DuckDBPyRelation, most: int) -> None:
        """Take a relation of this process, with one row more than `most` if there are more."""
        self._whole = relation
        self._most = most
        self.relation = relation.limit(most)

    @cached_property
    def is_cut(self) -> bool:
        """Whether the statement gave more rows than are kept."""
        return self._n_read > self._most

    @cached_property
    def n(self) -> int:
        """How many rows are kept."""
        return min(self._n_read, self._most)

    @cached_property
    def _n_read(self) -> int:
        return int(self._whole.aggregate("count(*)").fetchall()[0][0])

    def head(self, rows: int) -> duckdb.DuckDBPyRelation:
        """Return the first rows."""
        return self.relation.limit(rows)

    def write_csv(self, path: Path) -> None:
        """
        Write all rows as CSV with a header.

        Texts that begin with = + - @, a tab or a return get an apostrophe before them, so that no spreadsheet takes
        them for a formula. Numbers stay as they are.
        """
        self.relation.project(", ".join(map(_cell, self.relation.columns, self.relation.types))).write_csv(
            str(path), header=True
        )

    def write_parquet(self, path: Path) -> None:
        """Write all rows as Parquet, types and texts as they are."""
        self.relation.write_parquet(str(path))


def _cell(name: str, kind: object) -> str:
    quoted = identifier(name)
    if str(kind) not in _TEXT and not str(kind).startswith("ENUM"):
        return quoted
    text = f"{quoted}::VARCHAR"
    return f"CASE WHEN left({text}, 1) IN ({_FORMULA}) THEN '''' || {text} ELSE {text} END AS {quoted}"
