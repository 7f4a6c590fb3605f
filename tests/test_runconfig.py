"""What is submitted is checked before anything starts: each mistake is an error that names it."""

from __future__ import annotations

import copy
import json
import logging
import os
import pickle
import sys
from pathlib import Path
from typing import Any

import pytest

from runstream import CondaDependencies, Environment, RunConfiguration, ScriptRunConfig, submission
from runstream.run_folder import started_at
from runstream_schemas.errors import (
    InvalidConfiguration,
    OutOfScope,
    PlatformUnsupported,
    SubmissionFailed,
    SubmissionRefused,
    UnknownAttribute,
)
from tests.submitted import EXPERIMENT, ended, folder, folder_of, submit, user_managed


def test_the_defaults_are_those_of_the_sdk() -> None:
    """A new RunConfiguration runs locally, in an environment that is made, with the Python that submits."""
    configuration = RunConfiguration()
    python = configuration.environment.python
    assert (configuration.target, configuration.node_count, configuration.framework) == ("local", 1, "Python")
    assert (python.user_managed_dependencies, python.interpreter_path) == (False, "python")
    assert (configuration.environment.docker.enabled, configuration.environment.docker.base_image) == (False, None)
    assert configuration.history.directories_to_watch == ["logs"]


@pytest.mark.parametrize(
    ("path", "nearest"),
    [
        ("environmnt", "environment"),
        ("environment.pyhton", "python"),
        ("environment.python.user_managed_dependency", "user_managed_dependencies"),
        ("environment.python.conda_dependencies.pip_package", "pip_packages"),
        ("environment.docker.enable", "enabled"),
        ("history.snapshot_projekt", "snapshot_project"),
        ("zzz", None),
    ],
)
def test_a_misspelt_attribute_raises(path: str, nearest: str | None) -> None:
    """Setting or reading a field that is not there raises, with the name that was meant."""
    target: Any = RunConfiguration()
    *parents, name = path.split(".")
    for parent in parents:
        target = getattr(target, parent)
    with pytest.raises(UnknownAttribute) as raised:
        setattr(target, name, True)
    assert (raised.value.attribute, raised.value.nearest) == (name, nearest)
    with pytest.raises(AttributeError, match=name):
        getattr(target, name)


def test_a_misspelt_field_of_a_script_raises(tmp_path: Path) -> None:
    """ScriptRunConfig is as strict, and its run_config can be changed."""
    submitted = ScriptRunConfig(tmp_path, "train.py")
    submitted.run_config.environment = Environment("mine")
    with pytest.raises(UnknownAttribute, match="did you mean 'arguments'"):
        submitted.argument = []


def test_configurations_are_copied_and_pickled(tmp_path: Path) -> None:
    """A configuration can be copied, changed without changing the other, and sent to another process."""
    submitted = ScriptRunConfig(tmp_path, "train.py", [1], run_config=user_managed())
    other = copy.deepcopy(submitted)
    other.run_config.environment.python.user_managed_dependencies = False
    assert submitted.run_config.environment.python.user_managed_dependencies is True
    assert pickle.loads(pickle.dumps(submitted)).arguments == [1]
    assert "train.py" in repr(submitted)


@pytest.mark.parametrize(
    ("field", "value", "what"),
    [
        ("target", "my-cluster", "my-cluster"),
        ("node_count", 4, "4 nodes"),
        ("framework", "PySpark", "PySpark"),
        ("communicator", "Mpi", "Mpi"),
        ("environment.docker.enabled", True, "Docker"),
        ("environment.docker.base_image", "an-image", "Docker"),
        ("docker.use_docker", True, "Docker"),
        ("docker", True, "Docker"),
    ],
)
def test_what_is_out_of_scope_says_so(field: str, value: object, what: str) -> None:
    """Clusters, Spark, MPI and containers raise at the assignment, by name, and say what can be done."""
    target: Any = RunConfiguration()
    *parents, name = field.split(".")
    for parent in parents:
        target = getattr(target, parent)
    with pytest.raises(OutOfScope, match=what) as raised:
        setattr(target, name, value)
    assert raised.value.instead
    setattr(target, name, {"target": "local", "node_count": 1, "framework": "Python"}.get(name))
    assert getattr(target, name) != value


