"""A loss of an output that has an activation: what the loss sees is phi(z), and delta has its slope in it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nncore.model.activations import Activation
from nncore.model.losses import Array, Loss


class ThroughActivation(Loss):
    """E(phi(z), y), with dE/dz = dE/da phi'(z): the output layer's activation, as part of the loss.

    So z stays what every measurement, theory and gradient check takes the output layer's z for.

    >>> from nncore import ACTIVATIONS, LOSSES
    >>> loss = ThroughActivation(LOSSES["mse"], ACTIVATIONS["sigmoid"])
    >>> float(loss.value(np.array([[0.0]]), np.array([[1.0]]))), loss.delta(np.array([[0.0]]), np.array([[1.0]])).tolist()
    (0.25, [[-0.25]])
    """

    def __init__(self, loss: Loss, phi: Activation) -> None:
        self.loss, self.phi = loss, phi
        self.name, self.tasks, self.targets = loss.name, loss.tasks, loss.targets  # type: ignore[misc]

    def value_and_delta(self, z_out: Array, y: NDArray[Any], out: Array | None = None) -> tuple[Any, Array]:
        a = self.phi(z_out)
        value, delta = self.loss.value_and_delta(a, y, out)
        delta *= self.phi.slope(z_out, a)
        return value, delta

    def per_sample(self, z_out: Array, y: NDArray[Any]) -> Array:
        return self.loss.per_sample(self.phi(z_out), y)

    def check(self, z_shape: tuple[int, ...], y: ArrayLike) -> NDArray[Any]:
        return self.loss.check(z_shape, y)

    def accuracy(self, z_out: Array, y: NDArray[Any]) -> Any:
        return self.loss.accuracy(self.phi(z_out), y)

    def constant(self, y: NDArray[Any]) -> float:
        """That of the loss itself, where phi reaches the mean targets."""
        low, high = self.phi.range
        mean = np.asarray(y, np.float64).mean(axis=0)
        return self.loss.constant(y) if ((low < mean) & (mean < high)).all() else super().constant(y)
