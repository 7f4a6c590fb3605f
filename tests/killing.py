"""A process that logs at full speed and is killed, and what must be in the journal afterwards.

The oracle is a page shared with the parent: each thread stores the step of its last call that returned, with one
aligned store, which a kill cannot tear.
"""

from __future__ import annotations

import mmap
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from runstream_schemas.home import Home
from runstream_schemas.recovery import recover
from tests import journals

ROOT = Path(__file__).parent.parent
RUN_ID = "killed"
UNREACHABLE = "127.0.0.1:9"
_N_THREADS = 8


@dataclass(slots=True)
class Toll:
    """
    What kills did, summed up.

    Attributes:
        n_kills: processes that were killed while they logged.
        n_acknowledged: points whose call had returned.
        n_lost, n_doubled, n_wrong: of these: missing, there twice, there with another value.
        n_recovered: points that recovery took out of staging.
        faults: anything else, in words.
    """

    n_kills: int = 0
    n_acknowledged: int = 0
    n_lost: int = 0
    n_doubled: int = 0
    n_wrong: int = 0
    n_recovered: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def is_exact(self) -> bool:
        """Nothing lost, nothing doubled, nothing else wrong."""
        return not (self.n_lost or self.n_doubled or self.n_wrong or self.faults)


def value_of(step: int) -> object:
    """What is logged at a step: floats, with a string, a large integer and None in between."""
    if step % 97 == 5:
        return f"text {step}"
    if step % 101 == 7:
        return 2**70 + step
    return None if step % 103 == 9 else float(step)


class Victim:
    """A logging process, and the page in which it tells how far it is."""

    def __init__(
        self,
        home_path: Path,
        n_threads: int,
        role: str = "log",
        failpoint: str = "",
        *,
        run_id: str = RUN_ID,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """
        Start it.

        Args:
            home_path: its RUNSTREAM_HOME.
            n_threads: that log at once, 1 to 8.
            role: "log" = embedded, "outbox" = for a broker that never answers.
            failpoint: name:n, where it kills itself.
            run_id: of the run that it logs to.
            settings: further RUNSTREAM_* variables, such as a broker that does answer.
        """
        self.run_id = run_id
        self.n_threads = n_threads
        home_path.parent.mkdir(parents=True, exist_ok=True)
        oracle = home_path.parent / f"{home_path.name}-{run_id}.oracle"
        oracle.write_bytes(b"\xff" * 4096)
        with oracle.open("r+b") as file:
            self._page = mmap.mmap(file.fileno(), 4096)
        environment = {**os.environ, "RUNSTREAM_HOME": str(home_path), "RUNSTREAM_FAILPOINT": failpoint}
        if role == "outbox":
            environment["RUNSTREAM_BROKERS"] = UNREACHABLE
        environment.update(settings or {})
        command = [sys.executable, "-m", "tests.killing", str(oracle), str(n_threads), run_id]
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)

    def last_steps(self) -> list[int]:
        """The last step of each thread whose call has returned, -1 before the first."""
        with memoryview(self._page) as page, page.cast("q") as words:
            return [words[thread * 8] for thread in range(self.n_threads)]

    def kill(self) -> None:
        """SIGKILL, and wait for the end."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def wait_until_logging(victim: Victim, timeout_s: float = 60.0) -> None:
    """Return when every thread of the victim has logged something."""
    end_s = time.monotonic() + timeout_s
    while min(victim.last_steps()) < 0 and time.monotonic() < end_s:
        if victim.process.poll() is not None:
            message = f"the logging process ended by itself with {victim.process.returncode}"
            raise RuntimeError(message)
        threading.Event().wait(0.005)


def run_kills(
    folder: Path, count: int, n_threads: int, *, role: str = "log", seed: int = 0, longest_s: float = 0.6
) -> Toll:
    """
    Kill *count* logging processes at random moments, recover each, and look for every point.

    Args:
        folder: gets one home a kill.
        n_threads: of each process.
        role: as Victim's.
        seed: of the moments.
        longest_s: from the first returned call to the kill.
    """
    moments = random.Random(seed)
    toll = Toll()
    for number in range(count):
        home_path = folder / f"kill-{number}" / "home"
        victim = Victim(home_path, n_threads, role)
        wait_until_logging(victim)
        threading.Event().wait(moments.uniform(0.0, longest_s))
        victim.kill()
        toll.n_kills += 1
        toll.n_recovered += recover_home(home_path)
        judge(home_path, victim.last_steps(), toll)
    return toll


def recover_home(home_path: Path) -> int:
    """Complete every journal of a home; return how many points were still only in staging."""
    recovered = [recover(folder) for folder in Home(home_path).producers()]
    return sum(one.n_points for one in recovered if one is not None)


def judge(home_path: Path, last_steps: list[int], toll: Toll) -> None:
    """Compare a home's journals with what its process was told to have logged."""
    found: dict[int, list[journals.Point]] = {thread: [] for thread in range(len(last_steps))}
    for point in journals.points(home_path):
        found[int(point.name[1:])].append(point)
    for thread, last in enumerate(last_steps):
        steps = [point.step for point in found[thread] if point.step is not None]
        times = Counter(steps)
        toll.n_acknowledged += last + 1
        toll.n_lost += sum(1 for step in range(last + 1) if not times[step])
        toll.n_doubled += sum(n - 1 for n in times.values())
        toll.n_wrong += sum(1 for p in found[thread] if p.step is None or p.value != value_of(p.step))
        # One call per thread may have been in flight: its point is there or not.
        if max(steps, default=-1) > last + 1:
            toll.faults.append(f"thread {thread} has step {max(steps)} after {last}")
        if steps != sorted(steps):
            toll.faults.append(f"thread {thread}: the points' order is not that of the calls")
    toll.faults += journals.untold(home_path)


def _log(oracle: mmap.mmap, thread: int, run_id: str) -> None:
    """Log step after step, for ever."""
    from runstream import Experiment, Run, Workspace

    run = Run(Experiment(Workspace(), "kill"), run_id)
    words = memoryview(oracle).cast("q")
    log, name, place, step = run.log, f"t{thread}", thread * 8, 0
    while True:
        log(name, value_of(step), step=step)
        words[place] = step
        step += 1


def main() -> None:
    """Be the victim: `python -m tests.killing ORACLE N_THREADS RUN_ID`."""
    with Path(sys.argv[1]).open("r+b") as file:
        oracle = mmap.mmap(file.fileno(), 4096)
    for thread in range(1, int(sys.argv[2])):
        threading.Thread(target=_log, args=(oracle, thread, sys.argv[3]), daemon=True).start()
    _log(oracle, 0, sys.argv[3])


if __name__ == "__main__":
    main()
