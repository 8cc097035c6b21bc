"""In a real browser: from the gallery to the lab, a lesson handed out and opened, and undo with the keyboard alone."""

import re
from urllib.parse import parse_qs, urlencode, urlsplit

import numpy as np
from playwright.sync_api import Page, expect

from dashboard.state.address import experiment_link, link
from nncore import run
from nncore.diagnosis import flow
from nncore.experiments import EXPERIMENTS
from tests.browser.helpers import chart, choose, wait_at_rest, wait_idle, wait_painted
from tests.browser.test_lab import SMALL, line, open_lab, overflow, shown, slider, wait_for_layers, wait_for_line

ZEROS = EXPERIMENTS["zeros"]


def open_gallery(page: Page, url: str) -> None:
    """By the navigation, from the lab."""
    open_lab(page, url, SMALL)
    page.get_by_role("link", name="Experiments").click()
    page.locator(".st-key-card_two_units svg[role=img]").wait_for()
    wait_idle(page)


def test_one_click_leads_from_the_gallery_to_the_run_its_claim_and_its_chart(page: Page, app_url: str) -> None:
    open_gallery(page, app_url)
    assert page.locator("svg[role=img]").count() == len(EXPERIMENTS)
    page.locator(f".st-key-card_{ZEROS.name}").get_by_role("link", name="Open", exact=False).first.click()
    expect(page.get_by_text(ZEROS.claim)).to_be_visible()
    wait_for_line(page, "δ at step 400")
    expect(page.get_by_text(re.compile("findings at step 400"))).to_be_visible()
    wait_idle(page)
    history = run(ZEROS.config)
    expected = flow(history, 400).delta
    drawn = np.array(line(page, "δ at step 400"), dtype=float)
    np.testing.assert_array_equal(drawn[expected > 0], expected[expected > 0])
    expect(page.get_by_text("Trying out changes")).to_have_count(0)  # at their end the page is drawn again
    wait_idle(page)
    for key in (*ZEROS.charts, "heatmap"):
        wait_painted(page, f"chart_{key}")
    top = [chart(page, f"chart_{key}").bounding_box()["y"] for key in (*ZEROS.charts, "heatmap")]
    assert max(top[:2]) < top[2]
    page.locator(".st-key-experiment_against button").first.click()
    page.wait_for_url(lambda address: "init" not in parse_qs(urlsplit(address).query))
    expect(page.get_by_text("Gradients flow")).to_be_visible()
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_text(ZEROS.claim)).to_be_hidden()


def test_gallery_fits_a_phone_and_has_its_own_colours_in_the_dark(new_page, app_url: str) -> None:
    page = new_page(390, 844, dark=True, touch=True)
    query = urlencode(experiment_link(ZEROS, ZEROS.config))
    page.goto(f"{app_url}/?{query}")
    expect(page.get_by_text(ZEROS.claim)).to_be_visible()
    wait_painted(page, "chart_flow")
    assert overflow(page) <= 0
    page.get_by_test_id("stExpandSidebarButton").click()
    page.get_by_role("link", name="Experiments").click()
    picture = page.locator(".st-key-card_deep_sigmoid svg[role=img]")
    picture.wait_for()
    assert overflow(page) <= 0
    assert "#FF8A5B" in picture.inner_html()


def test_lesson_made_in_the_dialog_opens_for_a_student_in_a_fresh_browser(new_page, app_url: str) -> None:
    teacher = new_page()
    shown(teacher, app_url, SMALL.replace(activation="tanh"))
    teacher.get_by_role("button", name="Make a lesson").click()
    dialog = teacher.get_by_role("dialog")
    dialog.get_by_role("textbox", name="Title").fill("<b>Depth</b> & δ")
    dialog.get_by_role("textbox", name="Note").fill("Move the **depth**.")
    teacher.keyboard.press("Tab")
    code = dialog.get_by_test_id("stCode")
    expect(code).to_contain_text("note=")  # else the dialog is drawn anew while a list is open
    for label, choice, said in (
        ("Controls that remain", "Depth", "only=depth"),
        ("Charts that are shown", "Gradient flow", "show=flow"),
    ):
        choose(dialog.get_by_role("combobox", name=label), choice, typed=choice)
        teacher.keyboard.press("Tab")  # closes the list
        expect(code).to_contain_text(said)
    address = code.inner_text().strip()

    student = new_page(390, 844, touch=True)
    student.goto(address)
    wait_painted(student, "chart_flow")
    expect(student.get_by_role("heading", name="<b>Depth</b> & δ")).to_be_visible()
    expect(student.get_by_text("Move the **depth**.")).to_be_visible()
    assert student.locator("[data-testid^=plot-chart_]").count() == 1
    assert overflow(student) <= 0
    expected = flow(run(SMALL.replace(activation="tanh")), 40).delta
    np.testing.assert_array_equal(line(student, "δ at step 40"), expected)
    assert student.locator(".st-key-depth").count() == 1 and student.locator(".st-key-activation").count() == 0
    student.get_by_role("button", name="Show everything").click()
    wait_painted(student, "chart_theta")
    wait_idle(student)
    student.wait_for_url(lambda address: "lesson" not in address and "activation=tanh" in address)
    np.testing.assert_array_equal(line(student, "δ at step 40"), expected)