@pytest.mark.parametrize("name", ["distributed_job_config", "resume_from", "docker_runtime_config"])
def test_parameters_of_other_machines_are_refused(name: str, tmp_path: Path) -> None:
    """Parameters that mean nothing here raise when they are given, instead of doing nothing."""
    with pytest.raises(OutOfScope, match=name):
        ScriptRunConfig(tmp_path, "train.py", **{name: object()})  # type: ignore[arg-type]


def test_run_config_wins_over_environment(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """With run_config given, environment is ignored with a warning; script and arguments given beside it win."""
    configuration = RunConfiguration(script="other.py", arguments=["a"])
    with caplog.at_level(logging.WARNING):
        submitted = ScriptRunConfig(tmp_path, "train.py", ["b"], run_config=configuration, environment=Environment("e"))
    assert "environment and compute_target are ignored" in caplog.text
    assert (submitted.script, submitted.arguments, submitted.run_config) == ("train.py", ["b"], configuration)
    assert ScriptRunConfig(tmp_path, run_config=configuration).script == "other.py"


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"script": None}, "give one of the two"),
        ({"command": ["ls"]}, "give one of the two"),
        ({"arguments": "--alpha 3"}, "no list of words"),
        ({"arguments": [{"a": 1}]}, "neither text nor number"),
        ({"arguments": ["a\0b"]}, "NUL"),
        ({"max_run_duration_seconds": 0}, "max_run_duration_seconds"),
        ({"max_run_duration_seconds": "long"}, "max_run_duration_seconds"),
        ({"max_run_duration_seconds": float("nan")}, "max_run_duration_seconds"),
    ],
)
def test_fields_that_cannot_be_used_are_named(fields: dict[str, Any], named: str, tmp_path: Path) -> None:
    """A wrong script, argument or duration is an InvalidConfiguration at submit, and nothing is started."""
    source = folder(tmp_path / "code")
    with pytest.raises(InvalidConfiguration, match=named):
        submit(source, **fields) if "arguments" not in fields else EXPERIMENT.submit(
            ScriptRunConfig(source, "train.py", run_config=user_managed(), **fields)
        )
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("environment", "conda"),
        ("environment.python", None),
        ("environment.python.user_managed_dependencies", "yes"),
        ("environment.python.interpreter_path", 3),
        ("environment.python.conda_dependencies", ["numpy"]),
        ("environment.environment_variables", ["A=b"]),
        ("environment_variables", {"A": None}),
        ("environment_variables", {"A=B": "c"}),
        ("environment_variables", {"A": "b\0"}),
        ("history", None),
        ("history.snapshot_project", "no"),
    ],
)
def test_sections_with_other_types_are_named(path: str, value: Any, tmp_path: Path) -> None:
    """What a user put into a section is checked at submit; the error names the field."""
    configuration: Any = user_managed()
    target = configuration
    *parents, name = path.split(".")
    for parent in parents:
        target = getattr(target, parent)
    setattr(target, name, value)
    with pytest.raises(InvalidConfiguration, match=name):
        submit(folder(tmp_path / "code"), run_config=configuration)


def test_only_a_script_run_config_is_submitted(tmp_path: Path) -> None:
    """Submitting something else says what submit() takes."""
    with pytest.raises(InvalidConfiguration, match="no ScriptRunConfig"):
        EXPERIMENT.submit(RunConfiguration())  # type: ignore[arg-type]
    with pytest.raises(InvalidConfiguration, match="no RunConfiguration"):
        ScriptRunConfig(tmp_path, "train.py", run_config="local")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("script", "named"),
    [("trian.py", "trian.py.*has.*train.py"), ("../train.py", "lies outside"), ("/etc/passwd", "lies outside")],
)
def test_a_missing_script_is_refused(script: str, named: str, tmp_path: Path) -> None:
    """A script that is not in the folder is an error at submit that names it, and what is there."""
    with pytest.raises(SubmissionRefused, match=named):
        submit(folder(tmp_path / "code"), script=script)


