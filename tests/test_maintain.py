"""Maintenance: what it shrinks, when it acts, and that nobody can tell from the tables."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from runstream_consumer import maintain
from runstream_consumer.fold import Fold
from runstream_consumer.maintain import Maintainer
from runstream_consumer.store import Store
from runstream_schemas.events import Event, Heartbeat, MetricEvent, RunEvent
from tests.folded import NOW_US, START_NS, contents, fold_into, items, metric_event, open_store, ranges_of, scalar


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    store = open_store(tmp_path)
    yield store
    store.close()


def points_event(sequence: int, n: int = 4) -> MetricEvent:
    """Event number ``sequence`` of a producer that logs ``n`` points an event to two series."""
    first = sequence * n
    series = [scalar(0, "loss"), scalar(1, "acc")]
    points = [(i % 2, i, i / 3) for i in range(first, first + n)]
    return metric_event(points, series, sequence=sequence, first_index=first)


def scalar_of(store: Store, query: str) -> Any:
    """The one value that a query gives."""
    row = store.connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def test_a_seal_moves_all_live_points_and_changes_nothing_else(store: Store) -> None:
    """After a seal the points are in the sealed table with blocks, and every table says what it said before."""
    fold = Fold(store.load_state())
    for i in range(5):
        fold_into(store, fold, [points_event(i)])
    maintainer = Maintainer(store, fold)
    maintainer.write_statistics()
    before = contents(store.connection)
    maintainer.seal()
    assert contents(store.connection) == before
    assert store.n_live == 0
    assert scalar_of(store, "SELECT sum(1) FROM point_live") is None
    assert scalar_of(store, "SELECT sum(n) FROM block") == 20
    sealed = store.connection.execute("SELECT first_block, last_block, n, upto_commit_no FROM seal").fetchall()
    assert sealed == [(0, 1, 20, store.commit_no)]
    maintainer.seal()
    assert scalar_of(store, "SELECT sum(1) FROM seal") == 1


def test_statistics_owed_before_a_seal_survive_a_restart_after_it(store: Store) -> None:
    """A seal moves points out of where owed statistics are looked for, so it writes them first."""
    fold = Fold(store.load_state())
    for i in range(3):
        fold_into(store, fold, [points_event(i)])
    assert fold.state.unwritten
    Maintainer(store, fold).seal()
    again = Fold(store.load_state())
    assert again.statistics(NOW_US) is None
    assert again.state.stats["n"].sum() == 12


def test_blocks_go_on_behind_those_of_earlier_slices(store: Store) -> None:
    """Numbers of blocks rise over both doors and over a restart."""
    fold = Fold(store.load_state())
    fold_into(store, fold, [points_event(0)], door_one=True)
    fold_into(store, fold, [points_event(1)])
    Maintainer(store, fold).seal()
    fold = Fold(store.load_state())
    fold_into(store, fold, [points_event(2)], door_one=True)
    slices = store.connection.execute("SELECT first_block, last_block FROM seal ORDER BY 1").fetchall()
    assert slices == [(0, 1), (2, 3), (4, 5)]


def test_bookkeeping_shrinks_to_ranges_and_still_knows_every_duplicate(store: Store) -> None:
    """Batches become ranges, positions and statistics one row each, heartbeats the newest; duplicates stay known."""
    fold = Fold(store.load_state())
    order = (0, 1, 3, 4, 2, 6)
    # A hole is filled late, and number 5 is missing of both topics.
    beats = [RunEvent("run", "p1", i, START_NS + i, Heartbeat()) for i in order]
    for i, beat in zip(order, beats, strict=True):
        fold_into(store, fold, [points_event(i), beat])
    Maintainer(store, fold).compact()
    batches = store.connection.execute(
        "SELECT topic, first_sequence, last_sequence, first_index, n FROM batch ORDER BY ALL"
    ).fetchall()
    assert batches == [(1, 0, 4, 0, 0), (1, 6, 6, 0, 0), (2, 0, 4, 0, 20), (2, 6, 6, 24, 4)]
    assert scalar_of(store, "SELECT sum(1) FROM position_log") == 1
    assert scalar_of(store, "SELECT sum(1) FROM series_stat") == 2
    assert scalar_of(store, "SELECT sum(1) FROM series_stat_live") is None
    assert scalar_of(store, "SELECT list(sequence) FROM run_event WHERE change = 'heartbeat'") == [6]
    again = Fold(store.load_state())
    assert ranges_of(again) == ranges_of(fold)
    missing = RunEvent("run", "p1", 5, START_NS + 5, Heartbeat())
    everything: list[Event] = [*map(points_event, range(7)), *beats, missing]
    folded = fold_into(store, again, everything)
    assert folded.n_points == 4
    assert folded.n_events == 2


def test_statistics_survive_a_restart_before_they_were_written(store: Store) -> None:
    """Live points that no written statistics cover are counted when the state is loaded."""
    fold = Fold(store.load_state())
    for i in range(4):
        fold_into(store, fold, [points_event(i)])
    assert scalar_of(store, "SELECT max(n) FROM series_stat_live") == 2
    again = Fold(store.load_state())
    late, expected = again.statistics(NOW_US), fold.statistics(NOW_US)
    assert late is not None
    assert expected is not None
    rows, known = (f.tables["series_stat_live"] for f in (late, expected))
    assert sorted(rows["n"].to_pylist()) == [8, 8]
    assert sorted(rows["last_value"].to_pylist()) == sorted(known["last_value"].to_pylist())


def test_a_step_does_what_is_due_and_nothing_else(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Statistics by time, a seal by the number of live points, compaction by rows; then there is nothing to do."""
    fold = Fold(store.load_state())
    maintainer = Maintainer(store, fold)
    assert maintainer.step(10.0).steps == ()
    for i in range(3):
        fold_into(store, fold, [points_event(i)])
    # The events carry a fixed time of receipt, long past: the statistics owed are due.
    assert maintainer.step(10.0).steps == ("statistics",)
    with monkeypatch.context() as patch:
        patch.setattr(maintain, "SEAL_POINTS", 12)
        done = maintainer.step(10.0)
    assert (done.steps, done.n_sealed) == (("seal", "checkpoint"), 12)
    assert maintainer.step(10.0).steps == ()
    monkeypatch.setattr(maintain, "BOOKKEEPING_ROWS", 3)
    for i in range(3, 6):
        fold_into(store, fold, [points_event(i)])
    assert "compact" in maintainer.step(10.0).steps
    assert "compact" not in maintainer.step(10.0).steps


