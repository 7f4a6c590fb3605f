"""Runs are found by id and by what they have, lazily and newest first; workspaces tell what is in them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runstream import Experiment, Run, Workspace
from runstream_schemas.errors import (
    HistoryUnreachable,
    InvalidName,
    RunNotFound,
    WorkspaceExists,
    WorkspaceNotFound,
)

LAB = Workspace("lab")
EXPERIMENT = Experiment(LAB, "ridge")


def ids(runs: Any) -> list[str]:
    """Ids of runs, in order."""
    return [run.id for run in runs]


def test_runs_of_an_experiment_come_newest_first() -> None:
    """get_runs() gives the experiment's runs, the newest first, without children unless they are asked for."""
    first, second = EXPERIMENT.start_logging(), EXPERIMENT.start_logging()
    child = first.child_run("c")
    Experiment(LAB, "other").start_logging()
    Experiment(Workspace("elsewhere"), "ridge").start_logging()
    assert ids(EXPERIMENT.get_runs()) == [second.id, first.id]
    assert ids(EXPERIMENT.get_runs(include_children=True)) == [child.id, second.id, first.id]


def test_runs_are_read_as_they_are_asked_for() -> None:
    """get_runs() is a generator: nothing is asked before its first run, and the history is closed with it."""
    run = EXPERIMENT.start_logging()
    found = EXPERIMENT.get_runs()
    assert isinstance(found, Iterator)
    later = EXPERIMENT.start_logging()
    assert next(found).id == later.id
    assert ids(found) == [run.id]
    assert next(EXPERIMENT.get_runs()).id == later.id


def test_nobody_is_asked_before_the_first_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the history cannot be reached, the first run raises, and not the call."""
    monkeypatch.setenv("RUNSTREAM_SERVER", "127.0.0.1:9")
    found = EXPERIMENT.get_runs()
    with pytest.raises(HistoryUnreachable):
        next(found)


def test_runs_are_chosen_by_what_they_have() -> None:
    """Tags and properties, by key or with their value, leave the runs that have all of them."""
    first = EXPERIMENT.start_logging(tags={"model": "ridge", "best": None})
    second = EXPERIMENT.start_logging(tags={"model": "lasso"})
    first.add_properties({"commit": "1"})
    assert ids(EXPERIMENT.get_runs(tags="model")) == [second.id, first.id]
    assert ids(EXPERIMENT.get_runs(tags={"model": "lasso"})) == [second.id]
    assert ids(EXPERIMENT.get_runs(tags={"model": "ridge", "best": None}, properties={"commit": "1"})) == [first.id]
    assert ids(EXPERIMENT.get_runs(tags=["best", "model"])) == [first.id]
    assert ids(EXPERIMENT.get_runs(properties="commit")) == [first.id]
    assert ids(EXPERIMENT.get_runs(type="azureml.scriptrun")) == []


def test_runs_are_listed_by_status() -> None:
    """Run.list() chooses by status too, whatever its case."""
    done, running = EXPERIMENT.start_logging(), EXPERIMENT.start_logging()
    done.complete()
    assert ids(Run.list(EXPERIMENT, status="Completed")) == [done.id]
    assert ids(Run.list(EXPERIMENT, status="running")) == [running.id]
    with pytest.raises(TypeError, match="takes Experiment first"):
        Run.list(LAB)  # type: ignore[arg-type]


def test_a_listed_run_knows_what_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run out of a list tells its names, type, number and status without asking again; its metrics it reads."""
    made = EXPERIMENT.start_logging(name="one", description="first")
    made.log("m", 1)
    made.complete()
    [run] = EXPERIMENT.get_runs()
    assert run.get_metrics() == {"m": 1}
    monkeypatch.setenv("RUNSTREAM_SERVER", "127.0.0.1:9")
    assert (run.display_name, run.description, run.type, run.number, run.status) == (
        "one",
        "first",
        None,
        1,
        "Completed",
    )
    assert repr(run) == f"Run(Experiment: ridge,\nId: {made.id},\nType: None,\nStatus: Completed)"
    assert run.parent is None


def test_a_run_is_found_by_its_id() -> None:
    """Run.get() and Workspace.get_run() give the run with its experiment; of another workspace there is none."""
    made = EXPERIMENT.start_logging()
    made.log("m", 1)
    for run in (Run.get(LAB, made.id), LAB.get_run(made.id)):
        assert (run.id, run.experiment, run.get_metrics()) == (made.id, EXPERIMENT, {"m": 1})
    with pytest.raises(RunNotFound, match="workspace 'elsewhere'"):
        Run.get(Workspace("elsewhere"), made.id)
    with pytest.raises(RunNotFound, match="nobody"):
        LAB.get_run("nobody")
    with pytest.raises(InvalidName):
        LAB.get_run("no id")


def test_a_workspace_tells_what_is_in_it(tmp_path: Path) -> None:
    """Experiments and models come by name; archived experiments do not, nor do other workspaces'."""
    run = EXPERIMENT.start_logging()
    Experiment(LAB, "old").start_logging()
    Experiment(LAB, "old").archive()
    Experiment(Workspace("elsewhere"), "other").start_logging()
    (tmp_path / "m.pkl").write_bytes(b"m")
    run.upload_file("outputs/m.pkl", tmp_path / "m.pkl")
    for _ in range(2):
        run.register_model("m", "outputs/m.pkl")
    assert LAB.experiments == {"ridge": EXPERIMENT}
    assert {name: model.version for name, model in LAB.models.items()} == {"m": 2}


def test_workspaces_are_found_by_name() -> None:
    """A workspace exists from the first thing on that is logged to it: get() wants one, create() none, list() all."""
    assert Workspace.list() == {}
    assert Workspace.create("lab", subscription_id="s").subscription_id == "s"
    EXPERIMENT.start_logging()
    Experiment(Workspace("other"), "tagged").tag("k")
    assert Workspace.list() == {"lab": [LAB], "other": [Workspace("other")]}
    assert Workspace.get("lab", resource_group="g").resource_group == "g"
    assert Workspace.create("lab", exist_ok=True) == LAB
    with pytest.raises(WorkspaceNotFound, match="'labb'; there are: lab, other"):
        Workspace.get("labb")
    with pytest.raises(WorkspaceExists, match="exist_ok=True"):
        Workspace.create("lab")


def test_a_run_is_renamed() -> None:
    """Name and description may be set again and the newest holds, for this object, others and lists; each alone."""
    run = EXPERIMENT.start_logging(name="one", description="first")
    run.display_name = "two"
    assert (run.name, run.description) == ("two", "first")
    again = Run(EXPERIMENT, run.id)
    assert (again.display_name, again.description) == ("two", "first")
    again.description = "second"
    [listed] = EXPERIMENT.get_runs()
    assert (listed.display_name, listed.description) == ("two", "second")
    listed.display_name = "three"
    assert (listed.name, listed.description, Run(EXPERIMENT, run.id).name) == ("three", "second", "three")
    with pytest.raises(InvalidName):
        run.display_name = ""


def test_an_archived_run_is_hidden_and_brought_back() -> None:
    """archive() hides a run from lists, not from those who know it; reactivate() brings it back."""
    run = EXPERIMENT.start_logging()
    run.archive()
    assert ids(EXPERIMENT.get_runs()) == []
    assert LAB.get_run(run.id).get_status() == "Running"
    run.reactivate()
    assert ids(EXPERIMENT.get_runs()) == [run.id]
