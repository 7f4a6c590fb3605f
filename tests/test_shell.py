"""Streamlit's own files are answered from memory, everything else by Streamlit."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from runstream_dashboard.shell import Shell


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small build of Streamlit's front end: one element, what it imports, and the page."""
    scripts = tmp_path / "static" / "js"
    scripts.mkdir(parents=True)
    (tmp_path / "index.html").write_text('<script src="./static/js/react.1.js"></script>')
    (scripts / "react.1.js").write_text("export const r = 1")
    (scripts / "DataFrame.2.js").write_text('import{r}from"./react.1.js";import"./arrow.3.js";')
    (scripts / "arrow.3.js").write_text('import{d}from"./DataFrame.2.js";')
    (scripts / "Slider.4.js").write_text("")
    return tmp_path


async def _page(_scope: Any, _receive: Any, send: Any) -> None:
    """What stands for Streamlit: every path is the page."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-from", b"streamlit")]})
    await send({"type": "http.response.body", "body": b"page"})


def asked(
    folder: Path, path: str, headers: list[tuple[bytes, bytes]] | None = None
) -> tuple[dict[bytes, bytes], bytes]:
    """Ask a shell over `folder` for a path; returns the answer's headers and body."""
    told: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        told.append(message)

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request"}

    scope = {"type": "http", "method": "GET", "path": path, "headers": headers or []}
    # A thread of its own: where a browser is driven, this one has a loop that runs.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(Shell(_page, folder)(scope, receive, send))).result()
    return dict(told[0]["headers"]), told[1]["body"]


def test_files_come_from_memory_and_are_kept_for_ever(folder: Path) -> None:
    """A file is answered with its kind; one that is not there, or a part of one, is Streamlit's to answer."""
    headers, body = asked(folder, "/static/js/arrow.3.js")

    assert body == (folder / "static" / "js" / "arrow.3.js").read_bytes()
    assert headers[b"content-type"] == b"text/javascript"
    assert b"immutable" in headers[b"cache-control"]
    for path, given in [("/static/js/../../index.html", []), ("/static/js/arrow.3.js", [(b"range", b"bytes=0-1")])]:
        assert asked(folder, path, given)[1] == b"page"
