"""A submitted script runs in its own copy of the folder, watched by a process that outlives the one that submitted."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runstream import Experiment, Run, Workspace
from runstream.submission import SCRIPT_RUN
from tests.broker import new_prefix
from tests.pipeline import Pipeline
from tests.scripts import ROOT
from tests.submitted import EXPERIMENT, ended, folder, folder_of, submit
from tests.waiting import until

LOGGING = """
    import sys
    from runstream import Run
    run = Run.get_context()
    for step in range(100):
        run.log("loss", 1 / (step + 1), step=step)
    run.log_list("arguments", sys.argv[1:])
    run.tag("by", "script")
    print("printed", flush=True)
"""


@pytest.fixture(params=["journals", pytest.param("kafka", marks=pytest.mark.kafka)])
def pipeline(request: pytest.FixtureRequest, home_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pipeline]:
    """Give this test's home with a running consumer, embedded and over the real broker."""
    both: dict[str, str] = {}
    if request.param == "kafka":
        both = {
            "RUNSTREAM_BROKERS": request.getfixturevalue("broker").servers,
            "RUNSTREAM_TOPIC_PREFIX": new_prefix(),
        }
    for name, value in both.items():
        monkeypatch.setenv(name, value)
    pipeline = Pipeline(home_path, both)
    if pipeline.is_kafka:
        pipeline.command("topics", "create")
    pipeline.start()
    yield pipeline
    pipeline.stop()


def test_a_script_is_run_and_read_back(pipeline: Pipeline, tmp_path: Path) -> None:
    """What a submitted script logged is read by the one that submitted it: Preparing first, Completed at the end."""
    run = submit(folder(tmp_path / "code", LOGGING), "--alpha", 0.5, tags={"kind": "test"})
    assert re.fullmatch(r"submitted_\d{10}_[0-9a-f]{8}", run.id)
    assert (run.type, run.status) == (SCRIPT_RUN, "Preparing")
    assert run.get_status() in {"Preparing", "Running", "Completed"}
    until(lambda: run.get_status() == "Completed", what="the run's end")
    metrics = run.get_metrics()
    assert metrics["loss"] == [1 / (step + 1) for step in range(100)]
    assert metrics["arguments"] == ["--alpha", "0.5"]
    assert run.get_tags() == {"kind": "test", "by": "script"}


def test_an_exception_fails_the_run(tmp_path: Path) -> None:
    """A script that raises fails its run, with the exception's type, message and traceback."""
    run = submit(folder(tmp_path / "code", "def fit():\n    raise ValueError('no good')\nfit()\n"))
    assert ended(run) == "Failed"
    row = run._reader().row()
    assert (row.error_type, row.error_message, row.error_code) == ("ValueError", "no good", "exit status 1")
    assert "in fit\n" in str(row.error_traceback)


def test_the_run_outlives_the_process_that_submitted(tmp_path: Path, home_path: Path) -> None:
    """A process that submits and is gone leaves a run that goes on; another one attaches to it and reads it."""
    gate = tmp_path / "gate"
    source = folder(
        tmp_path / "code",
        f"""
        import os, time
        from runstream import Run
        while not os.path.exists({str(gate)!r}):
            time.sleep(0.01)
        Run.get_context().log("m", 1)
        """,
    )
    code = f"from tests.submitted import submit; from pathlib import Path; print(submit(Path({str(source)!r})).id)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    run = Run(Experiment(Workspace("lab"), EXPERIMENT.name), done.stdout.strip())
    until(lambda: run.get_status() == "Running", what="the script's start")
    gate.touch()
    assert ended(run) == "Completed"
    assert (run.get_metrics(), run.type) == ({"m": 1}, SCRIPT_RUN)
    assert folder_of(run).root.parent == home_path / "runs"
