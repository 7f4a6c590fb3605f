"""What diagnoses a model: documents read and checked, their rates, and the charts that are drawn of them."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from runstream_consumer.history import Accuracy, Confusion, Counts, Predictions, Residuals
from runstream_dashboard import diagnoses, diagnosis_figures

LIGHT = diagnosis_figures.look(dark=False)
CONFUSION = Confusion(("cat", "dog"), ((3.0, 1.0), (0.0, 2.0)))
# Perfect at 0.5; everything is positive at 0, nothing at 1.
PERFECT = (Counts(5, 5, 0, 0), Counts(5, 0, 5, 0), Counts(0, 0, 5, 5))
ACCURACY = Accuracy(("a", "b"), (0.0, 0.5, 1.0), (PERFECT, PERFECT), (0.5, 1.0), (PERFECT[:2], PERFECT[:2]))


def document(kind: str, **data: Any) -> bytes:
    """Return a chart's document."""
    return json.dumps({"schema_type": kind, "schema_version": "v1", "data": data}).encode()


def test_a_confusion_matrix_is_read_and_counted() -> None:
    """Shares are of the true class, the accuracy is the diagonal's share of all."""
    found = diagnoses.read(document("confusion_matrix", class_labels=["cat", "dog"], matrix=[[3, 1], [0, 2]]))

    assert found == CONFUSION
    assert diagnoses.shares(CONFUSION) == [[0.75, 0.25], [0.0, 1.0]]
    assert diagnoses.accuracy(CONFUSION) == pytest.approx(5 / 6)
    assert diagnoses.shares(Confusion(("x",), ((0.0,),))) == [[0.0]]
    assert diagnoses.accuracy(Confusion(("x",), ((0.0,),))) is None


def test_the_other_documents_are_read() -> None:
    """Accuracy tables, residuals and predictions as the producer keeps them."""
    rows = [[5, 5, 0, 0], [5, 0, 5, 0], [0, 0, 5, 5]]
    accuracy = document(
        "accuracy_table", class_labels=["a", "b"], probability_thresholds=[0, 0.5, 1], probability_tables=[rows, rows],
        percentile_thresholds=[0.5, 1], percentile_tables=[rows[:2], rows[:2]],
    )  # fmt: skip
    bins = {"bin_edges": [0, 1, 2], "bin_counts": [4, 0]}

    assert diagnoses.read(accuracy) == ACCURACY
    assert diagnoses.read(document("residuals", **bins)) == Residuals((0, 1, 2), (4, 0))
    predictions = diagnoses.read(document("predictions", **bins, bin_averages=[0.6, 0], bin_errors=[0.1, 0]))
    assert isinstance(predictions, Predictions)
    assert diagnoses.filled(predictions) == [(0.5, 0.6, 0.1, 4)]


