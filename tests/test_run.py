"""A run's life: how it starts, ends, goes on and shows itself."""

from __future__ import annotations

import copy
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest

from runstream import Experiment, Run, Workspace
from runstream_schemas.errors import InvalidName
from runstream_schemas.events import Created, MetricEvent, ProducerClosed, StatusChanged, TagEvent
from tests.run_events import changes, events, png, statuses


def test_a_started_run_is_created_and_running(experiment: Experiment, home_path: Path) -> None:
    """start_logging() writes who started what and where, then Running, then the tags, before it returns."""
    run = experiment.start_logging(name="first", description="a try", tags={"a": "1", "b": None})
    created = changes(home_path, Created)
    assert [(c.workspace, c.experiment, c.display_name, c.description) for c in created] == [
        ("lab", "ridge", "first", "a try")
    ]
    assert created[0].pid == os.getpid()
    assert created[0].host
    assert created[0].user
    assert statuses(home_path) == ["Running"]
    assert [(event.key, event.value) for event in events(home_path, TagEvent)] == [("a", "1"), ("b", None)]
    assert (run.status, run.display_name, run.name, run.description) == ("Running", "first", "first", "a try")


def test_names_and_ids_are_checked_before_anything_is_written(experiment: Experiment, home_path: Path) -> None:
    """A bad workspace, experiment, run id, display name or tag raises, and nothing was created."""
    with pytest.raises(InvalidName):
        Workspace("")
    with pytest.raises(InvalidName):
        Experiment(Workspace(), "a\nb")
    with pytest.raises(TypeError, match="Workspace"):
        Experiment("lab", "ridge")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="Experiment"):
        Run(Workspace(), "x")  # type: ignore[arg-type]
    for run_id in ("", "../x", "a b", "é", "x" * 129):
        with pytest.raises(InvalidName):
            experiment.start_logging(run_id=run_id)
    with pytest.raises(InvalidName):
        experiment.start_logging(tags={"": "x"})
    with pytest.raises(InvalidName):
        experiment.start_logging(display_name="a\0b")
    with pytest.raises(TypeError, match="same thing twice"):
        experiment.start_logging(name="a", display_name="b")
    assert not home_path.exists()


def test_opening_a_run_touches_nothing(experiment: Experiment, home_path: Path) -> None:
    """Run(experiment, id) creates and reads nothing; its first event makes it a producer of that run."""
    run = Run(experiment, "known-run")
    assert (run.id, run.experiment, repr(run).count("known-run")) == ("known-run", experiment, 1)
    assert not home_path.exists()
    run.tag("looked at")
    assert [event.run_id for event in events(home_path, TagEvent)] == ["known-run"]
    assert statuses(home_path) == []


@pytest.mark.parametrize(
    ("end", "status"),
    [(Run.complete, "Completed"), (Run.fail, "Failed"), (Run.cancel, "Canceled")],
)
def test_a_run_ends_and_goes_on_accepting(run: Run, home_path: Path, end: Callable[[Run], None], status: str) -> None:
    """An ended run has closed its producer with everything in the journal; later events come from a new one."""
    run.log("loss", 0.1)
    end(run)
    assert (run.status, statuses(home_path)) == (status, ["Running", status])
    assert [change.n_points for change in changes(home_path, ProducerClosed)] == [1]
    run.log("loss", 0.2)
    run.log_row("late", x=1)
    run.tag("after")
    run.log_image("plot", BytesIO(png()))
    end(run)
    assert sum(event.count for event in events(home_path, MetricEvent)) == 4
    assert len({event.producer_id for event in events(home_path, MetricEvent)}) == 2
    assert len(changes(home_path, Created)) == 2


def test_a_with_statement_completes(experiment: Experiment, home_path: Path) -> None:
    """Leaving a with-statement well, by sys.exit(0) too, completes the run; an end set inside stays."""
    with experiment.start_logging() as run:
        assert run.status == "Running"
    with pytest.raises(SystemExit), experiment.start_logging():
        sys.exit(0)
    with experiment.start_logging() as run:
        run.cancel()
    assert statuses(home_path) == ["Running", "Completed", "Running", "Completed", "Running", "Canceled"]


def test_an_exception_fails_the_run_and_flies_on(experiment: Experiment, home_path: Path) -> None:
    """An exception in a with-statement is kept with type, message and traceback, and raised again."""
    with pytest.raises(ZeroDivisionError), experiment.start_logging():
        _ = 1 / 0
    with pytest.raises(SystemExit), experiment.start_logging():
        sys.exit("no data")
    first, second = (change for change in changes(home_path, StatusChanged) if change.status == "Failed")
    assert (first.error_type, first.error_message, first.error_code) == (
        "ZeroDivisionError",
        "division by zero",
        "UserError",
    )
    assert "_ = 1 / 0" in (first.error_traceback or "")
    assert (second.error_type, second.error_message) == ("SystemExit", "no data")


