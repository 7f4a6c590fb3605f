"""Metrics of several values at once: lists, rows and tables become points of the producer's series."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from runstream.values import columns, listed, normalise
from runstream_schemas.errors import InvalidValue
from runstream_schemas.ids import check_name
from runstream_schemas.points import NO_STEP

if TYPE_CHECKING:
    from runstream.producer import Producer

Codes = dict[tuple[str | None, ...], list[int]]
"""(description, metric, column, column, ...) -> the series of these columns, in this order."""


def log_list(producer: Producer, name: str, value: Iterable[Any], description: str) -> None:
    """Append the elements of *value* to the list metric *name*; none at all makes it known as empty."""
    elements = listed(name, value)
    code = producer.register(name, None, "list", checked_description(description))
    if not elements:
        producer.declare([code])
    for element in elements:
        producer.put(code, element, NO_STEP)


def log_row(producer: Producer, known: Codes, name: str, description: str | None, row: Mapping[str, Any]) -> None:
    """Append one row to the row metric *name*; *known* remembers its columns' series for the next call."""
    if not row:
        reason = "a row has at least one column: log_row(name, x=1, y=0.4)"
        raise InvalidValue(name=name, value_type="row", reason=reason)
    cells = [normalise(name, cell) for cell in row.values()]
    key = (description, name, *row)
    codes = known.get(key)
    if codes is None:
        codes = known[key] = _registered(producer, name, list(row), "row", description)
    producer.put_row(name, codes, cells)


def log_table(producer: Producer, name: str, table: Mapping[str, Any], description: str) -> None:
    """Append a table's rows to the table metric *name*; a table without rows makes its columns known as empty."""
    cells = columns(name, table)
    codes = _registered(producer, name, list(cells) or [None], "table", description)
    if not any(cells.values()):
        producer.declare(codes)
    for row in zip(*cells.values(), strict=True):
        producer.put_row(name, codes, row)


def _registered(
    producer: Producer, name: str, names: Sequence[str | None], form: str, description: object
) -> list[int]:
    """Return the series of all columns, registered; of a row with one bad name none is."""
    text = checked_description(description)
    for column in names:
        if column is not None:
            check_name("column", column)
    return [producer.register(name, column, form, text) for column in names]


def checked_description(description: object) -> str:
    """
    Return a metric's description, none as an empty one.

    Raises:
        TypeError: it is no string; a value often stands there by mistake.
    """
    if description is None:
        return ""
    if not isinstance(description, str):
        message = f"description must be a string, not {type(description).__name__}: give values by their names"
        raise TypeError(message)
    return description
