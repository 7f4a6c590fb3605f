"""What runs printed: the streams of a run, and their lines, whole or as they come.

Lines lie in pieces, one a log event. Those of one producer come in the order of their numbers, so that how far
somebody has read is one number a producer: lines of a process that is heard of late are new whatever their time.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from runstream_consumer.access import Access
from runstream_consumer.instants import utc
from runstream_consumer.literal import literal
from runstream_schemas.ids import run_key

Cursor = Mapping[str, int]
"""producer id -> number of its last log event that was read."""

MAX_PIECES = 1000
"""Pieces of one page: at 16,000 characters at most a piece, something that fits into memory."""


@dataclass(frozen=True, slots=True)
class LogStream:
    """
    One stream of a run: stdout, stderr, or a file that grows in its logs folder. Times are in UTC.

    Attributes:
        n_pieces, n_lines: how much of it there is, over all its producers.
        first_at, last_at: when its first and its last piece were written.
    """

    name: str
    n_pieces: int
    n_lines: int
    first_at: dt.datetime
    last_at: dt.datetime


@dataclass(frozen=True, slots=True)
class LogPiece:
    """
    Lines of one stream that were written together.

    Attributes:
        first_line: number of the first one in what its producer wrote to the stream, from 0.
        text: whole lines, each with its end.
        sequence: number of the event among the log events of its producer.
    """

    stream: str
    first_line: int
    text: str
    logged_at: dt.datetime
    producer_id: str
    sequence: int


@dataclass(frozen=True, slots=True)
class LogPage:
    """
    Pieces in the order in which they were written, by the clocks of their machines.

    Attributes:
        cursor: how far was read; given back, the next page begins there.
        is_last: whether there was nothing more.
    """

    pieces: list[LogPiece]
    cursor: Cursor
    is_last: bool

    @property
    def text(self) -> str:
        """The lines of all pieces."""
        return "".join(piece.text for piece in self.pieces)


class LogReads:
    """The questions about what was printed; a part of `History`."""

    _access: Access

    def log_streams(self, run_id: str) -> list[LogStream]:
        """Return the streams of a run, the one that was written to first first; none of a run that nobody knows."""
        statement = f"""
SELECT stream, sum(1)::BIGINT, sum(length(text) - length(replace(text, chr(10), '')))::BIGINT,
       epoch_us(min(logged_at)), epoch_us(max(logged_at))
FROM log WHERE {_own(run_id)} GROUP BY stream ORDER BY min(logged_at), stream"""
        rows = self._access.run(statement, lambda cursor: cursor.fetchall())
        return [LogStream(name, n, n_lines, utc(first), utc(last)) for name, n, n_lines, first, last in rows]

    def log_lines(
        self,
        run_id: str,
        stream: str | None = None,
        after: Cursor | None = None,
        limit: int = MAX_PIECES,
        *,
        newest: bool = False,
    ) -> LogPage:
        """
        Return lines of a run.

        Args:
            run_id: of the run; one that nobody knows has none.
            stream: only those of this one; None = of all, as they were written.
            after: the cursor of the page before, asked for with the same *stream*; None = from the beginning.
            limit: at most so many pieces.
            newest: the last ones instead of the first ones; those before them count as read.
        """
        wanted = [_own(run_id), *_unread(after or {})]
        if stream is not None:
            wanted.append(f"stream = {literal(stream)}")
        order = "DESC" if newest else "ASC"
        # A producer's times rise with its numbers: any beginning of this order holds a beginning of each producer's.
        statement = f"""
WITH fresh AS NOT MATERIALIZED (
    SELECT stream, first_line, text, epoch_us(logged_at) AS at_us, producer_id, sequence
    FROM log WHERE {" AND ".join(wanted)}),
page AS (FROM fresh ORDER BY at_us {order}, producer_id {order}, sequence {order} LIMIT {int(limit) + (not newest)})
SELECT (SELECT list(p ORDER BY p.at_us, p.producer_id, p.sequence) FROM page AS p),
       {_MARKS if newest else "NULL"}"""
        found, read = self._access.run(statement, lambda cursor: cursor.fetchall())[0]
        pieces = [
            LogPiece(p["stream"], p["first_line"], p["text"], utc(p["at_us"]), p["producer_id"], p["sequence"])
            for p in found or ()
        ]
        if newest:
            return LogPage(pieces, {**(after or {}), **{mark["p"]: mark["s"] for mark in read or ()}}, is_last=True)
        shown = pieces[:limit]
        # Of each producer the last piece comes last.
        read_now = {piece.producer_id: piece.sequence for piece in shown}
        return LogPage(shown, {**(after or {}), **read_now}, is_last=len(shown) == len(pieces))


_MARKS = """(SELECT list({'p': producer_id, 's': last})
        FROM (SELECT producer_id, max(sequence) AS last FROM fresh GROUP BY 1))"""


def _own(run_id: str) -> str:
    return f"run_key = {literal(run_key(run_id))} AND run_id = {literal(run_id)}"


def _unread(after: Cursor) -> list[str]:
    """Return the condition that keeps what was not read yet."""
    if not after:
        return []
    names = ", ".join(literal(producer_id) for producer_id in after)
    known = " OR ".join(
        f"(producer_id = {literal(producer_id)} AND sequence > {int(last)})" for producer_id, last in after.items()
    )
    return [f"(producer_id NOT IN ({names}) OR {known})"]
