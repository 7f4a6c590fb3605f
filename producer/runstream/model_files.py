"""The files that a model is made of: those of a run, or those on this machine; and back to the disk."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from runstream import artifacts, folder_files
from runstream.config import Config
from runstream_schemas import paths
from runstream_schemas.catalog import ModelFile
from runstream_schemas.errors import ModelPathNotFound, TargetExists
from runstream_schemas.events import MAX_INLINE_BYTES

if TYPE_CHECKING:
    from runstream.artifacts import Upload
    from runstream.reading import ArtifactRow, ModelFileRow

MAX_INLINE_TOTAL_BYTES: Final = 200_000
"""Small files of a model may ride inside its event up to this much together; the others go to the store."""


def of_run(path: str, run_id: str, files: Mapping[str, Upload | ArtifactRow]) -> tuple[ModelFile, ...]:
    """
    Return the files of a run that *path* names: a file, or everything in a folder.

    Small ones stay where they are, in the run's own event: the model's points to them by their hash.

    Raises:
        ModelPathNotFound: it names none; the error lists the run's files.
        UnsafePath: it is no path in a run.
    """
    wanted = paths.checked(path)
    inside = wanted + "/"
    named = [wanted] if wanted in files else sorted(name for name in files if name.startswith(inside))
    if not named:
        raise ModelPathNotFound(wanted, f"run {run_id}", sorted(files))
    above = len(wanted) - len(wanted.rpartition("/")[2])
    found = [files[name] for name in named]
    return tuple(
        ModelFile(name[above:], file.size_bytes, file.sha256, file.content_type, file.location)
        for name, file in zip(named, found, strict=True)
    )


def of_machine(path: str | os.PathLike[str], config: Config) -> tuple[ModelFile, ...]:
    """
    Keep a file or the files of a folder of this machine, and return them.

    Raises:
        ModelPathNotFound: there is neither; the error lists what lies beside it.
        UnsafePath: something in it cannot be kept.
        OSError: a file cannot be read, or the store cannot be written.
    """
    place = Path(path).expanduser()
    name = place.resolve().name
    if place.is_dir():
        sources = [(paths.checked(f"{name}/{inside}"), file) for inside, file in folder_files.below(place)]
    elif place.is_file():
        sources = [(paths.checked(name), place)]
    else:
        sources = []
    if not sources:
        raise ModelPathNotFound(str(path), f"folder {place.parent.resolve()} of this machine", _beside(place))
    return tuple(_kept(sources, config))


def _kept(sources: Sequence[tuple[str, Path]], config: Config) -> Iterable[ModelFile]:
    left_bytes = MAX_INLINE_TOTAL_BYTES
    for name, file in sources:
        is_small = file.stat().st_size <= min(left_bytes, MAX_INLINE_BYTES)
        upload, content = artifacts.keep_as(name, file, config, inline_bytes=MAX_INLINE_BYTES if is_small else 0)
        left_bytes -= len(content or b"")
        yield ModelFile(upload.path, upload.size_bytes, upload.sha256, upload.content_type, upload.location, content)


def _beside(place: Path) -> list[str]:
    try:
        return sorted(path.name for path in place.parent.iterdir())
    except OSError:
        return []


def download(files: Sequence[ModelFileRow], target: Path, config: Config, *, exist_ok: bool) -> Path:
    """
    Write a model's files into the folder *target*, each whole and with the hash that it was registered with.

    Returns:
        Where the model is: its file, or the folder that holds its files.

    Raises:
        TargetExists: something is there already, and *exist_ok* is False; nothing is written then.
        UnsafePath: a path would leave the folder.
        FileNotFoundError: the history lacks the event of the run's file that holds the bytes, perhaps for now.
        OSError: the store does not hold a file, gave other bytes, or the target cannot be written.
    """
    # What another process registered is not trusted to stay below the folder.
    named = [(paths.checked(file.path), file) for file in files]
    top = target / (named[0][0].partition("/")[0] if named else "")
    if top.exists() and not exist_ok:
        raise TargetExists(str(top))
    for inside, file in named:
        if file.location is None and file.content is None:
            message = f"{inside}: the history does not have the run's file with these bytes (yet); try again later"
            raise FileNotFoundError(message)
    for inside, file in named:
        with artifacts.content_of(file.location, file.content, file.sha256, config) as source:
            artifacts.save_as(source, target / inside, file.sha256, file.size_bytes)
    return top
