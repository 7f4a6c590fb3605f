"""
The process beside a submitted script: prepares where it runs, starts it, follows it, and tells how it ended.

Started by submission.py as `python -m runstream.supervisor FOLDER` with an Order on stdin. It belongs to no terminal
and no notebook, and writes the run's status as a producer of its own: when it dies, recovery sees it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from runstream import clearing, status, tracebacks, venvs
from runstream.capture import Capture
from runstream.config import Config
from runstream.descendants import Descendants, adopt_orphans
from runstream.experiment import Experiment
from runstream.listener import Listener, Request
from runstream.order import Order
from runstream.printed import Printed
from runstream.run import Run
from runstream.run_folder import RunFolder
from runstream.submission import created
from runstream.workspace import Workspace
from runstream_schemas.errors import FlushTimeout, JournalUnavailable, RunstreamError
from runstream_schemas.events import PropertiesAdded, StatusChanged
from runstream_schemas.home import locked
from runstream_schemas.snapshot import PROPERTY

PIPE_WAIT_S: Final = 5.0
"""How long the output of a script that has ended may take to arrive."""

DELIVERY_WAIT_S: Final = 3600.0
"""How long a supervisor tries to write and to send its run's end; after that the next process of the home sends it."""

_LOOK_S: Final = 1.0
_LOCK_LOOK_S: Final = 0.2
_RETRY_S: Final = 1.0


