"""The only way a value enters SQL: as text that DuckDB reads back as exactly that value.

Quack carries statements as text without parameters, so values have to be written into it. `literal` writes one value,
`identifier` one name, `render` puts values where a statement has placeholders.
"""

import datetime as dt
import math
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any
from uuid import UUID

import duckdb

from runstream_schemas.errors import InvalidLiteral

Parameters = Sequence[object] | Mapping[str, object]

_INT64 = 1 << 63
_INT128 = 1 << 127
_NUMBERED = re.compile(rb"\?(\d*)|\$(\d+)")
_MAX_DECIMAL_DIGITS = 38


def literal(value: object) -> str:
    """
    Return SQL that stands for *value*, typed and safe at any place of a statement.

    Numbers come out cast or bracketed: a bare `-4` behind a minus sign would begin a comment, and a bare `0.1` would
    be a DECIMAL. numpy scalars count as what their `item()` gives.

    Args:
        value: None, bool, int (up to 128 bits), float, str, bytes, datetime (with zone: TIMESTAMPTZ), date, time,
            timedelta, Decimal, UUID, or a list or tuple of such.

    Raises:
        InvalidLiteral: of another type, or SQL text cannot hold it (NUL, half of a surrogate pair, too large).
    """
    writer = _WRITERS.get(type(value))
    if writer is not None:
        return writer(value)
    for kind in (bool, int, float, str, bytes, dt.datetime, list, tuple):
        if isinstance(value, kind):
            return _WRITERS[kind](value)
    item = getattr(value, "item", None)
    if item is not None and getattr(value, "ndim", None) == 0 and type(plain := item()) in _WRITERS:
        return _WRITERS[type(plain)](plain)
    raise InvalidLiteral(type(value).__name__, "SQL has no form for it here; convert it first")


def identifier(name: str) -> str:
    """Return *name* as a quoted identifier; raises InvalidLiteral where no identifier can hold it."""
    _check_text(name)
    return '"' + name.replace('"', '""') + '"'


def bigints(values: Sequence[int]) -> str:
    """Return a BIGINT[] of many values as one constant: the parser, and the read-only check, see one node."""
    return f"'[{', '.join(str(int(value)) for value in values)}]'::BIGINT[]"


def render(text: str, parameters: Parameters | None) -> str:
    """
    Return *text* with each placeholder replaced by its literal.

    Placeholders are `?`, `$1` and `$name`; those inside strings, quoted names and comments are left alone, because
    DuckDB's own scanner finds them.

    Raises:
        InvalidLiteral: a parameter is missing, not used, or cannot be written.
    """
    if parameters is None:
        return text
    named = dict(parameters) if isinstance(parameters, Mapping) else {}
    listed = [] if isinstance(parameters, Mapping) else list(parameters)
    if isinstance(parameters, str | bytes):
        raise InvalidLiteral(type(parameters).__name__, "parameters come as a list or a mapping, not as one string")
    source, pieces, end, used, auto = text.encode(), [], 0, set[object](), 0
    for begin, until, key in _placeholders(source):
        if key is None:
            auto += 1
            key = auto
        pieces += [source[end:begin], literal(_parameter(key, listed, named)).encode()]
        end = until
        used.add(key)
    unused = [key for key in (*range(1, len(listed) + 1), *named) if key not in used]
    if unused:
        raise InvalidLiteral(f"parameter {unused[0]}", "the statement has no place for it")
    return b"".join((*pieces, source[end:])).decode()


def _placeholders(source: bytes) -> list[tuple[int, int, int | str | None]]:
    """The placeholders as (first byte, byte behind, number, name or None for a bare question mark)."""
    tokens = [begin for begin, _ in duckdb.tokenize(source.decode())] + [len(source)]
    found: list[tuple[int, int, int | str | None]] = []
    for here, (begin, behind) in enumerate(pairwise(tokens)):
        numbered = _NUMBERED.match(source, begin, behind)
        if numbered:
            digits = numbered[1] or numbered[2]
            found.append((begin, numbered.end(), int(digits) if digits else None))
        elif source[begin:behind] == b"$" and here + 2 < len(tokens):
            name = re.compile(rb"\w+").match(source, behind, tokens[here + 2])
            if name:
                found.append((begin, name.end(), name[0].decode()))
    return found


def _parameter(key: int | str, listed: Sequence[object], named: Mapping[str, object]) -> object:
    if isinstance(key, int) and 0 < key <= len(listed):
        return listed[key - 1]
    if str(key) in named:
        return named[str(key)]
    raise InvalidLiteral(f"parameter {key}", f"is not among the {len(listed) + len(named)} given")


def _check_text(text: str) -> None:
    if "\0" in text:
        raise InvalidLiteral("str", "SQL text cannot hold the NUL character")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidLiteral("str", "it holds half of a surrogate pair and is no valid Unicode") from None


def _text(value: str) -> str:
    _check_text(value)
    return "'" + value.replace("'", "''") + "'"


def _integer(value: int) -> str:
    value = int(value)
    if -_INT64 < value < _INT64:
        return str(value) if value >= 0 else f"({value})"
    if -_INT128 <= value < _INT128:
        return f"'{value}'::{'BIGINT' if value == -_INT64 else 'HUGEINT'}"
    raise InvalidLiteral("int", "it has more than 128 bits; pass it as text")


def _double(value: float) -> str:
    name = "nan" if math.isnan(value) else repr(float(value))
    return f"'{name}'::DOUBLE"


def _bytes(value: bytes) -> str:
    return "'" + "".join(f"\\x{byte:02X}" for byte in value) + "'::BLOB"


def _datetime(value: dt.datetime) -> str:
    if value.tzinfo is None:
        return f"'{value.isoformat(sep=' ')}'::TIMESTAMP"
    return f"'{value.astimezone(dt.UTC).replace(tzinfo=None).isoformat(sep=' ')}+00:00'::TIMESTAMPTZ"


def _decimal(value: Decimal) -> str:
    _, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        raise InvalidLiteral("Decimal", "NaN and infinity have no DECIMAL; pass a float")
    scale = max(0, -exponent)
    width = max(len(digits) + max(0, exponent), scale, 1)
    if width > _MAX_DECIMAL_DIGITS:
        raise InvalidLiteral("Decimal", f"it has more than {_MAX_DECIMAL_DIGITS} digits; pass it as text")
    return f"'{value:f}'::DECIMAL({width}, {scale})"


def _list(values: Sequence[object]) -> str:
    return f"[{', '.join(literal(value) for value in values)}]"


_WRITERS: dict[type, Callable[[Any], str]] = {
    type(None): lambda _: "NULL",
    bool: lambda value: "true" if value else "false",
    int: _integer,
    float: _double,
    str: _text,
    bytes: _bytes,
    dt.datetime: _datetime,
    dt.date: lambda value: f"'{value.isoformat()}'::DATE",
    dt.time: lambda value: f"'{value.isoformat()}'::TIME",
    dt.timedelta: lambda value: f"to_microseconds({_integer(value // dt.timedelta(microseconds=1))})",
    Decimal: _decimal,
    UUID: lambda value: f"'{value}'::UUID",
    list: _list,
    tuple: _list,
}
