"""Experiments and models in the history: versions by rank, tags and deletions by stamp, in any order of arrival."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runstream_consumer.fold import Fold
from runstream_consumer.history import History
from runstream_schemas.catalog import (
    CatalogArchived,
    CatalogChange,
    CatalogDeleted,
    CatalogEvent,
    CatalogTag,
    ModelFile,
    ModelRegistered,
    registration_id,
)
from runstream_schemas.events import ArtifactEvent, Created, Deleted, Described, Event, RunEvent
from tests.folded import START_NS, fold_into, open_store
from tests.served import Fill

FILE = ModelFile("ridge.pkl", 3, "0" * 64, "application/octet-stream", None, b"abc")
BIG = ModelFile("a/b.bin", 10, "1" * 64, "application/octet-stream", "file:///store/b.bin")


def told(
    change: CatalogChange,
    at: int,
    producer_id: str = "p1",
    sequence: int = 0,
    subject: str = "model",
    name: str = "ridge",
) -> CatalogEvent:
    """A catalog event *at* ns after the start."""
    return CatalogEvent("", producer_id, sequence, START_NS + at, "ws", subject, name, change)


def of_experiment(change: CatalogChange, at: int, sequence: int, name: str = "exp") -> CatalogEvent:
    """An event of an experiment, by a producer of its own."""
    return told(change, at, "p9", sequence, "experiment", name)


def created(run_id: str, at: int, experiment: str = "exp") -> RunEvent:
    """A run's first event."""
    return RunEvent(run_id, f"p-{run_id}", 0, START_NS + at, Created("ws", experiment))


def versions(history: History, **asked: Any) -> list[tuple[str, int]]:
    """Names and versions, as `models` gives them."""
    return [(row.name, row.version) for row in history.models(**asked)]


def test_a_version_comes_back_as_it_was_registered(fill: Fill) -> None:
    """Names, description, framework, run, tags, properties and files of a registration are read as they were told."""
    change = ModelRegistered(
        (BIG, FILE), "is 좋다", {"stage": "test", "best": None}, {"alpha": "0.4"}, "ScikitLearn", "1.5", "run-1"
    )
    history = fill([told(change, 1)])
    [row] = history.models()

    assert (row.workspace, row.name, row.version, row.latest) == ("ws", "ridge", 1, True)
    assert (row.description, row.framework, row.framework_version, row.run_id) == (
        "is 좋다", "ScikitLearn", "1.5", "run-1",
    )  # fmt: skip
    assert (row.tags, row.properties) == ({"stage": "test", "best": None}, {"alpha": "0.4"})
    assert (row.n_files, row.size_bytes, row.created_at.tzinfo) == (2, 13, dt.UTC)
    files = history.model_files(row.registration_id)
    assert [(file.path, file.content, file.location) for file in files] == [
        ("a/b.bin", None, "file:///store/b.bin"),
        ("ridge.pkl", b"abc", None),
    ]


def test_a_small_file_of_the_run_is_found_by_its_hash(fill: Fill) -> None:
    """A file without bytes and location has those of the run's file with the same hash, and of no other run."""
    bare = ModelFile("b.txt", 3, "5" * 64, "text/plain")
    history = fill(
        [
            ArtifactEvent("run-1", "p1", 0, START_NS, "out/b.txt", 3, "5" * 64, "text/plain", None, b"new"),
            ArtifactEvent("run-2", "p2", 0, START_NS, "out/b.txt", 3, "6" * 64, "text/plain", None, b"no!"),
            told(ModelRegistered((bare,), run_id="run-1"), 1),
            told(ModelRegistered((bare,), run_id="run-2"), 2, sequence=1),
        ]
    )
    [second, first] = history.models()

    assert [file.content for file in history.model_files(first.registration_id)] == [b"new"]
    assert [file.content for file in history.model_files(second.registration_id)] == [None]


def test_versions_are_ranks_whatever_order_events_arrive_in(tmp_path: Path) -> None:
    """Two producers that register at once get two versions, the same ones in every order of arrival."""
    registered = [
        told(ModelRegistered((FILE,), "first"), 5, "p1", 0),
        told(ModelRegistered((FILE,), "second"), 5, "p2", 0),
        told(ModelRegistered((FILE,), "third"), 9, "p1", 1),
    ]
    for place, order in enumerate(itertools.permutations(registered)):
        store = open_store(tmp_path / str(place))
        fold_into(store, Fold(store.load_state()), [*order, *order])
        found = store.connection.execute("SELECT version, description FROM model ORDER BY version").fetchall()
        store.close()

        assert found == [(1, "first"), (2, "second"), (3, "third")]


