"""How a statement reaches the tables: through a running consumer, or into the file while nobody else has it.

Both take the same text and hand back the same answers. A served history costs one round trip a statement; a file is
folded up to date, opened, read and closed within every call, because an open reader would block every writer.
"""

import itertools
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import cache
from pathlib import Path
from typing import Protocol, TypeVar

import duckdb

from runstream_consumer import permission
from runstream_consumer.config import Config
from runstream_consumer.interruption import interruptible
from runstream_consumer.literal import identifier, literal
from runstream_consumer.serve import load_extensions, read_server
from runstream_schemas.errors import HistoryBusy, HistoryUnreachable, StatementFailed, StoreLocked

T = TypeVar("T")
Take = Callable[[duckdb.DuckDBPyConnection], T]
"""Takes the answer out of a cursor on which the statement has just run."""

LOCK_WAIT_S = 30.0
REFUSED = "Authorization failed"
"""What DuckDB says of a statement that the server's check refuses."""
_LOOK_EVERY_S = 0.2
_numbers = itertools.count(1)
_OUTER_LINE = re.compile(r"\n+LINE \d+: (?:CREATE TEMP TABLE|FROM) .*", re.DOTALL)
_LINE = re.compile(r"(?P<head>LINE (?P<number>\d+): )(?P<text>.*)(?:\n(?P<mark> +\^))?")
_ERROR_CLASS = re.compile(r"^(?:Invalid Input Error: )+")
_GONE = ("Could not connect", "Failed to send message", "Invalid connection id", "Connection refused")


class Access(Protocol):
    """A way to the tables of one history."""

    @property
    def where(self) -> str:
        """The address or file, for messages."""
        ...

    @property
    def is_served(self) -> bool:
        """Whether a consumer answers, which also tells of itself."""
        ...

    def run(self, statement: str, take: Take[T]) -> T:
        """
        Run one reading statement and return what *take* makes of the answer.

        Raises:
            StatementFailed: the statement is wrong or refused.
            HistoryUnreachable: nobody answers (any more).
            HistoryBusy: another process held the file for too long.
        """
        ...

    def relation(self, statement: str) -> duckdb.DuckDBPyRelation:
        """Run one reading statement and return its whole answer as a relation in this process. Raises as `run`."""
        ...

    def at_once(self) -> AbstractContextManager[None]:
        """Have what this thread asks inside the block cost no more than it must: see History.at_once."""
        ...

    def close(self) -> None:
        """Give back what this access holds."""
        ...


class Moments:
    """How several questions are asked of one moment; a part of `History`."""

    _access: Access

    def at_once(self) -> AbstractContextManager[None]:
        """
        Have everything that this thread asks inside the block answered from one state where no consumer runs.

        The journals are then folded once, not for each question, and nobody else folds meanwhile: keep it short.
        """
        return self._access.at_once()


class Served:
    """A history that a consumer serves over Quack."""

    is_served = True

    def __init__(self, address: str, token: str) -> None:
        """
        Attach the server at *address* (host:port).

        Raises:
            HistoryUnreachable: nobody answers there, or the token is not accepted.
        """
        self.where = address
        self._catalog = identifier(f"history_{next(_numbers)}")
        self._connection = _instance(os.getpid()).cursor()
        local = address.rpartition(":")[0] in ("127.0.0.1", "localhost", "[::1]")
        options = f"TYPE quack, TOKEN {literal(token)}{'' if local else ', DISABLE_SSL true'}"
        try:
            self._connection.execute(f"ATTACH {literal(f'quack:{address}')} AS {self._catalog} ({options})")
        except duckdb.Error as error:
            raise HistoryUnreachable(address, _cause(error)) from error

    def run(self, statement: str, take: Take[T]) -> T:
        """See Access."""
        cursor = self._connection.cursor()
        try:
            cursor.execute(f"FROM {self._catalog}.query({literal(statement)})")
            return take(cursor)
        except duckdb.Error as error:
            raise self._told(error, statement) from error
        finally:
            cursor.close()

    def relation(self, statement: str) -> duckdb.DuckDBPyRelation:
        """See Access."""
        # The cursor lives as long as the relation, and the temporary table as long as the cursor: longer than this
        # access, so it is not a cursor of its connection.
        cursor, result = _instance(os.getpid()).cursor(), _result()
        create = f"CREATE TEMP TABLE {result} AS FROM {self._catalog}.query({literal(statement)})"
        try:
            interruptible(lambda: cursor.execute(create))
        except duckdb.Error as error:
            raise self._told(error, statement) from error
        return cursor.table(f"temp.{result}")

    def at_once(self) -> AbstractContextManager[None]:
        """See Access: a consumer folds by itself."""
        return nullcontext()

    def close(self) -> None:
        """Detach."""
        try:
            self._connection.execute(f"DETACH {self._catalog}")
        except duckdb.Error:
            return  # the server is gone, and with it what there was to give back
        finally:
            self._connection.close()

    def _told(self, error: duckdb.Error, statement: str) -> Exception:
        text = str(error)
        if any(mark in text for mark in _GONE):
            return HistoryUnreachable(self.where, _cause(error))
        return failed(error, statement)


