"""Every question of a student leads to a page that takes the whole state it promises."""

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.state.address import FIRST_SIGHT, experiment_link
from dashboard.state.session import EXPERIMENT, SEE
from dashboard.views.lab.questions import LAB, QUESTIONS, StudentQuestion
from nncore import run
from nncore.experiments import EXPERIMENTS
from nncore.measures import landscape
from tests.dashboard.lab import SMALL, element, opened, opened_on

ADDRESSES = {
    "experiments/page.py": "gallery",
    "landscape/page.py": "landscape",
    "lecture/backward.py": "lecture_backward",
    "lecture/vanishing.py": "lecture_vanishing",
}


def there(question: StudentQuestion) -> AppTest:
    """The page that a question leads to."""
    state = {**question.state, SEE: question.see}
    folder, _, file = question.page.removesuffix(".py").partition("/")
    return (
        opened(**state) if question.page == LAB else opened_on(f"lecture_{file}" if file != "page" else folder, **state)
    )


def reads_as(value: object, text: str) -> bool:
    """Is the widget's value what the address says?"""
    return str(value) == text or (isinstance(value, int | float) and float(text) == value)


@pytest.mark.parametrize(
    "question", [each for each in QUESTIONS if EXPERIMENT not in each.state], ids=lambda each: each.text
)
def test_question_opens_its_page_in_the_state_that_it_promises(question: StudentQuestion) -> None:
    app = there(question)
    assert not app.exception and not app.error and not app.warning
    for name, text in question.state.items():
        assert reads_as(app.session_state[name], text), name
    assert app.session_state["session"].sought.key == question.see


@pytest.mark.parametrize(
    "question", [each for each in QUESTIONS if EXPERIMENT in each.state], ids=lambda each: each.text
)
def test_question_about_an_experiment_opens_its_run_and_is_answered_by_no_other_s_claim(
    question: StudentQuestion,
) -> None:
    experiment = EXPERIMENTS[question.state[EXPERIMENT]]
    assert question.answer == experiment.claim or question.answer not in {each.claim for each in EXPERIMENTS.values()}
    assert (question.page, question.state) == (LAB, experiment_link(experiment, experiment.config))


def test_questions_and_answers_are_whole_sentences_and_all_differ() -> None:
    assert len({question.text for question in QUESTIONS}) == len(QUESTIONS)
    for question in QUESTIONS:
        assert question.text.endswith("?") and question.answer.endswith(".")


def test_the_page_answers_the_question_that_is_chosen_until_it_shows_the_answer_itself() -> None:
    app = opened(**SMALL)
    element(app, "question").set_value(QUESTIONS[0]).run()
    (link,) = [each.proto for each in app.get("page_link") if each.proto.label == "Show me"]
    assert QUESTIONS[0].answer in [text.value.replace("\u00a0", " ") for text in app.main.get("markdown")]
    assert f"{SEE}={QUESTIONS[0].see}" in link.query_string
    app.query_params[SEE] = QUESTIONS[0].see
    app.run()
    assert not [each for each in app.get("page_link") if each.proto.label == "Show me"]


def test_a_lesson_asks_only_its_own_questions() -> None:
    app = opened(**SMALL, lesson="Depth", show="flow")
    assert not app.exception
    assert "question" not in app.session_state


def test_the_loss_is_flat_along_the_first_layer_of_the_first_sight_and_steep_along_the_last() -> None:
    history = run(FIRST_SIGHT)
    loss = landscape.along_layers(history, history.last_finite)["loss"]
    reach = loss.max(axis=1) - loss.min(axis=1)
    assert reach[0] < 1e-6 and reach[-1] > 0.1
