"""How a script is run: RunConfiguration and its sections."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from runstream.conda_dependencies import CondaDependencies
from runstream.environment import DockerSection, Environment, check_variables
from runstream.strict import Strict
from runstream_schemas.errors import InvalidConfiguration, OutOfScope

LOCAL = "local"
THIRTY_DAYS_S = 30 * 24 * 3600
NO_COMPUTE = "runs are processes of this machine; start the program that submits on the machine that shall run it"


class HistoryConfiguration(Strict):
    """
    What is kept of a run besides what it logs.

    Attributes:
        output_collection: collect the files that the script writes below outputs/ and logs/.
        snapshot_project: keep a snapshot of the folder, to be restored later.
        directories_to_watch: ["logs"], whose text files are followed while they grow, or [].
    """

    __slots__ = ("directories_to_watch", "output_collection", "snapshot_project")

    def __init__(self) -> None:
        # What a user assigns is checked when it is used.
        self.output_collection: Any = True
        self.snapshot_project: Any = True
        self.directories_to_watch: Any = ["logs"]

    def check(self) -> None:
        """
        Make sure that every field can be used.

        Raises:
            InvalidConfiguration: one is no bool.
            OutOfScope: another folder than logs is to be watched.
        """
        for field in ("output_collection", "snapshot_project"):
            value = getattr(self, field)
            if not isinstance(value, bool):
                raise InvalidConfiguration(f"history.{field}", value, "is neither True nor False")
        if list(self.directories_to_watch) not in ([], ["logs"]):
            instead = "text that grows below logs/ is followed, let the script write there"
            raise OutOfScope(feature=f"directories_to_watch={self.directories_to_watch!r}", instead=instead)


class RunConfiguration(Strict):
    """
    How a script is run. A misspelt attribute raises, with the name that was meant.

    Args:
        script: file in the folder; usually given to ScriptRunConfig.
        arguments: of the script.
        conda_dependencies: packages, as `environment.python.conda_dependencies`.
        command: run instead of a script: a list of words, or one line for the shell.

    Attributes:
        environment: the interpreter, its packages, and variables.
        environment_variables: set for the script, over those of `environment`.
        history: what is kept.
        max_run_duration_seconds: after which the run is canceled.
    """

    __slots__ = (
        "arguments",
        "command",
        "environment",
        "environment_variables",
        "history",
        "max_run_duration_seconds",
        "script",
    )

    def __init__(
        self,
        script: str | None = None,
        arguments: Sequence[Any] | None = None,
        conda_dependencies: CondaDependencies | None = None,
        command: str | Sequence[Any] | None = None,
    ) -> None:
        self.script = script
        self.arguments: Sequence[Any] = [] if arguments is None else arguments
        self.command = command
        self.environment: Any = Environment("project environment")
        self.environment_variables: Any = {}
        self.history: Any = HistoryConfiguration()
        self.max_run_duration_seconds: Any = THIRTY_DAYS_S
        if conda_dependencies is not None:
            self.environment.python.conda_dependencies = conda_dependencies

    @property
    def target(self) -> str:
        """Always "local"."""
        return LOCAL

    @target.setter
    def target(self, value: Any) -> None:
        check_local(value)

    @property
    def docker(self) -> DockerSection:
        """The same as `environment.docker`, which refuses containers."""
        section: DockerSection = self.environment.docker
        return section

    @docker.setter
    def docker(self, value: Any) -> None:
        self.environment.docker.use_docker = getattr(value, "use_docker", value)

    @property
    def node_count(self) -> int:
        """Always 1."""
        return 1

    @node_count.setter
    def node_count(self, value: Any) -> None:
        if value != 1:
            raise OutOfScope(feature=f"a run on {value!r} nodes", instead=NO_COMPUTE)

    @property
    def framework(self) -> str:
        """Always "Python"."""
        return "Python"

    @framework.setter
    def framework(self, value: Any) -> None:
        if value not in ("Python", "python"):
            raise OutOfScope(feature=f"framework {value!r}", instead="the script may start whatever it needs itself")

    @property
    def communicator(self) -> str:
        """Always "None": the script starts its own workers, which join the run by Run.get_context()."""
        return "None"

    @communicator.setter
    def communicator(self, value: Any) -> None:
        if value not in (None, "None"):
            instead = "let the script start its workers, as torchrun or mpirun do; each joins by Run.get_context()"
            raise OutOfScope(feature=f"communicator {value!r}", instead=instead)

    def save(self, path: str | os.PathLike[str] = ".", name: str = "local") -> str:
        """
        Write the configuration to `.azureml/NAME.runconfig` below *path*; return where it is.

        Raises:
            InvalidConfiguration: a field cannot be used.
            OSError: it cannot be written.
        """
        from runstream import runconfig_file

        return str(runconfig_file.save(self, Path(path), name))

    @staticmethod
    def load(path: str | os.PathLike[str], name: str | None = None) -> RunConfiguration:
        """
        Read a configuration that save() wrote.

        Args:
            path: of the file, or of the folder that was given to save().
            name: of the configuration, where *path* is a folder.

        Raises:
            FileNotFoundError: there is none.
            InvalidConfiguration: the file holds something else, or a value that cannot be used.
            UnknownAttribute: it holds a field that there is not.
        """
        from runstream import runconfig_file

        return runconfig_file.load(Path(path), name)

    def variables(self) -> dict[str, str]:
        """Return the environment variables that the script gets besides those of the process that submits."""
        return {
            **check_variables(self.environment.environment_variables),
            **check_variables(self.environment_variables),
        }

    def check(self) -> None:
        """
        Make sure that every field can be used.

        Raises:
            InvalidConfiguration: one cannot; the error names it.
        """
        if not isinstance(self.environment, Environment):
            raise InvalidConfiguration("environment", self.environment, "is no Environment")
        self.environment.check()
        check_variables(self.environment_variables)
        if not isinstance(self.history, HistoryConfiguration):
            raise InvalidConfiguration("history", self.history, "is no HistoryConfiguration")
        self.history.check()
        check_duration(self.max_run_duration_seconds)


def check_local(target: Any) -> None:
    """Raise OutOfScope for anything but this machine."""
    if getattr(target, "name", target) not in (None, LOCAL):
        raise OutOfScope(feature=f"compute target {getattr(target, 'name', target)!r}", instead=NO_COMPUTE)


def check_duration(seconds: Any) -> float:
    """Return a run's longest duration in seconds; raise InvalidConfiguration for anything but a positive number."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds > 0:
        raise InvalidConfiguration("max_run_duration_seconds", seconds, "is no positive number of seconds")
    return float(seconds)
