"""Statements typed by a reader: bounded, canceled, ended in time, and told about in the reader's own lines."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from runstream_consumer.access import first_line_is
from runstream_consumer.errands import MAX_ANSWERS, MAX_RUNNING, Errands, answer_table
from runstream_consumer.history import History, Question, StatementFailed, connect
from runstream_schemas.home import Home
from tests.served import serving
from tests.waiting import until

# Ends in hours, and needs no memory.
ENDLESS = "SELECT count(*) FROM range(30000000000) t(i) WHERE i % 7 = 3"


@pytest.fixture(params=["served", "filed"])
def past(request: pytest.FixtureRequest, home: Home) -> Iterator[History]:
    """An empty history, once through a consumer's server and once through the file."""
    if request.param == "filed":
        with connect(home.root) as history:
            yield history
        return
    with serving(home) as (_, history):
        yield history


def test_an_answer_is_a_relation_of_at_most_so_many_rows(past: History) -> None:
    """It can be read again and again, in the statement's order."""
    answer = past.question("SELECT i FROM range(100) t(i) ORDER BY i DESC; ", rows=3).answer()

    relation = answer.relation
    assert (answer.n, answer.is_cut, answer.head(2).fetchall()) == (3, True, [(99,), (98,)])
    assert relation.fetchall() == [(99,), (98,), (97,)]
    assert relation.aggregate("sum(i)").fetchall() == [(294,)]


def test_errors_stand_in_the_readers_own_lines(past: History) -> None:
    """The line is counted as typed, and the mark is under the letter that is wrong."""
    with pytest.raises(StatementFailed) as caught:
        past.question("SELECT run_id,\n       nosuch\nFROM run").answer()

    line, mark = caught.value.reason.splitlines()[-2:]
    assert line == "LINE 2:        nosuch"
    assert line[mark.index("^") :] == "nosuch"


def test_writing_is_refused(past: History) -> None:
    """A statement that is no SELECT, or two of them, do not run."""
    for statement in ("DELETE FROM run", "SELECT 1; SELECT 2"):
        with pytest.raises(StatementFailed, match="refused"):
            past.question(statement).answer()


@pytest.mark.parametrize(
    "statement",
    [
        "FROM read_csv('{file}')",
        "SELECT * FROM '{file}'",
        "SELECT (SELECT content FROM read_text('{file}'))",
        "SELECT value FROM duckdb_settings() WHERE name = 'temp_directory'",
        "FROM guard.main.nothing",
    ],
)
def test_files_and_settings_are_out_of_reach(past: History, tmp_path: Path, statement: str) -> None:
    """With a consumer and without one the same words refuse what reads more than the history."""
    file = tmp_path / "secret.csv"
    file.write_text("a,b\n1,2\n")
    for ask in (past.sql, lambda text: past.question(text).answer()):
        with pytest.raises(StatementFailed) as caught:
            ask(statement.format(file=file))
        assert caught.value.reason.startswith("refused: the history is read-only, and the statement uses a function")


def test_names_of_this_program_are_no_tables(past: History) -> None:
    """DuckDB for Python would read a variable of the caller as a table."""
    frame = pd.DataFrame({"secret": [1]})
    with pytest.raises(StatementFailed, match="frame"):
        past.sql("FROM frame")
    assert len(frame) == 1


