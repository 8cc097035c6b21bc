"""Why, in a real browser: from a finding to its proof and to a kept promise, by keyboard and by click."""

import re
from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from dashboard.state.address import FIRST_SIGHT
from nncore import run
from nncore.diagnosis import remedies_for, verdict
from tests.browser.helpers import chart, wait_idle, wait_painted
from tests.browser.test_lab import overflow, shown, slider

SICK = FIRST_SIGHT.replace(hidden=(4,) * 6, gain=0.2, steps=20, n_samples=40)
LOST = FIRST_SIGHT.replace(
    dataset="diabetes", hidden=(4, 4), activation="linear", learning_rate=5000.0, n_samples=40, steps=200
)


def button(page: Page, key: str) -> Locator:
    """The button of a key; Streamlit keeps a hidden twin of one with help."""
    return page.locator(f".st-key-{key}").get_by_role("button")


def unfold(page: Page) -> None:
    """Open the list of findings with the keyboard, and wait until all remedies have been tried out."""
    line = page.locator("summary").filter(has_text=re.compile(r"findings? at step"))
    line.focus()
    page.keyboard.press("Enter")
    button(page, "take_vanishing_0").wait_for()
    expect(page.get_by_text("Trying out changes")).to_have_count(0)
    wait_idle(page)


def test_a_finding_leads_to_its_proof_and_its_remedy_keeps_its_promise(page: Page, app_url: str) -> None:
    shown(page, app_url, SICK)
    unfold(page)
    proof = page.locator(".st-key-finding_poor_initialization").get_by_role("link")
    proof.focus()
    page.keyboard.press("Enter")
    expect(chart(page, "chart_signal")).to_be_in_viewport(ratio=0.9)
    expect(page.locator("#chart_signal")).to_be_focused()
    page.wait_for_url(lambda url: "activation=sigmoid" not in url and "gain=0.2" in url)

    history = run(SICK)
    vanishing = next(each for each in verdict(history) if each.rule == "vanishing")
    remedy = remedies_for(vanishing, history)[0]
    button(page, "take_vanishing_0").click()
    promise = page.locator(".st-key-promise")
    expect(promise).to_contain_text("The prediction held")
    loss = f"{remedy.after.loss:.3g}"
    expect(promise).to_contain_text(f"{loss} predicted; measured {loss} at step {remedy.tried}")
    expect(page.locator(".st-key-headline")).to_contain_text("Gradients flow")
    button(page, "undo").click()
    expect(page.locator(".st-key-headline")).to_contain_text("Gradients vanish")
    expect(promise).to_have_count(0)


def test_a_remedy_that_was_tried_out_for_an_earlier_reader_keeps_its_promise_too(
    new_page: Callable[..., Page], app_url: str
) -> None:
    """Its button is then there at once, drawn with the charts and not by a look at the trials."""
    for page in (new_page(), new_page()):
        shown(page, app_url, SICK)
        button(page, "mend").click()
        expect(page.locator(".st-key-promise")).to_contain_text("The prediction held")


def test_a_diverged_run_tells_its_end_first_on_a_phone_in_the_dark(new_page, app_url: str) -> None:
    page = new_page(390, 844, dark=True, touch=True)
    shown(page, app_url, LOST)
    wait_painted(page, "chart_growth")
    wait_painted(page, "chart_place")
    expect(button(page, "mend")).to_contain_text("Mend it: ")
    assert chart(page, "chart_growth").bounding_box()["y"] < chart(page, "chart_flow").bounding_box()["y"]
    assert overflow(page) <= 0
    broke = run(LOST).divergence
    assert broke is not None
    expect(page.locator("#chart_place")).to_have_attribute(
        "aria-label", re.compile(f"layer {broke.layer}, unit {broke.unit}")
    )


def test_sharpness_grows_beside_a_page_that_stays_alive_and_stops_when_switched_off(page: Page, app_url: str) -> None:
    shown(page, app_url, SICK.replace(hidden=(32,) * 20, n_samples=1000))
    page.get_by_text(re.compile(r"^Sharpness \(")).click()
    wait_painted(page, "chart_sharpness")
    slider(page, "step").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("summary").filter(has_text="at step 19")).to_be_visible()
    wait_painted(page, "chart_theta")
    wait_idle(page)
    page.get_by_text(re.compile(r"^Sharpness \(")).click()
    page.wait_for_url(lambda url: "sharpness" not in url)
    expect(page.locator(".st-key-card_sharpness")).to_have_count(0)
