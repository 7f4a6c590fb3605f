"""
runstream: log a training run as events, and read it back.

    from runstream import Experiment, Workspace

    with Experiment(Workspace(), "digits").start_logging() as run:
        run.log("loss", 0.3, step=1)

Importing does no work: the names below are loaded when they are first used, threads and files start with the first run,
Kafka and Avro with the first event.
"""

TYPE_CHECKING = False  # known by this name to type checkers; typing itself is a tenth of the time to spend here
if TYPE_CHECKING:
    from runstream.conda_dependencies import CondaDependencies
    from runstream.environment import Environment
    from runstream.experiment import Experiment
    from runstream.model import Model
    from runstream.run import Run
    from runstream.runconfig import RunConfiguration
    from runstream.script_run_config import ScriptRunConfig
    from runstream.workspace import Workspace
    from runstream_schemas import errors
    from runstream_schemas.errors import RunstreamError

__version__ = "0.1.0"

__all__ = [
    "Workspace",
    "Experiment",
    "Run",
    "Model",
    "ScriptRunConfig",
    "RunConfiguration",
    "Environment",
    "CondaDependencies",
    "RunstreamError",
    "errors",
    "__version__",
]

_MODULES = {
    "Workspace": "workspace",
    "Experiment": "experiment",
    "Run": "run",
    "Model": "model",
    "ScriptRunConfig": "script_run_config",
    "RunConfiguration": "runconfig",
    "Environment": "environment",
    "CondaDependencies": "conda_dependencies",
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Load a public name at its first use."""
        from importlib import import_module

        if name not in __all__:
            message = f"module 'runstream' has no attribute {name!r}"
            raise AttributeError(message)
        errors = import_module("runstream_schemas.errors")
        place = import_module(f"runstream.{_MODULES[name]}") if name in _MODULES else errors
        value = globals()[name] = errors if name == "errors" else getattr(place, name)
        return value
