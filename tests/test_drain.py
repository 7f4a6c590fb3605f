"""From the ring into the journal: holes, growth, signs of life, and what happens when there is no room."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from runstream import config, process
from runstream.channel import HEARTBEAT_EVERY_S
from runstream.logger import Logger
from runstream_schemas import ring
from runstream_schemas.events import Created, Gap, Heartbeat, MetricEvent, ProducerClosed, RunEvent, TagEvent
from runstream_schemas.points import FLOAT, FLOAT_RECORD, pack_code
from tests import journals, scripts
from tests.killing import recover_home
from tests.waiting import until

RUN_IDS = count()


def new_logger() -> Logger:
    """A logger to a new run in the home of the environment."""
    return Logger(partial(process.open_producer, config.read(), f"run-{next(RUN_IDS)}", Created("w", "e")))


@pytest.fixture
def logger(home_path: Path) -> Iterator[Logger]:
    """A logger into the test's home, closed at the end."""
    made = new_logger()
    yield made
    made.producer.close()


def changes(home_path: Path, kind: type) -> list[object]:
    """The changes of one kind in the run events of a home."""
    found = [event.change for event in journals.events(home_path) if isinstance(event, RunEvent)]
    return [change for change in found if isinstance(change, kind)]


def hold(logger: Logger) -> int:
    """Take a record as a thread does that sleeps before it writes; return its offset."""
    return next(logger.producer.ready[1])


def test_a_value_is_in_the_journal_soon_without_being_asked_for(logger: Logger, home_path: Path) -> None:
    """The drainer brings a point into the journal by itself."""
    logger.log("x", 1.0)

    assert until(lambda: [point.value for point in journals.points(home_path)]) == [1.0]


def test_points_behind_an_unwritten_record_go_out_and_the_late_one_follows(logger: Logger, home_path: Path) -> None:
    """A thread that sleeps with a record delays nobody; its value comes as a point of its own, at its index."""
    logger.log("x", 0.0)
    offset = hold(logger)
    for step in range(1, 10):
        logger.log("x", float(step))

    until(lambda: len(journals.points(home_path)) == 10)
    FLOAT_RECORD.pack_into(logger.producer.ready[2], offset, 7, 1, 0.5, pack_code(0, FLOAT))
    until(lambda: len(journals.points(home_path)) == 11)

    assert [(p.index, p.value) for p in journals.points(home_path)][:3] == [(0, 0.0), (1, 0.5), (2, 1.0)]
    assert journals.untold(home_path) == []


def test_a_record_that_is_never_written_is_void_after_close(logger: Logger, home_path: Path) -> None:
    """An abandoned record becomes a void slot when the producer closes, so that no index is missing."""
    logger.log("x", 0.0)
    hold(logger)
    logger.log("x", 1.0)
    logger.producer.close()

    assert [point.value for point in journals.points(home_path)] == [0.0, 1.0]
    (closed,) = changes(home_path, ProducerClosed)
    assert isinstance(closed, ProducerClosed)
    assert closed.n_points == 3
    assert journals.untold(home_path) == []


def test_a_value_whose_ring_closes_under_it_goes_to_the_next_producer(logger: Logger, home_path: Path) -> None:
    """A call that has read the ring before it was closed logs its value once, under the new id."""
    logger.log("x", 0.0)
    ready, first = logger._ready, logger.producer.producer_id
    logger.producer.close()
    slots = iter([ring.PAGE_BYTES + 32])  # a record of the old ring, as a thread holds it that was stopped here
    logger._ready = (ready[0], slots, ready[2])
    logger.log("x", 1.0, step=1)

    points = until(lambda: [p for p in journals.points(home_path) if p.step == 1])

    assert [(p.value, p.producer_id != first) for p in points] == [(1.0, True)]


def test_a_late_write_into_a_closed_ring_is_refused(logger: Logger, home_path: Path) -> None:
    """Nothing can be written into a ring whose last records were settled."""
    logger.log("x", 0.0)
    offset, mapping = hold(logger), logger.producer.ready[2]
    logger.producer.close()

    with pytest.raises((TypeError, ValueError)):
        FLOAT_RECORD.pack_into(mapping, offset, 7, 1, 0.5, pack_code(0, FLOAT))


def test_the_ring_grows_when_its_first_block_is_full(logger: Logger) -> None:
    """A quiet run keeps two blocks; a busy one gets thirty-two, and the space is really there."""
    logger.log("x", 0.0)
    staging = logger.producer.channel().staging
    small = len(staging.blocks)
    for step in range(3 * ring.BLOCK_RECORDS):
        logger.log("x", 0.0, step=step)
    until(lambda: len(staging.blocks) == ring.GROWN_BLOCKS)

    assert small == ring.BORN_BLOCKS
    assert staging.path.stat().st_blocks * 512 >= ring.GROWN_BLOCKS * ring.BLOCK_BYTES


def test_abandoned_records_make_the_ring_grow_and_then_a_new_one_begin(logger: Logger, home_path: Path) -> None:
    """One lost record in every block: the ring grows to its largest, then the producer goes on in a fresh one."""
    n_blocks = 70
    logger.log("x", -1.0, step=-1)
    first = logger.producer.producer_id
    for number in range(n_blocks):
        hold(logger)
        for step in range(number * ring.BLOCK_RECORDS, (number + 1) * ring.BLOCK_RECORDS):
            logger.log("x", 0.0, step=step)
    until(lambda: logger.producer.producer_id != first)
    logger.producer.close()

    assert [p.step for p in journals.points(home_path)] == list(range(-1, n_blocks * ring.BLOCK_RECORDS))
    assert journals.untold(home_path) == []


