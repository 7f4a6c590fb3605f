"""Tags and properties: their keys and texts, checked before anything is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from runstream import notices
from runstream_schemas.errors import InvalidValue, PropertyExists, TooLarge
from runstream_schemas.events import MAX_TEXT_BYTES
from runstream_schemas.ids import check_name

Wanted = str | Mapping[str, str | None] | Iterable[str | Iterable[str | None]] | None
"""Tags or properties to look for: a key, keys, [key, value] pairs, or a mapping from keys to values."""

MAX_PROPERTIES_BYTES = 400_000  # of one call: they travel in one event


def checked_tags(tags: Mapping[str, Any]) -> dict[str, str | None]:
    """
    Return tags as strings; a value may also be None.

    Other values become their text, with one warning: a tag never comes back as a number.

    Raises:
        InvalidName: a key is empty, longer than 256 bytes, or holds control characters.
        TooLarge: a value has more than 64 KiB of UTF-8.
    """
    return {_key("tag", key): None if value is None else _text("tag", key, value) for key, value in _items(tags)}


def checked_properties(properties: Mapping[str, Any]) -> dict[str, str]:
    """
    Return properties as strings.

    Raises:
        InvalidName: a key is empty, longer than 256 bytes, or holds control characters.
        InvalidValue: a value is None.
        TooLarge: a value has more than 64 KiB of UTF-8, or all of them together more than 400 kB.
    """
    checked: dict[str, str] = {}
    for key, value in _items(properties):
        if value is None:
            raise InvalidValue(name=str(key), value_type="None", reason="a property is a text that never changes")
        checked[_key("property", key)] = _text("property", key, value)
    size_bytes = sum(len(key.encode()) + len(text.encode()) for key, text in checked.items())
    if size_bytes > MAX_PROPERTIES_BYTES:
        raise TooLarge(what="add_properties()", size_bytes=size_bytes, limit_bytes=MAX_PROPERTIES_BYTES)
    return checked


def claim(run_id: str, claimed: dict[str, object], known: Mapping[str, str], added: Mapping[str, str]) -> None:
    """
    Reserve the keys of *added* in *claimed*, for this process; of two threads that add one key only one succeeds.

    Raises:
        PropertyExists: a key is claimed already, or *known* from the history; nothing is claimed then.
    """
    for key in added:
        if key in claimed or key in known:
            raise PropertyExists(run_id=run_id, key=key)
    mine = object()
    for key in added:
        if claimed.setdefault(key, mine) is not mine:
            for own in [own for own, owner in claimed.items() if owner is mine]:
                del claimed[own]
            raise PropertyExists(run_id=run_id, key=key)


def release(claimed: dict[str, object], added: Iterable[str]) -> None:
    """Give back keys that were claimed and could not be written."""
    for key in added:
        claimed.pop(key, None)


def checked_text(what: str, text: object) -> str:
    """
    Return *text* when an event can hold it.

    Raises:
        TypeError: it is no string.
        InvalidValue: it is no valid Unicode.
        TooLarge: it has more than 64 KiB of UTF-8.
    """
    if not isinstance(text, str):
        message = f"{what} must be a string, not {type(text).__name__}"
        raise TypeError(message)
    return _text(what, what, text)


def checked_keys(keys: str | Iterable[str]) -> list[str]:
    """
    Return the keys of remove_tags() as a list; one string is one key.

    Raises:
        InvalidName: a key that no tag can have.
    """
    return [_key("tag", key) for key in ([keys] if isinstance(keys, str) else keys)]


def wanted(given: Wanted) -> list[str | tuple[str, str | None]]:
    """
    Return what to look for as keys, which any value will do for, and (key, value) pairs.

    Raises:
        TypeError: *given* is none of what can say so.
    """
    if given is None:
        return []
    if isinstance(given, str):
        return [given]
    if isinstance(given, Mapping):
        return list(given.items())
    return [one if isinstance(one, str) else _pair(one) for one in given]


def _pair(given: Iterable[str | None]) -> tuple[str, str | None]:
    try:
        key, value = given
    except (TypeError, ValueError):
        key = value = None
    if key is None:
        message = f"what to look for is a key, or a pair of key and value, not {given!r}"
        raise TypeError(message)
    return key, value


def _items(given: object) -> Iterable[tuple[Any, Any]]:
    if not isinstance(given, Mapping):
        message = f"a mapping from keys to texts is needed, not {type(given).__name__}"
        raise TypeError(message)
    return given.items()


def _key(what: str, key: Any) -> str:
    return check_name(what, str.__str__(key) if isinstance(key, str) else _coerced(what, key))


def _text(what: str, key: Any, value: Any) -> str:
    text = value if isinstance(value, str) else _coerced(what, value)
    try:
        size_bytes = len(text.encode())
    except UnicodeEncodeError as error:
        reason = "the string holds half of a surrogate pair, which is not Unicode text"
        raise InvalidValue(name=str(key), value_type="str", reason=reason) from error
    if size_bytes > MAX_TEXT_BYTES:
        raise TooLarge(what=f"the text of {what} {key!r}", size_bytes=size_bytes, limit_bytes=MAX_TEXT_BYTES)
    return str.__str__(text)


def _coerced(what: str, value: Any) -> str:
    """Return the text of a value that is no string, and say so once for each type."""
    kind = type(value).__name__
    notices.once(("coerced", what, kind), "a %s of type %s was stored as text: %r", what, kind, str(value)[:80])
    return str(value)
