"""The old names of what is raised; each is one of runstream's kinds of error, drawn in runstream_schemas.errors."""

from __future__ import annotations

from runstream_schemas.errors import (
    ActivityError,
    ConfigurationError,
    ExecutionError,
    ModelError,
    ModelPathError,
    RunEnvironmentError,
    RunstreamError,
    SnapshotError,
    UserError,
    WorkspaceError,
)

AzureMLException = RunstreamError
UserErrorException = UserError
SnapshotException = SnapshotError
ExperimentExecutionException = ExecutionError
ActivityFailedException = ActivityError
RunEnvironmentException = RunEnvironmentError
RunConfigurationException = ConfigurationError
ModelNotFoundException = ModelError
ModelPathNotFoundException = ModelPathError
WebserviceException = ModelError  # what the old Model raised, too
WorkspaceException = WorkspaceError


class ProjectSystemException(AzureMLException):
    """For `except` lines that name it: nothing here raises it."""


class AggregatedException(AzureMLException):
    """For `except` lines that name it: nothing here raises it, as files are uploaded one after another."""


__all__ = [
    "AzureMLException",
    "UserErrorException",
    "SnapshotException",
    "ExperimentExecutionException",
    "ActivityFailedException",
    "RunEnvironmentException",
    "RunConfigurationException",
    "ModelNotFoundException",
    "ModelPathNotFoundException",
    "WebserviceException",
    "WorkspaceException",
    "ProjectSystemException",
    "AggregatedException",
]
