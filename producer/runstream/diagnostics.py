"""Diagnostic charts of a model as JSON documents: confusion matrix, accuracy table, residuals, predictions."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from runstream_schemas.errors import InvalidValue

VERSION: Final = "v1"
N_COUNTS: Final = 4
"""True positives, false positives, true negatives, false negatives: what a row of an accuracy table counts."""

Check = Callable[[Mapping[str, Any]], str]


def document(schema_type: str, name: str, value: Any) -> bytes:
    """
    Return the JSON document of a chart, after making sure that it can be drawn.

    Args:
        schema_type: confusion_matrix, accuracy_table, residuals or predictions.
        name: of the metric, for errors.
        value: {"schema_type": ..., "schema_version": "v1", "data": {...}}, or the same as a JSON string. Lists may be
            arrays, numbers numpy scalars.

    Raises:
        InvalidValue: it is no such document; the reason says what is missing or does not fit.
    """
    told = value
    if isinstance(value, str | bytes):
        try:
            told = json.loads(value)
        except ValueError as error:
            raise _refused(name, value, f"is no JSON: {error}") from error
    told = _plain(told)
    if not isinstance(told, dict):
        raise _refused(name, value, f"a {schema_type} is a dict, or a JSON string of one")
    reason = _objection(schema_type, told)
    if reason:
        raise _refused(name, value, reason)
    try:
        return json.dumps(told, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise _refused(name, value, f"cannot be kept as JSON: {error}") from error


def _refused(name: str, value: object, reason: str) -> InvalidValue:
    return InvalidValue(name=name, value_type=type(value).__name__, reason=reason)


def _plain(value: Any) -> Any:
    """Return *value* with lists for arrays and Python's numbers for numpy's."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inside) for key, inside in value.items()}
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(inside) for inside in value]
    return value


def _objection(schema_type: str, told: Mapping[str, Any]) -> str:
    """Say why *told* is no *schema_type*; an empty string if it is one."""
    if told.get("schema_type") != schema_type:
        return f'"schema_type" is {told.get("schema_type")!r}, and this call logs "{schema_type}"'
    if told.get("schema_version") != VERSION:
        return f'"schema_version" is {told.get("schema_version")!r}; "{VERSION}" is the one there is'
    data = told.get("data")
    if not isinstance(data, Mapping):
        return '"data" is missing, or no dict'
    fields, check = _CHARTS[schema_type]
    missing = [field for field in fields if not isinstance(data.get(field), list)]
    if missing:
        return f'"data" needs the lists {", ".join(fields)}; missing: {", ".join(missing)}'
    return check(data)


def _confusion_matrix(data: Mapping[str, Any]) -> str:
    n = len(data["class_labels"])
    if _shape(data["matrix"]) != [n, n] or not _are_numbers(data["matrix"]):
        return f'"matrix" must hold {n} rows of {n} numbers: a row a true class, a column a predicted one'
    return ""


def _accuracy_table(data: Mapping[str, Any]) -> str:
    n = len(data["class_labels"])
    for kind in ("probability", "percentile"):
        tables, wanted = data[f"{kind}_tables"], [n, len(data[f"{kind}_thresholds"]), N_COUNTS]
        if _shape(tables) != wanted or not _are_numbers(tables):
            return f'"{kind}_tables" must be numbers in the shape {wanted}: classes, {kind}_thresholds, TP FP TN FN'
    return ""


def _binned(*fields: str) -> Check:
    def check(data: Mapping[str, Any]) -> str:
        n = len(data["bin_edges"]) - 1
        uneven = [field for field in fields if _shape(data[field]) != [n] or not _are_numbers(data[field])]
        if n < 1 or not _are_numbers(data["bin_edges"]):
            return '"bin_edges" must hold two numbers or more'
        return f"{', '.join(uneven)} must hold {n} numbers, one fewer than bin_edges" if uneven else ""

    return check


_CHARTS: Final[Mapping[str, tuple[tuple[str, ...], Check]]] = {
    "confusion_matrix": (("class_labels", "matrix"), _confusion_matrix),
    "accuracy_table": (
        ("class_labels", "probability_tables", "probability_thresholds", "percentile_tables", "percentile_thresholds"),
        _accuracy_table,
    ),
    "residuals": (("bin_edges", "bin_counts"), _binned("bin_counts")),
    "predictions": (
        ("bin_averages", "bin_errors", "bin_counts", "bin_edges"),
        _binned("bin_averages", "bin_errors", "bin_counts"),
    ),
}


def _shape(value: Any) -> list[int]:
    """Return the lengths of nested lists, outermost first; [-1] where they differ on one level."""
    if not isinstance(value, list):
        return []
    inner = [_shape(inside) for inside in value]
    if any(shape != inner[0] for shape in inner):
        return [-1]
    return [len(value), *(inner[0] if inner else [])]


def _are_numbers(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_are_numbers, value))
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
