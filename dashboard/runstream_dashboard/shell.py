"""
Streamlit's own browser files from memory: a page is some 130 of them, and each cost a thread, a look and several reads.

Pure ASGI, no widgets. To name a page's modules in a `Link` header as well was measured and left out: fetched beside
Streamlit's script they delay its first paint by as much as they save afterwards.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

PREFIX = "/static/"
_FOR_EVER = b"public, immutable, max-age=31536000"


class Shell:
    """An ASGI application around Streamlit's that answers for its static files."""

    def __init__(self, app: Application, folder: Path) -> None:
        """
        Take Streamlit's application and the folder of its static files.

        Args:
            app: what answers everything else.
            folder: holds static/, whose files have a digest in their names.
        """
        self._app = app
        static = folder / "static"
        self._paths = {path.relative_to(static).as_posix(): path for path in static.rglob("*") if path.is_file()}
        self._files: dict[str, bytes] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        if scope["type"] == "http" and scope["method"] == "GET":
            path = scope["path"]
            name = path.removeprefix(PREFIX)
            if name != path and name in self._paths and not any(key == b"range" for key, _ in scope["headers"]):
                await self._send(name, send)
                return
        await self._app(scope, receive, send)

    async def _send(self, name: str, send: Send) -> None:
        data = self._files.get(name)
        if data is None:
            data = self._files[name] = self._paths[name].read_bytes()
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        headers = [
            (b"content-type", kind.encode("ascii")),
            (b"content-length", str(len(data)).encode("ascii")),
            (b"cache-control", _FOR_EVER),
            (b"x-content-type-options", b"nosniff"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": data})
