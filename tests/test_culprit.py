"""What the database refuses before COMMIT stops nothing else: only the events at fault become dead letters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runstream_consumer.culprit import commit_parts
from runstream_consumer.journal_source import JournalSource
from runstream_consumer.loop import Pipeline
from runstream_consumer.monitor import Monitor
from runstream_consumer.store import Store
from runstream_schemas.codec import encode
from runstream_schemas.errors import CommitUnknown
from runstream_schemas.events import TagEvent
from runstream_schemas.home import Home
from runstream_schemas.topics import Topic
from tests.staged import RUN_ID, Staged


def with_tags(home: Home, values: Sequence[str]) -> Staged:
    """A producer whose journal holds its creation and a tag event for each of ``values``."""
    staged = Staged.begin(home)
    for sequence, value in enumerate(values):
        event = TagEvent(RUN_ID, staged.folder.producer_id, sequence, 10 + sequence, f"key-{sequence}", value)
        staged.writer.append(Topic.TAGS, [encode(event)], sequence)
    return staged


@contextmanager
def pipeline(home: Home) -> Iterator[Pipeline]:
    """The pipeline of ``home``, whose history takes only whole numbers as values of tags."""
    source = JournalSource(home)
    store = Store.open(home.history_path, source.kind, source.identity)
    store.connection.execute("ALTER TABLE tag_event ALTER COLUMN value SET DATA TYPE BIGINT")
    try:
        yield Pipeline(source, store)
    finally:
        store.close()
        source.close()


def test_events_that_the_database_refuses_become_dead_letters(home_path: Path) -> None:
    """Two events of a batch fail in DuckDB: they are set aside with its words, all others are committed once."""
    values = [str(n) for n in range(20)]
    values[3] = values[12] = "not a number"
    home = Home(home_path)
    staged = with_tags(home, values)
    monitor = Monitor()
    with pipeline(home) as folding:
        folding.turn(0.0, monitor)
        again = folding.turn(0.0, monitor)
        connection = folding.store.connection
        tags = connection.execute("SELECT value FROM tag_event ORDER BY sequence").fetchall()
        letters = connection.execute(
            "FROM dead_letter_log SELECT position, stage, error_type, error_message"
        ).fetchall()
        created = connection.execute("SELECT change FROM run_event").fetchall()
        end = folding.store.positions()[staged.folder.producer_id].next_position
    staged.die()

    assert tags == [(int(value),) for value in values if value.isdigit()]
    assert [letter[:3] for letter in letters] == [
        (4, "fold", "ConversionException"),
        (13, "fold", "ConversionException"),
    ]
    assert all("not a number" in letter[3] for letter in letters)
    assert (created, end, again) == ([("created",)], 21, 0)
    assert monitor.registry.get_sample_value("runstream_dead_letters_total") == 2
    assert monitor.registry.get_sample_value("runstream_events_total") == 19


def test_trouble_with_the_file_is_raised_at_once(home_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk error ends the process: nothing is set aside, nothing is tried in parts."""
    home = Home(home_path)
    staged = with_tags(home, ["1", "2"])
    with pipeline(home) as folding:
        calls: list[str] = []

        def fail(table: str, columns: object) -> None:
            calls.append(table)
            raise duckdb.IOException("IO Error: No space left on device")

        monkeypatch.setattr(folding.store, "insert", fail)
        with pytest.raises(CommitUnknown):
            folding.turn(0.0)
    staged.die()

    assert len(calls) == 1


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.integers(0, n - 1), max_size=5))))
def test_everything_but_the_culprits_is_committed_in_order(batch: tuple[int, set[int]]) -> None:
    """Whatever events of a batch fail, each is set aside at its place and no other is lost, doubled or moved."""
    n, culprits = batch
    done: list[tuple[str, int]] = []

    def commit(items: Sequence[int]) -> None:
        if culprits.intersection(items):
            raise pa.ArrowInvalid("no")
        done.extend(("kept", item) for item in items)

    commit_parts(range(n), commit, lambda item, _: done.append(("aside", item)))

    assert done == [("aside" if item in culprits else "kept", item) for item in range(n)]
