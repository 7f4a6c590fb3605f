"""Which folded segments leave the journal, and when: a step of maintenance, in small portions."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import structlog

from runstream_consumer.archive import archive_segment, may_leave
from runstream_consumer.source import Position
from runstream_schemas.errors import SegmentDamaged
from runstream_schemas.home import Home, ProducerDir, locked
from runstream_schemas.recovery import is_alive
from runstream_schemas.scan import is_closed, read_header

LOOK_EVERY_S = 5.0
_log = structlog.get_logger(__name__)


class Archivist:
    """Moves folded segments of embedded journals into the archive, and removes folders that are empty then."""

    def __init__(self, home: Home, positions: Callable[[], Mapping[str, Position]]) -> None:
        """`positions()` gives what is committed."""
        self._home = home
        self._positions = positions
        self._look_at_s = 0.0
        self._kept: dict[Path, int] = {}

    def step(self, budget_s: float) -> bool:
        """Archive what may leave, beginning nothing after `budget_s`; true if anything was done."""
        now = time.monotonic()
        if now < self._look_at_s:
            return False
        end = now + budget_s
        positions = self._positions()
        n_done = 0
        for producer in self._home.producers():
            position = positions.get(producer.producer_id)
            if position is None:
                continue
            n_done += self._archive_of(producer, position.next_position, end)
            if time.monotonic() >= end:
                return True
        self._look_at_s = time.monotonic() + LOOK_EVERY_S
        return n_done > 0

    def _archive_of(self, producer: ProducerDir, folded_below: int, end: float) -> int:
        """Archive the segments of one producer; returns how many."""
        n_done = 0
        try:
            segments = producer.segments()
            if not segments or read_header(segments[0][1]).role != "log":
                return 0
            ends = [first for first, _ in segments[1:]]
            for (_, path), end_frame in zip(segments, [*ends, None], strict=True):
                if time.monotonic() >= end or not self._is_ripe(producer, path, end_frame, folded_below):
                    return n_done
                archive_segment(self._home, producer.producer_id, path)
                n_done += 1
            self._remove(producer)
        except FileNotFoundError:
            return n_done
        except SegmentDamaged as e:
            _log.error("segment stays in the journal", path=e.path, cause=str(e.cause))
        return n_done

    def _is_ripe(self, producer: ProducerDir, path: Path, end_frame: int | None, folded_below: int) -> bool:
        """May this segment leave? The full look at it is taken only when something has changed since the last."""
        if end_frame is None:
            if not is_closed(path) or producer.staging.exists() or is_alive(producer):
                return False
        elif end_frame > folded_below:
            return False
        if self._kept.get(path) == folded_below and producer.staging.exists():
            return False
        if may_leave(producer, path, folded_below):
            self._kept.pop(path, None)
            return True
        self._kept[path] = folded_below
        return False

    def _remove(self, producer: ProducerDir) -> None:
        """Remove the folder of a closed producer, all of whose segments are archived."""
        with locked(producer.lock) as fd:
            if fd is None or producer.segments():
                return
            for path in producer.path.iterdir():
                path.unlink()
            producer.path.rmdir()
