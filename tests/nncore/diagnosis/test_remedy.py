"""Every remedy offered ends with a lower loss than the run that it mends, as its trial said, and none that cannot act."""

from functools import cache

import pytest

from nncore import History, RunConfig, run
from nncore.diagnosis import (
    RULES,
    Remedy,
    Verdict,
    check_prediction,
    flow,
    remedies,
    remedies_for,
    suggested_fork,
    suggestion_seconds,
    trial_seconds,
    tried_out,
    verdict,
)
from nncore.diagnosis import remedy as remedy_module
from nncore.diagnosis.candidates import FLOW_RULES, changes
from nncore.diagnosis.loss_course import UNLEARNED
from nncore.diagnosis.remedy import BETTER, helps
from nncore.diagnosis.snapshot import Snapshot
from nncore.diagnosis.trials import RECORDS, USUAL_STEPS, horizon, of_history
from nncore.theory import critical_sigma_w2
from tests.nncore.diagnosis.cases import BASE, CASES, RELU, xor

SLIDER = {float(f"{digit}e{power}") for power in range(-6, 4) for digit in (1, 2, 3, 5)}


@cache
def offered(config: RunConfig, rule: str) -> tuple[History, Verdict, tuple[Remedy, ...]]:
    history = run(config)
    fired = next(each for each in verdict(history) if each.rule == rule)
    return history, fired, remedies_for(fired, history)


def labels(config: RunConfig, rule: str) -> list[str]:
    return [remedy.label for remedy in offered(config, rule)[2]]


