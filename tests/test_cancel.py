"""A submitted run is ended from outside: politely, then not, and nothing of it is left."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from runstream import Run
from runstream.run_folder import RunFolder, started_at
from runstream_schemas.errors import SupervisedElsewhere
from tests.submitted import EXPERIMENT, ended, folder, folder_of, submit, supervisor_of
from tests.waiting import until

STUBBORN = '''
    import os, signal, subprocess, sys, time
    signal.signal(signal.SIGTERM, lambda *_: None)
    ways = "pass", "os.setsid()", "os.fork() and os._exit(0)", "os.fork() and os._exit(0); os.setsid()"
    for number, way in enumerate(ways):
        code = f"""if True:
            import os, signal, time
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            {way}
            open("new-{number}", "w").write(str(os.getpid()))
            os.rename("new-{number}", "pid-{number}")
            time.sleep(1000)
        """
        subprocess.Popen([sys.executable, "-c", code])
    while True:
        time.sleep(1)
'''


def pid_of(run: Run) -> int:
    """Return the number of the script's process, once it runs."""
    return until(lambda: folder_of(run).noted_process(), what="the script's process")


def said(run: Run, word: str) -> None:
    """Wait until the script has made a file of this name."""
    until((folder_of(run).code / word).exists, what=f"the script's {word}")


def test_a_script_may_clean_up(tmp_path: Path) -> None:
    """cancel() asks the script first: its handler of SIGTERM runs; the run is CancelRequested, then Canceled."""
    script = """
        import signal, sys, time
        from runstream import Run
        def leave(*_):
            Run.get_context().log("cleaned", True)
            sys.exit(0)
        signal.signal(signal.SIGTERM, leave)
        open("ready", "w").close()
        time.sleep(1000)
    """
    run = submit(folder(tmp_path / "code", script))
    said(run, "ready")
    run.cancel()
    assert run.get_status() in {"CancelRequested", "Canceled"}
    assert (ended(run), run.get_metrics()) == ("Canceled", {"cleaned": True})


def test_nothing_of_a_stubborn_script_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who ignores SIGTERM is killed, with children and grandchildren, those in sessions of their own included."""
    monkeypatch.setenv("RUNSTREAM_CANCEL_WAIT", "0.3")
    run = submit(folder(tmp_path / "code", STUBBORN))
    for number in range(4):
        said(run, f"pid-{number}")
    pids = [int((folder_of(run).code / f"pid-{number}").read_text()) for number in range(4)] + [pid_of(run)]
    assert all(started_at(pid) for pid in pids)
    run.cancel()
    assert ended(run) == "Canceled"
    assert [pid for pid in pids if started_at(pid)] == []


def test_what_a_script_leaves_running_ends_with_it(tmp_path: Path) -> None:
    """A run is over when its script is: a process that was left in the background ends, and the run is Completed."""
    script = """
        import subprocess, sys
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
        open("child", "w").write(str(child.pid))
    """
    run = submit(folder(tmp_path / "code", script))
    assert ended(run) == "Completed"
    assert started_at(int((folder_of(run).code / "child").read_text())) is None


def test_a_running_submit_can_be_failed(tmp_path: Path) -> None:
    """fail() from outside ends the script, too, and what it told stays the run's end."""
    run = submit(folder(tmp_path / "code", "import time; time.sleep(1000)"))
    pid = pid_of(run)
    run.fail("wrong data", "BadData")
    assert ended(run) == "Failed"
    row = run._reader().row()
    assert (row.error_message, row.error_code, started_at(pid)) == ("wrong data", "BadData", None)


def test_a_run_that_takes_too_long_is_canceled(tmp_path: Path) -> None:
    """After max_run_duration_seconds the run is Canceled, and says why."""
    run = submit(folder(tmp_path / "code", "import time; time.sleep(1000)"), max_run_duration_seconds=0.5)
    assert ended(run) == "Canceled"
    assert "max_run_duration_seconds=0.5" in str(run._reader().row().error_message)


def test_a_supervisor_that_is_asked_to_end_cancels(tmp_path: Path) -> None:
    """SIGTERM to the supervisor, as at a shutdown, cancels the run politely, and says so."""
    run = submit(folder(tmp_path / "code", "import time; time.sleep(1000)"))
    pid = pid_of(run)
    os.kill(supervisor_of(run), signal.SIGTERM)
    assert ended(run) == "Canceled"
    assert ("SIGTERM" in str(run._reader().row().error_message), started_at(pid)) == (True, None)


def test_a_killed_supervisor_does_not_leave_its_run_running(tmp_path: Path) -> None:
    """With the supervisor killed the script ends, too, and the run has failed, though this process logs to it."""
    run = submit(folder(tmp_path / "code", "import time; time.sleep(1000)"))
    until(lambda: run.get_status() == "Running", what="the script's start")
    pid = pid_of(run)
    run.tag("watched", "yes")
    os.kill(supervisor_of(run), signal.SIGKILL)
    until(lambda: started_at(pid) is None, what="the script's end")
    until(lambda: run.get_status() == "Failed", what="the status")
    run.cancel()
    assert run.get_status() == "Canceled"


def test_what_a_dead_supervisor_left_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """cancel() ends a script that went on although its supervisor was killed."""
    monkeypatch.setenv("RUNSTREAM_CANCEL_WAIT", "0.3")
    script = "import signal, time; signal.signal(15, signal.SIG_IGN); open('ready', 'w'); time.sleep(1000)"
    run = submit(folder(tmp_path / "code", script))
    said(run, "ready")
    pid = pid_of(run)
    supervisor = supervisor_of(run)
    os.kill(supervisor, signal.SIGKILL)
    until(lambda: started_at(supervisor) is None, what="the supervisor's end")
    assert started_at(pid) is not None
    run.cancel()
    assert (run.get_status(), started_at(pid)) == ("Canceled", None)


def test_the_number_of_a_process_is_not_enough(tmp_path: Path) -> None:
    """A process that got the script's number later is not taken for the script."""
    noted = RunFolder(tmp_path)
    assert noted.noted_process() is None
    noted.note_process(os.getpid())
    assert noted.noted_process() == os.getpid()
    noted.process_file.write_text(json.dumps({"pid": os.getpid(), "started": 1}))
    assert noted.noted_process() is None


def test_a_run_of_another_home_is_not_ended_from_here(tmp_path: Path) -> None:
    """Where the run's folder is not, cancel() says on which machine to call it, and changes nothing."""
    run = submit(folder(tmp_path / "code", "import time; time.sleep(1000)"))
    until(lambda: run.get_status() == "Running", what="the script's start")
    folder_of(run).root.rename(tmp_path / "away")
    with pytest.raises(SupervisedElsewhere, match=run.id):
        Run(EXPERIMENT, run.id).cancel()
    assert Run(EXPERIMENT, run.id).get_status() == "Running"
    (tmp_path / "away").rename(folder_of(run).root)
    run.cancel()
    assert ended(run) == "Canceled"


def test_an_ended_run_is_left_alone_by_its_supervisor(tmp_path: Path) -> None:
    """cancel() after the end does what it does for every run: it says so."""
    run = submit(folder(tmp_path / "code", ""))
    assert ended(run) == "Completed"
    run.cancel()
    assert run.get_status() == "Canceled"