class Filed:
    """A history whose file nobody serves: each call folds what the journals hold, then reads."""

    is_served = False

    def __init__(self, config: Config, wait_s: float = LOCK_WAIT_S) -> None:
        self.where = str(config.home.history_path)
        self._config = config
        self._wait_s = wait_s
        self._lock = threading.Lock()
        self._own = threading.local()

    def run(self, statement: str, take: Take[T]) -> T:
        """See Access."""

        def answer(cursor: duckdb.DuckDBPyConnection) -> T:
            cursor.execute(statement)
            return take(cursor)

        return self._reading(statement, answer)

    def relation(
        self,
        statement: str,
        limit: int | None = None,
        watch: Callable[[duckdb.DuckDBPyConnection | None], None] = lambda _cursor: None,
    ) -> duckdb.DuckDBPyRelation:
        """
        See Access; *limit*: at most so many rows; *watch* gets the cursor, to interrupt it, and None when it may not.

        The statement may be a reader's: it passes the same check as a served one. `run` takes our own only.
        """
        most = "" if limit is None else f" LIMIT {int(limit)}"
        result = _result()

        def answer(cursor: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
            try:
                watch(cursor)
                if not permission.is_permitted(cursor, statement):
                    raise duckdb.Error(REFUSED)
                cursor.execute(f"CREATE TEMP TABLE {result} AS FROM (\n{statement.rstrip().rstrip(';')}\n){most}")
            except duckdb.Error as error:
                raise type(error)(first_line_is(str(error), 2)) from error
            finally:
                # What follows closes the file: interrupted, it would keep it from everybody.
                watch(None)
            return cursor.table(f"temp.{result}")

        return self._reading(statement, answer)

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """See Access: folds now, and keeps the file until the end of the block."""
        with self._opened() as cursor:
            self._own.cursor = cursor
            try:
                yield
            finally:
                self._own.cursor = None

    def close(self) -> None:
        """Do nothing: nothing is held between two calls."""

    def _reading(self, statement: str, answer: Take[T]) -> T:
        held: duckdb.DuckDBPyConnection | None = getattr(self._own, "cursor", None)
        with nullcontext(held) if held is not None else self._opened() as cursor:
            try:
                return answer(cursor)
            except duckdb.Error as error:
                raise failed(error, statement) from error

    @contextmanager
    def _opened(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Fold what the journals hold, then open the file for reading; both are over with the block."""
        with self._folded():
            cursor = _instance(os.getpid()).cursor()
            catalog = identifier(f"history_{next(_numbers)}")
            try:
                cursor.execute(f"ATTACH {literal(self.where)} AS {catalog} (READ_ONLY)")
            except duckdb.Error as error:
                raise StoreLocked(self.where, _cause(error)) from error
            try:
                cursor.execute(f"USE {catalog}")
                yield cursor
            finally:
                cursor.execute("USE memory")
                cursor.execute(f"DETACH {catalog}")

    @contextmanager
    def _folded(self) -> Iterator[None]:
        from runstream_consumer.loop import caught_up

        deadline = time.monotonic() + self._wait_s
        with ExitStack() as kept:
            while True:
                try:
                    with ExitStack() as tried:
                        tried.enter_context(self._lock)
                        tried.enter_context(caught_up(self._config, _LOOK_EVERY_S))
                        kept.enter_context(tried.pop_all())
                    break
                except HistoryBusy:
                    # A consumer keeps the file for its whole life: as soon as it answers, it is the one to ask.
                    if read_server(self._config.home) is not None:
                        raise HistoryUnreachable(self.where, "a consumer has started and serves it now") from None
                    if time.monotonic() >= deadline:
                        raise
            yield


def access(config: Config, server: str | None, token_file: str | os.PathLike[str] | None) -> Access:
    """
    Return the way to the history of a home: the server if one is given or a consumer runs, else its file.

    Args:
        config: of the home.
        server: host:port of a consumer; None: the one that runs in the home.
        token_file: file with its token; None: as the config says, else the home's.

    Raises:
        HistoryUnreachable: the server does not answer, or events go to Kafka and no server is known.
    """
    token_path = Path(token_file or config.settings.token_file or config.home.token_path)
    if server is not None:
        return Served(server, _token(token_path, server))
    info = read_server(config.home)
    if info is not None:
        address = f"{info.host}:{info.port}"
        try:
            return Served(address, _token(Path(info.token_file), address))
        except HistoryUnreachable as error:
            unreachable = error  # a stale file: its process number belongs to somebody else now
    else:
        unreachable = HistoryUnreachable(str(config.home.root), "no consumer of this home runs")
    if config.settings.brokers is not None:
        raise unreachable
    return Filed(config)


def _token(path: Path, address: str) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise HistoryUnreachable(address, f"its token cannot be read from {path}") from error


def _result() -> str:
    """A name for one answer: several may be kept by one cursor."""
    return f"result_{next(_numbers)}"


@cache
def _instance(_pid: int) -> duckdb.DuckDBPyConnection:
    """The in-memory database of this process through which histories are read; a forked child makes its own."""
    connection = duckdb.connect(":memory:")
    # Else a statement of two seconds draws one on standard output, in the middle of an answer in JSON too.
    connection.execute("SET enable_progress_bar = false")
    load_extensions(connection)
    # Where nobody serves, each history is attached under another name, and a statement need not name it.
    permission.install(connection, "history")
    return connection


def _cause(error: duckdb.Error) -> str:
    return str(error).splitlines()[0].removeprefix("IO Error: ").removeprefix("Invalid Input Error: ")


def first_line_is(text: str, line: int) -> str:
    """
    Number the lines in DuckDB's words as the reader typed them, the mark under the same letter.

    Args:
        text: what DuckDB said about a longer statement.
        line: where the reader's first line stands in that one, from 1.
    """

    def own(match: re.Match[str]) -> str:
        was, now = match["head"], f"LINE {int(match['number']) - line + 1}: "
        mark = match["mark"]
        return f"{now}{match['text']}" + ("" if mark is None else "\n" + mark[len(was) - len(now) :])

    return _LINE.sub(own, text)


def failed(error: duckdb.Error, statement: str) -> StatementFailed:
    """Turn what DuckDB says about the statement that was sent into what concerns the reader's own."""
    text = _ERROR_CLASS.sub("", _OUTER_LINE.sub("", str(error)))
    if REFUSED in text:
        text = _no_reading(statement) or (
            "refused: the history is read-only, and the statement uses a function or table that readers may not use, "
            "or is too long"
        )
    elif isinstance(error, duckdb.ParserException):
        # The statement was sent inside another one: look at what it is by itself.
        text = _no_reading(statement) or text
    return StatementFailed(statement, text)


def _no_reading(statement: str) -> str | None:
    """Say why this is not one reading statement; None if it is one."""
    try:
        parsed = _instance(os.getpid()).cursor().extract_statements(statement)
    except duckdb.Error as error:
        return str(error)
    if len(parsed) != 1:
        return f"refused: send one statement at a time, not {len(parsed)}"
    if parsed[0].type != duckdb.StatementType.SELECT:
        kind = parsed[0].type.name.replace("_", " ")
        return f"refused: the history is read-only, and this is a {kind} statement"
    return None
