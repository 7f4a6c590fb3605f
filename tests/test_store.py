"""The store: rows and positions in one transaction, exact after kills, full disks and unknown outcomes."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runstream_consumer import opening
from runstream_consumer.fold import Fold
from runstream_consumer.maintain import Maintainer
from runstream_consumer.store import DeadLetter, Store
from runstream_schemas.errors import (
    CommitUnknown,
    ConfigError,
    Fenced,
    StoreForeign,
    StoreLocked,
    StoreUnopenable,
    StoreVersion,
)
from runstream_schemas.events import Event, TagEvent
from tests.folded import (
    NOW_US,
    START_NS,
    Contents,
    contents,
    fold_into,
    items,
    metric_event,
    open_store,
    ranges_of,
    scalar,
)
from tests.folding_process import fold_rest
from tests.log_streams import delivered, logged
from tests.store_kills import N_EVENTS, faults, n_acknowledged, opened, reference, run_process


def tag(sequence: int) -> TagEvent:
    """A small event."""
    return TagEvent("run", "p1", sequence, START_NS + sequence, "k", str(sequence))


def letter(position: int, next_position: int) -> DeadLetter:
    """Bytes of partition "log" that could not be decoded."""
    return DeadLetter(NOW_US, "tags", "log", position, next_position, None, "decode", "DecodeError", "bad", b"\x00\x01")


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Contents:
    """The tables after the whole stream of the folding process, folded in one go."""
    return reference(tmp_path_factory.mktemp("reference") / "home")


def test_rows_and_positions_come_back_after_reopening(tmp_path: Path) -> None:
    """What was committed is there with its position, and the next fold goes on behind it."""
    with opened(tmp_path) as store:
        fold = Fold(store.load_state())
        fold_into(store, fold, [tag(0), tag(1)])
        assert store.commit_no == 1
    with opened(tmp_path) as store:
        at = store.positions()["log"]
        assert (at.next_position, at.last_producer_id, at.last_sequence) == (2, "p1", 1)
        assert store.commit_no == 1
        fold = Fold(store.load_state())
        assert fold.fold(items([tag(0), tag(1)], 2), NOW_US).tables == {}
        assert store.connection.execute("SELECT value FROM tag_event ORDER BY 1").fetchall() == [("0",), ("1",)]


def test_a_fold_from_an_older_position_is_fenced(tmp_path: Path) -> None:
    """Two folds of the same stretch: the second raises Fenced with both positions and writes nothing."""
    with opened(tmp_path) as store:
        first, second = Fold(store.load_state()), Fold(store.load_state())
        fold_into(store, first, [tag(0)])
        fold_into(store, first, [tag(1)])
        late = second.fold(items([tag(0), tag(1), tag(2)]), NOW_US)
        with pytest.raises(Fenced) as caught:
            store.commit(late)
        assert (caught.value.partition, caught.value.expected, caught.value.stored) == ("log", 0, 2)
        assert store.connection.execute("SELECT value FROM tag_event ORDER BY 1").fetchall() == [("0",), ("1",)]
        fold_into(store, first, [tag(2)])


def test_a_commit_by_somebody_else_is_fenced(tmp_path: Path) -> None:
    """A position row that this store did not write stops it."""
    with opened(tmp_path) as store:
        fold = Fold(store.load_state())
        fold_into(store, fold, [tag(0)])
        store.connection.execute("INSERT INTO position_log VALUES (9, 'log', 1, 7, 0, NULL, NULL, NULL)")
        with pytest.raises(Fenced, match="stands at 7"):
            store.commit(fold.fold(items([tag(1)], 1), NOW_US))


def test_dead_letters_are_kept_and_passed_over(tmp_path: Path) -> None:
    """A batch's dead letters are rows, its position moves behind them, and the fold goes on from there."""
    with opened(tmp_path) as store:
        fold = Fold(store.load_state())
        folded = fold.fold(items([tag(0)], 1), NOW_US)
        store.commit(folded, [letter(0, 1), letter(2, 5)])
        fold.accept(folded)
        assert store.positions()["log"].next_position == 5
        store.commit(only := fold.fold([], NOW_US), [letter(5, 6)])
        fold.accept(only)
        fold_into(store, fold, [tag(1)])
        rows = store.connection.execute("SELECT partition, from_position, next_position FROM position_log").fetchall()
        assert rows == [("log", 0, 5), ("log", 5, 6), ("log", 6, 7)]
        letters = store.connection.execute("SELECT position, stage, value FROM dead_letter_log ORDER BY 1").fetchall()
        assert letters == [(0, "decode", b"\x00\x01"), (2, "decode", b"\x00\x01"), (5, "decode", b"\x00\x01")]


