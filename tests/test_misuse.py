"""Every misuse that the SDK's contract names: the old exception catches it, and the message says what to do."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runstream.azureml import exceptions as old
from runstream.azureml.core import (
    CondaDependencies,
    Environment,
    Experiment,
    Model,
    Run,
    RunConfiguration,
    ScriptRunConfig,
    Workspace,
)
from runstream_schemas.errors import PlatformUnsupported


@dataclass(frozen=True, slots=True)
class Setting:
    """What a misuse happens in: a workspace, an experiment, and a run that has a file and a property."""

    workspace: Workspace
    experiment: Experiment
    run: Run


Misuse = tuple[str, Callable[[Setting], Any], type[BaseException], type[BaseException], str]
"""What it is, how it is done, the old exception, the builtin one, and what its message says."""


def managed(script: str = "train.py", **fields: Any) -> ScriptRunConfig:
    """A script of the current folder, in the tests' own Python."""
    configuration = RunConfiguration()
    configuration.environment.python.user_managed_dependencies = True
    return ScriptRunConfig(".", script, run_config=configuration, **fields)


def with_interpreter(path: str) -> ScriptRunConfig:
    """A script for another Python."""
    config = managed()
    config.run_config.environment.python.interpreter_path = path
    return config


def wait_for_failed(run: Run) -> None:
    """Wait for a run that has failed."""
    run.fail("the loss is NaN")
    run.wait_for_completion()


def set_misspelt(owner: Any, name: str) -> None:
    """Set an attribute that there is not."""
    setattr(owner, name, True)


# What types would forbid.
NUMBER: Any = 5
FRACTION: Any = 0.5
LIST: Any = [1, 2]

VALUES: list[Misuse] = [
    (
        "a list by log",
        lambda on: on.run.log("m", [1, 2]),
        old.UserErrorException,
        TypeError,
        r"use log_list\(\)",
    ),
    ("a range by log", lambda on: on.run.log("m", range(3)), old.UserErrorException, TypeError, r"use log_list\(\)"),
    (
        "a generator by log",
        lambda on: on.run.log("m", (i for i in range(3))),
        old.UserErrorException,
        TypeError,
        r"use log_list\(\)",
    ),
    ("a tuple by log", lambda on: on.run.log("m", (1, 2)), old.UserErrorException, TypeError, r"use log_list\(\)"),
    ("a dict by log", lambda on: on.run.log("m", {"a": 1}), old.UserErrorException, TypeError, r"use log_row\(\)"),
    (
        "an array by log",
        lambda on: on.run.log("m", np.arange(3)),
        old.UserErrorException,
        TypeError,
        r"use log_list\(\)",
    ),
    ("an object by log", lambda on: on.run.log("m", object()), old.UserErrorException, TypeError, "convert it first"),
    (
        "an integer of a million digits",
        lambda on: on.run.log("m", 1 << 20_000),
        old.UserErrorException,
        TypeError,
        "log it as a float",
    ),
    (
        "a step as description",
        lambda on: on.run.log("m", 1, NUMBER),
        TypeError,
        TypeError,
        "did you mean step=5",
    ),
    (
        "a step that is no integer",
        lambda on: on.run.log("m", 1, step=FRACTION),
        old.UserErrorException,
        TypeError,
        "an int",
    ),
    ("a nameless metric", lambda on: on.run.log("", 1), old.UserErrorException, ValueError, "choose another"),
    ("a value by log_list", lambda on: on.run.log_list("m", NUMBER), old.UserErrorException, TypeError, r"use log\(\)"),
    (
        "a list in log_list",
        lambda on: on.run.log_list("m", [[1], [2]]),
        old.UserErrorException,
        TypeError,
        "several values",
    ),
    (
        "a list in a row",
        lambda on: on.run.log_row("m", x=[1, 2]),
        old.UserErrorException,
        TypeError,
        "several values",
    ),
    (
        "a table that is no dict",
        lambda on: on.run.log_table("m", LIST),
        old.UserErrorException,
        TypeError,
        "from column names to lists",
    ),
    (
        "columns of two lengths",
        lambda on: on.run.log_table("m", {"x": [1, 2], "y": [1]}),
        old.UserErrorException,
        TypeError,
        r"x: 2, y: 1\): pad the short ones",
    ),
    (
        "a list in a cell",
        lambda on: on.run.log_table("m", {"x": [[1], [2]]}),
        old.UserErrorException,
        TypeError,
        "several values",
    ),
    (
        "one name, two forms",
        lambda on: on.run.log_row("accuracy", x=1),
        old.UserErrorException,
        ValueError,
        "use another name",
    ),
]

