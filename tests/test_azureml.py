"""The azureml SDK's modules: the same names and signatures, standing on runstream; what is not here says so."""

from __future__ import annotations

import importlib
import pickle
from pathlib import Path
from typing import Any

import pytest

import runstream
from runstream.azureml import core, exceptions, scope
from runstream.azureml.core import Environment, Experiment, Model, Run, RunConfiguration, Workspace
from runstream.azureml.core.authentication import InteractiveLoginAuthentication, ServicePrincipalAuthentication
from runstream.azureml.core.run import _OfflineRun, get_run
from runstream.azureml.core.runconfig import DockerConfiguration
from runstream_schemas import errors
from runstream_schemas.errors import NameOutOfScope, OutOfScope, SnapshotFailed, WrongArguments

MODULES = {
    "core": "Workspace Experiment Run Model ScriptRunConfig RunConfiguration Environment VERSION get_run ScriptRun",
    "core.run": "Run get_run ScriptRun",
    "core.script_run": "ScriptRun",
    "core.experiment": "Experiment",
    "core.workspace": "Workspace",
    "core.runconfig": "RunConfiguration CondaDependencies",
    "core.environment": "Environment CondaDependencies",
    "core.conda_dependencies": "CondaDependencies",
    "core.model": "Model",
    "core.script_run_config": "ScriptRunConfig",
    "core.authentication": "InteractiveLoginAuthentication ServicePrincipalAuthentication",
    "widgets": "RunDetails",
    "train.widgets": "RunDetails",
    "exceptions": "AzureMLException UserErrorException",
}

OUT_OF_SCOPE = [
    ("core", "Dataset", "read data where they lie"),
    ("core", "Datastore", "read data where they lie"),
    ("core", "ComputeTarget", "on the machine that shall run it"),
    ("core", "Keyvault", "environment variables"),
    ("core.webservice", "AciWebservice", "any server of models"),
    ("core.image", "ContainerImage", "any server of models"),
    ("core.model", "InferenceConfig", "any server of models"),
    ("core.compute", "AmlCompute", "on the machine that shall run it"),
    ("core.runconfig", "DEFAULT_CPU_IMAGE", "processes of this machine"),
    ("core.runconfig", "MpiConfiguration", "torchrun or mpirun"),
    ("train.automl", "AutoMLConfig", "search in a loop"),
    ("train.hyperdrive", "HyperDriveConfig", "search in a loop"),
    ("train.estimator", "Estimator", "ScriptRunConfig"),
    ("train.dnn", "PyTorch", "ScriptRunConfig"),
    ("pipeline.core", "Pipeline", "child_run() for each"),
    ("data", "OutputFileDatasetConfig", "read data where they lie"),
    ("interpret", "ExplanationClient", "log_table()"),
    ("nothing", "Nobody", "the migration page"),
]


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs make ./outputs and keep the current folder: give each test its own."""
    folder = tmp_path / "folder"
    folder.mkdir()
    monkeypatch.chdir(folder)


@pytest.mark.parametrize("name", MODULES)
def test_old_import_lines_find_their_names(name: str) -> None:
    """Each module that old code imports from has the names that it imports."""
    module = importlib.import_module(f"runstream.azureml.{name}")
    assert [wanted for wanted in MODULES[name].split() if not hasattr(module, wanted)] == []


@pytest.mark.parametrize(("module", "name", "instead"), OUT_OF_SCOPE)
def test_what_is_out_of_scope_says_so_by_name(module: str, name: str, instead: str) -> None:
    """An import of what is not here is an ImportError that names it and says what can be done."""
    with pytest.raises(NameOutOfScope, match="is out of scope of runstream") as told:
        exec(f"from runstream.azureml.{module} import {name}", {})
    assert isinstance(told.value, ImportError)
    assert f"azureml.{module.partition('.')[0]}" in str(told.value)
    assert instead in str(told.value)


def test_a_name_is_asked_for_as_an_attribute() -> None:
    """`azureml.core.Dataset` says what its import says; a name of nobody's is an AttributeError."""
    with pytest.raises(NameOutOfScope, match=r"azureml\.core\.Dataset is out of scope"):
        _ = core.Dataset  # type: ignore[attr-defined]
    assert not hasattr(core, "Nonsense")


