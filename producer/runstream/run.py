"""A run: what training code holds and calls. Each of its parts is a module named after its noun."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from pathlib import Path

from runstream import capture, ending, status, tags
from runstream.charts import Charts
from runstream.experiment import Experiment
from runstream.labels import Labels
from runstream.models import Models
from runstream.snapshots import Snapshots
from runstream.supervised import Supervised
from runstream.waiting import Waiting
from runstream.workspace import expect
from runstream_schemas.events import Created, StatusChanged
from runstream_schemas.ids import check_run_id

NEXT_LINE = ",\n"


class Run(Charts, Labels, Models, Snapshots, Supervised, Waiting):
    """
    One run of an experiment: to log into, and to read back.

    `experiment.start_logging()` starts one. `Run(experiment, run_id)` opens one that exists, for reading and for
    more events, and asks nobody until it is used. A finished run keeps accepting events. A run may be used by
    many threads, in a forked child, and pickled into another process, which logs to it as a producer of its own.

    Args:
        experiment: that the run belongs to.
        run_id: 1 to 128 letters, digits, ".", "_" or "-".

    Raises:
        InvalidName: *run_id* is no such id.
        TypeError: *experiment* is not an Experiment.
    """

    __slots__ = ()

    def __init__(self, experiment: Experiment, run_id: str) -> None:
        expect(experiment, Experiment, "Run(experiment, run_id)")
        created = Created(workspace=experiment.workspace.name, experiment=experiment.name)
        self._prepare(experiment, check_run_id(run_id), created)

    @staticmethod
    def get_context(allow_offline: bool = True) -> Run:
        """
        Return the run that this process is a part of: the submitted one, or one that is started for it.

        In a submitted script, and in every process that it starts, this is the submitted run; its end is told by the
        script's own. Elsewhere it is a run like any other, kept below RUNSTREAM_HOME; it is the same one at every call.

        Args:
            allow_offline: False = there must be a submitted run.

        Raises:
            RunEnvironmentMissing: there is none.
        """
        from runstream.context import current

        return current(allow_offline=allow_offline)

    @property
    def name(self) -> str:
        """The same as display_name."""
        return self.display_name

    @property
    def display_name(self) -> str:
        """The name for people; the run's id where none was given. Read from the history where another may know it."""
        told = self._reader().row() if self._told is None else self._told
        return told.display_name or self._id

    @property
    def description(self) -> str | None:
        """The run's description; read from the history where another may know it."""
        told = self._reader().row() if self._told is None else self._told
        return told.description

    @property
    def number(self) -> int:
        """The run's place in its experiment by the time of creation, from 1; read from the history."""
        return self._reader().row().number

    @property
    def type(self) -> str | None:
        """What made the run; None for one that was started by start_logging()."""
        told = self._reader().row() if self._told is None else self._told
        return told.run_type

    def __reduce__(self) -> tuple[object, tuple[Experiment, str]]:
        return Run, (self._experiment, self._id)

    def _facts(self) -> list[tuple[str, str]]:
        """Return what this object knows: a repr that opens a database would surprise every debugger."""
        unread = "not read yet"
        kind = unread if self._told is None else str(self._told.run_type)
        shown = [("Experiment", self._experiment.name), ("Id", self._id), ("Type", kind)]
        return [*shown, ("Status", self._status or unread)]

    def __repr__(self) -> str:
        return f"Run({NEXT_LINE.join(f'{key}: {text}' for key, text in self._facts())})"

    def _repr_html_(self) -> str:
        """Return the run as a table with a link to its page, which notebooks show."""
        import html

        heads = "".join(f"<th>{key}</th>" for key, _ in self._facts())
        cells = "".join(f"<td>{html.escape(text)}</td>" for _, text in self._facts())
        link = f'<a href="{html.escape(self.get_portal_url())}" target="_blank" rel="noopener">Run page</a>'
        return f"<table><tr>{heads}<th>Details Page</th></tr><tr>{cells}<td>{link}</td></tr></table>"


def started(
    experiment: Experiment,
    run_id: str | None,
    created: Created,
    tags_to_set: Mapping[str, str | None],
    outputs: Path | None = None,
) -> Run:
    """
    Return a run that is Running: what start_logging() does.

    Args:
        experiment: that it belongs to.
        run_id: its id; None = a random one.
        created: what is told about it when it is new.
        tags_to_set: set at once.
        outputs: the folder whose files become the run's; None = none.

    Raises:
        InvalidName: *run_id* cannot be one.
        JournalUnavailable: nothing can be written below RUNSTREAM_HOME.
    """
    checked_tags = tags.checked_tags(tags_to_set)
    run = Run.__new__(Run)
    if run_id is None:
        run._prepare(experiment, str(uuid.uuid4()), created)
        run._told = created
    else:
        run._prepare(experiment, check_run_id(run_id), created)
    run._append_change(StatusChanged(status.RUNNING))
    run._status = status.RUNNING
    ending.watch(run._config, run.id, created)
    capture.begin(run, run._config, outputs)
    run.set_tags(checked_tags)
    return run
