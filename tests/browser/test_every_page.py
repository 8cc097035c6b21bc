"""Every page in Chromium: its first screen holds its figure, and nothing is wider than a phone."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.browser.helpers import DEEP_LINK, wait_idle
from tests.patience import until

OpenAt = Callable[..., Page]

PAGES = (
    "",
    "gallery",
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

LOWEST = 700
"""Pixels of the 900 above which the first figure begins."""

TOPS = """figures => figures.map(each => each.getBoundingClientRect()).filter(box => box.height > 60 && box.width > 60)
    .map(box => box.top)"""


def opened(new_page: OpenAt, app_url: str, address: str, width: int = 1400) -> Page:
    page = new_page(width=width, expected_errors=DEEP_LINK)
    page.goto(f"{app_url}/{address}")
    page.locator(FIGURES).first.wait_for()
    wait_idle(page)
    return page


@pytest.mark.parametrize("query", ["", "?large=true"], ids=["usual type", "large type"])
@pytest.mark.parametrize("address", PAGES)
def test_first_figure_is_in_sight_without_scrolling(new_page: OpenAt, app_url: str, address: str, query: str) -> None:
    page = opened(new_page, app_url, address + query)
    until(lambda: min(page.locator(FIGURES).evaluate_all(TOPS), default=900) < LOWEST)


@pytest.mark.parametrize("address", [*PAGES, "compare", "your_data", "own_model", "open_file"])
def test_nothing_is_wider_than_a_phone(new_page: OpenAt, app_url: str, address: str) -> None:
    page = new_page(width=390, expected_errors=DEEP_LINK)
    page.goto(f"{app_url}/{address}")
    page.locator("[data-testid=stMainBlockContainer] h1, .st-key-step_row").first.wait_for()
    wait_idle(page)
    wide = "[document.documentElement, document.querySelector('[data-testid=stMain]')].map(each => each.scrollWidth)"
    assert max(page.evaluate(wide)) <= 390
