"""How fast a backlog becomes committed rows: encoded metric events -> decode, fold, commit, checkpoint.

    python -m tests.bench.bench_fold [--points 10_000_000] [--series 250] [--kills 50]

Prints points/s, CPU microseconds a point and bytes a point in the file, for door one (big folds, sealed at once) and
door two (small folds, sealed by maintenance). The points are noisy float64 losses with jittering clocks; with the
default of 250 series a fold of a million points holds 4,000 of each. One core: run it under `taskset -c 0`.
"""

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from runstream_consumer.fold import Fold
from runstream_consumer.maintain import Maintainer
from runstream_consumer.memory import keep_memory
from runstream_consumer.source import Record
from runstream_consumer.store import Store
from runstream_schemas.codec import decode, encode
from runstream_schemas.events import MetricEvent, Series
from runstream_schemas.points import FLOAT, KIND_BITS, MAX_EVENT_POINTS, RECORD_BYTES
from runstream_schemas.topics import Topic
from tests.bench.figures import tell
from tests.store_kills import kill_rounds

RUN_ID, PRODUCER_ID = "bench", "01900000-0000-7000-8000-000000000000"
START_NS = 1_700_000_000_000_000_000


@dataclass(frozen=True, slots=True)
class Figures:
    """What one pass cost; seconds and sizes are of the whole pass."""

    n_points: int
    wall_s: float
    cpu_s: float
    decode_s: float
    fold_s: float
    commit_s: float
    size_bytes: int

    def __str__(self) -> str:
        n = self.n_points
        return (
            f"{n / self.wall_s / 1e6:5.2f} M points/s   {self.cpu_s / n * 1e6:5.3f} us CPU a point"
            f"   {self.size_bytes / n:5.2f} bytes a point   (decode {self.decode_s:.2f} s, "
            f"fold {self.fold_s:.2f} s, commit {self.commit_s:.2f} s)"
        )


def backlog(n_points: int, n_series: int) -> Iterator[bytes]:
    """Encoded metric events of one producer that logs ``n_series`` noisy losses in turn."""
    random = np.random.default_rng(7)
    series = tuple(Series(code, f"train/loss_{code}", None, "scalar") for code in range(n_series))
    for sequence, first in enumerate(range(0, n_points, MAX_EVENT_POINTS)):
        index = np.arange(first, min(first + MAX_EVENT_POINTS, n_points))
        table = np.empty((len(index), RECORD_BYTES // 8), np.int64)
        table[:, 0] = index // n_series
        table[:, 1] = START_NS + index * 1_000_000 + random.integers(0, 3_000_000, len(index))
        loss = 2.0 / (1.0 + table[:, 0] * 0.001) + random.normal(0.0, 0.05, len(index))
        table[:, 2] = loss.view(np.int64)
        table[:, 3] = (index % n_series) << KIND_BITS | FLOAT
        used = series if n_series <= 64 else tuple(series[code] for code in np.unique(index % n_series).tolist())
        event = MetricEvent(RUN_ID, PRODUCER_ID, sequence, START_NS, first, len(index), used, (), table.tobytes())
        yield encode(event)


def fold_all(values: Sequence[bytes], n_points: int, events_a_fold: int, folder: Path) -> Figures:
    """Fold ``values`` into a fresh file in ``folder``."""
    path = folder / "history.duckdb"
    path.unlink(missing_ok=True)
    store = Store.open(path, "journal", "journal:bench")
    fold = Fold(store.load_state())
    maintainer = Maintainer(store, fold)
    decode_s = fold_s = commit_s = 0.0
    begin_s, begin_cpu_s = time.perf_counter(), time.process_time()
    for first in range(0, len(values), events_a_fold):
        t0 = time.perf_counter()
        records = [
            Record(Topic.METRICS, PRODUCER_ID, first + i, value, RUN_ID.encode(), START_NS)
            for i, value in enumerate(values[first : first + events_a_fold])
        ]
        items = [(record, decode(record.value)) for record in records]
        t1 = time.perf_counter()
        folded = fold.fold(items, time.time_ns() // 1000)
        t2 = time.perf_counter()
        store.commit(folded)
        fold.accept(folded)
        maintainer.step(1.0)
        decode_s, fold_s, commit_s = decode_s + t1 - t0, fold_s + t2 - t1, commit_s + time.perf_counter() - t2
    if store.n_live:
        maintainer.seal()
    maintainer.checkpoint()
    wall_s, cpu_s = time.perf_counter() - begin_s, time.process_time() - begin_cpu_s
    row = store.connection.execute("SELECT sum(n), sum(n_numeric) FROM series_stat_live").fetchone()
    store.close()
    assert row is not None
    return Figures(n_points, wall_s, cpu_s, decode_s, fold_s, commit_s, path.stat().st_size)


def tell_passes(door: str, passes: Sequence[Figures]) -> None:
    """Speed by the clock, speed by the processor (which other work beside it does not slow), bytes."""
    goal = 3.0 if door == "door one" else None
    tell(f"fold of a backlog, {door}", "M points/s", [p.n_points / p.wall_s / 1e6 for p in passes], at_least=goal)
    tell(f"the same a second of its CPU, {door}", "M points/s", [p.n_points / p.cpu_s / 1e6 for p in passes])
    sizes = [p.size_bytes / p.n_points for p in passes]
    tell(f"noisy losses in the tables, {door}", "bytes a point", sizes, at_most=12)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=10_000_000)
    parser.add_argument("--series", type=int, default=250)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--events", type=int, default=244, help="events of 4,096 points a fold")
    parser.add_argument("--kills", type=int, default=0, help="also kill a folding process so often")
    arguments = parser.parse_args()
    keep_memory()
    values = list(backlog(arguments.points, arguments.series))
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        for door, events, rounds in (("door one", arguments.events, arguments.rounds), ("door two", 25, 1)):
            passes = []
            for _ in range(rounds):
                passes.append(fold_all(values, arguments.points, events, Path(folder)))
                print(f"fold, {door}: {passes[-1]}", flush=True)
            tell_passes(door, passes)
        if arguments.kills:
            toll = kill_rounds(arguments.kills, Path(folder))
            print(f"store: {toll.n_killed} kills in {toll.n_rounds} rounds, {len(toll.faults)} faults", *toll.faults)
    print(f"largest memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB, backlog included")


if __name__ == "__main__":
    main()
