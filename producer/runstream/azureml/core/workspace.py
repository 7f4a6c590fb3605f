"""azureml.core.workspace."""

from __future__ import annotations

import builtins
import os
from typing import Never, Self

from runstream import experiment, notices, workspace
from runstream.azureml import scope
from runstream.azureml.core.authentication import AbstractAuthentication
from runstream.azureml.lookalike import Lookalike
from runstream_schemas.errors import OutOfScope, WrongArguments

__all__ = ["Workspace"]


class Workspace(workspace.Workspace, metaclass=Lookalike):
    """
    runstream.Workspace, with the arguments in the order of the azureml SDK.

    Args:
        subscription_id, resource_group: kept beside the name for code that reads them back; they identify nothing.
        workspace_name: any name; "default" unless given.
        auth: not needed; a login of runstream.azureml.core.authentication does no harm.

    Raises:
        InvalidName: *workspace_name* cannot be kept.
        WrongArguments: there is a *subscription_id* without a name.
    """

    __slots__ = ()

    def __init__(
        self,
        subscription_id: str | None = None,
        resource_group: str | None = None,
        workspace_name: str | None = None,
        auth: AbstractAuthentication | None = None,
    ) -> None:
        if workspace_name is None and subscription_id is not None:
            reason = "got no name, which comes third; workspace_name='...' alone is enough"
            raise WrongArguments("Workspace(subscription_id, resource_group, workspace_name)", reason)
        _need_no_login(auth)
        super().__init__(workspace_name, subscription_id=subscription_id, resource_group=resource_group)

    @classmethod
    def from_config(  # type: ignore[override]
        cls,
        path: str | os.PathLike[str] | None = None,
        auth: AbstractAuthentication | None = None,
        _file_name: str | None = None,
    ) -> Self:
        """
        Return the workspace that a file names, as runstream.Workspace.from_config().

        Raises:
            ConfigError: there is no such file, or it names no workspace.
        """
        _need_no_login(auth)
        return super().from_config(path, _file_name)

    @classmethod
    def get(
        cls,
        name: str,
        auth: AbstractAuthentication | None = None,
        subscription_id: str | None = None,
        resource_group: str | None = None,
    ) -> Self:
        """
        Return a workspace that something was logged to, as runstream.Workspace.get().

        Raises:
            WorkspaceNotFound: there is none of this name.
        """
        _need_no_login(auth)
        return super().get(name, subscription_id=subscription_id, resource_group=resource_group)

    @classmethod
    def create(
        cls,
        name: str,
        auth: AbstractAuthentication | None = None,
        subscription_id: str | None = None,
        resource_group: str | None = None,
        location: str | None = None,
        create_resource_group: bool = False,
        *,
        exist_ok: bool = False,
    ) -> Self:
        """
        Return a new workspace, as runstream.Workspace.create().

        Args:
            name, subscription_id, resource_group, exist_ok: as there.
            auth, location, create_resource_group: of the cloud; accepted with a warning.

        Raises:
            WorkspaceExists: something was logged to one of this name.
        """
        _need_no_login(auth)
        if location is not None or create_resource_group:
            notices.once(("workspace", "place"), "a workspace lies in no place and group of the cloud: it is a name")
        return super().create(name, subscription_id=subscription_id, resource_group=resource_group, exist_ok=exist_ok)

    @staticmethod
    def list(  # type: ignore[override]
        subscription_id: str | None = None,
        auth: AbstractAuthentication | None = None,
        resource_group: str | None = None,
    ) -> dict[str, builtins.list[Workspace]]:
        """
        Return the workspaces that something was logged to, as runstream.Workspace.list().

        Args:
            subscription_id, resource_group: kept beside the names, as by Workspace(); they choose nothing.
            auth: not needed.
        """
        _need_no_login(auth)
        return {name: [Workspace(subscription_id, resource_group, name)] for name in workspace.Workspace.list()}

    @property
    def experiments(self) -> dict[str, experiment.Experiment]:
        """The workspace's experiments by name, those that are not archived; read anew each time."""
        from runstream.azureml.core.experiment import Experiment

        return {name: Experiment(self, name) for name in super().experiments}

    def __getattr__(self, name: str) -> Never:
        """
        Say what takes the place of what a workspace of the cloud has.

        Raises:
            OutOfScope: *name* is one of these.
            AttributeError: it is of nobody's.
        """
        for instead, names in scope.OF_WORKSPACES.items():
            if name in names:
                raise OutOfScope(feature=f"Workspace.{name}", instead=instead)
        message = f"{type(self).__name__!r} object has no attribute {name!r}"
        raise AttributeError(message)


def _need_no_login(auth: AbstractAuthentication | None) -> None:
    if auth is not None:
        notices.once(("auth", "unused"), "auth= is not used: runstream needs no account")
