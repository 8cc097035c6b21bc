"""Pages 3 and 4 in Chromium: play and rewind, the inspector from a lab's address, and the way back to the lab."""

from collections.abc import Callable

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from dashboard.views.lecture.worked_example import EXAMPLE_THETA, descent_from
from nncore.lecture.models import forward
from tests.browser.helpers import (
    DEEP_LINK,
    figure_data,
    painted,
    play_slowly,
    player_button,
    record_frames,
    set_speed,
    wait_idle,
    wait_painted,
    websocket_messages,
)

OpenAt = Callable[..., Page]


def step_of(page: Page) -> int:
    return int(page.get_by_role("slider", name="Step").input_value())


def test_descent_plays_to_the_end_and_rewinds(open_at: OpenAt) -> None:
    page = open_at("lecture_backward?b_part=Descent&b_steps=60&b_alpha=0.3", "chart_b_curve")
    start = figure_data(page, "chart_b_curve")["data"][1]["y"]
    set_speed(page, "4")
    player_button(page, "Play").click()
    expect(player_button(page, "Pause")).to_be_visible()
    player_button(page, "Play").wait_for()
    expect(page.get_by_role("slider", name="Step")).to_have_value("60")
    wait_idle(page)
    page.wait_for_url("**b_step=60*")
    end = figure_data(page, "chart_b_curve")["data"][1]["y"]
    assert max(abs(a - b) for a, b in zip(start, end, strict=True)) > 0.3
    before = painted(page, "chart_b_curve")
    player_button(page, "First step").click()
    wait_painted(page, "chart_b_curve", after=before)
    wait_idle(page)
    expect(page.get_by_role("slider", name="Step")).to_have_value("0")
    assert figure_data(page, "chart_b_curve")["data"][1]["y"] == pytest.approx(start)


def test_descent_plays_without_the_server_and_rests_where_it_is_paused(app_url: str, new_page: OpenAt) -> None:
    page = new_page(expected_errors=DEEP_LINK)
    messages = websocket_messages(page)
    page.goto(f"{app_url}/lecture_backward?b_part=Descent&b_steps=40&b_alpha=0.3")
    wait_painted(page, "chart_b_parameters")
    wait_idle(page)
    record_frames(page)
    play_slowly(page, "chart_b_curve")
    wait_idle(page)
    expect(page.get_by_role("slider", name="Step")).to_have_count(0)  # the frames' track stands in its place
    expect(page.get_by_role("slider", name="Frame")).to_be_in_viewport()
    messages.clear()
    set_speed(page, "4")
    page.wait_for_function("() => window.frames_named.at(-1) > 20")
    assert messages == []
    set_speed(page, "0.2")
    page.get_by_role("slider", name="Frame").focus()
    page.keyboard.press("Home")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.wait_for_function("() => !document.body.classList.contains('nncore-playing')")
    wait_idle(page)
    expect(page.get_by_text("Plays all 41 records.")).to_be_visible()
    step = step_of(page)
    assert step <= 3  # a busy machine may come to rest between two presses
    if step:
        page.wait_for_url(f"**b_step={step}*")
    curve = figure_data(page, "chart_b_curve")["data"][1]
    theta = descent_from(EXAMPLE_THETA, 0.3, 40).theta[step]
    np.testing.assert_allclose(curve["y"], forward(theta, np.array(curve["x"])).f, atol=1e-12)


def test_any_step_is_reached_by_keyboard_and_stays_in_the_address(open_at: OpenAt) -> None:
    page = open_at("lecture_backward?b_part=Descent&b_step=5", "chart_b_loss")
    before = painted(page, "chart_b_loss")
    slider = page.get_by_role("slider", name="Step")
    slider.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    wait_painted(page, "chart_b_loss", after=before)
    wait_idle(page)
    expect(page.get_by_role("slider", name="Step")).to_have_value("8")
    page.wait_for_url("**b_step=8*")


def test_a_dragged_theta_changes_the_chain(open_at: OpenAt) -> None:
    page = open_at("lecture_backward", "chart_b_check")
    expect(page.get_by_test_id("stMain")).to_contain_text("0.228784")
    page.get_by_role("slider", name="θ1").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_test_id("stMain")).to_contain_text("O12 = 0.3659")
    page.wait_for_url("**b_theta1=-0.15*")


def test_the_inspector_opens_from_the_address_of_a_lab_run(open_at: OpenAt) -> None:
    lab = "dataset=moons&depth=4&width=8&activation=tanh&steps=30&step=12"
    page = open_at(f"lecture_backward?b_part=Inspector&{lab}", "chart_b_paths")
    main = page.get_by_test_id("stMain")
    expect(main).to_contain_text("moons, 2 - 8 - 8 - 8 - 8 - 1, tanh")
    expect(main).to_contain_text("at step 12, sample 0")
    before = painted(page, "chart_b_layers")
    page.get_by_role("spinbutton", name="Layer").fill("3")
    page.keyboard.press("Enter")
    wait_painted(page, "chart_b_layers", after=before)
    expect(main).to_contain_text("of layer 3 at step 12")


def test_page_4_leads_to_the_lab_s_set_up(open_at: OpenAt) -> None:
    page = open_at("lecture_vanishing?v_theta=8", "chart_v_map")
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
def test_a_narrow_screen_does_not_scroll_sideways(open_at: OpenAt, path: str, key: str, dark: bool) -> None:
    page = open_at(path, f"chart_{key}", width=390, dark=dark)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator(".katex-error").count() == 0


LONG = "-1.123456e-7, -9.1234567, -0.00012345, 9.1234567, -1.123456e-7, -9.1234567, 0.000123456"

OVERFLOW = """() => Math.max(...[...document.querySelectorAll(".katex-display")].map(display => {
    const right = display.closest("[data-testid=stElementContainer]").getBoundingClientRect().right;
    const signs = [...display.querySelectorAll(".katex-html span")].filter(
        each => !each.childElementCount && each.textContent.trim());
    return Math.max(...signs.map(each => each.getBoundingClientRect().right)) - right;
}))"""
"""How far a line of arithmetic reaches beyond its place, in pixels."""


@pytest.mark.parametrize(
    ("address", "key"),
    [("lecture_backward?b_sample=4&b_k=θ3&b_alpha=0.0123456", "chart_b_check"), ("lecture_forward", "chart_f_curve")],
)
def test_seven_pasted_numbers_are_theta_and_no_line_is_cut_on_a_phone(open_at: OpenAt, address: str, key: str) -> None:
    page = open_at(address, key, width=390, height=844)
    field = page.get_by_role("textbox", name="θ0 … θ6, typed or pasted")
    for text in ("0.4 -0.7 0.9 0.6 -0.2 1.1", LONG, "0.4\t-0.7\t0.9\t0.6\t-0.2\t1.1\t0.8"):
        field.fill(text)
        field.press("Enter")
        if text.count(".") == 6:
            expect(page.get_by_text("θ must be 7 numbers, such as")).to_be_visible()
        else:
            numbers = ", ".join(f"{float(each):g}" for each in text.replace(",", " ").split())
            page.wait_for_url("**theta6=0.000123456*" if text == LONG else "**theta6=0.8*")
            expect(page.get_by_text("θ must be 7 numbers, such as")).to_have_count(0)
            expect(field).to_have_value(text.replace("e-7", "e-07") if text == LONG else numbers)
        wait_idle(page)
        assert page.evaluate(OVERFLOW) <= 0
        assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
