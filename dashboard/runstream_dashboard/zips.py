"""
Files handed out as a zip. No widgets.

Their paths and sizes come out of the log and the store as somebody wrote them. Names that some system could not unpack
as they stand, or that hide what they are, and sizes beyond all reason are refused as a whole.
"""

from __future__ import annotations

import unicodedata
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Final

from runstream_consumer.history import ListedFile, UnsafePath, paths

MAX_FILES: Final = 10_000
MAX_BYTES: Final = 2 * 1024**3
_DEVICES: Final = {"con", "prn", "aux", "nul", *(f"{name}{n}" for name in ("com", "lpt") for n in range(1, 10))}


class WithheldError(ValueError):
    """A snapshot, or a folder of files, cannot be shown or handed out; the message says why."""


def checked(files: Sequence[ListedFile]) -> Sequence[ListedFile]:
    """
    Return files as they are, all of which may be unpacked into one folder on any system.

    Raises:
        WithheldError: a path leaves that folder or collides with another one, or they are too many or too large.
    """
    if len(files) > MAX_FILES:
        raise WithheldError(f"it has {len(files):,} files, more than {MAX_FILES:,}")
    if any(file.size_bytes < 0 for file in files) or sum(file.size_bytes for file in files) > MAX_BYTES:
        raise WithheldError(f"its files are larger than {MAX_BYTES:,} bytes")
    try:
        paths.check_together(file.path for file in files)
    except UnsafePath as error:
        raise unsafe(error.path, error.reason) from error
    for file in files:
        if reason := _objection(file.path):
            raise unsafe(file.path, reason)
    return files


def unsafe(path: str, reason: str) -> WithheldError:
    """Return the error that says what is wrong with a path."""
    return WithheldError(f"the path {path!r:.80} in it {reason}")


def _objection(path: str) -> str:
    """Say why a good path may still not stand in a zip for everybody; an empty string if it may."""
    if any(unicodedata.category(character) == "Cf" for character in path):
        return "holds an invisible character"
    if any(part.partition(".")[0].lower() in _DEVICES for part in path.split("/")):
        return "has a part that some systems take for another name"
    return ""


def pack(files: Iterable[tuple[ListedFile, Iterator[bytes]]], target: IO[bytes]) -> None:
    """
    Write files, each with its bytes, into a zip.

    Raises:
        WithheldError: the bytes of one cannot be read.
    """
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
        for file, chunks in files:
            try:
                with packed.open(file.zip_info(), "w", force_zip64=True) as inside:
                    for chunk in chunks:
                        inside.write(chunk)
            except (OSError, ValueError) as error:
                raise WithheldError(f"{file.path} cannot be read: {error}") from error
