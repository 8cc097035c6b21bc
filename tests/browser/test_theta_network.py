"""The lecture's network in Chromium: a θ on its edge is dragged, typed and stepped, and the gradient comes back by stages."""

from collections.abc import Callable

import numpy as np
from playwright.sync_api import Locator, Page, expect

from dashboard.views.lecture.worked_example import EXAMPLE_THETA
from nncore import MLP
from nncore.lecture.chain import output_slopes
from nncore.lecture.models import ONE_TWO_ONE, forward
from tests.browser.helpers import DEEP_LINK, wait_idle

NewPage = Callable[..., Page]

BY_HAND, FORWARD = "lecture_backward", "lecture_forward"


def opened(new_page: NewPage, app_url: str, address: str, **look: bool) -> Locator:
    page = new_page(expected_errors=DEEP_LINK, **look)
    page.goto(f"{app_url}/{address}")
    wait_idle(page)
    drawing = page.locator(".nncore-theta")
    expect(drawing.locator("[data-theta]")).to_have_count(7)
    return drawing


def slider_says(page: Page, prefix: str, k: int, words: str) -> None:
    expect(page.locator(f".st-key-{prefix}_theta{k}").get_by_test_id("stSliderThumbValue")).to_have_text(words)


def test_dragged_theta_moves_its_slider_and_the_numbers_of_the_drawing(new_page: NewPage, app_url: str) -> None:
    drawing = opened(new_page, app_url, FORWARD)
    page, place = drawing.page, drawing.locator('[data-theta="3"]')
    place.scroll_into_view_if_needed()
    box = place.bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 20, y, steps=4)
    page.mouse.move(x + 40, y, steps=4)
    page.mouse.up()
    expect(place).to_contain_text("θ3 = 0.1")  # 40 pixels, 4 to a step of 0.05, from −0.4
    slider_says(page, "f", 3, "0.1")
    expect(drawing).to_contain_text("U12 = −0.1")


def test_typed_theta_is_taken_as_typed_and_one_that_is_no_number_is_not(new_page: NewPage, app_url: str) -> None:
    drawing = opened(new_page, app_url, FORWARD)
    page, place = drawing.page, drawing.locator('[data-theta="0"]')
    place.dblclick()
    page.keyboard.type("eleven")
    page.keyboard.press("Enter")
    expect(drawing.locator("output")).to_contain_text("θ0 must be a number from −10 to 10; got “eleven”")
    expect(place).to_contain_text("θ0 = 0.1")
    place.dblclick()
    page.keyboard.type("0,123")
    page.keyboard.press("Enter")
    slider_says(page, "f", 0, "0.123")
    expect(drawing).to_contain_text("U11 = 0.623")


def test_by_keyboard_alone(new_page: NewPage, app_url: str) -> None:
    drawing = opened(new_page, app_url, FORWARD)
    page, place = drawing.page, drawing.locator('[data-theta="5"]')
    place.focus()
    page.keyboard.press("ArrowUp")
    slider_says(page, "f", 5, "0.75")
    expect(place).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    slider_says(page, "f", 5, "0.65")
    page.keyboard.press("Enter")
    page.keyboard.type("2")
    page.keyboard.press("Enter")
    slider_says(page, "f", 5, "2")
    expect(place).to_have_attribute("aria-valuenow", "2")


def test_the_way_back_comes_stage_by_stage_with_the_measured_gradient(new_page: NewPage, app_url: str) -> None:
    drawing = opened(new_page, app_url, BY_HAND)
    expect(drawing).to_have_attribute("data-stage", "4")  # it walks by itself when the page opens
    theta, x = np.array(EXAMPLE_THETA), np.array([[1.0]])
    delta = float(forward(theta, np.array(1.0)).f) - 1.0
    gradient = delta * output_slopes(MLP(ONE_TWO_ONE, "sigmoid"), theta, x)[0]
    for k in range(7):
        words = f"{gradient[k]:.3g}".replace("-", "−")
        stage = drawing.locator("g[data-stage]").filter(has_text=words)
        assert stage.count() >= 1, f"θ{k}: {words}"
    next_stage = drawing.get_by_role("button", name="Next stage")
    next_stage.click()  # after the last it begins anew
    expect(drawing).to_have_attribute("data-stage", "0")
    assert drawing.locator("[data-stage].shown").count() == 0
    next_stage.click()
    expect(drawing.locator("output")).to_contain_text("Δ = −(y_a − y_p) = −0.4606")
    expect(drawing.locator("g.shown")).to_have_text(["Δ = −0.461"])


def test_the_players_keys_take_the_way_back_stage_by_stage(new_page: NewPage, app_url: str) -> None:
    drawing = opened(new_page, app_url, BY_HAND)
    expect(drawing).to_have_attribute("data-stage", "4")
    keyboard = drawing.page.keyboard
    drawing.get_by_role("button", name="Way back").focus()
    for key, stage in (("ArrowLeft", 3), ("Home", 0), ("ArrowLeft", 0), ("ArrowRight", 1), ("End", 4)):
        keyboard.press(key)
        expect(drawing).to_have_attribute("data-stage", str(stage))


def test_without_motion_the_whole_way_back_is_there_at_once(new_page: NewPage, app_url: str) -> None:
    drawing = opened(new_page, app_url, BY_HAND, reduced_motion=True)
    drawing.get_by_role("button", name="Way back").click()
    assert drawing.get_attribute("data-stage") == "4"
