"""The run that this process is a part of: the submitted one, or one of its own."""

from __future__ import annotations

import sys
import threading
import uuid
from pathlib import Path

from runstream import config, notices, status
from runstream.experiment import Experiment
from runstream.run import Run, started
from runstream.submission import SCRIPT_RUN
from runstream.workspace import Workspace
from runstream_schemas.errors import RunEnvironmentMissing
from runstream_schemas.events import Created
from runstream_schemas.ids import check_run_id

RUN_VARIABLE = "RUNSTREAM_RUN_ID"


class Joined(Run):
    """A submitted run as its script holds it: the supervisor tells its end, from the script's exit status."""

    __slots__ = ()

    def start(self) -> None:
        """Do nothing: the supervisor has told that the script runs."""

    def complete(self) -> None:
        """Bring everything to the disk; the run is Completed when the script ends well."""
        self.producer.sync()

    def fail(self, error_details: str | BaseException | None = None, error_code: str | None = None) -> None:
        """Bring everything to the disk; the run is Failed when the script ends with an exception or exit status."""
        status.failed(error_details, error_code)  # raises for what is no error
        notices.once(("fail", self.id), "fail() of a submitted run changes no status: raise, or exit with a status")
        self.producer.sync()

    def cancel(self) -> None:
        """Warn only: a submitted run is canceled from outside, which ends the script."""
        notices.once(("cancel", self.id), "cancel() inside of a submitted run does nothing: exit, or cancel it outside")

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Bring everything to the disk; an exception goes on its way, and fails the run when it ends the script."""
        self.producer.sync()

    def __reduce__(self) -> tuple[object, tuple[Experiment, str]]:
        return joined, (self._experiment, self._id)


_lock = threading.Lock()
_current: Run | None = None


def current(*, allow_offline: bool = True) -> Run:
    """
    Return the run of this process: always the same object, until one of its own has ended.

    Raises:
        RunEnvironmentMissing: there is none, and *allow_offline* is False.
    """
    global _current
    with _lock:
        settings = config.read().settings
        if settings.run_id is None and not allow_offline:
            raise RunEnvironmentMissing(RUN_VARIABLE)
        experiment = Experiment(Workspace(settings.workspace), settings.experiment or _script_name())
        if settings.run_id is not None:
            if _current is None or _current.id != settings.run_id:
                _current = joined(experiment, settings.run_id)
        elif _current is None or isinstance(_current, Joined) or _current._status in status.TERMINAL:
            _current = _offline(experiment)
        return _current


def joined(experiment: Experiment, run_id: str) -> Joined:
    """Return a submitted run as its script holds it."""
    run = Joined.__new__(Joined)
    created = Created(workspace=experiment.workspace.name, experiment=experiment.name, run_type=SCRIPT_RUN)
    run._prepare(experiment, check_run_id(run_id), created)
    run._status = status.RUNNING
    return run


def _offline(experiment: Experiment) -> Run:
    """Start a run for a process that belongs to none: a whole one, in the home of this user."""
    created = Created(workspace=experiment.workspace.name, experiment=experiment.name)
    run = started(experiment, f"OfflineRun_{uuid.uuid4()}", created, {}, Path("outputs"))
    run._told = created
    return run


def _script_name() -> str:
    """Return what runs here without a run was started as, which names the experiment."""
    stem = Path(sys.argv[0]).stem if sys.argv and sys.argv[0] not in ("", "-c", "-m") else ""
    return "interactive" if not stem or stem.startswith("ipykernel") else stem[:100]