def test_a_statement_ends_when_its_time_is_over(past: History, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is ended, told with the setting's name, and the next one runs."""
    monkeypatch.setattr(past, "_sql_timeout_s", 0.3)
    with pytest.raises(StatementFailed, match="RUNSTREAM_SQL_TIMEOUT"):
        past.question(ENDLESS).answer()

    assert past.question("SELECT 1").answer().relation.fetchall() == [(1,)]


def test_a_statement_is_canceled(past: History) -> None:
    """Another thread ends it while it runs; other readers of the same history are not held up by a served one."""
    question = past.question(ENDLESS)
    told: list[str] = []

    def ask() -> None:
        with pytest.raises(StatementFailed) as caught:
            question.answer()
        told.append(caught.value.reason)

    asking = threading.Thread(target=ask)
    asking.start()

    def ended() -> bool:
        question.cancel()
        return not asking.is_alive()

    if "history.duckdb" not in past.where:
        assert past.sql("SELECT 7").fetchall() == [(7,)]
    until(ended, what="the statement's end")
    assert told[0].startswith("canceled")


def test_canceling_again_and_again_leaves_the_file_free(tmp_path: Path) -> None:
    """Whoever is impatient must not interrupt the closing of the file: the next statement could not open it."""
    with connect(Home(tmp_path).ensure().root) as past:
        for _ in range(8):
            question = past.question(ENDLESS)
            asking = threading.Thread(target=lambda question=question: refused(question))
            asking.start()

            def ended(question: Question = question, asking: threading.Thread = asking) -> bool:
                question.cancel()
                return not asking.is_alive()

            until(ended, every_s=0.0, what="the statement's end")
        assert past.sql("SELECT 7").fetchall() == [(7,)]


def refused(question: Question) -> None:
    """Ask what will be canceled."""
    with pytest.raises(StatementFailed, match="canceled"):
        question.answer()


def test_files_hold_the_whole_answer_and_no_formulas(past: History, tmp_path: Path) -> None:
    """CSV puts an apostrophe before texts that a spreadsheet would run, not before numbers; Parquet as is."""
    answer = past.question(
        """SELECT * FROM (VALUES ('=1+1', -5), ('plain', 1), ('-x', 2), ('', 3), (NULL, 4)) AS t("a text", n)"""
    ).answer()
    answer.write_csv(tmp_path / "a.csv")
    answer.write_parquet(tmp_path / "a.parquet")

    assert (tmp_path / "a.csv").read_text().splitlines() == ["a text,n", "'=1+1,-5", "plain,1", "'-x,2", '"",3', ",4"]
    assert not answer.is_cut
    with duckdb.connect() as reader:
        rows = reader.read_parquet(str(tmp_path / "a.parquet")).fetchall()
    assert rows == answer.relation.fetchall()


@pytest.fixture
def errands() -> Errands:
    """Errands of a database in memory where everything is permitted."""
    connection = duckdb.connect()
    connection.execute("ATTACH ':memory:' AS consumer; ATTACH ':memory:' AS guard")
    connection.execute("CREATE MACRO guard.main.permitted(session, statement) AS true")
    return Errands(connection)


def ticket(number: int) -> str:
    """Return a ticket."""
    return f"{number:032x}"


def test_answers_that_nobody_fetches_go(errands: Errands) -> None:
    """Only so many wait; one that was dropped, or never was, is told."""
    for number in range(MAX_ANSWERS + 2):
        assert errands.run(ticket(number), "SELECT 1", 10, 0.0) == "{}"

    assert [errands.forget(ticket(number)) for number in range(3)] == ["no", "no", "yes"]
    assert errands.cancel(ticket(5)) == "no"


def test_a_ticket_is_used_once_and_names_a_table_safely(errands: Errands) -> None:
    """What is no ticket reaches no SQL, and a ticket cannot be given twice."""
    assert errands.run(ticket(1), "SELECT 1", 10, 0.0) == "{}"
    assert "failed" in errands.run(ticket(1), "SELECT 1", 10, 0.0)
    assert "failed" in errands.run('x"; DROP TABLE run; --', "SELECT 1", 10, 0.0)
    assert answer_table(ticket(1)) == f'consumer.main."answer_{ticket(1)}"'


def test_only_so_many_run_at_once(errands: Errands) -> None:
    """One more is told to come again; the others are ended and say why."""
    told: dict[int, str] = {}

    def run(number: int) -> None:
        told[number] = errands.run(ticket(number), ENDLESS, 10, 0.0)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(MAX_RUNNING)]
    for thread in threads:
        thread.start()
    until(lambda: "run already" in errands.run(ticket(99), "SELECT 1", 10, 0.0) or errands.forget(ticket(99)) == "",
          what="as many as may run")  # fmt: skip

    def all_ended() -> bool:
        for number in range(MAX_RUNNING):
            errands.cancel(ticket(number))
        return not any(thread.is_alive() for thread in threads)

    until(all_ended, what="the end of all")
    assert set(told.values()) == {'{"ended": "reader"}'}


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [
        ("Parser Error: x\n\nLINE 2: SELEC 1\n        ^", 2, "Parser Error: x\n\nLINE 1: SELEC 1\n        ^"),
        ("LINE 11: a b\n           ^", 2, "LINE 10: a b\n           ^"),
        ("LINE 10: a b\n           ^", 2, "LINE 9: a b\n          ^"),
        ("no line at all", 2, "no line at all"),
    ],
)
def test_lines_are_numbered_as_typed(text: str, line: int, expected: str) -> None:
    """The mark moves with the number's width."""
    assert first_line_is(text, line) == expected
