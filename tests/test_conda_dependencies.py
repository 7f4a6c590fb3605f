"""Packages by the names of conda and pip: translated, refused by name, read from files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runstream import CondaDependencies, Environment, RunConfiguration
from runstream_schemas.errors import InvalidConfiguration, InvalidName, PackageUnavailable
from tests.submitted import folder, submit


def test_conda_names_become_those_of_pip() -> None:
    """Versions, renamed packages and channels of conda are translated; equal lines are kept once, sorted."""
    packages = CondaDependencies.create(
        pip_packages=["requests>=2", "numpy==2.1.*"],
        conda_packages=["scikit-learn=1.4", "pytorch", "conda-forge::opencv>=4", "numpy=2.1", "pandas==2.2.0", "Flask"],
    )
    packages.remove_pip_package("requests>=2")
    packages.remove_conda_package("nothing")
    assert packages.requirements() == [
        "flask", "numpy==2.1.*", "opencv-python>=4", "pandas==2.2.0", "scikit-learn==1.4.*", "torch",
    ]  # fmt: skip
    packages.remove_conda_package("Flask")
    assert "flask" not in packages.requirements()


@pytest.mark.parametrize("package", ["cudatoolkit=10.0", "gcc_linux-64", "r-base=3.6", "libgcc-ng", "nodejs"])
def test_what_only_conda_has_is_refused_by_name(package: str, tmp_path: Path) -> None:
    """A package that pip cannot provide is named at submit."""
    configuration = RunConfiguration(conda_dependencies=CondaDependencies.create(conda_packages=[package]))
    with pytest.raises(PackageUnavailable, match=package):
        submit(folder(tmp_path / "code"), run_config=configuration)
    assert not (tmp_path / "home").exists()


def test_packages_of_the_sdk_are_ours(caplog: pytest.LogCaptureFixture) -> None:
    """azureml-defaults and its kin are not installed, for runstream takes their place; that is said once."""
    packages = CondaDependencies.create(pip_packages=["azureml-defaults", "azureml-sdk[notebooks]==1.0", "requests"])
    assert packages.requirements() == ["requests"]
    assert "azureml-defaults" in caplog.text


def test_pip_gets_its_options(caplog: pytest.LogCaptureFixture) -> None:
    """An index and other options are kept for pip; a conda channel is accepted with a word about it."""
    packages = CondaDependencies.create(pip_indexurl="https://example.org/simple", python_version="3.11")
    packages.set_pip_option("--pre")
    packages.add_conda_package("python=3.12")
    packages.add_channel("conda-forge")
    assert packages.pip_options == ["--index-url https://example.org/simple", "--pre"]
    assert (packages.python_version, packages.requirements()) == ("3.12", [])
    assert "conda-forge" in caplog.text


@pytest.mark.parametrize(
    "call",
    [
        lambda: CondaDependencies.create(pip_packages="numpy"),
        lambda: CondaDependencies.create(pip_packages=[""]),
        lambda: CondaDependencies.create(pip_packages=["a\nb"]),
        lambda: CondaDependencies.create(conda_packages=["="]),
        lambda: CondaDependencies.create(conda_packages=[3]),  # type: ignore[list-item]
        lambda: CondaDependencies.create(python_version="three"),
        lambda: CondaDependencies().set_pip_option("pre"),
    ],
)
def test_packages_that_are_none_are_refused(call: Any) -> None:
    """A string for a list, empty names and versions of words raise where they are given."""
    with pytest.raises(InvalidConfiguration):
        call()


def test_an_environment_is_read_from_a_requirements_file(tmp_path: Path) -> None:
    """Packages and options of a requirements file are taken, comments are not."""
    path = tmp_path / "requirements.txt"
    path.write_text("# ours\n--pre\nnumpy==2.1  # fast\n\n-e ./mine\n")
    packages = Environment.from_pip_requirements("mine", path).python.conda_dependencies
    assert (packages.pip_options, packages.requirements()) == (["--pre"], ["-e ./mine", "numpy==2.1"])
    with pytest.raises(InvalidName):
        Environment("")


CONDA_FILE = """
# made by hand
name: mine
channels:
  - conda-forge
dependencies:
  - python=3.11
  - numpy=2.1  # fast
  - "pandas>=2"
  - pip
  - pip:
    - requests
    - ./local
  - scipy
prefix: /opt/envs/mine
"""


def test_an_environment_is_read_from_condas_file(tmp_path: Path) -> None:
    """Packages of conda and of pip, and the Python's version, are taken; what is written is read again."""
    (tmp_path / "environment.yml").write_text(CONDA_FILE)
    packages = Environment.from_conda_specification("mine", tmp_path / "environment.yml").python.conda_dependencies
    assert (packages.python_version, packages.pip_packages) == ("3.11", ["requests", "./local"])
    assert packages.requirements() == ["./local", "numpy==2.1.*", "pandas>=2", "requests", "scipy"]
    assert packages.save_to_file(tmp_path) == "conda.yml"
    again = CondaDependencies(tmp_path / "conda.yml")
    assert (again.requirements(), again.python_version) == (packages.requirements(), "3.11")


@pytest.mark.parametrize("text", ["dependencies: [numpy]\n", "dependencies:\n  numpy\n", "dependencies:\n  - \n"])
def test_a_file_that_is_no_condas_is_refused(text: str, tmp_path: Path) -> None:
    """A line that is no package is named, with its file."""
    (tmp_path / "environment.yml").write_text(text)
    with pytest.raises(InvalidConfiguration, match=r"environment\.yml"):
        CondaDependencies(tmp_path / "environment.yml")
