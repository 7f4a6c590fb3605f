"""What a run's script runs in: an interpreter of its user's, or a virtual environment made for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from runstream.conda_dependencies import CondaDependencies
from runstream.strict import Strict
from runstream_schemas.errors import InvalidConfiguration, OutOfScope
from runstream_schemas.ids import check_name

NO_CONTAINERS = (
    "scripts run as processes of this machine; start the program that submits inside the container, or name its "
    "Python by environment.python.interpreter_path"
)


class PythonSection(Strict):
    """
    Which Python runs the script, and who sees to its packages.

    Attributes:
        user_managed_dependencies: True = the interpreter's own packages are used as they are; False = a virtual
            environment is made of it, with `conda_dependencies` in it.
        interpreter_path: a path, or a name that the shell would find; "python" is the one that submits.
        conda_dependencies: the packages.
    """

    __slots__ = ("conda_dependencies", "interpreter_path", "user_managed_dependencies")

    def __init__(self) -> None:
        # What a user assigns is checked when it is used.
        self.user_managed_dependencies: Any = False
        self.interpreter_path: Any = "python"
        self.conda_dependencies: Any = CondaDependencies()

    def check(self) -> None:
        """Raise InvalidConfiguration for a field of another type."""
        if not isinstance(self.user_managed_dependencies, bool):
            reason = "is neither True nor False"
            raise InvalidConfiguration("user_managed_dependencies", self.user_managed_dependencies, reason)
        if not isinstance(self.interpreter_path, str | Path) or not str(self.interpreter_path):
            raise InvalidConfiguration("interpreter_path", self.interpreter_path, "is no path of an interpreter")
        if not isinstance(self.conda_dependencies, CondaDependencies):
            reason = "is no CondaDependencies: make one by CondaDependencies.create(pip_packages=[...])"
            raise InvalidConfiguration("conda_dependencies", self.conda_dependencies, reason)


class DockerSection(Strict):
    """Containers, which are out of scope: whatever asks for one raises OutOfScope."""

    __slots__ = ()

    @property
    def enabled(self) -> bool:
        """False: no container is ever used."""
        return False

    @enabled.setter
    def enabled(self, value: Any) -> None:
        if value:
            raise OutOfScope(feature="running in a Docker container", instead=NO_CONTAINERS)

    @property
    def use_docker(self) -> bool:
        """The same as `enabled`."""
        return False

    @use_docker.setter
    def use_docker(self, value: Any) -> None:
        self.enabled = value

    @property
    def base_image(self) -> None:
        """None: no container is ever used."""
        return None

    @base_image.setter
    def base_image(self, value: Any) -> None:
        if value is not None:
            raise OutOfScope(feature="a Docker base image", instead=NO_CONTAINERS)


class Environment(Strict):
    """
    Where a script runs.

    Args:
        name: for people.

    Attributes:
        python: the interpreter and its packages.
        docker: refuses containers.
        environment_variables: set for the script, beside those of the process that submits.

    Raises:
        InvalidName: *name* is empty, too long or holds control characters.
    """

    __slots__ = ("docker", "environment_variables", "name", "python")

    def __init__(self, name: str) -> None:
        self.name = check_name("environment", name)
        self.python = PythonSection()
        self.docker = DockerSection()
        self.environment_variables: dict[str, str] = {}

    @classmethod
    def from_pip_requirements(cls, name: str, file_path: str | Path) -> Environment:
        """
        Return an environment with the packages that a requirements file lists.

        Raises:
            OSError: the file cannot be read.
        """
        made = cls(name)
        for line in Path(file_path).read_text(encoding="utf-8").splitlines():
            text = line.partition(" #")[0].strip()
            if text.startswith("-") and not text.startswith(("-e ", "--editable")):
                made.python.conda_dependencies.set_pip_option(text)
            elif text and not text.startswith("#"):
                made.python.conda_dependencies.add_pip_package(text)
        return made

    @classmethod
    def from_conda_specification(cls, name: str, file_path: str | Path) -> Environment:
        """
        Return an environment with the packages that a file of conda's lists, such as environment.yml.

        Raises:
            InvalidConfiguration: the file holds something that is no package.
            OSError: it cannot be read.
        """
        made = cls(name)
        made.python.conda_dependencies = CondaDependencies(file_path)
        return made

    def check(self) -> None:
        """Raise InvalidConfiguration for a field with a value that cannot be used."""
        if not isinstance(self.python, PythonSection):
            raise InvalidConfiguration("environment.python", self.python, "is no PythonSection")
        self.python.check()
        check_variables(self.environment_variables)


def check_variables(variables: Any) -> dict[str, str]:
    """
    Return environment variables as the script gets them: texts by name.

    Raises:
        InvalidConfiguration: they are no mapping, or one cannot be set.
    """
    if not isinstance(variables, dict):
        raise InvalidConfiguration("environment_variables", variables, "is no dict of names and texts")
    for name, text in variables.items():
        if not isinstance(name, str) or not name or "=" in name or "\0" in name:
            raise InvalidConfiguration("environment_variables", name, "is no name of an environment variable")
        if text is None or isinstance(text, dict | list | tuple | set) or "\0" in str(text):
            raise InvalidConfiguration(f"environment_variables[{name!r}]", text, "is no text without NUL")
    return {name: str(text) for name, text in variables.items()}
