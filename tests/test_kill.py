"""kill -9 of the logging process: every point whose call returned is there once, whatever the moment."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests import journals, scripts
from tests.killing import Toll, Victim, judge, recover_home, run_kills, wait_until_logging
from tests.waiting import until


@pytest.mark.parametrize(
    ("count", "n_threads", "role"), [(5, 1, "log"), (5, 4, "log"), (5, 1, "outbox"), (5, 4, "outbox")]
)
def test_random_kills_lose_and_double_nothing(tmp_path: Path, count: int, n_threads: int, role: str) -> None:
    """After kills at random moments each returned point is in the journal exactly once, in both modes."""
    toll = run_kills(tmp_path, count, n_threads, role=role, seed=n_threads)

    assert toll.is_exact, toll
    assert toll.n_kills == count
    assert toll.n_acknowledged > 0


STATIONS = [
    "birth-lock:1",
    "birth-staging:1",
    "birth-renamed:1",
    "staging-magic:1",
    "name:1",
    "name:2",
    "side-entry:40",
    "journal-append:1",
    "journal-append:20",
    "journal-appended:20",
    "staging-mark:20",
    "staging-unbase:3",
    "staging-zero:3",
    "staging-free:3",
]


@pytest.mark.parametrize("station", STATIONS)
def test_a_kill_at_each_step_of_the_producer_is_exact(tmp_path: Path, station: str) -> None:
    """A process that dies between two steps of birth, drain or rotation has lost and doubled nothing."""
    victim = Victim(tmp_path / "home", 2, failpoint=station)
    toll = Toll()

    ended = until(lambda: victim.process.poll() or min(victim.last_steps()) > 5_000_000)
    victim.kill()
    assert ended == -signal.SIGKILL
    recover_home(tmp_path / "home")
    judge(tmp_path / "home", victim.last_steps(), toll)

    assert toll.is_exact, toll


RECOVERY = ["recovery.cut:1", "recovery.frame:1", "recovery.lost:1", "recovery.synced:1", "recovery.unlinked:1"]


@pytest.mark.parametrize("step", RECOVERY)
def test_a_kill_in_the_middle_of_recovery_is_exact_after_the_next_one(tmp_path: Path, step: str) -> None:
    """A recovery that dies, too, is repeated: what it had written already is not written again."""
    home_path = tmp_path / "home"
    victim = Victim(home_path, 2)
    wait_until_logging(victim)
    until(lambda: min(victim.last_steps()) > 5000)
    victim.kill()
    program = f"""
    from pathlib import Path
    from tests.killing import recover_home
    recover_home(Path({str(home_path)!r}))
    """
    toll = Toll()

    ended = scripts.execute(home_path, program, RUNSTREAM_FAILPOINT=step)
    recover_home(home_path)
    judge(home_path, victim.last_steps(), toll)

    assert ended.status == -signal.SIGKILL
    assert toll.is_exact, toll


HELD_OPEN = """
from runstream_schemas.points import NO_STEP
run.log("x", 0, step=0)
producer = run.producer
hole = next(producer.ready[1])        # a thread that sleeps between taking its record and writing it
journal = producer.channel().journal
journal.segment_bytes = 1 << 20
step = 0
while len(producer.dir.segments()) < 3:
    step += 1
    run.log("x", float(step), step=step)
producer.written()
"""


def test_segments_stay_while_a_record_before_their_end_is_unwritten(home_path: Path) -> None:
    """A record held open, full and acknowledged segments behind it: none leaves, and after a kill nothing doubles."""
    ended = scripts.execute(
        home_path,
        HELD_OPEN
        + """
journal.trim(journal.end_frame)
print(step, len(producer.dir.segments()), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
""",
    )
    last, n_segments = map(int, ended.out.split())
    recover_home(home_path)

    assert n_segments == 3
    assert [point.step for point in journals.points(home_path)] == list(range(last + 1))
    assert journals.untold(home_path) == []


def test_a_kill_between_two_segments_is_exact(home_path: Path) -> None:
    """A process that dies just after it has begun a segment leaves a journal that reads on over the seam."""
    program = """
    run.producer.channel().journal.segment_bytes = 1 << 18
    for step in range(10**6):
        run.log("x", step, step=step)
        if step % 4096 == 0: print(step, flush=True)
    """

    ended = scripts.execute(home_path, program, RUNSTREAM_FAILPOINT="journal-rotate:2")
    recover_home(home_path)
    steps = [point.step for point in journals.points(home_path)]

    assert ended.status == -signal.SIGKILL, ended.err
    assert steps == list(range(len(steps)))
    assert len(steps) > int(ended.out.split()[-1])
    assert journals.untold(home_path) == []


def test_a_record_written_late_lets_the_segments_go_and_survives(home_path: Path) -> None:
    """Once the late value is in the journal the acknowledged segments leave, and it is a point like any other."""
    ended = scripts.execute(
        home_path,
        HELD_OPEN
        + """
from runstream.series import PACKERS
from runstream_schemas.points import FLOAT, pack_code
PACKERS[float][0](producer.ready[2], hole, -5, 1, 0.5, pack_code(0, FLOAT))
while len(producer.dir.segments()) > 1:
    producer.written()
    journal.trim(journal.end_frame)
os.kill(os.getpid(), signal.SIGKILL)
""",
    )
    recover_home(home_path)
    late = [point for point in journals.points(home_path) if point.step == -5]
    ranges = list(journals.index_ranges(home_path).values())

    assert ended.status == -signal.SIGKILL, ended.err
    assert [(point.index, point.value) for point in late] in ([], [(1, 0.5)])
    assert len(ranges) == 1
    assert all(before[1] <= after[0] for before, after in zip(ranges[0], ranges[0][1:], strict=False))
