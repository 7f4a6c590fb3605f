"""A run's life: its status, how it ends, and what is waited for."""

from __future__ import annotations

from typing import Self

from runstream import capture, ending, notices, status
from runstream.handle import Handle
from runstream_schemas.errors import JournalUnavailable
from runstream_schemas.events import Created, StatusChanged


class Life(Handle):
    """The part of a run that starts and ends it."""

    __slots__ = ()

    def get_status(self) -> str:
        """Read the run's status: Running, Completed, Failed, Canceled, NotResponding. Raises as get_metrics() does."""
        self._status = self._reader().row().status
        return self._status

    def flush(self, timeout_seconds: float = 300) -> None:
        """
        Wait until the broker has acknowledged everything logged so far; without a broker, until it is on the disk.

        Raises:
            FlushTimeout: it took longer; nothing is lost, the journal keeps it.
        """
        if self._producer is not None:
            self._producer.flush(timeout_seconds)

    def start(self) -> None:
        """Set the run's status to Running, where another process made it; it ends with this one unless it is ended."""
        self._append_change(StatusChanged(status.RUNNING))
        self._status = status.RUNNING
        ending.watch(self._config, self._id, Created(self._experiment.workspace.name, self._experiment.name))

    def complete(self) -> None:
        """End the run as Completed: everything is in the journal and on the disk when this returns."""
        self._end(status.completed())

    def fail(self, error_details: str | BaseException | None = None, error_code: str | None = None) -> None:
        """
        End the run as Failed.

        Args:
            error_details: a message or an exception, of which type, message and traceback are kept.
            error_code: a word to sort errors by; "UserError" unless given.

        Raises:
            TypeError: *error_details* is neither a string nor an exception.
        """
        self._end(status.failed(error_details, error_code))

    def cancel(self) -> None:
        """End the run as Canceled."""
        self._end(status.canceled())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """End the run as Completed, or as Failed (Canceled by Ctrl-C) with the exception, which goes on its way."""
        if error is not None and not status.is_clean_exit(error):
            change = status.ended_by(error)
            try:
                self._end(change)
            except JournalUnavailable as trouble:
                # The caller's exception is the one to see; recovery tells of the run's end.
                notices.once(("end", self._id), "run %s could not be ended as %s: %s", self._id, change.status, trouble)
        elif self._status not in status.TERMINAL:
            self.complete()

    @property
    def status(self) -> str:
        """The last status that this object set or read; read from the history when it knows none."""
        return self._status or self.get_status()

    def _end(self, change: StatusChanged) -> None:
        """Append the run's end; then nothing of it waits in memory, and no heartbeat follows."""
        capture.end(self._config, self._id)
        self._append_change(change)
        self._status = change.status
        ending.forget(self._config, self._id)
        self.producer.close()
