"""In a real browser: each question on the home page leads to what answers it, in sight and in the promised state."""

from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, expect

from dashboard.state.session import EXPERIMENT
from dashboard.views.lab.questions import LAB, QUESTIONS
from dashboard.words.sentences import unbroken
from nncore.experiments import EXPERIMENTS
from tests.browser.helpers import DEEP_LINK, choose, wait_idle, wait_painted
from tests.browser.test_lab import SMALL, overflow, shown


def find(page: Page, question: str) -> None:
    """Find a question by typing it, and take it."""
    choose(page.locator(".st-key-question input"), question, typed=question)


def test_every_question_leads_to_what_answers_it(page: Page, app_url: str) -> None:
    shown(page, app_url, SMALL)
    for question in QUESTIONS:
        find(page, question.text)
        answer = page.locator(".st-key-answer", has_text=unbroken(question.answer))  # not that of the question before
        answered = page.locator(".st-key-experiment", has_text=unbroken(question.answer))
        expect(answer.or_(answered).first).to_be_visible()
        if answer.count():
            answer.locator(".st-key-show_me :is(a, button)").click()
        experiment = question.state.get(EXPERIMENT, "")
        asked = {"see": [question.see]} | ({EXPERIMENT: [experiment]} if experiment else {})
        page.wait_for_url(lambda url, asked=asked: asked.items() <= parse_qs(urlsplit(url).query).items())
        expect(page.locator(f".st-key-{question.see}")).to_be_in_viewport(ratio=0.5)
        wait_idle(page)
        expect(page.locator(f".st-key-{question.see}")).to_be_in_viewport(ratio=0.5)
        if experiment:
            expect(page.locator(".st-key-experiment")).to_contain_text(EXPERIMENTS[experiment].title)
        if question.page != LAB:
            page.get_by_role("link", name="Gradient lab").first.click()


def test_what_a_button_shows_comes_into_sight_and_stays_until_the_reader_moves(new_page, app_url: str) -> None:
    page = new_page(390, 844, touch=True, expected_errors=DEEP_LINK)
    page.goto(f"{app_url}/lecture_vanishing?see=predict_v_relu")
    card = page.locator(".st-key-predict_v_relu")
    expect(card).to_be_in_viewport(ratio=0.9)
    card.get_by_text("through the weights").click()
    card.get_by_role("button", name="Show it on this page").click()
    expect(page.locator(".st-key-card_v_product")).to_be_in_viewport(ratio=0.9)
    expect(card).not_to_be_in_viewport()
    wait_painted(page, "chart_v_product")
    wait_idle(page)
    main = page.get_by_test_id("stMain")
    page.mouse.move(195, 400)
    page.mouse.wheel(0, -4000)
    page.wait_for_function("() => document.querySelector('[data-testid=stMain]').scrollTop === 0")
    page.get_by_role("button", name="θ = 1", exact=True).click()  # the page is drawn anew, and nothing pulls it back
    expect(page.get_by_text("After 10 layers")).to_be_visible()
    wait_idle(page)
    assert main.evaluate("main => main.scrollTop") == 0
    assert overflow(page) <= 0
