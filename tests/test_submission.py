"""A submitted script runs in its own copy of the folder, watched by a process that outlives the one that submitted."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from runstream import Experiment, Run, ScriptRunConfig, Workspace
from runstream.submission import SCRIPT_RUN
from runstream_schemas.errors import NotYetFolded, RunNotFound, SubmissionFailed
from runstream_schemas.events import LogEvent
from tests.broker import Broker
from tests.pipeline import Pipeline
from tests.run_events import events
from tests.scripts import ROOT
from tests.submitted import EXPERIMENT, ended, folder, folder_of, submit, user_managed, wait
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


def test_a_run_ends_whatever_the_log(pipeline: Pipeline, tmp_path: Path) -> None:
    """Another handle cancels a run; a run that fails tells why; both over journals and over Kafka."""
    waiting = submit(folder(tmp_path / "waiting", "import time; time.sleep(1000)"))
    failing = submit(folder(tmp_path / "failing", "raise ValueError('no good')"))
    assert pipeline.is_kafka == (waiting._config.settings.brokers is not None)
    other = Run(EXPERIMENT, waiting.id)
    until(lambda: other.get_status() == "Running", what="the script's start")
    other.cancel()
    until(lambda: other.get_status() == "Canceled", what="the run's cancellation")
    until(lambda: failing.get_status() == "Failed", what="the run's failure")
    assert failing._reader().row().error_message == "no good"


def test_a_supervisor_waits_for_a_broker_that_is_away(
    own_broker: Broker, topic_prefix: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A script that ends while the broker is away is told as soon as it is back; no other process of its home helps."""
    monkeypatch.setenv("RUNSTREAM_BROKERS", own_broker.servers)
    monkeypatch.setenv("RUNSTREAM_EXIT_WAIT", "0")
    both = {"RUNSTREAM_BROKERS": own_broker.servers, "RUNSTREAM_TOPIC_PREFIX": topic_prefix}
    pipeline = Pipeline(tmp_path / "another-machine", both)
    pipeline.command("topics", "create")
    own_broker.stop()
    run = submit(folder(tmp_path / "code", "open('ran', 'w')"))
    wait(run)
    assert (folder_of(run).code / "ran").exists()
    own_broker.start()
    monkeypatch.setenv("RUNSTREAM_HOME", str(pipeline.home))
    pipeline.start()
    try:
        until(lambda: status_of(run) == "Completed", what="the run's end")
    finally:
        pipeline.stop()


def status_of(run: Run) -> str | None:
    """Return what the history says of a run; None while it does not know it."""
    try:
        return Run(run.experiment, run.id).get_status()
    except (RunNotFound, NotYetFolded):
        return None


