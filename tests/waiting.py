"""One way to wait in a test: poll a condition until it holds, against the monotonic clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(condition: Callable[[], T | None], timeout_s: float = 60.0, every_s: float = 0.02, what: str = "") -> T:
    """
    Return the first true value that *condition* gives.

    Args:
        condition: called again and again from this thread; its exceptions are not caught.
        timeout_s: after so many seconds without a true value the test fails. Generous, because two
            shared cores stall: a limit is there to end a broken test, never to measure.
        every_s: pause between two calls.
        what: the awaited fact in words, for the message; by default the condition's name.

    Raises:
        AssertionError: *condition* stayed false; the message holds its last value.
    """
    end = time.monotonic() + timeout_s
    pause = threading.Event()
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            name = what or getattr(condition, "__name__", "condition")
            message = f"{name} did not come true within {timeout_s:g} s; it last gave {value!r}"
            raise AssertionError(message)
        pause.wait(every_s)
