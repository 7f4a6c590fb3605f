"""
What diagnoses a model, read from the JSON documents that runs keep: counts, rates and their tables. Pure.

A document comes out of the log, from whatever wrote it: what is too much for a page is refused, like what is none.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import pandas as pd

from runstream_consumer.history import (
    Accuracy,
    Confusion,
    Counts,
    Diagnosis,
    Predictions,
    Residuals,
    parse_diagnosis,
)

MAX_CLASSES: Final = 1000
MAX_BINS: Final = 100_000


def read(document: bytes) -> Diagnosis:
    """
    Read a document as `log_confusion_matrix` and its likes keep it.

    Raises:
        ValueError: it is none, its parts do not fit, or they are too many to be drawn; the message says what is wrong.
    """
    try:
        told = json.loads(document)
    except (ValueError, RecursionError) as error:
        message = "it is no JSON"
        raise ValueError(message) from error
    found = parse_diagnosis(told)
    reason = _objection(found)
    if reason:
        raise ValueError(reason)
    return found


def _objection(found: Diagnosis) -> str:
    """Say what of it is too much to be drawn; an empty string if it can be."""
    if isinstance(found, Confusion | Accuracy) and len(found.labels) > MAX_CLASSES:
        return f"it has {len(found.labels):,} classes, more than {MAX_CLASSES:,}"
    if isinstance(found, Accuracy):
        n_bins = max(len(found.thresholds), len(found.percentiles))
    else:
        n_bins = 0 if isinstance(found, Confusion) else len(found.edges)
    return f"it has {n_bins:,} bins or thresholds, more than {MAX_BINS:,}" if n_bins > MAX_BINS else ""


def shares(confusion: Confusion) -> list[list[float]]:
    """Return each count as a share of its row, 0 to 1; a class that never occurs has zeros."""
    return [[count / sum(row) if sum(row) else 0.0 for count in row] for row in confusion.counts]


def accuracy(confusion: Confusion) -> float | None:
    """Return the share on the diagonal; None without any count."""
    total = sum(map(sum, confusion.counts))
    return _ratio(sum(row[place] for place, row in enumerate(confusion.counts)), total)


def recall(counts: Counts) -> float | None:
    """Return the share of the positives that was found; of this and all rates: None without a base."""
    return _ratio(counts.tp, counts.tp + counts.fn)


def false_positive_rate(counts: Counts) -> float | None:
    """Return the share of the negatives that was taken for positive."""
    return _ratio(counts.fp, counts.fp + counts.tn)


def precision(counts: Counts) -> float | None:
    """Return the share of what was taken for positive that is."""
    return _ratio(counts.tp, counts.tp + counts.fp)


def chosen(counts: Counts) -> float | None:
    """Return the share of everything that was taken for positive."""
    return _ratio(counts.tp + counts.fp, sum(counts))


def lift(counts: Counts) -> float | None:
    """Return how many times as many positives there are among what was chosen as there are on the whole."""
    base, found = _ratio(counts.tp + counts.fn, sum(counts)), precision(counts)
    return None if found is None or not base else found / base


def mean(residuals: Residuals) -> float | None:
    """Return about the mean: each bin counts with its middle."""
    middles = _middles(residuals.edges)
    return _ratio(sum(m * c for m, c in zip(middles, residuals.counts, strict=True)), sum(residuals.counts))


def filled(predictions: Predictions) -> list[tuple[float, float, float, float]]:
    """Return (true value, average, error, count) of the bins that hold anything, by true value."""
    columns = (_middles(predictions.edges), predictions.averages, predictions.errors, predictions.counts)
    return [each for each in zip(*columns, strict=True) if each[3] > 0]


def confusion_table(confusion: Confusion) -> pd.DataFrame:
    """Return the counts as a table: a row a true class, with how many there are and how many were found."""
    data: dict[str, Sequence[object]] = {"True class": confusion.labels}
    for place, label in enumerate(confusion.labels):
        # Labels may be equal, columns may not.
        data[label if label not in data else f"{label} ({place + 1})"] = [row[place] for row in confusion.counts]
    data["All"] = [sum(row) for row in confusion.counts]
    data["Found"] = [row[place] for place, row in enumerate(shares(confusion))]
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
            "Recall": [recall(n) for _, _, n in rows],
            "False positive rate": [false_positive_rate(n) for _, _, n in rows],
            "Precision": [precision(n) for _, _, n in rows],
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
