"""`runs`, `show`, `tail`, `sql`: the history in a terminal. Every read goes through runstream_consumer.history."""

from __future__ import annotations

import argparse
import difflib
import os
import sys
from contextlib import AbstractContextManager, suppress
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runstream import config
from runstream.cli import printing
from runstream.cli.exits import FAILED, OK
from runstream.reading import dashboard, portal_url
from runstream_schemas import settings
from runstream_schemas.errors import ConfigError, HistoryUnreachable, RunNotFound, RunstreamError
from runstream_schemas.home import Home

if TYPE_CHECKING:
    from runstream_consumer.history import History, Question

MAX_ROWS = 1_000_000
"""Rows that are printed at most."""

RUN_COLUMNS = ("run_id", "number", "experiment", "display_name", "status")
"""Those of the list of runs that are printed as they are."""

STATUSES = ("Running", "Completed", "Failed", "Canceled", "NotResponding")

CONNECT = """\
-- DuckDB {version} and no other: its remote protocol does not talk to other versions.
INSTALL httpfs; LOAD httpfs; INSTALL quack; LOAD quack;
ATTACH 'quack:{address}' AS runstream (TYPE quack, TOKEN '{token}');
-- The text runs where the history is, and only its answer travels:
FROM runstream.query('from run order by created_at desc limit 10');"""


def history() -> AbstractContextManager[History]:
    """
    Open the history: the server's, or what this home's journals hold.

    Raises:
        ConfigError: the home was named, and is not there: reading would make it, and show nothing for ever.
    """
    from runstream_consumer.history import connect

    parsed, named = settings.parse(os.environ), os.environ.get("RUNSTREAM_HOME")
    if named and not parsed.server and not parsed.brokers and not parsed.home.exists():
        raise ConfigError("RUNSTREAM_HOME", named, "is not there: nothing has been logged to it yet")
    return connect()


def runs(options: argparse.Namespace) -> int:
    """Print one line a run."""
    with history() as past:
        _check_sort(past, options.sort)
        statuses = [_status(past, status) for status in options.status]
        page = past.runs(
            options.filter,
            workspace=options.workspace,
            experiment=options.experiment,
            status=tuple(statuses),
            sort=options.sort,
            page_size=options.limit,
            metrics=tuple(options.metric),
        )
    is_table = options.format == "table"
    if is_table and not page.total:
        _tell_why_none(options)
        return OK
    rows = [
        [
            *(getattr(row, column) for column in RUN_COLUMNS),
            printing.local(row.created_at) if is_table else row.created_at,
            round(row.duration_s, 1 if row.duration_s >= 1 else 3) if is_table else row.duration_s,
            *(stat.last_value if (stat := row.metrics.get(name)) else None for name in options.metric),
        ]
        for row in page.rows
    ]
    printing.write([*RUN_COLUMNS, "created_at", "duration_s", *options.metric], rows, options.format, sys.stdout)
    if is_table and page.total > len(rows):
        print(f"{len(rows)} of {page.total} runs; --limit shows more", file=sys.stderr)
    return OK


def _tell_why_none(options: argparse.Namespace) -> None:
    """Say on standard error why a list is empty: a wrong home looks like one in which nothing was logged."""
    parsed = settings.parse(os.environ)
    where = parsed.server or parsed.home
    is_narrowed = options.filter or options.workspace or options.experiment or options.status
    told = f"no run of {where} matches" if is_narrowed else f"{where} has no runs yet"
    print(f"runstream: {told}", file=sys.stderr)


def _check_sort(past: History, sort: str) -> None:
    """
    Refuse to sort by what no run has: the order would silently be another.

    Raises:
        ConfigError: *sort* is no column, metric or property; the message names the nearest.
    """
    from runstream_consumer.filters import RUN_COLUMNS, sort_name

    name = sort_name(sort)
    if name is None:
        return
    rows = past.sql("select name from series where column_name is null union select key from property").fetchall()
    known = [str(row[0]) for row in rows]
    if name not in known:
        near = difflib.get_close_matches(name, [*RUN_COLUMNS, *known], 3)
        hint = f"did you mean {' or '.join(near)}?" if near else f"columns are {', '.join(RUN_COLUMNS)}"
        raise ConfigError("--sort", sort, f"is no column, and no run has such a metric or property; {hint}")


