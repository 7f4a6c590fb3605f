"""A folding process that is killed, and whether the store it leaves behind is exact."""

import os
import random
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from runstream_consumer.fold import Fold
from runstream_consumer.maintain import Maintainer
from runstream_consumer.store import Store
from runstream_schemas.events import TagEvent
from tests.folded import Contents, contents, fold_into, open_store
from tests.folding_process import EVENTS_A_COMMIT, fold_rest, stream

N_EVENTS = 120
FAILPOINTS = ("commit.rows", "commit.before", "commit.after", "seal.rows", "seal.delete", "compact.rows")


@contextmanager
def opened(folder: Path) -> Iterator[Store]:
    """The store in ``folder`` for the length of a block."""
    store = open_store(folder)
    try:
        yield store
    finally:
        store.close()


def reference(folder: Path) -> Contents:
    """The contents after folding the whole stream in one go, in a new ``folder``."""
    folder.mkdir()
    with opened(folder) as store:
        fold = Fold(store.load_state())
        fold_into(store, fold, stream(N_EVENTS))
        Maintainer(store, fold).write_statistics()
        return contents(store.connection)


def run_process(folder: Path, failpoint: str = "", limit_bytes: int | None = None) -> subprocess.CompletedProcess[str]:
    """Fold the stream in a process of its own until it ends or dies; no file of it may outgrow ``limit_bytes``."""

    def limit() -> None:
        if limit_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))

    return subprocess.run(
        [sys.executable, "-m", "tests.folding_process", str(folder), str(N_EVENTS)],
        env=os.environ | {"RUNSTREAM_FAILPOINT": failpoint},
        capture_output=True,
        text=True,
        preexec_fn=limit,
        check=False,
    )


def n_acknowledged(process: subprocess.CompletedProcess[str]) -> int:
    """Events that the process saw committed."""
    return int((process.stdout.split() or ["0"])[-1])


def faults(folder: Path, n_acked: int, expected: Contents) -> list[str]:
    """What is wrong with the store in ``folder``; it is folded on to the end of the stream first."""
    found: list[str] = []
    with opened(folder) as store:
        found += store.notes
        at = store.positions().get("log")
        n_events = at.next_position if at else 0
        if not n_acked <= n_events <= n_acked + EVENTS_A_COMMIT:
            found.append(f"{n_acked} events were acknowledged, {n_events} are there")
        n_tags = sum(isinstance(event, TagEvent) for event in stream(n_events))
        rows = store.connection.execute("SELECT sequence FROM tag_event").fetchall()
        if sorted(rows) != [(i,) for i in range(n_tags)]:
            found.append(f"tags {rows} of {n_tags} do not go with position {n_events}")
        for _ in fold_rest(store, N_EVENTS):
            pass
        held = contents(store.connection)
        found += [f"{name}: {held[name]} is not {rows}" for name, rows in expected.items() if held[name] != rows]
    return found


@dataclass(frozen=True, slots=True)
class StoreToll:
    """What kills did to the store: rounds, those in which the process died of it, and all that was wrong after."""

    n_rounds: int
    n_killed: int
    faults: tuple[str, ...]


def kill_rounds(n_rounds: int, folder: Path, seed: int = 1) -> StoreToll:
    """Kill a folding process ``n_rounds`` times, each at the n-th pass of a step inside commit, seal or compaction."""
    chance = random.Random(seed)
    expected = reference(folder / "reference")
    n_killed, found = 0, list[str]()
    for i in range(n_rounds):
        name = FAILPOINTS[i % len(FAILPOINTS)]
        failpoint = f"{name}:{chance.randint(1, 30 if name.startswith('commit') else 5)}"
        home = folder / f"round-{i}"
        process = run_process(home, failpoint)
        n_killed += process.returncode == -signal.SIGKILL
        found += [f"{failpoint}: {fault}" for fault in faults(home, n_acknowledged(process), expected)]
    return StoreToll(n_rounds, n_killed, tuple(found))
