"""What this server hands out beside the pages: the grid's own files, results, logs, snapshots and folders."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote

from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from runstream_dashboard import downloads, exports, live
from runstream_dashboard.zips import WithheldError

_PRIVATE = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
_UNKNOWN = "This link is of a server that has ended: open the run's page again.\n"


def routes(web_path: str, web: Path) -> list[BaseRoute]:
    """Return them all; `web` holds the grid's own files, to be served below `web_path`."""
    return [
        Route("/runs", to_runs),
        Mount(web_path, StaticFiles(directory=web)),
        Route(f"{exports.PATH}/{{token}}/result.{{kind}}", exported),
        Route(f"{downloads.PATH}/{{secret}}/log/{{run_id}}", log),
        Route(f"{downloads.PATH}/{{secret}}/snapshot/{{run_id}}", snapshot),
        Route(f"{downloads.PATH}/{{secret}}/folder/{{run_id}}", folder),
    ]


async def to_runs(request: Request) -> Response:
    """Send whoever asks for the list of runs by its name to where it is, with what was asked of it."""
    above = request.url.path.removesuffix("runs")
    return RedirectResponse(f"{above}?{request.url.query}" if request.url.query else above)


async def exported(request: Request) -> Response:
    """Answer with a result of the SQL page; the file is written in a thread of its own."""
    token, kind = request.path_params["token"], request.path_params["kind"]
    path = await run_in_threadpool(exports.shelf().file, token, kind)
    if path is None:
        return PlainTextResponse(exports.GONE, status_code=404)
    return FileResponse(path, media_type=exports.KINDS[kind], filename=f"result.{kind}", headers=_PRIVATE)


async def log(request: Request) -> Response:
    """Answer with all lines of a stream, as they are read."""
    if not downloads.is_secret(request.path_params["secret"]):
        return PlainTextResponse(_UNKNOWN, status_code=404)
    run_id, stream = request.path_params["run_id"], request.query_params.get("stream", "")
    name = downloads.file_name(run_id, stream, suffix=".txt")
    return StreamingResponse(
        downloads.log_lines(run_id, stream), media_type="text/plain; charset=utf-8", headers=_attached(name)
    )


async def snapshot(request: Request) -> Response:
    """Answer with a run's snapshot as a zip."""
    return await _zip(request, "snapshot", downloads.snapshot_zip)


async def folder(request: Request) -> Response:
    """Answer with the files of a run's folder as a zip."""
    path = request.query_params.get("path", "")
    return await _zip(request, path or "files", lambda run_id: downloads.folder_zip(run_id, path))


async def _zip(request: Request, name: str, write: Callable[[str], Path]) -> Response:
    """Answer with a zip, which is written to a file first and removed afterwards."""
    if not downloads.is_secret(request.path_params["secret"]):
        return PlainTextResponse(_UNKNOWN, status_code=404)
    run_id = request.path_params["run_id"]
    try:
        path = await run_in_threadpool(write, run_id)
    except (WithheldError, *live.UNREACHABLE) as error:
        return PlainTextResponse(f"This cannot be handed out: {error}\n", status_code=404)
    headers = _attached(downloads.file_name(run_id, name, suffix=".zip"))
    return FileResponse(path, media_type="application/zip", headers=headers, background=BackgroundTask(path.unlink))


def _attached(name: str) -> Mapping[str, str]:
    return _PRIVATE | {"content-disposition": f'attachment; filename="{quote(name, safe="")}"'}
