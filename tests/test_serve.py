"""The history server: found by server.json, entered with the token, read-only, stopped and started again."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest

from runstream_consumer import opening, serve
from runstream_consumer.access import Served
from runstream_consumer.history import connect
from runstream_consumer.source import Lag
from runstream_consumer.store import Store
from runstream_schemas.errors import ConfigError, HistoryUnreachable, StatementFailed
from runstream_schemas.home import Home
from runstream_schemas.topic_facts import Shortfall
from tests.waiting import until


@pytest.fixture
def store(home: Home) -> Iterator[Store]:
    """The home's history, open for writing."""
    opened = Store.open(home.history_path, "journal", "journal:test")
    yield opened
    opened.close()


@pytest.fixture
def server(store: Store, home: Home) -> Iterator[serve.Server]:
    """A server of that history."""
    running = serve.serve(store.connection, home)
    yield running
    running.close()


def token(home: Home) -> str:
    """The home's token."""
    return home.token_path.read_text().strip()


def ask(access: Served, statement: str) -> list[tuple[object, ...]]:
    """All rows of an answer."""
    return access.run(statement, lambda cursor: cursor.fetchall())


def test_server_json_says_where_and_only_its_owner_may_read_it(server: serve.Server, home: Home) -> None:
    """Process, port and token file stand in server.json; it and the token are 0600, and the token is long."""
    told = json.loads(home.server_json.read_text())

    assert (told["pid"], told["host"], told["port"]) == (os.getpid(), "127.0.0.1", server.port)
    assert Path(told["token_file"]) == home.token_path
    assert {stat.S_IMODE(path.stat().st_mode) for path in (home.server_json, home.token_path)} == {0o600}
    assert len(token(home)) == 64


def test_it_listens_on_loopback_only(server: serve.Server) -> None:
    """The port that was found free answers on 127.0.0.1."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        assert connection.getpeername() == ("127.0.0.1", server.port)


def test_without_the_token_nobody_enters(server: serve.Server) -> None:
    """A wrong token is refused with the address and the reason."""
    with pytest.raises(HistoryUnreachable, match="Authentication"):
        Served(server.address, "x" * 64)


def test_readers_read_and_cannot_write(server: serve.Server, home: Home) -> None:
    """A SELECT answers; a write is refused in words, through `query` and through the attached tables alike."""
    access = Served(server.address, token(home))

    assert ask(access, "SELECT value FROM meta WHERE key = 'tables_version'") == [(str(opening.TABLES_VERSION),)]
    with pytest.raises(StatementFailed, match="read-only, and this is a INSERT"):
        ask(access, "INSERT INTO meta VALUES ('a', 'b')")
    with pytest.raises(StatementFailed, match="one statement at a time"):
        ask(access, "SELECT 1; SELECT 2")
    with pytest.raises(StatementFailed, match="function or table"):
        ask(access, "SELECT current_setting('threads')")
    with pytest.raises(StatementFailed, match="syntax error"):
        ask(access, "SELEC 1")
    with pytest.raises(duckdb.Error):
        access._connection.execute(f"INSERT INTO {access._catalog}.meta VALUES ('a', 'b')")
    access.close()


def test_the_configuration_is_locked_and_files_are_out_of_reach(server: serve.Server, store: Store) -> None:
    """Not even the consumer's own connection can read a file or open the door again; writing goes on."""
    assert server.port
    with pytest.raises(duckdb.Error, match="locked"):
        store.connection.execute("SET GLOBAL enable_external_access = true")
    with pytest.raises(duckdb.Error, match="disabled"):
        store.connection.execute("FROM read_text('/etc/hostname')")
    store.connection.execute("INSERT INTO meta VALUES ('later', 'yes')")
    store.connection.execute("CHECKPOINT")

    assert store.connection.execute("SELECT value FROM meta WHERE key = 'later'").fetchone() == ("yes",)


def test_a_reader_sees_commits_as_they_come(server: serve.Server, store: Store, home: Home) -> None:
    """The server answers out of the consumer's own process: a commit is seen by the next statement."""
    access = Served(server.address, token(home))
    before = ask(access, "SELECT count(value) FROM meta WHERE key = 'new'")
    store.connection.execute("INSERT INTO meta VALUES ('new', 'x')")

    assert (before, ask(access, "SELECT count(value) FROM meta WHERE key = 'new'")) == ([(0,)], [(1,)])


def test_a_history_outlives_a_restart_of_the_server(server: serve.Server, home: Home) -> None:
    """Sessions die with the server; the history opens a new one by itself."""
    with connect(home.root) as past:
        before = past.watermark()
        server.stop()
        server.start()

        assert past.watermark() == before


def test_a_server_that_stopped_is_told(server: serve.Server, home: Home) -> None:
    """When nobody answers any more at a given address, reading says so and names it."""
    address = server.address
    with connect(home.root, server=address) as past:
        server.close()
        with pytest.raises(HistoryUnreachable, match=address):
            past.watermark()
    assert not home.server_json.exists()


