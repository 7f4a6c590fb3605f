"""Paths of files that are kept, in a run, a model or a snapshot: what may be one, and which go together."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Final

from runstream_schemas.errors import UnsafePath

MAX_PATH_BYTES: Final = 1024
MAX_SEGMENT_BYTES: Final = 255  # what file systems allow, so that every file can be downloaded again

_ADVICE: Final = "give a relative path with forward slashes"
_DRIVE: Final = re.compile(r"^[A-Za-z]:")


def checked(name: str | os.PathLike[str]) -> str:
    """
    Return *name* as a kept file's path: relative, with forward slashes, without "." and empty segments.

    Raises:
        TypeError: *name* is not a string or a path.
        UnsafePath: it is empty, absolute, leaves the run (".."), is too long, or holds what some file system
            cannot or should not store: a backslash, a drive letter, control characters, a segment that ends
            in a dot or a space.
    """
    text: object = os.fspath(name) if isinstance(name, os.PathLike) else name
    if not isinstance(text, str):
        message = f"a file's name in the run is a string such as outputs/model.pkl, not {type(text).__name__}"
        raise TypeError(message)
    segments = _segments(text)
    reason = _objection(text, segments)
    if reason:
        raise UnsafePath(path=text, reason=reason)
    return "/".join(segments)


def objection(path: str) -> str:
    """Say why *path*, read from somewhere, is none that checked() returns; an empty string if it is one."""
    segments = _segments(path)
    return _objection(path, segments) or ("" if "/".join(segments) == path else "has an empty part or '.'")


def check_together(paths: Iterable[str]) -> None:
    """
    Make sure that files with these paths can lie in one folder, on any system.

    Raises:
        UnsafePath: one is none that checked() returns, is another one but for upper and lower case or the way of
            writing an accent, or is a folder of another one.
    """
    by_folded: dict[str, str] = {}
    for path in paths:
        if reason := objection(path):
            raise UnsafePath(path=path, reason=reason)
        folded = _folded(path)
        if folded in by_folded:
            raise UnsafePath(path=path, reason="occurs twice, but for upper and lower case")
        by_folded[folded] = path
    for folded, path in by_folded.items():
        if any(str(parent) in by_folded for parent in PurePosixPath(folded).parents):
            raise UnsafePath(path=path, reason="lies below another file")


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()


def _segments(text: str) -> list[str]:
    return [segment for segment in text.split("/") if segment not in {"", "."}]


def _objection(text: str, segments: list[str]) -> str:
    """Say why *text* cannot be a kept file's path, or give an empty string."""
    try:
        size_bytes = len(text.encode())
    except UnicodeEncodeError:
        return "holds half of a surrogate pair and is no valid Unicode"
    if text.startswith("/") or _DRIVE.match(text):
        return f"is absolute; {_ADVICE}"
    if "\\" in text:
        return f"holds a backslash; {_ADVICE}"
    if ".." in segments:
        return f"leaves the run's folder by '..'; {_ADVICE}"
    if any(unicodedata.category(character) == "Cc" for character in text):
        return "holds a control character"
    if not segments:
        return f"names no file; {_ADVICE}"
    if any(segment[-1] in ". " for segment in segments):
        return "has a part that ends in a dot or a space"
    if size_bytes > MAX_PATH_BYTES or any(len(segment.encode()) > MAX_SEGMENT_BYTES for segment in segments):
        return f"has more than {MAX_PATH_BYTES} bytes, or a part of more than {MAX_SEGMENT_BYTES}"
    return ""
