"""Pages 3 and 4 in Chromium: play and rewind, the inspector from a lab's address, and the way back to the lab."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.helpers import figure_data, painted, wait_idle, wait_painted

NewPage = Callable[..., Page]
DEEP_LINK = ("404",)
"""Streamlit asks for its health below a page's own path first when a page is opened by its address."""


def open_at(new_page: NewPage, url: str, key: str, **options: object) -> Page:
    page = new_page(expected_errors=DEEP_LINK, **options)
    page.goto(url)
    wait_painted(page, f"chart_{key}")
    wait_idle(page)
    return page


def step_of(page: Page) -> int:
    return int(page.get_by_role("slider", name="Step").input_value())


def test_descent_plays_to_the_end_and_rewinds(app_url: str, new_page: NewPage) -> None:
    page = open_at(new_page, f"{app_url}/lecture_backward?b_part=Descent&b_steps=60&b_alpha=0.3", "b_curve")
    start = figure_data(page, "chart_b_curve")["data"][1]["y"]
    page.get_by_role("button", name="Play").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    page.get_by_role("button", name="Play").wait_for()
    assert step_of(page) == 60
    end = figure_data(page, "chart_b_curve")["data"][1]["y"]
    assert max(abs(a - b) for a, b in zip(start, end, strict=True)) > 0.3
    before = painted(page, "chart_b_curve")
    page.get_by_role("button", name="Rewind").click()
    wait_painted(page, "chart_b_curve", after=before)
    wait_idle(page)
    assert step_of(page) == 0
    assert figure_data(page, "chart_b_curve")["data"][1]["y"] == pytest.approx(start)


def test_any_step_is_reached_by_keyboard_and_stays_in_the_address(app_url: str, new_page: NewPage) -> None:
    page = open_at(new_page, f"{app_url}/lecture_backward?b_part=Descent&b_step=5", "b_loss")
    before = painted(page, "chart_b_loss")
    slider = page.get_by_role("slider", name="Step")
    slider.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    wait_painted(page, "chart_b_loss", after=before)
    wait_idle(page)
    assert step_of(page) == 8
    page.wait_for_url("**b_step=8*")


def test_a_dragged_theta_changes_the_chain(app_url: str, new_page: NewPage) -> None:
    page = open_at(new_page, f"{app_url}/lecture_backward", "b_check")
    expect(page.get_by_test_id("stMain")).to_contain_text("0.228784")
    page.get_by_role("slider", name="θ1").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_test_id("stMain")).to_contain_text("O12 = 0.3659")
    page.wait_for_url("**b_theta1=-0.15*")


def test_the_inspector_opens_from_the_address_of_a_lab_run(app_url: str, new_page: NewPage) -> None:
    lab = "dataset=moons&depth=4&width=8&activation=tanh&steps=30&step=12"
    page = open_at(new_page, f"{app_url}/lecture_backward?b_part=Inspector&{lab}", "b_paths")
    main = page.get_by_test_id("stMain")
    expect(main).to_contain_text("moons, 2 - 8 - 8 - 8 - 8 - 1, tanh")
    expect(main).to_contain_text("at step 12, sample 0")
    before = painted(page, "chart_b_layers")
    page.get_by_role("spinbutton", name="Layer").fill("3")
    page.keyboard.press("Enter")
    wait_painted(page, "chart_b_layers", after=before)
    expect(main).to_contain_text("of layer 3 at step 12")


def test_page_4_leads_to_the_lab_s_set_up(app_url: str, new_page: NewPage) -> None:
    page = open_at(new_page, f"{app_url}/lecture_vanishing?v_theta=8", "v_map")
    page.get_by_role("link", name="tanh and Xavier mend it").click()
    wait_painted(page, "chart_flow")
    wait_idle(page)
    page.wait_for_url("**activation=tanh*")
    expect(page.get_by_role("combobox", name="Activation").first).to_have_value("tanh")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("lecture_backward", "b_check"),
        ("lecture_backward?b_part=Slope", "b_slope"),
        ("lecture_backward?b_part=Descent", "b_parameters"),
        ("lecture_vanishing", "v_map"),
    ],
)
def test_a_narrow_screen_does_not_scroll_sideways(
    app_url: str, new_page: NewPage, path: str, key: str, dark: bool
) -> None:
    page = open_at(new_page, f"{app_url}/{path}", key, width=390, dark=dark)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator(".katex-error").count() == 0
