"""What a stranger's browser is told, and who reaches the app at all."""

import asyncio
import gc
import gzip
import socket
import tomllib
from pathlib import Path

import pytest
import streamlit

from dashboard.jobs import garbage
from dashboard.plot import library
from dashboard.served import FOR_EVER, HEADERS, HIDDEN, FilesFromMemory, SafeHeaders, app, lifespan
from tests.dashboard.lab import opened

ROOT = Path(__file__).parents[2]


async def inner(scope, receive, send):
    headers = [(b"content-type", b"text/html"), (b"X-Frame-Options", b"ALLOWALL")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"a page"})


def answer(path: str, middleware: type = SafeHeaders, **asked: str) -> tuple[int, list[tuple[str, str]], bytes]:
    """(status, headers, body) of a request for a path."""
    sent = []

    async def send(message):
        sent.append(message)

    headers = [(name.replace("_", "-").encode(), value.encode()) for name, value in asked.items()]
    scope = {"type": "http", "method": "GET", "path": path, "headers": headers}
    asyncio.run(middleware(inner)(scope, None, send))
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


STREAMLIT = Path(streamlit.__file__).parent / "static" / "static"


@pytest.mark.parametrize("base", ["", "/lectures/gradients"])
def test_scripts_of_the_page_come_compressed_and_stay_with_the_browser(base: str) -> None:
    script = max((STREAMLIT / "js").glob("index.*.js"), key=lambda file: file.stat().st_size)
    status, headers, body = answer(f"{base}/static/js/{script.name}", FilesFromMemory, accept_encoding="gzip, br")
    facts = dict(headers)
    assert status == 200 and gzip.decompress(body) == script.read_bytes()
    assert facts["content-encoding"] == "gzip" and facts["cache-control"] == FOR_EVER
    assert "javascript" in facts["content-type"] and int(facts["content-length"]) == len(body)


def test_a_font_which_gzip_does_not_shorten_comes_as_it_is() -> None:
    font = next((STREAMLIT / "media").glob("*.woff2"))
    _, headers, body = answer(f"/static/media/{font.name}", FilesFromMemory, accept_encoding="gzip")
    assert body == font.read_bytes() and "content-encoding" not in dict(headers)


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/static/js/none.js", {"accept_encoding": "gzip"}),
        ("/static/js/..", {"accept_encoding": "gzip"}),
        ("/static/js/..\\index.html", {"accept_encoding": "gzip"}),
        ("/static/js/{script}", {}),
        ("/static/js/{script}", {"accept_encoding": "gzip", "range": "bytes=0-9"}),
    ],
)
def test_all_else_is_streamlits_to_answer(path: str, asked: dict[str, str]) -> None:
    path = path.format(script=next((STREAMLIT / "js").glob("*.js")).name)
    assert answer(path, FilesFromMemory, **asked)[2] == b"a page"


def test_a_page_names_the_library_that_then_comes_from_memory() -> None:
    path = library.static_path()
    _, headers, _ = answer("/map", FilesFromMemory)
    assert dict(headers)["link"].startswith(f"<{path}>; rel=preload; as=script")
    _, headers, body = answer(f"/{path}", FilesFromMemory, accept_encoding="gzip")
    assert gzip.decompress(body) == library.library() and dict(headers)["cache-control"] == FOR_EVER


def test_connections_of_the_server_send_small_messages_at_once() -> None:
    with socket.socket(socket.AF_INET) as listening:  # as Streamlit opens it, its protocol not named
        listening.bind(("127.0.0.1", 0))
        listening.listen()

        async def start() -> None:
            async with lifespan(app):
                pass

        asyncio.run(start())
        with socket.create_connection(listening.getsockname()):
            connection, _ = listening.accept()
            with connection:
                assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_what_a_page_has_loaded_is_left_out_of_later_collections(monkeypatch: pytest.MonkeyPatch) -> None:
    frozen = []
    monkeypatch.setattr(gc, "freeze", lambda: frozen.append(len(gc.get_objects())))
    garbage.leave_out_loaded.cache_clear()
    lab = opened()
    lab.run()
    assert len(frozen) == 1
