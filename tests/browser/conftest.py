"""The real app in a real browser: a server for each script, a page that fails its test on any console error."""

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urljoin

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from dashboard.plot import install_library
from tests.browser import chromium
from tests.browser.helpers import DEEP_LINK, wait_idle, wait_painted
from tests.patience import PATIENCE

ROOT = Path(__file__).parents[2]

HAS_FAILED = pytest.StashKey[bool]()

collect_ignore = ["plot_app.py"]  # an app, not a test


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_until_healthy(url: str, process: subprocess.Popen, log: Path) -> None:
    give_up = time.monotonic() + PATIENCE
    while time.monotonic() < give_up and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=5):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    raise RuntimeError(f"streamlit did not answer at {url}:\n{log.read_text()}")


@contextmanager
def streamlit_server(script: Path, log: Path, *options: str) -> Iterator[str]:
    """The address of `streamlit run script` on a free port, with the project's own config.toml."""
    install_library(script.parent / "static")
    port = free_port()
    command = [
        *(sys.executable, "-m", "streamlit", "run", str(script), f"--server.port={port}"),
        *("--server.headless=true", "--server.fileWatcherType=none", "--server.address=127.0.0.1", *options),
    ]
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
    base = next((o.partition("=")[2] for o in options if o.startswith("--server.baseUrlPath=")), "")
    url = f"http://127.0.0.1:{port}/{base}".rstrip("/")
    try:
        wait_until_healthy(url, process, log)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE)


@pytest.fixture(scope="session")
def app_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The dashboard."""
    log = tmp_path_factory.mktemp("server") / "streamlit.log"
    with streamlit_server(ROOT / "dashboard" / "app.py", log) as url:
        yield url


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    executable = chromium.find()
    assert executable, "the browser tests need Chromium: run `make test`, which installs it"
    expect.set_options(timeout=PATIENCE * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(chromium.FLAGS))
        yield browser
        browser.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    if call.when == "call":
        item.stash[HAS_FAILED] = report.failed
    return report


def describe(page: Page) -> str:
    """What a page shows, for the report of a test that failed on it."""
    state = page.evaluate("() => document.querySelector('[data-testid=stApp]')?.dataset.testScriptState")
    return f"{page.url[:300]}\nscript: {state}\n{page.locator('body').inner_text()[:2000]}"


@pytest.fixture
def new_page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Callable[..., Page]]:
    """Pages by viewport width and colour scheme: `new_page(390, dark=True)`; each fails the test on any error.

    A test that provokes an error says so: `new_page(expected_errors=("ERR_FAILED",))`.
    """
    contexts, errors = [], []

    def open_page(width=1400, height=900, *, dark=False, reduced_motion=False, touch=False, expected_errors=()):
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce" if reduced_motion else "no-preference",
            has_touch=touch,
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE * 1000)

        def note(text: str) -> None:
            if not any(expected in text for expected in expected_errors):
                errors.append(text)

        page.on("console", lambda message: note(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: note(str(error)))
        return page

    yield open_page
    if request.node.stash.get(HAS_FAILED, False):
        print(*(describe(page) for context in contexts for page in context.pages), sep="\n\n")
    for context in contexts:
        context.close()
    assert not errors, f"the page reported errors: {errors}"


@pytest.fixture
def page(new_page: Callable[..., Page]) -> Page:
    """A page 1400 x 900, light."""
    return new_page()


@pytest.fixture
def open_at(app_url: str, new_page: Callable[..., Page]) -> Callable[..., Page]:
    """A page opened by its address in the app, or a whole one: `open_at("map?steps=9", "chart_map", width=390)`."""

    def open_page(address: str, key: str, **options: object) -> Page:
        page = new_page(expected_errors=DEEP_LINK, **options)
        page.goto(urljoin(f"{app_url}/", address))
        wait_painted(page, key)
        wait_idle(page)
        return page

    return open_page
