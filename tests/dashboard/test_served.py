"""What a stranger's browser is told, and who reaches the app at all."""

import asyncio
import tomllib
from pathlib import Path

import pytest

from dashboard.served import HEADERS, HIDDEN, Headers

ROOT = Path(__file__).parents[2]


async def inner(scope, receive, send):
    headers = [(b"content-type", b"text/html"), (b"X-Frame-Options", b"ALLOWALL")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"a page"})


def answer(path: str) -> tuple[int, list[tuple[str, str]], bytes]:
    """(status, headers, body) of a request for a path."""
    sent = []

    async def send(message):
        sent.append(message)

    asyncio.run(Headers(inner)({"type": "http", "path": path}, None, send))
    headers = [(name.decode().lower(), value.decode()) for name, value in sent[0]["headers"]]
    return sent[0]["status"], headers, sent[1]["body"]


def test_every_answer_has_the_headers_once_and_keeps_its_own() -> None:
    status, headers, body = answer("/")
    assert (status, body) == (200, b"a page")
    assert dict(headers) == {"content-type": "text/html", **HEADERS}
    assert len(headers) == len(dict(headers))


@pytest.mark.parametrize("path", HIDDEN)
def test_what_tells_about_the_server_is_not_found(path: str) -> None:
    assert answer(path)[0] == 404


def test_nobody_frames_the_pages_and_nothing_comes_from_another_site() -> None:
    policy = HEADERS["content-security-policy"]
    assert "frame-ancestors 'self'" in policy and "default-src 'self'" in policy and "http" not in policy


def test_the_app_listens_on_this_machine_alone_unless_told_otherwise() -> None:
    server = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))["server"]
    assert server["address"] == "localhost"
    assert set(server["allowedHosts"]) == {"localhost", "127.0.0.1", "::1"}
