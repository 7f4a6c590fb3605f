"""
Folders of the files that a run has uploaded, and everything in one of them as a zip. No widgets.

Paths and sizes come out of the log as somebody wrote them: they are checked as those of a snapshot are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import IO, Final

from runstream_consumer.history import ArtifactRow, History, ListedFile, blobs
from runstream_dashboard import zips
from runstream_dashboard.zips import WithheldError

# Bytes that lie in the log are read at once: so many at most.
MAX_INLINE_BYTES: Final = 256 * 1024**2


def named(artifacts: Sequence[ArtifactRow]) -> list[str]:
    """Return the folders that these files lie in, each above those in it: "" is that of all files."""
    parents = {str(parent) for artifact in artifacts for parent in PurePosixPath(artifact.path).parents}
    return ["", *sorted(parents - {"."})]


def inside(artifacts: Sequence[ArtifactRow], folder: str) -> list[ArtifactRow]:
    """Return the newest versions of the files in a folder and below it; "" holds all."""
    return [
        artifact for artifact in artifacts if artifact.newest and (not folder or artifact.path.startswith(f"{folder}/"))
    ]


def checked(artifacts: Sequence[ArtifactRow], folder: str) -> list[tuple[ListedFile, ArtifactRow]]:
    """
    Return the files of a folder with their paths in its zip, which are relative to it.

    Raises:
        WithheldError: there are none or too many, they are too large, their paths would not unpack cleanly, or some
            lie in a store that is not ours.
    """
    rows = inside(artifacts, folder)
    if not rows:
        raise WithheldError("there are no files in it")
    elsewhere = [row for row in rows if row.location is not None and blobs.is_elsewhere(row.location)]
    if elsewhere:
        raise WithheldError(
            f"{len(elsewhere):,} of its files lie in another store than RUNSTREAM_ARTIFACTS names here, such as "
            f"{elsewhere[0].location}; run.download_file() gets them"
        )
    if sum(row.size_bytes for row in rows if row.location is None) > MAX_INLINE_BYTES:
        raise WithheldError(f"its small files are larger than {MAX_INLINE_BYTES:,} bytes")
    start = len(folder) + 1 if folder else 0
    listed = [ListedFile(row.path[start:], row.sha256, row.size_bytes, executable=False) for row in rows]
    return list(zip(zips.checked(listed), rows, strict=True))


def write_zip(reader: History, run_id: str, folder: str, target: IO[bytes]) -> None:
    """
    Write all files of a run's folder into a zip.

    Raises:
        WithheldError: they cannot be handed out; what was written so far is no zip.
    """
    files = checked(reader.artifacts(run_id), folder)
    is_inline = any(row.location is None for _, row in files)
    inline = {row.path: row.content for row in reader.artifacts(run_id, contents=True)} if is_inline else {}

    def opened() -> Iterator[tuple[ListedFile, Iterator[bytes]]]:
        for entry, row in files:
            content = inline.get(row.path)
            if row.location is not None:
                yield entry, blobs.chunks(row.location, row.sha256, row.size_bytes)
            elif content is not None:
                yield entry, iter((content,))
            else:
                raise WithheldError(f"{row.path} has changed meanwhile; try again")

    zips.pack(opened(), target)
