"""azureml.core.experiment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Literal

from runstream import experiment
from runstream.azureml import scope
from runstream.azureml.lookalike import Lookalike
from runstream.run import Run

__all__ = ["Experiment"]


class Experiment(experiment.Experiment, metaclass=Lookalike):
    """
    runstream.Experiment, whose start_logging() makes ./outputs and keeps a snapshot of the folder, as it always did.

    Args:
        workspace: where it belongs.
        name: any name.

    Raises:
        InvalidName: *name* is empty, longer than 256 bytes, or holds control characters.
        TypeError: *workspace* is not a Workspace.
    """

    __slots__ = ()

    get_docs_url = staticmethod(
        scope.refused(
            "Experiment.get_docs_url()", "get_portal_url() gives the list of the experiment's runs on your dashboard"
        )
    )

    def start_logging(
        self,
        name: str | None = None,
        run_id: str | None = None,
        outputs: str | os.PathLike[str] | Literal[False] | None = None,
        snapshot_directory: str | os.PathLike[str] | None = ".",
        *,
        display_name: str | None = None,
        description: str | None = None,
        tags: Mapping[str, str | None] | None = None,
    ) -> Run:
        """
        Start a run, or go on with one, as runstream.Experiment.start_logging() does.

        Args:
            name, run_id, display_name, description, tags: as there.
            outputs: the folder whose files become the run's; left out, ./outputs, which is made; False = none.
            snapshot_directory: the folder that is kept as the run's snapshot; None = none.

        Raises:
            SnapshotFailed: the folder cannot be kept; the error says why, and how to start without.
        """
        return super().start_logging(
            name,
            run_id,
            "outputs" if outputs is None else outputs,
            snapshot_directory,
            display_name=display_name,
            description=description,
            tags=tags,
        )
