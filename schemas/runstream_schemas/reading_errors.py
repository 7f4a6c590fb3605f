"""Errors of reading the history back. Part of the tree that errors.py draws."""

from __future__ import annotations

from dataclasses import dataclass

from runstream_schemas.root_error import RunstreamError, UserError


@dataclass(eq=False)
class NotYetFolded(RunstreamError, TimeoutError):
    """The history does not yet cover what this process has logged."""

    run_id: str
    wanted: object
    folded: object
    waited_s: float
    cause: str = ""
    retriable = True

    def __str__(self) -> str:
        why = f"; likely cause: {self.cause}" if self.cause else ""
        return (
            f"the history of run {self.run_id} covers {self.folded} but {self.wanted} was logged "
            f"(waited {self.waited_s:g} s, RUNSTREAM_READ_WAIT){why}"
        )


@dataclass(eq=False)
class RunNotFound(UserError, LookupError):
    """No such run in this history."""

    template = "no run {run_id!r} in {where}; `runstream runs` lists those that are there"
    run_id: str
    where: str


@dataclass(eq=False)
class HistoryUnreachable(RunstreamError, ConnectionError):
    """No server answers and there is no journal to read instead."""

    template = (
        "no history server answers at {address}: {cause}; start `runstream consume` there, and set "
        "RUNSTREAM_SERVER=host:port and RUNSTREAM_TOKEN_FILE here"
    )
    address: str
    cause: object
    retriable = True


@dataclass(eq=False)
class HistoryBusy(RunstreamError):
    """Another process folds or reads this home's file and did not finish in time."""

    template = "{path} is in use by {holder}; try again, or keep `runstream consume` running to share it"
    path: str
    holder: str
    retriable = True


@dataclass(eq=False)
class FilterError(UserError, ValueError):
    """A filter of the run list with a term that means nothing."""

    template = "filter term {term!r} {reason}"
    term: str
    reason: str


@dataclass(eq=False)
class InvalidLiteral(UserError, ValueError):
    """A value that cannot be written into a statement."""

    template = "{what} cannot enter SQL: {reason}"
    what: str
    reason: str


@dataclass(eq=False)
class StatementFailed(UserError, ValueError):
    """A statement that the history does not run: it is wrong, or it does more than read."""

    template = "{reason}"
    statement: str
    reason: str
