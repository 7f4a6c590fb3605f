"""Packages of a submitted run are installed into a virtual environment, once for every run that asks for the same."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from runstream import CondaDependencies, RunConfiguration, venvs
from runstream.azureml import alias
from runstream_schemas.errors import PackageUnavailable, SubmissionRefused
from runstream_schemas.events import LogEvent
from runstream_schemas.home import Home, locked
from tests.run_events import events, statuses
from tests.submitted import ended, folder, folder_of, submit, wait

PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "tinypkg"
version = "1"
"""
# A whole build backend: a package that needs nothing from anywhere is made by it.
BACKEND = """
import zipfile
INFO = "tinypkg-1.dist-info/"
def build_wheel(folder, config_settings=None, metadata_directory=None):
    name = "tinypkg-1-py3-none-any.whl"
    with zipfile.ZipFile(f"{folder}/{name}", "w") as wheel:
        wheel.write("tinypkg.py")
        wheel.writestr(INFO + "METADATA", "Metadata-Version: 2.1\\nName: tinypkg\\nVersion: 1\\n")
        wheel.writestr(INFO + "WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(INFO + "RECORD", "")
    return name
"""


def with_package(path: Path, script: str, value: int = 7) -> Path:
    """Write a folder with a script and a package of one module."""
    source = folder(path, script)
    package = folder(source / "tiny", pyproject__toml=PYPROJECT, backend__py=BACKEND, tinypkg__py=f"VALUE = {value}\n")
    (package / "train.py").unlink()
    return source


def managed(*packages: str) -> RunConfiguration:
    """Return a configuration that has these packages installed."""
    return RunConfiguration(conda_dependencies=CondaDependencies.create(pip_packages=packages))


def planned(home_path: Path, code: Path, *lines: str, version: str | None = None) -> venvs.Venv:
    """Return the environment of these lines for this Python."""
    return venvs.planned(Home(home_path), sys.executable, code, lines, [], version)


def test_packages_are_installed_once(tmp_path: Path, home_path: Path) -> None:
    """The script finds its package and runstream, none of the submitting process's; the next run makes nothing."""
    script = """
        import sys, tinypkg
        from runstream import Run
        run = Run.get_context()
        run.log("value", tinypkg.VALUE)
        run.log("prefix", sys.prefix)
        try:
            import numpy
        except ImportError:
            run.log("alone", True)
    """
    source = with_package(tmp_path / "code", script)
    run = submit(source, run_config=managed("./tiny"))
    wait(run)
    assert statuses(home_path) == ["Preparing", "Running", "Completed"]
    [made] = [path for path in (home_path / "environments").iterdir() if path.is_dir()]
    assert run.get_metrics() == {"value": 7, "prefix": str(made), "alone": True}
    is_new = (made / "complete").stat().st_mtime_ns
    again = submit(source, run_config=managed("./tiny"))
    assert (ended(again), again.get_metrics()["prefix"]) == ("Completed", str(made))
    assert (made / "complete").stat().st_mtime_ns == is_new