BINS = {"bin_edges": [0, 1], "bin_counts": [1], "bin_averages": [0.5], "bin_errors": [0]}


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"{", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"[]", "is a dict"),
        (b'{"schema_type": "pie", "schema_version": "v1", "data": {}}', "one of confusion_matrix, "),
        (b'{"schema_type": [], "schema_version": "v1", "data": {}}', "one of"),
        (document("confusion_matrix", class_labels=[], matrix=[]), "is empty"),
        (document("confusion_matrix", class_labels=["a"], matrix=[[math.nan]]), "1 rows of 1 numbers"),
        (document("confusion_matrix", class_labels=["a"], matrix=[[10**400]]), "1 rows of 1 numbers"),
        (document("confusion_matrix", class_labels=["a"], matrix=[[-1]]), "negative"),
        (document("confusion_matrix", class_labels=["a", "b"], matrix=[[1, 2]]), "2 rows of 2 numbers"),
        (document("confusion_matrix", class_labels=["a"] * 1001, matrix=[[1] * 1001] * 1001), "1,001 classes"),
        (document("residuals", bin_edges=[1, 0], bin_counts=[1]), "must rise"),
        (document("residuals", bin_edges=[0, 1], bin_counts=[1, 2]), "must hold 1 numbers"),
        (document("residuals", bin_edges=[0] * 100_001, bin_counts=[1] * 100_000), "100,001 bins"),
        (document("predictions", **BINS | {"bin_averages": ["x"]}), "bin_averages must hold 1 numbers"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_words(bad: bytes, reason: str) -> None:
    """Whatever wrote it: a page says what is wrong, or too much, instead of failing."""
    with pytest.raises(ValueError, match=reason):
        diagnoses.read(bad)


def test_rates_without_a_base_are_none() -> None:
    """No threshold has a rate that would be a division by zero."""
    nothing = Counts(0, 0, 5, 0)

    rates = (diagnoses.recall, diagnoses.precision, diagnoses.lift, diagnoses.false_positive_rate)
    assert [rate(nothing) for rate in rates] == [None, None, None, 0.0]
    assert diagnoses.lift(PERFECT[1]) == 2.0
    assert diagnoses.chosen(Counts(0, 0, 0, 0)) is None


def test_the_area_under_a_perfect_curve_is_one() -> None:
    """And half under chance; the ends belong to every curve."""
    assert diagnoses.area(diagnosis_figures.roc(ACCURACY, 0)) == 1.0
    assert diagnoses.area([(0.5, 0.5)]) == 0.5
    assert diagnoses.area([]) is None


def test_the_tables_hold_the_numbers() -> None:
    """Each chart has a table of what it shows; equal labels keep columns of their own."""
    table = diagnoses.confusion_table(Confusion(("x", "x"), ((1.0, 2.0), (3.0, 4.0))))
    assert list(table.columns) == ["True class", "x", "x (2)", "All", "Found"]
    assert table["Found"].tolist() == [1 / 3, 4 / 7]
    assert diagnoses.accuracy_table(ACCURACY, [1])["Class"].unique().tolist() == ["b"]
    assert len(diagnoses.accuracy_table(ACCURACY, [0, 1])) == 6
    assert diagnoses.residuals_table(Residuals((0, 1, 2), (4, 0)))["To"].tolist() == [1, 2]
    assert diagnoses.predictions_table(Predictions((0, 1), (0.5,), (0.1,), (3,)))["Predicted"].tolist() == [0.5]
    assert diagnoses.mean(Residuals((0.0, 1.0, 2.0), (4.0, 4.0))) == 1.0
    assert diagnoses.mean(Residuals((0.0, 1.0), (0.0,))) is None


def test_a_confusion_matrix_is_a_heat_map() -> None:
    """True classes run downwards from the first; a cell has its count, its share and both in words."""
    spec = diagnosis_figures.confusion_map(CONFUSION, LIGHT)

    assert (spec["xAxis"]["name"], spec["yAxis"]["name"]) == ("predicted class", "true class")
    assert spec["yAxis"]["inverse"]
    cell = spec["series"][0]["data"][1]
    assert cell["value"] == [1, 0, 0.25]
    assert cell["name"] == "cat taken for dog: 1 (25.0%)"
    assert cell["label"]["formatter"] == "1\n25.0%"
    assert spec["series"][0]["data"][0]["label"]["color"] != cell["label"]["color"]


def test_many_classes_leave_the_numbers_to_the_tooltip() -> None:
    """A cell too small for its number has none, and the map does not grow without end."""
    large = Confusion(tuple(map(str, range(40))), tuple((1.0,) * 40 for _ in range(40)))

    spec = diagnosis_figures.confusion_map(large, LIGHT)

    assert not any(cell["label"]["show"] for cell in spec["series"][0]["data"])
    assert diagnosis_figures.confusion_height(large) == 560
    assert diagnosis_figures.confusion_height(CONFUSION) < 250


@pytest.mark.parametrize(
    ("curve", "axes", "data"),
    [
        ("ROC", ("false positive rate", "recall"), [[0, 0], [0, 1], [1, 1]]),
        ("Precision and recall", ("recall", "precision"), [[1, 0.5], [1, 1]]),
        ("Lift", ("share of the predictions", "lift"), [[0.5, 2], [1, 1]]),
    ],
)
def test_accuracy_is_drawn_as_three_curves(curve: str, axes: tuple[str, str], data: list[list[float]]) -> None:
    """Each class a line in its colour; ROC tells the area; chance is dashed where it has a line."""
    spec = diagnosis_figures.accuracy_curves(ACCURACY, curve, [1], LIGHT)

    assert (spec["xAxis"]["name"], spec["yAxis"]["name"]) == axes
    line = spec["series"][0]
    assert line["data"] == data
    assert line["color"] == LIGHT.classes[1]
    assert line["name"] == ("b (area 1.000)" if curve == "ROC" else "b")
    assert [each["name"] for each in spec["series"][1:]] == ([] if curve.startswith("Precision") else ["chance"])


def test_residuals_are_bars_with_zero_marked() -> None:
    """One bar a bin, named by its ends; no mark where no bin holds zero."""
    spec = diagnosis_figures.residual_bars(Residuals((-1, 0, 1), (2, 3)), LIGHT)
    assert spec["xAxis"]["data"] == ["-1 to 0", "0 to 1"]
    assert spec["series"][0]["data"] == [2, 3]
    assert spec["series"][0]["markLine"]["data"] == [{"xAxis": 1}]
    assert "markLine" not in diagnosis_figures.residual_bars(Residuals((1, 2), (2,)), LIGHT)["series"][0]


def test_predictions_are_drawn_with_error_ideal_and_counts() -> None:
    """The band reaches from average minus to average plus error; empty bins are left out."""
    spec = diagnosis_figures.prediction_band(Predictions((0, 2, 4), (1.5, 9.0), (0.5, 0.0), (7, 0)), LIGHT)
    series = {each["name"]: each["data"] for each in spec["series"]}
    assert series == {
        "count": [[1, 7]], "low": [[1, 1.0]], "error": [[1, 1.0]], "predicted": [[1, 1.5]], "ideal": [[0, 0], [4, 4]],
    }  # fmt: skip
    assert diagnosis_figures.look(dark=True).primary != LIGHT.primary
