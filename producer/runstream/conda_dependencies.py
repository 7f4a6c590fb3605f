"""The packages of a run's virtual environment, by the names that pip and conda give them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from runstream import conda_file, notices
from runstream.strict import Strict
from runstream_schemas.errors import InvalidConfiguration, PackageUnavailable

# Packages that pip knows by another name than conda.
_PIP_NAMES: Final = {
    "pytorch": "torch",
    "pytorch-cpu": "torch",
    "pytorch-gpu": "torch",
    "tensorflow-gpu": "tensorflow",
    "py-xgboost": "xgboost",
    "py-xgboost-cpu": "xgboost",
    "py-opencv": "opencv-python",
    "opencv": "opencv-python",
    "matplotlib-base": "matplotlib",
    "dask-core": "dask",
    "python-graphviz": "graphviz",
    "pytables": "tables",
    "msgpack-python": "msgpack",
    "seaborn-base": "seaborn",
    "ruamel_yaml": "ruamel.yaml",
}

# What conda installs and pip cannot: programs and libraries of the system, other languages.
_NOT_OF_PIP: Final = frozenset((
    "binutils", "boost", "bzip2", "ca-certificates", "clang", "cmake", "compilers", "cuda", "cuda-toolkit",
    "cudatoolkit", "cudnn", "c-compiler", "cxx-compiler", "ffmpeg", "gcc", "gcc_linux-64", "gdal", "gfortran", "git",
    "gxx", "gxx_linux-64", "hdf5", "java-jdk", "jpeg", "julia", "libblas", "libboost", "libffi", "libgcc",
    "libgcc-ng", "libgfortran-ng", "libpng", "libstdcxx-ng", "libxml2", "make", "mpich", "nccl", "ncurses", "nodejs",
    "openblas", "openjdk", "openmpi", "openssl", "perl", "proj", "qt", "r", "r-base", "readline", "sqlite", "tk",
    "xz", "zlib",
))  # fmt: skip

_CONDA_SPEC: Final = re.compile(r"(?:[\w.-]+::)?([A-Za-z0-9_][\w.-]*)\s*(.*)")
_PYTHON_VERSION: Final = re.compile(r"\d+(\.\d+){0,2}")


class CondaDependencies(Strict):
    """
    What a run's script needs: packages, installed by pip into a virtual environment of their own.

    `CondaDependencies.create(...)` makes one from lists. Names that conda gives are translated to pip's.

    Args:
        conda_dependencies_file_path: a file of conda's, such as environment.yml; its packages are taken.

    Raises:
        InvalidConfiguration: the file holds something that is no package.
        OSError: it cannot be read.
    """

    __slots__ = ("_conda_packages", "_options", "_pip_packages", "_python_version")

    def __init__(self, conda_dependencies_file_path: str | os.PathLike[str] | None = None) -> None:
        self._conda_packages: list[str] = []
        self._pip_packages: list[str] = []
        self._options: list[str] = []
        self._python_version: str | None = None
        if conda_dependencies_file_path is not None:
            of_conda, of_pip = conda_file.packages(Path(conda_dependencies_file_path))
            for package in of_conda:
                self.add_conda_package(package)
            for package in of_pip:
                self.add_pip_package(package)

    @classmethod
    def create(
        cls,
        pip_indexurl: str | None = None,
        pip_packages: Iterable[str] | None = None,
        conda_packages: Iterable[str] | None = None,
        python_version: str | None = None,
    ) -> CondaDependencies:
        """
        Return the dependencies made of these lists.

        Args:
            pip_indexurl: where pip looks for packages; left out, where this machine's pip does.
            pip_packages: as in a requirements file: names, versions, paths of local packages.
            conda_packages: as conda writes them, such as "scikit-learn=1.4".
            python_version: that the interpreter must have, such as "3.11".

        Raises:
            InvalidConfiguration: one of them is no package or version.
        """
        made = cls()
        if pip_indexurl is not None:
            made.set_pip_index_url(pip_indexurl)
        for package in _listed("pip_packages", pip_packages):
            made.add_pip_package(package)
        for package in _listed("conda_packages", conda_packages):
            made.add_conda_package(package)
        if python_version is not None:
            made.set_python_version(python_version)
        return made

    @property
    def pip_packages(self) -> list[str]:
        """The packages that were given by pip's names."""
        return list(self._pip_packages)

    @property
    def conda_packages(self) -> list[str]:
        """The packages that were given by conda's names."""
        return list(self._conda_packages)

    @property
    def pip_options(self) -> list[str]:
        """Options that pip gets, such as "--index-url ..."."""
        return list(self._options)

    @property
    def python_version(self) -> str | None:
        """The version that the interpreter must have, if one was asked for."""
        return self._python_version

    def add_pip_package(self, pip_package: str) -> None:
        """Add a line as in a requirements file. Raises InvalidConfiguration for one that is empty or has several."""
        _add(self._pip_packages, _line("pip_package", pip_package))

    def add_conda_package(self, conda_package: str) -> None:
        """
        Add a package by conda's name; "python=3.11" asks for an interpreter's version.

        Raises:
            InvalidConfiguration: it is no package name with a version.
        """
        spec = _line("conda_package", conda_package)
        name, version = _parsed(spec)
        if name == "pip":
            return  # it is there anyway
        if name == "python":
            self.set_python_version(version.lstrip("=").removesuffix(".*"))
        else:
            _add(self._conda_packages, spec)

    def remove_pip_package(self, pip_package: str) -> None:
        """Leave a package out again; one that is not there does no harm."""
        self._pip_packages = [line for line in self._pip_packages if line != pip_package]

    def remove_conda_package(self, conda_package: str) -> None:
        """Leave a package out again; one that is not there does no harm."""
        self._conda_packages = [line for line in self._conda_packages if line != conda_package]

    def set_pip_index_url(self, index_url: str) -> None:
        """Have pip look for packages at *index_url*; "--index-url ADDRESS" is understood, too."""
        self.set_pip_option(f"--index-url {index_url.removeprefix('--index-url').strip()}")

    def set_pip_option(self, pip_option: str) -> None:
        """Add an option as in a requirements file, such as "--extra-index-url ADDRESS"."""
        option = _line("pip_option", pip_option)
        if not option.startswith("-"):
            raise InvalidConfiguration("pip_option", option, "is no option of pip: those start with '-'")
        _add(self._options, option)

    def set_python_version(self, version: Any) -> None:
        """Ask for an interpreter of this version, such as "3.11". Raises InvalidConfiguration for no version."""
        if not isinstance(version, str) or not _PYTHON_VERSION.fullmatch(version):
            raise InvalidConfiguration("python_version", version, "is no version such as '3.11'")
        self._python_version = version

    def add_channel(self, channel: str) -> None:
        """Accept a channel of conda's, and say that pip has no use for it."""
        notices.once(("channel", channel), "conda channel %r is not used: packages are installed by pip", channel)

    def serialize_to_string(self) -> str:
        """Return the packages as the text of a file of conda's."""
        return conda_file.text(self._conda_packages, self._pip_packages, self._python_version)

    def save_to_file(self, base_directory: str | os.PathLike[str], conda_file_path: str = "conda.yml") -> str:
        """Write the packages into a file of conda's below *base_directory*; return its path there."""
        Path(base_directory, conda_file_path).write_text(self.serialize_to_string(), encoding="utf-8")
        return conda_file_path

    def requirements(self) -> list[str]:
        """
        Return everything as lines of a requirements file, sorted, each once.

        Raises:
            PackageUnavailable: pip cannot install one of the conda packages; the error names it.
        """
        translated = [_translated(spec) for spec in self._conda_packages]
        return sorted(line for line in {*self._pip_packages, *translated} if not _is_replaced(line))


