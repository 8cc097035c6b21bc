"""One function of every kind as somebody might register it, and a registry that forgets them after a test."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

import nncore
from nncore.config.own import REGISTRIES


class Huber(nncore.Loss):
    """Squares up to 1, then straight: mean over samples and outputs."""

    name = "huber"

    def value_and_delta(self, z_out, y, out=None):
        gap = z_out - y
        delta = np.clip(gap, -1, 1) / (gap.shape[-1] * gap.shape[-2])
        if out is not None:
            out[...] = delta
        return self.per_sample(z_out, y).mean(axis=-1), delta if out is None else out

    def per_sample(self, z_out, y):
        gap = np.abs(z_out - y)
        return np.where(gap < 1, gap * gap / 2, gap - 0.5).mean(axis=-1)

    def check(self, z_shape, y):
        return nncore.LOSSES["mse"].check(z_shape, y)


def lion(learning_rate=0.01, beta_1=0.9, weight_decay=0.0):
    """Signs of a running mean of gradients (Chen et al. 2023, simplified)."""

    def init(theta):
        return {"mean": np.zeros_like(theta)}

    def update(theta, grad, state, rate, out):
        state["mean"] *= beta_1
        state["mean"] += (1 - beta_1) * grad
        np.subtract(theta, rate * (np.sign(state["mean"]) + weight_decay * theta), out=out)

    return nncore.Optimizer("lion", learning_rate, init, update)


def laplace(rng, fan_in, fan_out, scale):
    return rng.laplace(0, scale / (2 * fan_in) ** 0.5, (fan_in, fan_out))


def ring(rng, n_samples, noise, n_classes):
    x = rng.normal(size=(n_samples, 2))
    return x, (np.hypot(*x.T) > 1).astype(int)


SINE = nncore.Activation(name="sine", phi=np.sin, dphi=np.cos)
LAPLACE = nncore.Initializer("laplace", laplace, lambda fan_in, fan_out, scale: scale / fan_in**0.5, default_scale=1.0)
RING = nncore.Dataset("ring", "classification", ring, "In or out.", ("x1", "x2"), "outside", uses_noise=False)

OWN = {"activation": SINE, "init": LAPLACE, "loss": Huber(), "optimizer": lion, "dataset": RING}
"""Setting -> what is registered for it; its name is the one that the tests use."""

NAMES = {"activation": "sine", "init": "laplace", "loss": "huber", "optimizer": "lion", "dataset": "ring"}


def register_all() -> None:
    for setting, entry in OWN.items():
        REGISTRIES[setting].register(entry)


@contextmanager
def forgotten() -> Iterator[None]:
    """Whatever is registered inside is not there afterwards."""
    try:
        yield
    finally:
        for registry in REGISTRIES.values():
            for name in registry.own:
                del registry[name]