def test_an_unchanged_script_finds_the_old_names(
    tmp_path: Path, home_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where azureml means runstream.azureml, it does so in a virtual environment; other folders stay outside."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(alias.STARTUP), str(tmp_path)]))
    script = """
        import sys
        from azureml.core import Run
        Run.get_context().log_list("path", sys.path)
    """
    run = submit(folder(tmp_path / "code", script), run_config=RunConfiguration())
    assert ended(run) == "Completed"
    path = run.get_metrics()["path"]
    assert str(tmp_path) not in path
    assert str(home_path / "environments") in " ".join(path)


def test_a_package_that_is_not_there_is_named(tmp_path: Path, home_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What pip cannot find fails the run by name; nothing half made is left, and pip's words are in the run's log."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("RUNSTREAM_CAPTURE", "console")
    source = folder(tmp_path / "code", "open('ran', 'w')")
    run = submit(source, run_config=managed("no-such-package-at-all==9"))
    wait(run)
    logged = "".join(event.text for event in events(home_path, LogEvent) if event.stream == "environment")
    assert "No matching distribution found for no-such-package-at-all==9" in logged
    row = run._reader().row()
    assert (row.status, row.error_type, row.error_code) == ("Failed", "PackageUnavailable", "NotStarted")
    assert "package 'no-such-package-at-all==9' cannot be installed" in str(row.error_message)
    assert not (folder_of(run).code / "ran").exists()
    assert [path for path in (home_path / "environments").iterdir() if path.is_dir()] == []


def test_a_run_is_canceled_while_it_is_prepared(tmp_path: Path, home_path: Path) -> None:
    """A run that waits for an environment which another run makes is Preparing, and ends at once when canceled."""
    source = with_package(tmp_path / "code", "open('ran', 'w')")
    venv = planned(home_path, source, "./tiny")
    venv.lock.parent.mkdir(parents=True)
    with locked(venv.lock) as descriptor:
        assert descriptor is not None
        run = submit(source, run_config=managed("./tiny"))
        assert run.get_status() == "Preparing"
        run.cancel()
        assert ended(run) == "Canceled"
    assert not (folder_of(run).code / "ran").exists()


def test_an_environment_is_named_by_what_it_is_made_of(tmp_path: Path, home_path: Path) -> None:
    """The order of packages does not matter; versions, options and the contents of local packages do."""
    first = with_package(tmp_path / "one", "")
    same = with_package(tmp_path / "two", "")
    other = with_package(tmp_path / "three", "", value=8)
    path = planned(home_path, first, "./tiny", "numpy").path
    assert planned(home_path, same, "numpy", "-e ./tiny").path == path
    assert planned(home_path, other, "./tiny", "numpy").path != path
    assert planned(home_path, first, "./tiny", "numpy==2").path != path
    with_option = venvs.planned(Home(home_path), sys.executable, first, ["./tiny", "numpy"], ["--pre"], None)
    assert with_option.path != path


def test_runstream_needs_what_it_needs(tmp_path: Path, home_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What logging needs is there without pip in the same Python, and installed in another; so is what extras need."""
    plain = planned(home_path, tmp_path)
    assert {link.name for link in plain.links} >= {"runstream", "runstream_schemas", "fastavro", "kafka", "crc32c"}
    assert (plain.lines, plain.installing(tmp_path / "none")) == ((), None)
    reading = planned(home_path, tmp_path, "runstream[dashboard]").lines
    assert any(line.startswith("streamlit") for line in reading)
    assert any(line.startswith("duckdb==") for line in reading)
    assert not any(line.startswith("runstream") for line in reading)
    monkeypatch.setattr(venvs, "_probed", lambda _: ["3.12.1", "3.12.1 (other)", "/other"])
    other = planned(home_path, tmp_path)
    assert [line.partition(">")[0].partition("[")[0] for line in other.lines] == ["fastavro", "kafka-python"]
    assert not {link.name for link in other.links} & {"fastavro", "kafka", "crc32c"}


@pytest.mark.parametrize(("version", "fits"), [("3", True), ("3.11.", False), ("2.7", False), ("3.1", False)])
def test_the_interpreter_must_have_the_version(version: str, fits: bool, tmp_path: Path, home_path: Path) -> None:
    """A Python of another version is an error that names both, and says what to set."""
    if fits:
        assert planned(home_path, tmp_path, version=version).base == sys.executable
    else:
        with pytest.raises(PackageUnavailable, match=rf"python={version}.*interpreter_path"):
            planned(home_path, tmp_path, version=version)


def test_a_python_without_venv_is_told(tmp_path: Path, home_path: Path) -> None:
    """An interpreter that makes no virtual environment fails the run with its own last words."""
    broken = tmp_path / "python"
    broken.write_text(f'#!/bin/sh\n[ "$2" = venv ] && echo no venv here >&2 && exit 1\nexec {sys.executable} "$@"\n')
    broken.chmod(0o755)
    configuration = RunConfiguration()
    configuration.environment.python.interpreter_path = str(broken)
    run = submit(folder(tmp_path / "code"), run_config=configuration)
    assert ended(run) == "Failed"
    assert "makes no virtual environment: no venv here" in str(run._reader().row().error_message)
    assert [path for path in (home_path / "environments").iterdir() if path.is_dir()] == []


def test_what_is_no_python_is_refused(tmp_path: Path, home_path: Path) -> None:
    """A program that is no Python fails the run before anything is made."""
    with pytest.raises(SubmissionRefused, match="no Python that works"):
        venvs.planned(Home(home_path), "/bin/true", tmp_path, [], [], None)


@pytest.mark.parametrize(
    ("output", "package"),
    [
        ("ERROR: Could not find x (from versions: none)\nERROR: No matching distribution found for x==9", "x==9"),
        ("ERROR: No matching distribution found for y>=2 (from x)", "y>=2"),
        ("ERROR: Invalid requirement: 'a b': Expected end", "a b"),
        ("ERROR: ResolutionImpossible: for help visit", "one, two"),
        ("", "one, two"),
    ],
)  # fmt: skip
def test_pips_words_become_an_error(output: str, package: str) -> None:
    """The error names the package that pip names, else all of them, and gives pip's own last word."""
    error = venvs.Venv(Path("none"), "python", ("one", "two"), ()).refusal(output)
    assert error.package == package
    assert "pip " in error.reason
