"""One logged picture on a page, or a sentence where its bytes are none that can be shown."""

from __future__ import annotations

import base64
from typing import Literal

import streamlit as st
from PIL import Image

from runstream_consumer.history import ArtifactRow
from runstream_dashboard import files, formats

_SVG = "image/svg+xml"


def picture(artifact: ArtifactRow, data: bytes, alt: str, width: Literal["stretch", "content"] = "stretch") -> None:
    """Draw the bytes of a file that was logged as a picture; one that is none leaves the rest of the page as it is."""
    try:
        st.image(_source(artifact, data), width=width, alt=alt)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        # What Pillow raises for bytes that are no picture, half of one, or a huge one.
        st.caption(f"{formats.plain(artifact.path)} cannot be shown as a picture; Files hands it out as it is.")


def _source(artifact: ArtifactRow, data: bytes) -> str | bytes:
    """Return bytes as they are, a drawing as an address: a text would be taken for the name of a file of this host."""
    if artifact.content_type != _SVG:
        return data
    if len(data) > files.PREVIEW_BYTES or b"<svg" not in data:
        raise ValueError("too large for a part of the page, or no drawing")
    return f"data:{_SVG};base64,{base64.b64encode(data).decode()}"
