"""Ending a submitted run from outside: its supervisor is asked, which ends the script and all that it started."""

from __future__ import annotations

import time
from typing import Final

from runstream import status
from runstream.life import Life
from runstream.run_folder import CANCEL, STOP, RunFolder
from runstream_schemas.errors import RunstreamError, SupervisedElsewhere

ANSWER_S: Final = 5.0
_PAUSE_S: Final = 0.02


class Supervised(Life):
    """The part of a run that knows of supervisors."""

    __slots__ = ()

    def cancel(self) -> None:
        """
        End the run as Canceled.

        A submitted run's script, and all that it started, is asked to end (SIGTERM), and killed where it does not
        within RUNSTREAM_CANCEL_WAIT seconds. The call returns when the supervisor has heard of it; the run is
        CancelRequested until nothing of the script is left.

        Raises:
            SupervisedElsewhere: it was submitted on another machine or from another home.
        """
        if not self._asked(CANCEL, "cancel()"):
            super().cancel()

    def fail(self, error_details: str | BaseException | None = None, error_code: str | None = None) -> None:
        """
        End the run as Failed; a submitted run's script is ended as by cancel().

        Args:
            error_details: a message or an exception, of which type, message and traceback are kept.
            error_code: a word to sort errors by; "UserError" unless given.

        Raises:
            TypeError: *error_details* is neither a string nor an exception.
            SupervisedElsewhere: it was submitted on another machine or from another home.
        """
        status.failed(error_details, error_code)  # what is no error must not end a script
        self._asked(STOP, "fail()")
        super().fail(error_details, error_code)

    def _asked(self, request: bytes, call: str) -> bool:
        """Ask the supervisor, if the run has one that lives; True when it sees to the run's end."""
        folder = RunFolder.of(self._config.home, self._id)
        if not folder.control.exists():
            self._refuse_elsewhere(call)
            return False
        until_s = time.monotonic() + ANSWER_S
        hears = folder.ask(request)
        while hears and not folder.stopping.exists() and time.monotonic() < until_s:
            time.sleep(_PAUSE_S)
            hears = folder.ask(b"")
        if not hears and folder.control.exists():
            # It removes the pipe at its end: it was killed.
            _end_orphans(folder, self._config.settings.cancel_wait_s)
            return False
        self._status = None
        return True

    def _refuse_elsewhere(self, call: str) -> None:
        """Raise when the history says that another machine or home supervises this run, and that it still runs."""
        from runstream.submission import SCRIPT_RUN

        if self._told is not None:
            return
        try:
            row = self._reader().row()
        except RunstreamError:
            return  # nobody knows the run, or nobody can be asked: it is ended by what is written here
        if row.run_type == SCRIPT_RUN and row.status not in status.TERMINAL:
            raise SupervisedElsewhere(self._id, row.host or "another machine", call)


def _end_orphans(folder: RunFolder, grace_s: float) -> None:
    """End a script whose supervisor is dead."""
    from runstream.descendants import end_group

    pid = folder.noted_process()
    if pid is not None:
        end_group(pid, grace_s)