def test_what_a_script_leaves_and_prints_is_kept(
    tmp_path: Path, home_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files of outputs/ and logs/ become the run's, growing logs, stdout and stderr its log lines."""
    monkeypatch.setenv("RUNSTREAM_CAPTURE", "all")
    script = """
        import sys
        open("outputs/model.pkl", "wb").write(b"model")
        with open("logs/train.log", "w") as log:
            print("epoch 1", file=log)
        print("to stdout")
        print("to stderr", file=sys.stderr)
    """
    run = submit(folder(tmp_path / "code", script))
    wait(run)
    lines = {event.stream: event.text for event in events(home_path, LogEvent)}
    assert lines == {"stdout": "to stdout\n", "stderr": "to stderr\n", "logs/train.log": "epoch 1\n"}
    assert run.get_file_names() == ["logs/train.log", "outputs/model.pkl"]
    run.download_file("outputs/model.pkl", tmp_path / "model.pkl")
    assert (tmp_path / "model.pkl").read_bytes() == b"model"


def test_collecting_can_be_switched_off(tmp_path: Path, home_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With output_collection off the files stay where they are; with snapshot_project off none is taken."""
    monkeypatch.setenv("RUNSTREAM_CAPTURE", "outputs,logs")
    configuration = user_managed()
    configuration.history.output_collection = configuration.history.snapshot_project = False
    run = submit(folder(tmp_path / "code", "open('outputs/m', 'w'); print('unheard')"), run_config=configuration)
    wait(run)
    assert events(home_path, LogEvent) == []
    assert (run.get_file_names(), "ContentSnapshotId" in run.get_properties()) == ([], False)
    assert (folder_of(run).code / "outputs" / "m").exists()


def test_a_run_tells_what_was_submitted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The definition, the command line and the snapshot are properties; no secret of arguments or environment is."""
    monkeypatch.setenv("RUNSTREAM_CAPTURE", "host")
    monkeypatch.setenv("RUNSTREAM_KEEP_CODE", "yes")
    configuration = user_managed()
    configuration.environment_variables = {"API_KEY": "canary-1"}
    run = submit(folder(tmp_path / "code"), "--alpha", 0.5, "--token", "canary-2", run_config=configuration)
    assert ended(run) == "Completed"
    properties = run.get_properties()
    definition = json.loads(properties["runstream.definition"])
    assert (definition["script"], definition["words"]) == ("train.py", ["--alpha", "0.5", "--token", "***"])
    assert (definition["environment_variables"], definition["requirements"]) == (["API_KEY"], None)
    assert properties["runstream.command_line"].endswith("train.py --alpha 0.5 --token '***'")
    assert properties["ContentSnapshotId"] == run.get_snapshot_id()
    kept = [
        path for path in folder_of(run).root.parent.parent.rglob("*") if path.is_file() and "code" not in path.parts
    ]
    assert [path for path in kept if b"canary" in path.read_bytes()] == []


@pytest.mark.parametrize(
    ("script", "code", "message"),
    [
        ("import sys; sys.exit(3)", "exit status 3", "train.py ended with exit status 3"),
        ("import sys; sys.exit('no data')", "exit status 1", "train.py ended with exit status 1: no data"),
        ("import os; os.kill(os.getpid(), 15)", "SIGTERM", "train.py was ended by SIGTERM"),
        ("import os; os.abort()", "SIGABRT", "train.py was ended by SIGABRT"),
        ("x = (", "exit status 1", "'(' was never closed"),
    ],
)
def test_a_bad_end_is_told(script: str, code: str, message: str, tmp_path: Path) -> None:
    """Exit status and signal are kept as the error's code, with a message that says what ended."""
    run = submit(folder(tmp_path / "code", script))
    assert ended(run) == "Failed"
    row = run._reader().row()
    assert (row.error_code, row.error_message) == (code, message)


def test_clean_ends_complete(tmp_path: Path) -> None:
    """sys.exit(0) and os._exit(0) complete the run; a script has no stdin, and one that prints a lot is not held up."""
    scripts = ["import sys; sys.exit(0)", "import os; os._exit(0)", "assert input is None or not open(0).read()"]
    scripts.append("import sys; [sys.stdout.write('x' * 1000 + '\\n') for _ in range(20000)]")
    runs = [submit(folder(tmp_path / str(number), script)) for number, script in enumerate(scripts)]
    assert [ended(run) for run in runs] == ["Completed"] * 4


def test_odd_scripts_are_run_and_told(tmp_path: Path) -> None:
    """A script may be called like an option; a traceback larger than an event is kept from its end."""
    source = folder(tmp_path / "code", "raise ValueError('é' * 60_000 + '!')")
    (source / "-c.py").write_text("import sys; sys.exit(len(sys.argv))")
    named, large = submit(source, script="-c.py"), submit(source)
    assert (ended(named), ended(large)) == ("Failed", "Failed")
    assert named._reader().row().error_code == "exit status 1"
    assert str(large._reader().row().error_message).endswith("é!")


def test_a_configuration_speaks_to_the_supervisor_too(
    tmp_path: Path, home_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A RUNSTREAM variable of the configuration counts for all of the run; its home stays where it was submitted."""
    monkeypatch.setenv("RUNSTREAM_CAPTURE", "all")
    configuration = user_managed()
    configuration.environment_variables = {"RUNSTREAM_CAPTURE": "none", "RUNSTREAM_HOME": str(tmp_path / "other")}
    run = submit(folder(tmp_path / "code", "print('unheard')"), run_config=configuration)
    wait(run)
    assert events(home_path, LogEvent) == []
    assert not (tmp_path / "other").exists()


def test_runs_at_once_do_not_meet(tmp_path: Path) -> None:
    """One folder submitted several times at once gives as many runs, each in a copy of its own."""
    script = """
        import sys
        from runstream import Run
        open("mine", "x").write(sys.argv[1])
        Run.get_context().log("n", int(sys.argv[1]))
    """
    source = folder(tmp_path / "code", script)
    runs = [submit(source, number) for number in range(3)]
    assert [ended(run) for run in runs] == ["Completed"] * 3
    assert [run.get_metrics()["n"] for run in runs] == [0, 1, 2]
    assert [(folder_of(run).code / "mine").read_text() for run in runs] == ["0", "1", "2"]
    assert not (source / "mine").exists()


@pytest.mark.parametrize(("name", "start"), [("실험", "run_"), ("a b/c", "a-b-c_"), ("x" * 250, "x" * 100 + "_")])
def test_any_experiment_can_be_submitted_to(name: str, start: str, tmp_path: Path) -> None:
    """The run's id is made of what an id may hold; the experiment keeps its name."""
    experiment = Experiment(Workspace("lab"), name)
    run = experiment.submit(ScriptRunConfig(folder(tmp_path / "code"), "train.py", run_config=user_managed()))
    assert run.id.startswith(start)
    assert ended(run) == "Completed"
    assert Run(experiment, run.id)._reader().row().experiment == name


def test_a_supervisor_that_does_not_start_is_an_error(tmp_path: Path, home_path: Path) -> None:
    """When nothing can be written to the journal, submit() raises with the supervisor's own last words."""
    home_path.mkdir()
    (home_path / "journal").symlink_to("/proc/self")
    with pytest.raises(SubmissionFailed, match=r"JournalUnavailable.*supervisor\.log"):
        submit(folder(tmp_path / "code"))


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
