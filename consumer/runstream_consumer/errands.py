"""Statements that can be ended: run by the consumer on a connection of its own, each under its reader's ticket.

Quack neither cancels a statement nor ends it when its reader has gone. So a reader that wants to be able to stop hands
the statement in (`errand_run`): the consumer checks it as any other, keeps at most so many rows of its answer as a
table beside the file, in memory, and interrupts it when its time is over or when the reader says so from a second
connection (`errand_cancel`). The reader then fetches the table and has it dropped (`errand_forget`).
"""

from __future__ import annotations

import json
import re
import threading
import time
from dataclasses import dataclass, field

import duckdb

from runstream_consumer.permission import is_permitted

MAX_RUNNING = 8
MAX_ANSWERS = 16
ANSWER_KEPT_S = 600.0
"""An answer that its reader did not fetch or drop in this time goes when the next one comes."""

_TICKET = re.compile(r"[0-9a-f]{32}")


@dataclass(slots=True)
class _Errand:
    cursor: duckdb.DuckDBPyConnection
    ended: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def end(self, why: str) -> None:
        """Interrupt it; the first reason counts."""
        with self.lock:
            self.ended = self.ended or why
        self.cursor.interrupt()


def answer_table(ticket: str) -> str:
    """Return the table that holds the answer under this ticket, as SQL names it."""
    return f'consumer.main."answer_{ticket}"'


class Errands:
    """The statements that run now, and the answers that wait."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Run statements on cursors of *connection*, the history's."""
        self._connection = connection.cursor()
        self._lock = threading.Lock()
        self._running: dict[str, _Errand] = {}
        self._answers: dict[str, float] = {}

    def install(self) -> None:
        """Make the three functions known to every reader of this database."""
        text, number, seconds = "VARCHAR", "BIGINT", "DOUBLE"
        create = self._connection.create_function
        create("errand_run", self.run, [text, text, number, seconds], text, side_effects=True)
        create("errand_cancel", self.cancel, [text], text, side_effects=True)
        create("errand_forget", self.forget, [text], text, side_effects=True)

    def run(self, ticket: str, statement: str, rows: int, seconds: float) -> str:
        """
        Run a statement to its end.

        Args:
            ticket: 32 hexadecimal digits, made by the reader.
            statement: one SELECT.
            rows: how many rows of its answer are kept.
            seconds: how long it may run; 0: as long as it takes.

        Returns:
            JSON: {} when the answer waits, else one of `failed` (DuckDB's words), `refused` or `ended` (why).
        """
        errand = _Errand(self._connection.cursor())
        with self._lock:
            if not _TICKET.fullmatch(ticket) or ticket in self._running or ticket in self._answers:
                return json.dumps({"failed": "this ticket is no ticket, or was used before"})
            if len(self._running) >= MAX_RUNNING:
                return json.dumps({"failed": f"{MAX_RUNNING} statements run already; try again when one has ended"})
            self._running[ticket] = errand
        timer = threading.Timer(seconds, errand.end, ["time"])
        timer.daemon = True
        if seconds > 0:
            timer.start()
        try:
            return json.dumps(self._answer(errand, ticket, statement, rows))
        finally:
            timer.cancel()
            with self._lock:
                del self._running[ticket]
            errand.cursor.close()

    def _answer(self, errand: _Errand, ticket: str, statement: str, rows: int) -> dict[str, object]:
        self._tidy()
        try:
            if not is_permitted(errand.cursor, statement):
                return {"refused": True}
            inner = statement.rstrip().rstrip(";")
            if not errand.ended:
                errand.cursor.execute(f"CREATE TABLE {answer_table(ticket)} AS FROM (\n{inner}\n) LIMIT {int(rows)}")
        except duckdb.Error as error:
            return {"ended": errand.ended} if errand.ended else {"failed": str(error)}
        if errand.ended:
            return {"ended": errand.ended}
        with self._lock:
            self._answers[ticket] = time.monotonic()
        return {}

    def cancel(self, ticket: str) -> str:
        """End the statement that runs under this ticket; returns "yes" if one did."""
        with self._lock:
            errand = self._running.get(ticket)
        if errand is None:
            return "no"
        errand.end("reader")
        return "yes"

    def forget(self, ticket: str) -> str:
        """Drop the answer under this ticket; returns "yes" if there was one."""
        with self._lock:
            known = self._answers.pop(ticket, None) is not None
        if known:
            self._drop(ticket)
        return "yes" if known else "no"

    def _tidy(self) -> None:
        """Drop answers that nobody has fetched."""
        now = time.monotonic()
        with self._lock:
            oldest = sorted(self._answers, key=lambda ticket: self._answers[ticket])
            gone = [ticket for ticket in oldest if now - self._answers[ticket] > ANSWER_KEPT_S]
            gone += [ticket for ticket in oldest[: max(0, len(oldest) - MAX_ANSWERS + 1)] if ticket not in gone]
            for ticket in gone:
                del self._answers[ticket]
        for ticket in gone:
            self._drop(ticket)

    def _drop(self, ticket: str) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(f"DROP TABLE IF EXISTS {answer_table(ticket)}")