def _listed(what: str, packages: Iterable[str] | None) -> list[str]:
    if isinstance(packages, str):
        raise InvalidConfiguration(what, packages, f"is one string: give a list, {what}=[{packages!r}]")
    return list(packages or ())


def _line(what: str, text: object) -> str:
    if not isinstance(text, str) or not text.strip() or "\n" in text or "\0" in text:
        raise InvalidConfiguration(what, text, "is no package: give one line, such as 'numpy==2.1'")
    return text.strip()


def _add(lines: list[str], line: str) -> None:
    if line not in lines:
        lines.append(line)


def _is_replaced(line: str) -> bool:
    """Tell whether a package is of the SDK that runstream takes the place of: installing it would help nobody."""
    if not line.lower().startswith("azureml-"):
        return False
    notices.once(("replaced", line), "package %r is not installed: runstream takes its place", line)
    return True


def _parsed(spec: str) -> tuple[str, str]:
    """Return name and version of what conda would be asked for."""
    match = _CONDA_SPEC.fullmatch(spec)
    if match is None:
        raise InvalidConfiguration("conda_package", spec, "is no package of conda's, such as 'numpy=2.1'")
    return match[1].lower(), match[2].strip()


def _translated(spec: str) -> str:
    """Return a conda package as pip asks for it: another name, "=1.2" as "==1.2.*"."""
    name, version = _parsed(spec)
    if name in _NOT_OF_PIP or name.startswith(("r-", "lib")):
        reason = "conda has it, pip does not; install it on this machine, and leave it out here"
        raise PackageUnavailable(package=spec, reason=reason)
    asked = _PIP_NAMES.get(name, name)
    if version.startswith("=") and not version.startswith("=="):
        number = version[1:].split("=")[0].strip()
        return f"{asked}=={number}" if number.endswith("*") else f"{asked}=={number}.*"
    return f"{asked}{version.replace(' ', '')}"
