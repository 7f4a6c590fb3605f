"""Confusion matrices, accuracy tables, residuals and predictions: what is kept, and what is refused and why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runstream import Experiment, Run, Workspace
from runstream_schemas.errors import InvalidValue, MetricFormClash
from runstream_schemas.events import ArtifactEvent
from tests.run_events import events, forms

DATA: dict[str, dict[str, Any]] = {
    "confusion_matrix": {"class_labels": ["cat", "dog"], "matrix": [[3, 1], [0, 2]]},
    "accuracy_table": {
        "class_labels": ["a", "b"],
        "probability_thresholds": [0.0, 0.5, 1.0],
        "probability_tables": [[[5, 5, 0, 0]] * 3] * 2,
        "percentile_thresholds": [0.0, 1.0],
        "percentile_tables": [[[1, 2, 3, 4]] * 2] * 2,
    },
    "residuals": {"bin_edges": [-1.0, 0.0, 1.0], "bin_counts": [2, 3]},
    "predictions": {
        "bin_averages": [0.1, 0.9], "bin_errors": [0.01, 0.02], "bin_counts": [4, 5], "bin_edges": [0.0, 0.5, 1.0],
    },
}  # fmt: skip


def document(kind: str, **changes: Any) -> dict[str, Any]:
    """A document of one kind, with some of its data replaced; None leaves a field out."""
    data = {key: value for key, value in {**DATA[kind], **changes}.items() if value is not None}
    return {"schema_type": kind, "schema_version": "v1", "data": data}


@pytest.fixture
def run() -> Run:
    """Give a run in a fresh home."""
    return Experiment(Workspace(), "charts").start_logging()


def log(run: Run, kind: str, value: Any, name: str = "chart") -> None:
    """Call the method of this kind of chart."""
    getattr(run, f"log_{kind}")(name, value, "what it shows")


@pytest.mark.parametrize("kind", DATA)
def test_a_chart_is_kept_as_a_json_file_that_get_metrics_names(run: Run, home_path: Path, kind: str) -> None:
    """The document lies among the run's files, belongs to the metric, and comes back as its name."""
    log(run, kind, document(kind))

    (kept,) = events(home_path, ArtifactEvent)
    assert kept.content is not None
    assert json.loads(kept.content) == document(kind)
    assert (kept.metric_name, kept.content_type) == ("chart", "application/json")
    assert run.get_metrics() == {"chart": kept.path}
    assert forms(home_path) == {("chart", None): ("chart", "what it shows")}


@pytest.mark.parametrize("kind", DATA)
def test_a_json_string_is_as_good_as_a_dict(run: Run, home_path: Path, kind: str) -> None:
    """As old code passes either."""
    log(run, kind, json.dumps(document(kind)))

    (kept,) = events(home_path, ArtifactEvent)
    assert json.loads(kept.content or b"") == document(kind)


def test_arrays_and_numpy_numbers_are_taken(run: Run, home_path: Path) -> None:
    """A confusion matrix comes from scikit-learn as an array of int64."""
    value = document("confusion_matrix", matrix=np.array([[3, 1], [0, 2]]), class_labels=np.array(["cat", "dog"]))
    log(run, "confusion_matrix", value)

    (kept,) = events(home_path, ArtifactEvent)
    assert json.loads(kept.content or b"") == document("confusion_matrix")


MISTAKES = [
    ("confusion_matrix", "{", "is no JSON"),
    ("confusion_matrix", [1], "is a dict"),
    ("confusion_matrix", document("residuals"), "this call logs"),
    ("confusion_matrix", {**document("confusion_matrix"), "schema_version": "v2"}, "schema_version"),
    ("confusion_matrix", {**document("confusion_matrix"), "data": 3}, '"data" is missing'),
    ("confusion_matrix", document("confusion_matrix", matrix=None), "missing: matrix"),
    ("confusion_matrix", document("confusion_matrix", matrix=[[1, 2]]), "2 rows of 2"),
    ("confusion_matrix", document("confusion_matrix", matrix=[[1, 2], [3]]), "2 rows of 2"),
    ("confusion_matrix", document("confusion_matrix", matrix=[[1, 2], [3, "x"]]), "numbers"),
    ("confusion_matrix", document("confusion_matrix", matrix=[[3, -1], [0, 2]]), "negative"),
    ("confusion_matrix", document("confusion_matrix", class_labels=[]), "is empty"),
    ("accuracy_table", document("accuracy_table", percentile_thresholds=["a", "b"]), "percentile_thresholds"),
    ("accuracy_table", document("accuracy_table", probability_tables=[[[1, 2, 3]] * 3] * 2), "TP FP TN FN"),
    ("residuals", document("residuals", bin_counts=[1]), "one fewer than bin_edges"),
    ("residuals", document("residuals", bin_edges=[]), "two numbers or more"),
    ("residuals", document("residuals", bin_edges=[0.0, 2.0, 1.0]), "must rise"),
    ("residuals", document("residuals", bin_counts=[1, float("nan")]), "numbers"),
    ("residuals", document("residuals", bin_counts=[1, 10**400]), "numbers"),
    ("predictions", document("predictions", bin_errors=[1.0]), "bin_errors"),
]


@pytest.mark.parametrize(("kind", "value", "reason"), MISTAKES)
def test_what_cannot_be_drawn_is_refused_with_its_reason(
    run: Run, home_path: Path, kind: str, value: Any, reason: str
) -> None:
    """The error says which part does not fit; nothing is kept."""
    with pytest.raises(InvalidValue, match=reason):
        log(run, kind, value)
    assert events(home_path, ArtifactEvent) == []


def test_a_name_keeps_its_form(run: Run) -> None:
    """A chart under the name of a number is refused, as every clash of forms."""
    run.log("chart", 1.0)

    with pytest.raises(MetricFormClash):
        log(run, "residuals", document("residuals"))
