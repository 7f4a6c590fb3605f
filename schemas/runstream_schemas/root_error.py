"""The root of every error that runstream raises, and the kinds right below it; the tree is drawn in errors.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


def _restored(kind: type[RunstreamError], fields: Mapping[str, object], words: tuple[object, ...]) -> RunstreamError:
    error = kind.__new__(kind, *words)
    error.__dict__.update(fields)
    return error


class RunstreamError(Exception):
    """The root of the tree: catch it to catch whatever runstream raises."""

    template: ClassVar[str] = "something went wrong in runstream"
    retriable: ClassVar[bool] = False

    def __str__(self) -> str:
        if self.args and self.template is RunstreamError.template:
            # A kind that a program raises with words of its own.
            return super().__str__()
        return self.template.format_map(vars(self))

    @property
    def message(self) -> str:
        """What happened, to which thing, and what to do next; the same as the error's text."""
        return str(self)

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle by fields: the default calls the class with positional `args`, which are empty or incomplete here."""
        return _restored, (type(self), self.__dict__, self.args)


class UserError(RunstreamError):
    """A call that cannot do what it was asked: a mistake of its caller, or something that is not there."""


class ConfigurationError(UserError):
    """A configuration of a run that cannot be used."""


class ExecutionError(RunstreamError):
    """A script that cannot be started, stopped or waited for."""


class ActivityError(RunstreamError):
    """A run that was waited for has not come to a good end."""


class RunEnvironmentError(RunstreamError):
    """A process that should belong to a run and does not."""


class SnapshotError(RunstreamError):
    """A snapshot that cannot be taken or restored."""


class ModelError(RunstreamError):
    """A model that is not there."""


class ModelPathError(RunstreamError):
    """A model's file or folder that is not there."""


class WorkspaceError(RunstreamError):
    """A workspace that cannot be made or removed."""
