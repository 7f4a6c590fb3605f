"""Pictures: a file, a stream, a matplotlib figure or pyplot itself becomes image bytes with a name and a type."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Collection
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePath
from typing import Any

from runstream import paths
from runstream_schemas.errors import InvalidValue, UnsafePath

_SIGNATURES = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png", ".png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg", ".jpg"),
    (re.compile(rb"GIF8[79]a"), "image/gif", ".gif"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "image/webp", ".webp"),
    (re.compile(rb"BM.{8}\x00\x00..\x00\x00", re.DOTALL), "image/bmp", ".bmp"),
    (re.compile(rb"II\*\x00|MM\x00\*"), "image/tiff", ".tiff"),
)


@dataclass(frozen=True, slots=True)
class Picture:
    """
    An image on its way to the run.

    Attributes:
        path: its name in the run.
        source: where its bytes are: a path, or a stream.
    """

    path: str
    source: Any


def sniff(head: bytes) -> tuple[str, str] | None:
    """Return (content type, file ending) of the image that starts with *head*, or None for anything else."""
    return next(((kind, ending) for signature, kind, ending in _SIGNATURES if signature.match(head)), None)


def content_type(path: str, head: bytes) -> str:
    """Return a file's type: images by what they hold, everything else by the ending of their name."""
    image = sniff(head)
    if image:
        return image[0]
    import mimetypes

    guess = mimetypes.guess_type(path, strict=False)[0] or "application/octet-stream"
    # A name is no proof: what claims to be an image and is none must not be shown as one.
    return "application/octet-stream" if guess.startswith("image/") and guess != "image/svg+xml" else guess


def picture(name: str, path: Any, plot: Any) -> Picture:
    """
    Return the picture that log_image() was given, in either slot.

    Args:
        name: of the metric; a plot's file is called after it and the time.
        path: a file, an open binary stream, a figure or pyplot.
        plot: the same.

    Raises:
        TypeError: both or neither were given.
        InvalidValue: something that is no picture.
    """
    if (path is None) == (plot is None):
        message = f"log_image({name!r}) takes one picture: a file as path=, or a figure or pyplot as plot="
        raise TypeError(message)
    given = plot if path is None else path
    if isinstance(given, str | os.PathLike):
        return _from_file(name, Path(given))
    drawing = given if hasattr(given, "savefig") else getattr(given, "figure", None)
    if drawing is not None and hasattr(drawing, "savefig"):
        buffer = BytesIO()
        drawing.savefig(buffer, format="png")
        buffer.seek(0)
        return _from_stream(name, buffer)
    if callable(getattr(given, "read", None)):
        return _from_stream(name, given)
    reason = "a picture is a file, a stream, a matplotlib figure or pyplot"
    raise InvalidValue(name=name, value_type=type(given).__name__, reason=reason)


def _from_file(name: str, file: Path) -> Picture:
    """Take a picture from a file, which keeps its name, and its folders where they are relative."""
    with file.open("rb") as opened:
        _image_ending(name, opened.read(16))
    try:
        path = paths.checked(file.as_posix())
    except UnsafePath:
        path = _safe(file.name)
    return Picture(path, file)


def _from_stream(name: str, stream: Any) -> Picture:
    """Take a picture from a stream, named after the metric and the time."""
    content = stream.read()
    ending = _image_ending(name, content[:16])
    return Picture(f"{_safe(name)}_{int(time.time())}{ending}", BytesIO(content))


def _image_ending(name: str, head: object) -> str:
    """Return the file ending for an image that starts with *head*."""
    found = sniff(head) if isinstance(head, bytes) else None
    if found is None:
        reason = "its content is no png, jpeg, gif, webp, bmp or tiff image; other files go by upload_file()"
        raise InvalidValue(name=name, value_type="file", reason=reason)
    return found[1]


def _safe(name: str) -> str:
    """Return *name* as a run's file name, with "_" for what a file name may not hold."""
    segments = [re.sub(r"[\\:\x00-\x1f\x7f-\x9f]", "_", part).rstrip(". ") for part in PurePath(name).parts]
    return "/".join(part for part in segments if part.strip("/")) or "image"


def distinct(path: str, taken: Collection[str]) -> str:
    """Return *path*, with a number in it when *taken* holds it: two plots in one second are two files."""
    stem, ending = os.path.splitext(path)
    candidates = (path if n == 0 else f"{stem}_{n}{ending}" for n in range(len(taken) + 1))
    return next(candidate for candidate in candidates if candidate not in taken)
