"""What this process prints, kept with the runs that are under way."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any, Final, Self, TextIO

Write = Callable[[str, str], None]
"""(stream, text): takes what was printed."""

STREAMS: Final = ("stdout", "stderr")


class Tee:
    """A text stream that hands what is written to it on, and to every listener."""

    def __init__(self, name: str, target: TextIO) -> None:
        self._name = name
        self._target = target

    def write(self, text: str) -> int:
        """Write *text* as the stream itself does; listeners get it afterwards."""
        n_written = self._target.write(text)
        for listener in list(_listeners.values()):
            listener(self._name, text)
        return n_written

    def writelines(self, lines: Any) -> None:
        """Write each of *lines*."""
        for line in lines:
            self.write(line)

    def __getattr__(self, attribute: str) -> Any:
        return getattr(self._target, attribute)

    def __iter__(self) -> Any:
        return iter(self._target)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._target.flush()

    @property
    def target(self) -> TextIO:
        """The stream itself."""
        return self._target


_listeners: dict[object, Write] = {}
_lock = threading.RLock()


def listen(key: object, write: Write) -> None:
    """Have everything that is printed from now on given to *write*, until mute(key)."""
    with _lock:
        _listeners[key] = write
        for name in STREAMS:
            stream = getattr(sys, name)
            # None where the program has no console (pythonw, a daemon).
            if stream is not None and not isinstance(stream, Tee):
                setattr(sys, name, Tee(name, stream))


def mute(key: object) -> None:
    """End what listen(key) began; the last one puts the streams back, unless the program has put others there."""
    with _lock:
        _listeners.pop(key, None)
        if _listeners:
            return
        for name in STREAMS:
            stream = getattr(sys, name)
            if isinstance(stream, Tee):
                setattr(sys, name, stream.target)
