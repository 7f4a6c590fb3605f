"""Waiting for a run's end, and what it is and has printed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runstream import status
from runstream.handle import Handle
from runstream_schemas.errors import ActivityFailed, WaitInterrupted

if TYPE_CHECKING:
    from runstream.reading import RunRow


class Waiting(Handle):
    """The part of a run that waits for it and tells of it."""

    __slots__ = ()

    def wait_for_completion(
        self, show_output: bool = False, wait_post_processing: bool = False, raise_on_error: bool = True
    ) -> dict[str, Any]:
        """
        Wait until the run has ended, or is not heard of any more.

        Args:
            show_output: print what it prints, as it does, and a summary at the end.
            wait_post_processing: wait also while it is being canceled, until nothing of its script is left.
            raise_on_error: raise when it has failed; a canceled one raises nothing.

        Returns:
            What get_details() gives.

        Raises:
            ActivityFailed: it is Failed, or NotResponding: nothing was heard of it for a minute.
            WaitInterrupted: Ctrl-C was pressed; the run goes on.
            RunNotFound, NotYetFolded, HistoryUnreachable, ExtraMissing: as get_metrics() does.
        """
        try:
            row = self._awaited(show_output, wait_post_processing)
        except KeyboardInterrupt as interrupt:
            raise WaitInterrupted(self._id) from interrupt
        self._status = row.status
        if raise_on_error and row.status in (status.FAILED, "NotResponding"):
            raise ActivityFailed(
                row.run_id, row.status, row.error_type, row.error_message, row.error_traceback, row.error_code
            )
        return self.get_details()

    def get_details(self) -> dict[str, Any]:
        """
        Read what the run is, by the names of the azureml SDK.

        Returns:
            runId, target, status, startTimeUtc, endTimeUtc (ISO 8601, None before its end), services, properties,
            inputDatasets, outputDatasets, runDefinition (what was submitted), logFiles (stream -> address on the run's
            page), submittedBy; and error, if it has one. Raises as get_metrics() does.
        """
        from runstream import details

        with self._reader().history() as history:
            found = details.addresses(history, self._id, self.get_portal_url())
            return details.facts(history.run(self._id), found)

    def get_details_with_logs(self) -> dict[str, Any]:
        """Read what get_details() gives, where logFiles holds the text of each stream. Raises as get_metrics() does."""
        from runstream import details

        with self._reader().history() as history:
            return details.facts(history.run(self._id), details.texts(history, self._id))

    def get_all_logs(self, destination: str | os.PathLike[str] | None = None) -> list[str]:
        """
        Write what the run has printed into files, one a stream.

        Args:
            destination: the folder that gets them; one with the run's id in the current one unless given.

        Returns:
            Their paths: stdout.txt and stderr.txt, and files of the run's logs folder under their own names.

        Raises:
            OSError: one cannot be written.
            RunNotFound, NotYetFolded, HistoryUnreachable, ExtraMissing: as get_metrics() does.
        """
        from runstream import details

        folder = Path(self._id if destination is None else destination)
        with self._reader().history() as history:
            history.run(self._id)  # raises for a run that nobody knows
            return details.write_logs(history, self._id, folder)

    def get_detailed_status(self) -> dict[str, str | None]:
        """Read the run's status, and why it has it where that is known. Raises as get_metrics() does."""
        row = self._reader().row()
        self._status = row.status
        return {"status": row.status, "details": row.error_message}

    def _awaited(self, show_output: bool, wait_post_processing: bool) -> RunRow:
        from runstream import watch

        over = watch.OVER if wait_post_processing else watch.OVER | watch.ENDING
        show = watch.Show(self._id, self.get_portal_url()) if show_output else None
        if show is not None:
            show.begin()
        row = watch.to_end(self._reader(), self._id, over.__contains__, show, self._config.settings.read_wait_s)
        if show is not None:
            show.end(row)
        return row
