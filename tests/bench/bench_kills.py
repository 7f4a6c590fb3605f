"""kill -9 of every part while points are logged: how many returned points were lost or doubled.

    python -m tests.bench.bench_kills [--producer 150] [--consumer 50] [--broker 5]

`--producer` counts for each mode. A consumer keeps running while producers die. Two fifths of the consumer's deaths
are by the clock, two fifths inside steps of commit, seal and compaction (of a process that only folds), and one fifth
inside steps of archiving; fail-points make the latter.
"""

import argparse
import tempfile
from pathlib import Path

from tests.bench.figures import tell
from tests.broker import Broker, new_prefix
from tests.folding_process import POINTS_A_METRIC_EVENT
from tests.pipeline import Pipeline
from tests.pipeline_kills import kill_archiving, kill_broker, kill_consumer, kill_producers, over_kafka
from tests.store_kills import N_EVENTS, kill_rounds

AT_ONCE = 6
"""Logging processes that start together and die one after the other."""


def told(what: str, count: int, wanted: int, n_points: int, faults: list[str]) -> None:
    """Tell one result: the faults, and that as many were killed as was asked for."""
    for fault in faults:
        print(f"   {what}: {fault}", flush=True)
    tell(f"kill -9 of {what}", "kills", [count], at_least=wanted)
    tell(f"lost or doubled of {n_points:,} points, {what}", "faults", [len(faults)], at_most=0, is_promise=True)


def embedded(folder: Path, counts: argparse.Namespace) -> None:
    """Kill the logging process and the consumer over journals."""
    n_steps, n_archive = counts.consumer * 2 // 5, counts.consumer // 5
    n_clock = counts.consumer - n_steps - n_archive
    pipeline = Pipeline(folder / "embedded")
    pipeline.start()
    toll = kill_producers(pipeline, counts.producer, at_once=AT_ONCE)
    told("the logging process, embedded", counts.producer, counts.producer, *toll)
    told("the running consumer", n_clock, n_clock, *kill_consumer(pipeline, n_clock))
    pipeline.stop()
    archiving = Pipeline(folder / "archiving")
    n_killed, n_points, faults = kill_archiving(archiving, n_archive)
    told("the consumer inside archiving", n_killed, n_archive, n_points, faults)
    archiving.stop()
    (folder / "store").mkdir()
    store = kill_rounds(n_steps, folder / "store")
    n_points = store.n_rounds * N_EVENTS * POINTS_A_METRIC_EVENT
    told("the fold inside commit, seal and compaction", store.n_killed, n_steps, n_points, list(store.faults))


def kafka(folder: Path, counts: argparse.Namespace) -> None:
    """Kill the logging process and the broker over Kafka."""
    broker = Broker.start_new()
    try:
        pipeline = over_kafka(folder / "kafka", broker, new_prefix())
        pipeline.start()
        toll = kill_producers(pipeline, counts.producer, seed=1, at_once=AT_ONCE)
        told("the logging process, over Kafka", counts.producer, counts.producer, *toll)
        told("the broker", counts.broker, counts.broker, *kill_broker(pipeline, broker, counts.broker))
        pipeline.stop()
    finally:
        broker.close()


def main() -> None:
    """Print the toll."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--producer", type=int, default=150)
    parser.add_argument("--consumer", type=int, default=50)
    parser.add_argument("--broker", type=int, default=5)
    parser.add_argument("--mode", choices=("embedded", "kafka"))
    counts = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if counts.mode != "kafka":
            embedded(Path(folder), counts)
        if counts.mode != "embedded":
            kafka(Path(folder), counts)


if __name__ == "__main__":
    main()
