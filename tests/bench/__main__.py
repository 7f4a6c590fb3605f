"""`make bench`: every figure, one benchmark after the other, each in a process of its own; at most 20 minutes.

    python -m tests.bench [--only WORD] [--quick] [--json PATH]

Nothing here is a test: times depend on the machine. Compare ratios within one run, and medians between runs. The end is
one table of all figures, and a JSON file with the value of every round and the facts of the machine. The exit status
is 0 unless a benchmark crashed, or a point was lost or doubled; a goal that was missed is a line of the table.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

from tests.bench.figures import COLLECT, Figure, collected, table

OUTPUT = Path(__file__).parent.parent.parent / "test-output" / "bench.json"
VERSIONS = ("runstream", "duckdb", "kafka-python", "fastavro", "numpy", "pyarrow", "streamlit", "zstandard")


@dataclass(frozen=True, slots=True)
class Bench:
    """One benchmark: its module below tests.bench, the arguments of a quick look, and about how long it takes."""

    module: str
    title: str
    about_s: int
    quick: tuple[str, ...]


BENCHES = (
    Bench("bench_log", "the logging call", 75, ("--rounds", "3", "--visible", "20")),
    Bench("bench_size", "weight of an import, bytes of an archived point", 15, ("--points", "200000")),
    Bench("bench_fold", "from a backlog to committed rows", 60, ("--points", "2000000", "--rounds", "1")),
    Bench(
        "bench_path",
        "CPU a point, and time until visible",
        240,
        ("--seconds", "3", "--points", "500000", "--rounds", "1"),
    ),
    Bench(
        "bench_chart", "charts and the runs list, through the server", 150, ("--points", "1000000", "--runs", "1000")
    ),
    Bench("bench_page", "pages in a browser", 150, ("--runs", "1000", "--loads", "2", "--rounds", "1")),
    Bench("bench_kills", "kill -9 of every part", 300, ("--producer", "8", "--consumer", "9", "--broker", "1")),
)


def machine() -> dict[str, object]:
    """What this runs on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "cpu": models[0] if models else platform.processor() or "unknown",
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in VERSIONS},
        "load_average_before": os.getloadavg(),
        "began": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


def run(bench: Bench, is_quick: bool, folder: Path) -> tuple[int, float, list[Figure]]:
    """Run one benchmark; its exit status, its seconds, and its figures."""
    begin, path = time.monotonic(), folder / f"{bench.module}.jsonl"
    command = [sys.executable, "-m", f"tests.bench.{bench.module}", *(bench.quick if is_quick else ())]
    status = subprocess.run(command, env=os.environ | {COLLECT: str(path)}, check=False).returncode
    return status, time.monotonic() - begin, collected(path)


def run_all(benches: Sequence[Bench], is_quick: bool) -> dict[str, tuple[int, float, list[Figure]]]:
    """Run them in turn, telling how far it is; a benchmark that fails hides no other."""
    begin, done = time.monotonic(), dict[str, tuple[int, float, list[Figure]]]()
    with tempfile.TemporaryDirectory() as folder:
        for number, bench in enumerate(benches, 1):
            left = "" if is_quick else f", about {sum(one.about_s for one in benches[number - 1 :]) / 60:.0f} min to go"
            so_far = f"{(time.monotonic() - begin) / 60:.1f} min so far{left}"
            print(f"\n[{number}/{len(benches)}] {bench.title} ({bench.module}); {so_far}", flush=True)
            done[bench.module] = run(bench, is_quick, Path(folder))
            status, took_s, _ = done[bench.module]
            print(f"   [{took_s:.0f} s" + (f", FAILED with {status}]" if status else "]"), flush=True)
    return done


def main() -> int:
    """Run the benchmarks and print the table; 1 if one crashed or a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="run only benchmarks whose name contains this")
    parser.add_argument("--quick", action="store_true", help="smaller inputs, for a first look")
    parser.add_argument("--json", type=Path, default=OUTPUT, help="where the file with all figures goes")
    chosen = parser.parse_args()
    facts, begin = machine(), time.monotonic()
    print(f"{facts['cores']} cores of {facts['cpu']}, Python {facts['python']}, load {facts['load_average_before']}")
    done = run_all([bench for bench in BENCHES if chosen.only in bench.module], chosen.quick)
    took_s = time.monotonic() - begin
    figures = [figure for _, _, told in done.values() for figure in told]
    failed = [module for module, (status, _, _) in done.items() if status]
    broken = [figure.name for figure in figures if figure.is_promise and figure.verdict != "met"]
    benches = {
        module: {"status": status, "seconds": round(seconds, 1)} for module, (status, seconds, _) in done.items()
    }
    facts |= {"seconds": round(took_s, 1), "load_average_after": os.getloadavg(), "is_quick": chosen.quick}
    rows = [asdict(figure) | {"median": figure.median, "verdict": figure.verdict} for figure in figures]
    chosen.json.parent.mkdir(parents=True, exist_ok=True)
    chosen.json.write_text(json.dumps({"machine": facts, "benches": benches, "figures": rows}, indent=1) + "\n")
    print(f"\n{table(figures)}\n\n{took_s / 60:.1f} minutes in all; every round's figures: {chosen.json}")
    if failed:
        print(f"FAILED: {', '.join(failed)}: figures behind the failure are missing from the table")
    if broken:
        print(f"BROKEN: {', '.join(broken)}")
    return 1 if failed or broken else 0


if __name__ == "__main__":
    sys.exit(main())