def _status(past: History, status: str) -> str:
    """
    Return a status as it is written, whatever its case.

    Raises:
        ConfigError: there is no such status, and no run has it.
    """
    rows = past.sql("select distinct status from run").fetchall()
    known = {name.lower(): name for name in (*STATUSES, *(str(row[0]) for row in rows))}
    if status.lower() not in known:
        near = difflib.get_close_matches(status.lower(), known, 1)
        hint = f"did you mean {known[near[0]]}?" if near else f"take one of {', '.join(known.values())}"
        raise ConfigError("--status", status, f"is no status of a run; {hint}")
    return known[status.lower()]


def resolved(past: History, run: str) -> str:
    """
    Return the one run id that starts with *run*, else that of the one run which is called so.

    Raises:
        RunNotFound: no run's id starts so, and none has this name.
        ConfigError: several do, or have it; the message lists some.
    """
    rows = past.sql("select run_id from run where starts_with(run_id, ?) order by run_id limit 6", [run]).fetchall()
    found, what = [str(row[0]) for row in rows], "the beginning of several ids"
    if run in found:
        return run
    if not found:
        called = past.sql("select run_id from run where display_name = ? order by created_at desc limit 6", [run])
        found, what = [str(row[0]) for row in called.fetchall()], "the name of several runs, the newest first"
    if len(found) > 1:
        raise ConfigError("RUN", run, f"is {what}: {', '.join(found)}")
    if not found:
        raise RunNotFound(run, "this history")
    return found[0]


def page_address(run_id: str) -> str | None:
    """Return the address of a run's page; None where no dashboard of this home runs."""
    setup = config.read()
    return portal_url(setup, run_id) if not setup.settings.server and dashboard(setup.home) else None


def sql(options: argparse.Namespace) -> int:
    """Print or write what one statement gives."""
    if options.connect:
        print(connect_lines())
        return OK
    if not options.statement:
        raise ConfigError("STATEMENT", "", 'is missing; try `runstream sql "from run"`, or - to read standard input')
    statement = sys.stdin.read() if options.statement == "-" else options.statement
    if options.timeout is not None:
        os.environ["RUNSTREAM_SQL_TIMEOUT"] = str(options.timeout)
    with history() as past:
        if options.output is None:
            return _print_answer(past.question(statement, MAX_ROWS), options.format)
        n_rows = _write(past.sql(statement), options.output)
    print(f"{n_rows:,} row{'' if n_rows == 1 else 's'} in {options.output}", file=sys.stderr)
    return OK


def _write(relation: Any, path: Path) -> int:
    """
    Write DuckDB's rows into a file of the kind that its name ends with; return how many.

    Raises:
        ConfigError: the name's ending is none that is known.
    """
    if path.suffix == ".parquet":
        relation.write_parquet(str(path))
        return len(relation)
    if path.suffix in {".csv", ".json"}:
        rows = relation.fetchall()
        with path.open("w", encoding="utf-8") as out:
            printing.write(relation.columns, rows, path.suffix[1:], out)
        return len(rows)
    raise ConfigError("--output", str(path), "must end in .parquet, .csv or .json")


def _print_answer(question: Question, form: str) -> int:
    """Print what a statement gives; Ctrl-C ends it in the consumer too, and so does RUNSTREAM_SQL_TIMEOUT."""
    try:
        answer = question.answer()
    except (KeyboardInterrupt, RuntimeError):
        with suppress(RunstreamError):
            question.cancel()
        raise
    printing.write(answer.relation.columns, answer.relation.fetchall(), form, sys.stdout)
    if not answer.is_cut:
        return OK
    print(f"runstream: these are the first {MAX_ROWS:,} rows; --output FILE writes all", file=sys.stderr)
    return FAILED


def connect_lines() -> str:
    """
    Return what to type into another DuckDB, so that it reads this history.

    Raises:
        HistoryUnreachable: no consumer serves it.
        ConfigError: the token of RUNSTREAM_SERVER cannot be read.
    """
    from runstream_consumer.serve import read_server

    parsed = settings.parse(os.environ)
    found = read_server(Home(parsed.home))
    if parsed.server:
        address, token_file = parsed.server, parsed.token_file or Home(parsed.home).token_path
    elif found:
        address, token_file = f"{found.host}:{found.port}", Path(found.token_file)
    else:
        raise HistoryUnreachable(str(parsed.home), "no consumer runs in this home")
    try:
        token = token_file.read_text(encoding="ascii").strip()
    except OSError as error:
        raise ConfigError("RUNSTREAM_TOKEN_FILE", str(token_file), f"cannot be read ({error.strerror})") from error
    return CONNECT.format(version=metadata.version("duckdb"), address=address, token=token)