def test_lesson_in_parts_is_made_without_code_and_gone_through_with_a_clicker(new_page, app_url: str) -> None:
    teacher = new_page()
    shown(teacher, app_url, SMALL)
    parts = (("It vanishes.", "", ""), ("It flows.", "And with tanh?", "it vanishes\n* it flows"))
    for number, (text, ask, choices) in enumerate(parts, start=1):
        teacher.get_by_role("button", name="Make a lesson").click()
        dialog = teacher.get_by_role("dialog")
        dialog.get_by_text(re.compile("In several parts|Parts ")).click()
        dialog.get_by_role("textbox", name="What is to be seen").fill(text)
        dialog.get_by_role("textbox", name="Question to predict first").fill(ask)
        dialog.get_by_role("textbox", name=re.compile("^Answers to choose from")).fill(choices)
        teacher.keyboard.press("Tab")
        wait_at_rest(teacher)
        dialog.get_by_role("button", name="Add this run as a part").click()
        expect(dialog.get_by_text(f"Parts ({number})")).to_be_visible()
        wait_idle(teacher)
        if not ask:
            teacher.keyboard.press("Escape")
            choose(teacher.locator(".st-key-activation input"), "tanh")
            teacher.wait_for_url(re.compile("activation=tanh"))
            expect(teacher.get_by_text("Gradients flow").first).to_be_visible()
            wait_idle(teacher)
    choose(dialog.get_by_role("combobox", name="Charts that are shown"), "Gradient flow", typed="Gradient flow")
    teacher.keyboard.press("Tab")
    dialog.get_by_role("textbox", name="Title").fill("One change")
    teacher.keyboard.press("Tab")
    code = dialog.get_by_test_id("stCode")
    expect(code).to_contain_text("parts=")
    address = code.inner_text().strip()

    hall = new_page(1920, 1080)
    hall.goto(f"{address}&large=true")
    wait_painted(hall, "chart_flow")
    expect(hall.get_by_text("It vanishes.")).to_be_visible()
    hall.keyboard.press("PageDown")
    expect(hall.get_by_role("radiogroup", name="And with tanh?")).to_be_visible()
    hall.get_by_text("it flows", exact=True).click()
    hall.keyboard.press("PageDown")
    expect(hall.get_by_text("As you predicted")).to_be_visible()
    expect(hall.get_by_text("It flows.")).to_be_visible()
    hall.wait_for_url(re.compile("activation=tanh"))
    expected = flow(run(SMALL.replace(activation="tanh")), 40).delta
    hall.wait_for_function(
        "first => document.querySelector(`[data-testid='plot-chart_flow']`)?._fullData?.some("
        "trace => trace.name === 'δ at step 40' && Math.abs(trace.y[0] / first - 1) < 1e-9)",
        arg=float(expected[0]),
    )
    assert overflow(hall) <= 0
    hall.keyboard.press("PageUp")
    expect(hall.get_by_text("It flows.")).to_have_count(0)


def test_undo_and_redo_by_keyboard_alone_move_widgets_charts_and_address(page: Page, app_url: str) -> None:
    shown(page, app_url)
    slider(page, "depth").focus()
    page.keyboard.press("ArrowRight")  # once: several are one change only on a machine that is quick enough
    page.wait_for_url(re.compile("depth=7"))
    wait_for_layers(page, "δ at step 40", 8)
    expect(page.locator(".st-key-sidebar_undo button").first).to_be_enabled()
    wait_at_rest(page)
    page.keyboard.press("Alt+z")
    expect(slider(page, "depth")).to_have_value("6")
    page.wait_for_url(re.compile(r"depth=6\b"))
    wait_for_layers(page, "δ at step 40", 7)
    wait_idle(page)
    np.testing.assert_array_equal(line(page, "δ at step 40"), flow(run(SMALL), 40).delta)
    expect(page.locator(".st-key-sidebar_undo button").first).to_be_disabled()
    redo = page.locator(".st-key-sidebar_redo button").first
    redo.focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("depth=7"))
    expect(slider(page, "depth")).to_have_value("7")
    expect(redo).to_be_disabled()
    assert link(SMALL)["depth"] == "6"
