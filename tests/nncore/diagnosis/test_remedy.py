"""Every remedy on the config that triggered it does what it promises, and none is offered that cannot act."""

import math
from functools import cache

import numpy as np
import pytest

from nncore import History, RunConfig, run
from nncore.diagnosis import (
    RULES,
    Finding,
    Remedy,
    Verdict,
    check_prediction,
    flow,
    remedies,
    remedies_for,
    suggested_fork,
    tried_out,
    verdict,
)
from nncore.diagnosis.candidates import changes
from nncore.diagnosis.remedy import _helps
from nncore.diagnosis.snapshot import Snapshot
from nncore.theory import critical_sigma_w2
from tests.nncore.diagnosis.cases import BASE, CASES, RELU

SLIDER = {float(f"{digit}e{power}") for power in range(-6, 4) for digit in (1, 2, 3, 5)}


@cache
def offered(config: RunConfig, rule: str) -> tuple[History, Verdict, tuple[Remedy, ...]]:
    history = run(config)
    fired = next(each for each in verdict(history) if each.rule == rule)
    return history, fired, remedies_for(fired, history)


def labels(config: RunConfig, rule: str) -> list[str]:
    return [remedy.label for remedy in offered(config, rule)[2]]


@pytest.mark.parametrize("rule", RULES)
def test_every_remedy_improves_delta_tenfold_or_brings_the_metric_over_its_threshold(rule: str) -> None:
    history, fired, found = offered(CASES[rule][0], rule)
    assert found, "at least one remedy helps"
    assert len({remedy.config for remedy in found}) == len({remedy.label for remedy in found}) == len(found)
    before = flow(history, fired.record)
    for remedy in found:
        after = run(remedy.config)
        assert remedy.rule == rule and remedy.before == fired.value
        metric = next((each.value for each in verdict(after) if each.rule == rule), None)
        here = flow(after, after.last_finite)
        decades = abs(np.log10(before.ratio)) - abs(np.log10(here.ratio)) if before.ratio > 0 else np.inf
        assert metric is None or decades >= 1
        outcome = check_prediction(remedy, after)
        kept, sentence = outcome.held, outcome.sentence()
        assert kept == (metric is None and after.divergence is None)
        assert sentence.startswith("The prediction held" if kept else "The prediction did not hold")


@pytest.mark.parametrize("rule", RULES)
def test_what_is_promised_is_what_a_trial_measures(rule: str) -> None:
    for remedy in offered(CASES[rule][0], rule)[2]:
        trial = run(remedy.config.replace(steps=remedy.tried))
        assert flow(trial, trial.last_finite).ratio == pytest.approx(remedy.ratio, nan_ok=True)
        assert ("at step 0" in remedy.sentence()) == (remedy.tried == 0)
        if math.isfinite(remedy.after):
            assert f"{remedy.after:.2g} with this change" in remedy.sentence()


@pytest.mark.parametrize("rule", RULES)
def test_a_remedy_leaves_data_depth_and_seed_alone_and_uses_the_sliders_rates(rule: str) -> None:
    config = CASES[rule][0]
    for remedy in offered(config, rule)[2]:
        assert all(
            getattr(remedy.config, name) == getattr(config, name)
            for name in ("dataset", "n_samples", "hidden", "steps", "seed", "loss", "batch_size")
        )
        assert remedy.config.learning_rate in {*SLIDER, config.learning_rate}


@pytest.mark.parametrize("activation", ["tanh", "relu", "elu", "erf", "selu"])
def test_the_gain_offered_is_the_critical_one_of_the_activation(activation: str) -> None:
    sick = BASE.replace(activation=activation, gain=0.2, steps=0)
    gains = [each.config for each in offered(sick, "vanishing")[2] if "critical" in each.label]
    assert [config.gain**2 for config in gains] == [pytest.approx(critical_sigma_w2(activation))]
    assert gains[0].init == "lecun_normal"


def test_without_a_critical_point_no_critical_gain_is_offered() -> None:
    sick = BASE.replace(activation=("tanh", "relu") * 4, gain=0.1, steps=0)
    assert not any("critical" in label for label in labels(sick, "vanishing"))
    assert not any(
        "critical" in label for label in labels(BASE.replace(activation="silu", gain=0.1, steps=0), "vanishing")
    )


@pytest.mark.parametrize("normalization", ["batch", "layer"])
def test_neither_gain_nor_initializer_is_offered_under_normalization(normalization: str) -> None:
    sick = BASE.replace(hidden=(16,) * 20, activation="sigmoid", normalization=normalization, gain=1e-3, steps=0)
    found = labels(sick, "vanishing")
    assert found and not any("gain" in label or "normalization" in label for label in found)


def test_under_normalization_equal_units_still_get_another_initializer() -> None:
    assert labels(BASE.replace(init="constant", normalization="batch"), "symmetric") == ["xavier_normal, gain 1"]


def test_no_learning_rate_is_offered_for_layers_that_are_decades_apart() -> None:
    apart = BASE.replace(activation="sigmoid")
    assert not any(label.startswith("learning rate") for label in labels(apart, "updates_too_small"))
    assert labels(CASES["updates_too_small"][0], "updates_too_small")[0].startswith("learning rate")


