"""Which files of a folder go into its snapshot: all but those that .amlignore, else .gitignore, names."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from runstream_schemas import paths
from runstream_schemas.errors import ExtraMissing, SnapshotFailed, UnsafePath

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

IGNORE_FILES: Final = (".amlignore", ".gitignore")
"""The first one that is there counts, alone."""

RESULTS: Final = ("outputs", "logs")
"""Folders at the top that hold what earlier runs made."""

NEVER: Final = frozenset((".git", "__pycache__", ".ipynb_checkpoints"))
"""What versioning, Python and notebooks keep beside the code, on any level."""


@dataclass(frozen=True, slots=True)
class Source:
    """
    A file of a snapshot.

    Attributes:
        path: relative to the folder, with forward slashes.
        file: where its bytes are; a link is resolved.
        size_bytes: when it was found.
        executable: its owner may run it.
    """

    path: str
    file: Path
    size_bytes: int
    executable: bool


def sources(folder: Path, without: Collection[Path] = ()) -> Iterator[Source]:
    """
    Yield the files of *folder* that no ignore rule names, in no certain order.

    Args:
        folder: to look through; only the ignore file at its top counts.
        without: resolved folders that are left out, such as a home that lies inside.

    Raises:
        SnapshotFailed: a link leads out of the folder or to a folder, something is no regular file, or a name cannot
            be kept everywhere; the error names it.
        ExtraMissing: there is an ignore file, and the package that reads it is not installed.
    """
    root = folder.resolve()
    ignored = _rules(folder)
    todo = [""]
    while todo:
        inside = todo.pop()
        for entry in _entries(folder, inside):
            path = f"{inside}/{entry.name}" if inside else entry.name
            if entry.name in NEVER or (not inside and entry.name in RESULTS and entry.is_dir()):
                continue
            if entry.is_dir(follow_symlinks=False):
                if not ignored(f"{path}/") and Path(entry.path).resolve() not in without:
                    todo.append(path)
            elif not ignored(path):
                yield _source(path, Path(entry.path), root)


def one(file: Path) -> Source:
    """Return a single file, by its name. Raises SnapshotFailed as sources() does; a link may lead anywhere here."""
    real = file.resolve()
    return _source(file.name, real, real.parent)


def _entries(folder: Path, inside: str) -> list[os.DirEntry[str]]:
    """Return what lies in a folder of the folder."""
    try:
        with os.scandir(folder / inside) as entries:
            return list(entries)
    except OSError as error:
        hint = f"; name it in {IGNORE_FILES[0]} to leave it out" if inside else ""
        raise SnapshotFailed(str(folder), f"{inside + '/'!r} cannot be read: {error.strerror}{hint}") from error


def _source(path: str, file: Path, root: Path) -> Source:
    """Return a file that a snapshot can hold, or say what is wrong with it."""
    hint = f"; name it in {IGNORE_FILES[0]} to leave it out"
    try:
        paths.checked(path)
        real = file.resolve(strict=True)
        if not real.is_relative_to(root):
            raise SnapshotFailed(str(root), f"{path!r} is a link that leads out of the folder{hint}")
        about = real.stat()
    except UnsafePath as error:
        raise SnapshotFailed(str(root), f"the name {path!r} {error.reason}{hint}") from error
    except (OSError, RuntimeError) as error:  # RuntimeError: a link that leads to itself, before Python 3.13
        reason = error.strerror if isinstance(error, OSError) else "it is a link that leads to itself"
        raise SnapshotFailed(str(root), f"{path!r} cannot be read: {reason}{hint}") from error
    if not stat.S_ISREG(about.st_mode):
        kind = "a link to a folder" if stat.S_ISDIR(about.st_mode) else "a pipe, socket or device"
        raise SnapshotFailed(str(root), f"{path!r} is {kind}{hint}")
    return Source(path, real, about.st_size, bool(about.st_mode & stat.S_IXUSR))


def _rules(folder: Path) -> Callable[[str], bool]:
    """Return what tells whether a path (of a folder: with a slash at its end) is ignored."""
    for name in IGNORE_FILES:
        try:
            text = (folder / name).read_text(encoding="utf-8", errors="surrogateescape")
        except FileNotFoundError:
            continue
        except OSError as error:
            raise SnapshotFailed(str(folder), f"{name} cannot be read: {error.strerror}") from error
        return _matcher(folder, name, text)
    return lambda _: False


def _matcher(folder: Path, name: str, text: str) -> Callable[[str], bool]:
    try:
        import pathspec
    except ImportError as error:
        raise ExtraMissing(what=f"reading {name}", extra="submit", module="pathspec") from error
    lines = text.splitlines()
    try:
        spec: Any = pathspec.GitIgnoreSpec.from_lines(lines)
    except ValueError as error:
        raise SnapshotFailed(str(folder), f"{name} holds a rule that cannot be understood: {error}") from error
    if any(line.startswith("!") for line in lines):
        # A file below an ignored folder may be wanted after all: folders are looked into.
        return lambda path: not path.endswith("/") and bool(spec.match_file(path))
    return lambda path: bool(spec.match_file(path))
