"""The end of following a run that has ended: what its processes have written may arrive after the word of its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from runstream_consumer.history import History

QUIET_S: Final = 1.0
"""Of a run that a process still has open nobody knows what is on its way: it is over when so long nothing has come."""

MISSING_S: Final = 10.0
"""What a process says it has written is waited for until nothing has come for so long."""

_PAUSE_S: Final = 0.1


def show_rest(history: History, run_id: str, show: Callable[[], bool]) -> int:
    """
    Show what still arrives of a run that has ended, until all that its processes have written is shown.

    Args:
        history: to ask.
        run_id: of the run.
        show: shows what is new, and tells whether there was anything.

    Returns:
        How many events are known to be missing all the same: nothing has come for MISSING_S.
    """
    heard_s, n_before = time.monotonic(), -1
    while True:
        # Asked before the rest is shown: what it counts is then certainly among it.
        arrival = history.arrival(run_id)
        if show() or arrival.n_missing != n_before:
            heard_s, n_before = time.monotonic(), arrival.n_missing
        quiet_s = time.monotonic() - heard_s
        if arrival.n_missing:
            if quiet_s >= MISSING_S:
                return arrival.n_missing
        elif arrival.is_told or quiet_s >= QUIET_S:
            return 0
        time.sleep(_PAUSE_S)
