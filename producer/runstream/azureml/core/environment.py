"""azureml.core.environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runstream import environment
from runstream.azureml import scope
from runstream.azureml.core.conda_dependencies import CondaDependencies
from runstream.azureml.lookalike import Lookalike
from runstream.environment import DockerSection, PythonSection

__all__ = ["CondaDependencies", "DockerSection", "Environment", "PythonSection"]

_IN_CODE = "an environment lies in the code that submits; pass it to ScriptRunConfig(environment=...)"


class Environment(environment.Environment, metaclass=Lookalike):
    """
    runstream.Environment; what the azureml SDK kept of environments in the cloud raises OutOfScope.

    Args:
        name: for people.

    Raises:
        InvalidName: *name* is empty, too long or holds control characters.
    """

    __slots__ = ()

    get = staticmethod(scope.refused("Environment.get()", _IN_CODE))
    list = staticmethod(scope.refused("Environment.list()", _IN_CODE))
    register = staticmethod(scope.refused("Environment.register()", _IN_CODE))
    build = staticmethod(scope.refused("Environment.build()", environment.NO_CONTAINERS))
    from_existing_conda_environment = staticmethod(
        scope.refused(
            "Environment.from_existing_conda_environment()",
            "name its Python by environment.python.interpreter_path, with user_managed_dependencies = True",
        )
    )


if not TYPE_CHECKING:
    __getattr__ = scope.asked(__name__)
