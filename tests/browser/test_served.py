"""The app with its headers in a real browser: everything is drawn, and nothing is blocked."""

import socket
import urllib.error
import urllib.request
from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from dashboard.served import HEADERS
from tests.browser.conftest import ROOT, streamlit_server
from tests.browser.helpers import DEEP_LINK, wait_painted


@pytest.fixture(scope="module")
def served_url(tmp_path_factory: pytest.TempPathFactory):
    log = tmp_path_factory.mktemp("server") / "streamlit.log"
    with streamlit_server(ROOT / "dashboard" / "served.py", log) as url:
        yield url


@pytest.mark.parametrize(("address", "key"), [("", "chart_flow"), ("map", "chart_map")])
def test_pages_are_drawn_under_the_policy(served_url: str, new_page: Callable[..., Page], address: str, key: str):
    page = new_page(expected_errors=DEEP_LINK)
    answer = page.goto(f"{served_url}/{address}")
    wait_painted(page, key)
    assert answer.headers["content-security-policy"] == HEADERS["content-security-policy"]


def test_the_library_is_asked_for_with_the_page_and_only_once(served_url: str, new_page: Callable[..., Page]) -> None:
    page = new_page()
    page.goto(served_url)
    wait_painted(page, "chart_flow")
    asked = page.evaluate(
        "() => performance.getEntriesByType('resource').filter(({ name }) => name.includes('plotly'))"
    )
    assert [entry["initiatorType"] for entry in asked] == ["link"]


def test_another_name_opens_no_session_and_metrics_are_hidden(served_url: str) -> None:
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"{served_url}/_stcore/metrics")
    host, _, port = served_url.removeprefix("http://").partition(":")
    answers = {}
    for name in (f"{host}:{port}", "rebound.example.com"):
        with socket.create_connection((host, int(port))) as connection:
            request = (
                f"GET /_stcore/stream HTTP/1.1\r\nHost: {name}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            )
            connection.sendall(request.encode())
            answers[name] = int(connection.recv(64).split()[1])
    assert list(answers.values()) == [101, 403]
