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
    from runstream.experiment import Experiment
    from runstream.run import Run
    from runstream.workspace import Workspace
    from runstream_schemas import errors
    from runstream_schemas.errors import RunstreamError

__version__ = "0.1.0"

__all__ = ["Workspace", "Experiment", "Run", "RunstreamError", "errors", "__version__"]

_MODULES = ("Workspace", "Experiment", "Run")  # each in the module of its own name

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Load a public name at its first use."""
        from importlib import import_module

        if name not in __all__:
            message = f"module 'runstream' has no attribute {name!r}"
            raise AttributeError(message)
        errors = import_module("runstream_schemas.errors")
        place = import_module(f"runstream.{name.lower()}") if name in _MODULES else errors
        value = globals()[name] = errors if name == "errors" else getattr(place, name)
        return value