@pytest.mark.parametrize("rule", RULES)
def test_every_remedy_ends_below_the_runs_loss_and_below_a_guess_without_the_finding(rule: str) -> None:
    config = CASES[rule][0]
    _, _, found = offered(config, rule)
    assert found, "at least one remedy helps"
    assert len({remedy.config for remedy in found}) == len({remedy.label for remedy in found}) == len(found)
    for remedy in found:
        changed = remedy.config.replace(steps=remedy.tried, record_every=max(1, remedy.tried // RECORDS))
        course = Snapshot(after := run(changed), -1).course
        assert after.divergence is None and remedy.rule == rule and remedy.tried == horizon(config)
        assert (remedy.after.loss, remedy.after.constant) == (course.now, course.constant)
        assert course.share < UNLEARNED and course.share <= BETTER * remedy.before.share
        assert rule not in [each.rule for each in verdict(after, -1)]
        assert rule not in FLOW_RULES or flow(after, -1).kind == "flowing"


@pytest.mark.parametrize("rule", RULES)
def test_the_lowest_loss_comes_first(rule: str) -> None:
    shares = [remedy.after.share for remedy in offered(CASES[rule][0], rule)[2]]
    assert shares == sorted(shares)


@pytest.mark.parametrize("rule", RULES)
def test_a_remedy_says_the_loss_with_it_and_without(rule: str) -> None:
    for remedy in offered(CASES[rule][0], rule)[2]:
        sentence = remedy.sentence()
        assert f"{remedy.after.loss:.3g} with it" in sentence and f"after {remedy.tried:,} steps" in sentence
        assert f"{remedy.before.loss:.3g} without" in sentence or "not finite without" in sentence
        assert f"a constant answer has {remedy.before.constant:.3g}" in sentence


def test_a_remedy_of_a_condition_says_its_own_number_too() -> None:
    remedy = offered(CASES["vanishing"][0], "vanishing")[2][0]
    there, here = remedy.before.values["vanishing"], remedy.after.values["vanishing"]
    assert f"First over last δ: {there:.2g} without it, {here:.2g} with it." in remedy.sentence()


def test_where_the_unit_of_the_loss_changes_both_constant_answers_are_said() -> None:
    remedy = offered(CASES["grew"][0], "grew")[2][0]
    assert remedy.config.standardize and "before and 1 with it" in remedy.sentence()


@pytest.mark.parametrize("rule", RULES)
def test_a_remedy_leaves_data_and_steps_alone_and_uses_the_sliders_rates(rule: str) -> None:
    config = CASES[rule][0]
    for remedy in offered(config, rule)[2]:
        assert all(
            getattr(remedy.config, name) == getattr(config, name)
            for name in ("dataset", "n_samples", "loss", "test_fraction", "probe_size")
        )
        assert remedy.config.steps == max(config.steps, remedy.tried)
        assert remedy.config.depth == config.depth
        assert remedy.config.learning_rate in {*SLIDER, config.learning_rate}


@pytest.mark.parametrize("rule", RULES)
def test_mending_what_was_mended_never_leads_back(rule: str) -> None:
    config, seen = CASES[rule][0], set()
    for _ in range(4):
        assert config not in seen
        seen.add(config)
        best = remedies(config)
        if not best:
            break
        config = best[0].config


@pytest.mark.parametrize("activation", ["tanh", "relu", "elu", "erf", "selu"])
def test_the_gain_tried_is_the_critical_one_of_the_activation(activation: str) -> None:
    (candidate,) = changes("critical", BASE.replace(activation=activation, gain=0.2))
    assert candidate.changes["gain"] ** 2 == pytest.approx(critical_sigma_w2(activation))
    assert candidate.changes["init"] == "lecun_normal"


@pytest.mark.parametrize("activation", [("tanh", "relu") * 4, "silu"])
def test_without_a_critical_point_no_critical_gain_is_tried(activation: str | tuple[str, ...]) -> None:
    assert not changes("critical", BASE.replace(activation=activation))


@pytest.mark.parametrize("normalization", ["batch", "layer"])
def test_neither_gain_nor_another_normalization_is_tried_under_normalization(normalization: str) -> None:
    config = BASE.replace(normalization=normalization, gain=1e-3)
    assert not any(changes(way, config) for way in ("own", "critical", "layer", "batch"))
    assert changes("layer", config.replace(batch_size=2)) or normalization == "layer"
    assert changes("own", config.replace(init="constant"))


def test_a_learning_rate_of_zero_is_replaced() -> None:
    found = offered(BASE.replace(hidden=(16,) * 3, learning_rate=0.0), "updates_too_small")[2]
    assert any(remedy.config.learning_rate > 0 and remedy.config.optimizer == "sgd" for remedy in found)


@pytest.mark.parametrize(("clip_norm", "offers"), [(None, True), (5.0, True), (1.0, False), (0.5, False)])
def test_a_clip_is_tried_where_it_tightens(clip_norm: float | None, offers: bool) -> None:
    assert bool(changes("clip", BASE.replace(clip_norm=clip_norm))) == offers


@pytest.mark.parametrize(
    ("way", "acts_on", "not_on"),
    [
        ("standardize", {"dataset": "diabetes", "standardize": False}, {"dataset": "diabetes"}),
        ("penalty", {"l2": 0.1}, {}),
        ("unclip", {"clip_norm": 0.1}, {}),
        ("batches", {"batch_size": 8}, {}),
        ("epsilon", {"optimizer": "adam", "epsilon": 1e-3}, {}),
        ("adam", {}, {"optimizer": "adam"}),
        ("warmup", {}, {"warmup_steps": 100}),
        ("skip", {}, {"skip": True}),
    ],
)
def test_a_change_is_tried_where_it_changes_something(way: str, acts_on: dict, not_on: dict) -> None:
    for settings, expected in ((acts_on, True), (not_on, False)):
        config = BASE.replace(**settings)
        found = changes(way, config)
        assert bool(found) == expected
        assert all(config.replace(**each.changes) != config for each in found)


@pytest.mark.parametrize("activation", ["sigmoid", "sign"])
def test_a_fork_is_suggested_of_what_it_may_change(activation: str) -> None:
    history = run(BASE.replace(activation=activation, hidden=(16,) * 12, steps=10))
    assert flow(history, 3).kind in ("vanishing", "zero")
    fork = suggested_fork(history)
    assert fork.changes == {"activation": "tanh"} and 0 < fork.at < 10
    assert flow(run(fork, parent=history), 0).kind == "flowing"


def test_a_column_that_never_varies_is_left_out() -> None:
    remedy = offered(CASES["constant_input"][0], "constant_input")[2][0]
    assert remedy.label == "leave out c" and remedy.config.choice.inputs == (0, 1)


def test_what_diverges_or_learns_nothing_does_not_help() -> None:
    long = BASE.replace(steps=USUAL_STEPS)
    sick, healthy = (of_history(history, -1) for history in map(run, (long.replace(gain=0.2), long)))
    assert helps(RULES["vanishing"], sick, healthy)
    for config in (CASES["diverged"][0], long.replace(activation="sign"), long.replace(gain=0.1)):
        history = run(config)
        assert not helps(RULES["vanishing"], sick, of_history(history, history.last_finite))


def test_nothing_is_promised_to_a_run_that_already_does_as_well() -> None:
    after = of_history(run(BASE.replace(steps=USUAL_STEPS)), -1)
    assert not helps(RULES["vanishing"], after, after)


def test_a_broken_promise_is_called_broken() -> None:
    _, _, found = offered(CASES["vanishing"][0].replace(steps=USUAL_STEPS), "vanishing")
    mended = found[0]
    sick = RELU.replace(gain=0.3, steps=USUAL_STEPS)
    outcome = check_prediction(Remedy("nothing at all", sick, "vanishing", mended.before, mended.after), run(sick))
    assert not outcome.held and f"{mended.after.loss:.3g} predicted" in outcome.sentence()
    assert outcome.sentence().startswith("The prediction did not hold.")
    lost = CASES["diverged"][0]
    outcome = check_prediction(Remedy("nothing", lost, "vanishing", mended.before, mended.after), run(lost))
    assert not outcome.held and outcome.sentence().endswith("The run diverged.")


def test_a_promise_is_kept_by_the_loss_and_not_by_its_own_number_alone() -> None:
    """The rule's number came over its threshold at a loss of 1e122 once, and the page said in green that it held."""
    config = RunConfig(hidden=(8, 8), l2=5.0, learning_rate=0.3, steps=200, normalization="layer")
    history = run(config)
    assert Snapshot(history, -1).course.has_grown
    state = of_history(history, -1)
    assert not check_prediction(Remedy("layer normalization", config, "exploding", state, state), history).held


@pytest.mark.parametrize("rule", ["vanishing", "grew", "stands_still"])
def test_the_best_remedy_keeps_its_promise(rule: str) -> None:
    remedy = offered(CASES[rule][0].replace(steps=USUAL_STEPS) if rule == "vanishing" else CASES[rule][0], rule)[2][0]
    outcome = check_prediction(remedy, run(remedy.config))
    assert outcome.held and f"{remedy.after.loss:.3g} predicted" in outcome.sentence()


def test_a_history_of_another_config_is_refused() -> None:
    state = of_history(run(BASE.replace(steps=0)), 0)
    with pytest.raises(ValueError, match="the remedy's own config"):
        check_prediction(Remedy("nothing", BASE, "vanishing", state, state), run(BASE.replace(seed=5, steps=0)))


def test_after_a_divergence_only_what_stays_finite_and_learns_is_offered() -> None:
    """Clipping keeps a rate of 5000 finite too, at a loss of many powers of ten."""
    wild = CASES["diverged"][0].replace(learning_rate=5000.0)
    clipped = run(wild.replace(clip_norm=1.0))
    assert clipped.divergence is None and clipped.loss[-1] > 1e3 * clipped.loss[0]
    assert offered(wild, "diverged")[2] and "clip" not in " ".join(labels(wild, "diverged"))


def test_trials_come_one_at_a_time() -> None:
    history, fired, found = offered(CASES["vanishing"][0], "vanishing")
    tried = list(tried_out(fired, history))
    assert tuple(remedy for remedy in tried if remedy is not None) == found
    assert len(tried) > len(found)


def test_trials_that_are_stopped_end_at_their_next_step_and_are_not_remembered() -> None:
    config, rule = CASES["vanishing"][0].replace(seed=77), "vanishing"
    history = run(config)
    fired = next(each for each in verdict(history) if each.rule == rule)
    asked = []

    def soon() -> bool:
        asked.append(None)
        return len(asked) > 30

    assert list(tried_out(fired, history, cancelled=soon)) == [] and len(asked) < 40
    assert remedies_for(fired, history)


def test_trials_are_estimated_by_the_steps_that_they_take() -> None:
    history, fired, _ = offered(CASES["vanishing"][0], "vanishing")
    more = history.config.replace(n_samples=4 * history.config.n_samples)
    assert 0 < trial_seconds(fired, history) < trial_seconds(fired, run(more.replace(steps=1)))


@pytest.mark.parametrize("case", ["vanishing", "diverged"])
def test_a_fork_is_suggested_untried_where_its_trials_would_take_too_long(
    case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = run(CASES[case][0])
    monkeypatch.setattr(remedy_module, "seconds_per_step", lambda config: 10.0)
    monkeypatch.setattr(remedy_module, "run", lambda *_, **__: pytest.fail("this would take minutes"))
    fork = suggested_fork(history)
    assert fork.learning_rate != history.config.learning_rate


@pytest.mark.parametrize("case", ["vanishing", "diverged"])
def test_a_search_for_a_fork_that_is_stopped_suggests_one_untried(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    history = run(CASES[case][0])
    assert 0 < suggestion_seconds(history) <= remedy_module.FORKS_SECONDS
    asked = []

    def soon() -> bool:
        asked.append(None)
        return len(asked) > 2

    stopped = suggested_fork(history, cancelled=soon)
    assert len(asked) < 10 and stopped.learning_rate != history.config.learning_rate
    monkeypatch.setattr(remedy_module, "run", lambda *_, **__: pytest.fail("nothing is to be tried out"))
    assert suggested_fork(history, cancelled=lambda: True).learning_rate != history.config.learning_rate


def test_a_fork_whose_parent_must_be_trained_again_counts_that_in() -> None:
    """A run that keeps few records tells nothing of its optimizer's state half-way."""
    wild = CASES["diverged"][0].replace(learning_rate=1e6, steps=4000)
    slow, fast = (
        run(wild.replace(optimizer="sgd", momentum=momentum, record_every=1000, learning_rate=0.001))
        for momentum in (0.9, 0.0)
    )
    counted = [remedy_module._finite_trials(history) for history in (slow, fast)]
    (at, *_) = counted[0]
    assert at > 0 and counted[0][at] == counted[1][at] + at and counted[0][0] == counted[1][0]


def test_another_seed_or_more_units_free_a_stuck_exclusive_or() -> None:
    for seed, loss in ((23, "bce"), (17, "mse")):
        history = run(xor(seed, loss))
        (fired,) = [each for each in verdict(history) if each.severity > 1]
        assert fired.rule == "stands_still" and history.loss[-1] > 0.1
        assert any(remedy.after.share < 0.05 for remedy in remedies_for(fired, history))


def test_a_run_that_is_shorter_than_its_trial_becomes_as_long() -> None:
    found = remedies(BASE.replace(gain=0.2, steps=3))
    assert found and all(remedy.config.steps == remedy.tried == USUAL_STEPS for remedy in found)
    assert remedies(BASE) == ()
