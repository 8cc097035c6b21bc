"""The headline's words agree with the numbers."""

from dataclasses import replace

import numpy as np
import pytest

from dashboard.words.runs import ending, flow_sentence, headline
from nncore import RunConfig, run
from nncore.diagnosis import flow_of, verdict
from nncore.diagnosis.loss_course import UNLEARNED, LossCourse

BASE = RunConfig(dataset="circles", hidden=(8,) * 10, activation="sigmoid", steps=3, n_samples=60)


def plain(text: str) -> str:
    return text.replace("\u00a0", " ").replace("**", "")


@pytest.mark.parametrize(
    ("delta", "words"),
    [
        ([3.1e-9, 1e-4, 1.0], "Layer 1 receives 3.1 · 10⁻⁹ of what layer 3 receives"),
        ([250.0, 5.0, 1.0], "Layer 1 receives 250 × what layer 3 receives"),
        ([0.0, 0.0, 1.0], "δ is exactly 0 in 2 of 3 layers: those layers cannot learn."),
        ([0.4], "There is no hidden layer for the gradient to pass."),
        ([np.nan, 1.0], "δ is not finite here."),
    ],
)
def test_flow_is_said_in_a_sentence(delta: list[float], words: str) -> None:
    for strong in (False, True):
        assert plain(flow_sentence(flow_of(np.array(delta)), strong)).startswith(words)


def test_rate_is_what_each_layer_passes_on() -> None:
    assert "each layer passes on about 10 %" in plain(flow_sentence(flow_of(np.array([1e-4, 1, 1, 1, 1]))))


def test_vanishing_names_the_slope_that_causes_it() -> None:
    history = run(BASE)
    text = plain(headline(history, 3).markdown())
    assert "Gradients vanish" in text
    assert "The slope of sigmoid is at most 0.25" in text


def test_slope_is_not_blamed_where_it_reaches_one() -> None:
    history = run(BASE.replace(activation="tanh", gain=0.2))
    text = headline(history, 3).markdown()
    assert "Gradients vanish" in text
    assert "slope" not in text


def test_threshold_units_are_named_as_the_reason_of_a_zero_gradient() -> None:
    history = run(BASE.replace(activation="sign"))
    text = headline(history, 3).markdown()
    assert "No gradient" in text
    assert "The slope of sign is 0" in text


def test_exploding_and_flowing_have_their_own_words() -> None:
    exploding = run(BASE.replace(activation="linear", gain=3.0, steps=0))
    assert "Gradients explode" in headline(exploding, 0).markdown()
    flowing = run(BASE.replace(activation="tanh", steps=0))
    assert "Gradients flow" in headline(flowing, 0).markdown()


def test_divergence_names_step_layer_and_unit_and_where_the_page_stands() -> None:
    history = run(BASE.replace(dataset="diabetes", activation="linear", learning_rate=1000.0, steps=300))
    where = history.divergence
    assert where is not None
    text = headline(history, history.last_finite).markdown()
    assert f"Diverged at step {where.step}" in text
    assert f"layer {where.layer}, unit {where.unit}" in text
    assert f"The page stands on step {history.step[history.last_finite]}, the last finite one." in text


def test_stopped_run_says_so() -> None:
    history = run(BASE.replace(steps=50), cancelled=lambda: True)
    assert "Stopped by hand at step 0 of 50." in headline(history, 0).markdown()


def test_words_of_a_file_are_text_on_the_page_and_as_they_are_in_the_report() -> None:
    history = replace(run(BASE, cancelled=lambda: True), stopped="*Stopped* by :red[hand].")
    found = headline(history, 0)
    assert "\\*Stopped\\* by \\:red\\[hand\\]." in found.markdown() and "**" in found.markdown()
    assert found.plain().startswith("Gradients vanish. *Stopped* by :red[hand]. At step 0: Layer 1 receives")


@pytest.mark.parametrize(
    ("changes", "cancelled", "words"),
    [
        ({}, False, "finished at step 3"),
        ({}, True, "stopped at step 0"),
        (
            {"dataset": "diabetes", "activation": "linear", "learning_rate": 1e3, "steps": 300},
            False,
            "diverged at step",
        ),
    ],
)
def test_only_a_run_that_somebody_ended_was_stopped(changes: dict, cancelled: bool, words: str) -> None:
    history = run(BASE.replace(**changes), cancelled=lambda: cancelled)
    assert history.was_stopped == cancelled
    assert ending(history).startswith(words)


def test_the_headline_speaks_of_the_step_it_is_asked_for() -> None:
    history = run(BASE.replace(activation="tanh", steps=20))
    for record in (0, 7, 20):
        assert f"At step {record}:" in headline(history, record).plain()


def test_where_the_page_stands_is_called_the_last_finite_step_only_where_it_is() -> None:
    history = run(BASE.replace(dataset="diabetes", activation="linear", learning_rate=1000.0, steps=300))
    last = history.last_finite
    assert last > 0
    assert f"stands on step 0; the last finite one is {last}." in headline(history, 0).plain()


@pytest.mark.parametrize(
    ("config", "title"),
    [
        (
            RunConfig(dataset="diabetes", standardize=False, hidden=(8,), activation="relu", steps=60),
            "Targets are not scaled",
        ),
        (BASE.replace(steps=120), "Gradients vanish"),
        (RunConfig(dataset="circles", hidden=(8,), learning_rate=1e-6, steps=60), "Nothing learned"),
    ],
)
def test_a_run_that_learns_nothing_has_no_green_headline(config: RunConfig, title: str) -> None:
    history = run(config)
    found = headline(history, history.last_finite)
    assert found.badge.colour != "green" and found.badge.title == title


def test_green_is_only_a_run_that_has_learned() -> None:
    history = run(RunConfig(hidden=(16,), learning_rate=0.3, steps=100))
    assert headline(history, 100).badge.colour == "green"
    before = headline(history, 0)
    assert before.badge.colour == "gray" and "nothing is learned yet" in before.plain()


@pytest.mark.parametrize("seed", range(12))
def test_no_headline_is_green_at_the_loss_of_a_guess(seed: int) -> None:
    """Random set-ups and steps: green needs a loss below the constant answer's and no finding of severity 2."""
    rng = np.random.default_rng(seed)
    config = RunConfig(
        dataset=str(rng.choice(["moons", "circles", "sine", "diabetes", "wine"])),
        hidden=(int(rng.integers(2, 10)),) * int(rng.integers(1, 14)),
        activation=str(rng.choice(["tanh", "sigmoid", "relu", "linear"])),
        learning_rate=float(10 ** rng.uniform(-5, 1)),
        standardize=bool(rng.integers(2)),
        steps=int(rng.integers(0, 90)),
        seed=seed,
    )
    history = run(config)
    for record in {0, history.last_finite // 2, history.last_finite}:
        found = headline(history, record)
        if found.badge.colour == "green":
            assert LossCourse(history, record).share < UNLEARNED and not history.divergence
            assert all(each.severity < 2 for each in verdict(history, record))
