"""The lines that the run page offers to copy: they reach the run, whatever it is called."""

from __future__ import annotations

import shlex

import pytest

from runstream import Experiment, Workspace
from runstream.cli import exits, main
from runstream_consumer import history
from runstream_dashboard import snippets


@pytest.mark.parametrize("workspace", ["default", 'it\'s a "lab" \\'])
def test_copied_lines_reach_the_run(workspace: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The command, the Python and the SQL of a run's page give its metric, quotes in its names or not."""
    with Experiment(Workspace(workspace), "o'clock").start_logging(run_id="five-1") as run:
        run.log("loss", 0.25)
    with history.connect() as past:
        row = past.run(run.id)
        points = past.sql(snippets.sql(row)).fetchall()

    seen: dict[str, object] = {}
    exec(snippets.python(row), seen)
    [show, _] = snippets.terminal(row).splitlines()

    assert seen["metrics"] == {"loss": 0.25}
    assert [point[:3] for point in points] == [("loss", 0, 0.25)]
    assert main(shlex.split(show)[1:]) == exits.OK
    assert "0.25" in capsys.readouterr().out
