"""
Ctrl-C while DuckDB works: what a reader's program gets is a KeyboardInterrupt, and at once.

DuckDB looks for signals between its steps. The wait for a server is one step; and one that it has seen it reports as a
RuntimeError, by which a run would count as failed instead of as canceled.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


@contextmanager
def plain_interrupts() -> Iterator[None]:
    """
    Have a Ctrl-C inside the block be what it is everywhere else.

    Raises:
        KeyboardInterrupt: a statement of the block was ended by it.
    """
    try:
        yield
    except RuntimeError as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from error
        raise


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
