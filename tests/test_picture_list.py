"""The pictures of many runs, read at once."""

from __future__ import annotations

from pathlib import Path

from runstream_consumer import pictures
from runstream_consumer.fold import Fold
from runstream_schemas.events import ArtifactEvent
from tests.folded import START_NS, fold_into, open_store
from tests.test_chart import Direct


def artifact(run_id: str, path: str, sequence: int, content_type: str = "image/png") -> ArtifactEvent:
    """A small file that a run logged as the sequence-th of its files."""
    at_ns = START_NS + sequence * 1_000_000
    return ArtifactEvent(run_id, f"p-{run_id}", sequence, at_ns, path, 3, "0" * 64, content_type, None, b"old", "dot")


def test_pictures_of_many_runs_come_in_the_order_of_logging(tmp_path: Path) -> None:
    """Run by run as asked, oldest first, every version, without bytes; other files and other runs are left out."""
    store = open_store(tmp_path)
    fold = Fold(store.load_state())
    logged = [
        artifact("a", "second.png", 1),
        artifact("a", "first.png", 0),
        artifact("a", "first.png", 2),
        artifact("a", "notes.txt", 3, "text/plain"),
        artifact("b", "it's.svg", 0, "image/svg+xml"),
        artifact("c", "x.png", 0),
    ]
    fold_into(store, fold, logged)
    found = pictures.pictures(Direct(store.connection), ["b", "a", "nobody", "a"])
    store.close()

    assert [(row.run_id, row.path, row.version, row.content) for row in found] == [
        ("b", "it's.svg", 1, None),
        ("a", "first.png", 1, None),
        ("a", "second.png", 1, None),
        ("a", "first.png", 2, None),
    ]


def test_no_runs_have_no_pictures(tmp_path: Path) -> None:
    """Asking for nothing asks the history nothing."""
    store = open_store(tmp_path)
    found = pictures.pictures(Direct(store.connection), [])
    store.close()

    assert found == []
