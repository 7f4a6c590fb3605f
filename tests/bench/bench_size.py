"""What an import of runstream weighs, and how many bytes a point takes in the archived embedded log.

python -m tests.bench.bench_size [--points 1_000_000]
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from runstream_consumer.archive import archive_segment
from runstream_schemas.codec import metric_head
from runstream_schemas.home import Home
from runstream_schemas.segment import SegmentHeader, SegmentWriter
from runstream_schemas.topics import Topic
from tests.bench.figures import tell
from tests.bench.histories import START_NS, points

N_IMPORTS = 15
PRODUCER_ID = "01900000-0000-7000-8000-000000000000"
IMPORT = """
import json, os, sys, threading, time
files = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
begin = time.perf_counter()
import runstream
took_s = time.perf_counter() - begin
begin = time.perf_counter()
runstream.Workspace, runstream.Experiment, runstream.Run
names_s = time.perf_counter() - begin
files = (len(os.listdir("/proc/self/fd")) if files else 0) - files
n_kafka = sum(name.split(".")[0] == "kafka" for name in sys.modules)
print(json.dumps([took_s * 1e3, names_s * 1e3, threading.active_count() - 1, files, n_kafka]))
"""


def tell_import() -> None:
    """Import in new processes, after one that fills the caches of the disk."""
    rows = []
    for _ in range(N_IMPORTS + 1):
        done = subprocess.run([sys.executable, "-c", IMPORT], check=True, stdout=subprocess.PIPE, text=True)
        rows.append(json.loads(done.stdout))
    tell("import runstream", "ms", [row[0] for row in rows[1:]], at_most=50)
    tell("its classes, loaded when first named", "ms", [row[1] for row in rows[1:]])
    tell("threads, files and Kafka modules that an import leaves", "", [max(sum(row[2:]) for row in rows)], at_most=0)


def tell_archive(folder: Path, n_points: int) -> None:
    """Write one journal segment of ten noisy losses and archive it."""
    home = Home(folder).ensure()
    producer = home.producer(PRODUCER_ID)
    producer.path.mkdir()
    writer = SegmentWriter(producer.segment(0), SegmentHeader("log", PRODUCER_ID, "size", "host", "boot"))
    names = [f"train/loss_{number}" for number in range(10)]
    for event in points("size", PRODUCER_ID, names, n_points // len(names), START_NS, 7):
        head = metric_head(
            event.run_id, event.producer_id, event.sequence, event.logged_at_ns, event.first_index, event.count,
            event.series, event.others, len(event.points),
        )  # fmt: skip
        writer.append(Topic.METRICS, [head, event.points], event.sequence, event.first_index, event.count)
    n_journal = writer.size
    writer.close()
    archive = archive_segment(home, PRODUCER_ID, writer.path)
    tell("the embedded log before it is archived", "bytes a point", [n_journal / n_points])
    tell("noisy losses in the archived log", "bytes a point", [archive.path.stat().st_size / n_points], at_most=12)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=1_000_000)
    chosen = parser.parse_args()
    tell_import()
    with tempfile.TemporaryDirectory() as folder:
        tell_archive(Path(folder), chosen.points)


if __name__ == "__main__":
    main()
