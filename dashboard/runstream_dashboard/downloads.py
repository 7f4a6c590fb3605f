"""
What of a run is handed out as a file of its own: all that it printed on a stream, its snapshot or a folder of its files
as a zip. No widgets.

The addresses hold a secret of this process, so that only somebody who was shown a page can ask for them.
"""

from __future__ import annotations

import os
import re
import secrets
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import IO, Final
from urllib.parse import quote

from runstream_consumer.history import History, LogPage
from runstream_dashboard import folders, live, snapshots
from runstream_dashboard.zips import WithheldError

PATH: Final = "/runstream-download"
_PIECES: Final = 200
_UNCLEAN: Final = re.compile(r"[^A-Za-z0-9._-]+")


@cache
def secret() -> str:
    """Return this process's secret."""
    return secrets.token_urlsafe(24)


def is_secret(given: str) -> bool:
    """Say whether somebody knows the secret."""
    return secrets.compare_digest(given.encode(), secret().encode())


def log_address(run_id: str, stream: str) -> str:
    """Return where all lines of a stream are handed out on this server."""
    return f"{PATH}/{secret()}/log/{quote(run_id, safe='')}?stream={quote(stream, safe='')}"


def snapshot_address(run_id: str) -> str:
    """Return where a run's snapshot is handed out on this server."""
    return f"{PATH}/{secret()}/snapshot/{quote(run_id, safe='')}"


def folder_address(run_id: str, folder: str) -> str:
    """Return where the files of a run's folder are handed out on this server; "" is that of all files."""
    return f"{PATH}/{secret()}/folder/{quote(run_id, safe='')}?path={quote(folder, safe='')}"


def file_name(*parts: str, suffix: str) -> str:
    """Return a name for a file out of parts that may hold anything."""
    return "-".join(_UNCLEAN.sub("-", part).strip("-.") or "run" for part in parts) + suffix


def log_lines(run_id: str, stream: str) -> Iterator[bytes]:
    """Yield all lines of a stream as they were printed, a page of the history at a time."""
    cursor: Mapping[str, int] = {}
    while True:
        page = live.ask(partial(_page, run_id, stream, cursor))
        if page.pieces:
            yield page.text.encode("utf-8", "surrogatepass")
        if page.is_last:
            return
        cursor = page.cursor


def _page(run_id: str, stream: str, after: Mapping[str, int], reader: History) -> LogPage:
    return reader.log_lines(run_id, stream, after, _PIECES)


def snapshot_zip(run_id: str) -> Path:
    """
    Write a run's snapshot into a temporary file; the caller removes it.

    Raises:
        WithheldError: there is none, or it cannot be handed out.
    """
    rows = live.ask(lambda reader: reader.run_many([run_id]))
    found = snapshots.read(rows[0].properties) if rows else None
    if found is None:
        raise WithheldError("this run has no snapshot")
    return _written("snapshot", partial(snapshots.write_zip, found))


def folder_zip(run_id: str, folder: str) -> Path:
    """
    Write the files of a run's folder into a temporary zip; the caller removes it.

    Raises:
        WithheldError: they cannot be handed out.
    """
    return _written("folder", lambda target: live.ask(lambda reader: folders.write_zip(reader, run_id, folder, target)))


def _written(what: str, write: Callable[[IO[bytes]], None]) -> Path:
    descriptor, name = tempfile.mkstemp(prefix=f"runstream-{what}-", suffix=".zip")
    try:
        with os.fdopen(descriptor, "wb") as target:
            write(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return Path(name)
