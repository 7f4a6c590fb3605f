"""
What diagnoses a model, read from the JSON documents that runs keep: counts, rates and their tables. Pure.

A document comes out of the log, from whatever wrote it: everything in it is checked before it is drawn.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import pandas as pd

MAX_CLASSES: Final = 1000
MAX_BINS: Final = 100_000


@dataclass(frozen=True, slots=True)
class Confusion:
    """How often each true class (row) was predicted as each class (column)."""

    labels: tuple[str, ...]
    counts: tuple[tuple[float, ...], ...]

    def shares(self) -> list[list[float]]:
        """Return each count as a share of its row, 0 to 1; a class that never occurs has zeros."""
        return [[count / sum(row) if sum(row) else 0.0 for count in row] for row in self.counts]

    def accuracy(self) -> float | None:
        """Return the share on the diagonal; None without any count."""
        total = sum(map(sum, self.counts))
        return sum(row[place] for place, row in enumerate(self.counts)) / total if total else None


@dataclass(frozen=True, slots=True)
class Counts:
    """True and false positives, true and false negatives at one threshold; rates without a base are None."""

    tp: float
    fp: float
    tn: float
    fn: float

    @property
    def total(self) -> float:
        """All of them."""
        return self.tp + self.fp + self.tn + self.fn

    @property
    def recall(self) -> float | None:
        """The share of the positives that was found."""
        return _ratio(self.tp, self.tp + self.fn)

    @property
    def false_positive_rate(self) -> float | None:
        """The share of the negatives that was taken for positive."""
        return _ratio(self.fp, self.fp + self.tn)

    @property
    def precision(self) -> float | None:
        """The share of what was taken for positive that is."""
        return _ratio(self.tp, self.tp + self.fp)

    @property
    def chosen(self) -> float | None:
        """The share of everything that was taken for positive."""
        return _ratio(self.tp + self.fp, self.total)

    @property
    def lift(self) -> float | None:
        """How many times as many positives there are among what was chosen as there are on the whole."""
        base = _ratio(self.tp + self.fn, self.total)
        return None if self.precision is None or not base else self.precision / base


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Counts of each class at many thresholds of its probability, and at many percentiles of the predictions."""

    labels: tuple[str, ...]
    thresholds: tuple[float, ...]
    by_threshold: tuple[tuple[Counts, ...], ...]
    percentiles: tuple[float, ...]
    by_percentile: tuple[tuple[Counts, ...], ...]


@dataclass(frozen=True, slots=True)
class Residuals:
    """A histogram of predicted minus true: n + 1 edges, n counts."""

    edges: tuple[float, ...]
    counts: tuple[float, ...]

    def mean(self) -> float | None:
        """Return about the mean: each bin counts with its middle."""
        middles = _middles(self.edges)
        n = sum(self.counts)
        return sum(m * c for m, c in zip(middles, self.counts, strict=True)) / n if n else None


@dataclass(frozen=True, slots=True)
class Predictions:
    """Predictions averaged in bins of the true value, with their errors and how many there are in each."""

    edges: tuple[float, ...]
    averages: tuple[float, ...]
    errors: tuple[float, ...]
    counts: tuple[float, ...]

    def filled(self) -> list[tuple[float, float, float, float]]:
        """Return (true value, average, error, count) of the bins that hold anything, by true value."""
        bins = zip(_middles(self.edges), self.averages, self.errors, self.counts, strict=True)
        return [each for each in bins if each[3] > 0]


Diagnosis = Confusion | Accuracy | Residuals | Predictions


def read(document: bytes) -> Diagnosis:
    """
    Read a document as `log_confusion_matrix` and its likes keep it.

    Raises:
        ValueError: it is none, or its parts do not fit; the message says what is wrong.
    """
    try:
        told = json.loads(document)
    except (ValueError, RecursionError) as error:
        message = "it is no JSON"
        raise ValueError(message) from error
    data = told.get("data") if isinstance(told, dict) else None
    if not isinstance(data, dict) or told.get("schema_type") not in _READERS:
        message = "it is no chart that this page knows"
        raise ValueError(message)
    return _READERS[told["schema_type"]](data)


def confusion_table(confusion: Confusion) -> pd.DataFrame:
    """Return the counts as a table: a row a true class, with how many there are and how many were found."""
    data: dict[str, Sequence[object]] = {"True class": confusion.labels}
    for place, label in enumerate(confusion.labels):
        # Labels may be equal, columns may not.
        data[label if label not in data else f"{label} ({place + 1})"] = [row[place] for row in confusion.counts]
    data["All"] = [sum(row) for row in confusion.counts]
    data["Found"] = [row[place] for place, row in enumerate(confusion.shares())]
    return pd.DataFrame(data)


