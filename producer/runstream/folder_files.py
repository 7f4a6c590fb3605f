"""A folder on this machine: which of its files may be sent, and under which names."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from runstream_schemas.errors import UnsafePath


def below(folder: Path) -> list[tuple[str, Path]]:
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
    for parent, folders, names in os.walk(folder):
        linked = [name for name in folders if os.path.islink(os.path.join(parent, name))]
        yield from (Path(parent, name) for name in (*names, *linked))


def _inside(path: Path, root: Path) -> Path:
    """Return the real path of *path* after making sure that it is a regular file below *root*."""
    real = path.resolve()
    if not real.is_relative_to(root):
        raise UnsafePath(path=str(path), reason=f"is a link that leads out of {root}")
    if not stat.S_ISREG(real.stat().st_mode):
        raise UnsafePath(path=str(path), reason="is neither a file nor a folder of its own")
    return real
