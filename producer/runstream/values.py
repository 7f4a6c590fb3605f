"""What may be logged, and as which Python value it is kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from runstream_schemas.errors import InvalidValue, TooLarge
from runstream_schemas.events import MAX_TEXT_BYTES

MAX_INTEGER_BITS = 14_284
"""Within the 4,300 decimal digits that Python converts by default; integers beyond 64 bits travel as digits."""

Value: TypeAlias = float | int | bool | str | None


def normalise(name: str, value: Any) -> Value:
    """
    Return *value* as the plain Python value that is kept, and that `get_metrics()` gives back.

    Numbers, strings, bool and None stay as they are; subclasses (enums among them) become the type below;
    NumPy and torch scalars, 0-d arrays and arrays of one element give their element.

    Args:
        name: the metric, for the message.
        value: what the caller passed.

    Raises:
        InvalidValue: nothing that one point can hold, such as a list, an array of several elements, a Decimal
            or a complex number; an integer of more than 4,300 digits.
        TooLarge: a string of more than 64 KiB of UTF-8.
    """
    kind = type(value)
    if kind is float or kind is bool or value is None:
        return value  # type: ignore[no-any-return]
    if isinstance(value, str):
        # The base class's own conversion: an enum's __str__ would give the member's name instead of its text.
        return _text(name, str.__str__(value))
    if isinstance(value, int):
        return _integer(name, int.__index__(value))
    if isinstance(value, float):
        return float.__float__(value)
    item = getattr(kind, "item", None)
    if not callable(item) or isinstance(value, Mapping):
        raise InvalidValue(name=name, value_type=_type_name(value), reason=_advice(value))
    return _element(name, value)


def _element(name: str, value: Any) -> Value:
    """Return the one element of a NumPy or torch scalar or array."""
    try:
        element = value.item()
    except (TypeError, ValueError, RuntimeError) as error:
        reason = "it holds several values: use log_list(), or log_row() with a name for each"
        raise InvalidValue(name=name, value_type=_type_name(value), reason=reason) from error
    if type(element) is not type(value):
        return normalise(name, element)
    if getattr(getattr(element, "dtype", None), "kind", "") == "f":
        return float(element)  # numpy.longdouble gives itself: the nearest double is kept
    raise InvalidValue(name=name, value_type=_type_name(element), reason=_advice(element))


def _integer(name: str, number: int) -> int:
    """Return *number* when Python reads it back from its digits without being told to."""
    if number.bit_length() > MAX_INTEGER_BITS:
        reason = f"it has more than {MAX_INTEGER_BITS:,} bits: log it as a float, or store it with upload_file()"
        raise InvalidValue(name=name, value_type="int", reason=reason)
    return number


def _text(name: str, text: str) -> str:
    """Return *text* when it fits into an event as UTF-8."""
    try:
        size_bytes = len(text) if text.isascii() else len(text.encode())
    except UnicodeEncodeError as error:
        reason = "the string holds half of a surrogate pair, which is not Unicode text"
        raise InvalidValue(name=name, value_type="str", reason=reason) from error
    if size_bytes > MAX_TEXT_BYTES:
        raise TooLarge(what=f"the value of {name!r}", size_bytes=size_bytes, limit_bytes=MAX_TEXT_BYTES)
    return text


def listed(name: str, value: Iterable[Any]) -> list[Value]:
    """
    Return the elements of any iterable (generator, range, tuple, array, tensor) as plain values, in order.

    A string gives its characters. Everything is converted before anything is returned, so that a bad
    element leaves nothing half logged.

    Raises:
        InvalidValue: not an iterable, a mapping, or an element that is not a value of its own.
        TooLarge: an element is a string of more than 64 KiB.
    """
    if isinstance(value, Mapping):
        reason = "a mapping has names: use log_row() for one row, log_table() for columns"
        raise InvalidValue(name=name, value_type=_type_name(value), reason=reason)
    tolist = getattr(type(value), "tolist", None)
    elements: Any = value.tolist() if callable(tolist) else value  # type: ignore[attr-defined]
    try:
        found = iter(elements)
    except TypeError as error:
        reason = "one value is not a list: use log()"
        raise InvalidValue(name=name, value_type=_type_name(value), reason=reason) from error
    return [normalise(name, element) for element in found]


def columns(name: str, table: object) -> dict[str, list[Value]]:
    """
    Return a table's columns as lists of one length.

    A column is a list, tuple, array or any other iterable; a lone value (a string too) is a column of one row.

    Raises:
        InvalidValue: not a mapping, a cell that is no value, or columns of different lengths.
        TooLarge: a cell is a string of more than 64 KiB.
    """
    if not isinstance(table, Mapping):
        reason = "log_table() takes a mapping from column names to lists"
        if callable(getattr(table, "to_dict", None)):
            reason += ": for a data frame, table.to_dict('list')"
        raise InvalidValue(name=name, value_type=_type_name(table), reason=reason)
    listed_columns = {column: _column(f"{name}.{column}", cells) for column, cells in table.items()}
    lengths = {column: len(cells) for column, cells in listed_columns.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{column}: {length}" for column, length in lengths.items())
        reason = f"the columns have different lengths ({told}): pad the short ones with None"
        raise InvalidValue(name=name, value_type=_type_name(table), reason=reason)
    return listed_columns


def _column(name: str, cells: Any) -> list[Value]:
    """Return one column's cells; a lone value becomes a column of one row."""
    is_lone = isinstance(cells, str | bytes) or not isinstance(cells, Iterable) or getattr(cells, "ndim", None) == 0
    return [normalise(name, cells)] if is_lone else listed(name, cells)


def _type_name(value: Any) -> str:
    """Return the type's name with its module, unless it is built in."""
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _advice(value: Any) -> str:
    """Say what to do with a value that one point cannot hold."""
    if isinstance(value, Mapping):
        return "a mapping has names: use log_row() for one row, log_table() for columns"
    if isinstance(value, bytes | bytearray | memoryview):
        return "decode it to a string, or store it with upload_file()"
    if isinstance(value, Iterable):
        return "it holds several values: use log_list(), or log_row() with a name for each"
    return "convert it first, for example with float() or str(): a point is a number, string, bool or None"
