"""A worker of multiprocessing: it ends by os._exit, after exit handlers of a kind of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable


def at_exit(call: Callable[[], object], priority: int) -> None:
    """
    Have *call* called when this process ends, if it is a worker of multiprocessing; atexit does it for all others.

    Args:
        call: what to do.
        priority: below 0, which is after the worker's own children have ended; the highest goes first.
    """
    processes, finalizers = (sys.modules.get(f"multiprocessing.{name}") for name in ("process", "util"))
    if processes is not None and finalizers is not None and processes.parent_process() is not None:
        finalizers.Finalize(None, call, exitpriority=priority)
