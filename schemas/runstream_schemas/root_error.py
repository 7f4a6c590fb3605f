"""The root of every error that runstream raises; the tree is drawn in errors.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


def _restored(kind: type[RunstreamError], fields: Mapping[str, object]) -> RunstreamError:
    error = kind.__new__(kind)
    error.__dict__.update(fields)
    return error


class RunstreamError(Exception):
    """The root of the tree: catch it to catch whatever runstream raises."""

    message: ClassVar[str] = "something went wrong in runstream"
    retriable: ClassVar[bool] = False

    def __str__(self) -> str:
        return self.message.format_map(vars(self))

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle by fields: the default calls the class with positional `args`, which are empty here."""
        return _restored, (type(self), self.__dict__)