def test_a_stale_server_json_is_noticed(home: Home) -> None:
    """A file whose process is gone, or that is no JSON of ours, counts as none."""
    info = serve.ServerInfo(os.getpid(), "127.0.0.1", 1, str(home.token_path), 0.0)
    serve.write_server(home, info)
    alive = serve.read_server(home)
    gone = os.fork()
    if gone == 0:
        os._exit(0)
    os.waitpid(gone, 0)
    serve.write_server(home, replace(info, pid=gone))
    dead = serve.read_server(home)
    home.server_json.write_text("[1]")

    assert (alive, dead, serve.read_server(home)) == (info, None, None)


def test_a_token_stays_until_it_is_rotated(home: Home) -> None:
    """One token a home: made once, kept, replaced only when asked."""
    first = serve.read_or_make_token(home)

    assert serve.read_or_make_token(home) == first
    assert serve.read_or_make_token(home, rotate=True) != first


def test_a_taken_port_is_an_error_that_names_it(store: Store, home: Home) -> None:
    """A port that was asked for and is taken is not silently replaced by another."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(ConfigError, match=str(port)):
            serve.serve(store.connection, home, port=port)


def test_the_pulse_tells_how_far_behind_the_fold_is(server: serve.Server, home: Home) -> None:
    """What the consumer tells about its lag and its journals is part of every reader's watermark and pipeline facts."""
    soon = Shortfall("t", "t keeps events for 7 days", 1_790_000_000.0)
    server.tell([Lag("p", 3, 10, 4.5), Lag("q", 1, 2, 0.5)], {"short": 7}, [soon])
    with connect(home.root) as past:
        mark, facts = past.watermark(), past.pipeline()

    assert (mark.state, mark.behind_s, mark.behind_events) == ("behind", 4.5, 8)
    assert facts.lag[-1][1] == 4.5
    assert facts.consumer["process"] == os.getpid()
    assert facts.shrunk == {"short": 7}
    assert facts.shortfalls == [soon]
    assert facts.database_bytes == home.history_path.stat().st_size


def test_a_runaway_statement_is_noticed(server: serve.Server, home: Home) -> None:
    """A reader's statement that runs beyond its budget is named, however long its reader is gone."""
    access = Served(server.address, token(home))
    statement = "SELECT count(x) FROM range(400000000) AS t(x) WHERE x % 7 = 3"

    def run() -> None:
        ask(access, statement)

    reader = threading.Thread(target=run)
    reader.start()
    found = until(lambda: server.runaway(0.05), what="the runaway statement")
    reader.join()

    assert found is not None
    assert found.statement == statement
    assert until(lambda: server.runaway(0.0) is None, what="its end")


def test_a_runaway_is_told_again_after_as_long_again(server: serve.Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A statement that nobody can end fills no log: one line for each time that it has outrun its budget."""
    rows = [("c", "t", "SELECT 1")]
    monkeypatch.setattr(
        server, "_connection", SimpleNamespace(execute=lambda _: SimpleNamespace(fetchall=lambda: rows))
    )
    told = []
    for now in range(0, 200, 10):
        monkeypatch.setattr("time.monotonic", lambda now=now: float(now))
        found = server.runaway(60)
        if found is not None:
            told.append(found.running_s)

    assert told == [70, 140]


def ctrl_c(server: serve.Server) -> threading.Thread:
    """Start a thread that presses Ctrl-C once a reader's statement runs."""

    def is_running() -> bool:
        found = server.runaway(0.0)
        return found is not None and "range(" in found.statement

    def press() -> None:
        until(is_running, what="the statement")
        # To the main thread, as a terminal's Ctrl-C comes.
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    keyboard = threading.Thread(target=press)
    keyboard.start()
    return keyboard


def test_ctrl_c_ends_the_wait_for_a_served_statement(server: serve.Server, home: Home) -> None:
    """DuckDB would wait for the server's answer first; the statement itself goes on there until it ends."""
    with connect(home.root) as past:
        keyboard = ctrl_c(server)
        with pytest.raises(KeyboardInterrupt):
            past.sql("SELECT count(x) FROM range(500000000) AS t(x) WHERE x % 7 = 3")
        assert server.runaway(0.0) is not None
    keyboard.join()
    assert until(lambda: server.runaway(0.0) is None, what="its end")


def test_ctrl_c_in_a_read_is_a_keyboard_interrupt(server: serve.Server, home: Home) -> None:
    """DuckDB would raise a RuntimeError: `except KeyboardInterrupt` missed it, and a run counted as failed."""
    slow = "SELECT count(x) FROM range(500000000) AS t(x) WHERE x % 7 = 3"
    with connect(home.root) as past:
        keyboard = ctrl_c(server)
        with pytest.raises(KeyboardInterrupt):
            past._access.run(slow, lambda cursor: cursor.fetchall())
    keyboard.join()
    assert until(lambda: server.runaway(0.0) is None, what="its end")


def test_ctrl_c_cancels_a_typed_statement(server: serve.Server, home: Home) -> None:
    """A statement that would take hours is ended in the server too."""
    with connect(home.root) as past:
        keyboard = ctrl_c(server)
        with pytest.raises(KeyboardInterrupt):
            past.question("SELECT count(x) FROM range(90000000000) AS t(x) WHERE x % 7 = 3").answer()
    keyboard.join()
    assert until(lambda: server.runaway(0.0) is None, what="its end")