class _RaisesAfterCommit(Store):
    """A store whose COMMIT succeeds and then says that it did not."""

    def _commit(self) -> None:
        super()._commit()
        raise duckdb.IOException("No space left on device")


def test_an_unknown_outcome_stops_the_store_and_a_new_one_goes_on_exactly(tmp_path: Path) -> None:
    """After an exception from COMMIT every commit is refused; reopened, nothing is lost or doubled."""
    with opened(tmp_path) as store:
        fold_into(store, Fold(store.load_state()), [tag(0)])
    store = open_store(tmp_path)
    broken = _RaisesAfterCommit(store.connection, store.path)
    fold = Fold(broken.load_state())
    folded = fold.fold(items([tag(1)], 1), NOW_US)
    for _ in range(2):
        with pytest.raises(CommitUnknown):
            broken.commit(folded)
    broken.close()
    with opened(tmp_path) as store:
        assert store.positions()["log"].next_position == 2
        fold = Fold(store.load_state())
        fold_into(store, fold, [tag(1), tag(2)])
        assert store.connection.execute("SELECT value FROM tag_event ORDER BY 1").fetchall() == [("0",), ("1",), ("2",)]


def test_a_row_that_cannot_be_inserted_rolls_everything_back(tmp_path: Path) -> None:
    """An error before COMMIT leaves nothing behind, and the store goes on."""
    with opened(tmp_path) as store:
        fold = Fold(store.load_state())
        folded = fold.fold(items([tag(0)]), NOW_US)
        folded.tables["run_event"] = {"run_key": [None]}
        with pytest.raises(duckdb.Error):
            store.commit(folded)
        assert store.connection.execute("SELECT value FROM tag_event").fetchall() == []
        fold_into(store, fold, [tag(0)])
        assert store.commit_no == 1


@pytest.mark.parametrize("failpoint", ["commit.before:5", "seal.delete:2", "compact.rows:3"])
def test_killed_at_any_step_the_store_is_exact(tmp_path: Path, failpoint: str, expected: Contents) -> None:
    """``kill -9`` inside a commit, a seal or a compaction loses nothing, doubles nothing and needs no help."""
    folder = tmp_path / "home"
    process = run_process(folder, failpoint)
    assert process.returncode == -signal.SIGKILL, process.stderr
    assert n_acknowledged(process) > 0
    assert faults(folder, n_acknowledged(process), expected) == []


def test_a_full_disk_ends_the_process_and_loses_nothing(tmp_path: Path, expected: Contents) -> None:
    """Where the file may not grow the process ends with an error; with space again, everything is there once."""
    folder = tmp_path / "home"
    open_store(folder).close()
    limit_bytes = (folder / "history.duckdb").stat().st_size + 100_000
    process = run_process(folder, limit_bytes=limit_bytes)
    assert process.returncode == 1, process.stdout
    assert "CommitUnknown" in process.stderr.splitlines()[-1]
    assert n_acknowledged(process) < N_EVENTS
    assert faults(folder, n_acknowledged(process), expected) == []


def test_a_second_process_is_told_who_has_the_file(tmp_path: Path) -> None:
    """A file that another process has open is not touched, and the error names that process."""
    with opened(tmp_path):
        other = subprocess.run(
            [sys.executable, "-m", "tests.folding_process", str(tmp_path), "1"],
            capture_output=True,
            text=True,
            check=False,
        )
    assert StoreLocked.__name__ in other.stderr
    assert f"PID {os.getpid()}" in other.stderr
    assert list(tmp_path.glob("*.aside-*")) == []


