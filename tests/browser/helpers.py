"""Waiting for a chart, reading it, photographing the page."""

from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page

# plotly.js keeps the encoded form of an array and what it made of it, in two dimensions a list of typed arrays.
_FIGURE = """graph => JSON.parse(JSON.stringify(
    {data: graph.data, layout: graph.layout, width: graph._fullLayout.width, height: graph._fullLayout.height},
    (key, value) => {
        const array = value?._inputArray ?? value;
        return ArrayBuffer.isView(array) ? Array.from(array) : key.startsWith("_") ? undefined : array;
    }))"""


def chart(page: Page, key: str) -> Locator:
    """The graph node of the chart `key`."""
    return page.get_by_test_id(f"plot-{key}")


def painted(page: Page, key: str) -> int:
    """How often the chart has been painted so far."""
    return int(chart(page, key).get_attribute("data-painted") or 0)


def wait_painted(page: Page, key: str, after: int = 0) -> int:
    """Wait until the chart has been painted more than `after` times; returns how often it has been."""
    page.locator(f'[data-testid="plot-{key}"][data-painted]').wait_for()
    page.wait_for_function(
        "([key, after]) => document.querySelector(`[data-testid='plot-${key}']`)?.dataset.painted > after",
        arg=[key, after],
    )
    return painted(page, key)


def figure_data(page: Page, key: str) -> dict[str, Any]:
    """What the chart shows now: {"data", "layout", "width", "height"}, as plotly.js holds it."""
    return chart(page, key).evaluate(_FIGURE)


def wait_idle(page: Page) -> None:
    """Wait until Streamlit has finished its run."""
    page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for()


def show_all(page: Page) -> None:
    """Make the viewport as high as the page's content, which scrolls inside Streamlit's own container."""
    for _ in range(3):  # a higher viewport can make room for more
        height = page.evaluate(
            """() => Math.max(window.innerHeight, ...["stMain", "stSidebarContent"].map(id =>
                document.querySelector(`[data-testid="${id}"]`)?.scrollHeight ?? 0))"""
        )
        if height <= page.viewport_size["height"]:
            return
        page.set_viewport_size({"width": page.viewport_size["width"], "height": height})
        page.wait_for_timeout(400)


def screenshot(page: Page, path: Path | str, *, full: bool = True) -> None:
    """A picture of the page, all of it unless full is False."""
    if full:
        show_all(page)
    page.screenshot(path=str(path))
