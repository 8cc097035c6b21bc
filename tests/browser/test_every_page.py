"""Every page in Chromium: its first screen holds its figure, no legend meets a plot, and nothing is wider than a phone."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from tests.browser.helpers import DEEP_LINK, wait_idle
from tests.dashboard.lab import UNFOLDED
from tests.patience import until

OpenAt = Callable[..., Page]

PAGES = (
    "",
    "gallery",
    "landscape",
    "propagation",
    "map",
    "neurons",
    "fork",
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


UNFOLDED_LAB = f"?{urlencode(UNFOLDED)}"

WITHOUT_LEGENDS = ("gallery", "lecture_backward")
WITH_LEGENDS = [address or UNFOLDED_LAB for address in PAGES if address not in WITHOUT_LEGENDS]

WIDTHS = (700, 1000, 390, 1400)
"""A window that is narrowed and widened again: each of these once left a legend where it had stood before."""

LEGENDS = """graphs => graphs.filter(graph => graph.dataset.painted && graph.clientWidth).flatMap(graph => {
    const box = element => element.getBoundingClientRect(), plots = [...graph.querySelectorAll(".nsewdrag")].map(box);
    const meet = (one, other) => Math.min(one.right, other.right) - Math.max(one.left, other.left) > 1
        && Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top) > 1;
    const isDrawn = Math.abs(graph._fullLayout.width - graph.clientWidth) <= 1;
    return [...graph.querySelectorAll(".legend .bg")].map(box).map(legend => ({
        chart: graph.dataset.testid, isDrawn, meets: plots.some(plot => meet(legend, plot)) }));
})"""
"""Of each legend: its chart, whether that is drawn for the width that it has, and whether the legend stands on its plot."""

REST = "() => new Promise(resolve => requestAnimationFrame(() => setTimeout(resolve)))"
"""Until what has been asked for is painted."""


def opened(new_page: OpenAt, app_url: str, address: str, width: int = 1400) -> Page:
    page = new_page(width=width, expected_errors=DEEP_LINK)
    page.goto(f"{app_url}/{address}")
    page.locator(FIGURES).first.wait_for()
    wait_idle(page)
    return page


def legends(page: Page) -> list[dict[str, Any]]:
    return page.locator(".nncore-plot-graph").evaluate_all(LEGENDS)


@pytest.mark.parametrize("address", PAGES)
def test_a_page_has_one_main_heading(new_page: OpenAt, app_url: str, address: str) -> None:
    expect(opened(new_page, app_url, address).get_by_role("heading", level=1)).to_have_count(1)


@pytest.mark.parametrize("query", ["", "?large=true"], ids=["usual type", "large type"])
@pytest.mark.parametrize("address", PAGES)
def test_first_figure_is_in_sight_without_scrolling(new_page: OpenAt, app_url: str, address: str, query: str) -> None:
    page = opened(new_page, app_url, address + query)
    until(lambda: min(page.locator(FIGURES).evaluate_all(TOPS), default=900) < LOWEST)


@pytest.mark.parametrize("address", WITH_LEGENDS)
def test_no_legend_meets_its_plot_after_a_resize(new_page: OpenAt, app_url: str, address: str) -> None:
    page = opened(new_page, app_url, address)
    page.locator(".nncore-plot .legend").first.wait_for()
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        until(lambda: (found := legends(page)) and all(legend["isDrawn"] for legend in found))
        page.evaluate(REST)
        until(lambda: not any(legend["meets"] for legend in legends(page)))


@pytest.mark.parametrize("address", [*PAGES, "compare", "your_data", "own_model", "open_file"])
def test_nothing_is_wider_than_a_phone(new_page: OpenAt, app_url: str, address: str) -> None:
    page = new_page(width=390, expected_errors=DEEP_LINK)
    page.goto(f"{app_url}/{address}")
    page.locator("[data-testid=stMainBlockContainer] h1, .st-key-step_row").first.wait_for()
    wait_idle(page)
    wide = "[document.documentElement, document.querySelector('[data-testid=stMain]')].map(each => each.scrollWidth)"
    assert max(page.evaluate(wide)) <= 390
