"""Lines to copy that reach a run from elsewhere: a terminal, Python, SQL. Pure."""

from __future__ import annotations

import json
import shlex

from runstream_consumer.history import RunRow


def terminal(row: RunRow) -> str:
    """Return the commands that show a run, and that follow it."""
    quoted = shlex.quote(row.run_id)
    return f"runstream show {quoted}\nrunstream tail {quoted}"


def python(row: RunRow) -> str:
    """Return the lines that open a run and read its metrics."""
    workspace = "" if row.workspace == "default" else _text(row.workspace)
    return (
        "from runstream import Experiment, Run, Workspace\n\n"
        f"experiment = Experiment(Workspace({workspace}), {_text(row.experiment)})\n"
        f"run = Run(experiment, {_text(row.run_id)})\n"
        "metrics = run.get_metrics()"
    )


def sql(row: RunRow) -> str:
    """Return a statement on every point of a run."""
    quoted = row.run_id.replace("'", "''")
    return f"select name, step, value, logged_at\nfrom metric\nwhere run_id = '{quoted}'\norder by logged_at"


def _text(value: str) -> str:
    """Write a string as Python reads it, in double quotes."""
    return json.dumps(value, ensure_ascii=False)