def accuracy_table(accuracy: Accuracy, shown: Sequence[int]) -> pd.DataFrame:
    """Return the counts and rates of these classes (by place), a row a threshold."""
    rows = [(c, t, accuracy.by_threshold[c][at]) for c in shown for at, t in enumerate(accuracy.thresholds)]
    return pd.DataFrame(
        {
            "Class": [accuracy.labels[c] for c, _, _ in rows],
            "Threshold": [t for _, t, _ in rows],
            "TP": [n.tp for _, _, n in rows],
            "FP": [n.fp for _, _, n in rows],
            "TN": [n.tn for _, _, n in rows],
            "FN": [n.fn for _, _, n in rows],
            "Recall": [n.recall for _, _, n in rows],
            "False positive rate": [n.false_positive_rate for _, _, n in rows],
            "Precision": [n.precision for _, _, n in rows],
        }
    )


def residuals_table(residuals: Residuals) -> pd.DataFrame:
    """Return the histogram as a table."""
    return pd.DataFrame({"From": residuals.edges[:-1], "To": residuals.edges[1:], "Count": residuals.counts})


def predictions_table(predictions: Predictions) -> pd.DataFrame:
    """Return the bins as a table."""
    return pd.DataFrame(
        {
            "True from": predictions.edges[:-1],
            "True to": predictions.edges[1:],
            "Predicted": predictions.averages,
            "Error": predictions.errors,
            "Count": predictions.counts,
        }
    )


def area(points: Sequence[tuple[float, float]]) -> float | None:
    """Return the area under a ROC curve given as (false positive rate, recall) in any order; None without points."""
    if not points:
        return None
    ordered = sorted({(0.0, 0.0), (1.0, 1.0), *points})
    return sum((right[0] - left[0]) * (left[1] + right[1]) / 2 for left, right in pairwise(ordered))


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _middles(edges: Sequence[float]) -> list[float]:
    return [left + (right - left) / 2 for left, right in pairwise(edges)]


def _numbers(data: Mapping[str, Any], field: str, n: int | None = None) -> tuple[float, ...]:
    """Return a list of finite numbers of this length (None: any). Raises ValueError."""
    values = data.get(field)
    fits = isinstance(values, list) and (n is None or len(values) == n) and len(values) <= MAX_BINS
    if not fits or not all(_is_number(value) for value in values or ()):
        message = f"its {field} are not the numbers that they should be"
        raise ValueError(message)
    return tuple(values or ())


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _labels(data: Mapping[str, Any]) -> tuple[str, ...]:
    labels = data.get("class_labels")
    if not isinstance(labels, list) or not 0 < len(labels) <= MAX_CLASSES:
        message = f"its class_labels are no list of 1 to {MAX_CLASSES:,} names"
        raise ValueError(message)
    return tuple(map(str, labels))


def _rows(data: Mapping[str, Any], field: str, n: int) -> list[Any]:
    rows = data.get(field)
    if not isinstance(rows, list) or len(rows) != n:
        message = f"its {field} should hold {n} rows"
        raise ValueError(message)
    return rows


def _confusion(data: Mapping[str, Any]) -> Confusion:
    labels = _labels(data)
    rows = _rows(data, "matrix", len(labels))
    counts = tuple(_numbers({"matrix": row}, "matrix", len(labels)) for row in rows)
    if any(count < 0 for row in counts for count in row):
        message = "its matrix holds a negative count"
        raise ValueError(message)
    return Confusion(labels, counts)


def _accuracy(data: Mapping[str, Any]) -> Accuracy:
    labels = _labels(data)
    found: list[Any] = []
    for kind in ("probability", "percentile"):
        thresholds = _numbers(data, f"{kind}_thresholds")
        tables = []
        for table in _rows(data, f"{kind}_tables", len(labels)):
            rows = _rows({f"{kind}_tables": table}, f"{kind}_tables", len(thresholds))
            tables.append(tuple(Counts(*_numbers({"counts": row}, "counts", 4)) for row in rows))
        found += [thresholds, tuple(tables)]
    return Accuracy(labels, *found)


def _edges(data: Mapping[str, Any]) -> tuple[float, ...]:
    edges = _numbers(data, "bin_edges")
    if len(edges) < 2 or any(right < left for left, right in pairwise(edges)):
        message = "its bin_edges are not two numbers or more that rise"
        raise ValueError(message)
    return edges


def _residuals(data: Mapping[str, Any]) -> Residuals:
    edges = _edges(data)
    return Residuals(edges, _numbers(data, "bin_counts", len(edges) - 1))


def _predictions(data: Mapping[str, Any]) -> Predictions:
    edges = _edges(data)
    fields = ("bin_averages", "bin_errors", "bin_counts")
    return Predictions(edges, *(_numbers(data, field, len(edges) - 1) for field in fields))


_READERS: Final[Mapping[str, Callable[[Mapping[str, Any]], Diagnosis]]] = {
    "confusion_matrix": _confusion,
    "accuracy_table": _accuracy,
    "residuals": _residuals,
    "predictions": _predictions,
}
