"""The tables: documented column by column, without keys and indexes, and writable by the fold alone."""

from pathlib import Path

import pytest

from runstream_consumer.fold import Fold
from runstream_consumer.state import FoldState
from runstream_schemas.catalog import CatalogEvent, ModelFile, ModelRegistered
from runstream_schemas.events import ArtifactEvent, Created, Event, LogEvent, PropertiesAdded, RunEvent, TagEvent
from tests.folded import NOW_US, START_NS, items, metric_event, open_store, scalar

MODEL_FILE = ModelFile("a.pkl", 2, "0" * 64, "text/plain", content=b"ab")


def test_every_table_and_column_has_a_comment(tmp_path: Path) -> None:
    """Whoever looks at the schema finds each table and column explained."""
    store = open_store(tmp_path)
    tables = store.connection.execute("SELECT table_name, comment FROM duckdb_tables()").fetchall()
    bare = [name for name, comment in tables if not comment]
    columns = store.connection.execute(
        """SELECT table_name || '.' || column_name, comment FROM duckdb_columns()
        WHERE table_name IN (SELECT table_name FROM duckdb_tables())"""
    ).fetchall()
    bare += [name for name, comment in columns if not comment]
    assert len(tables) >= 15
    assert bare == []


def test_no_table_has_a_key_or_an_index(tmp_path: Path) -> None:
    """Keys and indexes would cost more than the points and break replay of the write-ahead log."""
    store = open_store(tmp_path)
    kinds = {row[0] for row in store.connection.execute("SELECT constraint_type FROM duckdb_constraints()").fetchall()}
    assert kinds == {"NOT NULL"}
    assert store.connection.execute("SELECT index_name FROM duckdb_indexes()").fetchall() == []


def test_the_fold_fills_columns_that_exist_and_leaves_out_only_the_commit(tmp_path: Path) -> None:
    """Every column of a fold is a column of its table, and only what the commit knows is missing."""
    header = ("run", "p1")
    events: list[Event] = [
        RunEvent(*header, 0, START_NS, Created("w", "e")),
        RunEvent(*header, 1, START_NS, PropertiesAdded({"k": "v"})),
        TagEvent(*header, 0, START_NS, "k", None, removed=True),
        ArtifactEvent(*header, 0, START_NS, "a/b", 2, "0" * 64, "text/plain", content=b"ab"),
        LogEvent(*header, 0, START_NS, "stdout", 0, "hello"),
        CatalogEvent(
            "", "p1", 0, START_NS, "w", "model", "m", ModelRegistered((MODEL_FILE,), None, {"a": "1"}, {"b": "2"})
        ),
        metric_event([(0, 0, 1.0)], [scalar()]),
    ]
    store = open_store(tmp_path)
    fold = Fold(FoldState())
    tables = dict(fold.fold(items(events), NOW_US).tables)
    tables |= dict(fold.fold(items(events), NOW_US, door_one=True).tables)
    for table, columns in tables.items():
        known = {row[0] for row in store.connection.execute(f"DESCRIBE {table}").fetchall()}
        more = {"seal": {"sealed_at", "upto_commit_no"}}.get(table, {"commit_no"} & known)
        assert set(columns) | more == known, table
    assert len(tables) == 15


@pytest.mark.parametrize("name", ["run", "metric", "tag", "property", "artifact", "dead_letter", "position", "series"])
def test_public_names_belong_to_views(tmp_path: Path, name: str) -> None:
    """The names that people type are free for views."""
    store = open_store(tmp_path)
    tables = {row[0] for row in store.connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    assert name not in tables
