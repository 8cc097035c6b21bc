"""Small problems and runs that training is tried on."""

from typing import Any

import numpy as np

from nncore import LOSSES, MLP, History, Layout, RunConfig, train
from nncore.model.layout import Array

TAIL = 8
"""Steps that an early end keeps."""
SMALL = RunConfig(dataset="moons", n_samples=40, hidden=(4, 3), steps=30, learning_rate=0.05)
DIVERGES = SMALL.replace(dataset="diabetes", learning_rate=3.0, steps=400)


def problem(seed: int = 0, n: int = 12) -> tuple[MLP, Array, Array, Array]:
    rng = np.random.default_rng(seed)
    network = MLP(Layout((2, 4, 1)), "tanh")
    return network, rng.normal(size=network.layout.n_params), rng.normal(size=(n, 2)), rng.normal(size=(n, 1))


def collect(*args: Any, **settings: Any) -> tuple[Array, Array, Array]:
    """(loss, theta, grad) of every step, copied."""
    steps = [(step.loss, step.theta.copy(), step.grad.copy()) for step in train(*args, **settings)]
    return tuple(np.array(each) for each in zip(*steps, strict=True))  # type: ignore[return-value]


def gradient(network: MLP, theta: Array, x: Array, y: Array) -> Array:
    tape = network.forward(theta, x)
    return network.backward(theta, tape, LOSSES["mse"].delta(tape.z[-1], y))[0]


def assert_same(a: History, b: History) -> None:
    for name in ("step", "loss", "theta", "grad", "update_norm", "probe_x", "probe_y"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), strict=True)
    assert (a.config, a.stopped, a.divergence) == (b.config, b.stopped, b.divergence)
