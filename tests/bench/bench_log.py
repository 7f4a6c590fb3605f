"""The logging call: wall time, slowest call, against json-lines, and what it costs until the point is in the journal.

    python -m tests.bench.bench_log [--rounds N] [--mode embedded|kafka]

Every round logs 100,000 points over 10 names with `step=`, while the drainer runs; figures are medians over the rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.figures import tell

if TYPE_CHECKING:
    from runstream import Run

N_CALLS = 100_000
N_JSON_CALLS = 20_000
N_ROWS = 3_000
NAMES = [f"metric/{number}" for number in range(10)]
CALM_S = 0.3  # between rounds, as a training loop has steps between its log calls


def loop(log: Callable[..., None], n_calls: int = N_CALLS) -> float:
    """Microseconds a call of a tight loop."""
    clock, names = time.perf_counter, NAMES
    begin = clock()
    for step in range(n_calls):
        log(names[step % 10], 0.5, step=step)
    return (clock() - begin) / n_calls * 1e6


def slowest(log: Callable[..., None]) -> float:
    """Milliseconds of the slowest of 100,000 calls."""
    clock, names, worst = time.perf_counter, NAMES, 0.0
    last = clock()
    for step in range(N_CALLS):
        log(names[step % 10], 0.5, step=step)
        now = clock()
        worst = max(worst, now - last)
        last = now
    return worst * 1e3


def nothing(name: str, value: float, description: str = "", step: int | None = None) -> None:
    """Take the same arguments: what the loop and the machine cost by themselves."""


def json_lines(path: Path) -> float:
    """Microseconds a call that writes a JSON line and flushes it."""
    with path.open("w", encoding="utf-8") as file:

        def log(name: str, value: float, step: int) -> None:
            file.write(json.dumps({"name": name, "value": value, "step": step, "time": time.time_ns()}) + "\n")
            file.flush()

        return loop(log, N_JSON_CALLS)


def cpu_a_point(run: Run) -> float:
    """Microseconds of this process's processor a point, its way into the journal included."""
    run.producer.sync()
    begin = time.process_time()
    loop(run.log)
    run.producer.sync()
    return (time.process_time() - begin) / N_CALLS * 1e6


def wide_rows(run: Run) -> tuple[float, float]:
    """Seconds that 3,000 calls of log_row() with 15 columns take, and seconds of this process's processor meanwhile."""
    clock, begin_cpu = time.perf_counter, time.process_time()
    begin = clock()
    for i in range(N_ROWS):
        run.log_row(
            "wide", a=i, b=i, c=i, d=i, e=i, f=i, g=i, h=i, i=i, j=i, k=i, l=i, m=i, n=i, o=i
        )  # fmt: skip
    return clock() - begin, time.process_time() - begin_cpu


def visible_ms(run: Run, n_points: int) -> list[float]:
    """Milliseconds from the return of a call until the journal file has grown, at 10 points a second, sorted."""
    run.producer.sync()
    path = run.producer.dir.segments()[-1][1]
    waited = []
    for number in range(n_points):
        size_bytes = path.stat().st_size
        run.log(NAMES[number % 10], 0.5, step=number)
        begin = time.perf_counter()
        while path.stat().st_size == size_bytes:
            time.sleep(0.001)
        waited.append((time.perf_counter() - begin) * 1e3)
        # 97 ms: the calls fall on every moment of the drainer's tick.
        time.sleep(max(0.0, 0.097 - waited[-1] / 1e3))
    return sorted(waited)


def measure(rounds: int, n_visible: int, folder: Path) -> None:
    """Print every figure of one mode; RUNSTREAM_* are set."""
    from runstream import Experiment, Workspace

    run = Experiment(Workspace(), "bench").start_logging()
    loop(run.log)
    walls, worsts, empties, ratios, cpus = [], [], [], [], []
    for _ in range(rounds):
        time.sleep(CALM_S)
        walls.append(loop(run.log))
        time.sleep(CALM_S)
        worsts.append(slowest(run.log))
        empties.append(slowest(nothing))
        ratios.append(json_lines(folder / "lines.json") / walls[-1])
        cpus.append(cpu_a_point(run))
    goal, mode = (1.0, "beside the sender") if os.environ.get("RUNSTREAM_BROKERS") else (0.6, "embedded")
    tell(f"log(), {mode}", "us a call", walls, at_most=goal)
    tell(f"a json-lines write and flush, of log() {mode}", "times", ratios, at_least=6)
    tell(f"slowest of 100,000 calls, {mode}", "ms", worsts, at_most=2)
    tell(f"slowest of 100,000 empty calls, {mode}", "ms", empties)
    tell(f"CPU until it is in the journal, {mode}", "us a point", cpus)
    rows = [wide_rows(run) for _ in range(rounds)]
    tell(f"3,000 rows of 15 columns, {mode}", "s", [wall for wall, _ in rows], at_most=1)
    tell(f"CPU of these, {mode}", "s", [cpu for _, cpu in rows])
    waited = visible_ms(run, n_visible)
    tell(f"returned -> in the journal, p95, {mode}", "ms", [waited[int(len(waited) * 0.95)]], at_most=100)
    run.complete()


def in_process(mode: str, environment: dict[str, str], arguments: argparse.Namespace) -> None:
    """Measure one mode in a process of its own, so that neither warms the other."""
    print(f"   -- {mode}", flush=True)
    command = [sys.executable, "-m", "tests.bench.bench_log", "--inside", "--rounds", str(arguments.rounds)]
    subprocess.run([*command, "--visible", str(arguments.visible)], env=os.environ | environment, check=True)


def main() -> None:
    """Measure embedded logging, then with the sender shipping to a real broker beside it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--visible", type=int, default=100, help="points of the visibility figure")
    parser.add_argument("--mode", choices=("embedded", "kafka"), help="one of them alone")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.inside:
            measure(arguments.rounds, arguments.visible, Path(folder))
            return
        if arguments.mode != "kafka":
            in_process("embedded", {"RUNSTREAM_HOME": f"{folder}/embedded"}, arguments)
        if arguments.mode != "embedded":
            from tests.broker import Broker

            broker = Broker.start_new()
            try:
                environment = {"RUNSTREAM_HOME": f"{folder}/kafka", "RUNSTREAM_BROKERS": broker.servers}
                create = [sys.executable, "-m", "runstream.cli", "topics", "create"]
                subprocess.run(create, env=os.environ | environment, check=True, stdout=subprocess.DEVNULL)
                in_process("kafka, the sender shipping beside it", environment, arguments)
            finally:
                broker.close()


if __name__ == "__main__":
    main()