def test_a_silent_producer_tells_that_it_lives(logger: Logger, home_path: Path) -> None:
    """After 15 seconds without another event a heartbeat goes out, and only one."""
    logger.log("x", 0.0)
    logger.producer.sync()
    channel, later_s = logger.producer.channel(), time.monotonic() + HEARTBEAT_EVERY_S
    drainer = logger.producer.services.drainer
    drainer.do(lambda: channel._beat(later_s - 1.0))
    before = changes(home_path, Heartbeat)
    drainer.do(lambda: channel._beat(later_s + 1.0))

    assert before == []
    assert changes(home_path, Heartbeat) == [Heartbeat()]


def test_an_event_is_in_the_journal_when_append_returns(logger: Logger, home_path: Path) -> None:
    """append() returns with the event written, its sequence contiguous and its stamp rising."""
    producer = logger.producer

    def numbered(number: int, sequence: int, at: int) -> TagEvent:
        return TagEvent("r", producer.producer_id, sequence, at, "k", str(number))

    for number in range(5):
        producer.append(partial(numbered, number))
    tags = [event for event in journals.events(home_path) if isinstance(event, TagEvent)]

    assert [(tag.sequence, tag.value) for tag in tags] == [(number, str(number)) for number in range(5)]
    assert [tag.logged_at_ns for tag in tags] == sorted({tag.logged_at_ns for tag in tags})


def test_what_an_event_is_refused_for_is_raised_where_it_was_appended(logger: Logger) -> None:
    """An exception of the drainer's thread comes out of append(), and the next event goes through."""

    def bad(sequence: int, at: int) -> TagEvent:
        raise LookupError(sequence, at)

    with pytest.raises(LookupError):
        logger.producer.append(bad)
    logger.log("x", 1.0)
    logger.producer.sync()


def test_declared_series_stand_in_an_event_without_points(logger: Logger, home_path: Path) -> None:
    """An empty list is told as a series with no point."""
    code = logger.producer.register("empty", None, "list", "")
    logger.producer.declare([code])
    (event,) = [event for event in journals.events(home_path) if isinstance(event, MetricEvent)]

    assert (event.count, [series.name for series in event.series]) == (0, ["empty"])


def test_beyond_the_quota_points_are_counted_in_one_gap_and_tags_still_go_in(
    home_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A full quota drops points, never raises, warns once, tells the number in one gap, and keeps room for tags."""
    monkeypatch.setenv("RUNSTREAM_JOURNAL_BYTES", "1M")
    logger = new_logger()
    producer = logger.producer
    with caplog.at_level(logging.WARNING, "runstream"):
        for step in range(100_000):
            logger.log("x", 0.0, step=step)
        producer.append(lambda sequence, at: TagEvent("r", producer.producer_id, sequence, at, "k", "v"))
        producer.close()
    n_kept = len(journals.points(home_path))
    (gap,) = changes(home_path, Gap)

    assert isinstance(gap, Gap)
    assert 0 < n_kept < 32_768
    assert n_kept + gap.n_points == 100_000
    assert any(isinstance(event, TagEvent) for event in journals.events(home_path))
    (told,) = (record.message for record in caplog.records if "has no room" in record.message)
    assert "1,048,576 bytes" in told
    assert "RUNSTREAM_JOURNAL_BYTES" in told


def test_a_full_disk_neither_raises_nor_blocks_and_heals(home_path: Path) -> None:
    """While the journal cannot be written log() drops and counts; when there is space again everything goes on."""
    program = """
    import resource
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    for i in range(1000): run.log('x', i, step=i)
    run.producer.sync()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 15, hard))
    for i in range(1000, 200000): run.log('x', i, step=i)
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    deadline = time.monotonic() + 60
    while run.producer.channel().staging.take() is None and time.monotonic() < deadline: time.sleep(0.01)
    for i in range(200000, 201000): run.log('x', i, step=i)
    """

    ended = scripts.execute(home_path, program)
    steps = [point.step or 0 for point in journals.points(home_path)]
    n_dropped = sum(gap.n_points for gap in changes(home_path, Gap) if isinstance(gap, Gap))

    assert ended.status == 0, ended.err
    assert recover_home(home_path) == 0
    assert steps[:1000] == list(range(1000))
    assert steps[-1000:] == list(range(200000, 201000))
    assert n_dropped > 0
    assert len(steps) == len(set(steps)) == 201000 - n_dropped
    assert journals.untold(home_path) == []


def test_a_home_that_cannot_be_written_makes_log_count_not_raise(home_path: Path) -> None:
    """Where no journal can be made, log() goes on, and what it dropped is told once one can."""
    home_path.write_text("in the way")
    logger = new_logger()
    for step in range(100):
        logger.log("x", 0.0, step=step)
    home_path.unlink()

    def log_one() -> bool:
        logger.log("x", 1.0)
        return home_path.is_dir()

    until(log_one)
    logger.producer.close()
    n_dropped = sum(gap.n_points for gap in changes(home_path, Gap) if isinstance(gap, Gap))

    assert n_dropped >= 100
    assert [point.value for point in journals.points(home_path)][-1:] == [1.0]
