"""
Streamlit's own browser files, sooner: served from memory, and named to the browser before it finds out by itself.

A page's elements are modules that Streamlit's script asks for one after the other, once it has run, connected and been
told what is on the page. A `Link` header on the page's HTML has the browser fetch them at once, beside the script.
Pure ASGI, no widgets.
"""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence
from pathlib import Path
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

PREFIX = "/static/"
# What each page is made of, by the names of Streamlit's elements; a page that is not named loads as it always does.
ELEMENTS: dict[str, tuple[str, ...]] = {
    "/": ("DataFrame", "TextInput", "Selectbox", "ButtonGroup", "Html", "Button", "Pagination"),
    "/charts": ("BidiComponent", "Html", "Button"),
    "/run": ("BidiComponent", "Html", "Button", "ImageList", "DataFrame"),
    "/compare": ("DataFrame", "Html", "Button", "Selectbox"),
    "/sql": ("TextArea", "DataFrame", "Selectbox", "Button", "TextInput", "Html"),
    "/pipeline": ("Metric", "DataFrame", "EChartsChart", "Html"),
}
_IMPORT = re.compile(r'(?:\bfrom|\bimport)\s*"\./([^"]+\.js)"')
_FOR_EVER = b"public, immutable, max-age=31536000"


def modules_of(names: Iterable[str], folder: Path) -> list[str]:
    """
    Return the files in `folder` that hold these elements, and all that they import, each once.

    Args:
        names: of elements; one that this Streamlit does not have is left out.
        folder: where its scripts lie, as `Name.digest.js`.
    """
    found: dict[str, None] = {}
    waiting = [path.name for name in names for path in sorted(folder.glob(f"{name}.*.js"))]
    while waiting:
        name = waiting.pop(0)
        path = folder / name
        if name in found or not path.is_file():
            continue
        found[name] = None
        waiting.extend(_IMPORT.findall(path.read_text(encoding="utf-8")))
    return list(found)


def link_header(modules: Sequence[str]) -> bytes:
    """Return the value of a `Link` header that has a browser load these modules now."""
    links = (f"<{PREFIX}js/{name}>; rel=modulepreload; crossorigin" for name in modules)
    return ", ".join(links).encode("ascii")


class Shell:
    """An ASGI application around Streamlit's, that answers for its static files and adds the header to its pages."""

    def __init__(self, app: Application, folder: Path) -> None:
        """
        Take Streamlit's application and the folder of its static files.

        Args:
            app: what answers everything else.
            folder: holds index.html and static/.
        """
        self._app = app
        static = folder / "static"
        self._paths = {path.relative_to(static).as_posix(): path for path in static.rglob("*") if path.is_file()}
        self._files: dict[str, bytes] = {}
        in_page = set(re.findall(r"\./static/js/([^\"]+)", (folder / "index.html").read_text(encoding="utf-8")))
        self._links = {
            page: link_header([name for name in modules_of(names, static / "js") if name not in in_page])
            for page, names in ELEMENTS.items()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        path = scope.get("path", "")
        if scope["type"] == "http" and scope["method"] == "GET":
            name = path.removeprefix(PREFIX)
            if name != path and name in self._paths and not any(key == b"range" for key, _ in scope["headers"]):
                await self._send(name, send)
                return
            link = self._links.get(path)
            if link:
                await self._app(scope, receive, _linked(send, link))
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


def _linked(send: Send, link: bytes) -> Send:
    async def linked(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == 200:
            message["headers"] = [*message.get("headers", ()), (b"link", link)]
        await send(message)

    return linked