@pytest.mark.parametrize("script", ["train.py", "logs/train.py"])
def test_a_script_that_is_left_out_is_refused(script: str, tmp_path: Path) -> None:
    """A script that an ignore rule names, or that lies among results, would not be there to run."""
    source = folder(tmp_path / "code", __amlignore="train.py\n" if script == "train.py" else "")
    (source / "logs").mkdir()
    (source / "logs" / "train.py").touch()
    with pytest.raises(SubmissionRefused, match="left out of the run's folder"):
        submit(source, script=script)
    assert not (tmp_path / "home" / "runs").exists()


def test_a_script_is_found_by_any_path_to_it(tmp_path: Path) -> None:
    """Below a folder, by an absolute path, and past a link to the folder."""
    source = folder(tmp_path / "code")
    (source / "deep").mkdir()
    (source / "deep" / "fit.py").write_text("open('ran', 'w')")
    (tmp_path / "link").symlink_to(source)
    given = ["deep/fit.py", "./deep/../deep/fit.py", str(source / "deep" / "fit.py")]
    runs = [submit(tmp_path / "link", script=script) for script in given]
    for run in runs:
        assert ended(run) == "Completed"
        assert (folder_of(run).code / "ran").exists()


def test_scripts_are_submitted_on_linux(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere the error says that nothing could watch the script."""
    source = folder(tmp_path / "code")
    monkeypatch.setattr("sys.platform", "darwin")
    with pytest.raises(PlatformUnsupported, match="darwin"):
        submit(source)


def test_a_supervisor_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """submit() does not wait for ever; nothing of what it started is left."""
    monkeypatch.setattr(submission, "ANSWER_S", 0.3)
    waiting = tmp_path / "python"
    waiting.write_text("#!/bin/sh\necho $$ > ../../../pid\nexec sleep 1000\n")
    waiting.chmod(0o755)
    source = folder(tmp_path / "code")
    monkeypatch.setattr("sys.executable", str(waiting))
    with pytest.raises(SubmissionFailed, match="did not answer"):
        submit(source)
    assert started_at(int((tmp_path / "pid").read_text())) is None


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    """A folder that is not there, or is a file, is named at submit."""
    (tmp_path / "file").touch()
    for name in ("nowhere", "file"):
        with pytest.raises(SubmissionRefused, match=name) as raised:
            submit(tmp_path / name)
        with pytest.raises(InvalidConfiguration, match="no path of a folder"):
            ScriptRunConfig(None, "train.py")  # type: ignore[arg-type]
        assert raised.value.what == "source_directory"


def test_a_missing_interpreter_is_refused(tmp_path: Path) -> None:
    """An interpreter that is not there, or cannot be run, is named at submit."""
    configuration = user_managed()
    for path in ("/nowhere/python", "no-such-python", str(folder(tmp_path / "code") / "train.py")):
        configuration.environment.python.interpreter_path = path
        with pytest.raises(SubmissionRefused, match=path) as raised:
            submit(tmp_path / "code", run_config=configuration)
        assert raised.value.what == "interpreter_path"


def test_an_interpreter_and_variables_reach_the_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The named interpreter runs the script; variables of the environment, of the configuration and of ours are set."""
    link = tmp_path / "my-python"
    link.symlink_to(sys.executable)
    monkeypatch.setenv("MINE", "inherited")
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    monkeypatch.setitem(sys.modules, "ipykernel", sys)  # whose own settings a script has no use for
    configuration = user_managed()
    configuration.environment.python.interpreter_path = str(link)
    configuration.environment.environment_variables = {"A": "1", "B": "1"}
    configuration.environment_variables = {"B": 2}
    script = """
        import json, os, sys
        names = ["MINE", "A", "B", "MPLBACKEND", "AZUREML_RUN_ID", "RUNSTREAM_RUN_ID"]
        json.dump([sys.executable, *map(os.environ.get, names)], open("told.json", "w"))
    """
    run = submit(folder(tmp_path / "code", script), run_config=configuration)
    assert ended(run) == "Completed"
    told = json.loads((folder_of(run).code / "told.json").read_text())
    assert told == [str(link), "inherited", "1", "2", None, run.id, run.id]


@pytest.mark.parametrize("command", ["echo $RUNSTREAM_RUN_ID > id", ["sh", "-c", "echo $RUNSTREAM_RUN_ID > id"]])
def test_a_command_is_run_instead_of_a_script(command: Any, tmp_path: Path) -> None:
    """A command is a line for the shell, or a list of words."""
    run = submit(folder(tmp_path / "code"), script=None, command=command)
    assert ended(run) == "Completed"
    assert (folder_of(run).code / "id").read_text().strip() == run.id


def test_a_command_that_is_not_there_fails_the_run(tmp_path: Path) -> None:
    """A program that cannot be started fails the run, which names it."""
    run = submit(folder(tmp_path / "code"), script=None, command=["no-such-program"])
    assert ended(run) == "Failed"
    assert "no-such-program cannot be started: No such file" in str(run._reader().row().error_message)


def test_a_configuration_is_saved_and_loaded(tmp_path: Path) -> None:
    """Every field comes back from the file, by its path or by folder and name."""
    saved = user_managed()
    saved.script, saved.arguments = "train.py", ["--alpha", 0.5]
    saved.environment_variables = {"A": "1"}
    saved.environment.python.conda_dependencies = CondaDependencies.create(
        pip_indexurl="https://example.org", pip_packages=["a"], conda_packages=["b=1"], python_version="3.11"
    )
    saved.history.directories_to_watch = []
    path = saved.save(tmp_path, "mine")
    assert path == str(tmp_path / ".azureml" / "mine.runconfig")
    for loaded in (RunConfiguration.load(path), RunConfiguration.load(tmp_path, "mine")):
        assert repr(loaded.history) == repr(saved.history)
        assert (loaded.script, loaded.arguments, loaded.variables()) == ("train.py", ["--alpha", 0.5], {"A": "1"})
        python = loaded.environment.python
        assert (python.user_managed_dependencies, python.interpreter_path) == (True, "python")
        packages = python.conda_dependencies
        assert (packages.requirements(), packages.python_version) == (["a", "b==1.*"], "3.11")
        assert packages.pip_options == ["--index-url https://example.org"]


def test_a_wrong_file_is_told(tmp_path: Path) -> None:
    """No file, other text, and a misspelt field are errors of their own."""
    with pytest.raises(FileNotFoundError, match=r"mine\.runconfig"):
        RunConfiguration.load(tmp_path, "mine")
    path = Path(RunConfiguration().save(tmp_path, "mine"))
    path.write_text(path.read_text().replace('"script"', '"skript"'))
    with pytest.raises(UnknownAttribute, match="did you mean 'script'"):
        RunConfiguration.load(path)
    for text in ("script: train.py\n", "[]", "{}"):
        path.write_text(text)
        with pytest.raises(InvalidConfiguration, match=r"mine\.runconfig"):
            RunConfiguration.load(path)


def test_relative_interpreters_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bare name is looked for on the PATH, a path with folders from the current one."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "my-python").symlink_to(sys.executable)
    source = folder(tmp_path / "code", "import sys; open('executable', 'w').write(sys.executable)")
    configuration = user_managed()
    monkeypatch.chdir(tmp_path)
    configuration.environment.python.interpreter_path = "bin/my-python"
    by_path = submit(source, run_config=configuration)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    configuration.environment.python.interpreter_path = "my-python"
    by_name = submit(source, run_config=configuration)
    for run in (by_path, by_name):
        assert ended(run) == "Completed"
        assert (folder_of(run).code / "executable").read_text() == str(tmp_path / "bin" / "my-python")
