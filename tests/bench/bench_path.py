"""The whole path: CPU a point from log() to the committed row, and the time until another process sees it.

    python -m tests.bench.bench_path [--points 3000000] [--seconds 15] [--rounds 3] [--mode embedded|kafka]

The training process, the consumer and the reader are three processes. The reader polls the served history as the
dashboard does; each value of the metric "clock" is the monotonic clock when it was logged, which all processes share.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.bench.figures import tell

WRITER = """
import sys, time
from runstream import Experiment, Workspace
run_id, n_points, rate, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])
run = Experiment(Workspace(), "bench").start_logging(run_id=run_id)
names = [f"train/metric_{i}" for i in range(10)]
run.log("clock", time.monotonic(), step=0)
cpu = time.process_time()
if n_points:
    for step in range(n_points // 10):
        for name in names:
            run.log(name, step * 0.001, step=step)
else:
    begin, step, logged = time.monotonic(), 0, 0
    per_tick = max(1, int(rate / 100))
    while (now := time.monotonic()) < begin + seconds:
        step += 1
        if rate > 100:
            for i in range(per_tick):
                run.log(names[i % 10], step * 0.001, step=logged + i)
            logged += per_tick
        run.log("clock", time.monotonic(), step=step)
        time.sleep(max(0.0, begin + step * (0.01 if rate > 100 else 1 / rate) - time.monotonic()))
run.complete()
run.flush()
print(time.process_time() - cpu)
"""


@contextmanager
def consumer(environment: dict[str, str]) -> Iterator[psutil.Process]:
    """A consumer of this home, running until the block ends."""
    from runstream_consumer import history

    process = subprocess.Popen(
        [sys.executable, "-m", "runstream.cli", "consume"], env=environment, stderr=subprocess.DEVNULL
    )
    try:
        while not (Path(environment["RUNSTREAM_HOME"]) / "server.json").exists():
            if process.poll() is not None:
                raise SystemExit("the consumer did not start")
            time.sleep(0.05)
        with history.connect(environment["RUNSTREAM_HOME"]) as reader:
            reader.watermark()
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


def cpu_s(process: psutil.Process) -> float:
    """User and system seconds of a process so far."""
    times = process.cpu_times()
    return times.user + times.system


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds of CPU a point in each process, and seconds until all were written and then committed."""

    producer_us: float
    consumer_us: float
    broker_us: float
    wrote_s: float
    behind_s: float


def cpu_a_point(environment: dict[str, str], n_points: int, broker: psutil.Process | None) -> Cost:
    """Log ``n_points`` as fast as one process can, and wait until all are committed."""
    from runstream_consumer import history

    with consumer(environment) as folding:
        before, broker_before, begin = cpu_s(folding), cpu_s(broker) if broker else 0.0, time.monotonic()
        argv = [sys.executable, "-c", WRITER, f"cpu-{os.getpid()}", str(n_points), "0", "0"]
        written = subprocess.run(argv, env=environment, capture_output=True, text=True, check=True)
        wrote_s = time.monotonic() - begin
        with history.connect(environment["RUNSTREAM_HOME"]) as reader:
            while total(reader) < n_points:
                time.sleep(0.2)
        folded_s = time.monotonic() - begin
        consumer_us = (cpu_s(folding) - before) / n_points * 1e6
        broker_us = (cpu_s(broker) - broker_before) / n_points * 1e6 if broker else 0.0
    producer_us = float(written.stdout) / n_points * 1e6
    return Cost(producer_us, consumer_us, broker_us, wrote_s, folded_s - wrote_s)


def total(reader: object) -> int:
    """Points in the whole history, from the rows of the batches; a bare count is not safe beside commits."""
    row = reader.sql("SELECT sum(n)::BIGINT FROM series").fetchone()  # type: ignore[attr-defined]
    return int(row[0] or 0)


def visible(environment: dict[str, str], rate: float, seconds: float, number: int) -> tuple[float, float]:
    """Poll the value logged last until the writer ends; ms until the first value was seen, and p95 of all."""
    from runstream_consumer import history

    ages: list[float] = []
    run_id = f"visible-{rate:g}-{number}"
    with consumer(environment), history.connect(environment["RUNSTREAM_HOME"]) as reader:
        argv = [sys.executable, "-c", WRITER, run_id, "0", str(rate), str(seconds)]
        writer = subprocess.Popen(argv, env=environment, stdout=subprocess.DEVNULL)
        seen = 0
        while writer.poll() is None:
            statement = (
                "SELECT step, value FROM metric WHERE run_id = $1 AND name = 'clock' AND step > $2 ORDER BY step"
            )
            rows = reader.sql(statement, [run_id, seen]).fetchall()
            now = time.monotonic()
            ages.extend(now - value for _, value in rows)
            seen = rows[-1][0] if rows else seen
            time.sleep(0.01)
    first = ages[0]
    ages.sort()
    return first * 1000, ages[int(len(ages) * 0.95)] * 1000


def measure(
    mode: str, environment: dict[str, str], arguments: argparse.Namespace, broker: psutil.Process | None
) -> None:
    """Print the figures of one mode."""
    rounds = range(arguments.rounds)
    costs = []
    for number in rounds:
        # A home of its own: what earlier rounds left to archive is not this round's work.
        own = environment | {"RUNSTREAM_HOME": f"{environment['RUNSTREAM_HOME']}-{number}"}
        own |= {"RUNSTREAM_TOPIC_PREFIX": f"bench{number}"} if broker else {}
        create_topics(own)
        costs.append(cpu_a_point(own, arguments.points, broker))
    sums = [one.producer_us + one.consumer_us for one in costs]
    tell(f"CPU, log() to committed row, {mode}", "us a point", sums, at_most=1.3 if broker else 0.9)
    tell(f"of it the training process, {mode}", "us a point", [one.producer_us for one in costs])
    tell(f"of it the consumer, {mode}", "us a point", [one.consumer_us for one in costs])
    if broker:
        tell("the broker beside them", "us a point", [one.broker_us for one in costs])
    tell(f"last point written -> committed, {mode}", "s", [one.behind_s for one in costs])
    create_topics(environment)
    for rate, limit_ms in ((10.0, 300), (100_000.0, 1000)):
        ages = [visible(environment, rate, arguments.seconds, number) for number in rounds]
        tell(f"returned -> visible, p95 at {rate:,.0f}/s, {mode}", "ms", [one[1] for one in ages], at_most=limit_ms)
        tell(f"of it the first value of a new process, {mode}", "ms", [one[0] for one in ages])


def create_topics(environment: dict[str, str]) -> None:
    """Create this environment's topics, if it has a broker."""
    if "RUNSTREAM_BROKERS" in environment:
        create = [sys.executable, "-m", "runstream.cli", "topics", "create"]
        subprocess.run(create, env=environment, check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    """Measure the modes asked for, both by default."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=3_000_000)
    parser.add_argument("--seconds", type=float, default=15.0, help="of each look at visibility")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--mode", choices=("embedded", "kafka"))
    arguments = parser.parse_args()
    base = {name: value for name, value in os.environ.items() if not name.startswith("RUNSTREAM_")}
    with tempfile.TemporaryDirectory() as folder:
        if arguments.mode != "kafka":
            measure("embedded", base | {"RUNSTREAM_HOME": f"{folder}/embedded"}, arguments, None)
        if arguments.mode != "embedded":
            from tests.broker import Broker

            broker = Broker.start_new()
            try:
                environment = base | {"RUNSTREAM_HOME": f"{folder}/kafka", "RUNSTREAM_BROKERS": broker.servers}
                java = next(child for child in psutil.Process().children() if child.name() == "java")
                measure("Kafka", environment, arguments, java)
            finally:
                broker.close()


if __name__ == "__main__":
    main()
