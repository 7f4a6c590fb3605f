"""Waiting for a run shows what it prints as it prints it, and tells how it ended; its details and logs are read."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Self

import pytest

from runstream import Experiment, Run, Workspace, watch
from runstream_consumer.history import HistoryUnreachable, RunRow
from runstream_schemas.errors import ActivityFailed, RunNotFound, UnsafePath
from tests import run_events
from tests.killing import ROOT
from tests.pipeline import Pipeline
from tests.submitted import ended, folder, submit
from tests.waiting import until

EXPERIMENT = Experiment(Workspace("lab"), "waiting")


@pytest.fixture
def captured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what scripts print and what they leave in logs."""
    monkeypatch.setenv("RUNSTREAM_CAPTURE", "console,logs")


def test_a_wait_shows_lines_and_a_summary(
    pipeline: Pipeline, captured: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The run's id and address, a banner and the lines of each stream, and the summary are printed, in this order."""
    run = submit(folder(tmp_path / "code", "import sys\nprint('one\\ntwo')\nprint('oh', file=sys.stderr)\n"))
    details = run.wait_for_completion(show_output=True)
    shown = capsys.readouterr().out
    assert shown.startswith(f"RunId: {run.id}\nWeb View: {run.get_portal_url()}\n")
    assert "\nStreaming stdout\n================\none\ntwo\n" in shown
    assert "\nStreaming stderr\n================\noh\n" in shown
    assert shown.endswith(
        f"\nExecution Summary\n=================\nRunId: {run.id}\nWeb View: {run.get_portal_url()}\n\n"
    )
    assert (details["runId"], details["status"], run.status) == (run.id, "Completed", "Completed")
    assert set(details["logFiles"]) == {"stdout", "stderr"}


def test_lines_are_shown_while_the_run_goes_on(
    captured: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a script prints is shown before it ends: the script ends when its line was seen."""
    gate = tmp_path / "gate"
    source = folder(
        tmp_path / "code",
        f"""
        import os, time
        print("waiting", flush=True)
        while not os.path.exists({str(gate)!r}):
            time.sleep(0.01)
        print("done")
        """,
    )
    run = submit(source)
    waiting = threading.Thread(target=run.wait_for_completion, args=(True,))
    waiting.start()
    seen = ""

    def shows_the_first_line() -> bool:
        nonlocal seen
        seen += capsys.readouterr().out
        return "waiting\n" in seen

    until(shows_the_first_line)
    assert "Execution Summary" not in seen
    gate.touch()
    waiting.join()
    assert "done\n\nExecution Summary" in capsys.readouterr().out


def test_what_a_wait_shows_is_not_printed_twice_into_the_history(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Lines that are shown are another run's, which has them: a run under way here does not get them as its own."""
    monkeypatch.setenv("RUNSTREAM_CAPTURE", "console")
    with EXPERIMENT.start_logging() as own:
        print("mine")
        submit(folder(tmp_path / "code", "print('theirs')\n")).wait_for_completion(show_output=True)
    assert "theirs\n" in capsys.readouterr().out
    assert own.get_details_with_logs()["logFiles"] == {"stdout": "mine\n"}


def test_a_failed_run_raises_its_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Waiting for a run that fails raises its error, with the traceback; and does not where it was told not to."""
    run = submit(folder(tmp_path / "code", "def fit():\n    raise ValueError('no good')\nfit()\n"))
    with pytest.raises(ActivityFailed, match=r"is Failed: ValueError: no good\n(.|\n)*in fit") as raised:
        run.wait_for_completion()
    assert (raised.value.run_id, raised.value.error_type, raised.value.error_code) == (
        run.id,
        "ValueError",
        "exit status 1",
    )
    details = run.wait_for_completion(show_output=True, raise_on_error=False)
    error = details["error"]["error"]
    assert (details["status"], error["code"], error["message"]) == ("Failed", "exit status 1", "no good")
    assert (error["debugInfo"]["type"], "in fit" in error["debugInfo"]["stackTrace"]) == ("ValueError", True)
    assert "Status: Failed (ValueError: no good)" in capsys.readouterr().out


def test_a_canceled_run_raises_nothing(tmp_path: Path) -> None:
    """Waiting for a run that is canceled returns; while it is being canceled only where that is not waited for."""
    run = submit(folder(tmp_path / "code", "import time\ntime.sleep(600)\n"))
    until(lambda: run.get_status() == "Running")
    run.cancel()
    assert run.wait_for_completion()["status"] in ("CancelRequested", "Canceled")
    assert run.wait_for_completion(wait_post_processing=True)["status"] == "Canceled"


def test_ctrl_c_ends_the_wait_alone(tmp_path: Path) -> None:
    """Ctrl-C while waiting raises WaitInterrupted, and the run goes on to its end."""
    gate = tmp_path / "gate"
    source = folder(
        tmp_path / "code",
        f"import os, time\nwhile not os.path.exists({str(gate)!r}):\n    time.sleep(0.01)\n",
    )
    run = submit(source)
    code = f"""
from runstream import Run
from runstream_schemas.errors import WaitInterrupted
from tests.submitted import EXPERIMENT
try:
    Run(EXPERIMENT, {run.id!r}).wait_for_completion(show_output=True)
except WaitInterrupted as error:
    print("interrupted", error.run_id)
"""
    waiter = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert waiter.stdout is not None
    assert waiter.stdout.readline() == f"RunId: {run.id}\n"
    waiter.send_signal(signal.SIGINT)
    assert waiter.communicate()[0].endswith(f"interrupted {run.id}\n")
    assert run.get_status() in ("Preparing", "Running")
    gate.touch()
    assert ended(run) == "Completed"


def test_a_run_that_nobody_knows_is_an_error() -> None:
    """Waiting for an unknown id raises RunNotFound, as reading it does."""
    EXPERIMENT.start_logging().complete()
    with pytest.raises(RunNotFound, match="nobody"):
        Run(EXPERIMENT, "nobody").wait_for_completion()


class Told:
    """A history that tells a run's statuses one after the other, or cannot be reached."""

    def __init__(self, run: Run, *told: str | Exception) -> None:
        with run._reader().history() as history:
            self._row = history.run(run.id)
        self._told = list(told)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def run(self, run_id: str) -> RunRow:
        """The next thing told."""
        from dataclasses import replace

        assert run_id == self._row.run_id
        told = self._told.pop(0)
        if isinstance(told, Exception):
            raise told
        return replace(self._row, status=told)

    def history(self) -> Told:
        """Itself: it is reader and history in one."""
        return self


def watched(told: Told, run: Run, patience_s: float = 60.0) -> str:
    """The status at which watching ends."""
    reader: object = told
    return watch.to_end(reader, run.id, watch.OVER.__contains__, None, patience_s).status  # type: ignore[arg-type]


def test_a_silent_run_ends_the_wait() -> None:
    """NotResponding is an end, since nobody knows whether there is another one; the states before are not."""
    run = EXPERIMENT.start_logging()
    told = Told(run, "Preparing", "Running", "Finalizing", "CancelRequested", "NotResponding")
    assert watched(told, run) == "NotResponding"


def test_a_silent_run_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting for a run that does not respond raises, with what to do."""
    run = EXPERIMENT.start_logging()
    told = Told(run, "NotResponding")
    monkeypatch.setattr(watch, "to_end", lambda *_: told.run(run.id))
    with pytest.raises(ActivityFailed, match=r"NotResponding.*wait again") as raised:
        run.wait_for_completion()
    assert raised.value.status == "NotResponding"


def test_a_consumer_that_is_started_anew_is_waited_for() -> None:
    """A history out of reach for a while does not end the wait; for longer than the patience, it does."""
    run = EXPERIMENT.start_logging()
    away = HistoryUnreachable("here", "it is away")
    assert watched(Told(run, "Running", away, away, "Running", "Completed"), run) == "Completed"
    with pytest.raises(HistoryUnreachable):
        watched(Told(run, "Running", away, "Completed"), run, patience_s=-1.0)


def test_details_have_the_sdks_names() -> None:
    """get_details() tells what a run is: its times in UTC, what it has, and no error where there is none."""
    run = EXPERIMENT.start_logging()
    run.add_properties({"commit": "1"})
    details = run.get_details()
    assert (details["status"], details["endTimeUtc"], details["properties"]) == ("Running", None, {"commit": "1"})
    run.complete()
    details = run.get_details()
    assert list(details) == [
        "runId",
        "target",
        "status",
        "startTimeUtc",
        "endTimeUtc",
        "services",
        "properties",
        "inputDatasets",
        "outputDatasets",
        "runDefinition",
        "logFiles",
        "submittedBy",
    ]
    assert (details["runId"], details["target"], details["runDefinition"]) == (run.id, "local", {})
    began, end = (dt.datetime.fromisoformat(details[key]) for key in ("startTimeUtc", "endTimeUtc"))
    assert (began.tzinfo, began <= end) == (dt.UTC, True)


def test_a_definition_is_told(tmp_path: Path) -> None:
    """The details of a submitted run tell what was submitted."""
    run = submit(folder(tmp_path / "code"))
    assert run.wait_for_completion()["runDefinition"]["script"] == "train.py"


def test_logs_are_read_and_written(captured: None, tmp_path: Path) -> None:
    """The logs of a run are read as texts, and written into files, in a folder with its id unless another is named."""
    script = "import sys\nprint('좋다\\n2')\nprint('oh', file=sys.stderr)\nopen('logs/own.txt', 'w').write('mine\\n')\n"
    run = submit(folder(tmp_path / "code", script))
    run.wait_for_completion()
    texts = {"stdout": "좋다\n2\n", "stderr": "oh\n", "logs/own.txt": "mine\n"}
    assert run.get_details_with_logs()["logFiles"] == texts
    written = run.get_all_logs(tmp_path / "there")
    assert sorted(written) == [str(tmp_path / "there" / n) for n in ("logs/own.txt", "stderr.txt", "stdout.txt")]
    assert (tmp_path / "there/stdout.txt").read_text(encoding="utf-8") == "좋다\n2\n"
    old = Path.cwd()
    os.chdir(tmp_path)
    try:
        assert f"{run.id}/stdout.txt" in run.get_all_logs()
    finally:
        os.chdir(old)


def test_a_hostile_stream_is_written_nowhere(tmp_path: Path) -> None:
    """A stream whose name leads out of the folder is refused, by name, before anything is written."""
    from runstream.scribe import Scribe

    run = EXPERIMENT.start_logging()
    scribe = Scribe(run.id, lambda: run.producer)
    scribe.write("stdout", "fine\n")
    scribe.write("../../evil", "text\n")
    scribe.close()
    with pytest.raises(UnsafePath, match="evil"):
        run.get_all_logs(tmp_path / "there")
    assert not (tmp_path / "there").exists()


def test_why_a_run_has_its_status_is_told() -> None:
    """get_detailed_status() tells the status, and the error's message where there is one."""
    run = EXPERIMENT.start_logging()
    assert run.get_detailed_status() == {"status": "Running", "details": None}
    run.fail("no data")
    assert run.get_detailed_status() == {"status": "Failed", "details": "no data"}


def test_a_run_is_started(home_path: Path) -> None:
    """start() sets a run that another process made to Running."""
    run = Run(EXPERIMENT, "made-elsewhere")
    run.start()
    assert (run_events.statuses(home_path), run.status) == (["Running"], "Running")
    run.complete()
    assert run.get_status() == "Completed"