def test_fail_takes_a_message_or_an_exception(run: Run, home_path: Path) -> None:
    """fail() keeps a message with its code, survives an exception whose text raises, and refuses anything else."""

    class NastyError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    run.fail("out of\ud800 memory", error_code="OOM")
    run.fail(NastyError())
    run.fail("x" * 100_000)
    with pytest.raises(TypeError):
        run.fail(3)  # type: ignore[arg-type]
    failed = [change for change in changes(home_path, StatusChanged) if change.status == "Failed"]
    assert (failed[0].error_message, failed[0].error_code) == ("out of\\ud800 memory", "OOM")
    assert failed[1].error_type is not None
    assert failed[1].error_type.endswith("NastyError")
    assert len(failed[2].error_message or "") == 65_536


def test_a_pickled_run_is_the_same_run(run: Run, home_path: Path) -> None:
    """Pickle and copy give the same run again; in this process they share one producer."""
    for other in (pickle.loads(pickle.dumps(run)), copy.copy(run), copy.deepcopy(run)):
        assert (other.id, other.experiment) == (run.id, run.experiment)
        other.tag("copied")
    found = events(home_path, TagEvent)
    assert {event.run_id for event in found} == {run.id}
    assert len({event.producer_id for event in found}) == 1


def test_a_run_shows_itself(experiment: Experiment) -> None:
    """Text and HTML name experiment, id and status; HTML escapes them and links to the run's page."""
    run = Experiment(Workspace(), "<b>&").start_logging(run_id="a.b-c_1")
    assert repr(run) == "Run(Experiment: <b>&,\nId: a.b-c_1,\nType: not read yet,\nStatus: Running)"
    page = run._repr_html_()
    assert "&lt;b&gt;&amp;" in page
    assert "<b>" not in page
    assert f'href="{run.get_portal_url()}"' in page
    assert run.get_portal_url().endswith("/run?run=a.b-c_1")
    assert "Type: None,\nStatus: Running" in repr(experiment.start_logging())
    assert repr(experiment) == "Experiment(Name: ridge,\nWorkspace: lab)"
    assert "ridge" in experiment._repr_html_()
    assert repr(Workspace()) == "Workspace(Name: default)"
    assert "default" in Workspace()._repr_html_()


def test_a_run_s_page_is_on_the_dashboard(run: Run, home_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The portal address is that of the home's running dashboard, of RUNSTREAM_SERVER's machine, or the usual one."""
    usual = f"http://127.0.0.1:8501/run?run={run.id}"
    assert run.get_portal_url() == usual
    told = {"pid": os.getpid(), "dashboard": "http://127.0.0.1:8503/"}
    (home_path / "server.json").write_text(json.dumps(told))
    assert run.get_portal_url() == f"http://127.0.0.1:8503/run?run={run.id}"
    for text in (json.dumps({**told, "dashboard": None}), "[]", "{", json.dumps({**told, "pid": 2**22 + 1})):
        (home_path / "server.json").write_text(text)
        assert run.get_portal_url() == usual
    monkeypatch.setenv("RUNSTREAM_SERVER", "gpu1:7070")
    assert Run(run.experiment, run.id).get_portal_url() == f"http://gpu1:8501/run?run={run.id}"


def test_a_dropped_run_is_collected_at_once(experiment: Experiment) -> None:
    """Nothing keeps a run alive that its user has let go of: no cycle, no registry."""
    import gc
    import weakref

    run = experiment.start_logging()
    run.log("loss", 1.0)
    gone = weakref.ref(run)
    gc.disable()
    try:
        del run
        assert gone() is None
    finally:
        gc.enable()


def test_flush_returns_when_everything_is_on_the_disk(run: Run, home_path: Path) -> None:
    """Without a broker flush() brings every point into the journal."""
    for step in range(1000):
        run.log("loss", 1 / (step + 1), step=step)
    run.flush()
    assert sum(event.count for event in events(home_path, MetricEvent)) == 1000


def test_an_unknown_setting_is_told_once(
    experiment: Experiment, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A mistyped RUNSTREAM_* variable is a warning with the nearest valid name, once a process, never an error."""
    monkeypatch.setenv("RUNSTREAM_BROKER_S", "localhost:9092")
    Run(experiment, "a")
    Run(experiment, "b")
    told = [record.message for record in caplog.records if "RUNSTREAM_BROKER_S" in record.message]
    assert len(told) == 1
    assert "RUNSTREAM_BROKERS" in told[0]


def test_windows_is_told_where_to_log(experiment: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows start_logging() raises and names WSL 2."""
    from runstream_schemas.errors import PlatformUnsupported

    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(PlatformUnsupported, match="WSL 2"):
        experiment.start_logging()


def test_import_does_no_work(tmp_path: Path) -> None:
    """`import runstream` starts no thread, writes no file, and imports neither Kafka, Avro, crc32c nor NumPy."""
    code = (
        "import sys, threading; from runstream import *;"
        "heavy = {'kafka', 'fastavro', 'numpy', 'crc32c', 'duckdb', 'tempfile', 'logging', 'asyncio'};"
        "print(sorted(heavy & set(sys.modules)), threading.active_count())"
    )
    environment = {**os.environ, "RUNSTREAM_HOME": str(tmp_path / "h"), "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == "[] 1"
    assert list(tmp_path.iterdir()) == []
