"""The projector view in a real browser: large type that stays, a clicker's keys, the link as a QR code."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.helpers import chart, painted, wait_idle, wait_painted
from tests.browser.test_lab import overflow, shown


def wait_projected(page: Page) -> None:
    """Wait for the large type, whose style can be drawn later than a chart."""
    page.wait_for_function("() => getComputedStyle(document.documentElement).fontSize === '21.6px'")


def wait_at_top(page: Page, key: str) -> None:
    """Wait until a card stands below the header and the player's bar."""
    page.wait_for_function(
        "key => { const y = document.querySelector(`.st-key-card_${key}`).getBoundingClientRect().top;"
        " return y > 0 && y < 0.3 * window.innerHeight; }",
        arg=key,
    )


def test_projector_is_large_still_fits_and_goes_with_the_reader(page: Page, app_url: str) -> None:
    shown(page, app_url)
    normal = chart(page, "chart_flow").bounding_box()["height"]
    count = painted(page, "chart_flow")
    page.get_by_text("Projector", exact=True).click()
    wait_painted(page, "chart_flow", after=count)
    page.wait_for_url(re.compile("large=true"))
    wait_projected(page)
    page.wait_for_function(
        "height => document.querySelector(`[data-testid='plot-chart_flow']`).clientHeight > 1.2 * height", arg=normal
    )
    assert overflow(page) <= 0
    page.get_by_role("link", name="Experiments").click()
    page.locator(".st-key-card_two_units svg[role=img]").wait_for()
    page.wait_for_url(re.compile("gallery.*large=true"))
    wait_projected(page)
    page.keyboard.press("PageDown")
    page.wait_for_function("() => document.querySelector('[data-testid=stMain]').scrollTop > 0")
    page.get_by_text("Projector", exact=True).click()
    page.wait_for_function("() => getComputedStyle(document.documentElement).fontSize === '16px'")


def test_the_switch_lies_below_the_sidebar_of_a_phone(page: Page, app_url: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    shown(page, app_url)
    on_top = """() => { const { left, top, height } = document.querySelector(".st-key-projector").getBoundingClientRect();
        const found = document.elementFromPoint(left + 8, top + height / 2);
        return Boolean(found.closest(".st-key-projector")) ? "switch" : found.closest("[data-testid=stSidebar]") ? "sidebar" : ""; }"""
    assert page.evaluate(on_top) == "switch"
    page.get_by_test_id("stExpandSidebarButton").click()
    page.wait_for_function(f"() => ({on_top})() === 'sidebar'")


def scrolled(page: Page) -> float:
    return page.evaluate("() => document.querySelector('[data-testid=stMain]').scrollTop")


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (390, 844)])
def test_a_clicker_goes_from_chart_to_chart(open_at, width: int, height: int) -> None:
    page = open_at("lecture_vanishing?large=true", "chart_v_map", width=width, height=height, reduced_motion=True)
    wait_projected(page)
    assert overflow(page) <= 0
    wait_painted(page, "chart_v_factor")
    places = [scrolled(page)]
    for _ in range(2):
        page.keyboard.press("PageDown")
        page.wait_for_function("y => document.querySelector('[data-testid=stMain]').scrollTop > y", arg=places[-1])
        places.append(scrolled(page))
    page.keyboard.press("PageUp")
    page.wait_for_function("y => document.querySelector('[data-testid=stMain]').scrollTop === y", arg=places[1])
    page.locator(".st-key-v_depth input[type=range]").evaluate("slider => slider.focus({preventScroll: true})")
    page.keyboard.press("PageDown")  # the clicker's, not the slider's
    page.wait_for_function("y => document.querySelector('[data-testid=stMain]').scrollTop === y", arg=places[2])
    page.keyboard.press("1")
    page.wait_for_function("y => document.querySelector('[data-testid=stMain]').scrollTop === y", arg=places[1])


def test_each_chart_of_the_lab_comes_below_the_players_bar_in_turn(open_at) -> None:
    page = open_at(
        "?large=true&why=true&depth=6&width=6&steps=40&n_samples=60",
        "chart_saturation",
        width=1920,
        height=1080,
        reduced_motion=True,
    )
    for key in ("network", "flow", "loss"):
        page.keyboard.press("PageDown")
        wait_at_top(page, key)
        expect(chart(page, f"chart_{key}") if key != "network" else page.locator(".nncore-network")).to_be_in_viewport(
            ratio=0.8
        )


def test_the_link_is_shown_as_a_code_without_the_projector(open_at) -> None:
    page = open_at("lecture_vanishing?large=true&v_depth=7", "chart_v_product")
    page.get_by_role("button", name="Link").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("img", name="QR code of the link")).to_be_visible()
    expect(dialog.get_by_test_id("stCode")).to_contain_text("lecture_vanishing?v_depth=7")
    expect(dialog.get_by_test_id("stCode")).not_to_contain_text("large")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    wait_idle(page)
    page.get_by_role("button", name="θ = 1", exact=True).click()  # the page is drawn anew
    expect(page.get_by_text("After 7 layers")).to_be_visible()
    wait_idle(page)
    expect(dialog).to_have_count(0)
