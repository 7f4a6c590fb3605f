"""Configuration objects on which a misspelt attribute is an error, not a setting without effect."""

from __future__ import annotations

import difflib
from typing import Any

from runstream_schemas.errors import UnknownAttribute


class Strict:
    """The root of configuration classes; each declares `__slots__`, and no other attribute can be set or read."""

    __slots__ = ()

    def __setattr__(self, name: str, value: Any) -> None:
        try:
            object.__setattr__(self, name, value)
        except UnknownAttribute:
            raise
        except AttributeError:
            raise self._unknown(name) from None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # asked by copy, pickle and notebooks, which expect the plain error
            raise AttributeError(name)
        raise self._unknown(name)

    def _unknown(self, name: str) -> UnknownAttribute:
        known = [attribute for attribute in dir(type(self)) if not attribute.startswith("_")]
        nearest = difflib.get_close_matches(name, known, 1, 0.6)
        return UnknownAttribute(type(self).__name__, name, nearest[0] if nearest else None)

    def __repr__(self) -> str:
        names: tuple[str, ...] = type(self).__slots__
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in names if not name.startswith("_"))
        return f"{type(self).__name__}({shown})"
