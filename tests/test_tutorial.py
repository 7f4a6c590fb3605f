"""The tutorial's code runs as it is printed, and its commands exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from runstream import Experiment, Model, Workspace
from runstream.cli import parser
from tests import tutorial

DOCUMENTS = sorted((tutorial.ROOT / "producer" / "docs").glob("*.md"))


def test_the_tutorial_runs(tmp_path: Path, home_path: Path) -> None:
    """Its blocks, pasted one after another into one session, end without an error and leave what they say."""
    done = tutorial.run(tmp_path / "folder", {"RUNSTREAM_HOME": str(home_path)})
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-5000:]}"
    assert "the best alpha is 0.40, with an mse of 3295.71" in done.stdout
    assert "alpha is 0.95, and mse is 3369.12" in done.stdout
    assert "['outputs/model.pkl'] Completed" in done.stdout
    workspace = Workspace("tutorial")
    runs = list(Experiment(workspace, tutorial.EXPERIMENT).get_runs())
    assert [run.status for run in runs] == ["Completed"] * 3
    assert set(runs[0].get_metrics()) == {"fibonacci", "sigmoid", "cosine", "sine"}
    assert len(runs[1].get_file_names()) >= 20
    assert Model(workspace, "ridge").run_id == runs[1].id


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_commands_exist(document: Path) -> None:
    """Every `runstream ...` line of a document's shell blocks is a command line that parses."""
    blocks = re.findall(r"^```sh\n(.*?)^```", document.read_text(), re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.startswith("runstream ")]
    parsed = [parser.parse(shlex.split(line, comments=True)[1:]) for line in lines]
    assert len(parsed) > 1
