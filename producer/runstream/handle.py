"""What every part of a run stands on: whose run it is, how an event about it is written, how it is read back."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Never

from runstream import config, known, rows
from runstream.experiment import Experiment
from runstream.logger import Logger
from runstream_schemas.errors import OutOfScope
from runstream_schemas.events import Change, Created, RunEvent

if TYPE_CHECKING:
    from runstream.producer import Producer
    from runstream.reading import Reader, RunRow, Written


class Handle(Logger):
    """A run as this process holds it: its id, its experiment, its way into the journal and to the history."""

    __slots__ = ("_columns", "_config", "_experiment", "_id", "_known", "_seen", "_status", "_told")

    def _prepare(self, experiment: Experiment, run_id: str, created: Created) -> None:
        """Set every field; *created* is what the run's first event from here says."""
        self._experiment = experiment
        self._id = run_id
        self._config = config.read()
        self._status: str | None = None
        # What the run is, where nobody else can have told it before: only of an id that was made here.
        self._told: Created | None = None
        # What the history said of the run when this object came out of a list of runs.
        self._seen: RunRow | None = None
        self._columns: rows.Codes = {}
        self._known = known.of(self._config, run_id)
        # Not a bound method of this object: a cycle would keep a dropped run, and its ring, until the next collection.
        super().__init__(partial(_open_producer, self._config, run_id, created))

    @property
    def id(self) -> str:
        """The run's id."""
        return self._id

    @property
    def experiment(self) -> Experiment:
        """The experiment that the run was opened with."""
        return self._experiment

    def get_portal_url(self) -> str:
        """Return the address of the run's page on the dashboard."""
        from runstream.reading import portal_url

        return portal_url(self._config, self._id)

    def get_docs_url(self) -> Never:
        """Raise OutOfScope: no pages of documentation belong to a run."""
        raise OutOfScope(feature="get_docs_url()", instead="get_portal_url() gives the run's page on your dashboard")

    def _append_change(self, change: Change) -> None:
        """Append an event about the run itself; it is in the journal when this returns."""
        run_id, producer = self._id, self.producer
        producer.append(lambda sequence, at: RunEvent(run_id, producer.producer_id, sequence, at, change))

    def _reader(self) -> Reader:
        from runstream.reading import Reader

        return Reader(self._config, self._id, self._written)

    def _written(self) -> Written:
        """Bring what this process logged to the run into the journal; return how far it goes."""
        from runstream import process

        return {**self._known.awaited, **process.written(self._config, self._id)}


def _open_producer(settings: config.Config, run_id: str, created: Created) -> Producer:
    """Open the run's producer; what it needs (mapping, threads, journal) is imported at the first use, too."""
    from runstream import process

    return process.open_producer(settings, run_id, created)
