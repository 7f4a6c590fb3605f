"""A run among others: its children, and the run that it is a child of."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from runstream.handle import Handle
from runstream.tags import Wanted

if TYPE_CHECKING:
    from runstream.run import Run
    from runstream.script_run_config import ScriptRunConfig


class Family(Handle):
    """The part of a run that knows of children."""

    __slots__ = ()

    def child_run(
        self, name: str | None = None, run_id: str | None = None, outputs: str | os.PathLike[str] | None = None
    ) -> Run:
        """
        Start a run below this one; it is Running, and ended like any other.

        Args:
            name: for people; it is shown behind this run's name, as parent>child.
            run_id: of the child; left out, a random one is made.
            outputs: a folder whose files become the child's as they hold still; it is made at once. Left out: none.

        Raises:
            InvalidName: the name or the run id cannot be kept.
            JournalUnavailable: nothing can be written below RUNSTREAM_HOME.
        """
        from runstream import children

        folder = None if outputs is None else Path(outputs)
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        return children.begin(self._experiment, self._shown(), name, run_id, folder)

    def create_children(
        self, count: int | None = None, tag_key: str | None = None, tag_values: Sequence[str | None] | None = None
    ) -> list[Run]:
        """
        Start many runs below this one, at most 100 a call; they are Running.

        Each has its number, from 0, in the tag azureml.batch_child_number. What this process prints is not kept with
        them.

        Args:
            count: how many; left out, as many as there are tag values.
            tag_key, tag_values: a tag that they get, and its value for each.

        Raises:
            WrongArguments: the arguments do not say how many, or contradict each other; nothing is started then.
            JournalUnavailable: nothing can be written below RUNSTREAM_HOME.
        """
        from runstream import children

        return children.begin_many(self._experiment, self._shown(), count, tag_key, tag_values)

    def submit_child(self, config: ScriptRunConfig, tags: Mapping[str, str | None] | None = None) -> Run:
        """
        Start a script as a run below this one; see Experiment.submit(), whose errors it raises.

        Args:
            config: the folder, the script, and how it is run.
            tags: of the child from its start.
        """
        from runstream.submission import submit

        return submit(self._experiment, config, tags, self._id)

    def get_children(
        self,
        recursive: bool = False,
        tags: Wanted = None,
        properties: Wanted = None,
        type: str | None = None,  # noqa: A002
        status: str | None = None,
    ) -> Iterator[Run]:
        """
        Return the runs below this one that are not archived, the newest first; they are read as they are asked for.

        Args:
            recursive: those below its children, too, and so on.
            tags, properties: only runs that have them: a key, or a mapping from keys to values.
            type: only runs of this one; a submitted script's is azureml.scriptrun.
            status: only runs that have it now.

        Raises:
            TypeError: *tags* or *properties* says nothing.
            HistoryUnreachable, NotYetFolded, ExtraMissing: at the first run, as get_metrics() does.
        """
        from runstream.queries import found

        return found(
            self._experiment.workspace,
            tags_wanted=tags,
            properties_wanted=properties,
            status=status,
            run_type=type,
            parent_run_id=self._id,
            recursive=recursive,
        )

    @property
    def parent(self) -> Run | None:
        """The run that this one is a child of, or None; read from the history where another process may know it."""
        from runstream.run import Run

        known = self._told or self._seen or self._reader().row()
        return None if known.parent_run_id is None else Run(self._experiment, known.parent_run_id)

    def _shown(self) -> tuple[str, str]:
        """Return this run's id and its name for people, without asking anybody: writing must not need a reader."""
        known = self._told or self._seen
        return self._id, (known.display_name if known is not None else None) or self._id
