"""How a process ends, and what becomes of the runs that it started and did not end itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from runstream_schemas.events import StatusChanged
from tests import run_events, scripts

START = "run = Experiment(Workspace(), 'ends').start_logging()\nrun.log('x', 1, step=0)\n"

ENDS = {
    "end of main": ("", 0, StatusChanged("Completed")),
    "sys.exit()": ("sys.exit()", 0, StatusChanged("Completed")),
    "sys.exit(3)": ("sys.exit(3)", 3, StatusChanged("Failed", "SystemExit", "3", None, "UserError")),
    "exception": ("raise ValueError('mine')", 1, StatusChanged("Failed", "ValueError", "mine", None, "UserError")),
    "Ctrl-C": (
        "os.kill(os.getpid(), signal.SIGINT); time.sleep(60)",
        -2,
        StatusChanged("Canceled", "KeyboardInterrupt", ""),
    ),
    "SIGTERM": (
        "os.kill(os.getpid(), signal.SIGTERM); time.sleep(60)",
        -15,
        StatusChanged("Canceled", None, "the process got SIGTERM"),
    ),
    "SIGHUP": (
        "os.kill(os.getpid(), signal.SIGHUP); time.sleep(60)",
        -1,
        StatusChanged("Canceled", None, "the process got SIGHUP"),
    ),
}


def ends(home_path: Path) -> list[StatusChanged]:
    """Every status of a home but the first, Running."""
    return run_events.changes(home_path, StatusChanged)[1:]


@pytest.mark.parametrize("end", ENDS)
def test_a_run_ends_with_its_process_and_tells_how(home_path: Path, end: str) -> None:
    """Each way to leave gives the run the status it stands for, once, and the process keeps its exit status."""
    code, exit_status, expected = ENDS[end]

    ended = scripts.execute(home_path, START + code)

    assert ended.status == exit_status, ended.err
    (told,) = ends(home_path)
    assert (told.status, told.error_type, told.error_message, told.error_code) == (
        expected.status,
        expected.error_type,
        expected.error_message,
        expected.error_code,
    )


def test_the_traceback_of_what_ended_the_process_is_kept(home_path: Path) -> None:
    """The exception that nobody caught is in the run with its traceback, and on stderr as ever."""
    ended = scripts.execute(home_path, START + "def f():\n    raise ValueError('mine')\nf()")

    (told,) = ends(home_path)
    assert told.error_traceback is not None
    assert "in f" in told.error_traceback
    assert "ValueError: mine" in ended.err


def test_a_run_that_its_user_ended_stays_so(home_path: Path) -> None:
    """After complete() an exception of the process says nothing about the run any more."""
    scripts.execute(home_path, START + "run.complete()\nraise ValueError('later')")

    assert [told.status for told in ends(home_path)] == ["Completed"]


def test_a_run_that_was_joined_is_left_to_the_process_that_started_it(home_path: Path) -> None:
    """Run(experiment, run_id) logs and ends nothing when its process ends."""
    scripts.execute(home_path, "run.log('x', 1)")

    assert run_events.statuses(home_path) == []


def test_a_handler_of_the_user_is_neither_replaced_nor_left_out(home_path: Path) -> None:
    """Where the program handles SIGTERM itself, its handler decides: here it leaves with a status of its own."""
    text = "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n" + START
    text += "os.kill(os.getpid(), signal.SIGTERM); time.sleep(60)"

    ended = scripts.execute(home_path, text)

    assert ended.status == 7
    assert [told.status for told in ends(home_path)] == ["Failed"]


def test_the_hook_of_the_user_for_exceptions_is_still_called(home_path: Path) -> None:
    """sys.excepthook as it was before the run still gets the exception."""
    text = "sys.excepthook = lambda kind, error, trace: print('mine:', error)\n" + START + "raise ValueError('seen')"

    ended = scripts.execute(home_path, text)

    assert ended.out == "mine: seen\n"
    assert [told.status for told in ends(home_path)] == ["Failed"]


def test_a_forked_child_ends_nothing_of_its_parent(home_path: Path) -> None:
    """The child of a fork leaves with an error; the run is still its parent's to complete."""
    text = START + "pid = os.fork()\nif pid == 0: sys.exit(5)\nos.waitpid(pid, 0)"

    scripts.execute(home_path, text)

    assert [told.status for told in ends(home_path)] == ["Completed"]


def test_sys_exit_in_a_thread_ends_that_thread_alone(home_path: Path) -> None:
    """A worker that leaves by sys.exit(1) does not fail the run."""
    text = START + "worker = threading.Thread(target=lambda: sys.exit(1))\nworker.start()\nworker.join()"

    scripts.execute(home_path, text)

    assert [told.status for told in ends(home_path)] == ["Completed"]


def test_a_child_of_multiprocessing_ends_the_runs_that_it_started(tmp_path: Path, home_path: Path) -> None:
    """A spawned worker that starts a run and returns leaves it Completed."""
    (tmp_path / "worker.py").write_text(
        "from runstream import Experiment, Workspace\n"
        "def work():\n    global run\n    run = Experiment(Workspace(), 'ends').start_logging()\n    run.log('x', 1)\n"
    )
    text = f"""
    import multiprocessing
    sys.path.insert(0, {str(tmp_path)!r})
    import worker
    process = multiprocessing.get_context("spawn").Process(target=worker.work)
    process.start(); process.join()
    """

    ended = scripts.execute(home_path, text)

    assert ended.status == 0, ended.err
    assert [told.status for told in ends(home_path)] == ["Completed"]


def test_a_signal_that_interrupts_logging_still_ends_the_run(home_path: Path) -> None:
    """SIGTERM in the middle of a tight loop of log calls: Canceled, and every value that was logged is kept."""
    text = START + "import itertools\nthreading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM)).start()\n"
    text += "for i in itertools.count(): run.log('x', i, step=i); run.log('s', 'text', step=i)"

    ended = scripts.execute(home_path, text)

    assert ended.status == -15
    assert [told.status for told in ends(home_path)] == ["Canceled"]
