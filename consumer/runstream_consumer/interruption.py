"""Ctrl-C while DuckDB waits for a server: it looks for signals between its steps, and that wait is one step."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def interruptible(work: Callable[[], T]) -> T:
    """
    Do some work and return what it gives; Ctrl-C, or a notebook's stop button, ends the wait for it, not the work.

    Other threads than the main one get no signals: there the work is done as it is.

    Raises:
        KeyboardInterrupt: it was ended.
        Exception: what the work raises.
    """
    if threading.current_thread() is not threading.main_thread():
        return work()
    results: list[T] = []
    failures: list[BaseException] = []
    done = threading.Event()

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - a thread's edge: raised where it is waited for
            failures.append(error)
        finally:
            done.set()

    # A daemon, for a program that was told to end must not wait for a server.
    threading.Thread(target=run, name="runstream-statement", daemon=True).start()
    done.wait()
    if failures:
        raise failures[0]
    return results[0]
