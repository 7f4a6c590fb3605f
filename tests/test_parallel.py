"""Parallel coordinates: what becomes an axis, of which kind, in which order, and how the runs' lines look."""

from __future__ import annotations

from typing import Any

from runstream_dashboard import parallel

LR = parallel.axis("property lr", {"a": 0.1, "b": 0.0001, "c": 0.01})
OPTIMIZER = parallel.axis("property optimizer", {"a": "sgd", "b": "adam"})
LOSS = parallel.axis("metric val/loss", {"a": 0.5, "b": 0.4, "c": 0.3})


def test_an_axis_is_what_its_values_are() -> None:
    """Numbers have a scale, a logarithmic one where they span much and none is zero; with texts they are texts."""
    steps = parallel.axis("metric steps", {"a": 0.0, "b": 1000.0})
    mixed = parallel.axis("tag size", {"a": 10.0, "b": "large"})

    assert (LR.kind, LOSS.kind, steps.kind) == ("log", "value", "value")
    assert (mixed.kind, mixed.labels, mixed.places["a"]) == ("category", ("10", "large"), "10")
    assert [each.name for each in (LR, LOSS, parallel.axis("duration in seconds", {"a": 1.0}))] == [
        "lr", "val/loss", "duration in seconds",
    ]  # fmt: skip


def test_settings_stand_left_of_results() -> None:
    """Settings come first, without where the run came from, then results, the one that says a way is last."""
    keys = ["metric val/acc", "metric steps", "property lr", "property azureml.git.commit", "tag team", "status"]

    assert parallel.first(keys) == ["property lr", "tag team", "metric steps", "metric val/acc"]
    assert parallel.first(["metric mse", "metric alpha", "status"]) == ["metric alpha", "metric mse"]


def test_more_texts_than_can_be_read_are_no_axis() -> None:
    """A name for each of many runs is not offered as an axis, a number for each of them is."""
    many = {f"r{number}": f"name {number}" for number in range(30)}

    assert parallel.offered({"tag name": many, "metric x": dict.fromkeys(many, 1.0)}) == ["metric x"]


def test_a_run_is_a_line_only_if_it_is_on_every_axis() -> None:
    """A run that lacks one of the chosen numbers is left out, not drawn at a place that it does not have."""
    assert parallel.drawn("abc", [LR, OPTIMIZER, LOSS]) == ["a", "b"]
    assert parallel.drawn("abc", [LR, LOSS]) == ["a", "b", "c"]


def test_compared_runs_are_wide_lines_in_their_colour() -> None:
    """The others are one thin grey series; each line goes through its values in the order of the axes."""
    spec = parallel.spec({"a": "first", "b": "second"}, [LR, OPTIMIZER, LOSS], {"b": "#ff0000"}, False, dark=False)
    grey, red = spec["series"]

    assert [mark["value"] for mark in grey["data"]] == [[0.1, "sgd", 0.5]]
    assert (red["name"], red["lineStyle"]["color"]) == ("second", "#ff0000")
    assert red["lineStyle"]["width"] > grey["lineStyle"]["width"]
    assert [each["type"] for each in spec["parallelAxis"]] == ["log", "category", "value"]
    assert "visualMap" not in spec


def test_lines_may_be_coloured_by_the_last_axis() -> None:
    """A scale over the last axis, from its least to its greatest drawn value; texts have no scale."""

    def mapped(*axes: parallel.Axis) -> Any:
        return parallel.spec({"a": "a", "b": "b"}, axes, {}, True, dark=True).get("visualMap")

    scale = mapped(LR, LOSS)
    assert (scale["dimension"], scale["min"], scale["max"]) == (1, 0.4, 0.5)
    assert mapped(LR, OPTIMIZER) is None
