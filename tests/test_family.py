"""Runs below runs: begun one by one, many at once, or submitted; found again from their parent, with their metrics."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runstream import Experiment, Run, ScriptRunConfig, Workspace
from runstream_schemas.errors import InvalidName, WrongArguments
from tests import run_events
from tests.broker import new_prefix
from tests.pipeline import Pipeline
from tests.submitted import folder, user_managed

EXPERIMENT = Experiment(Workspace("lab"), "family")


@pytest.fixture
def run() -> Run:
    """Give a started run."""
    return EXPERIMENT.start_logging(name="top")


def ids(runs: Any) -> list[str]:
    """Ids of runs, in order."""
    return [run.id for run in runs]


def test_a_child_runs_below_its_parent(run: Run) -> None:
    """A child is a run of its own, Running, with its parent's name before its own; both know each other."""
    with run.child_run("fold") as child:
        child.log("m", 1)
        assert (child.status, child.display_name) == ("Running", "top>fold")
        assert child.get_status() == "Running"
    assert child.get_status() == "Completed"
    assert child.parent is not None
    assert child.parent.id == run.id
    assert ids(run.get_children()) == [child.id]
    again = Run(EXPERIMENT, child.id).parent
    assert again is not None
    assert again.id == run.id
    assert (run.parent, run.get_metrics(), child.get_metrics()) == (None, {}, {"m": 1})


def test_children_of_children_have_both_names(run: Run) -> None:
    """Names are chained; one that would be too long is the child's alone, and one that cannot be kept is refused."""
    child = run.child_run("a" * 200)
    assert child.child_run("b").display_name == f"top>{'a' * 200}>b"
    assert child.child_run("c" * 100).display_name == "c" * 100
    assert run.child_run().display_name not in ("top", "None")
    with pytest.raises(InvalidName):
        run.child_run("")


def test_a_child_has_an_id_and_outputs_if_asked(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child takes the id that it is given, and keeps a folder's files only where one is named; it is made at once."""
    monkeypatch.setenv("RUNSTREAM_CAPTURE", "outputs")
    monkeypatch.chdir(tmp_path)
    parent = EXPERIMENT.start_logging(outputs=False)
    child = parent.child_run("with", run_id="chosen", outputs=tmp_path / "results")
    (tmp_path / "results/a.txt").write_text("a")
    other = parent.child_run("without")
    child.complete()
    other.complete()
    assert (child.id, child.get_file_names(), other.get_file_names()) == ("chosen", ["outputs/a.txt"], [])


def test_many_children_are_numbered_and_tagged(run: Run) -> None:
    """Children begun at once are Running, in order, with a number and the tag that was asked for."""
    children = run.create_children(tag_key="alpha", tag_values=["0.1", "0.2", None])
    assert [child.get_tags() for child in children] == [
        {"alpha": "0.1", "azureml.batch_child_number": "0"},
        {"alpha": "0.2", "azureml.batch_child_number": "1"},
        {"alpha": None, "azureml.batch_child_number": "2"},
    ]
    assert [child.display_name for child in children] == ["top>0", "top>1", "top>2"]
    assert {child.get_status() for child in children} == {"Running"}
    assert ids(run.get_children()) == ids(reversed(children))
    assert len(run.create_children(2)) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "starts 1 to 100 runs, not None"),
        ({"count": 0}, "starts 1 to 100 runs, not 0"),
        ({"count": 101}, "starts 1 to 100 runs, not 101"),
        ({"count": True}, "starts 1 to 100 runs, not True"),
        ({"tag_values": ["a"]}, "takes tag_key and tag_values together"),
        ({"count": 1, "tag_key": "k"}, "takes tag_key and tag_values together"),
        ({"tag_key": "k", "tag_values": "abc"}, "got one string"),
        ({"count": 2, "tag_key": "k", "tag_values": ["a"]}, "count=2 and 1 tag_values"),
    ],
)
def test_children_must_be_counted(run: Run, home_path: Path, arguments: dict[str, Any], words: str) -> None:
    """What does not say how many children there are to be is refused, and none is begun."""
    with pytest.raises(WrongArguments, match=words):
        run.create_children(**arguments)
    assert run_events.statuses(home_path) == ["Running"]


def test_a_wrong_tag_begins_no_child(run: Run, home_path: Path) -> None:
    """A tag that cannot be kept is refused before the first child is begun."""
    with pytest.raises(InvalidName):
        run.create_children(tag_key="", tag_values=["a"])
    assert run_events.statuses(home_path) == ["Running"]


def test_a_child_is_submitted(run: Run, tmp_path: Path) -> None:
    """A script is submitted below a run; in it, children are begun below the submitted run."""
    source = folder(
        tmp_path / "code",
        """
        from runstream import Run
        with Run.get_context().child_run("inner") as inner:
            inner.log("m", 3)
        """,
    )
    child = run.submit_child(ScriptRunConfig(source, script="train.py", run_config=user_managed()), tags={"k": "v"})
    child.wait_for_completion()
    assert (child.get_tags(), ids(run.get_children())) == ({"k": "v"}, [child.id])
    [inner] = child.get_children()
    assert (inner.get_metrics(), inner.display_name) == ({"m": 3}, f"{child.id}>inner")
    assert ids(run.get_children(recursive=True)) == [inner.id, child.id]
    assert ids(run.get_children(recursive=True, type="azureml.scriptrun")) == [child.id]


