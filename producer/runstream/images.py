"""Pictures: a file, a stream, a matplotlib figure or pyplot itself becomes image bytes with a name in the run."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePath
from typing import Any

from runstream import artifacts
from runstream.artifacts import Upload
from runstream.media import sniff
from runstream_schemas import paths
from runstream_schemas.errors import InvalidValue, UnsafePath, WrongArguments

MAX_PART_BYTES = 200  # a part of a name has 255, and time, hash and ending come behind it


@dataclass(frozen=True, slots=True)
class Picture:
    """An image on its way to the run: its name there, and its bytes."""

    path: str
    content: bytes


def picture(name: str, path: Any, plot: Any, uploads: Mapping[str, Upload]) -> Picture:
    """
    Return the picture that log_image() was given, in either slot.

    Args:
        name: of the metric; a plot's file is called after it, the time and its content, so that no two are one file.
        path: a file, which keeps its name; an open binary stream; a figure, axes or pyplot.
        plot: the same.
        uploads: what this process has uploaded; another picture of a known name gets its content's hash into its name.

    Raises:
        WrongArguments: both or neither were given.
        InvalidValue: something that is no picture.
        OSError: the file cannot be read.
    """
    if (path is None) == (plot is None):
        reason = "takes one picture: a file as path=, or a figure or pyplot as plot="
        raise WrongArguments(call=f"log_image({name!r})", reason=reason)
    given = plot if path is None else path
    content = _content(name, given)
    image = sniff(content[:16])
    if image is None:
        reason = "its content is no png, jpeg, gif, webp, bmp or tiff image; other files go by upload_file()"
        raise InvalidValue(name=name, value_type="file", reason=reason)
    if not isinstance(given, str | os.PathLike):
        return Picture(named(name, content, image[1]), content)
    sha256 = hashlib.sha256(content).hexdigest()
    own = _own_name(Path(given))
    known = uploads.get(own)
    stem, ending = os.path.splitext(own)
    return Picture(own if known is None or known.sha256 == sha256 else f"{stem}_{sha256[:8]}{ending}", content)


def named(name: str, content: bytes, ending: str) -> str:
    """Return a file's name after its metric, the time and its content, so that no two are one file."""
    return f"{_safe(name)}_{int(time.time())}_{hashlib.sha256(content).hexdigest()[:8]}{ending}"


def _content(name: str, given: Any) -> bytes:
    """Return the bytes of a picture; figures are drawn as png."""
    drawing = given if hasattr(given, "savefig") else getattr(given, "figure", None)
    if drawing is not None and hasattr(drawing, "savefig"):
        buffer = BytesIO()
        drawing.savefig(buffer, format="png")
        return buffer.getvalue()
    if isinstance(given, str | os.PathLike) or callable(getattr(given, "read", None)):
        with artifacts.opened(given) as source:
            return artifacts.whole(source)
    reason = "a picture is a file, a stream, a matplotlib figure or pyplot"
    raise InvalidValue(name=name, value_type=type(given).__name__, reason=reason)


def _own_name(file: Path) -> str:
    """Return a file's name in the run: with its folders where they are relative and stay inside."""
    try:
        return paths.checked(file.as_posix())
    except UnsafePath:
        return _safe(file.name)


def _safe(name: str) -> str:
    """Return *name* as a run's file name, with "_" for what a file name may not hold."""
    parts = [re.sub(r"[\\:\x00-\x1f\x7f-\x9f]", "_", part) for part in PurePath(name).parts]
    short = [part.encode("utf-8", "ignore")[:MAX_PART_BYTES].decode("utf-8", "ignore").rstrip(". ") for part in parts]
    return "/".join(part for part in short if part.strip("/")) or "image"
