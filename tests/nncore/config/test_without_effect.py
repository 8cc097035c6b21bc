"""A setting is said to have no effect exactly where the run has the same bits without it."""

import numpy as np
import pytest

from nncore import RunConfig, run
from nncore.config.without_effect import CONDITIONS, in_a_sentence, without_effect
from nncore.data.arrays import choice_of

SMALL = {"n_samples": 30, "steps": 3, "hidden": (4, 4), "batch_size": 8}
CHANGED = {
    "noise": 0.3,
    "n_classes": 4,
    "standardize": False,
    "activation": "relu",
    "alpha": 0.3,
    "normalization": "layer",
    "skip": True,
    "gain": 1.7,
    "init_scale": 0.3,
    "momentum": 0.5,
    "nesterov": True,
    "rms_alpha": 0.5,
    "beta_1": 0.5,
    "beta_2": 0.5,
    "epsilon": 0.01,
    "weight_decay": 0.2,
    "schedule_every": 1,
    "schedule_factor": 0.1,
    "schedule_floor": 0.5,
    "bias_std": 0.3,
    "rows": "1, 2 : 3; 4, 5 : 6",
    "init": "he_uniform",
    "init_low": 0.1,
    "init_high": 0.2,
    "test_fraction": 0.5,
    "warmup_steps": 2,
    "l1": 0.01,
    "l2": 0.01,
    "seed": 5,
}
GIVEN_THETA = tuple(np.linspace(-1, 1, 7).tolist())
X = np.random.default_rng(0).normal(size=(40, 2))
BASES = [
    {"optimizer": "sgd", "momentum": 0.1},
    {"optimizer": "rmsprop", "activation": "elu", "schedule": "step", "schedule_every": 2},
    {"optimizer": "adagrad", "dataset": "iris", "init": "he_normal"},
    {"optimizer": "adam", "dataset": "parabola", "init": "normal", "schedule": "cosine"},
    {"optimizer": "adamw", "dataset": "blobs", "init": "zeros", "bias_std": 0.5, "activation": "leaky_relu"},
    {"optimizer": "sgd", "momentum": 0.1, "hidden": (), "dataset": "diabetes"},
    {"optimizer": "adam", "hidden": (5, 4), "init": "uniform", "dataset": "line"},
    {"optimizer": "sgd", "momentum": 0.1, "hidden": (5, 3), "init": "lsuv"},
    {"momentum": 0.1, "hidden": (2,), "dataset": "line", "theta": GIVEN_THETA, "biases": "none"},
    {"momentum": 0.1, "hidden": (3,), "dataset": "line", "biases": ("none", "fixed")},
    {"momentum": 0.1, "dataset": "given", "rows": "1, 2 : 3; 4, 5 : 7", "biases": "fixed"},
    {"optimizer": "sgd", "momentum": 0.1, "dataset": "table", "table": choice_of(X, X[:, 0], test=(X[:4], X[:4, 0]))},
]


def bits(config: RunConfig) -> bytes:
    history = run(config)
    return history.theta.tobytes() + history.loss.tobytes() + history.probe_x.tobytes()


@pytest.mark.parametrize("base", BASES, ids=str)
@pytest.mark.parametrize("name", CHANGED)
def test_it_is_said_exactly_where_the_bits_stay(name: str, base: dict) -> None:
    config = RunConfig(**{**SMALL, **base})
    changed = config.replace(**{name: CHANGED[name]})
    if changed == config:
        return
    assert (name in without_effect(changed)) == (bits(changed) == bits(config))


def test_every_condition_is_tried_both_ways() -> None:
    assert set(CONDITIONS) - {"table"} <= set(CHANGED)
    for name in set(CONDITIONS) - {"table"}:
        said = {name in without_effect(RunConfig(**{**SMALL, **base, name: CHANGED[name]})) for base in BASES}
        assert said == {True, False}, name


def test_defaults_are_never_spoken_of() -> None:
    assert not without_effect(RunConfig()) and not in_a_sentence(RunConfig(optimizer="adam"))


def test_weight_decay_acts_with_adam_and_otherwise_than_with_adamw() -> None:
    """Adam divides the pull by the gradient's size, AdamW does not (Loshchilov & Hutter 2019)."""
    plain = RunConfig(optimizer="adam", hidden=(8,), steps=20, learning_rate=0.01)
    coupled, apart = (run(plain.replace(optimizer=name, weight_decay=0.5)) for name in ("adam", "adamw"))
    assert not np.array_equal(coupled.theta, run(plain).theta)
    assert not np.allclose(coupled.theta[-1], apart.theta[-1], rtol=1e-3)
