"""Reading through the server: a chart of one series, all metrics of one run, a page of the run list.

    python -m tests.bench.bench_chart [--points 10_000_000] [--runs 10_000]

Builds two histories, of `--points` and of ten times as many (half in one series, half in 20 metrics of 500 runs), keeps
them below ~/.cache/runstream-bench (RUNSTREAM_TEST_BENCH_DIR: elsewhere) until the code that makes them changes, and
builds one of `--runs` runs with 20 metrics each. Every time is the median of the wall time of a warm call from another
process, as a page would make it; the ratio of the two histories shows whether a chart's cost grows with the history.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from runstream_consumer import blocks, fold, maintain, ranges, serve, store
from runstream_consumer.history import History
from runstream_consumer.store import Store
from runstream_schemas.home import Home
from tests.bench import histories
from tests.bench.figures import tell
from tests.bench.histories import LONG_METRIC, LONG_RUN, Builder, metric_names, mixed, run_id_of

N_RUNS, N_METRICS, N_CALLS = 500, 20, 15
CACHE = Path(os.environ.get("RUNSTREAM_TEST_BENCH_DIR", "~/.cache/runstream-bench")).expanduser()
MAKERS = (histories.__file__, fold.__file__, blocks.__file__, maintain.__file__, ranges.__file__, store.__file__)


def times_ms(call: Callable[[], object]) -> list[float]:
    """Wall times of warm calls, in milliseconds."""
    call()
    times = list[float]()
    for _ in range(N_CALLS):
        begin = time.perf_counter()
        call()
        times.append((time.perf_counter() - begin) * 1000)
    return times


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


def asked_elsewhere(home: Home, questions: str) -> dict[str, list[float]]:
    """Ask from another process; milliseconds by question."""
    code = (
        "import json; from runstream_consumer.history import connect; from tests.bench import bench_chart as b\n"
        f"with connect({str(home.root)!r}) as past:\n"
        f"    print(json.dumps({{k: b.times_ms(v) for k, v in b.{questions}(past).items()}}))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True)
    times: dict[str, list[float]] = json.loads(done.stdout)
    return times


def measure(home: Home, questions: str) -> dict[str, list[float]]:
    """Serve the history of this home, and ask."""
    store = Store.open(home.history_path, "journal", "journal:bench")
    server = serve.serve(store.connection, home)
    try:
        return asked_elsewhere(home, questions)
    finally:
        server.close()
        store.close()


@contextmanager
def alone() -> Iterator[None]:
    """Keep other benchmarks of this user from the histories that are kept: a file of DuckDB lets one process in."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def kept(n_points: int) -> Home:
    """A history of `n_points`, built once for each state of the code that decides what is in it, then kept."""
    state = hashlib.sha256()
    for path in (*sorted(Path(fold.__file__).parent.glob("*.sql")), *map(Path, MAKERS)):
        state.update(path.read_bytes())
    place = CACHE / f"history-{n_points}-{state.hexdigest()[:12]}"
    if not place.exists():
        for old in (*CACHE.glob(f"history-{n_points}-*"), *CACHE.glob(".new-*")):
            shutil.rmtree(old)
        unborn = CACHE / f".new-{n_points}"
        home, begin = Home(unborn).ensure(), time.perf_counter()
        mixed(home.history_path, n_points, N_RUNS, N_METRICS).close()
        unborn.rename(place)
        print(f"   built a history of {n_points:,} points in {time.perf_counter() - begin:.0f} s", flush=True)
    print(
        f"   history of {n_points:,} points: {place}, {Home(place).history_path.stat().st_size / 1e6:,.0f} MB",
        flush=True,
    )
    return Home(place)


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
    with alone():
        few = measure(kept(small), "chart_questions")
        many = measure(kept(large), "chart_questions")
    for question, times in few.items():
        goal = 100 if question.startswith(("one long series, whole", "all ")) else None
        tell(f"{question}, {small:,} points", "ms", times, at_most=goal)
        tell(f"{question}, {large:,} points", "ms", many[question], at_most=goal)
        ratio = statistics.median(many[question]) / statistics.median(times)
        tell(f"{question}, the second of the first", "times", [ratio], at_most=2 if goal else None)
    with tempfile.TemporaryDirectory(dir=os.environ.get("RUNSTREAM_TEST_BENCH_DIR")) as folder:
        home = Home(Path(folder)).ensure()
        many_runs(home.history_path, chosen.runs).close()
        for question, times in measure(home, "run_questions").items():
            tell(f"{question}, {chosen.runs:,} runs", "ms", times)


if __name__ == "__main__":
    main()