def test_quiet_points_are_sealed_when_they_are_enough_to_matter(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Live points are sealed after a while without new ones, unless they are few."""
    fold = Fold(store.load_state())
    maintainer = Maintainer(store, fold)
    fold_into(store, fold, [points_event(0)])
    maintainer.write_statistics()
    store.live_at_us -= maintain.QUIET_US
    assert "seal" not in maintainer.step(10.0).steps
    monkeypatch.setattr(maintain, "QUIET_SEAL_POINTS", 4)
    assert "seal" in maintainer.step(10.0).steps


def test_no_step_begins_after_the_budget(store: Store) -> None:
    """Without time nothing is done; what is due stays due."""
    fold = Fold(store.load_state())
    maintainer = Maintainer(store, fold, archive=lambda budget_s: True)
    fold_into(store, fold, [points_event(0)])
    fold_into(store, fold, [points_event(1)])
    assert maintainer.step(0.0).steps == ()
    assert maintainer.step(10.0).steps == ("statistics", "archive")


def test_readers_that_block_the_checkpoint_are_paused_before_a_restart_is_asked_for(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First patience, then readers are paused, and only if that does not help the process is to start anew."""
    paused: list[str] = []

    @contextmanager
    def pause() -> Iterator[None]:
        paused.append("stop")
        yield
        paused.append("start")

    fold = Fold(store.load_state())
    maintainer = Maintainer(store, fold, pause_serving=pause)
    fold_into(store, fold, [points_event(0)])
    writer = store.connection.cursor()
    writer.execute("BEGIN")
    writer.execute("UPDATE meta SET value = '0' WHERE key = 'created_at'")
    maintainer.checkpoint()
    assert (paused, maintainer.restart_wanted) == ([], False)
    monkeypatch.setattr(maintain, "WAL_LIMIT_BYTES", 0)
    monkeypatch.setattr(maintain, "CHECKPOINT_PATIENCE_S", 0.1)
    maintainer.checkpoint()
    assert (paused, maintainer.restart_wanted) == (["stop", "start"], True)
    writer.execute("ROLLBACK")
    again = Maintainer(store, fold)
    again.checkpoint()
    assert not again.restart_wanted
    assert store.wal_size_bytes() == 0


def test_a_seal_during_a_fold_makes_the_fold_start_over(store: Store) -> None:
    """A fold that was made before a seal is refused: its block numbers would be taken."""
    fold = Fold(store.load_state())
    fold_into(store, fold, [points_event(0)])
    early = fold.fold(items([points_event(1)], 1), NOW_US, door_one=True)
    Maintainer(store, fold).seal()
    with pytest.raises(ValueError, match="fold again"):
        fold.accept(early)
