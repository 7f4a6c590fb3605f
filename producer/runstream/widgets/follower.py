"""The thread behind one widget: it looks at the run again and again until the run has ended, and then is gone."""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from runstream import reading
from runstream.config import Config
from runstream.widgets.look import Look, Seen
from runstream_schemas.errors import ExtraMissing, RunNotFound, RunstreamError

if TYPE_CHECKING:
    from runstream_consumer.history import History

EVERY_S: Final = 1.0
"""From look to look; where a look takes longer than half of it, as long as the look is the rest."""

RETRY_S: Final = 1.5
SETTLE_S: Final = 10.0
"""After the end of a run its last points may still be on their way: they are waited for, no longer than this."""

QUIET_LOOKS: Final = 2
STOP_WAIT_S: Final = 2.0
NOT_YET: Final = "nothing of this run has arrived in the history yet"

Show = Callable[[Seen, str, bool], bool]
"""
Takes what was seen, why it could not be read ("" = it could), and whether this was the last time; returns whether
anybody wants to see more.
"""


class Follower:
    """
    Follows one run and shows it.

    Args:
        config: of the home.
        run_id: of the run.
        show: called from the thread after every look.
    """

    def __init__(self, config: Config, run_id: str, show: Show) -> None:
        self._config = config
        self._look = Look(config, run_id)
        self._show = show
        self._stopped = threading.Event()
        self._looked = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"runstream-widget-{run_id}", daemon=True)

    def start(self) -> None:
        """Begin."""
        # A thread that reads while the interpreter is torn down may crash it.
        atexit.register(self.stop)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether it still looks."""
        return self._thread.is_alive()

    @property
    def seen(self) -> Seen:
        """What the last look has found."""
        return self._look.seen

    def wait(self, timeout_s: float) -> bool:
        """Wait for the first look, no longer than that; return whether it has happened."""
        return self._looked.wait(timeout_s)

    def stop(self) -> None:
        """End it, whatever the run does; waits STOP_WAIT_S at most."""
        self._stopped.set()
        if self._thread is not threading.current_thread():
            self._thread.join(STOP_WAIT_S)

    def _run(self) -> None:
        try:
            while not self._stopped.is_set():
                try:
                    with reading.opened(self._config, "RunDetails") as history:
                        self._follow(history)
                        return
                except ExtraMissing as error:
                    self._tell(str(error), is_last=True)
                    return
                except RunstreamError as error:
                    self._tell(str(error))
                self._stopped.wait(RETRY_S)
        except Exception as error:  # noqa: BLE001 the edge of the thread: what it meets must not end unseen
            self._tell(f"the view has stopped, {type(error).__name__}: {error}", is_last=True)
        finally:
            self._looked.set()
            atexit.unregister(self.stop)

    def _follow(self, history: History) -> None:
        """Look until the run has ended and nothing of it comes any more."""
        quiet, ended_at_s = 0, None
        while not self._stopped.is_set():
            begun_s = time.monotonic()
            try:
                quiet = 0 if self._look.read(history) else quiet + 1
            except RunNotFound:
                self._tell(NOT_YET)
            else:
                if self._look.seen.is_over:
                    ended_at_s = begun_s if ended_at_s is None else ended_at_s
                    if quiet >= QUIET_LOOKS or begun_s - ended_at_s > SETTLE_S:
                        self._tell("", is_last=True)
                        return
                else:
                    ended_at_s = None
                self._tell("")
            spent_s = time.monotonic() - begun_s
            self._stopped.wait(max(EVERY_S - spent_s, spent_s))

    def _tell(self, trouble: str, is_last: bool = False) -> None:
        if not self._show(self._look.seen, trouble, is_last):
            self._stopped.set()
        self._looked.set()
