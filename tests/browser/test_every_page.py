"""Every page in Chromium: its first screen holds its figure, no legend meets a plot, nothing is wider than a phone."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.browser.helpers import DEEP_LINK, wait_idle

OpenAt = Callable[..., Page]

PAGES = (
    "",
    "gallery",
    "compare",
    "landscape",
    "propagation",
    "map",
    "neurons",
    "lecture_neuron",
    "lecture_forward",
    "lecture_backward",
    "lecture_vanishing",
)
"""Those that show a figure without anything being done first."""

FIGURES = ".nncore-plot, .nncore-network, .nncore-drawing svg, .nncore-theta svg, [data-testid=stMain] img"

FIRST = f"""() => Math.min(...[...document.querySelectorAll("{FIGURES}")].map(each => each.getBoundingClientRect())
    .filter(box => box.height > 60 && box.width > 60).map(box => box.top))"""

LEGENDS = """() => [...document.querySelectorAll(".nncore-plot-graph")].flatMap(graph => {
    const legend = graph.querySelector(".legend")?.getBoundingClientRect();
    if (!legend) return [];
    return [...graph.querySelectorAll(".nsewdrag")].map(plot => plot.getBoundingClientRect()).filter(plot =>
        Math.min(legend.right, plot.right) - Math.max(legend.left, plot.left) > 1 &&
        Math.min(legend.bottom, plot.bottom) - Math.max(legend.top, plot.top) > 1).map(() => graph.dataset.testid);
})"""


def opened(new_page: OpenAt, app_url: str, address: str, width: int = 1400) -> Page:
    page = new_page(width=width, expected_errors=DEEP_LINK)
    page.goto(f"{app_url}/{address}")
    page.locator(FIGURES).first.wait_for()
    wait_idle(page)
    return page


@pytest.mark.parametrize("address", PAGES)
def test_first_figure_is_in_sight_without_scrolling_also_in_large_type(
    new_page: OpenAt, app_url: str, address: str
) -> None:
    for query in ("", "?large=true"):
        page = opened(new_page, app_url, address + query)
        page.wait_for_function(f"({FIRST})() < 700")


@pytest.mark.parametrize("address", PAGES)
def test_no_legend_meets_a_plot_after_any_resize(new_page: OpenAt, app_url: str, address: str) -> None:
    page = opened(new_page, app_url, address)
    for width in (700, 1000, 390, 1400):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_function(f"({LEGENDS})().length === 0")


@pytest.mark.parametrize("address", [*PAGES, "fork", "your_data", "own_model", "open_file"])
def test_nothing_is_wider_than_a_phone(new_page: OpenAt, app_url: str, address: str) -> None:
    page = new_page(width=390, expected_errors=DEEP_LINK)
    page.goto(f"{app_url}/{address}")
    page.locator("[data-testid=stMainBlockContainer] h1, .st-key-step_row").first.wait_for()
    wait_idle(page)
    wide = "[document.documentElement, document.querySelector('[data-testid=stMain]')].map(each => each.scrollWidth)"
    assert max(page.evaluate(wide)) <= 390
