"""Every error that runstream raises, in one tree.

RunstreamError
├── caller's mistakes, raised at the call
│   ├── InvalidName (ValueError)          InvalidValue (TypeError)      InvalidStep (TypeError)
│   ├── TooLarge (ValueError)             MetricFormClash (ValueError)  PropertyExists (ValueError)
│   ├── UnsafePath (ValueError)           ArtifactNotFound (LookupError)
│   └── WrongArguments (TypeError)
├── submitted runs (run_errors.py)
│   ├── UnknownAttribute (AttributeError)  InvalidConfiguration (ValueError)
│   ├── OutOfScope (NotImplementedError)   NameOutOfScope (ImportError)
│   ├── SubmissionRefused (ValueError)     PackageUnavailable (ValueError)    SubmissionFailed (RuntimeError)
│   ├── SupervisedElsewhere (RuntimeError) RunEnvironmentMissing (RuntimeError)
│   ├── SnapshotFailed (ValueError)        SnapshotNotFound (LookupError)
│   └── ActivityFailed (RuntimeError)      WaitInterrupted (RuntimeError)
├── workspaces, experiments and models (catalog_errors.py)
│   ├── ModelNotFound (LookupError)        ModelPathNotFound (LookupError)   TargetExists (FileExistsError)
│   ├── ExperimentNotFound (LookupError)   ExperimentNotEmpty (ValueError)
│   └── WorkspaceNotFound (LookupError)    WorkspaceExists (ValueError)
├── settings and platform
│   ├── ConfigError (ValueError)          UnknownSetting (ValueError)   PlatformUnsupported
│   └── ExtraMissing (ImportError)
├── formats
│   ├── EncodeError (ValueError)          DecodeError (ValueError)
│   └── SegmentDamaged                    JournalUnavailable (OSError)
├── shipping and reading back (reading_errors.py)
│   ├── FlushTimeout (TimeoutError)       NotYetFolded (TimeoutError)
│   ├── RunNotFound (LookupError)         HistoryUnreachable (ConnectionError)  HistoryBusy
│   └── FilterError (ValueError)          InvalidLiteral (ValueError)           StatementFailed (ValueError)
├── StoreError: the history file
│   ├── Fenced     StoreLocked            StoreVersion
│   └── StoreForeign                      StoreUnopenable               CommitUnknown
└── SourceError: the event log
    ├── BrokerUnreachable (retriable)     BrokerMismatch
    ├── TopicMissing   TopicRecreated   TopicDeleted
    ├── OffsetsExpired   LogTruncated     JournalShrunk
    └── TopicTooSmall    ProducerRefused

Many are also of a kind, the base class that says whose matter it is and that code written for the azureml SDK catches
by its old name: UserError (a call that cannot do what it was asked), ConfigurationError (of it: a run's configuration),
ExecutionError (a script that cannot be started, stopped or waited for), ActivityError (a run that was waited for has
failed), RunEnvironmentError, SnapshotError, ModelError, ModelPathError, WorkspaceError.

Each carries what it is about as fields, is also the natural builtin, survives pickling, and says what happened, to
which thing, and what to do next. `template` is filled with the fields and becomes `message`; `retriable`: waiting may
cure it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runstream_schemas.catalog_errors import (
    ExperimentNotEmpty,
    ExperimentNotFound,
    ModelNotFound,
    ModelPathNotFound,
    TargetExists,
    WorkspaceExists,
    WorkspaceNotFound,
)
from runstream_schemas.log_errors import (
    BrokerMismatch,
    BrokerUnreachable,
    CommitUnknown,
    Fenced,
    JournalShrunk,
    LogTruncated,
    OffsetsExpired,
    ProducerRefused,
    SourceError,
    StoreError,
    StoreForeign,
    StoreLocked,
    StoreUnopenable,
    StoreVersion,
    TopicDeleted,
    TopicMissing,
    TopicRecreated,
    TopicTooSmall,
)
from runstream_schemas.reading_errors import (
    FilterError,
    HistoryBusy,
    HistoryUnreachable,
    InvalidLiteral,
    NotYetFolded,
    RunNotFound,
    StatementFailed,
)
from runstream_schemas.root_error import (
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
from runstream_schemas.run_errors import (
    ActivityFailed,
    InvalidConfiguration,
    NameOutOfScope,
    OutOfScope,
    PackageUnavailable,
    RunEnvironmentMissing,
    SnapshotFailed,
    SnapshotNotFound,
    SubmissionFailed,
    SubmissionRefused,
    SupervisedElsewhere,
    UnknownAttribute,
    WaitInterrupted,
)

__all__ = [
    "RunstreamError",
    "UserError",
    "ConfigurationError",
    "ExecutionError",
    "ActivityError",
    "RunEnvironmentError",
    "SnapshotError",
    "ModelError",
    "ModelPathError",
    "WorkspaceError",
    "StoreError",
    "SourceError",
    "InvalidName",
    "InvalidValue",
    "InvalidStep",
    "WrongArguments",
    "TooLarge",
    "MetricFormClash",
    "PropertyExists",
    "UnsafePath",
    "ArtifactNotFound",
    "UnknownAttribute",
    "InvalidConfiguration",
    "OutOfScope",
    "NameOutOfScope",
    "PackageUnavailable",
    "SubmissionRefused",
    "SubmissionFailed",
    "SupervisedElsewhere",
    "RunEnvironmentMissing",
    "SnapshotFailed",
    "SnapshotNotFound",
    "ActivityFailed",
    "WaitInterrupted",
    "ModelNotFound",
    "ModelPathNotFound",
    "ExperimentNotFound",
    "ExperimentNotEmpty",
    "TargetExists",
    "WorkspaceNotFound",
    "WorkspaceExists",
    "ConfigError",
    "UnknownSetting",
    "PlatformUnsupported",
    "ExtraMissing",
    "EncodeError",
    "DecodeError",
    "SegmentDamaged",
    "JournalUnavailable",
    "FlushTimeout",
    "NotYetFolded",
    "RunNotFound",
    "HistoryUnreachable",
    "HistoryBusy",
    "FilterError",
    "InvalidLiteral",
    "StatementFailed",
    "Fenced",
    "StoreLocked",
    "StoreVersion",
    "StoreForeign",
    "StoreUnopenable",
    "CommitUnknown",
    "BrokerUnreachable",
    "BrokerMismatch",
    "TopicMissing",
    "TopicRecreated",
    "TopicDeleted",
    "OffsetsExpired",
    "LogTruncated",
    "JournalShrunk",
    "TopicTooSmall",
    "ProducerRefused",
]


@dataclass(eq=False)
class InvalidName(UserError, ValueError):
    """A name (metric, tag, experiment, run id, ...) that cannot be kept."""

    template = "{what} {name!r} {reason}; choose another {what}"
    what: str
    name: str
    reason: str


@dataclass(eq=False)
class InvalidValue(UserError, TypeError):
    """A value of a type that a metric cannot hold."""

    template = "{name!r} cannot be given a value of type {value_type}: {reason}"
    name: str
    value_type: str
    reason: str


@dataclass(eq=False)
class InvalidStep(UserError, TypeError):
    """A step that is no 64-bit integer."""

    template = "step={step!r} of {name!r} is no integer above -2**63 and below 2**63; pass an int, or leave it out"
    name: str
    step: object


@dataclass(eq=False)
class WrongArguments(UserError, TypeError):
    """Arguments that do not go together."""

    template = "{call} {reason}"
    call: str
    reason: str


@dataclass(eq=False)
class TooLarge(UserError, ValueError):
    """Something longer than an event may carry."""

    template = "{what} has {size_bytes:,} bytes, more than the {limit_bytes:,} that fit; upload it as a file"
    what: str
    size_bytes: int
    limit_bytes: int


@dataclass(eq=False)
class MetricFormClash(UserError, ValueError):
    """One metric name used for two forms (scalar, list, row, table, image, chart)."""

    template = "metric {name!r} was logged as {other} and cannot also be {form}; use another name"
    name: str
    form: str
    other: str


@dataclass(eq=False)
class PropertyExists(UserError, ValueError):
    """A property is written once."""

    template = "run {run_id} already has the property {key!r}, and properties never change; use a tag instead"
    run_id: str
    key: str


@dataclass(eq=False)
class UnsafePath(UserError, ValueError):
    """An artifact path that would leave its folder, or cannot be kept on every system."""

    template = "path {path!r} {reason}"
    path: str
    reason: str


@dataclass(eq=False)
class ArtifactNotFound(UserError, LookupError):
    """A run has no file at this path."""

    run_id: str
    path: str
    available: Sequence[str] = ()

    def __str__(self) -> str:
        known = ", ".join(self.available) or "none"
        return f"run {self.run_id} has no file {self.path!r}; its files: {known}"


@dataclass(eq=False)
class ConfigError(UserError, ValueError):
    """A setting whose value cannot be used."""

    template = "{name}={value!r}: {reason}"
    name: str
    value: str
    reason: str

    def __str__(self) -> str:
        return super().__str__() if self.value else f"{self.name} {self.reason}"


@dataclass(eq=False)
class UnknownSetting(UserError, ValueError):
    """A RUNSTREAM_* variable that nothing reads."""

    name: str
    nearest: str | None = None

    def __str__(self) -> str:
        hint = f"did you mean {self.nearest}?" if self.nearest else "`runstream check` lists the valid ones"
        return f"{self.name} is no setting of runstream; {hint}"


@dataclass(eq=False)
class PlatformUnsupported(RunstreamError):
    """This system lacks what the journal needs."""

    template = "runstream cannot log on {platform}: {reason}; on Windows use WSL 2"
    platform: str
    reason: str


@dataclass(eq=False)
class ExtraMissing(RunstreamError, ImportError):
    """Something needs a library that only an extra installs: training jobs get none of them."""

    what: str
    extra: str
    module: str

    def __str__(self) -> str:
        return f"{self.what} needs {self.module}, which is not installed; pip install 'runstream[{self.extra}]'"


@dataclass(eq=False)
class EncodeError(RunstreamError, ValueError):
    """An event that does not have the shape its class declares."""

    template = "{event} cannot be encoded: {cause}"
    event: str
    cause: object


@dataclass(eq=False)
class DecodeError(RunstreamError, ValueError):
    """Bytes that are no event of ours: `event` is the type as far as recognised, `position` where they came from."""

    template = "bytes at {position} are no {event}: {cause}; they are kept as a dead letter"
    event: str
    position: str
    cause: object


@dataclass(eq=False)
class SegmentDamaged(RunstreamError):
    """A journal segment whose bytes cannot be trusted as a whole (its header, or an archive of it)."""

    template = "journal segment {path} is damaged at byte {offset}: {cause}; restore it from a backup"
    path: str
    offset: int
    cause: object


@dataclass(eq=False)
class JournalUnavailable(RunstreamError, OSError):
    """The journal cannot be written here and now (no space, read-only, gone)."""

    template = "the journal at {path} cannot be written: {cause}; free space or set RUNSTREAM_HOME elsewhere"
    path: str
    cause: object
    retriable = True


@dataclass(eq=False)
class FlushTimeout(RunstreamError, TimeoutError):
    """Not everything logged was acknowledged in time; it stays in the journal."""

    pending: int
    timeout_s: float
    cause: str = ""
    retriable = True

    def __str__(self) -> str:
        why = f" ({self.cause})" if self.cause else ""
        return (
            f"{self.pending} events are not acknowledged after {self.timeout_s:g} s{why}; "
            "they are safe in the journal: call flush() again, or `runstream sync` later"
        )
