"""The fork page in Chromium: both lines are drawn, a weight is edited, and the address reopens the same fork."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.helpers import figure_data, painted, wait_painted

OpenAt = Callable[..., Page]
SMALL = "dataset=moons&depth=3&width=6&steps=30&n_samples=60&activation=tanh&step=10"


def lines(page: Page) -> dict[str, list[float]]:
    return {trace["name"]: trace["y"] for trace in figure_data(page, "chart_f_scores")["data"]}


def test_a_fork_is_drawn_over_its_parent_a_weight_is_edited_and_the_address_reopens_it(open_at: OpenAt) -> None:
    page = open_at(f"fork?{SMALL}&f_change=", "chart_f_scores")
    main = page.get_by_test_id("stMain")
    expect(main).to_contain_text("Nothing is changed, and the fork repeats its parent")
    first = lines(page)
    assert first["parent"] == first["fork"] and len(first["parent"]) == 21

    before = painted(page, "chart_f_scores")
    page.get_by_role("button", name="Add an edit").click()
    page.get_by_role("spinbutton", name="Value").fill("2.5")
    page.keyboard.press("Enter")
    page.get_by_text("now, at step 10.").wait_for()
    page.get_by_role("button", name="Add", exact=True).click()
    wait_painted(page, "chart_f_scores", after=before)
    expect(main).to_contain_text("The weight from unit 0 to unit 0 in layer 1 is set to 2.5")
    page.wait_for_url("**f_edits=*2.5*")
    edited = lines(page)
    assert edited["parent"] == first["parent"] and edited["fork"] != first["fork"]

    again = open_at(page.url, "chart_f_scores")
    expect(again.get_by_test_id("stMain")).to_contain_text("in layer 1 is set to 2.5")
    assert lines(again) == edited


def test_a_changed_setting_and_the_step_are_reached_by_keyboard_and_stay_in_the_address(open_at: OpenAt) -> None:
    page = open_at(f"fork?{SMALL}&f_change=Optimizer&f_optimizer=adam", "chart_f_scores", width=390, height=844)
    expect(page.get_by_test_id("stMain")).to_contain_text("Optimizer sgd → adam")
    before = painted(page, "chart_f_scores")
    slider = page.get_by_role("slider", name="Fork at step")
    slider.focus()
    page.keyboard.press("ArrowRight")
    wait_painted(page, "chart_f_scores", after=before)
    expect(page.get_by_test_id("stMain")).to_contain_text("Fork at step 11")
    page.wait_for_url("**step=11*")
    assert len(lines(page)["fork"]) == 20
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 390
