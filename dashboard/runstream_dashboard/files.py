"""Artifacts for the run page: which are pictures, what a preview shows, where the bytes are. No widgets."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

import pandas as pd

from runstream_consumer.history import ArtifactRow, History, blobs

PREVIEW_BYTES = 1_000_000
# More than this is fetched with `runstream` or the SDK, not through a page.
MAX_BYTES = 64_000_000
_PREVIEW_ROWS = 200
_LANGUAGES = {
    ".py": "python", ".json": "json", ".yaml": "yaml", ".yml": "yaml", ".toml": "toml", ".md": "markdown",
    ".sh": "bash", ".sql": "sql", ".js": "javascript", ".html": "html", ".css": "css", ".xml": "xml", ".ini": "ini",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Preview:
    """What to show of a file: an image, a table, a text in a language, or nothing."""

    kind: Literal["image", "table", "text", "none"]
    text: str = ""
    language: str | None = None
    table: pd.DataFrame | None = None


def leaf(artifact: ArtifactRow) -> str:
    """Return a file's own name, without its folders."""
    return PurePosixPath(artifact.path).name


def is_image(artifact: ArtifactRow) -> bool:
    """Say whether a browser can show this file as a picture."""
    return artifact.content_type.startswith("image/")


def images(artifacts: Sequence[ArtifactRow]) -> dict[str, list[ArtifactRow]]:
    """Return the pictures by the metric they were logged under (else by path), each oldest first."""
    named: dict[str, list[ArtifactRow]] = {}
    for artifact in sorted(filter(is_image, artifacts), key=lambda each: each.logged_at):
        named.setdefault(artifact.metric_name or artifact.path, []).append(artifact)
    return named


def read(reader: History, run_id: str, artifact: ArtifactRow) -> bytes | None:
    """Return the bytes of an artifact; None when they are not to be had on this machine, or are huge (see blobs)."""
    found = reader.artifact(run_id, artifact.path, artifact.version)
    return blobs.read(found.content, found.location, found.sha256, MAX_BYTES)


def where(artifact: ArtifactRow) -> str:
    """Return a sentence on where a file lies whose bytes are not shown here."""
    return f"{artifact.path} lies at {artifact.location or 'an unknown place'}; it is not read from here."


def _table(suffix: str, data: bytes) -> pd.DataFrame | None:
    try:
        if suffix in {".csv", ".tsv"}:
            return pd.read_csv(io.BytesIO(data), nrows=_PREVIEW_ROWS, sep="\t" if suffix == ".tsv" else ",")
        if suffix == ".parquet":
            return pd.read_parquet(io.BytesIO(data)).head(_PREVIEW_ROWS)
    except (ValueError, OSError):
        return None
    return None


def preview(artifact: ArtifactRow, data: bytes) -> Preview:
    """Return what to show of a file; files above PREVIEW_BYTES and unknown kinds show nothing."""
    if is_image(artifact):
        return Preview("image")
    if len(data) > PREVIEW_BYTES:
        return Preview("none")
    suffix = PurePosixPath(artifact.path).suffix.lower()
    table = _table(suffix, data)
    if table is not None:
        return Preview("table", table=table)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return Preview("none")
    return Preview("text", text=text, language=_LANGUAGES.get(suffix))