FILES: list[Misuse] = [
    ("no picture", lambda on: on.run.log_image("m"), old.AzureMLException, TypeError, "as path=, or a figure"),
    (
        "two pictures",
        lambda on: on.run.log_image("m", path="a.png", plot="b.png"),
        old.AzureMLException,
        TypeError,
        "takes one picture",
    ),
    (
        "a text as picture",
        lambda on: on.run.log_image("m", path="train.py"),
        old.UserErrorException,
        TypeError,
        r"upload_file\(\)",
    ),
    (
        "a matrix that is no JSON",
        lambda on: on.run.log_confusion_matrix("m", "{no json"),
        old.UserErrorException,
        TypeError,
        "JSON",
    ),
    (
        "a table without data",
        lambda on: on.run.log_accuracy_table("m", {"schema_type": "accuracy_table"}),
        old.UserErrorException,
        TypeError,
        "schema_version",
    ),
    (
        "names for other files",
        lambda on: on.run.upload_files(["a", "b"], ["train.py"]),
        TypeError,
        TypeError,
        "2 names for 1 paths; give as many",
    ),
    (
        "a number as file",
        lambda on: on.run.upload_file("a", 3),
        old.UserErrorException,
        TypeError,
        "as a path or as a stream",
    ),
    (
        "a text stream as file",
        lambda on: on.run.upload_file("a", StringIO("text")),
        old.UserErrorException,
        TypeError,
        "binary",
    ),
    (
        "a name outside of the run",
        lambda on: on.run.upload_file("../a", "train.py"),
        old.UserErrorException,
        ValueError,
        "give a relative path",
    ),
    (
        "a file that is not there",
        lambda on: on.run.download_file("outputs/none.pkl"),
        old.UserErrorException,
        LookupError,
        "its files: outputs/model.pkl",
    ),
]

RUNS: list[Misuse] = [
    (
        "a property twice",
        lambda on: on.run.add_properties({"author": "another"}),
        old.UserErrorException,
        ValueError,
        "use a tag instead",
    ),
    ("a number as error", lambda on: on.run.fail(error_details=NUMBER), TypeError, TypeError, "string"),
    (
        "a run that is not there",
        lambda on: Run(on.experiment, "nobody").get_metrics(),
        old.UserErrorException,
        LookupError,
        "`runstream runs` lists",
    ),
    (
        "too many children",
        lambda on: on.run.create_children(count=101),
        old.UserErrorException,
        TypeError,
        "more than once",
    ),
    (
        "no run to be in",
        lambda _: Run.get_context(allow_offline=False),
        old.RunEnvironmentException,
        RuntimeError,
        "submit the script, or leave",
    ),
    (
        "a snapshot of nothing",
        lambda on: on.run.take_snapshot("nowhere"),
        old.SnapshotException,
        ValueError,
        "nowhere was taken: it is not there",
    ),
    (
        "a snapshot that was not taken",
        lambda on: on.run.restore_snapshot(),
        old.SnapshotException,
        LookupError,
        r"take_snapshot\(folder\) keeps one",
    ),
    (
        "a folder that cannot be kept",
        lambda on: on.experiment.start_logging(snapshot_directory="nowhere"),
        old.SnapshotException,
        ValueError,
        r"snapshot_directory=None\) starts without",
    ),
    (
        "an experiment without a name",
        lambda on: Experiment(on.workspace, ""),
        old.UserErrorException,
        ValueError,
        "choose another experiment",
    ),
    (
        "an experiment without a workspace",
        lambda _: Experiment("lab", "e"),  # type: ignore[arg-type]
        TypeError,
        TypeError,
        "takes Workspace first, not str",
    ),
    (
        "a folder without a workspace file",
        lambda _: Workspace.from_config(),
        old.UserErrorException,
        ValueError,
        r"here or in any folder above; write_config\(\) makes one",
    ),
    (
        "a workspace that is not there",
        lambda _: Workspace.get("nowhere"),
        old.WorkspaceException,
        LookupError,
        "nowhere",
    ),
    (
        "a workspace that is there already",
        lambda on: Workspace.create(on.workspace.name),
        old.WorkspaceException,
        ValueError,
        "exist_ok=True",
    ),
]

MODELS: list[Misuse] = [
    (
        "a model of no file",
        lambda on: on.run.register_model("ridge", "outputs/none.pkl"),
        old.ModelPathNotFoundException,
        LookupError,
        "its files: outputs/model.pkl",
    ),
    (
        "a model of no file of this machine",
        lambda on: Model.register(on.workspace, "none.pkl", "ridge"),
        old.ModelPathNotFoundException,
        LookupError,
        "none.pkl",
    ),
    (
        "a model with a bad name",
        lambda on: on.run.register_model("a b", "outputs/model.pkl"),
        old.UserErrorException,
        ValueError,
        "choose another model",
    ),
    (
        "a model that is not there",
        lambda on: Model(on.workspace, "none"),
        old.ModelNotFoundException,
        LookupError,
        r"Model\.list\(workspace\) shows all",
    ),
    (
        "a model that is not there, as a service",
        lambda on: Model(on.workspace, "none"),
        old.WebserviceException,
        LookupError,
        r"it has: ",
    ),
    (
        "a download over a file",
        lambda on: [on.run.register_model("twice", "outputs/model.pkl").download() for _ in range(2)],
        old.UserErrorException,
        FileExistsError,
        "exist_ok=True",
    ),
]

