"""Large histories made of synthetic events, folded and sealed by the product's own code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from runstream_consumer.fold import Fold
from runstream_consumer.maintain import Maintainer
from runstream_consumer.source import Record
from runstream_consumer.store import Store
from runstream_schemas.events import (
    Created,
    Event,
    MetricEvent,
    PropertiesAdded,
    RunEvent,
    Series,
    StatusChanged,
    TagEvent,
    topic_for,
)
from runstream_schemas.ids import uuid7
from runstream_schemas.points import FLOAT, KIND_BITS, MAX_EVENT_POINTS, RECORD_BYTES

START_NS = 1_700_000_000_000_000_000
COMMIT_POINTS = 1_000_000
LONG_RUN = "long-run"
LONG_METRIC = "train/loss"


def run_id_of(number: int) -> str:
    """The id of the `number`-th of many runs."""
    return f"run-{number:05d}"


def metric_names(n: int) -> list[str]:
    """Names of a run's metrics."""
    return [f"{('train', 'val', 'system')[i % 3]}/metric_{i:02d}" for i in range(n)]


class Builder:
    """Folds events into a history file, about a million points a commit, as a backlog is."""

    def __init__(self, path: Path, identity: str = "journal:bench") -> None:
        self.store = Store.open(path, "journal", identity)
        self._fold = Fold(self.store.load_state())
        self._waiting: list[tuple[Record, Event]] = []
        self._n_points = 0
        self._position = 0
        self._producer = 0

    def run(self, run_id: str, experiment: str, names: list[str], n_points: int, properties: dict[str, str]) -> None:
        """One whole run: `n_points` of each metric in `names`, logged in turn, then completed."""
        self._producer += 1
        producer_id = uuid7(self._producer << 74)
        # Runs start a minute apart, in the order in which they are made.
        start_ns = START_NS + self._producer * 60_000_000_000
        created = Created("default", experiment, f"{experiment} {run_id}", None, None, None, "host", "user", 1, None)
        end_ns = start_ns + n_points * len(names) * 1_000_000
        self._add(RunEvent(run_id, producer_id, 0, start_ns, created))
        self._add(RunEvent(run_id, producer_id, 1, start_ns + 1, PropertiesAdded(properties)))
        self._add(TagEvent(run_id, producer_id, 0, start_ns + 2, "sweep", str(self._producer % 7), False))
        for event in points(run_id, producer_id, names, n_points, start_ns, self._producer):
            self._add(event)
        self._add(RunEvent(run_id, producer_id, 2, end_ns, StatusChanged("Completed", None, None, None, None)))

    def _add(self, event: Event) -> None:
        record = Record(topic_for(event), "log", self._position, b"", b"", event.logged_at_ns)
        self._waiting.append((record, event))
        self._position += 1
        self._n_points += event.count if isinstance(event, MetricEvent) else 0
        if self._n_points >= COMMIT_POINTS:
            self.commit()

    def commit(self) -> None:
        """Fold and commit what waits."""
        if self._waiting:
            folded = self._fold.fold(self._waiting, START_NS // 1000, door_one=True if self._n_points else None)
            self.store.commit(folded)
            self._fold.accept(folded)
        self._waiting, self._n_points = [], 0

    def finish(self) -> Store:
        """Commit the rest, compact and checkpoint; returns the store, open."""
        self.commit()
        maintainer = Maintainer(self.store, self._fold, None)
        maintainer.write_statistics()
        maintainer.compact()
        maintainer.checkpoint()
        return self.store


def points(
    run_id: str, producer_id: str, names: list[str], n_points: int, start_ns: int, seed: int
) -> Iterator[MetricEvent]:
    """Metric events of one producer that logs noisy losses, one of each name a step, a millisecond apart."""
    random = np.random.default_rng(seed)
    series = tuple(Series(code, name, None, "scalar", "") for code, name in enumerate(names))
    total = n_points * len(names)
    for sequence, first in enumerate(range(0, total, MAX_EVENT_POINTS)):
        index = np.arange(first, min(first + MAX_EVENT_POINTS, total))
        step = index // len(names)
        table = np.empty((len(index), RECORD_BYTES // 8), np.int64)
        table[:, 0] = step
        table[:, 1] = start_ns + index * 1_000_000 + random.integers(0, 900_000, len(index))
        table[:, 2] = (np.exp(-step / max(1, n_points) * 4) + 0.05 * random.standard_normal(len(index))).view(np.int64)
        table[:, 3] = (index % len(names)) << KIND_BITS | FLOAT
        yield MetricEvent(
            run_id, producer_id, sequence, start_ns + first * 1_000_000, first, len(index), series, (), table.tobytes()
        )


def mixed(path: Path, n_points: int, n_runs: int, n_metrics: int) -> Store:
    """Half of the points in one series of one run, half in `n_metrics` of each of `n_runs` runs; returned open."""
    builder = Builder(path)
    each = n_points // 2 // n_runs // n_metrics
    names = metric_names(n_metrics)
    for number in range(n_runs):
        if number == n_runs // 2:
            builder.run(LONG_RUN, "long", [LONG_METRIC], n_points // 2, {"lr": "0.1"})
        builder.run(run_id_of(number), f"experiment {number % 5}", names, each, {"lr": str(0.1 / (1 + number % 9))})
    return builder.finish()