def test_every_name_has_one_answer() -> None:
    """No name stands in two rows of the table, so that each says one thing."""
    names = [name for row in scope.NAMES.values() for name in row]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    "call",
    [Model.deploy, Model.package, Model.profile, Model.get_model_path, Environment.get, Environment.build],
    ids=lambda call: call.__qualname__,
)
def test_calls_out_of_scope_say_so(call: Any) -> None:
    """Calls that need a cloud raise OutOfScope, whatever they are given."""
    with pytest.raises(OutOfScope, match="is out of scope of runstream: "):
        call(Workspace(), "name", anything=1)


def test_containers_are_refused_where_they_are_asked_for() -> None:
    """A configuration without a container passes, one with it does not."""
    DockerConfiguration(use_docker=False)
    with pytest.raises(OutOfScope, match="Docker container is out of scope"):
        DockerConfiguration(use_docker=True)


def test_a_workspace_takes_its_arguments_in_any_order() -> None:
    """By place as in the SDK, by name in the page's order, by name alone, and with a login that nobody needs."""
    by_place = Workspace("sub", "group", "lab")
    by_name = Workspace(workspace_name="lab", subscription_id="sub", resource_group="group")
    assert (by_place.name, by_place.subscription_id, by_place.resource_group, by_place.location) == (
        "lab",
        "sub",
        "group",
        "local",
    )
    assert by_name == by_place == Workspace(workspace_name="lab") == runstream.Workspace("lab")
    assert Workspace("s", "g", "lab", InteractiveLoginAuthentication(tenant_id="t")) == by_place
    assert ServicePrincipalAuthentication("tenant", "id", service_principal_password="secret").__dict__ == {}
    with pytest.raises(WrongArguments, match="workspace_name="):
        Workspace("lab")


@pytest.mark.parametrize("name", ["compute_targets", "get_default_datastore", "datasets", "environments", "delete"])
def test_what_a_workspace_of_the_cloud_has_says_so(name: str) -> None:
    """Attributes that only a workspace of the cloud has raise OutOfScope; others of nobody's an AttributeError."""
    with pytest.raises(OutOfScope, match=f"Workspace.{name} is out of scope"):
        getattr(Workspace(), name)
    assert not hasattr(Workspace(), "nonsense")


def test_workspaces_are_listed_for_a_subscription() -> None:
    """Old code asks for those of a subscription, which chooses nothing and is kept beside their names."""
    Experiment(Workspace(workspace_name="lab"), "e").start_logging(snapshot_directory=None).complete()
    listed = Workspace.list("sub", InteractiveLoginAuthentication(), "group")
    assert list(listed) == ["lab"]
    assert [(type(one), one.name, one.subscription_id, one.resource_group) for one in listed["lab"]] == [
        (Workspace, "lab", "sub", "group")
    ]


def test_pages_of_documentation_are_not_there() -> None:
    """get_docs_url() says where the page of a run, or the list of an experiment's, is instead."""
    experiment = Experiment(Workspace(), "e 1")
    for one in (experiment, Run(experiment, "r")):
        with pytest.raises(
            OutOfScope, match=r"get_docs_url\(\) is out of scope of runstream: get_portal_url\(\) gives"
        ):
            one.get_docs_url()
    assert experiment.get_portal_url().endswith("/?exp=e+1")


def test_a_workspace_comes_from_its_file() -> None:
    """write_config() and from_config() round a workspace, and a login does no harm."""
    Workspace("sub", "group", "lab").write_config()
    found = Workspace.from_config(auth=InteractiveLoginAuthentication())
    assert (type(found), found.name, found.subscription_id) == (Workspace, "lab", "sub")


def test_objects_of_runstream_are_instances() -> None:
    """Whatever a call returns is an instance of the class that the program has imported, and stays so when pickled."""
    experiment = Experiment(Workspace(), "e")
    assert isinstance(runstream.Workspace("x"), Workspace)
    assert isinstance(runstream.Experiment(runstream.Workspace("x"), "e"), Experiment)
    assert isinstance(pickle.loads(pickle.dumps(experiment)), Experiment)
    assert not isinstance("x", Experiment)
    assert Run is runstream.Run
    assert not isinstance(get_run(experiment, "r"), _OfflineRun)


