"""What kind of content bytes are: images by what they hold, everything else by the ending of a name."""

from __future__ import annotations

import re

_SIGNATURES = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png", ".png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg", ".jpg"),
    (re.compile(rb"GIF8[79]a"), "image/gif", ".gif"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "image/webp", ".webp"),
    (re.compile(rb"BM.{8}\x00\x00..\x00\x00", re.DOTALL), "image/bmp", ".bmp"),
    (re.compile(rb"II\*\x00|MM\x00\*"), "image/tiff", ".tiff"),
)


def sniff(head: bytes) -> tuple[str, str] | None:
    """Return (content type, file ending) of the image that starts with *head*, or None for anything else."""
    return next(((kind, ending) for signature, kind, ending in _SIGNATURES if signature.match(head)), None)


def content_type(path: str, head: bytes) -> str:
    """Return a file's type: images by what they hold, everything else by the ending of their name."""
    import mimetypes

    image = sniff(head)
    if image:
        return image[0]
    guess = mimetypes.guess_type(path, strict=False)[0] or "application/octet-stream"
    # A name is no proof: what claims to be an image and is none must not be shown as one.
    return "application/octet-stream" if guess.startswith("image/") and guess != "image/svg+xml" else guess
