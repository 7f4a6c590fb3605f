"""A run: what training code holds and calls. Each of its parts is a module named after its noun."""

from __future__ import annotations

import builtins
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

from runstream import capture, ending, status, tags
from runstream.charts import Charts
from runstream.experiment import Experiment
from runstream.family import Family
from runstream.labels import Labels
from runstream.models import Models
from runstream.naming import Naming
from runstream.snapshots import Snapshots
from runstream.supervised import Supervised
from runstream.tags import Wanted
from runstream.waiting import Waiting
from runstream.workspace import Workspace, expect
from runstream_schemas.events import Created, StatusChanged
from runstream_schemas.ids import check_run_id

NEXT_LINE = ",\n"


class Run(Charts, Family, Labels, Models, Naming, Snapshots, Supervised, Waiting):
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

    @staticmethod
    def get_submitted_run() -> Run:
        """
        Return the submitted run that this process is a part of, as `get_context(allow_offline=False)`: its older name.

        Raises:
            RunEnvironmentMissing: there is none.
        """
        return Run.get_context(allow_offline=False)

    @staticmethod
    def get(workspace: Workspace, run_id: str) -> Run:
        """
        Return a run of a workspace by its id.

        Raises:
            RunNotFound: it has no such run.
            HistoryUnreachable, NotYetFolded, ExtraMissing: as get_metrics() does.
        """
        from runstream.queries import one

        expect(workspace, Workspace, "Run.get(workspace, run_id)")
        return one(workspace, check_run_id(run_id))

    @staticmethod
    def list(
        experiment: Experiment,
        type: str | None = None,  # noqa: A002
        tags: Wanted = None,
        properties: Wanted = None,
        status: str | None = None,
        include_children: bool = False,
    ) -> Iterator[Run]:
        """
        Return the runs of an experiment that are not archived, the newest first; they are read as they are asked for.

        Args:
            experiment: whose runs.
            type: only runs of this one; a submitted script's is azureml.scriptrun.
            tags, properties: only runs that have them: a key, or a mapping from keys to values.
            status: only runs that have it now.
            include_children: runs below other runs, too.

        Raises:
            TypeError: *tags* or *properties* says nothing.
            HistoryUnreachable, NotYetFolded, ExtraMissing: at the first run, as get_metrics() does.
        """
        from runstream.queries import found

        expect(experiment, Experiment, "Run.list(experiment)")
        return found(
            experiment.workspace,
            tags_wanted=tags,
            properties_wanted=properties,
            status=status,
            experiment=experiment.name,
            run_type=type,
            include_children=include_children,
        )

    def __reduce__(self) -> tuple[object, tuple[Experiment, str]]:
        return Run, (self._experiment, self._id)

    def _facts(self) -> builtins.list[tuple[str, str]]:
        """Return what this object knows: a repr that opens a database would surprise every debugger."""
        unread = "not read yet"
        known = self._told or self._seen
        kind = unread if known is None else str(known.run_type)
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
    *,
    captures: bool = True,
) -> Run:
    """
    Return a run that is Running: what start_logging() does.

    Args:
        experiment: that it belongs to.
        run_id: its id; None = a random one.
        created: what is told about it when it is new.
        tags_to_set: set at once.
        outputs: the folder whose files become the run's; None = none.
        captures: whether what is printed, and where the run comes from, is kept too.

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
    if captures:
        capture.begin(run, run._config, outputs)
    run.set_tags(checked_tags)
    return run
