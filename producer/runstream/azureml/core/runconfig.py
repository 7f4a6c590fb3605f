"""azureml.core.runconfig."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from runstream import notices, runconfig
from runstream.azureml import scope
from runstream.azureml.core.conda_dependencies import CondaDependencies
from runstream.azureml.lookalike import Lookalike
from runstream.environment import DockerSection, PythonSection
from runstream.runconfig import HistoryConfiguration

__all__ = [
    "CondaDependencies",
    "DockerConfiguration",
    "DockerSection",
    "HistoryConfiguration",
    "PythonSection",
    "RunConfiguration",
]


class RunConfiguration(runconfig.RunConfiguration, metaclass=Lookalike):
    """
    runstream.RunConfiguration, with the arguments in the order of the azureml SDK.

    Args:
        script: file in the folder; usually given to ScriptRunConfig.
        arguments: of the script.
        framework, communicator: "Python" and "None", or left out.
        conda_dependencies: packages, as `environment.python.conda_dependencies`.
        command: run instead of a script: a list of words, or one line for the shell.

    Raises:
        OutOfScope: another framework or communicator.
    """

    __slots__ = ()

    def __init__(
        self,
        script: str | None = None,
        arguments: Sequence[Any] | None = None,
        framework: str | None = None,
        communicator: str | None = None,
        conda_dependencies: CondaDependencies | None = None,
        command: str | Sequence[Any] | None = None,
    ) -> None:
        super().__init__(script, arguments, conda_dependencies, command)
        if framework is not None:
            self.framework = framework
        self.communicator = communicator or "None"

    @property
    def auto_prepare_environment(self) -> bool:
        """True: packages are installed before the script starts, unless dependencies are user-managed."""
        return True

    @auto_prepare_environment.setter
    def auto_prepare_environment(self, value: bool) -> None:
        notices.once(
            ("auto_prepare_environment", value),
            "auto_prepare_environment=%r is not used: packages are installed before the script starts, unless "
            "environment.python.user_managed_dependencies is True",
            value,
        )


class DockerConfiguration(DockerSection):
    """
    Whether a script runs in a container, which it cannot.

    Args:
        use_docker: False, or left out.

    Raises:
        OutOfScope: *use_docker* is True.
    """

    __slots__ = ()

    def __init__(self, use_docker: bool = False) -> None:
        self.use_docker = use_docker


if not TYPE_CHECKING:
    __getattr__ = scope.asked(__name__)
