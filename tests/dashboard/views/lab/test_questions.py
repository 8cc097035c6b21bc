"""Every question of a student leads to a page that takes the whole state it promises."""

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.state.address import FIRST_SIGHT, experiment_link, settings_of
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


def test_a_question_about_the_lab_sets_all_of_it_up_whatever_it_was_before() -> None:
    question = next(each for each in QUESTIONS if each.state.get(EXPERIMENT) == "sigmoid_zeros")
    experiment = EXPERIMENTS["sigmoid_zeros"]
    app = opened(**SMALL, gain="2.5", optimizer="adam")
    element(app, "question").set_value(question).run()
    assert question.answer in [text.value.replace("\u00a0", " ") for text in app.main.get("markdown")]
    element(app, "show_here").click().run()
    assert not app.exception
    assert app.session_state["session"].undo.now == settings_of(experiment.config)
    assert (app.session_state["step"], app.session_state["theta_layer"]) == (
        experiment.step,
        int(dict(experiment.view)["theta_layer"]),
    )
    assert (app.query_params[EXPERIMENT], app.query_params[SEE]) == (experiment.name, "experiment")
    assert not [button for button in app.button if button.key == "show_here"], "the claim stands on the page"


def test_a_question_about_another_page_is_a_link() -> None:
    app = opened(**SMALL)
    question = next(each for each in QUESTIONS if each.page != LAB)
    element(app, "question").set_value(question).run()
    (link,) = [each.proto for each in app.get("page_link") if each.proto.label == "Show me"]
    assert f"{SEE}={question.see}" in link.query_string


def test_a_lesson_asks_only_its_own_questions() -> None:
    app = opened(**SMALL, lesson="Depth", show="flow")
    assert not app.exception
    assert "question" not in app.session_state


def test_the_loss_is_flat_along_the_first_layer_of_the_first_sight_and_steep_along_the_last() -> None:
    history = run(FIRST_SIGHT)
    loss = landscape.along_layers(history, history.last_finite)["loss"]
    reach = loss.max(axis=1) - loss.min(axis=1)
    assert reach[0] < 1e-6 and reach[-1] > 0.1
