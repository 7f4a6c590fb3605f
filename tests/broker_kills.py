"""Kill the broker while a process logs and a consumer folds, and what must be in the history afterwards.

Training process, consumer and broker are processes of their own. The oracle is a page shared with the training process:
each thread stores the step of its last call that returned.
"""

from __future__ import annotations

import mmap
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from runstream import topics
from tests.broker import Broker
from tests.kafka_log import N_PARTITIONS, options_of
from tests.killing import Toll
from tests.waiting import until

ROOT = Path(__file__).parent.parent
RUN_ID = "broker-killed"
N_THREADS = 2
STOP_WORD = 100
PAGE_BYTES = 4096
RATE_PER_S = 20_000
"""Points a second and thread: enough for several events on the wire at each kill."""


class Trainer:
    """The logging process, and the page that it shares with us."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        path = folder / "oracle"
        path.write_bytes(b"\xff" * PAGE_BYTES)
        with path.open("r+b") as file:
            self._page = mmap.mmap(file.fileno(), PAGE_BYTES)
        command = [sys.executable, "-m", "tests.broker_kills", str(path)]
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment)

    def last_steps(self) -> list[int]:
        """The last step of each thread whose call has returned, -1 before the first."""
        with memoryview(self._page) as page, page.cast("q") as words:
            return [words[thread * 8] for thread in range(N_THREADS)]

    def stop(self) -> int:
        """Have it complete its run and wait for the broker; returns its exit status."""
        with memoryview(self._page) as page, page.cast("q") as words:
            words[STOP_WORD] = 1
        return self.process.wait(timeout=300)


@contextmanager
def consumer(environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A consumer of this home, serving, until the block ends."""
    command = [sys.executable, "-m", "runstream.cli", "consume"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
    server_json = Path(environment["RUNSTREAM_HOME"]) / "server.json"
    try:
        until(lambda: server_json.exists() or process.poll() is not None, what="the consumer serves")
        yield process
    finally:
        process.terminate()
        process.wait(timeout=60)


def run_broker_kills(folder: Path, count: int, seed: int = 0) -> Toll:
    """Kill and restart a broker `count` times under load; then compare the history with what was logged.

    Args:
        folder: empty; gets the home.
        count: of kills.
        seed: of their moments and of how long the broker stays down.
    """
    moments, toll = random.Random(seed), Toll()
    broker = Broker.start_new()
    with ExitStack() as stack:
        stack.callback(broker.close)
        topics.create(options_of(broker.servers), "runstream", N_PARTITIONS)
        environment = {name: text for name, text in os.environ.items() if not name.startswith("RUNSTREAM_")}
        environment |= {"RUNSTREAM_HOME": str(folder / "home"), "RUNSTREAM_BROKERS": broker.servers}
        folding = stack.enter_context(consumer(environment))
        trainer = Trainer(folder, environment)
        stack.callback(trainer.process.kill)
        for _ in range(count):
            _kill_once(broker, trainer, moments)
            toll.n_kills += 1
        if status := trainer.stop():
            toll.faults.append(f"the training process ended with {status}")
        if folding.poll() is not None:
            toll.faults.append(f"the consumer ended with {folding.returncode}")
        else:
            _judge(folder / "home", trainer.last_steps(), toll)
    return toll


def _kill_once(broker: Broker, trainer: Trainer, moments: random.Random) -> None:
    """Kill the broker after some thousand further points, leave it down for a moment, start it again."""
    wanted = min(trainer.last_steps()) + RATE_PER_S
    until(lambda: min(trainer.last_steps()) > wanted, what="the training process logs")
    pause = threading.Event()
    pause.wait(moments.uniform(0, 0.3))
    broker.kill()
    pause.wait(moments.uniform(0, 2.0))
    broker.start()


def _judge(home: Path, last_steps: list[int], toll: Toll) -> None:
    """Read the served history and look for every point, once and with its value."""
    from runstream_consumer import history

    toll.n_acknowledged = sum(last + 1 for last in last_steps)
    # The filter on values forces a scan: totals are compared, so none may come from metadata.
    counts = """
        SELECT count(*) FILTER (WHERE value = step), count(DISTINCT step), count(*) FILTER (WHERE value <> step)
        FROM metric WHERE run_id = $1 AND name = $2
    """

    with history.connect(home) as reader:

        def counted(thread: int) -> tuple[int, int, int]:
            rows = reader.sql(counts, [RUN_ID, f"t{thread}"]).fetchall()
            return rows[0]

        deadline_s = time.monotonic() + 120
        for thread, last in enumerate(last_steps):
            while counted(thread)[1] <= last and time.monotonic() < deadline_s:
                threading.Event().wait(0.2)
            n_right, n_steps, n_wrong = counted(thread)
            toll.n_lost += max(0, last + 1 - n_steps)
            toll.n_doubled += n_right + n_wrong - n_steps
            toll.n_wrong += n_wrong


def _log(page: mmap.mmap, thread: int) -> None:
    """Log step after step until told to stop."""
    from runstream import Experiment, Run, Workspace

    run = Run(Experiment(Workspace(), "kills"), RUN_ID)
    words = memoryview(page).cast("q")
    name, place, step, pause = f"t{thread}", thread * 8, 0, threading.Event()
    while words[STOP_WORD] != 1:
        run.log(name, float(step), step=step)
        words[place] = step
        step += 1
        if step % 200 == 0:
            pause.wait(200 / RATE_PER_S)
    words.release()


def main() -> None:
    """Be the training process: `python -m tests.broker_kills ORACLE`."""
    from runstream import Experiment, Run, Workspace

    with Path(sys.argv[1]).open("r+b") as file:
        page = mmap.mmap(file.fileno(), PAGE_BYTES)
    threads = [threading.Thread(target=_log, args=(page, thread)) for thread in range(N_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run = Run(Experiment(Workspace(), "kills"), RUN_ID)
    run.complete()
    run.flush(240)


if __name__ == "__main__":
    main()
