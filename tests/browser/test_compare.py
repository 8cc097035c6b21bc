"""Pins in a real browser: pin two runs, compare them, and open the copied link somewhere else."""

import re
from urllib.parse import parse_qs, urlencode, urlsplit

import numpy as np
from playwright.sync_api import Page, expect

from dashboard.state.address import FIRST_SIGHT, link
from dashboard.state.pins import Pin, decoded, encoded
from nncore import run
from nncore.diagnosis import flow
from tests.browser.helpers import DEEP_LINK, chart, figure_data, wait_idle, wait_painted

SMALL = FIRST_SIGHT.replace(hidden=(5,) * 4, steps=20, n_samples=60)


def lines(page: Page) -> dict[str, list]:
    """The y of every run in the flow chart of the Compare page."""
    return {trace["name"]: trace["y"] for trace in figure_data(page, "chart_runs_flow")["data"]}


def pinned(page: Page) -> list[Pin]:
    return [decoded(text) for text in parse_qs(urlsplit(page.url).query).get("pin", [])]


def pin_in_lab(page: Page, count: int) -> None:
    page.get_by_role("button", name=re.compile("Pin$")).click()
    expect(page.get_by_role("link", name=re.compile(rf"Compare \({count}\)"))).to_be_visible()


def compare_shown(page: Page) -> None:
    for key in ("chart_runs_flow", "chart_runs_loss", "chart_runs_maps"):
        wait_painted(page, key)
    wait_idle(page)


def overflow(page: Page) -> int:
    return page.evaluate("() => document.documentElement.scrollWidth - window.innerWidth")


def test_two_pinned_runs_are_compared_and_the_copied_link_shows_the_same(new_page, app_url: str) -> None:
    page = new_page()
    page.goto(f"{app_url}/?{urlencode(link(SMALL))}")
    wait_painted(page, "chart_total")
    wait_idle(page)
    pin_in_lab(page, 1)
    expect(page.get_by_role("button", name=re.compile("Pinned"))).to_be_disabled()
    page.locator(".st-key-depth input[type=range]").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("button", name=re.compile("Pin$"))).to_be_enabled()
    pin_in_lab(page, 2)
    deep = SMALL.replace(hidden=(5,) * 5)
    page.get_by_role("link", name=re.compile(r"Compare \(2\)")).click()
    compare_shown(page)
    expected = {"sigmoid, 4 × 5": SMALL, "sigmoid, 5 × 5": deep}
    assert {pin.name: pin.config for pin in pinned(page)} == expected
    shown = lines(page)
    for name, config in expected.items():
        np.testing.assert_array_equal([y for y in shown[name] if y is not None], flow(run(config), 20).delta)

    page.get_by_label("Name", exact=True).fill("shallow")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("name%3Dshallow"))
    page.wait_for_function(
        "() => document.querySelector(`[data-testid='plot-chart_runs_flow']`).data.some(t => t.name === 'shallow')"
    )
    wait_idle(page)
    shown = lines(page)
    assert set(shown) == {"shallow", "sigmoid, 5 × 5"}

    other = new_page(expected_errors=DEEP_LINK)
    other.goto(page.url)
    compare_shown(other)
    assert lines(other) == shown
    assert pinned(other) == pinned(page)
    expect(other.get_by_role("cell", name="not comparable: 6 layers, not 5")).to_be_visible()

    other.get_by_role("button", name="Open in lab").click()
    wait_painted(other, "chart_total")
    wait_idle(other)
    expect(other.locator(".st-key-depth input[type=range]")).to_have_value("4")
    assert len(pinned(other)) == 2
    other.reload()
    wait_painted(other, "chart_total")
    expect(other.get_by_role("link", name=re.compile(r"Compare \(2\)"))).to_be_visible()


def test_phone_compares_without_scrolling_sideways_and_by_keyboard(new_page, app_url: str) -> None:
    page = new_page(390, 844, expected_errors=DEEP_LINK)
    pins = [("pin", encoded(Pin(name, SMALL.replace(activation=name)))) for name in ("sigmoid", "relu")]
    page.goto(f"{app_url}/compare?{urlencode(pins)}")
    compare_shown(page)
    assert overflow(page) <= 0
    box = chart(page, "chart_runs_flow").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    slider = page.locator(".st-key-at_share input[type=range]")
    slider.focus()
    page.keyboard.press("Home")
    start = flow(run(SMALL), 0).delta.tolist()
    page.wait_for_function(
        "start => document.querySelector(`[data-testid='plot-chart_runs_flow']`).calcdata[0][0].y === start[0]",
        arg=start,
    )
    assert lines(page)["sigmoid"] == start


def test_seed_bands_appear_when_seeds_are_asked_for(page: Page, app_url: str) -> None:
    page.goto(f"{app_url}/?{urlencode(link(SMALL))}")
    wait_painted(page, "chart_total")
    wait_idle(page)
    page.get_by_label("Seeds", exact=True).fill("12")
    page.keyboard.press("Enter")
    expect(page.get_by_text("percentile of 12 seeds")).to_be_visible()
    page.wait_for_function(
        "() => document.querySelector(`[data-testid='plot-chart_flow']`).data.some(t => t.name === '10–90 % of 12 seeds')"
    )
    wait_idle(page)
    page.wait_for_url(re.compile("seeds=12"))