class Supervisor:
    """One submitted run, from Preparing to its end."""

    def __init__(self, order: Order, folder: RunFolder) -> None:
        self._order = order
        self._folder = folder
        self._listener = Listener(folder)
        self._run = Run.__new__(Run)
        self._run._prepare(Experiment(Workspace(order.workspace), order.experiment), order.run_id, created(order))
        self._config: Config = self._run._config
        self._until_s = time.monotonic() + order.max_duration_s
        self._end: StatusChanged | None = None
        self._is_told = False
        self._capture = self._collector()

    def _collector(self) -> Capture:
        """Make the script's folders, and return what keeps the files in them."""
        parts, order, code = self._config.settings.capture, self._order, self._folder.code
        for name in ("outputs", "logs"):
            (code / name).mkdir(exist_ok=True)
        outputs = code / "outputs" if order.collects and "outputs" in parts else None
        logs = code / "logs" if order.follows_logs and "logs" in parts else None
        return Capture(self._run, outputs, logs, has_console=False)

    def take_over(self) -> bytes:
        """Say that the run is being prepared; return what was written, for the process that submitted it."""
        order, run = self._order, self._run
        run._append_change(StatusChanged(status.PREPARING))
        run._append_change(PropertiesAdded(order.properties))
        run.set_tags(order.tags)
        producer = run.producer
        sequences = {int(topic): last for topic, last in producer.progress().items()}
        return json.dumps({"producer_id": producer.producer_id, "sequences": sequences}).encode()

    def supervise(self) -> None:
        """Run the script to its end, and tell it; whatever goes wrong here fails the run."""
        self._capture.start()
        try:
            change = self._prepared_and_run()
        except (RunstreamError, OSError) as error:
            change = StatusChanged(status.FAILED, type(error).__name__, str(error), None, "NotStarted")
        except Exception as error:  # noqa: BLE001 - the process's edge: a run must not stay Running because of us
            traceback.print_exc()
            change = status.failed(error, "SupervisorError")
        try:
            self._capture.stop()
        except Exception:  # noqa: BLE001 - the same edge: the run's end counts more than the last of its files
            traceback.print_exc()
        if not self._is_told:
            self._tell(self._end or change)
        self._run.producer.close()
        self._folder.control.unlink()
        self._deliver()
        if not self._config.settings.keep_code:
            self._clear()

    # The three parts of a run.

    def _prepared_and_run(self) -> StatusChanged:
        order = self._order
        python, environment = Path(order.interpreter), venvs.variables(Path(order.interpreter), order.environment)
        if order.requirements is not None:
            venv = self._venv(order.requirements)
            python, environment = venv.python, venvs.variables(venv.python, order.environment, venv.path)
        if self._end is not None:
            return self._end
        # "./": a script's name may begin with a dash, and would be taken for an option.
        script = f"./{order.script}" if (order.script or "").startswith("-") else order.script
        words = order.words if script is None else [str(python), script, *order.words]
        code, _, complaints = self._program(words, environment)
        return ended_as(order.shown, code, complaints)

    def _venv(self, requirements: list[str]) -> venvs.Venv:
        """Return the virtual environment of the run, made now unless another run has made it."""
        order = self._order
        venv = venvs.planned(
            self._config.home,
            order.interpreter,
            self._folder.code,
            requirements,
            order.pip_options,
            order.python_version,
        )
        venv.path.parent.mkdir(mode=0o700, exist_ok=True)
        while not venv.is_complete and self._end is None:
            with locked(venv.lock) as descriptor:
                if descriptor is None:
                    self._hear(self._listener.wait(_LOCK_LOOK_S))
                elif not venv.is_complete:
                    self._make(venv)
        return venv

    def _make(self, venv: venvs.Venv) -> None:
        """Make the environment whole, or leave nothing of it. Raises what Venv.refusal() makes of a failure."""
        try:
            self._step(venv.making(), venv.unmade)
            if self._end is None:
                venv.link()
            installing = venv.installing(self._folder.requirements)
            if self._end is None and installing is not None:
                self._step(installing, venv.refusal)
            if self._end is None:
                venv.complete()
        finally:
            if not venv.is_complete:
                venv.discard()

    def _step(self, words: list[str], refusal: Callable[[str], RunstreamError]) -> None:
        """Run a program that makes the environment; raise what *refusal* makes of its output where it fails."""
        code, output, complaints = self._program(words, self._order.environment, stream="environment")
        if code and self._end is None:
            raise refusal(f"{output}\n{complaints}")

    def _program(
        self, words: list[str], environment: dict[str, str], stream: str | None = None
    ) -> tuple[int, str, str]:
        """
        Run a program to its end, or until the run shall end.

        Args:
            words: the program and its arguments.
            environment: its variables.
            stream: that its output goes to; None = it is the script, which makes the run Running.

        Returns:
            Its exit status, and the last of its stdout and stderr.
        """
        program = Descendants(words, self._folder.code, environment)
        try:
            self._folder.note_process(program.pid)
            write = self._capture.scribe.write if "console" in self._config.settings.capture else None
            pipes = (program.stdout, stream or "stdout"), (program.stderr, stream or "stderr")
            printed = [Printed(pipe, name, write) for pipe, name in pipes]
            if stream is None:
                self._run._append_change(StatusChanged(status.RUNNING))
            while program.poll() is None and self._end is None:
                self._hear(self._listener.wait(max(0.0, min(_LOOK_S, self._until_s - time.monotonic()))))
        finally:
            program.end(self._config.settings.cancel_wait_s)
        output, complaints = (each.end(PIPE_WAIT_S) for each in printed)
        code = program.poll()
        return -signal.SIGKILL if code is None else code, output, complaints

    def _tell(self, change: StatusChanged) -> None:
        """Write the run's end; a full disk is waited for, since nobody else can tell it."""
        until_s = time.monotonic() + DELIVERY_WAIT_S
        while True:
            try:
                return self._run._append_change(change)
            except JournalUnavailable:
                if time.monotonic() >= until_s:
                    raise
                time.sleep(_RETRY_S)

    def _deliver(self) -> None:
        """Wait for a broker that is away: nobody waits for this process, and it may be long until another one comes."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        with suppress(FlushTimeout):
            self._run.flush(DELIVERY_WAIT_S)

    def _clear(self) -> None:
        """Remove what is stored from the script's copy."""
        snapshot_id = self._order.properties.get(PROPERTY)
        try:
            # Not a folder that is going to be removed: whatever asks for the current one would fail.
            os.chdir(self._config.home.root)
            clearing.clear(self._folder, snapshot_id, self._capture.uploaded(), self._config)
        except Exception:  # noqa: BLE001 - the process's edge: what is left over does no harm
            traceback.print_exc()

    # Being asked to stop.

    def _hear(self, request: Request | None) -> None:
        """Note that the run shall end, and say so, unless its end is told by whoever asked for it."""
        if time.monotonic() >= self._until_s:
            request = Request(f"it ran longer than max_run_duration_seconds={self._order.max_duration_s:g}")
        if request is None or self._end is not None:
            return
        self._end = status.canceled(request.reason)
        self._is_told = request.is_told
        if not self._is_told:
            self._run._append_change(StatusChanged(status.CANCEL_REQUESTED))
        self._folder.stopping.touch()


def ended_as(script: str, code: int, complaints: str) -> StatusChanged:
    """Return the status that a script's end calls for: its exit status, negative for a signal, and its last stderr."""
    if code == 0:
        return status.completed()
    lines = complaints.rstrip().splitlines()
    if code < 0:
        name = signal.Signals(-code).name if -code in signal.valid_signals() else f"signal {-code}"
        hint = "; the system does that when memory runs out" if -code == signal.SIGKILL else ""
        return status.failed_process(f"{script} was ended by {name}{hint}", name, lines)
    told = tracebacks.last(complaints)
    if told is not None:
        return status.raised(told.kind, told.message, told.traceback, f"exit status {code}")
    last = f": {lines[-1]}" if lines else ""
    return status.failed_process(f"{script} ended with exit status {code}{last}", f"exit status {code}", lines)


def main() -> None:
    """Take the order from stdin, leave the process that gave it, answer on stdout, and supervise."""
    order = Order.from_json(sys.stdin.buffer.read())
    if os.fork():
        # The one that submitted waits for this one, and has no child that it would have to wait for later.
        os._exit(0)
    adopt_orphans()
    supervisor = Supervisor(order, RunFolder(Path(sys.argv[1])))
    os.write(1, supervisor.take_over())
    os.dup2(2, 1)
    supervisor.supervise()


if __name__ == "__main__":
    main()
