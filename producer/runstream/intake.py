"""The long way of a point into the ring: series are registered, strings laid aside, and somebody waits for room."""

from __future__ import annotations

import itertools
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from runstream import notices
from runstream.series import PACKERS, Pack, Ring, SeriesTable
from runstream.staging import NOT_READY, Ready
from runstream.texts import CLOSED
from runstream_schemas.errors import JournalUnavailable
from runstream_schemas.events import Series
from runstream_schemas.points import BIGINT, INT, INT_RECORD, TEXT, pack_code

if TYPE_CHECKING:
    from runstream.channel import Channel
    from runstream.drain import Drainer
    from runstream.values import Value

FULL_WAIT_S: Final = 2.0
YIELD_S: Final = 0.0001


class Intake(ABC):
    """
    Points of one run into whatever channel is open.

    Nothing here raises because of the pipeline: what finds no room, or no disk, is dropped, counted and told.

    Attributes:
        run_id: of the run.
        series: every series logged so far; their codes outlive the channels.
    """

    def __init__(self, run_id: str, drainer: Drainer) -> None:
        self.run_id = run_id
        self.series = SeriesTable()
        self._drainer = drainer
        self._channel: Channel | None = None
        self._begin()

    def _begin(self) -> None:
        """Set what a forked child has to set anew."""
        self._lock = threading.RLock()
        self._rows: dict[str, Iterator[int]] = {}
        self._unwritten: dict[int, Series] = {}
        self._n_unopened = 0
        self._is_dropping = False

    @abstractmethod
    def channel(self) -> Channel:
        """
        Return the open channel; open one if there is none.

        Raises:
            JournalUnavailable: the home cannot be written.
        """

    @property
    def ready(self) -> Ready:
        """What loggers read at once; see staging.Ready."""
        channel = self._channel
        return NOT_READY if channel is None else channel.staging.ready

    def register(self, name: str, column_name: str | None, form: str, description: str) -> int:
        """
        Return the series' number, registering it at the first time.

        Raises:
            InvalidName, TooLarge: *name*, *column_name* or *description* cannot be kept.
            MetricFormClash: the metric is known in another form.
        """
        code = self.series.code(name, column_name, form, description)
        if code is not None:
            return code
        with self._lock:
            series = self.series.planned(name, column_name, form, description)
            self._unwritten[series.code] = series
        self._write_series(series.code)
        return series.code

    def put(self, code: int, value: Value, step: int) -> None:
        """
        Log one point; it survives this process when the call returns. What finds no room is dropped and counted.

        Args:
            code: of the series, from `register`.
            value: a plain value, from values.normalise.
            step: 64 bits, or NO_STEP.
        """
        pack, kind = PACKERS.get(type(value), (INT_RECORD.pack_into, TEXT))
        if kind == INT and not -(2**63) <= value < 2**63:  # type: ignore[operator]
            kind = BIGINT
        is_side = kind in (TEXT, BIGINT)
        try:
            if self._unwritten and not self._write_series(code):
                self._drop()
                return
            while True:
                channel = self.channel()
                stored = channel.texts.add(str(value)) if is_side else value
                if stored is not CLOSED and self._pack(channel, pack, step, stored, pack_code(code, kind)):
                    return
        except JournalUnavailable as error:
            self._tell(error)
            self._drop()

    def put_row(self, name: str, codes: Sequence[int], cells: Iterable[Value]) -> None:
        """
        Log the cells of one row; they share the row's number in this process and metric as their step.

        The numbers go on when the channel is opened anew: a row that is cut by that has no namesake on either side.
        """
        numbers = self._rows.get(name) or self._rows.setdefault(name, itertools.count())
        number = next(numbers)
        for code, cell in zip(codes, cells, strict=True):
            self.put(code, cell, number)

    def void(self, ring: Ring, slots: object, offset: int) -> bool:
        """Settle a record that `log()` took and did not write; False = it is written after all."""
        channel = self._channel
        # The records of a ring that is no longer the current one are settled when it closes.
        return channel is None or channel.staging.ring is not ring or channel.staging.void(slots, offset)

    def _write_series(self, code: int) -> bool:
        """Register a series that is not on the disk yet; False while the disk refuses."""
        while code in self._unwritten:
            try:
                # Before the lock: the drainer needs it to open a channel.
                channel = self.channel()
                with self._lock:
                    series = self._unwritten.get(code)
                    if series is not None and channel is self._channel and channel.register(series):
                        self.series.publish(series)
                        self._unwritten.pop(code, None)
            except JournalUnavailable as error:
                self._tell(error)
                return False
        return True

    def _pack(self, channel: Channel, pack: Pack, step: int, value: object, word: int) -> bool:
        """Write one record, or drop it where there is no room; False when the channel was closed meanwhile."""
        while True:
            _, slots, ring = channel.staging.ready
            offset = next(slots, None)
            if offset is None:
                found = self._find_room(channel)
                if found:
                    continue
                return found is None
            try:
                pack(ring, offset, step, time.time_ns(), value, word)
            except (ValueError, TypeError):
                # What a closed mapping raises; what is written here was checked before.
                if channel.staging.ring.closed:
                    return False
                raise
            except BaseException:
                channel.staging.void(slots, offset)
                raise
            return True

    def _find_room(self, channel: Channel) -> bool | None:
        """Wait for free records: True = there are some, False = the channel was closed, None = the value is dropped."""
        staging, drainer = channel.staging, self._drainer
        end_s = time.monotonic() + FULL_WAIT_S
        while True:
            drainer.wake()
            found = staging.take()
            if found is not None:
                self._is_dropping = False
                if 2 * found[1] >= len(staging.blocks):
                    # Half full: give the interpreter lock away for one frame, or the drainer gets one every 5 ms.
                    time.sleep(YIELD_S)
                return True
            if staging.is_sealed:
                return False
            # After one long wait in vain every further value is dropped at once, until there is room again.
            is_hopeless = self._is_dropping or channel.failure is not None or drainer.is_mine
            if is_hopeless or time.monotonic() >= end_s:
                self._is_dropping = True
                self._drop()
                return None
            time.sleep(YIELD_S)

    def _drop(self) -> None:
        """Count a value that found no room, and warn once."""
        channel = self._channel
        if channel is None:
            self._n_unopened += 1
        else:
            channel.staging.count_dropped(1)
        cause = "run %s: the journal takes nothing; points are dropped and counted"
        notices.once(("dropped", self.run_id), cause, self.run_id)

    def _tell(self, error: JournalUnavailable) -> None:
        notices.once(("journal", error.path), "%s; points are dropped and counted until then", error)
