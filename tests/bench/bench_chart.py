"""Reading through the server: a chart of one series, all metrics of one run, a page of the run list.

    python -m tests.bench.bench_chart [--points 10_000_000] [--runs 10_000]

Builds two histories, of `--points` and of ten times as many (half in one series, half in 20 metrics of 500 runs), and
one of `--runs` runs with 20 metrics each. Every time is the median of the wall time of a warm call from another
process, as a page would make it; the ratio of the two histories shows whether a chart's cost grows with the history.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from runstream_consumer import serve
from runstream_consumer.history import History
from runstream_consumer.store import Store
from runstream_schemas.home import Home
from tests.bench.histories import LONG_METRIC, LONG_RUN, Builder, metric_names, mixed, run_id_of

N_RUNS, N_METRICS, N_CALLS = 500, 20, 15


def median_ms(call: Callable[[], object]) -> float:
    """Median wall time of a warm call, in milliseconds."""
    call()
    times = []
    for _ in range(N_CALLS):
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return statistics.median(times) * 1000


def chart_questions(past: History) -> dict[str, Callable[[], object]]:
    """What is asked of a history that `mixed` made."""
    run_id = run_id_of(N_RUNS // 3)
    keys = [(run_id, name, None) for name in metric_names(N_METRICS)]
    hi = past.chart(LONG_RUN, LONG_METRIC, columns=10).last_x[-1]
    return {
        "one long series, whole": lambda: past.chart(LONG_RUN, LONG_METRIC, columns=1000),
        "one long series, by time": lambda: past.chart(LONG_RUN, LONG_METRIC, x="relative", columns=1000),
        "one long series, zoomed to 1 %": lambda: past.chart(
            LONG_RUN, LONG_METRIC, lo=hi * 0.5, hi=hi * 0.51, columns=1000
        ),
        "one short series": lambda: past.chart(run_id, keys[0][1], columns=1000),
        f"all {N_METRICS} metrics of one run among {N_RUNS}": lambda: past.charts(keys, columns=1000),
        "list of a run's metrics": lambda: past.metric_list([run_id]),
        "watermark": past.watermark,
    }


def run_questions(past: History) -> dict[str, Callable[[], object]]:
    """What is asked of a history of many small runs."""
    shown = metric_names(3)
    return {
        "page of 100, newest first, 3 metrics": lambda: past.runs(metrics=shown),
        "page of 100, by a metric": lambda: past.runs(sort=f"min({shown[0]})", metrics=shown),
        "filter on metric, property and tag": lambda: past.runs(
            f"{shown[0]} < 0.5 and lr > 0.02 and tag = sweep", metrics=shown
        ),
        "one run": lambda: past.run(run_id_of(7)),
    }


def asked_elsewhere(home: Home, questions: str) -> dict[str, float]:
    """Ask from another process; milliseconds by question."""
    code = (
        "import json; from runstream_consumer.history import connect; from tests.bench import bench_chart as b\n"
        f"with connect({str(home.root)!r}) as past:\n"
        f"    print(json.dumps({{k: b.median_ms(v) for k, v in b.{questions}(past).items()}}))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True)
    times: dict[str, float] = json.loads(done.stdout)
    return times


def measure(build: Callable[[Path], Store], questions: str) -> dict[str, float]:
    """Build a history, serve it and ask; prints what the building took."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("RUNSTREAM_TEST_BENCH_DIR")) as folder:
        home = Home(Path(folder)).ensure()
        begin = time.perf_counter()
        store = build(home.history_path)
        size = home.history_path.stat().st_size
        print(f"   built in {time.perf_counter() - begin:.0f} s, file of {size / 1e6:,.0f} MB", flush=True)
        server = serve.serve(store.connection, home)
        try:
            return asked_elsewhere(home, questions)
        finally:
            server.close()
            store.close()


def many_runs(path: Path, n_runs: int, identity: str = "journal:bench") -> Store:
    """Runs of 20 metrics with 2 points each; `identity` names the log that they seem to come from."""
    builder = Builder(path, identity)
    for number in range(n_runs):
        builder.run(
            run_id_of(number),
            f"experiment {number % 5}",
            metric_names(N_METRICS),
            2,
            {"lr": str(0.1 / (1 + number % 9))},
        )
    return builder.finish()


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=10_000_000, help="in the smaller history")
    parser.add_argument("--runs", type=int, default=10_000, help="in the list of runs")
    chosen = parser.parse_args()
    small, large = chosen.points, 10 * chosen.points
    few = measure(lambda path: mixed(path, small, N_RUNS, N_METRICS), "chart_questions")
    many = measure(lambda path: mixed(path, large, N_RUNS, N_METRICS), "chart_questions")
    print(f"{'median ms, through the server':48} {small:>12,} {large:>12,} points   ratio")
    for question, before in few.items():
        print(f"{question:48} {before:12.1f} {many[question]:12.1f}          {many[question] / before:5.2f}")
    print(f"\n{'median ms, through the server':48} {chosen.runs:>12,} runs")
    for question, took in measure(lambda path: many_runs(path, chosen.runs), "run_questions").items():
        print(f"{question:48} {took:12.1f}")


if __name__ == "__main__":
    main()