def test_a_history_of_another_log_is_refused(tmp_path: Path) -> None:
    """A file belongs to one event log for ever."""
    open_store(tmp_path).close()
    with pytest.raises(StoreForeign, match="journal journal:test") as caught:
        Store.open(tmp_path / "history.duckdb", "kafka", "cluster-1")
    assert "kafka cluster-1" in str(caught.value)
    with opened(tmp_path) as store:
        assert store.notes == ()


def test_tables_of_a_newer_version_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file written by a newer runstream is left alone."""
    with monkeypatch.context() as patch:
        patch.setattr(opening, "TABLES_VERSION", opening.TABLES_VERSION + 1)
        open_store(tmp_path).close()
    with pytest.raises(StoreVersion, match="upgrade"):
        open_store(tmp_path)


def test_tables_of_an_older_version_are_set_aside_and_rebuilt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An older file is kept under another name and a fresh one begins, unless the log no longer holds everything."""
    with monkeypatch.context() as patch:
        patch.setattr(opening, "TABLES_VERSION", opening.TABLES_VERSION - 1)
        with opened(tmp_path) as store:
            fold_into(store, Fold(store.load_state()), [tag(0)])
    path = tmp_path / "history.duckdb"
    with pytest.raises(StoreVersion):
        Store.open(path, "journal", "journal:test", may_rebuild=False)
    with opened(tmp_path) as store:
        assert store.positions() == {}
        assert "older tables" in store.notes[0]
    assert len(list(tmp_path.glob("history.duckdb.aside-*"))) == 1


@pytest.mark.parametrize("damage", ["header", "truncated", "empty", "junk"])
def test_a_damaged_file_is_set_aside_and_made_anew(tmp_path: Path, damage: str) -> None:
    """A file that does not open is kept aside, and the store begins again from the log and says so."""
    with opened(tmp_path) as store:
        fold_into(store, Fold(store.load_state()), [tag(0)])
    path = tmp_path / "history.duckdb"
    good = path.read_bytes()
    bad = {"header": good[:4096] + b"\xff" * 8192 + good[12288:], "truncated": good[:9000], "empty": b""}
    path.write_bytes(bad.get(damage, b"not a database " * 1000))
    with opened(tmp_path) as store:
        assert store.positions() == {}
        assert "rebuilt from the log" in store.notes[0]
        fold_into(store, Fold(store.load_state()), [tag(0)])
    (aside,) = tmp_path.glob("history.duckdb.aside-*")
    assert aside.read_bytes() == path.with_name(aside.name).read_bytes()
    with opened(tmp_path) as store:
        assert store.positions()["log"].next_position == 1


