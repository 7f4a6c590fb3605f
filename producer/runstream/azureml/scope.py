"""What of the azureml SDK is out of scope here, by name, and what can be done instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Never

from runstream.environment import NO_CONTAINERS
from runstream.runconfig import NO_COMPUTE
from runstream_schemas.errors import NameOutOfScope, OutOfScope

_SERVE: Final = "Model.download() gives the files of a model, and any server of models can serve them"
_SEARCH: Final = "search in a loop, with a child_run() or submit_child() for each candidate, and compare get_metrics()"
_SCRIPT: Final = "ScriptRunConfig with CondaDependencies says the same"
_DATA: Final = "read data where they lie, by path or address, and add_properties() tells which version it was"
_STEPS: Final = "call the steps one after another in a script, with a child_run() for each"
_WORKERS: Final = "let the script start its workers, as torchrun or mpirun do; each joins by Run.get_context()"
_SECRETS: Final = "pass secrets in environment variables of the script"
_RESULTS: Final = "keep what another library finds out by log_table(), log_image() or upload_file()"
_CURVES: Final = "the dashboard draws every metric while the run goes on: `runstream up`"
_ANYTHING: Final = (
    "runstream.azureml has core, exceptions, widgets and train.widgets; the migration page tells what takes the place "
    "of the rest"
)

NAMES: Final = {
    instead: frozenset(names.split())
    for instead, names in {
        _SERVE: "Webservice AciWebservice AksWebservice AksEndpoint LocalWebservice Image ContainerImage "
        "InferenceConfig Endpoint webservice image deploy package profile contrib accel accel_models Packages",
        _SEARCH: "AutoMLConfig AutoMLStep automl hyperdrive HyperDriveConfig RandomParameterSampling "
        "GridParameterSampling BayesianParameterSampling BanditPolicy PrimaryMetricGoal",
        _SCRIPT: "Estimator PyTorch TensorFlow Chainer SKLearn estimator dnn sklearn rl",
        NO_COMPUTE: "ComputeTarget AmlCompute BatchAiCompute ComputeInstance RemoteCompute DsvmCompute "
        "HDInsightCompute AksCompute Databricks DatabricksCompute compute compute_target databricks Spark "
        "SparkConfiguration",
        _DATA: "Dataset Datastore DataPath data dataset datastore dataprep opendatasets OutputFileDatasetConfig "
        "DataReference DataReferenceConfiguration FileDataset TabularDataset datadrift",
        _STEPS: "pipeline Pipeline PipelineData PythonScriptStep StepSequence pipelines",
        _WORKERS: "MpiConfiguration PyTorchConfiguration TensorflowConfiguration ParameterServerConfiguration",
        NO_CONTAINERS: "ContainerRegistry DEFAULT_CPU_IMAGE DEFAULT_GPU_IMAGE container_registry",
        _SECRETS: "Keyvault keyvault LinkedService linked_service",
        _RESULTS: "interpret explain responsibleai fairness mlflow",
        _CURVES: "tensorboard Tensorboard",
    }.items()
}
"""What to do instead -> modules and names that it is the answer to."""

OF_WORKSPACES: Final = {
    instead: frozenset(names.split())
    for instead, names in {
        _SERVE: "webservices images",
        NO_COMPUTE: "compute_targets get_default_compute_target",
        _DATA: "datastores datasets get_default_datastore set_default_datastore",
        _SECRETS: "get_default_keyvault linked_services",
        "an environment lies in the code that submits; pass it to ScriptRunConfig(environment=...)": "environments",
        "a workspace is a name; experiment.archive() hides what was logged to it from lists": "delete update",
    }.items()
}
"""What to do instead -> attributes of a workspace of the cloud that it is the answer to."""


def refusal(place: str, name: str) -> NameOutOfScope:
    """
    Return the error for a name that is out of scope.

    Args:
        place: the module that was asked, such as runstream.azureml.core.
        name: module, class or function.
    """
    parts = {*place.split("."), name}
    own = [instead for instead, names in NAMES.items() if name in names]
    around = [instead for instead, names in NAMES.items() if parts & names]
    feature = f"{place}.{name}".removeprefix("runstream.")
    return NameOutOfScope(feature=feature, instead=(own or around or [_ANYTHING])[0])


def asked(place: str) -> Callable[[str], Never]:
    """
    Return the `__getattr__` of the module *place*.

    Raises:
        NameOutOfScope: by the function, for a name that is in the azureml SDK and not here.
        AttributeError: by the function, for any other name.
    """

    def get(name: str) -> Never:
        if any(name in names for names in NAMES.values()):
            raise refusal(place, name)
        message = f"module {place!r} has no attribute {name!r}"
        raise AttributeError(message)

    return get


def refused(feature: str, instead: str) -> Callable[..., Never]:
    """Return a function that raises OutOfScope whatever it is called with."""

    def refuse(*_: object, **__: object) -> Never:
        raise OutOfScope(feature=feature, instead=instead)

    return refuse
