"""RunConfigurations in files: `.azureml/NAME.runconfig`, as JSON, which is YAML too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from runstream.conda_dependencies import CondaDependencies
from runstream.runconfig import RunConfiguration
from runstream_schemas.errors import InvalidConfiguration
from runstream_schemas.ids import check_name

FOLDERS: Final = (".azureml", "aml_config", "")
SUFFIX: Final = ".runconfig"

_PLAIN: Final = ("script", "arguments", "command", "environment_variables", "max_run_duration_seconds")
_HISTORY: Final = ("output_collection", "snapshot_project", "directories_to_watch")
_PYTHON: Final = ("user_managed_dependencies", "interpreter_path")


def save(configuration: RunConfiguration, path: Path, name: str) -> Path:
    """
    Write a configuration to `.azureml/NAME.runconfig` below *path*; return where it is.

    Raises:
        InvalidConfiguration: a field cannot be used.
        OSError: it cannot be written.
    """
    configuration.check()
    environment = configuration.environment
    packages = environment.python.conda_dependencies
    told: dict[str, Any] = {field: getattr(configuration, field) for field in _PLAIN}
    told["history"] = {field: getattr(configuration.history, field) for field in _HISTORY}
    told["environment"] = {
        "name": environment.name,
        "environment_variables": environment.environment_variables,
        "python": {field: str(getattr(environment.python, field)) for field in _PYTHON}
        | {"user_managed_dependencies": environment.python.user_managed_dependencies}
        | {
            "conda_packages": packages.conda_packages,
            "pip_packages": packages.pip_packages,
            "pip_options": packages.pip_options,
            "python_version": packages.python_version,
        },
    }
    target = path / FOLDERS[0] / f"{check_name('configuration', name)}{SUFFIX}"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(told, indent=2, default=str) + "\n", encoding="utf-8")
    return target


def load(path: Path, name: str | None) -> RunConfiguration:
    """
    Read a configuration.

    Args:
        path: of the file, or a folder in or below which it is.
        name: of the configuration, where *path* is a folder.

    Raises:
        FileNotFoundError: there is none.
        InvalidConfiguration: it is no JSON, or a value cannot be used.
        UnknownAttribute: it holds a field that there is not.
    """
    file = path if name is None else _found(path, name)
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        sections = dict(told.pop("history")), dict(told.pop("environment"))
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        reason = "is no configuration that RunConfiguration.save() wrote; make a new one and save it"
        raise InvalidConfiguration("path", str(file), reason) from error
    made = RunConfiguration()
    history, environment = sections
    python = dict(environment.pop("python", {}))
    made.environment.python.conda_dependencies = _packages(python)
    for target, fields in ((made, told), (made.history, history), (made.environment, environment)):
        for field, value in fields.items():
            setattr(target, field, value)
    for field, value in python.items():
        setattr(made.environment.python, field, value)
    made.check()
    return made


def _found(path: Path, name: str) -> Path:
    places = [path / folder / f"{name}{SUFFIX}" for folder in FOLDERS]
    for place in places:
        if place.is_file():
            return place
    message = f"no configuration {name!r}: none of {', '.join(str(place) for place in places)} is there"
    raise FileNotFoundError(message)


def _packages(python: dict[str, Any]) -> CondaDependencies:
    made = CondaDependencies.create(
        pip_packages=python.pop("pip_packages", ()),
        conda_packages=python.pop("conda_packages", ()),
        python_version=python.pop("python_version", None),
    )
    for option in python.pop("pip_options", ()):
        made.set_pip_option(option)
    return made