def test_a_class_of_the_programs_own_is_told_apart() -> None:
    """What a program derives from an old class has no other instances than those that it makes."""

    class Own(Experiment):
        pass

    own = Own(Workspace(), "e")
    assert isinstance(own, Own)
    assert isinstance(own, Experiment)
    assert not isinstance(Experiment(Workspace(), "e"), Own)


def test_start_logging_keeps_folder_and_outputs() -> None:
    """As it always did: ./outputs is made, and the current folder is the run's snapshot, unless told not to."""
    Path("train.py").write_text("code")
    run = Experiment(Workspace(), "e").start_logging()
    run.complete()
    assert Path("outputs").is_dir()
    assert Path(run.restore_snapshot(path="restored")).name == f"{run.get_snapshot_id()}.zip"
    bare = Experiment(Workspace(), "e").start_logging(snapshot_directory=None, outputs=False)
    bare.complete()
    assert bare.get_properties().get("ContentSnapshotId") is None


def test_a_snapshot_that_fails_tells_how_to_do_without(monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that is too large ends start_logging() by its old exception before there is a run."""
    monkeypatch.setenv("RUNSTREAM_SNAPSHOT_FILES", "1")
    for name in ("a", "b"):
        Path(name).write_text(name)
    with pytest.raises(exceptions.SnapshotException, match=r"start_logging\(snapshot_directory=None\)"):
        Experiment(Workspace(), "e").start_logging()
    assert not Path("outputs").exists()
    assert runstream.Experiment(Workspace(), "e").start_logging().get_status() == "Running"
    with pytest.raises(SnapshotFailed):
        runstream.Experiment(Workspace(), "e").start_logging(snapshot_directory=".")


def test_a_configuration_takes_its_arguments_in_the_old_order(caplog: pytest.LogCaptureFixture) -> None:
    """Framework and communicator come before the packages; a switch that has no use is accepted with a warning."""
    configuration = RunConfiguration("train.py", ["--alpha", 1], "Python", "None", None)
    configuration.auto_prepare_environment = False
    assert (configuration.script, configuration.arguments) == ("train.py", ["--alpha", 1])
    assert "auto_prepare_environment=False is not used" in caplog.text
    with pytest.raises(OutOfScope, match="communicator 'Mpi'"):
        RunConfiguration(communicator="Mpi")


def test_arguments_of_transfers_are_accepted(caplog: pytest.LogCaptureFixture) -> None:
    """Batch sizes and time limits are told and do no harm; a datastore is refused."""
    run = Experiment(Workspace(), "e").start_logging(snapshot_directory=None)
    Path("a.txt").write_text("text")
    assert run.upload_files(["a.txt"], ["a.txt"], False, 60) == []
    assert [one.path for one in run.upload_files(["a.txt"], ["a.txt"], return_artifacts=True)] == ["a.txt"]
    run.download_files(None, "got", None, 10, True, 60)
    assert Path("got/a.txt").read_text() == "text"
    assert "upload_files(): timeout_seconds=60 is not used" in caplog.text
    assert "download_files(): batch_size=10 is not used" in caplog.text
    with pytest.raises(OutOfScope, match="RUNSTREAM_ARTIFACTS"):
        run.upload_file("a.txt", "a.txt", datastore_name="blobs")


def test_old_exceptions_are_kinds_of_errors() -> None:
    """Every old name is in the tree below AzureMLException, which catches all that runstream raises."""
    names = [name for name in exceptions.__all__ if not issubclass(getattr(exceptions, name), errors.RunstreamError)]
    assert (names, exceptions.AzureMLException) == ([], errors.RunstreamError)


@pytest.mark.parametrize("name", exceptions.__all__)
def test_old_exceptions_can_be_raised(name: str) -> None:
    """Code that raises one with words of its own gets them back, by str and by .message, pickled too."""
    error = getattr(exceptions, name)("no such alpha")
    copy = pickle.loads(pickle.dumps(error))
    assert (str(error), error.message, str(copy), type(copy)) == (
        "no such alpha",
        "no such alpha",
        "no such alpha",
        type(error),
    )


def test_the_message_is_the_text() -> None:
    """What old code reads from .message is the whole sentence."""
    error = errors.PropertyExists(run_id="r", key="author")
    assert error.message == str(error) != ""
