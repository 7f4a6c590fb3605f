"""`import azureml...` that gives runstream.azureml, in this process and in those that it starts."""

from __future__ import annotations

import importlib
import os
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Final

from runstream import notices

OLD: Final = "azureml"
NEW: Final = f"runstream.{OLD}"

STARTUP: Final = Path(__file__).with_name("startup")
"""The folder whose sitecustomize.py calls install() at the start of every Python that finds it on PYTHONPATH."""


class Alias:
    """Finds azureml and everything below it, and gives the module of the same name below runstream.azureml."""

    def __init__(self) -> None:
        self._own_specs: dict[str, ModuleSpec | None] = {}

    def find_spec(self, fullname: str, *_: object) -> ModuleSpec | None:
        """Say that this one loads *fullname*, if it is azureml or below it."""
        if fullname != OLD and not fullname.startswith(f"{OLD}."):
            return None
        # importlib.abc.Loader would bring half of importlib into every process that a script starts.
        return ModuleSpec(fullname, self)  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """
        Give the module under its own name; both names are one object, so that classes are the same.

        Raises:
            NameOutOfScope: runstream.azureml has no such module.
        """
        module = importlib.import_module(spec.name.replace(OLD, NEW, 1))
        self._own_specs[spec.name] = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Leave the module as it is: the import system has just written the other name into it."""
        spec = module.__spec__
        if spec is not None and spec.name in self._own_specs:
            module.__spec__ = self._own_specs.pop(spec.name)


class Missing:
    """Asked last, for a module below runstream.azureml that nobody has found."""

    def find_spec(self, fullname: str, *_: object) -> ModuleSpec | None:
        """
        Say what takes the module's place.

        Raises:
            NameOutOfScope: the azureml SDK may have it, runstream has not.
        """
        if not fullname.startswith(f"{NEW}."):
            return None
        # Its table is needed only here, and every process of a script comes through this module.
        from runstream.azureml import scope

        place, name = fullname.rsplit(".", 1)
        raise scope.refusal(place, name)


def guard() -> None:
    """See to it that the import of a module that is not here says so by name."""
    if not any(isinstance(finder, Missing) for finder in sys.meta_path):
        sys.meta_path.append(Missing())


def install() -> None:
    """
    Let `import azureml...` give runstream.azureml from here on, whether the real package is installed or not.

    It holds for this process and, through PYTHONPATH, for those that it starts, submitted scripts too. Call it before
    azureml is imported: what was imported earlier keeps its old meaning, and a warning says so.
    """
    if not is_installed():
        sys.meta_path.insert(0, Alias())
        _forget_foreign()
    os.environ["PYTHONPATH"] = path_with(STARTUP, os.environ.get("PYTHONPATH"))


def path_with(folder: Path, path: str | None) -> str:
    """Return a PYTHONPATH that begins with *folder*, once."""
    others = [part for part in (path or "").split(os.pathsep) if part and part != str(folder)]
    return os.pathsep.join([str(folder), *others])


def is_installed() -> bool:
    """Tell whether `import azureml` gives runstream.azureml here."""
    return any(isinstance(finder, Alias) for finder in sys.meta_path)


def _forget_foreign() -> None:
    """Drop what is imported under these names: the real packages leave an empty `azureml` behind at every start."""
    foreign = [name for name in sys.modules if name == OLD or name.startswith(f"{OLD}.")]
    for name in foreign:
        del sys.modules[name]
    if any("." in name for name in foreign):
        notices.once(
            ("azureml", "late"),
            "azureml was imported before runstream took its place, and names from it stay what they were: restart "
            "the kernel, with the line that calls install() above every other import",
        )
