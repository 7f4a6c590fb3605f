"""What a run is, by the names of the azureml SDK; and its logs, as texts and as files."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from runstream_schemas import paths

if TYPE_CHECKING:
    from runstream.reading import History, RunRow

DEFINITION = "runstream.definition"
"""The property that holds what was submitted, as JSON."""


def facts(row: RunRow, log_files: dict[str, str]) -> dict[str, Any]:
    """
    Return the facts of a run; `error` is there only if it has one.

    Args:
        row: the run.
        log_files: stream -> what to tell of it: its address, or its text.
    """
    told: dict[str, Any] = {
        "runId": row.run_id,
        "target": "local",
        "status": row.status,
        "startTimeUtc": _time(row.started_at),
        "endTimeUtc": _time(row.ended_at),
        "services": {},
        "properties": dict(row.properties),
        "inputDatasets": [],
        "outputDatasets": [],
        "runDefinition": _definition(row),
        "logFiles": log_files,
        "submittedBy": row.user,
    }
    if row.error_message is not None or row.error_type is not None:
        error = {
            "code": row.error_code,
            "message": row.error_message,
            "debugInfo": {"type": row.error_type, "message": row.error_message, "stackTrace": row.error_traceback},
        }
        told["error"] = {"error": error}
    return told


def _time(moment: dt.datetime | None) -> str | None:
    return None if moment is None else f"{moment.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%S.%f}Z"


def _definition(row: RunRow) -> dict[str, Any]:
    """Return what was submitted; empty for a run that was not."""
    try:
        found = json.loads(row.properties.get(DEFINITION, "{}"))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def addresses(history: History, run_id: str, url: str) -> dict[str, str]:
    """Return stream -> its address on the run's page at *url*."""
    return {stream.name: f"{url}&tab=Logs&stream={quote(stream.name)}" for stream in history.log_streams(run_id)}


def texts(history: History, run_id: str) -> dict[str, str]:
    """Return stream -> all that was written to it."""
    return {stream.name: "".join(_text(history, run_id, stream.name)) for stream in history.log_streams(run_id)}


def write_logs(history: History, run_id: str, folder: Path) -> list[str]:
    """
    Write each stream into a file below *folder*; return their paths.

    Raises:
        UnsafePath: a stream has a name that cannot be a file's; nothing is written then.
        OSError: a file cannot be written.
    """
    # What another process calls its streams is not trusted to stay below the folder.
    places = {stream.name: folder / paths.checked(_file_name(stream.name)) for stream in history.log_streams(run_id)}
    for name, place in places.items():
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("w", encoding="utf-8") as file:
            file.writelines(_text(history, run_id, name))
    return [str(place) for place in places.values()]


def _file_name(stream: str) -> str:
    """Return logs/train.txt for a file that was followed, stdout.txt for what has no such name."""
    return stream if "/" in stream else f"{stream}.txt"


def _text(history: History, run_id: str, stream: str) -> Iterator[str]:
    cursor = None
    while True:
        page = history.log_lines(run_id, stream, cursor)
        yield page.text
        if page.is_last:
            return
        cursor = page.cursor
