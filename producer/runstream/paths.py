"""Names of a run's files: what may be one, and which files of a folder may be sent."""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from runstream_schemas.errors import UnsafePath

MAX_PATH_BYTES = 1024
MAX_SEGMENT_BYTES = 255  # what file systems allow, so that every file can be downloaded again

_ADVICE = "give a relative path with forward slashes"
_DRIVE = re.compile(r"^[A-Za-z]:")


def checked(name: str | os.PathLike[str]) -> str:
    """
    Return *name* as a run's file name: relative, with forward slashes, without "." and empty segments.

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
    segments = [segment for segment in text.split("/") if segment not in {"", "."}]
    reason = _objection(text, segments)
    if reason:
        raise UnsafePath(path=text, reason=reason)
    return "/".join(segments)


def _objection(text: str, segments: list[str]) -> str:
    """Say why *text* cannot be a run's file name, or give an empty string."""
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


def folder_files(folder: Path) -> list[tuple[str, Path]]:
    """
    Return every file below *folder* as (path relative to it, path to open), in the order of their names.

    A symbolic link is followed when what it points to lies inside the folder.

    Raises:
        NotADirectoryError: *folder* is no folder.
        UnsafePath: a link leads out of the folder, or something below it is no regular file.
    """
    if not folder.is_dir():
        message = f"{folder} is not a folder: upload_folder() takes one, upload_file() takes a file"
        raise NotADirectoryError(message)
    root = folder.resolve()
    return [(path.relative_to(folder).as_posix(), _inside(path, root)) for path in sorted(_walk(folder))]


def _walk(folder: Path) -> Iterator[Path]:
    """Yield what lies below *folder* and is no folder; linked folders are not entered, their link is yielded."""
    for parent, folders, files in os.walk(folder):
        linked = [name for name in folders if os.path.islink(os.path.join(parent, name))]
        yield from (Path(parent, name) for name in (*files, *linked))


def _inside(path: Path, root: Path) -> Path:
    """Return the real path of *path* after making sure that it is a regular file below *root*."""
    real = path.resolve()
    if not real.is_relative_to(root):
        raise UnsafePath(path=str(path), reason=f"is a link that leads out of {root}")
    if not stat.S_ISREG(real.stat().st_mode):
        raise UnsafePath(path=str(path), reason="is neither a file nor a folder of its own")
    return real
