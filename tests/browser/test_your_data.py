"""Uploaded and drawn data in a real browser: a file chosen from and trained on, points by click, nothing for a stranger."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.helpers import DEEP_LINK, chart, choose, figure_data, wait_idle, wait_painted

CSV = b"x;side;y\n" + b"".join(
    b"%d,5;%s;%d,25\n" % (n % 9 - 4, b"left" if n % 9 < 4 else b"right", 3 * (n % 9)) for n in range(45)
)


@pytest.fixture
def page(new_page) -> Page:
    return new_page(expected_errors=DEEP_LINK)


def wait_for_trace(page: Page, key: str, place: int, condition: str) -> dict:
    """Wait until a trace of a chart fulfils a condition in JavaScript; returns it."""
    page.wait_for_function(
        f"key => {{ const trace = document.querySelector(`[data-testid='plot-${{key}}']`)?.data?.[{place}]; "
        f"const [x, y] = [trace?.x, trace?.y].map(values => Array.from(values?._inputArray ?? values ?? [])); "
        f"return {condition}; }}",
        arg=key,
    )
    return figure_data(page, key)["data"][place]


def choose_file(page: Page, content: bytes = CSV) -> None:
    file = {"name": "sides.csv", "mimeType": "text/csv", "buffer": content}
    page.locator("input[type=file]").set_input_files(file)


def test_file_is_chosen_from_and_trained_on_and_its_link_says_nothing(page: Page, new_page, app_url: str) -> None:
    page.goto(f"{app_url}/your_data")
    page.locator("input[type=file]").wait_for(state="attached")
    choose_file(page)
    wait_painted(page, "chart_target")
    choose(page.get_by_role("combobox", name=re.compile("Target")), "side")
    page.get_by_text("Always answering the largest class is right in 56 % of the rows").wait_for()
    page.get_by_role("button", name="Train on it in the lab").click()
    wait_painted(page, "chart_loss")
    wait_painted(page, "chart_learned")
    wait_idle(page)
    losses = next(t["y"] for t in figure_data(page, "chart_loss")["data"] if t["name"] == "training")
    assert losses[-1] < 0.2 * losses[0]
    expect(page.get_by_text("sides.csv: side from 2 columns")).to_be_visible()
    page.wait_for_url(re.compile(r"table=[0-9a-f]{32}\.c1\.0_2(&|$)"))
    stranger = new_page(expected_errors=DEEP_LINK)
    stranger.goto(page.url)
    expect(stranger.get_by_text("The data itself is never part of a link")).to_be_visible()
    expect(stranger.locator("input[type=file]")).to_be_attached()
    assert stranger.locator("[data-testid^='plot-chart_']").count() == 0


def test_points_are_added_by_click_and_by_number(page: Page, app_url: str) -> None:
    page.goto(f"{app_url}/your_data?own=Click+points")
    wait_painted(page, "points")
    page.get_by_role("radio", name="B").or_(page.get_by_role("button", name="B", exact=True)).first.click()
    wait_idle(page)
    box = chart(page, "points").locator(".nsewdrag").first.bounding_box()
    page.mouse.click(box["x"] + 0.75 * box["width"], box["y"] + 0.25 * box["height"])
    added = wait_for_trace(page, "points", 2, "x.length === 13")
    assert added["name"] == "class B"
    assert (added["x"][-1], added["y"][-1]) == pytest.approx((1.5, 1.5), abs=0.1)
    for label, value in (("x₁", "-2.5"), ("x₂", "2")):
        page.get_by_role("spinbutton", name=label).fill(value)
        page.keyboard.press("Tab")
        wait_idle(page)
    page.get_by_role("button", name="Add").focus()
    page.keyboard.press("Enter")
    added = wait_for_trace(page, "points", 2, "x.length === 14")
    assert (added["x"][-1], added["y"][-1]) == (-2.5, 2.0)
    with page.expect_download() as caught:
        page.get_by_role("button", name="Save as CSV").click()
    assert caught.value.path().read_bytes().endswith(b"\n-2.5,2.0,B\n")


def test_phone_shows_the_canvas_and_a_file_without_scrolling_sideways(new_page, app_url: str) -> None:
    page = new_page(390, 844, touch=True, dark=True, expected_errors=DEEP_LINK)
    page.goto(f"{app_url}/your_data?own=Draw+a+function")
    wait_painted(page, "function")
    wait_idle(page)
    chart(page, "function").locator(".nsewdrag").first.tap(position={"x": 20, "y": 20})
    wait_for_trace(page, "function", 2, "x.length === 10 && Math.max(...y) > 2")
    page.get_by_text("Upload a CSV").click()
    choose_file(page)
    wait_painted(page, "chart_target")
    wait_idle(page)
    wide = page.evaluate("() => document.querySelector('[data-testid=stMain]').scrollWidth")
    assert wide <= 390
