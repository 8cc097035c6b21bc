"""Waiting for a chart, reading it, playing it, photographing the page."""

from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, WebSocket
from playwright.sync_api import TimeoutError as NotYet

from tests.patience import until

DEEP_LINK = ("404 (Not Found)",)
"""Opened by its address, a page's script looks for the server below that address first, which Chromium reports."""

# plotly.js keeps the encoded form of an array and what it made of it, in two dimensions a list of typed arrays.
_FIGURE = """key => {
    const graph = document.querySelector(`[data-testid='plot-${key}']`);
    return graph?._fullLayout && JSON.parse(JSON.stringify(
        {data: graph.data, layout: graph.layout, width: graph._fullLayout.width, height: graph._fullLayout.height},
        (key, value) => {
            const array = value?._inputArray ?? value;
            return ArrayBuffer.isView(array) ? Array.from(array) : key.startsWith("_") ? undefined : array;
        }));
}"""


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
    """What the chart shows once it is drawn: {"data", "layout", "width", "height"}, as plotly.js holds it."""
    return page.wait_for_function(_FIGURE, arg=key).json_value()


def wait_at_rest(page: Page) -> None:
    """Wait until the browser, too, has nothing left to do: only then does Streamlit listen for the keys of a new button."""
    wait_idle(page)
    page.evaluate("() => new Promise(requestIdleCallback)")


def wait_idle(page: Page) -> None:
    """Wait until Streamlit has finished its run, and what it has drawn is there: it loads a widget's code when it needs it."""
    page.wait_for_function(
        """() => document.querySelector("[data-testid=stApp][data-test-script-state=notRunning]")
            && !document.querySelector("[data-testid=stSkeleton]")"""
    )


def choose(field: Locator, option: str, *, typed: str | None = None) -> None:
    """Take an option from the list of a field, by mouse or after typing what narrows the list down.

    A page that is drawn anew closes a list that is open; then it is opened again, as a reader would.
    """
    offered = field.page.get_by_role("option", name=option, exact=True)

    def taken() -> bool:
        if not offered.is_visible():
            field.click()
            if typed is not None:
                field.fill(typed)
        try:
            offered.click(timeout=10_000)
        except NotYet:
            return False
        return True

    until(taken)


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


def player_button(page: Page, name: str) -> Locator:
    """A button of the player."""
    return page.get_by_role("group", name="Play the training").get_by_role("button", name=name, exact=True)


def set_speed(page: Page, speed: str) -> None:
    """Play so many times as fast."""
    page.get_by_role("combobox", name="Speed").select_option(speed)


def play_slowly(page: Page, key: str = "chart_flow") -> None:
    """Play at a frame a second, so that a busy machine can still pause in the middle; wait for the second frame.

    The chart is brought into sight first: one that nobody sees draws no frames.
    """
    chart(page, key).scroll_into_view_if_needed()
    page.get_by_role("combobox", name="Speed").evaluate(
        "select => { select.add(new Option('slow', '0.2')); select.value = '0.2'; }"
    )
    player_button(page, "Play").press("Enter")
    wait_for_frame(page, 1, key)


def record_frames(page: Page) -> None:
    """Keep in `window.frames_named` what the player names."""
    page.evaluate(
        "() => { window.frames_named = [];"
        " window.addEventListener('nncore-frame', ({detail}) => window.frames_named.push(detail.frame)); }"
    )


def wait_for_frame(page: Page, at_least: int, key: str = "chart_flow") -> None:
    """Wait until a chart has drawn this frame or a later one."""
    page.wait_for_function(
        "([key, frame]) => { const at = document.querySelector(`[data-testid='plot-${key}']`).dataset.frame;"
        " return at && Number(at) >= frame; }",
        arg=[key, at_least],
    )


def websocket_messages(page: Page) -> list[str]:
    """What goes over the websocket of a page that is about to be opened, either way."""
    seen: list[str] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framesent", lambda _: seen.append("sent"))
        socket.on("framereceived", lambda _: seen.append("received"))

    page.on("websocket", listen)
    return seen
