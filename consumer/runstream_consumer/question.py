"""A statement typed by a reader: it can be canceled, ends by itself after a while, and its answer is bounded."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Callable
from typing import Any

import duckdb

from runstream_consumer.access import REFUSED, Access, Filed, failed, first_line_is
from runstream_consumer.answer import Answer
from runstream_consumer.errands import answer_table
from runstream_consumer.interruption import interruptible
from runstream_consumer.literal import literal
from runstream_schemas.errors import StatementFailed

CANCELED = "canceled: the statement was ended, nothing of its answer is kept"


class Question:
    """
    One statement, asked once, on a connection of its own: it holds up nobody else's.

    `answer` blocks; `cancel` is called by another thread.
    """

    def __init__(self, open_access: Callable[[], Access], statement: str, rows: int, seconds: float) -> None:
        """Use `History.question` instead."""
        self.statement = statement
        self.seconds = seconds
        self._open_access = open_access
        self._rows = rows
        self._ticket = secrets.token_hex(16)
        self._ended = ""
        self._lock = threading.Lock()
        self._cursor: duckdb.DuckDBPyConnection | None = None

    def answer(self) -> Answer:
        """
        Run the statement and return its answer, held in this process.

        Raises:
            StatementFailed: it is wrong, refused, canceled, or took longer than its time.
            HistoryUnreachable, HistoryBusy: the history cannot be read.
        """
        access = self._open_access()
        try:
            relation = self._filed(access) if isinstance(access, Filed) else self._served(access)
            return Answer(relation, self._rows)
        finally:
            access.close()

    def cancel(self) -> None:
        """End the statement if it runs; may be called again until `answer` has returned."""
        if self._interrupted("reader"):
            return
        access = self._open_access()
        try:
            if not isinstance(access, Filed):
                access.run(f"SELECT errand_cancel({literal(self._ticket)})", _first)
        finally:
            access.close()

    def _served(self, access: Access) -> duckdb.DuckDBPyRelation:
        arguments = (
            f"{literal(self._ticket)}, {literal(self.statement)}, {self._rows + 1}, {literal(float(self.seconds))}"
        )
        try:
            told = json.loads(interruptible(lambda: access.run(f"SELECT errand_run({arguments})", _first)))
        except KeyboardInterrupt:
            self.cancel()
            raise
        if told.get("ended"):
            raise StatementFailed(self.statement, self._why(told["ended"]))
        if told.get("refused") or told.get("failed"):
            words = REFUSED if told.get("refused") else first_line_is(told["failed"], 2)
            raise failed(duckdb.Error(words), self.statement)
        try:
            return access.relation(f"FROM {answer_table(self._ticket)}")
        finally:
            access.run(f"SELECT errand_forget({literal(self._ticket)})", _first)

    def _filed(self, access: Filed) -> duckdb.DuckDBPyRelation:
        timer = threading.Timer(self.seconds, self._interrupted, ["time"])
        timer.daemon = True

        def watch(cursor: duckdb.DuckDBPyConnection | None) -> None:
            with self._lock:
                self._cursor = cursor
                ended = self._ended
            if cursor is not None and ended:
                raise StatementFailed(self.statement, self._why(ended))
            if cursor is not None and self.seconds > 0:
                timer.start()

        inner = self.statement.rstrip().rstrip(";")
        try:
            return access.relation(inner, limit=self._rows + 1, watch=watch)
        except StatementFailed as error:
            if self._ended:
                raise StatementFailed(self.statement, self._why(self._ended)) from error
            raise
        finally:
            timer.cancel()

    def _interrupted(self, why: str) -> bool:
        """Interrupt the statement if it runs in this process now; the first reason counts."""
        with self._lock:
            self._ended = self._ended or why
            if self._cursor is not None:
                self._cursor.interrupt()
            return self._cursor is not None

    def _why(self, ended: str) -> str:
        if ended == "reader":
            return CANCELED
        return (
            f"ended after {self.seconds:g} s, the most that a statement may take; "
            "narrow it down (WHERE run_id = ..., name = ...), or set RUNSTREAM_SQL_TIMEOUT to more seconds"
        )


def _first(cursor: duckdb.DuckDBPyConnection) -> Any:
    return cursor.fetchall()[0][0]
