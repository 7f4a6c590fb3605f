"""Lines that runs printed, found by what they hold: the search runs where the lines are."""

import datetime as dt
from dataclasses import dataclass

from runstream_consumer.access import Access
from runstream_consumer.instants import utc
from runstream_consumer.literal import literal
from runstream_schemas.ids import run_key


@dataclass(frozen=True, slots=True)
class FoundLine:
    """
    One line that holds what was looked for. Times are in UTC.

    Attributes:
        number: of the line in what its producer wrote to the stream, from 0.
        text: the line without its end.
    """

    stream: str
    number: int
    text: str
    logged_at: dt.datetime
    producer_id: str


@dataclass(frozen=True, slots=True)
class FoundLines:
    """
    The newest lines that were found, in the order in which they were written.

    Attributes:
        n: how many there are, with those that are not among `lines`.
    """

    lines: list[FoundLine]
    n: int


class LineSearch:
    """The question about lines by their text; a part of `History`."""

    _access: Access

    def find_lines(self, run_id: str, wanted: str, stream: str | None = None, limit: int = 1000) -> FoundLines:
        """
        Return the lines of a run that hold a text, whatever the case.

        Args:
            run_id: of the run; one that nobody knows has none.
            wanted: the text; an empty one is in every line.
            stream: only lines of this one; None = of all.
            limit: at most so many, the newest.
        """
        needle = f"lower({literal(wanted)})"
        only = "" if stream is None else f"AND stream = {literal(stream)}"
        # A piece that does not hold it is not cut into lines; its last line end ends no further line.
        statement = f"""
WITH piece AS (
    SELECT stream, first_line, string_split(rtrim(text, chr(10)), chr(10)) AS lines, epoch_us(logged_at) AS at_us,
           producer_id, sequence
    FROM log WHERE run_key = {literal(run_key(run_id))} AND run_id = {literal(run_id)} {only}
        AND contains(lower(text), {needle})),
line AS (
    SELECT stream, first_line + generate_subscripts(lines, 1) - 1 AS number, unnest(lines) AS text, at_us, producer_id,
           sequence
    FROM piece),
found AS MATERIALIZED (FROM line WHERE contains(lower(text), {needle})),
shown AS (FROM found ORDER BY at_us DESC, producer_id DESC, sequence DESC, number DESC LIMIT {int(limit)})
SELECT (SELECT sum(1)::BIGINT FROM found),
       (SELECT list(s ORDER BY s.at_us, s.producer_id, s.sequence, s.number) FROM shown AS s)"""
        n, rows = self._access.run(statement, lambda cursor: cursor.fetchall())[0]
        lines = [
            FoundLine(row["stream"], row["number"], row["text"], utc(row["at_us"]), row["producer_id"])
            for row in rows or ()
        ]
        return FoundLines(lines, n or 0)
