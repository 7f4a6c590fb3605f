"""What a page asks together is what it would be told piece by piece."""

from __future__ import annotations

import pytest

from runstream_consumer.history import History
from runstream_schemas.catalog import MODEL, CatalogEvent, ModelFile, ModelRegistered
from runstream_schemas.events import Archived, ArtifactEvent, Event, Series, StatusChanged
from tests.folded import START_NS, metric_event, scalar
from tests.served import Fill
from tests.test_family_reads import run, tag

FILE = ModelFile("weights.bin", 4, "0" * 64, "application/octet-stream", None, b"kept")


def logged(run_id: str) -> list[Event]:
    """Two scalars of a run, the second logged first, a row of two columns, and a file in two versions."""
    series = [
        scalar(0, "loss"),
        scalar(1, "accuracy"),
        *(Series(2 + i, "row", name, "row") for i, name in enumerate("ab")),
    ]
    points = [(1, 0, 0.5), (0, 0, 2.0), (0, 1, 1.0), (2, 0, 1.0), (3, 0, 2.0)]
    files = [
        ArtifactEvent(run_id, run_id, n, START_NS + n, "note.txt", n, str(n) * 64, "text/plain", None, b"x" * n, None)
        for n in (1, 2)
    ]
    return [metric_event(points, series, run_id=run_id, producer_id=run_id), *files]


@pytest.fixture
def past(fill: Fill) -> History:
    """A history of a parent, its child and one more run, each with a model."""
    events: list[Event] = []
    for at, (run_id, parent) in enumerate([("parent", None), ("child", "parent"), ("other", None)]):
        events += run(run_id, at, StatusChanged("Running"), parent_run_id=parent)
        events += [tag(run_id, "team", run_id), *logged(run_id)]
        made = ModelRegistered((FILE,), properties={"auc": "0.9"}, run_id=run_id)
        events.append(CatalogEvent(run_id, run_id, 0, START_NS + at, "ws", MODEL, "made", made))
    return fill(events)


def test_runs_come_with_their_metrics_and_parents(past: History) -> None:
    """As each question by itself gives them, in the order of the ids; unknown ones are left out, and once is enough."""
    facts = past.run_facts(["other", "nobody", "child", "other"])

    # How long it has been running is as of the question.
    rows, asked = facts.rows, past.run_many(["other", "child"])
    assert [(row.run_id, row.tags, row.status, row.n_points) for row in rows] == [
        (row.run_id, row.tags, row.status, row.n_points) for row in asked
    ]
    assert facts.metrics == past.metric_list(["other", "child"])
    assert {run_id: row.tags for run_id, row in facts.parents.items()} == {"parent": {"team": "parent"}}
    assert past.run_facts([]).rows == []


def test_a_run_without_anything_has_empty_facts(fill: Fill) -> None:
    """One that has just been created is there, though nothing is known of it."""
    facts = fill(run("fresh")).run_facts(["fresh"])

    assert [row.run_id for row in facts.rows] == ["fresh"]
    assert (facts.metrics, facts.parents) == ([], {})


def test_a_version_comes_with_its_files_and_its_run(past: History) -> None:
    """The files with their bytes; a run that is unknown, or was never told, is none."""
    registration_id = past.models(run_id="child")[0].registration_id

    files, made_by = past.version_facts(registration_id, "child")

    assert files == past.model_files(registration_id)
    assert [file.content for file in files] == [b"kept"]
    assert made_by is not None
    assert made_by.run_id == "child"
    assert past.version_facts(registration_id, "nobody") == (files, None)
    assert past.version_facts(registration_id, None) == (files, None)


def test_several_metrics_are_read_as_columns(past: History) -> None:
    """Each as `table` gives it; one that the run does not have is left out."""
    found = past.columns_of("child", ["row", "loss", "nothing"])

    assert found == {"loss": {"loss": [2.0, 1.0]}, "row": {"a": [1.0], "b": [2.0]}}
    assert all(past.table("child", name) == columns for name, columns in found.items())
    assert past.columns_of("child", []) == {}


def test_files_of_several_runs_are_the_ones_that_show(past: History) -> None:
    """Of each run the newest version of a path, without its bytes."""
    found = past.newest_artifacts(["child", "other"])

    assert sorted((file.run_id, file.path, file.version, file.content) for file in found) == [
        ("child", "note.txt", 2, None), ("other", "note.txt", 2, None),
    ]  # fmt: skip
    assert past.newest_artifacts([]) == []


def test_a_page_of_runs_tells_what_they_log_and_every_experiment(fill: Fill) -> None:
    """Of the first two runs of an experiment, each run's metrics as first logged; hidden experiments are told, too."""
    events: list[Event] = []
    for at in range(3):
        events += [*run(f"r{at}", at), *logged(f"r{at}")]
    events += [*run("alone", 9, experiment="rare"), *run("hidden", 10, Archived(True), experiment="gone")]
    history = fill(events)

    page = history.runs()

    assert [row.run_id for row in page.rows] == ["alone", "r2", "r1", "r0"]
    assert [(one.run_id, one.name, one.form, one.n_numeric) for one in page.logged] == [
        ("r2", "accuracy", "scalar", 1), ("r2", "loss", "scalar", 2),
        ("r1", "accuracy", "scalar", 1), ("r1", "loss", "scalar", 2),
    ]  # fmt: skip
    assert page.catalog == history.experiments(archived=None)
