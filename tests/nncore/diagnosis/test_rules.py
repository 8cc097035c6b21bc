"""Every rule: a config that triggers it, a near miss that does not, and evidence that is true."""

import dataclasses

import numpy as np
import pytest

from nncore import RunConfig, run
from nncore import measures as m
from nncore.diagnosis import CHARTS, RULES, Verdict, share_of_twins, verdict
from nncore.diagnosis.snapshot import WINDOW, Snapshot
from tests.nncore.diagnosis.cases import BASE, CASES, RELU, SHALLOW


def found(config: RunConfig, rule: str) -> Verdict:
    return next(each for each in verdict(run(config)) if each.rule == rule)


def test_every_rule_has_its_cases() -> None:
    assert set(CASES) == set(RULES)


def test_a_metric_is_its_short_form_and_when_it_was_taken() -> None:
    poor = RULES["poor_initialization"]
    assert poor.metric == f"{poor.short_metric}, at step 0"
    assert all(rule.metric.startswith(rule.short_metric) for rule in RULES.values())


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_fires_on_its_case_and_not_on_the_near_miss(rule: str) -> None:
    trigger, near_miss = CASES[rule]
    fired = found(trigger, rule)
    history = run(trigger)
    assert fired.value > fired.threshold if RULES[rule].above else fired.value < fired.threshold
    assert fired.layers and set(fired.layers) <= set(range(1, history.layout.n_layers + 1))
    assert fired.sentence.endswith(".") and fired.source and fired.chart in CHARTS
    assert (fired.record, fired.step) == (history.last_finite, history.step[history.last_finite])
    assert rule not in [each.rule for each in verdict(run(near_miss))]


@pytest.mark.parametrize(
    "config",
    [BASE, RELU, BASE.replace(activation="selu", init="lecun_normal"), BASE.replace(normalization="layer")],
    ids=["tanh", "relu", "selu", "layer normalization"],
)
def test_a_healthy_run_has_no_verdict(config: RunConfig) -> None:
    assert verdict(run(config)) == ()


def test_the_gravest_comes_first() -> None:
    verdicts = verdict(run(CASES["underflow"][0]))
    severities = [each.severity for each in verdicts]
    assert severities == sorted(severities, reverse=True) and len(set(severities)) > 1


def test_the_record_can_be_chosen() -> None:
    history = run(CASES["dead"][0])
    assert "dead" not in [each.rule for each in verdict(history, 0)]
    assert "dead" in [each.rule for each in verdict(history, -1)]
    with pytest.raises(IndexError):
        verdict(history, len(history))


def test_layers_of_a_vanishing_gradient_are_those_below_the_threshold() -> None:
    config = CASES["vanishing"][0]
    fired, delta = found(config, "vanishing"), m.per_layer(run(config), "delta_norm")["delta_norm"][0]
    assert fired.layers == tuple(np.flatnonzero(delta < fired.threshold * delta[-1]) + 1)
    assert fired.value == delta[0] / delta[-1] and f"{fired.value:.2g}" in fired.sentence


def test_the_sentence_puts_the_loss_down_to_the_part_that_caused_it() -> None:
    assert "slope" not in found(BASE.replace(activation="linear", gain=0.3), "vanishing").sentence
    flat_slopes = found(BASE.replace(activation="sigmoid", steps=0), "vanishing").sentence
    parts = flat_slopes.split("decades: ")[1].removesuffix(".").split(", ")
    assert min(parts, key=lambda part: float(part.split()[1])).startswith("slope")


def test_a_flat_weight_gradient_is_given_with_its_level() -> None:
    config = CASES["flat_weight_gradient"][0]
    norms = m.per_layer(run(config), "weight_gradient_norm")["weight_gradient_norm"][0, :-1]
    fired = found(config, "flat_weight_gradient")
    assert fired.value == norms.max() / norms.min()
    assert f"Its level can: {np.median(norms):.2g}" in fired.sentence and np.median(norms) < 1e-4


def test_zero_gradient_says_where_the_zero_arises() -> None:
    mixed = BASE.replace(activation=(*("tanh",) * 4, "sign", *("tanh",) * 3))
    fired = found(mixed, "zero_gradient")
    assert fired.layers == (1, 2, 3, 4, 5) and "Layer 5, slope" in fired.sentence


def test_updates_are_judged_from_ten_on() -> None:
    slow = CASES["updates_too_small"][0]
    assert found(slow.replace(steps=WINDOW), "updates_too_small")
    assert "updates_too_small" not in [each.rule for each in verdict(run(slow.replace(steps=WINDOW - 1)))]


def test_updates_of_a_layer_without_weights_are_left_out() -> None:
    snapshot = Snapshot(run(SHALLOW.replace(init="zeros")), -1)
    assert np.isnan(snapshot.largest_updates).all()
    assert np.isnan(RULES["updates_too_small"].measure(snapshot).value)
    assert np.isnan(RULES["updates_too_large"].measure(snapshot).value)


def test_the_extremes_of_the_updates_are_those_measured() -> None:
    history = run(SHALLOW)
    ratios = m.per_layer(history, "update_ratio")["update_ratio"][:-1]
    snapshot = Snapshot(history, -1)
    np.testing.assert_array_equal(snapshot.largest_updates, ratios.max(axis=0))
    np.testing.assert_array_equal(snapshot.recent_updates, np.median(ratios[-WINDOW:], axis=0))


def test_twins_need_equal_weights_in_and_out() -> None:
    rng = np.random.default_rng(0)
    units = rng.standard_normal((9, 6))
    assert share_of_twins(units) == 0
    units[:, 4] = units[:, 1]
    assert share_of_twins(units) == pytest.approx(2 / 6)
    units[:, 4] *= 1 + 1e-12
    assert share_of_twins(units) == pytest.approx(2 / 6)
    units[8, 4] += 0.1
    assert share_of_twins(units) == 0
    assert share_of_twins(np.zeros((3, 5))) == 1 and share_of_twins(units[:, :1]) == 0
    assert share_of_twins(np.full((3, 5), np.nan)) == 0


def test_two_planted_twins_are_found_and_stay_twins() -> None:
    history = run(SHALLOW.replace(steps=0))
    theta = history.theta.copy()
    layers = history.layout.split(theta[0])
    for weight, bias in layers[1:2]:
        weight[:, 3], bias[3] = weight[:, 7], bias[7]
    layers[2][0][3] = layers[2][0][7]
    planted = dataclasses.replace(history, theta=theta)
    (fired,) = [each for each in verdict(planted) if each.rule == "symmetric"]
    assert fired.layers == (2,) and fired.value == pytest.approx(2 / 16)


def test_symmetry_survives_training_and_rounding() -> None:
    for dtype in ("float64", "float32"):
        assert found(BASE.replace(init="constant", steps=150, dtype=dtype), "symmetric").value == 1


def test_a_lost_record_has_a_verdict_of_divergence_alone_in_its_severity() -> None:
    verdicts = verdict(run(CASES["diverged"][0]), -1)
    assert [each.rule for each in verdicts if each.severity == 3] == ["diverged"]


@pytest.mark.parametrize("hidden", [(), (1,), (3, 1, 3)], ids=["none", "one unit", "bottleneck"])
def test_small_networks_are_judged_too(hidden: tuple[int, ...]) -> None:
    assert verdict(run(BASE.replace(hidden=hidden, seed=1))) == ()
