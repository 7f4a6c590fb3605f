"""Run.get_context(): inside a submitted run it is that run, elsewhere a whole one of its own."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runstream import Experiment, Run, Workspace, context
from runstream_schemas.errors import InvalidName, RunEnvironmentMissing, RunNotFound
from tests.scripts import ROOT
from tests.submitted import ended, folder, submit


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Let each test be a process of its own, which belongs to no run, in a folder of its own."""
    monkeypatch.setattr(context, "_current", None)
    monkeypatch.chdir(tmp_path)
    yield
    if context._current is not None and context._current._status == "Running":
        Run.complete(context._current)


def inside(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return the context of a process that was started for a submitted run."""
    variables = {"RUNSTREAM_RUN_ID": "submitted-1", "RUNSTREAM_WORKSPACE": "lab", "RUNSTREAM_EXPERIMENT": "digits"}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return Run.get_context()


def test_a_script_and_its_workers_log_to_one_run(tmp_path: Path) -> None:
    """The script, a forked child, a spawned worker and a program that it starts all log to the submitted run."""
    script = """
        import multiprocessing, os, subprocess, sys
        from runstream import Run
        def work(run, n):
            run.log("spawned", n)
        if __name__ == "__main__":
            run = Run.get_context()
            assert run is Run.get_context()
            run.log("script", 1)
            child = os.fork()
            if not child:
                Run.get_context().log("forked", 1)
                os._exit(0)
            os.waitpid(child, 0)
            pool = multiprocessing.get_context("spawn").Process(target=work, args=(run, 1))
            pool.start()
            pool.join()
            code = "from runstream import Run; Run.get_context(allow_offline=False).log('started', 1)"
            subprocess.run([sys.executable, "-c", code], check=True)
    """
    run = submit(folder(tmp_path / "code", script))
    assert ended(run) == "Completed"
    assert run.get_metrics() == {"script": 1, "forked": 1, "spawned": 1, "started": 1}


def test_the_context_is_the_submitted_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has the id, workspace and experiment that the environment names, and is one object for the process."""
    run = inside(monkeypatch)
    assert (run.id, run.experiment) == ("submitted-1", Experiment(Workspace("lab"), "digits"))
    run.log("m", 1)
    assert (Run.get_context() is run, run.status, run.type) == (True, "Running", "azureml.scriptrun")


def test_a_script_does_not_end_its_run(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """complete(), fail(), cancel() and leaving a with-statement keep what was logged and change no status."""
    run = inside(monkeypatch)
    with run:
        run.log("m", 1)
    run.complete()
    run.fail("a reason")
    run.cancel()
    with pytest.raises(TypeError):
        run.fail(3)  # type: ignore[arg-type]
    assert (run.get_metrics(), run.get_status()) == ({"m": 1}, "Running")
    assert "cancel() inside of a submitted run does nothing" in caplog.text


def test_an_exception_leaves_the_with_statement(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is raised inside of `with Run.get_context()` goes on, to end the script."""
    with pytest.raises(ZeroDivisionError), inside(monkeypatch):
        _ = 1 / 0


def test_a_pickled_context_ends_nothing_either(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that is handed the run of a submitted script cannot end it by accident."""
    copy = pickle.loads(pickle.dumps(inside(monkeypatch)))
    copy.log("m", 1)
    copy.complete()
    assert copy.get_status() == "Running"


def test_outside_it_is_a_whole_run() -> None:
    """Without a submitted run everything works: metrics with steps, tags, properties, files, and reading back."""
    run = Run.get_context()
    run.log("loss", 0.5, step=3)
    run.tag("kind", "offline")
    run.add_properties({"seed": "0"})
    Path("notes.txt").write_text("text")
    run.upload_files(names=["notes.txt"], paths=["notes.txt"])
    run.complete()
    assert run.id.startswith("OfflineRun_")
    assert (run.get_status(), run.get_metrics(), run.get_tags()) == ("Completed", {"loss": 0.5}, {"kind": "offline"})
    assert (run.get_file_names(), run.get_properties()["seed"], run.number) == (["notes.txt"], "0", 1)


def test_outside_one_run_is_kept_until_it_ends() -> None:
    """Every call gives the same run; after its end the next call starts another one."""
    run = Run.get_context()
    assert Run.get_context() is run
    run.complete()
    assert Run.get_context().id != run.id


def test_the_experiment_is_named_by_the_script_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script's own run belongs to an experiment of its name, unless RUNSTREAM_EXPERIMENT gives one."""
    script = tmp_path / "fit_ridge.py"
    script.write_text("from runstream import Run\nprint(Run.get_context().experiment.name)\n")
    named = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert named.stdout == "fit_ridge\n"
    monkeypatch.setenv("RUNSTREAM_EXPERIMENT", "given")
    assert Run.get_context().experiment.name == "given"


def test_a_script_on_its_own_completes_by_ending(tmp_path: Path) -> None:
    """A script that was not submitted and never says complete() leaves a Completed run behind."""
    script = tmp_path / "fit.py"
    script.write_text("from runstream import Run\nrun = Run.get_context()\nrun.log('m', 1)\nprint(run.id)\n")
    done = subprocess.run([sys.executable, script], cwd=ROOT, capture_output=True, text=True, check=True)
    run = Run(Experiment(Workspace(), "fit"), done.stdout.strip())
    assert (run.get_status(), run.get_metrics()) == ("Completed", {"m": 1})


def test_a_run_can_be_insisted_on() -> None:
    """With allow_offline=False there must be a submitted run; the error says what to do, and none is started."""
    with pytest.raises(RunEnvironmentMissing, match="RUNSTREAM_RUN_ID is not set"):
        Run.get_context(allow_offline=False)
    with pytest.raises(RunEnvironmentMissing, match="RUNSTREAM_RUN_ID is not set"):
        Run.get_submitted_run()
    assert context._current is None


def test_the_older_name_gives_the_submitted_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scripts of the first years call get_submitted_run(): it is the context of a submitted script."""
    assert inside(monkeypatch) is Run.get_submitted_run()


def test_an_id_that_cannot_be_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable with nonsense in it raises where the run is asked for."""
    monkeypatch.setenv("RUNSTREAM_RUN_ID", "../x")
    with pytest.raises(InvalidName, match=r"\.\./x"):
        Run.get_context()


def test_a_run_that_nobody_submitted_is_not_invented(monkeypatch: pytest.MonkeyPatch) -> None:
    """Joining writes nothing by itself: a run id of nobody's stays unknown until something is logged."""
    run = inside(monkeypatch)
    assert os.environ["RUNSTREAM_RUN_ID"] == run.id
    with pytest.raises(RunNotFound):
        run.get_metrics()