VIEWS = ("model", "model_file", "model_tag", "model_property", "experiment", "experiment_tag")


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """What three producers tell of two models and an experiment, at stamps that often are equal."""
    tags = st.builds(CatalogTag, st.just("a"), st.sampled_from("123456789"), st.just(False) | st.booleans())
    registrations = st.sampled_from([ModelRegistered((FILE,), tags={"a": "0"}, properties={"p": "1"})])
    changes = st.one_of(tags, tags, tags, registrations, st.builds(CatalogArchived, st.booleans()))
    told: list[Event] = []
    registered: list[str] = []
    for producer_id in ("p1", "p2", "p3"):
        at = START_NS
        for sequence in range(draw(st.integers(2, 7))):
            at += draw(st.sampled_from([1, 1, 2]))
            change: CatalogChange = draw(changes) if draw(st.integers(0, 9)) else CatalogDeleted()
            if isinstance(change, (CatalogTag, CatalogDeleted)) and registered and draw(st.booleans()):
                change = dataclasses.replace(change, registration_id=draw(st.sampled_from(registered)))
            of_model = isinstance(change, ModelRegistered) or getattr(change, "registration_id", None) is not None
            if isinstance(change, ModelRegistered):
                registered[:] = [registration_id(producer_id, at)]
            subject, name = ("model", draw(st.sampled_from(["one", "two"]))) if of_model else ("experiment", "exp")
            told.append(CatalogEvent("", producer_id, sequence, at, "ws", subject, name, change))
    return told


@given(told=histories(), data=st.data())
@settings(max_examples=15)
def test_views_are_the_same_for_any_order_and_repetition(
    tmp_path_factory: pytest.TempPathFactory, told: list[Event], data: st.DataObject
) -> None:
    """However events are mixed, repeated and split into commits, every view of the catalog says the same."""
    other = data.draw(st.permutations(told + told[:3]))
    cut = data.draw(st.integers(0, len(other)))
    found = []
    for batches in ([told], [other[:cut], other[cut:]]):
        store = open_store(tmp_path_factory.mktemp("catalog"))
        fold = Fold(store.load_state())
        for batch in batches:
            if batch:
                fold_into(store, fold, batch)
        found.append([store.connection.execute(f"SELECT * FROM {view} ORDER BY ALL").fetchall() for view in VIEWS])
        store.close()

    assert found[0] == found[1]


def test_a_deleted_version_is_hidden_and_its_number_not_given_again(fill: Fill) -> None:
    """After deleting the newest of two, the first is the latest; the next registration is the third."""
    history = fill([told(ModelRegistered((FILE,)), 1), told(ModelRegistered((FILE,)), 2, sequence=1)])
    fill([told(CatalogDeleted(registration_id("p1", START_NS + 2)), 3, sequence=2)])

    assert versions(history) == [("ridge", 1)]
    assert history.models()[0].latest
    fill([told(ModelRegistered((FILE,)), 4, sequence=3)])
    assert versions(history) == [("ridge", 3), ("ridge", 1)]
    assert history.model_files(registration_id("p1", START_NS + 2)) == []


def test_models_are_found_by_name_version_tag_run_and_latest(fill: Fill) -> None:
    """Each argument leaves only what it says; latest counts among those that are left."""
    one = ModelRegistered((FILE,), tags={"stage": "test"}, run_id="run-1")
    two = ModelRegistered((FILE,), tags={"stage": "live", "kept": None})
    history = fill([told(one, 1), told(two, 2, sequence=1), told(one, 3, sequence=2, name="lasso")])

    assert versions(history) == [("lasso", 1), ("ridge", 2), ("ridge", 1)]
    assert versions(history, workspace="other") == []
    assert versions(history, name="ridge", version=1) == [("ridge", 1)]
    assert versions(history, latest=True) == [("lasso", 1), ("ridge", 2)]
    assert versions(history, tags=["stage"], name="ridge") == [("ridge", 2), ("ridge", 1)]
    assert versions(history, tags=[("stage", "test")], latest=True) == [("lasso", 1), ("ridge", 1)]
    assert versions(history, tags=["kept", ("stage", "live")]) == [("ridge", 2)]
    assert versions(history, tags=[("kept", None)]) == [("ridge", 2)]
    assert versions(history, run_id="run-1") == [("lasso", 1), ("ridge", 1)]


