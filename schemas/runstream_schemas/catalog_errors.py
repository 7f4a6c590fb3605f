"""Errors of workspaces, experiments and models. Part of the tree that errors.py draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runstream_schemas.root_error import ModelError, ModelPathError, UserError, WorkspaceError

_N_LISTED = 20


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _N_LISTED} more" if len(names) > _N_LISTED else ""
    return (", ".join(names[:_N_LISTED]) or "none") + more


@dataclass(eq=False)
class ModelNotFound(ModelError, LookupError):
    """No such model, or no such version of it; `available` says what there is instead."""

    what: str
    workspace: str
    available: Sequence[str] = ()

    def __str__(self) -> str:
        known = _listed(self.available)
        return (
            f"workspace {self.workspace!r} has no model {self.what}; it has: {known}. Model.list(workspace) shows all"
        )


@dataclass(eq=False)
class ModelPathNotFound(ModelPathError, LookupError):
    """A model was to be registered from a file or folder that is not there; `where` names the run, or this machine."""

    path: str
    where: str
    available: Sequence[str] = ()

    def __str__(self) -> str:
        known = _listed(self.available)
        return f"{self.where} has no file or folder {self.path!r} to make a model of; its files: {known}"


@dataclass(eq=False)
class WorkspaceNotFound(WorkspaceError, LookupError):
    """Nothing was logged to a workspace of this name; `available` says what there is instead."""

    name: str
    available: Sequence[str] = ()

    def __str__(self) -> str:
        known = _listed(self.available)
        return f"nothing was logged to workspace {self.name!r}; there are: {known}. Workspace({self.name!r}) begins one"


@dataclass(eq=False)
class WorkspaceExists(WorkspaceError, ValueError):
    """A workspace that was to be new has runs already."""

    template = "workspace {name!r} is there already; Workspace({name!r}), or exist_ok=True, takes it as it is"
    name: str


@dataclass(eq=False)
class ExperimentNotFound(UserError, LookupError):
    """No such experiment; `available` says what there is instead."""

    name: str
    workspace: str
    available: Sequence[str] = ()

    def __str__(self) -> str:
        known = _listed(self.available)
        return f"workspace {self.workspace!r} has no experiment {self.name!r} with runs or tags; it has: {known}"


@dataclass(eq=False)
class ExperimentNotEmpty(UserError, ValueError):
    """An experiment that has runs is not deleted: they would be left without it."""

    template = "experiment {name!r} has {n_runs} runs and cannot be deleted; archive() hides it from lists"
    name: str
    n_runs: int


@dataclass(eq=False)
class TargetExists(UserError, FileExistsError):
    """A download would write over something."""

    template = "{path} exists already; pass exist_ok=True to write over it, or another target_dir"
    path: str
