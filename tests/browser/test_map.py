"""The trainability map in a browser: it paints, a click opens a cell's run in the lab, Stop keeps what is there."""

import re
from collections.abc import Callable
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from dashboard.state.address import FIRST_SIGHT, link
from tests.browser.helpers import DEEP_LINK, chart, figure_data, wait_idle, wait_painted

NARROW = link(FIRST_SIGHT.replace(hidden=(4,) * 12, activation="tanh", steps=10, n_samples=40))


@pytest.fixture
def page(new_page: Callable[..., Page]) -> Page:
    return new_page(expected_errors=DEEP_LINK)


def open_map(page: Page, url: str, **query: str) -> None:
    page.goto(f"{url}/map?{urlencode(NARROW | query, doseq=True)}")
    wait_painted(page, "chart_map")


def wait_complete(page: Page) -> None:
    expect(page.get_by_role("button", name="Stop and keep")).to_have_count(0)
    wait_idle(page)


def cells(page: Page) -> list[float]:
    heat = figure_data(page, "chart_map")["data"][0]["z"]
    return [value for row in heat for value in (row.values() if isinstance(row, dict) else row)]


def click_cell(page: Page, x: float, y: float) -> None:
    chart(page, "chart_map").scroll_into_view_if_needed()
    place = chart(page, "chart_map").evaluate(
        "(g, [x, y]) => { const b = g.getBoundingClientRect(), l = g._fullLayout;"
        " return [b.x + l.xaxis._offset + l.xaxis.d2p(x), b.y + l.yaxis._offset + l.yaxis.d2p(y)]; }",
        [x, y],
    )
    page.mouse.click(*place)


def test_default_map_paints_and_a_click_on_a_cell_opens_its_run_in_the_lab(page: Page, app_url: str) -> None:
    open_map(page, app_url)
    wait_complete(page)
    found = figure_data(page, "chart_map")
    heat = found["data"][0]
    assert (len(heat["y"]), len(heat["x"])) == (15, 30)
    assert len(cells(page)) == 450
    assert all(isinstance(value, (int, float)) for value in cells(page))
    assert {"6 ξ, depth that trains", "you are here"} <= {trace.get("name") for trace in found["data"]}
    gain = heat["x"][20]
    click_cell(page, gain, 26)
    wait_painted(page, "chart_flow")
    page.wait_for_url(re.compile(r"depth=26"))
    page.wait_for_url(lambda url: re.search(rf"[?&]gain={gain:g}\b", url) and "/map" not in url)
    wait_idle(page)
    assert figure_data(page, "chart_flow")["layout"]["xaxis"]["range"] == [0.5, 27.5]


def test_keyboard_alone_opens_a_run(page: Page, app_url: str) -> None:
    open_map(page, app_url, m_depth_n="2", m_gain_n="3", m_depth_high="4")
    wait_complete(page)
    menu = page.get_by_role("combobox", name="Depth of the cell")
    menu.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.type("2")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"m_cell_depth=2"))
    wait_idle(page)  # the button opens the cell that the page was last drawn with
    button = page.get_by_role("button", name="Open this run in the lab")
    button.focus()
    page.keyboard.press("Enter")
    wait_painted(page, "chart_flow")
    page.wait_for_url(re.compile(r"[?&]depth=2(&|$)"))


def test_stop_keeps_the_cells_that_are_there(page: Page, app_url: str) -> None:
    open_map(page, app_url, m_seeds="8", width="64", n_samples="1000")
    stop = page.get_by_role("button", name="Stop and keep")
    stop.click()
    expect(page.get_by_text(re.compile(r"Stopped: [\d,]+ of 3,600 runs are in\."))).to_be_visible()
    wait_idle(page)
    expect(page.get_by_role("button", name="Run all of the map")).to_be_visible()
    done = int(re.search(r"Stopped: ([\d,]+) of", page.inner_text("[data-testid=stMain]")).group(1).replace(",", ""))
    assert 0 < done < 3600
    assert any(isinstance(value, (int, float)) for value in cells(page))
