"""Tiny runs of every sort that the measurements are tried on."""

from typing import Any

import numpy as np

from nncore import History, RunConfig, run
from nncore.model.layout import Array

SMALL = RunConfig(dataset="moons", n_samples=30, hidden=(5, 5, 4), steps=6, learning_rate=0.3, bias_std=0.3, gain=1.5)
CONFIGS = {
    "tanh, bce": SMALL,
    "relu, cross entropy, adam": SMALL.replace(
        dataset="blobs", activation="relu", optimizer="adam", learning_rate=0.01, n_classes=4
    ),
    "sigmoid, mse, regression": SMALL.replace(dataset="diabetes", activation="sigmoid", gain=4.0),
    "mixed, skip, one column a class": SMALL.replace(
        dataset="iris", loss="mse", activation=("hard_tanh", "sign", "leaky_relu"), skip=True, gain=2.0
    ),
    "linear and elu, batches, probe of 7": SMALL.replace(
        activation=("linear", "elu", "softsign"), batch_size=4, l2=0.01, probe_size=7
    ),
    "float32": SMALL.replace(dtype="float32", activation="gelu"),
    "no hidden layer": SMALL.replace(hidden=()),
}
MAX_SLOPE = {"tanh": 1, "relu": 1, "sigmoid": 0.25, "hard_tanh": 1, "leaky_relu": 1, "elu": 1, "softsign": 1}
TWO_SIDED = {"tanh", "sigmoid", "hard_tanh", "softsign"}
ONE_SIDED = {"relu", "leaky_relu", "elu", "gelu"}


def with_theta(history: History, theta: Array) -> History:
    """The same history with another theta, its early end kept."""
    return History(
        history.config,
        history.step,
        history.loss,
        theta,
        history.grad,
        history.update_norm,
        history.probe_x,
        history.probe_y,
        history.stopped,
        history.divergence,
    )


def diverged(**changes: Any) -> History:
    """A run that ends early, its last theta but one made huge, its last made infinite or NaN in places."""
    history = run(SMALL.replace(dataset="diabetes", learning_rate=50.0, steps=300, **changes))
    assert history.divergence is not None
    theta, rng = history.theta.copy(), np.random.default_rng(0)
    theta[-2] *= 0.5 * np.finfo(theta.dtype).max / np.abs(theta[-2]).max()
    theta[-1] = np.where(rng.uniform(size=theta.shape[1]) < 0.3, np.inf, theta[-2])
    theta[-1, -1] = np.nan
    return with_theta(history, theta)