def test_a_damaged_write_ahead_log_costs_only_what_followed_the_checkpoint(tmp_path: Path, expected: Contents) -> None:
    """Without its write-ahead log the file opens at its last checkpoint, and the log is folded again from there."""
    process = run_process(tmp_path, "commit.after:3")
    assert process.returncode == -signal.SIGKILL
    wal = tmp_path / "history.duckdb.wal"
    damaged = bytearray(wal.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    wal.write_bytes(damaged)
    with opened(tmp_path) as store:
        assert "write-ahead log" in store.notes[0]
        for _ in fold_rest(store, N_EVENTS):
            pass
        assert contents(store.connection) == expected
    assert len(list(tmp_path.glob("history.duckdb.wal.aside-*"))) == 1


def test_tables_that_cannot_be_read_are_set_aside(tmp_path: Path) -> None:
    """A file that opens but whose bookkeeping is damaged is kept aside and made anew."""
    with opened(tmp_path) as store:
        fold = Fold(store.load_state())
        fold_into(store, fold, [tag(i) for i in range(2000)])
        store.checkpoint()
        query = "SELECT min(block_id) FROM pragma_storage_info('batch') WHERE block_id >= 0"
        (block,) = store.connection.execute(query).fetchone() or (0,)
    path = tmp_path / "history.duckdb"
    damaged = bytearray(path.read_bytes())
    damaged[3 * 4096 + block * opening.BLOCK_BYTES + 100] ^= 1
    path.write_bytes(damaged)
    with opened(tmp_path) as store:
        assert "rebuilt from the log" in store.notes[0]
        assert store.positions() == {}
    assert len(list(tmp_path.glob("history.duckdb.aside-*"))) == 1


def test_a_network_file_system_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DuckDB's lock and log cannot be trusted there: the error names the setting to change."""
    monkeypatch.setattr(opening, "network_filesystem", lambda path: "nfs4")
    with pytest.raises(ConfigError, match=r"RUNSTREAM_HOME.*nfs4"):
        open_store(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_the_system_forbids_is_told_and_nothing_is_set_aside(tmp_path: Path) -> None:
    """A path that cannot be a file is no damaged history."""
    (tmp_path / "history.duckdb").mkdir()
    with pytest.raises(StoreUnopenable, match="directory"):
        open_store(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["history.duckdb"]


@given(st.data())
@settings(max_examples=15)
def test_restarts_seals_and_compactions_change_nothing(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Whatever the log repeats, however it is cut, and wherever the process starts anew: the same tables and state."""
    events = data.draw(logged())
    batches = data.draw(delivered(events))
    whole, cut = (tmp_path_factory.mktemp(name) for name in ("whole", "cut"))
    with opened(whole) as store:
        fold = Fold(store.load_state())
        fold_into(store, fold, events)
        Maintainer(store, fold).write_statistics()
        plain = contents(store.connection), ranges_of(fold)
    with opened(cut) as store:
        fold = Fold(store.load_state())
        for batch in batches:
            fold_into(store, fold, batch, door_one=data.draw(st.sampled_from([None, True])))
            act = data.draw(st.sampled_from(["", "seal", "compact", "restart"]))
            maintainer = Maintainer(store, fold)
            if act == "restart":
                fold = Fold(store.load_state())
            elif act:
                getattr(maintainer, act)()
        Maintainer(store, fold).write_statistics()
        assert contents(store.connection) == plain[0]
        assert ranges_of(fold) == ranges_of(Fold(store.load_state())) == plain[1]


def test_one_fold_of_many_events_is_one_commit(tmp_path: Path) -> None:
    """All tables of a fold carry its commit's number."""
    events: list[Event] = [tag(0), metric_event([(0, 0, 1.0)], [scalar()])]
    with opened(tmp_path) as store:
        fold_into(store, Fold(store.load_state()), events)
        for table in ("point_live", "series_stat_live", "batch", "position_log"):
            assert store.connection.execute(f"SELECT DISTINCT commit_no FROM {table}").fetchall() == [(1,)]


def test_views_of_an_older_program_are_made_anew(tmp_path: Path) -> None:
    """A file whose views another version wrote shows this version's at the next opening; points and own views stay."""
    with opened(tmp_path) as store:
        fold_into(store, Fold(store.load_state()), [tag(0)])
        store.connection.execute("CREATE OR REPLACE VIEW tag AS SELECT 'old' AS value")
        store.connection.execute("CREATE VIEW mine AS SELECT 1 AS one")
        store.connection.execute("UPDATE meta SET value = 'another edition' WHERE key = 'views'")
    with opened(tmp_path) as store:
        assert store.connection.execute("SELECT run_id, key, value FROM tag").fetchall() == [("run", "k", "0")]
        assert store.connection.execute("SELECT one FROM mine").fetchall() == [(1,)]
        assert store.wal_size_bytes() == 0


def test_views_of_this_program_are_left_alone(tmp_path: Path) -> None:
    """Opening a file whose views are current changes no view: its catalogue keeps even what they say of themselves."""
    with opened(tmp_path) as store:
        store.connection.execute("COMMENT ON VIEW tag IS 'as it was'")
    with opened(tmp_path) as store:
        comment = store.connection.execute("SELECT comment FROM duckdb_views() WHERE view_name = 'tag'").fetchone()
    assert comment == ("as it was",)
