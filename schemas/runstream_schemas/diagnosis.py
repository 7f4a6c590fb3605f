"""What diagnoses a model: the JSON documents of confusion matrices, accuracy tables, residuals and predictions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, NamedTuple

_VERSION: Final = "v1"


@dataclass(frozen=True, slots=True)
class Confusion:
    """How often each true class (row) was predicted as each class (column); as many of both as labels."""

    labels: tuple[str, ...]
    counts: tuple[tuple[float, ...], ...]


class Counts(NamedTuple):
    """True and false positives, true and false negatives at one threshold."""

    tp: float
    fp: float
    tn: float
    fn: float


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
    """A histogram of predicted minus true: n + 1 edges that rise, n counts."""

    edges: tuple[float, ...]
    counts: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Predictions:
    """Predictions averaged in bins of the true value, with their errors and how many there are in each: n + 1 edges."""

    edges: tuple[float, ...]
    averages: tuple[float, ...]
    errors: tuple[float, ...]
    counts: tuple[float, ...]


Diagnosis = Confusion | Accuracy | Residuals | Predictions


_COUNTS: Final = ("TP", "FP", "TN", "FN")


def parse(told: object) -> Diagnosis:
    """
    Return what a document says.

    Args:
        told: {"schema_type": ..., "schema_version": "v1", "data": {...}}, of lists and Python's own numbers.

    Raises:
        ValueError: it is no such document; the message says what is missing or does not fit.
    """
    if not isinstance(told, Mapping):
        raise ValueError("a chart's document is a dict, or a JSON string of one")
    kind, version, data = (told.get(field) for field in ("schema_type", "schema_version", "data"))
    if not isinstance(kind, str) or kind not in _CHARTS:
        raise ValueError(f'"schema_type" must be one of {", ".join(_CHARTS)}')
    if version != _VERSION:
        raise ValueError(f'"schema_version" must be "{_VERSION}"')
    if not isinstance(data, Mapping):
        raise ValueError('"data" is missing, or no dict')
    fields, read = _CHARTS[kind]
    missing = [field for field in fields if not isinstance(data.get(field), list)]
    if missing:
        raise ValueError(f'"data" needs the lists {", ".join(fields)}; missing: {", ".join(missing)}')
    return read(data)


def _confusion(data: Mapping[str, Any]) -> Confusion:
    labels = _labels(data)
    n = len(labels)
    counts = _array(data["matrix"], n, n)
    if counts is None:
        raise ValueError(f'"matrix" must hold {n} rows of {n} numbers: a row a true class, a column a predicted one')
    if any(count < 0 for row in counts for count in row):
        raise ValueError('"matrix" holds a negative count')
    return Confusion(labels, counts)


def _accuracy(data: Mapping[str, Any]) -> Accuracy:
    labels = _labels(data)
    probabilities, percentiles = (_thresholds(data, kind, len(labels)) for kind in ("probability", "percentile"))
    return Accuracy(labels, *probabilities, *percentiles)


def _thresholds(
    data: Mapping[str, Any], kind: str, n_classes: int
) -> tuple[tuple[float, ...], tuple[tuple[Counts, ...], ...]]:
    """Return thresholds of one kind, and [class][threshold] what is counted there."""
    thresholds = _array(data[f"{kind}_thresholds"], len(data[f"{kind}_thresholds"]))
    if thresholds is None:
        raise ValueError(f'"{kind}_thresholds" must hold numbers')
    shape = (n_classes, len(thresholds), len(_COUNTS))
    tables = _array(data[f"{kind}_tables"], *shape)
    if tables is None:
        words = f"classes, {kind}_thresholds, {' '.join(_COUNTS)}"
        raise ValueError(f'"{kind}_tables" must be numbers in the shape {list(shape)}: {words}')
    return thresholds, tuple(tuple(Counts(*row) for row in table) for table in tables)


def _residuals(data: Mapping[str, Any]) -> Residuals:
    return Residuals(*_binned(data, "bin_counts"))


def _predictions(data: Mapping[str, Any]) -> Predictions:
    return Predictions(*_binned(data, "bin_averages", "bin_errors", "bin_counts"))


def _binned(data: Mapping[str, Any], *fields: str) -> list[tuple[float, ...]]:
    """Return the edges of bins, and of each field a number a bin."""
    edges = _array(data["bin_edges"], len(data["bin_edges"]))
    if edges is None or len(edges) < 2:
        raise ValueError('"bin_edges" must hold two numbers or more')
    if any(right < left for left, right in pairwise(edges)):
        raise ValueError('"bin_edges" must rise')
    n = len(edges) - 1
    columns = [_array(data[field], n) for field in fields]
    uneven = [field for field, column in zip(fields, columns, strict=True) if column is None]
    if uneven:
        raise ValueError(f"{', '.join(uneven)} must hold {n} numbers, one fewer than bin_edges")
    return [edges, *columns]


def _labels(data: Mapping[str, Any]) -> tuple[str, ...]:
    if not data["class_labels"]:
        raise ValueError('"class_labels" is empty')
    return tuple(map(str, data["class_labels"]))


def _array(value: object, *shape: int) -> Any:
    """Return nested lists of just this shape as tuples of finite numbers; None where they are something else."""
    if not shape:
        return value if _is_number(value) else None
    if not isinstance(value, list) or not 0 < len(value) == shape[0]:
        return None
    rows = tuple(_array(inside, *shape[1:]) for inside in value)
    return None if None in rows else rows


def _is_number(value: object) -> bool:
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # an integer beyond every float
        return False


_CHARTS: Final[Mapping[str, tuple[Sequence[str], Callable[[Mapping[str, Any]], Diagnosis]]]] = {
    "confusion_matrix": (("class_labels", "matrix"), _confusion),
    "accuracy_table": (
        ("class_labels", "probability_tables", "probability_thresholds", "percentile_tables", "percentile_thresholds"),
        _accuracy,
    ),
    "residuals": (("bin_edges", "bin_counts"), _residuals),
    "predictions": (("bin_averages", "bin_errors", "bin_counts", "bin_edges"), _predictions),
}
