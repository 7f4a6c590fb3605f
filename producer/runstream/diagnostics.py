"""Diagnostic charts of a model as JSON documents: confusion matrix, accuracy table, residuals, predictions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from runstream_schemas.diagnosis import parse
from runstream_schemas.errors import InvalidValue


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
    if isinstance(told, dict) and told.get("schema_type") != schema_type:
        reason = f'"schema_type" is {told.get("schema_type")!r}, and this call logs "{schema_type}"'
        raise _refused(name, value, reason)
    try:
        parse(told)
    except ValueError as error:
        raise _refused(name, value, str(error)) from error
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
