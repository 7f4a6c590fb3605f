"""A workspace: the outermost name under which experiments are kept."""

from __future__ import annotations

import builtins
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from runstream_schemas.errors import WorkspaceExists, WorkspaceNotFound
from runstream_schemas.ids import check_name

if TYPE_CHECKING:
    from runstream.experiment import Experiment
    from runstream.model import Model
    from runstream.run import Run


def expect(value: object, kind: type, call: str) -> None:
    """
    Make sure that *value* is a *kind* where *call* takes one first.

    Raises:
        TypeError: it is something else.
    """
    if not isinstance(value, kind):
        message = f"{call} takes {kind.__name__} first, not {type(value).__name__}"
        raise TypeError(message)


class Workspace:
    """
    A set of experiments, by name; nothing is created or contacted until a run starts.

    Args:
        name: any name; "default" unless given.
        workspace_name: the same as *name*, of which one is enough.
        subscription_id: kept beside the name for code that reads it back; it identifies nothing here.
        resource_group: likewise.

    Raises:
        InvalidName: *name* is empty, longer than 256 bytes, or holds control characters.
        TypeError: *name* and *workspace_name* are given and differ.
    """

    __slots__ = ("_name", "_resource_group", "_subscription_id")

    location = "local"

    def __init__(
        self,
        name: str | None = None,
        *,
        workspace_name: str | None = None,
        subscription_id: str | None = None,
        resource_group: str | None = None,
    ) -> None:
        if name is not None and workspace_name is not None and name != workspace_name:
            message = f"name={name!r} and workspace_name={workspace_name!r} say the same thing twice: give one of them"
            raise TypeError(message)
        given = workspace_name if name is None else name
        self._name = check_name("workspace", "default" if given is None else given)
        self._subscription_id = subscription_id
        self._resource_group = resource_group

    @classmethod
    def from_config(cls, path: str | os.PathLike[str] | None = None, _file_name: str | None = None) -> Self:
        """
        Return the workspace that a file names: .azureml/config.json here or in a folder above, or the file *path*.

        Raises:
            ConfigError: there is no such file, or it names no workspace.
        """
        from runstream import workspace_file

        fields = workspace_file.read(path, _file_name)
        return cls(**fields)

    def write_config(self, path: str | os.PathLike[str] | None = None, file_name: str | None = None) -> Path:
        """
        Write the file that from_config() reads.

        Args:
            path: the folder that gets it, in .azureml; the current one unless given.
            file_name: config.json unless given.

        Returns:
            Where it is.

        Raises:
            OSError: it cannot be written.
        """
        from runstream import workspace_file

        fields = {"subscription_id": self._subscription_id, "resource_group": self._resource_group}
        return workspace_file.write({**fields, "workspace_name": self._name}, path, file_name)

    @property
    def name(self) -> str:
        """The workspace's name."""
        return self._name

    @property
    def subscription_id(self) -> str | None:
        """As it was given; None if it was not."""
        return self._subscription_id

    @property
    def resource_group(self) -> str | None:
        """As it was given; None if it was not."""
        return self._resource_group

    def get_details(self) -> dict[str, Any]:
        """Return what the workspace is, by the names of the azureml SDK."""
        return {
            "name": self._name,
            "subscriptionId": self._subscription_id,
            "resourceGroup": self._resource_group,
            "location": self.location,
        }

    @property
    def experiments(self) -> dict[str, Experiment]:
        """The workspace's experiments by name, those that are not archived; read anew each time."""
        from runstream.experiment import Experiment

        return {experiment.name: experiment for experiment in Experiment.list(self)}

    @property
    def models(self) -> dict[str, Model]:
        """The newest version of each model of the workspace, by name; read anew each time."""
        from runstream.model import Model

        return {model.name: model for model in Model.list(self, latest=True)}

    def get_run(self, run_id: str) -> Run:
        """Return one of the workspace's runs. Raises as Run.get() does."""
        from runstream.run import Run

        return Run.get(self, run_id)

    @classmethod
    def get(cls, name: str, *, subscription_id: str | None = None, resource_group: str | None = None) -> Self:
        """
        Return a workspace that something was logged to.

        Raises:
            WorkspaceNotFound: there is none of this name; the error lists those that are there.
            HistoryUnreachable, NotYetFolded, ExtraMissing: as reading a run does.
        """
        workspace = cls(workspace_name=name, subscription_id=subscription_id, resource_group=resource_group)
        known = _known()
        if name not in known:
            raise WorkspaceNotFound(name, known)
        return workspace

    @classmethod
    def create(
        cls,
        name: str,
        *,
        subscription_id: str | None = None,
        resource_group: str | None = None,
        exist_ok: bool = False,
    ) -> Self:
        """
        Return a new workspace; nothing is written before something is logged to it.

        Args:
            name: any name.
            subscription_id, resource_group: kept for write_config().
            exist_ok: it may be there already.

        Raises:
            WorkspaceExists: something was logged to one of this name.
            HistoryUnreachable, NotYetFolded, ExtraMissing: as reading a run does, unless *exist_ok*.
        """
        workspace = cls(workspace_name=name, subscription_id=subscription_id, resource_group=resource_group)
        if not exist_ok and name in _known():
            raise WorkspaceExists(name)
        return workspace

    @staticmethod
    def list() -> dict[str, builtins.list[Workspace]]:
        """Return the workspaces that something was logged to, by name, each in a list of its own."""
        return {name: [Workspace(name)] for name in _known()}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Workspace) and other._name == self._name

    def __hash__(self) -> int:
        return hash((Workspace, self._name))

    def __reduce__(self) -> tuple[object, ...]:
        return _remade, (type(self), self._name, self._subscription_id, self._resource_group)

    def __repr__(self) -> str:
        return f"Workspace(Name: {self._name})"

    def _repr_html_(self) -> str:
        """Return the workspace as a table, which notebooks show."""
        import html

        return f"<table><tr><th>Name</th></tr><tr><td>{html.escape(self._name)}</td></tr></table>"


def _known() -> list[str]:
    """Return the names of all workspaces that something was logged to."""
    from runstream import config, queries

    with queries.history(config.read(), "looking for workspaces") as history:
        return sorted({row.workspace for row in history.experiments(archived=None)})


def _remade(kind: type[Workspace], name: str, subscription_id: str | None, resource_group: str | None) -> Workspace:
    """Return a pickled workspace as it was."""
    return kind(workspace_name=name, subscription_id=subscription_id, resource_group=resource_group)
