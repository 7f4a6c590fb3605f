"""How the process ends, and what that says about the runs that it started and did not end itself."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from runstream import capture, notices, status, worker
from runstream_schemas.errors import JournalUnavailable
from runstream_schemas.events import Created, RunEvent, StatusChanged

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from runstream.config import Config, RunKey

SIGNAL_WAIT_S: Final = 3.0
"""How long a signal that kills the process waits for the runs' status to be in the journal."""

_SIGNALS: Final = ("SIGTERM", "SIGHUP")


@dataclass(slots=True)
class _Ending:
    """What is known about the end of this process; one for its whole life, emptied in a forked child."""

    started: dict[RunKey, tuple[Config, Created]] = field(default_factory=dict)
    verdict: StatusChanged | None = None
    is_signaled: bool = False
    has_hooks: bool = False
    pid: int = 0


_ending = _Ending()


def watch(config: Config, run_id: str, created: Created) -> None:
    """
    See to it that a run started in this process has an end when the process has one.

    A clean exit completes the run; an exception or a failing exit status fails it; SIGTERM, SIGHUP and Ctrl-C cancel
    it. The exit status stays what it was, and handlers of the user's stay in place.

    Args:
        config: of the home that it is logged to.
        run_id: of the run.
        created: what it was started as.
    """
    _ending.started[config.key_of(run_id)] = (config, created)
    if _ending.pid == os.getpid():
        return
    _ending.pid = os.getpid()
    if not _ending.has_hooks:
        _ending.has_hooks = True
        _hook()
    # Before the producers close.
    worker.at_exit(finish, -50)


def forget(config: Config, run_id: str) -> None:
    """Leave a run alone: its user has ended it, or another process sees to its end."""
    _ending.started.pop(config.key_of(run_id), None)


def finish() -> None:
    """Give every run that is left the status that the end of the process calls for."""
    change = _ending.verdict or status.completed()
    while _ending.started:
        (_, _, run_id), (config, created) = _ending.started.popitem()
        capture.end(config, run_id)
        try:
            _append(config, run_id, created, change)
        except (JournalUnavailable, TimeoutError) as error:
            notices.once(("end", run_id), "run %s could not be ended as %s: %s", run_id, change.status, error)


def _append(config: Config, run_id: str, created: Created, change: StatusChanged) -> None:
    from runstream import process

    producer = process.open_producer(config, run_id, created)
    producer.append(lambda sequence, at: RunEvent(run_id, producer.producer_id, sequence, at, change))


def _hook() -> None:
    """Be told of the exit, of the exception or exit status behind it, of forks, and of signals nobody handles."""
    atexit.register(finish)
    os.register_at_fork(after_in_child=_in_child)
    sys.excepthook = _after(_note_exception, sys.excepthook)
    # Nothing else tells an exit handler with which status the interpreter is leaving.
    sys.exit = _after(_note_status, sys.exit)
    if threading.current_thread() is threading.main_thread():
        for name in _SIGNALS:
            number = getattr(signal, name)
            if signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, _on_signal)


def _in_child() -> None:
    """The parent sees to its own runs."""
    _ending.started.clear()
    _ending.verdict = None
    _ending.is_signaled = False


def _after(note: Callable[..., None], then: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that calls *note* and does what *then* does."""

    def call(*args: Any) -> Any:
        note(*args)
        return then(*args)

    return call


def _note_exception(_: type[BaseException], error: BaseException, __: object) -> None:
    """Remember what is about to end the process; in an interactive session an exception ends nothing."""
    if hasattr(sys, "ps1") or sys.flags.interactive:
        return
    _ending.verdict = status.ended_by(error)


def _note_status(code: object = None) -> None:
    """Remember a failing exit status. In another thread than the main one, sys.exit() ends the thread alone."""
    if threading.current_thread() is threading.main_thread():
        error = SystemExit(code)
        _ending.verdict = None if status.is_clean_exit(error) else status.ended_by(error)


def _on_signal(number: int, _: FrameType | None) -> None:
    """Cancel what runs, then let the signal do what it does by default: the process ends with its number."""
    if _ending.is_signaled:
        # The second time: from below, or from somebody who does not want to wait.
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        return
    _ending.is_signaled = True
    _ending.verdict = status.canceled(f"the process got {signal.Signals(number).name}")
    # Not here: what the main thread was interrupted in may hold a lock that this needs. It has to go on meanwhile.
    threading.Thread(target=_finish_and_repeat, args=(number,), name="runstream-ending", daemon=True).start()


def _finish_and_repeat(number: int) -> None:
    """End the runs within SIGNAL_WAIT_S, and send the signal again."""
    ending = threading.Thread(target=finish, name="runstream-ending-runs", daemon=True)
    ending.start()
    ending.join(SIGNAL_WAIT_S)
    os.kill(os.getpid(), number)
