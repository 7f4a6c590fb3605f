"""Experiments: tags that belong to no run, archiving, listing and deleting; without a single run if need be."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from runstream import Experiment, Workspace
from runstream_schemas.catalog import CatalogEvent
from runstream_schemas.errors import (
    ExperimentNotEmpty,
    ExperimentNotFound,
    InvalidConfiguration,
    InvalidName,
    TooLarge,
)
from runstream_schemas.events import RunEvent
from tests import journals, scripts

WORKSPACE = Workspace("작업장")


def names(view_type: str = "ActiveOnly", **asked: object) -> list[str]:
    """Names of the workspace's experiments, as list() gives them."""
    return [one.name for one in Experiment.list(WORKSPACE, view_type=view_type, **asked)]  # type: ignore[arg-type]


@pytest.fixture
def experiment() -> Experiment:
    """Give an experiment that nobody has heard of."""
    return Experiment(WORKSPACE, "릿지 회귀")


def test_tags_are_set_and_removed_without_a_run(experiment: Experiment, home_path: Path) -> None:
    """Tags come back as texts, None stays None, others stay; no run is told of."""
    experiment.set_tags({"팀": "가", "n": 3, "done": None})  # type: ignore[dict-item]
    experiment.tag("팀", "나")
    experiment.remove_tags(["n", "never there"])

    assert experiment.tags == {"팀": "나", "done": None}
    assert Experiment(WORKSPACE, "릿지 회귀").tags == {"팀": "나", "done": None}
    assert [event for event in journals.events(home_path) if isinstance(event, RunEvent)] == []
    assert {event.run_id for event in journals.events(home_path)} == {""}


def test_an_unknown_experiment_has_no_tags(experiment: Experiment) -> None:
    """What nobody has heard of has no tags and was not archived, and asking brings nothing to life."""
    assert (experiment.tags, experiment.archived_time) == ({}, None)
    assert names("All") == []


def test_archive_hides_and_reactivate_brings_back(experiment: Experiment) -> None:
    """An archived experiment is listed only where it is asked for, with its time; runs may still be logged to it."""
    experiment.start_logging().complete()
    experiment.archive()

    assert experiment.archived_time is not None
    assert (names(), names("ArchivedOnly"), names("All")) == ([], ["릿지 회귀"], ["릿지 회귀"])
    experiment.start_logging().complete()
    experiment.reactivate()
    assert names() == ["릿지 회귀"]
    assert Experiment(WORKSPACE, "릿지 회귀").archived_time is None


def test_list_finds_by_name_and_tags(experiment: Experiment) -> None:
    """Experiments come by name, those with runs and those with tags only; other workspaces are left out."""
    experiment.set_tags({"team": "a"})
    Experiment(WORKSPACE, "b").start_logging().complete()
    Experiment(Workspace("other"), "c").tag("team", "a")

    assert names() == ["b", "릿지 회귀"]
    assert names(experiment_name="b") == ["b"]
    assert names(tags="team") == names(tags={"team": "a"}) == ["릿지 회귀"]
    assert names(tags={"team": "b"}) == []
    assert Experiment.list(WORKSPACE, "b") == [Experiment(WORKSPACE, "b")]


def test_what_another_process_changes_is_seen_after_refresh(experiment: Experiment, home_path: Path) -> None:
    """Tags are read once; refresh() reads them anew."""
    experiment.tag("a", "1")
    assert experiment.tags == {"a": "1"}
    code = "Experiment(Workspace('작업장'), '릿지 회귀').tag('a', '2')"
    assert scripts.execute(home_path, code).status == 0

    assert experiment.tags == {"a": "1"}
    experiment.refresh()
    assert experiment.tags == {"a": "2"}


def test_an_experiment_without_runs_can_be_deleted(experiment: Experiment) -> None:
    """It goes with its tags; a later run begins one of the same name without them."""
    experiment.tag("a", "1")
    Experiment.delete(WORKSPACE, experiment.id)

    assert names("All") == []
    experiment.start_logging().complete()
    assert names() == ["릿지 회귀"]
    experiment.refresh()
    assert experiment.tags == {}


def test_an_experiment_with_runs_is_not_deleted(experiment: Experiment) -> None:
    """Deleting raises and says what hides it instead; an unknown one raises with what there is."""
    experiment.start_logging().complete()

    with pytest.raises(ExperimentNotEmpty, match=r"has 1 runs.*archive\(\)"):
        Experiment.delete(WORKSPACE, experiment.id)
    with pytest.raises(ExperimentNotFound, match="릿지 회귀"):
        Experiment.delete(WORKSPACE, "ridge")
    assert names() == ["릿지 회귀"]


def test_wrong_tags_and_views_are_refused_before_anything_is_written(experiment: Experiment, home_path: Path) -> None:
    """Keys, values and view types that cannot be raise; no event of the call is written."""
    with pytest.raises(InvalidName):
        experiment.set_tags({"fine": "1", "": "2"})
    with pytest.raises(TooLarge):
        experiment.tag("a", "x" * 70_000)
    with pytest.raises(InvalidConfiguration, match="ActiveOnly, ArchivedOnly, All"):
        Experiment.list(WORKSPACE, view_type="active")
    with pytest.raises(TypeError, match="takes Workspace first"):
        Experiment.delete("작업장", "a")  # type: ignore[arg-type]
    assert [event for event in journals.events(home_path) if isinstance(event, CatalogEvent)] == []


def test_an_experiment_is_its_name_wherever_it_is_pickled_to(experiment: Experiment) -> None:
    """A pickled experiment is equal and reads its own tags."""
    experiment.tag("a", "1")

    again = pickle.loads(pickle.dumps(experiment))

    assert (again, again.id, again.tags) == (experiment, "릿지 회귀", {"a": "1"})
