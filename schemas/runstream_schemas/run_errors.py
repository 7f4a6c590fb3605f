"""Errors of submitted runs: configuration, snapshots, supervision, their end. Part of the tree that errors.py draws."""

from __future__ import annotations

from dataclasses import dataclass

from runstream_schemas.root_error import (
    ActivityError,
    ConfigurationError,
    ExecutionError,
    RunEnvironmentError,
    SnapshotError,
    UserError,
)


@dataclass(eq=False)
class UnknownAttribute(ConfigurationError, AttributeError):
    """A misspelt attribute of a configuration, which would otherwise be kept and have no effect."""

    kind: str
    attribute: str
    nearest: str | None = None

    def __str__(self) -> str:
        hint = f"; did you mean {self.nearest!r}?" if self.nearest else ""
        return f"{self.kind} has no attribute {self.attribute!r}{hint}"


@dataclass(eq=False)
class InvalidConfiguration(ConfigurationError, ValueError):
    """A field of a configuration with a value that cannot be used."""

    template = "{field}={value!r} {reason}"
    field: str
    value: object
    reason: str


@dataclass(eq=False)
class OutOfScope(UserError, NotImplementedError):
    """Something of the azureml SDK that runstream does not do; `instead` says what can be done."""

    template = "{feature} is out of scope of runstream: {instead}"
    feature: str
    instead: str


@dataclass(eq=False)
class NameOutOfScope(OutOfScope, ImportError):
    """A module or class of the azureml SDK that runstream does not have."""


@dataclass(eq=False)
class PackageUnavailable(ExecutionError, ValueError):
    """A package that pip cannot install into a run's virtual environment."""

    template = "package {package!r} cannot be installed: {reason}"
    package: str
    reason: str


@dataclass(eq=False)
class SubmissionRefused(ExecutionError, ValueError):
    """A run that cannot start: its folder, script or interpreter is not there."""

    template = "{what} {path!r} {reason}"
    what: str
    path: str
    reason: str


@dataclass(eq=False)
class SubmissionFailed(ExecutionError, RuntimeError):
    """The process that supervises a submitted run did not start."""

    template = "run {run_id} was not started, its supervisor ended at once: {cause}"
    run_id: str
    cause: str


@dataclass(eq=False)
class SupervisedElsewhere(ExecutionError, RuntimeError):
    """A submitted run can be stopped on the machine and in the home that it was submitted from."""

    template = "run {run_id} is supervised on {host}, from another home; call {call} there"
    run_id: str
    host: str
    call: str


@dataclass(eq=False)
class RunEnvironmentMissing(RunEnvironmentError, RuntimeError):
    """get_context(allow_offline=False) was called outside any run."""

    template = (
        "this process belongs to no submitted run ({variable} is not set); submit the script, or leave "
        "allow_offline=False away to log to a run of its own"
    )
    variable: str


@dataclass(eq=False)
class SnapshotFailed(SnapshotError, ValueError):
    """A folder that cannot be kept as a snapshot."""

    template = "no snapshot of {folder} was taken: {reason}"
    folder: str
    reason: str


@dataclass(eq=False)
class SnapshotNotFound(SnapshotError, LookupError):
    """A run without a snapshot, or a snapshot that the store does not hold (whole)."""

    template = "snapshot {snapshot_id!r} is not there: {reason}"
    snapshot_id: str
    reason: str


@dataclass(eq=False)
class ActivityFailed(ActivityError, RuntimeError):
    """A run that was waited for has failed, or is not heard of any more (its status is NotResponding then)."""

    run_id: str
    status: str
    error_type: str | None = None
    error_message: str | None = None
    error_traceback: str | None = None
    error_code: str | None = None

    def __str__(self) -> str:
        if self.status == "NotResponding":
            return (
                f"run {self.run_id} is NotResponding: nothing was heard of it for a minute, so its process is dead, "
                "stopped or cut off; wait again once it is back"
            )
        told = ": ".join(filter(None, (self.error_type, self.error_message))) or "no error was told"
        trace = f"\n{self.error_traceback}" if self.error_traceback else ""
        return f"run {self.run_id} is {self.status}: {told}{trace}"


@dataclass(eq=False)
class WaitInterrupted(ExecutionError, RuntimeError):
    """Ctrl-C ended wait_for_completion(), and not the run."""

    template = "waiting for run {run_id} was interrupted; the run goes on, run.cancel() ends it"
    run_id: str
