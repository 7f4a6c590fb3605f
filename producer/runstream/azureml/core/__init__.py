"""azureml.core: workspace, experiment, run, model, and how a script is run."""

from typing import TYPE_CHECKING

from runstream import __version__ as _own_version
from runstream.azureml import scope
from runstream.azureml.core.conda_dependencies import CondaDependencies
from runstream.azureml.core.environment import Environment
from runstream.azureml.core.experiment import Experiment
from runstream.azureml.core.model import Model
from runstream.azureml.core.run import Run, get_run
from runstream.azureml.core.runconfig import RunConfiguration
from runstream.azureml.core.script_run import ScriptRun
from runstream.azureml.core.script_run_config import ScriptRunConfig
from runstream.azureml.core.workspace import Workspace

VERSION = f"1.61.0+runstream.{_own_version}"
"""The release of the SDK whose calls these are, for code that compares it; and runstream's own behind the plus."""

__version__ = VERSION

__all__ = [
    "VERSION",
    "CondaDependencies",
    "Environment",
    "Experiment",
    "Model",
    "Run",
    "RunConfiguration",
    "ScriptRun",
    "ScriptRunConfig",
    "Workspace",
    "get_run",
]

if not TYPE_CHECKING:
    __getattr__ = scope.asked(__name__)
