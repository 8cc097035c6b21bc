"""Every experiment's claim is true of its two runs, and false of runs that only look like them."""

import numpy as np
import pytest

from nncore import RunConfig, run
from nncore import measures as m
from nncore.config.cost import estimate
from nncore.diagnosis import CHARTS
from nncore.experiments import EXPERIMENTS, TOPICS, Experiment
from tests.nncore.experiments.nudge import nudge_first_weights

NEAR_MISSES = {
    "deep_sigmoid": {"hidden": (32,) * 5},
    "depth": {"activation": "tanh"},
    "cross_entropy": {"activation": "tanh"},
    "activation_or_loss": {"activation": "sigmoid"},
    "flat_weight_gradients": {"gain": 1.0},
    "float_types": {"gain": 1.0},
    "exploding": {"gain": 2.0},
    "relu_explodes": {"gain": 1.2},
    "saturated": {"init_scale": 2.0},
    "sure_output": {"init_scale": 1.0},
    "fell_first": {"learning_rate": 0.05},
    "batch_normalization": {"normalization": "layer"},
    "xavier_tanh": {"gain": 0.5},
    "near_zero": {"init_scale": 0.1},
    "he_relu": {"gain": 0.7},
    "zeros": {"init": "constant", "init_scale": 0.01},
    "sigmoid_zeros": {"activation": "tanh"},
    "constant": {"init": "normal"},
    "skip": {"init_scale": 0.3},
    "adam": {"learning_rate": 1e-6},
    "rmsprop": {"learning_rate": 1e-6},
    "clipping": {"clip_norm": 1e6},
    "dying_relu": {"learning_rate": 0.3},
    "linear": {"activation": "elu"},
    "two_units": {"hidden": (1,)},
}
"""A change of the experiment's own run after which its claim is false."""

every_experiment = pytest.mark.parametrize("experiment", EXPERIMENTS.values(), ids=EXPERIMENTS)


@every_experiment
def test_claim_is_true_of_its_runs_and_false_the_other_way_round_and_of_a_near_miss(experiment: Experiment) -> None:
    history, other = run(experiment.config), run(experiment.against)
    assert experiment.holds(history, other)
    assert not experiment.holds(other, history)
    assert not experiment.holds(history, history)
    assert not experiment.holds(other, other)
    near_miss = run(experiment.config.replace(**NEAR_MISSES[experiment.name]))
    assert not experiment.holds(near_miss, other)


@every_experiment
def test_claim_does_not_hang_on_the_last_bits(experiment: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    nudge_first_weights(monkeypatch)
    other = run(experiment.against)
    assert experiment.holds(run(experiment.config), other)
    assert not experiment.holds(run(experiment.config.replace(**NEAR_MISSES[experiment.name])), other)


@pytest.mark.parametrize("name", [name for name, each in EXPERIMENTS.items() if each.crossed])
@pytest.mark.parametrize("nudged", [False, True], ids=["as_it_is", "nudged"])
def test_claim_holds_also_of_the_runs_that_exchanged_one_setting(
    name: str, nudged: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if nudged:
        nudge_first_weights(monkeypatch)
    experiment = EXPERIMENTS[name]
    ours, theirs = (run(config) for config in experiment.exchanged())
    assert experiment.holds(ours, theirs) and not experiment.holds(theirs, ours)


@every_experiment
def test_experiment_is_complete_in_words_and_cheap_to_run(experiment: Experiment) -> None:
    assert experiment.topic in TOPICS
    assert experiment.claim.endswith(".") and experiment.look_for.endswith(".")
    assert 3 <= len(experiment.title.split()) <= 8
    assert experiment.charts and set(experiment.charts) <= {*CHARTS, "turn"}  # turn: of a run that diverged, by itself
    assert set(experiment.picture) <= {*m.LAYER_QUANTITIES, "loss", "fit", "weights", "crossed"}
    for config in (experiment.config, experiment.against):
        assert 0 <= experiment.step <= config.steps
        assert estimate(config).seconds < 2


def test_topics_and_names_and_titles_all_differ() -> None:
    assert {experiment.topic for experiment in EXPERIMENTS.values()} == set(TOPICS)
    assert len({experiment.title for experiment in EXPERIMENTS.values()}) == len(EXPERIMENTS) >= 15
    pairs = {(experiment.config, experiment.against) for experiment in EXPERIMENTS.values()}
    assert len(pairs) == len(EXPERIMENTS)


def test_two_runs_of_an_experiment_differ_in_one_or_two_settings() -> None:
    for experiment in EXPERIMENTS.values():
        ours, theirs = experiment.config.to_dict(), experiment.against.to_dict()
        differ = {name for name in ours if ours[name] != theirs[name]}
        assert 1 <= len(differ) <= 2, (experiment.name, differ)


def test_linear_network_of_the_sine_is_the_best_straight_line() -> None:
    """So that "less than a quarter of what the best line leaves" is about lines, not about this training."""
    experiment = EXPERIMENTS["two_units"]
    config: RunConfig = experiment.against
    data = config.data()
    inputs = np.column_stack([np.ones(len(data.x_train)), data.x_train])
    targets = config.targets(data.y_train)
    residual = targets - inputs @ np.linalg.lstsq(inputs, targets, rcond=None)[0]
    assert run(config).loss[-1] == pytest.approx(float((residual**2).mean()), rel=1e-6)
