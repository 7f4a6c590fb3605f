"""azureml.core.run."""

from __future__ import annotations

from runstream.azureml.core.script_run import ScriptRun
from runstream.experiment import Experiment
from runstream.run import Run

__all__ = ["Run", "ScriptRun", "_OfflineRun", "get_run"]


class _OfflineRun(Run):
    """What `isinstance(run, _OfflineRun)` asks for: no run is one, as those outside of any submission are whole."""

    __slots__ = ()


def get_run(experiment: Experiment, run_id: str) -> Run:
    """Open a run that exists, as Run(experiment, run_id) does."""
    return Run(experiment, run_id)
