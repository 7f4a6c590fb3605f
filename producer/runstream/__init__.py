"""
runstream: log a training run as events, and read it back.

    from runstream import Experiment, Workspace

    with Experiment(Workspace(), "digits").start_logging() as run:
        run.log("loss", 0.3, step=1)

Importing does no work: threads and files start with the first run, Kafka and Avro with the first event.
"""

from runstream.artifacts import Upload
from runstream.experiment import Experiment
from runstream.run import Run
from runstream.workspace import Workspace
from runstream_schemas import errors
from runstream_schemas.errors import RunstreamError

__version__ = "0.1.0"

__all__ = ["Workspace", "Experiment", "Run", "Upload", "RunstreamError", "errors", "__version__"]