def test_a_learning_rate_of_zero_is_replaced() -> None:
    found = offered(BASE.replace(hidden=(16,) * 3, learning_rate=0.0), "updates_too_small")[2]
    assert found[0].config.learning_rate == 0.1


def test_what_training_brought_about_is_tried_by_training() -> None:
    history, fired, found = offered(CASES["dead"][0], "dead")
    assert found[0].label.startswith("learning rate") and found[0].tried == history.step[fired.record]
    assert all(remedy.tried == 0 for remedy in offered(CASES["vanishing"][0], "vanishing")[2])


@pytest.mark.parametrize(("clip_norm", "offers"), [(None, True), (5.0, True), (1.0, False), (0.5, False)])
def test_a_clip_is_offered_where_it_tightens(clip_norm: float | None, offers: bool) -> None:
    assert bool(changes("clip", BASE.replace(clip_norm=clip_norm))) == offers


@pytest.mark.parametrize("activation", ["sigmoid", "sign"])
def test_a_fork_is_suggested_of_what_it_may_change(activation: str) -> None:
    history = run(BASE.replace(activation=activation, hidden=(16,) * 12, steps=10))
    assert flow(history, 3).kind in ("vanishing", "zero")
    fork = suggested_fork(history)
    assert fork.changes == {"activation": "tanh"} and 0 < fork.at < 10
    assert flow(run(fork, parent=history), 0).kind == "flowing"


def test_a_trial_that_diverges_or_stops_the_gradient_does_not_help() -> None:
    sick = Snapshot(run(BASE.replace(gain=0.2, steps=0)), 0)
    healthy, lost = Snapshot(run(BASE), -1), Snapshot(run(CASES["diverged"][0]), 0)
    stopped = Snapshot(run(BASE.replace(activation="sign", steps=0)), 0)
    for rule in (RULES["vanishing"], RULES["saturated"]):
        assert _helps(rule, sick, healthy, Finding(rule.threshold))
        assert not _helps(rule, sick, lost, Finding(rule.threshold))
        assert not _helps(rule, sick, stopped, Finding(rule.threshold))


def test_a_broken_promise_is_called_broken() -> None:
    config = RELU.replace(gain=0.3, steps=0)
    promise = Remedy("nothing at all", config, 0.5, "vanishing", 1e-6, 0.5)
    outcome = check_prediction(promise, run(config))
    kept, sentence = outcome.held, outcome.sentence()
    assert not kept and "0.5 predicted" in sentence
    assert not check_prediction(Remedy("nothing", config, 0.5), run(config)).held
    lost = CASES["diverged"][0]
    outcome = check_prediction(Remedy("nothing", lost, 0.5, "saturated", 1.0, 0.0), run(lost))
    kept, sentence = outcome.held, outcome.sentence()
    assert not kept and sentence.endswith("The run diverged.")


def test_a_remedy_of_the_headline_is_held_to_its_flow() -> None:
    first = remedies(BASE.replace(gain=0.2))[0]
    outcome = check_prediction(first, run(first.config))
    kept, sentence = outcome.held, outcome.sentence()
    assert kept and f"{first.ratio:.2g} predicted" in sentence and "tried out at step 0" in first.sentence()


def test_a_history_of_another_config_is_refused() -> None:
    with pytest.raises(ValueError, match="the remedy's own config"):
        check_prediction(Remedy("nothing", BASE, 0.5), run(BASE.replace(seed=5, steps=0)))


def test_after_a_divergence_only_what_stays_finite_and_trains_is_offered() -> None:
    """Clipping keeps a rate of 5000 finite too, at a loss of many powers of ten."""
    wild = CASES["diverged"][0].replace(learning_rate=5000.0)
    clipped = run(wild.replace(clip_norm=1.0))
    assert clipped.divergence is None and clipped.loss[-1] > 1e3 * clipped.loss[0]
    for rule in [each.rule for each in verdict(run(wild))]:
        for remedy in offered(wild, rule)[2]:
            after = run(remedy.config.replace(steps=remedy.tried))
            assert after.divergence is None and after.loss[-1] <= after.loss[0]
    assert offered(wild, "diverged")[2] and "clip" not in " ".join(labels(wild, "diverged"))


def test_a_trial_after_a_divergence_goes_beyond_it() -> None:
    history, fired, found = offered(CASES["diverged"][0], "diverged")
    assert history.divergence is not None
    for rule in verdict(history):
        assert all(each.tried > history.divergence.step for each in offered(CASES["diverged"][0], rule.rule)[2])
    assert found and fired.rule == "diverged"


def test_what_was_predicted_is_measured_again_at_the_step_of_the_trial() -> None:
    """Same settings, same bits: at that step a run shows what its trial showed, and later what became of it."""
    remedy = offered(CASES["vanishing"][0].replace(steps=30), "vanishing")[2][0]
    after = run(remedy.config)
    outcome = check_prediction(remedy, after)
    sentence = outcome.sentence()
    assert f"{remedy.after:.2g} predicted; measured {remedy.after:.2g} at step 0, and" in sentence
    assert f"{flow(after, 30).ratio:.2g} at step 30." in sentence


def test_trials_come_one_at_a_time() -> None:
    history, fired, found = offered(CASES["vanishing"][0], "vanishing")
    tried = list(tried_out(fired, history))
    assert tuple(remedy for remedy in tried if remedy is not None) == found
    assert len(tried) >= len(found)
