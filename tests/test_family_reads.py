"""Runs are found by what they are and have, in pages, the newest first; and so are children, and theirs."""

from __future__ import annotations

from typing import Any

from runstream_consumer.family import RunQuery
from runstream_consumer.history import History
from runstream_schemas.events import (
    Archived,
    Change,
    Created,
    Event,
    PropertiesAdded,
    RunEvent,
    StatusChanged,
    TagEvent,
)
from tests.folded import START_NS
from tests.served import Fill


def run(run_id: str, at: int = 0, *changes: Change, experiment: str = "exp", **fields: Any) -> list[Event]:
    """The events of a run that was created *at* us after the start; its id is its producer's, too."""
    created = Created("ws", experiment, **fields)
    return [
        RunEvent(run_id, run_id, sequence, START_NS + at * 1000 + sequence, change)
        for sequence, change in enumerate((created, *changes))
    ]


def tag(run_id: str, key: str, value: str | None = None, *, removed: bool = False, sequence: int = 0) -> TagEvent:
    """A tag of a run."""
    return TagEvent(run_id, run_id, sequence, START_NS + sequence, key, value, removed)


def found(history: History, page_size: int = 100, **query: Any) -> list[str]:
    """Ids of the runs that are found."""
    return [row.run_id for row in history.find_runs(RunQuery(**query), page_size)]


def test_runs_come_newest_first_in_pages(fill: Fill) -> None:
    """All runs come once, the newest created first, whatever the size of the page; of equal times the greatest id."""
    history = fill([event for i in range(5) for event in run(f"r{i}", at=i // 2)])
    assert found(history) == ["r4", "r3", "r2", "r1", "r0"]
    for page_size in (1, 2, 5):
        assert found(history, page_size) == ["r4", "r3", "r2", "r1", "r0"]


def test_pages_are_read_when_they_are_asked_for(fill: Fill) -> None:
    """A page is read when its first run is; runs that are created meanwhile do not shift the pages."""
    history = fill([event for i in range(3) for event in run(f"r{i}", at=i)])
    rows = history.find_runs(RunQuery(), page_size=2)
    first = next(rows).run_id
    fill(run("r9", at=9))
    assert [first, *(row.run_id for row in rows)] == ["r2", "r1", "r0"]


def test_runs_are_found_by_what_they_are(fill: Fill) -> None:
    """Experiment, workspace, type and status, in any case, leave only those that have them."""
    history = fill(
        [
            *run("a", 1, StatusChanged("Completed")),
            *run("b", 2, StatusChanged("Failed"), run_type="azureml.scriptrun"),
            *run("c", 3, StatusChanged("Completed"), experiment="other"),
        ]
    )
    assert found(history, experiment="exp") == ["b", "a"]
    assert found(history, workspace="none") == []
    assert found(history, run_type="azureml.scriptrun") == ["b"]
    assert found(history, status=("completed",)) == ["c", "a"]
    assert found(history, status=("Failed", "Completed"), experiment="exp") == ["b", "a"]


def test_runs_are_found_by_tags_and_properties(fill: Fill) -> None:
    """A key alone asks for the key, a pair for its value as it is now, and all of them must be there."""
    history = fill(
        [
            *run("a", 1, PropertiesAdded({"commit": "1"})),
            *run("b", 2, PropertiesAdded({"commit": "2"})),
            *run("c", 3),
            tag("a", "best"),
            tag("b", "best", "it's"),
            tag("c", "best", sequence=0),
            tag("c", "best", removed=True, sequence=1),
        ]
    )
    assert found(history, tags=("best",)) == ["b", "a"]
    assert found(history, tags=(("best", "it's"),)) == ["b"]
    assert found(history, tags=(("best", None),)) == ["a"]
    assert found(history, properties=("commit",)) == ["b", "a"]
    assert found(history, tags=("best",), properties=(("commit", "1"),)) == ["a"]


def test_children_are_left_out_or_asked_for(fill: Fill) -> None:
    """Children are not among the others unless they are asked for; of one parent, its own or all below it."""
    history = fill(
        [
            *run("top", 1),
            *run("mid", 2, parent_run_id="top"),
            *run("low", 3, parent_run_id="mid"),
            *run("lowest", 4, parent_run_id="low"),
            *run("aside", 5, parent_run_id="elsewhere"),
        ]
    )
    assert found(history, include_children=False) == ["top"]
    assert found(history, include_children=True) == ["aside", "lowest", "low", "mid", "top"]
    assert found(history, parent_run_id="top") == ["mid"]
    assert found(history, parent_run_id="top", recursive=True) == ["lowest", "low", "mid"]
    assert [row.run_id for row in history.children("mid", recursive=True)] == ["lowest", "low"]
    assert history.children("lowest") == []


def test_a_parent_is_found(fill: Fill) -> None:
    """A child's parent is its run; none has a run without one, and one whose parent nobody knows."""
    history = fill([*run("top"), *run("mid", 1, parent_run_id="top"), *run("lost", 2, parent_run_id="gone")])
    parent = history.parent("mid")
    assert parent is not None
    assert parent.run_id == "top"
    assert [history.parent(run_id) for run_id in ("top", "lost", "nobody")] == [None, None, None]


def test_runs_that_are_each_others_parents_end(fill: Fill) -> None:
    """A ring of parents, which only a broken program makes, is gone round once."""
    history = fill([*run("a", 1, parent_run_id="b"), *run("b", 2, parent_run_id="a")])
    assert found(history, parent_run_id="a", recursive=True) == ["b", "a"]


def test_archived_runs_are_hidden(fill: Fill) -> None:
    """Hidden runs are found only when they are asked for, alone or among the others."""
    history = fill([*run("a", 1, Archived(True)), *run("b", 2, Archived(True), Archived(False)), *run("c", 3)])
    assert found(history) == ["c", "b"]
    assert found(history, archived=True) == ["a"]
    assert found(history, archived=None) == ["c", "b", "a"]
