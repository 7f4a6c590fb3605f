"""An experiment: runs that belong together, by name; where a run is started."""

from __future__ import annotations

import builtins
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from runstream import config
from runstream.experiment_labels import ExperimentLabels
from runstream.tags import Wanted, checked_text
from runstream.workspace import Workspace, expect
from runstream_schemas.errors import PlatformUnsupported, SnapshotFailed
from runstream_schemas.events import Created
from runstream_schemas.ids import check_name

if TYPE_CHECKING:
    from runstream.run import Run
    from runstream.script_run_config import ScriptRunConfig
    from runstream.snapshot import Snapshot


class Experiment(ExperimentLabels):
    """
    A named set of runs in a workspace; it exists from its first run or tag on.

    Args:
        workspace: where it belongs.
        name: any name.

    Raises:
        InvalidName: *name* is empty, longer than 256 bytes, or holds control characters.
        TypeError: *workspace* is not a Workspace.
    """

    __slots__ = ()

    def __init__(self, workspace: Workspace, name: str) -> None:
        expect(workspace, Workspace, "Experiment(workspace, name)")
        self._workspace = workspace
        self._name = check_name("experiment", name)
        self._row = None

    @property
    def name(self) -> str:
        """The experiment's name."""
        return self._name

    @property
    def workspace(self) -> Workspace:
        """The workspace that it belongs to."""
        return self._workspace

    def start_logging(
        self,
        name: str | None = None,
        run_id: str | None = None,
        outputs: str | os.PathLike[str] | Literal[False] | None = None,
        snapshot_directory: str | os.PathLike[str] | None = None,
        *,
        display_name: str | None = None,
        description: str | None = None,
        tags: Mapping[str, str | None] | None = None,
    ) -> Run:
        """
        Start a run, or go on with one, and set its status to Running.

        Args:
            name: what people read; the same as *display_name*, of which one is enough.
            run_id: of a run to join, or for a new one; left out, a random one is made.
            outputs: the folder whose files become the run's as they hold still; it is made at once. Left out:
                ./outputs, if the program makes it; False = none. What lay there before and never changes is left alone.
            snapshot_directory: a folder that is kept as the run's snapshot, as by take_snapshot(); None = none.
            display_name: see *name*.
            description: of the run.
            tags: set at once, as by set_tags().

        Raises:
            InvalidName: one of the names, the run id or a tag's key cannot be kept.
            JournalUnavailable: nothing can be written below RUNSTREAM_HOME.
            PlatformUnsupported: on Windows, where runstream logs inside WSL 2.
            SnapshotFailed: *snapshot_directory* cannot be kept; no run is started then.
            TypeError: *name* and *display_name* are given and differ.
        """
        from runstream.run import started

        if sys.platform == "win32":
            raise PlatformUnsupported(
                platform="Windows", reason="its files cannot be mapped and locked as the journal needs"
            )
        if name is not None and display_name is not None and name != display_name:
            message = f"name={name!r} and display_name={display_name!r} say the same thing twice: give one of them"
            raise TypeError(message)
        shown = name if display_name is None else display_name
        created = Created(
            workspace=self._workspace.name,
            experiment=self._name,
            display_name=None if shown is None else check_name("display name", shown),
            description=None if description is None else checked_text("description", description),
        )
        kept = None if snapshot_directory is None else _kept(snapshot_directory)
        run = started(self, run_id, created, tags or {}, _outputs_folder(outputs))
        if kept is not None:
            run._have_snapshot(kept)
        return run

    def submit(self, config: ScriptRunConfig, tags: Mapping[str, str | None] | None = None) -> Run:
        """
        Start a script as a run; return at once, while it is Preparing.

        The script runs in its own copy of the folder, supervised by a process that outlives this one.

        Args:
            config: the folder, the script, and how it is run.
            tags: of the run from its start.

        Raises:
            InvalidConfiguration: *config* is no ScriptRunConfig, or a field of it cannot be used.
            SubmissionRefused: the folder, script or interpreter is not there; the error names it.
            PackageUnavailable: pip cannot install one of the packages.
            SnapshotFailed: the folder is too large, or holds something that cannot be kept.
            SubmissionFailed: the supervisor did not start.
        """
        from runstream.submission import submit

        return submit(self, config, tags)

    def get_runs(
        self,
        type: str | None = None,  # noqa: A002
        tags: Wanted = None,
        properties: Wanted = None,
        include_children: bool = False,
    ) -> Iterator[Run]:
        """
        Return the experiment's runs that are not archived, the newest first; they are read as they are asked for.

        Args:
            type: only runs of this one; a submitted script's is azureml.scriptrun.
            tags, properties: only runs that have them: a key, or a mapping from keys to values.
            include_children: runs below other runs, too.

        Raises:
            TypeError: *tags* or *properties* says nothing.
            HistoryUnreachable, NotYetFolded, ExtraMissing: at the first run, as get_metrics() does.
        """
        from runstream.run import Run

        return Run.list(self, type, tags, properties, include_children=include_children)

    @staticmethod
    def list(
        workspace: Workspace, experiment_name: str | None = None, view_type: str = "ActiveOnly", tags: Wanted = None
    ) -> builtins.list[Experiment]:
        """
        Return the experiments of a workspace by name: what has runs or tags, or was archived.

        Args:
            workspace: where they belong.
            experiment_name: only the one with this name.
            view_type: ActiveOnly, ArchivedOnly or All.
            tags: only those with these tags.

        Raises:
            InvalidConfiguration: *view_type* is none of these.
            HistoryUnreachable: no server answers.
        """
        from runstream.experiment_list import found

        expect(workspace, Workspace, "Experiment.list(workspace)")
        return [Experiment(workspace, name) for name in found(workspace.name, experiment_name, view_type, tags)]

    @staticmethod
    def delete(workspace: Workspace, experiment_id: str) -> None:
        """
        Delete an experiment that has no runs, with its tags; one of this name may be begun again.

        Args:
            workspace: where it belongs.
            experiment_id: as the attribute `id` tells it.

        Raises:
            ExperimentNotFound: there is none; the error lists those that are there.
            ExperimentNotEmpty: it has runs; archive() hides it.
            HistoryUnreachable: no server answers.
        """
        from runstream.experiment_list import delete

        expect(workspace, Workspace, "Experiment.delete(workspace, experiment_id)")
        delete(workspace.name, experiment_id)

    def get_portal_url(self) -> str:
        """Return the address of the list of its runs on the dashboard."""
        from runstream.reading import experiment_url

        return experiment_url(config.read(), self._name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Experiment) and (other._workspace, other._name) == (self._workspace, self._name)

    def __hash__(self) -> int:
        return hash((Experiment, self._workspace, self._name))

    def __reduce__(self) -> tuple[type[Experiment], tuple[Workspace, str]]:
        return Experiment, (self._workspace, self._name)

    def __repr__(self) -> str:
        return f"Experiment(Name: {self._name},\nWorkspace: {self._workspace.name})"

    def _repr_html_(self) -> str:
        """Return the experiment as a table with a link to its runs, which notebooks show."""
        import html

        cells = "".join(f"<td>{html.escape(text)}</td>" for text in (self._name, self._workspace.name))
        page = html.escape(self.get_portal_url())
        link = f'<a href="{page}" target="_blank" rel="noopener">Its runs</a>'
        heads = "".join(f"<th>{text}</th>" for text in ("Name", "Workspace", "Report Page"))
        return f"<table><tr>{heads}</tr><tr>{cells}<td>{link}</td></tr></table>"


def _kept(folder: str | os.PathLike[str]) -> Snapshot:
    """Keep a folder before there is a run, so that a folder which cannot be kept leaves no run behind."""
    from runstream import snapshot

    try:
        return snapshot.take(Path(folder).expanduser(), config.read())
    except SnapshotFailed as error:
        reason = f"{error.reason}; start_logging(snapshot_directory=None) starts without one"
        raise SnapshotFailed(error.folder, reason) from error


def _outputs_folder(outputs: str | os.PathLike[str] | Literal[False] | None) -> Path | None:
    """Return the folder to watch; one that was asked for is made."""
    if outputs is None:
        return Path("outputs")
    if outputs is False:
        return None
    folder = Path(outputs)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
