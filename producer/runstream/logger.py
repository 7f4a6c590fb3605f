"""Station 1: the logging call. One record into the staging ring, and back to the training loop."""

from __future__ import annotations

import struct
from collections.abc import Callable
from time import time_ns
from typing import TYPE_CHECKING

from runstream.series import Ring, checked_step
from runstream.staging import NOT_READY, Ready
from runstream.values import normalise
from runstream_schemas.points import NO_STEP

if TYPE_CHECKING:
    from runstream.producer import Producer

# The default by identity: one comparison tells "not given" from everything that has to be looked at.
NO_DESCRIPTION = ""


class Logger:
    """
    What makes `run.log()` cost half a microsecond. `Run` is built on it.

    `_ready` is one tuple (tables of codes by type, offsets of free records, the mapped ring), read once a call, so
    that a call never mixes the parts of two rings. Whatever is not the common case goes through `_slow`: a new name, a
    new type, a full block, a closed or forked producer.
    """

    __slots__ = ("__weakref__", "_open_producer", "_producer", "_ready")

    _ready: Ready
    _producer: Producer | None

    def __init__(self, open_producer: Callable[[], Producer]) -> None:
        """Log through the producer that *open_producer* gives; it is called at the first use, not now."""
        self._open_producer = open_producer
        self._producer = None
        self._ready = NOT_READY

    @property
    def producer(self) -> Producer:
        """This run's producer in this process; it opens at its first use."""
        if self._producer is None:
            producer = self._open_producer()
            producer.attach(self)
            self._producer = producer
        return self._producer

    def log(self, name: str, value: object, description: str = NO_DESCRIPTION, step: int | None = None) -> None:
        """
        Log one value of a metric.

        When the call returns, the value survives the death of this process. The call never waits for a network, and a
        full disk or a lost broker never makes it fail: what could not be kept is counted and told.

        Args:
            name: the metric; logging a name again extends its curve.
            value: number, string, bool or None; NumPy and torch scalars count as their Python value.
            description: of the metric, kept with it.
            step: any 64-bit integer above -2**63; steps may repeat and run backwards. Left out: the place in the
                series.

        Raises:
            InvalidName: *name* is empty, too long or holds control characters.
            InvalidValue: *value* is nothing that one point can hold.
            InvalidStep: *step* is no such integer.
            MetricFormClash: *name* was logged as a list, row, table or image.
            TooLarge: a string of more than 64 KiB.
            TypeError: *description* is no string (a step given in its place).
        """
        if description is not NO_DESCRIPTION:
            return self._described(name, value, description, step)
        if step is None:
            step = NO_STEP
        elif step == NO_STEP:
            checked_step(name, step)
        kinds, slots, ring = self._ready
        try:
            pack, codes = kinds[type(value)]
            code = codes[name]
            offset = next(slots)
        except (KeyError, StopIteration, TypeError):
            return self._slow(name, value, step)
        # Nothing above has a slot to lose; from here on the slot is ours and must end complete or void.
        try:
            pack(ring, offset, step, time_ns(), value, code)
        except (struct.error, ValueError, TypeError):
            # A step or an integer that does not fit, or a ring closed meanwhile: the slow way tells them apart.
            # With the record complete it was a signal handler that raised.
            if not self._give_up(ring, slots, offset):
                raise
            return self._slow(name, value, step)
        except BaseException:
            self._give_up(ring, slots, offset)
            raise
        return None

    def _slow(self, name: str, value: object, step: int, description: str = NO_DESCRIPTION) -> None:
        """Log one value the long way, then be fast again for its name and type."""
        plain = normalise(name, value)
        step = checked_step(name, step) if step is not NO_STEP else NO_STEP
        producer = self.producer
        code = producer.register(name, None, "scalar", description)
        producer.put(code, plain, step)
        producer.series.admit(type(value))
        self._ready = producer.ready

    def _described(self, name: str, value: object, description: str, step: int | None) -> None:
        """Log one value together with its metric's description."""
        if not issubclass(type(description), str):
            message = f"description must be a string; did you mean step={description!r}?"
            raise TypeError(message)
        producer = self._producer
        if producer is not None and producer.series.describes(name, description):
            return self.log(name, value, step=step)
        return self._slow(name, value, NO_STEP if step is None else checked_step(name, step), description)

    def _give_up(self, ring: Ring, slots: object, offset: int) -> bool:
        """Mark a record that was taken and not written as void, so that nothing waits for it; False = it is written."""
        return self._producer is None or self._producer.void(ring, slots, offset)