def test_children_are_chosen(run: Run) -> None:
    """Children are found by tags, properties and status; archived ones are not among them."""
    first, second, third = run.create_children(tag_key="alpha", tag_values=["1", "2", "2"])
    first.add_properties({"commit": "c"})
    first.complete()
    third.archive()
    assert ids(run.get_children(tags={"alpha": "2"})) == [second.id]
    assert ids(run.get_children(tags="alpha")) == [second.id, first.id]
    assert ids(run.get_children(properties="commit")) == [first.id]
    assert ids(run.get_children(status="Completed")) == [first.id]
    assert ids(run.get_children(tags={"alpha": "3"})) == []
    third.reactivate()
    assert ids(run.get_children()) == [third.id, second.id, first.id]


def test_what_looks_for_nothing_is_refused_at_once(run: Run) -> None:
    """Tags that say nothing are a TypeError at the call, not when the first child is asked for."""
    with pytest.raises(TypeError, match="what to look for"):
        run.get_children(tags=[None])  # type: ignore[list-item]


def test_metrics_of_a_family(run: Run) -> None:
    """Read recursively, metrics come by run, of the run and all below it; runs without any are left out."""
    run.log("m", 1)
    child = run.child_run("a")
    run.child_run("none")
    grandchild = child.child_run("b")
    child.log("m", 2)
    child.log_row("r", x=1)
    grandchild.log("other", "text")
    family = run.get_metrics(recursive=True)
    assert family == {run.id: {"m": 1}, child.id: {"m": 2, "r": {"x": 1}}, grandchild.id: {"other": "text"}}
    assert list(family) == [run.id, child.id, grandchild.id]
    assert run.get_metrics("m", recursive=True) == {run.id: {"m": 1}, child.id: {"m": 2}}
    assert run.get_metrics("none", recursive=True) == {}
    assert run.get_metrics(recursive=True, run_type="azureml.scriptrun") == {}


def test_a_run_type_alone_is_refused(run: Run) -> None:
    """A run type chooses among runs, so without recursive=True it is an error instead of being ignored."""
    with pytest.raises(WrongArguments, match="recursive=True"):
        run.get_metrics(run_type="azureml.scriptrun")


def test_pictures_come_with_their_bytes(run: Run, tmp_path: Path) -> None:
    """Populated, pictures and charts are objects with the file's name and bytes; other values stay what they are."""
    (tmp_path / "a.png").write_bytes(run_events.png())
    run.log_image("one", str(tmp_path / "a.png"))
    child = run.child_run("c")
    for name in ("b.png", "c.png"):
        (tmp_path / name).write_bytes(run_events.png() + name.encode())
        child.log_image("two", str(tmp_path / name))
    child.log("m", "a.png")
    names = child.get_metrics()["two"]
    picture = run.get_metrics(populate=True)["one"]
    assert (picture.name, picture.bytes, picture.content_type) == (
        run.get_metrics()["one"],
        run_events.png(),
        "image/png",
    )
    two = run.get_metrics(recursive=True, populate=True)[child.id]
    assert [one.name for one in two["two"]] == names
    assert [one.bytes[-5:] for one in two["two"]] == [b"b.png", b"c.png"]
    assert two["m"] == "a.png"
    assert run.get_metrics("nothing", populate=True) == {}


def test_charts_come_with_their_bytes(run: Run) -> None:
    """A chart's document is what a populated metric holds."""
    data = {"class_labels": ["a", "b"], "matrix": [[1, 0], [0, 2]]}
    run.log_confusion_matrix("c", {"schema_type": "confusion_matrix", "schema_version": "v1", "data": data})
    chart = run.get_metrics(populate=True)["c"]
    assert (chart.content_type, b"confusion_matrix" in chart.bytes) == ("application/json", True)


@pytest.fixture
def over_kafka(broker: Any, home_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pipeline]:
    """Give this test's home with a running consumer, over the real broker."""
    both = {"RUNSTREAM_BROKERS": broker.servers, "RUNSTREAM_TOPIC_PREFIX": new_prefix()}
    for name, value in both.items():
        monkeypatch.setenv(name, value)
    pipeline = Pipeline(home_path, both)
    pipeline.command("topics", "create")
    pipeline.start()
    yield pipeline
    pipeline.stop()


@pytest.mark.kafka
def test_children_are_found_over_kafka(over_kafka: Pipeline) -> None:
    """Over Kafka too, a run's children and their metrics are there as soon as they are asked for."""
    run = EXPERIMENT.start_logging(name="top")
    children = run.create_children(3)
    for number, child in enumerate(children):
        child.log("m", number)
    assert ids(run.get_children()) == ids(reversed(children))
    assert run.get_metrics(recursive=True) == {child.id: {"m": n} for n, child in enumerate(children)}
    for ended in (*children, run):
        ended.complete()
    assert [found.status for found in EXPERIMENT.get_runs(include_children=True)] == ["Completed"] * 4
    assert ids(EXPERIMENT.get_runs()) == [run.id]
