"""kill -9 of every part while points are logged: how many returned points were lost or doubled.

    python -m tests.bench.bench_kills [--producer 150] [--consumer 50] [--broker 5]

`--producer` counts for each mode. A consumer keeps running while producers die; the consumer's deaths at its commit,
seal and archive steps come from fail-points, the others from the clock.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.broker import Broker, new_prefix
from tests.pipeline import Pipeline
from tests.pipeline_kills import kill_broker, kill_consumer, kill_producers, over_kafka
from tests.store_kills import kill_rounds


def told(what: str, count: int, n_points: int, faults: list[str]) -> int:
    """Print one result; returns the number of faults."""
    print(f"{count} x kill -9 of {what}: {n_points:,} returned points, {len(faults)} faults", flush=True)
    for fault in faults:
        print(f"   {fault}", flush=True)
    return len(faults)


def embedded(folder: Path, counts: argparse.Namespace) -> int:
    """Kill the logging process and the consumer over journals; returns the number of faults."""
    pipeline = Pipeline(folder / "embedded")
    pipeline.start()
    n_faults = told("the logging process, embedded", counts.producer, *kill_producers(pipeline, counts.producer))
    n_clock = counts.consumer // 2
    n_faults += told("the consumer, embedded", n_clock, *kill_consumer(pipeline, n_clock))
    pipeline.stop()
    (folder / "store").mkdir()
    store = kill_rounds(counts.consumer - n_clock, folder / "store")
    return n_faults + told("the folding process at its steps", store.n_killed, 0, list(store.faults))


def kafka(folder: Path, counts: argparse.Namespace) -> int:
    """Kill the logging process and the broker over Kafka; returns the number of faults."""
    broker = Broker.start_new()
    try:
        pipeline = over_kafka(folder / "kafka", broker, new_prefix())
        pipeline.start()
        toll = kill_producers(pipeline, counts.producer, seed=1)
        n_faults = told("the logging process, over Kafka", counts.producer, *toll)
        n_faults += told("the broker", counts.broker, *kill_broker(pipeline, broker, counts.broker))
        pipeline.stop()
    finally:
        broker.close()
    return n_faults


def main() -> int:
    """Print the toll; the exit status is 1 if anything was lost or doubled."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--producer", type=int, default=150)
    parser.add_argument("--consumer", type=int, default=50)
    parser.add_argument("--broker", type=int, default=5)
    parser.add_argument("--mode", choices=("embedded", "kafka"))
    counts = parser.parse_args()
    n_faults = 0
    with tempfile.TemporaryDirectory() as folder:
        if counts.mode != "kafka":
            n_faults += embedded(Path(folder), counts)
        if counts.mode != "embedded":
            n_faults += kafka(Path(folder), counts)
    return min(n_faults, 1)


if __name__ == "__main__":
    sys.exit(main())