def test_tags_of_one_version_change_by_stamp(fill: Fill) -> None:
    """A later tag replaces the one given at registration, a removed one is gone, other versions keep theirs."""
    registered = ModelRegistered((FILE,), tags={"stage": "test", "old": "1"})
    first = registration_id("p1", START_NS + 1)
    history = fill(
        [
            told(CatalogTag("stage", "live", registration_id=first), 9, "p2", 0),
            told(CatalogTag("stage", "late", registration_id=first), 8, "p2", 1),
            told(CatalogTag("old", None, removed=True, registration_id=first), 7, "p2", 2),
            told(registered, 1),
            told(registered, 2, sequence=1),
        ]
    )

    assert [row.tags for row in history.models()] == [{"stage": "test", "old": "1"}, {"stage": "live"}]


def test_experiments_are_what_has_runs_tags_or_was_archived(fill: Fill) -> None:
    """Each comes with its runs, times and tags; archived ones only where they are asked for."""
    history = fill(
        [
            created("a", 1),
            created("b", 2_000_000),
            created("gone", 3),
            RunEvent("gone", "p-gone", 1, START_NS + 4, Deleted()),
            of_experiment(CatalogTag("team", "한글"), 5, 0),
            of_experiment(CatalogTag("x", None), 6, 1, "only tags"),
            of_experiment(CatalogArchived(True), 7_000, 2, "hidden"),
        ]
    )
    first, second = history.experiments("ws")

    assert (first.name, first.n_runs, first.tags, first.archived) == ("exp", 2, {"team": "한글"}, False)
    assert first.last_run_at is not None
    assert first.last_run_at - first.created_at == dt.timedelta(microseconds=2_000)
    assert (second.name, second.n_runs, second.last_run_at, second.tags) == ("only tags", 0, None, {"x": None})
    [hidden] = history.experiments(archived=True)
    assert hidden.archived_at == hidden.created_at
    assert [row.name for row in history.experiments(archived=None, tags=["team"])] == ["exp"]
    assert history.experiments("other") == []


def test_an_experiment_that_is_brought_back_is_listed_again(fill: Fill) -> None:
    """The newest of archive and reactivate holds, whichever arrives first."""
    history = fill(
        [created("a", 1), of_experiment(CatalogArchived(False), 9, 1), of_experiment(CatalogArchived(True), 8, 0)]
    )

    assert [(row.name, row.archived_at) for row in history.experiments()] == [("exp", None)]


def test_a_deleted_experiment_comes_back_without_what_it_was(fill: Fill) -> None:
    """Deleting hides it with its tags; a later run brings the name back, and only that."""
    history = fill([of_experiment(CatalogTag("a", "1"), 1, 0), of_experiment(CatalogDeleted(), 2, 1)])

    assert history.experiments(archived=None) == []
    fill([created("later", 3)])
    assert [(row.name, row.tags) for row in history.experiments()] == [("exp", {})]


def test_a_run_is_described_anew(fill: Fill) -> None:
    """Of display name and description the newest that was told holds; each is changed without the other."""
    at = START_NS
    history = fill(
        [
            RunEvent("run", "p1", 0, at, Created("ws", "exp", display_name="first", description="kept")),
            RunEvent("run", "p1", 1, at + 1, Described("second", None)),
            RunEvent("run", "p2", 0, at + 3, Described("newest", None)),
            RunEvent("run", "p2", 1, at + 2, Described("late", "new")),
        ]
    )
    run = history.run("run")

    assert (run.display_name, run.description) == ("newest", "new")
    assert [event.detail for event in history.events("run") if event.change == "described"] == [
        "second", "late: new", "newest",
    ]  # fmt: skip


def test_the_state_is_loaded_without_the_catalog_s_empty_run(tmp_path: Path) -> None:
    """A fold that begins anew knows what of the catalog was folded: the same event again changes nothing."""
    event = told(ModelRegistered((FILE,)), 1)
    store = open_store(tmp_path)
    fold_into(store, Fold(store.load_state()), [event])

    fold_into(store, Fold(store.load_state()), [event])

    assert store.connection.execute("SELECT sum(1) FROM model").fetchall() == [(1,)]
