"""Folders with scripts, submitted for tests, and their ends awaited."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import Any

from runstream import Experiment, Run, RunConfiguration, ScriptRunConfig, Workspace
from runstream.run_folder import RunFolder
from tests.waiting import until

EXPERIMENT = Experiment(Workspace("lab"), "submitted")


def folder(path: Path, script: str = "", **files: str) -> Path:
    """Write train.py and further files, named with "__" for the dot, into a new folder; return it."""
    path.mkdir(parents=True)
    (path / "train.py").write_text(dedent(script))
    for name, text in files.items():
        (path / name.replace("__", ".")).write_text(dedent(text))
    return path


def user_managed() -> RunConfiguration:
    """Return a configuration whose scripts run in the tests' own Python."""
    configuration = RunConfiguration()
    configuration.environment.python.user_managed_dependencies = True
    return configuration


def submit(source: Path, *arguments: Any, **fields: Any) -> Run:
    """Submit train.py of a folder, in the tests' own Python unless `run_config` says otherwise."""
    fields = {"run_config": user_managed(), "script": "train.py", **fields}
    tags = fields.pop("tags", None)
    return EXPERIMENT.submit(ScriptRunConfig(source, arguments=list(arguments), **fields), tags)


def folder_of(run: Run) -> RunFolder:
    """Return the folder of a submitted run."""
    return RunFolder.of(run._config.home, run.id)


def supervisor_of(run: Run) -> int:
    """Return the number of the supervisor's process."""
    pid = run._reader().row().pid
    assert pid
    return pid


def wait(run: Run) -> None:
    """Wait until the run's supervisor has told its end."""
    until(lambda: not folder_of(run).control.exists(), what=f"the end of {run.id}")


def ended(run: Run) -> str:
    """Wait until the run's supervisor has told its end; return the run's status."""
    wait(run)
    return run.get_status()