SUBMISSIONS: list[Misuse] = [
    (
        "a folder that is not there",
        lambda on: on.experiment.submit(ScriptRunConfig("nowhere", "train.py")),
        old.ExperimentExecutionException,
        ValueError,
        "is no folder; give the one that holds the script",
    ),
    (
        "an interpreter that is not there",
        lambda on: on.experiment.submit(with_interpreter("/opt/none/bin/python")),
        old.ExperimentExecutionException,
        ValueError,
        "give the path of a Python, or 'python'",
    ),
    (
        "waiting for a run that failed",
        lambda on: wait_for_failed(on.run),
        old.ActivityFailedException,
        RuntimeError,
        "the loss is NaN",
    ),
    (
        "something else than a configuration",
        lambda on: on.experiment.submit("train.py"),  # type: ignore[arg-type]
        old.AzureMLException,
        ValueError,
        "is no ScriptRunConfig",
    ),
    (
        "a script outside of the folder",
        lambda on: on.experiment.submit(managed("../train.py")),
        old.ExperimentExecutionException,
        ValueError,
        "lies outside of source_directory",
    ),
    (
        "a script that is not there",
        lambda on: on.experiment.submit(managed("tarin.py")),
        old.ExperimentExecutionException,
        ValueError,
        r"which has \['train.py'\]",
    ),
    (
        "a misspelt attribute",
        lambda _: set_misspelt(RunConfiguration().environment.python, "user_managed_dependancies"),
        old.RunConfigurationException,
        AttributeError,
        "did you mean 'user_managed_dependencies'",
    ),
    (
        "a misspelt attribute of an environment",
        lambda _: set_misspelt(Environment("e"), "pyhton"),
        old.UserErrorException,
        AttributeError,
        "did you mean 'python'",
    ),
    (
        "a cluster",
        lambda _: ScriptRunConfig(".", "train.py", compute_target="gpu-cluster"),
        old.AzureMLException,
        NotImplementedError,
        "'gpu-cluster' is out of scope",
    ),
    (
        "packages that are one string",
        lambda _: CondaDependencies.create(conda_packages="numpy"),
        old.UserErrorException,
        ValueError,
        r"conda_packages=\['numpy'\]",
    ),
    (
        "arguments that are one string",
        lambda on: on.experiment.submit(managed(arguments="--alpha 3")),
        old.UserErrorException,
        ValueError,
        r"such as \['--alpha', 0.3\]",
    ),
]

ALL = [*VALUES, *FILES, *RUNS, *MODELS, *SUBMISSIONS]


@pytest.fixture
def on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Setting:
    """Give a run with a metric, a property and a file, in a folder with a script."""
    folder = tmp_path / "folder"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "train.py").write_text("pass\n")
    workspace = Workspace(workspace_name="lab")
    experiment = Experiment(workspace, "misuse")
    run = experiment.start_logging(snapshot_directory=None)
    run.log("accuracy", 0.9)
    run.add_properties({"author": "somebody"})
    run.upload_file("outputs/model.pkl", "train.py")
    return Setting(workspace, experiment, run)


@pytest.mark.parametrize(("what", "do", "old_kind", "kind", "says"), ALL, ids=[row[0] for row in ALL])
def test_a_misuse_is_told(
    on: Setting,
    what: str,
    do: Callable[[Setting], Any],
    old_kind: type[BaseException],
    kind: type[BaseException],
    says: str,
) -> None:
    """Each misuse raises what code for the SDK catches, which is the natural builtin too, and says what to do."""
    with pytest.raises(old_kind, match=says) as told:
        do(on)
    assert isinstance(told.value, kind), what


def test_what_the_sdk_lost_is_kept(on: Setting) -> None:
    """What the SDK stored wrongly or dropped is no misuse here: numpy's integers, 0-d arrays, NaN, uneven rows."""
    on.run.log("integer", np.int64(2))
    on.run.log_list("array", np.arange(2))
    on.run.log("nan", math.nan)
    on.run.log_row("rows", x=np.int64(1))
    on.run.log_row("rows", y=np.array(2.5))
    on.run.log_list("none", [])
    found = on.run.get_metrics()
    assert math.isnan(found.pop("nan"))
    assert found == {
        "accuracy": 0.9,
        "integer": 2,
        "array": [0, 1],
        "rows": {"x": [1, None], "y": [None, 2.5]},
        "none": [],
    }


def test_a_misuse_leaves_nothing_behind(on: Setting) -> None:
    """A call that raised has logged nothing: no half of a row, no property of several, no tag."""
    with pytest.raises(TypeError):
        on.run.log_row("half", x=1, y=[2])
    with pytest.raises(ValueError, match="author"):
        on.run.add_properties({"new": "1", "author": "2"})
    with pytest.raises(ValueError, match="tag"):
        on.run.set_tags({"fine": "1", "": "2"})
    assert on.run.get_metrics() == {"accuracy": 0.9}
    assert "new" not in on.run.get_properties()
    assert on.run.get_tags() == {}


def test_other_trouble_is_not_the_callers() -> None:
    """What the caller cannot help, such as the platform, is no UserErrorException."""
    assert not issubclass(PlatformUnsupported, old.UserErrorException)
