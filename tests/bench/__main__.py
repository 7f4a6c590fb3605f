"""`make bench`: every figure, one benchmark after the other, each in a process of its own. About 20 minutes.

    python -m tests.bench [--only WORD] [--quick]

Nothing here is a test: times depend on the machine. Compare ratios within one run, and medians between runs.
"""

import argparse
import os
import platform
import subprocess
import sys
import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bench:
    """One benchmark: its module below tests.bench, its arguments, and those of a quick look."""

    module: str
    arguments: tuple[str, ...]
    quick: tuple[str, ...]
    title: str


BENCHES = (
    Bench("bench_log", (), ("--rounds", "3"), "the logging call"),
    Bench("bench_fold", (), ("--points", "2000000", "--rounds", "1"), "from a backlog to committed rows"),
    Bench("bench_path", (), ("--seconds", "5", "--points", "500000"), "CPU a point, and time until visible"),
    Bench("bench_chart", (), ("--points", "2000000"), "charts and the runs list"),
    Bench("bench_page", (), (), "pages in a browser"),
    Bench("bench_kills", (), ("--producer", "20", "--consumer", "5", "--broker", "1"), "kill -9 of every part"),
)


def machine() -> str:
    """One line about where this runs."""
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    return f"Python {platform.python_version()}, {os.cpu_count()} cores, load average {load}, {platform.platform()}"


def main() -> int:
    """Run the benchmarks; the exit status is the number of those that failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="run only benchmarks whose name contains this")
    parser.add_argument("--quick", action="store_true", help="smaller inputs, for a first look")
    chosen = parser.parse_args()
    print(machine(), flush=True)
    begin, failed = time.monotonic(), []
    for bench in BENCHES:
        if chosen.only not in bench.module:
            continue
        print(f"\n== {bench.title} ({bench.module})", flush=True)
        arguments = bench.quick if chosen.quick else bench.arguments
        started = time.monotonic()
        status = subprocess.run(
            [sys.executable, "-m", f"tests.bench.{bench.module}", *arguments], check=False
        ).returncode
        print(f"   [{time.monotonic() - started:.0f} s]", flush=True)
        if status:
            failed.append(bench.module)
    print(f"\n{time.monotonic() - begin:.0f} s in all" + (f"; failed: {', '.join(failed)}" if failed else ""))
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
