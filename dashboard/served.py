"""The dashboard as it is served: headers that say what a browser may load and who may frame it, and the chart library ready.

`streamlit run dashboard/served.py`
"""

from __future__ import annotations

import asyncio
import gzip
import mimetypes
import re
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

import psutil
import streamlit as st
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.responses import Response
from streamlit.file_util import get_static_dir

ROOT = Path(__file__).parents[1]
if str(ROOT) not in sys.path:  # `streamlit run` puts only this script's folder on the path
    sys.path.insert(0, str(ROOT))

from dashboard.plot import library  # noqa: E402

POLICY = {
    "default-src": "'self'",
    "script-src": "'self' 'unsafe-inline' 'unsafe-eval' blob:",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "connect-src": "'self' ws: wss: data: blob:",
    "worker-src": "'self' blob:",
    "frame-src": "'self' blob: data:",
    "object-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'self'",
}
"""What Streamlit's own page needs: scripts from here, among them those that its components make; nothing of another site."""

HEADERS = {
    "content-security-policy": "; ".join(f"{name} {sources}" for name, sources in POLICY.items()),
    "x-frame-options": "SAMEORIGIN",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
}

FOR_EVER = "public, immutable, max-age=31536000"
"""How long a browser may keep a file whose name changes with its content."""

HIDDEN = ("/_stcore/metrics",)
"""What answers about the server to anyone who asks."""


class SafeHeaders:
    """An ASGI middleware: every answer over HTTP has HEADERS, and what is HIDDEN is not found."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass a request on, and its answer back with the headers."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                given = [(name, value) for name, value in message["headers"] if name.decode().lower() not in HEADERS]
                message["headers"] = [*given, *((name.encode(), value.encode()) for name, value in HEADERS.items())]
            await send(message)

        answer = Response(status_code=404) if scope["path"] in HIDDEN else self.app
        await answer(scope, receive, with_headers)


class FilesFromMemory:
    """An ASGI middleware: scripts, styles and fonts whose names change with their content come from memory.

    A browser that comes for the first time asks for more than a hundred of them; Streamlit reads each from the disk for each
    browser, and compresses the chart library, during which nobody else is answered. The page's own answer names the
    library, of which the browser would otherwise hear when it draws the first chart.
    """

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer for a file, and pass any other request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        asked = Headers(scope=scope)
        file = file_at(scope["path"]) if scope["method"] == "GET" and "range" not in asked else None
        if file and "gzip" in asked.get("accept-encoding", ""):
            answer = await asyncio.to_thread(from_memory, file)
            await answer(scope, receive, send)
            return

        async def with_library(message: Any) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if headers.get("content-type", "").startswith("text/html") and (path := library.static_path()):
                    headers.append("link", f"<{path}>; rel=preload; as=script; fetchpriority=low")
            await send(message)

        await self.app(scope, receive, with_library)


def file_at(path: str) -> Path | None:
    """The file of Streamlit's own page, or the chart library, that a path stands for; below any base path."""
    if found := re.search(r"/static/(js|css|media)/([\w.-]+)$", path):
        file = Path(get_static_dir(), "static", *found.groups())
        return file if file.is_file() else None
    served = library.static_path()
    return library.STATIC / Path(served).name if served and path.endswith(f"/{served}") else None


@cache
def from_memory(file: Path) -> Response:
    """The answer that holds a file, as gzip where that makes it smaller."""
    content, headers = file.read_bytes(), {"cache-control": FOR_EVER, "vary": "accept-encoding"}
    if len(packed := gzip.compress(content)) < len(content):
        content, headers = packed, {**headers, "content-encoding": "gzip"}
    return Response(content, headers=headers, media_type=mimetypes.guess_type(file.name)[0])


def send_at_once() -> None:
    """Let the sockets on which this process listens, and so their connections, send small messages without delay.

    asyncio sees to it only where the protocol of the socket is named, which Streamlit leaves open, as uvicorn does for
    several workers (https://github.com/Kludex/uvicorn/issues/3149): then each answer but the first of a connection waits
    some 40 ms for the browser to acknowledge the one before.
    """
    for open_now in psutil.Process().net_connections("tcp"):
        if open_now.status == psutil.CONN_LISTEN and open_now.fd >= 0:
            with socket.fromfd(open_now.fd, open_now.family, open_now.type) as listening:
                listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


@asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[None]:
    """What is done when the server starts."""
    send_at_once()
    yield


app = st.App(
    Path(__file__).with_name("app.py"),
    lifespan=lifespan,
    middleware=[Middleware(SafeHeaders), Middleware(FilesFromMemory)],
)
