"""Parent and fork on the same steps: each number is the run's own, and the differences are theirs."""

import dataclasses
import io

import numpy as np
import pytest

from nncore import Fork, History, RunConfig, ScaleLayer, run
from nncore import measures as m
from nncore.measures.fork_and_parent import flows, learned, same_bits, scores, update_ratios, weight_distance
from nncore.measures.learned import confusion, decision_regions, fitted_curve, predictions

CONFIG = RunConfig(n_samples=30, hidden=(5, 4), steps=20)
AT = 8


@pytest.fixture(scope="module")
def parent() -> History:
    return run(CONFIG)


@pytest.fixture(scope="module")
def fork(parent: History) -> History:
    return run(Fork(CONFIG, AT, learning_rate=0.3), parent=parent)


def test_scores_are_both_runs_own(parent: History, fork: History) -> None:
    measured = scores(parent, fork)
    assert measured.axes["step"].tolist() == list(range(AT, 21))
    for name in ("loss", "train_loss", "test_loss", "train_accuracy", "test_accuracy"):
        ours = m.performance(fork)[name]
        theirs = m.performance(parent)[name][AT:]
        np.testing.assert_array_equal(measured[f"fork_{name}"], ours)
        np.testing.assert_array_equal(measured[f"parent_{name}"], theirs)
        np.testing.assert_array_equal(measured[f"{name}_difference"], ours - theirs)


def test_update_ratios_and_flows_carry_the_factor(parent: History, fork: History) -> None:
    updates = update_ratios(parent, fork)
    np.testing.assert_array_equal(updates["fork_update_ratio"], m.per_layer(fork, "update_ratio")["update_ratio"])
    np.testing.assert_allclose(updates["factor"][0], 3.0, rtol=1e-12)
    at = flows(parent, fork, 12)
    for name in ("delta_norm", "weight_gradient_norm"):
        ours = m.per_layer(fork, name, np.array([4]))[name][0]
        theirs = m.per_layer(parent, name, np.array([12]))[name][0]
        np.testing.assert_array_equal(at[f"fork_{name}"], ours)
        np.testing.assert_array_equal(at[f"{name}_factor"], ours / theirs)


def test_weight_distance_is_zero_at_the_fork_and_what_the_weights_say_after(parent: History, fork: History) -> None:
    measured = weight_distance(parent, fork)
    assert not measured["distance"][0].any() and (measured["distance"][1:] > 0).all()
    for layer, ((ours, _), (theirs, _)) in enumerate(
        zip(parent.layout.split(fork.theta[5]), parent.layout.split(parent.theta[AT + 5]), strict=True)
    ):
        expected = np.linalg.norm(ours - theirs)
        assert measured["distance"][5, layer] == pytest.approx(expected, rel=1e-12)
        assert measured["relative_distance"][5, layer] == pytest.approx(expected / np.linalg.norm(theirs))


def test_an_edit_shows_as_distance_at_once(parent: History) -> None:
    fork = run(Fork(CONFIG, AT, [ScaleLayer(2, 3.0)]))
    first = weight_distance(parent, fork)["relative_distance"][0]
    np.testing.assert_allclose(first, [0.0, 2.0, 0.0], rtol=1e-12)


@pytest.mark.parametrize(
    ("dataset", "function", "main"),
    [
        ("moons", decision_regions, "class"),
        ("parabola", fitted_curve, "prediction"),
        ("iris", confusion, "rows"),
        ("diabetes", predictions, "prediction"),
    ],
)
def test_what_was_learned_is_laid_side_by_side(dataset: str, function, main: str) -> None:
    config = CONFIG.replace(dataset=dataset)
    one, other = run(config), run(Fork(config, AT, learning_rate=0.3))
    measured = learned(one, other, 15)
    np.testing.assert_array_equal(measured[f"parent_{main}"], function(one, 15)[main])
    np.testing.assert_array_equal(measured[f"fork_{main}"], function(other, 15 - AT)[main])
    if dataset == "moons":
        np.testing.assert_array_equal(measured["difference"], measured["fork_class"] != measured["parent_class"])
    else:
        expected = measured[f"fork_{main}"] - measured[f"parent_{main}"]
        np.testing.assert_array_equal(measured["difference"], expected)
    assert np.array_equal(learned(one, run(Fork(config, AT)), 15)["difference"], 0 * measured["difference"])


def test_steps_that_one_run_lacks_are_blank(parent: History) -> None:
    coarse = run(Fork(CONFIG, AT, record_every=5, steps=30))
    measured = scores(parent, coarse)
    assert measured.axes["step"].tolist() == [*range(AT, 21), 25, 30]
    theirs = np.isfinite(measured["parent_loss"])
    assert theirs.tolist() == [True] * 13 + [False] * 2
    assert np.flatnonzero(np.isfinite(measured["fork_loss"])).tolist() == [0, 2, 7, 12, 13, 14]
    assert weight_distance(parent, coarse).axes["step"].tolist() == [8, 10, 15, 20]
    assert np.isnan(flows(parent, coarse, 25)["parent_delta_norm"]).all()
    with pytest.raises(ValueError, match="step must be one that both runs recorded; got 25"):
        learned(parent, coarse, 25)


def test_long_runs_are_thinned_to_what_a_chart_can_show() -> None:
    config = CONFIG.replace(steps=900)
    one, other = run(config), run(Fork(config, 50, learning_rate=0.01))
    for measured in (scores(one, other), update_ratios(one, other), weight_distance(one, other)):
        steps = measured.axes["step"]
        assert len(steps) == m.OVER_TIME and (steps[0], steps[-1]) == (50, 900)
        assert all(np.isfinite(values[:-1]).all() for values in measured.values.values())


@pytest.mark.parametrize("name", ["theta", "grad", "loss", "update_norm"])
def test_one_bit_is_enough_to_differ(parent: History, name: str) -> None:
    same = run(Fork(CONFIG, AT))
    assert same_bits(parent, same)
    changed = getattr(same, name).copy()
    changed.reshape(-1)[7] = np.nextafter(changed.reshape(-1)[7], np.inf)
    assert not same_bits(parent, dataclasses.replace(same, **{name: changed}))
    assert not same_bits(parent, dataclasses.replace(same, stopped="Stopped by hand at step 12 of 20."))


def test_a_fork_of_another_run_is_refused(parent: History, fork: History) -> None:
    other = run(CONFIG.replace(seed=5))
    for one, another in ((other, fork), (parent, parent)):
        for function in (same_bits, scores, update_ratios, weight_distance):
            with pytest.raises(ValueError, match="fork must be the history of a fork of parent's config"):
                function(one, another)


def test_a_measurement_of_both_is_a_table(parent: History, fork: History) -> None:
    text = io.StringIO()
    scores(parent, fork).to_csv(text)
    header = text.getvalue().splitlines()[0].split(",")
    assert header[:3] == ["step", "parent_loss", "parent_train_loss"] and "loss_difference" in header
