"""`runs`, `show`, `tail`, `sql`: the history in a terminal. Every read goes through runstream_consumer.history."""

from __future__ import annotations

import argparse
import sys
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from runstream.cli import printing
from runstream.cli.exits import OK
from runstream_schemas.errors import ConfigError, RunNotFound

if TYPE_CHECKING:
    from runstream_consumer.history import History


def history() -> AbstractContextManager[History]:
    """Open the history: the server's, or what this home's journals hold."""
    from runstream_consumer.history import connect

    return connect()


def runs(options: argparse.Namespace) -> int:
    """Print one line a run."""
    with history() as past:
        page = past.runs(
            options.filter,
            workspace=options.workspace,
            experiment=options.experiment,
            status=tuple(options.status),
            sort=options.sort,
            page_size=options.limit,
            metrics=tuple(options.metric),
        )
    form = "json" if options.json else options.format
    columns = ["run_id", "number", "experiment", "display_name", "status", "created_at", *options.metric]
    rows = [
        [
            *(getattr(row, column) for column in columns[:6]),
            *(stat.last_value if (stat := row.metrics.get(name)) else None for name in options.metric),
        ]
        for row in page.rows
    ]
    printing.write(columns, rows, form, sys.stdout)
    if form == "table" and page.total > len(rows):
        print(f"{len(rows)} of {page.total} runs; --limit shows more", file=sys.stderr)
    return OK


def resolved(past: History, run: str) -> str:
    """
    Return the one run id that starts with *run*.

    Raises:
        RunNotFound: no run's id starts so.
        ConfigError: several do; the message lists some.
    """
    found = [
        str(row[0]) for row in past.sql("select run_id from run where starts_with(run_id, ?) limit 6", [run]).fetchall()
    ]
    if run in found or len(found) == 1:
        return run if run in found else found[0]
    if not found:
        raise RunNotFound(run, "this history")
    raise ConfigError("RUN", run, f"is the beginning of several ids: {', '.join(found)}")
