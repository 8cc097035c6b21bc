"""Gradient descent with everything kept: theta, gradient and loss at each step, and where it broke."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nncore.history.history import Divergence
from nncore.model.layout import Array
from nncore.model.losses import Loss
from nncore.model.network import MLP
from nncore.model.optimizers import sgd
from nncore.training import find_divergence, train


@dataclass(frozen=True, eq=False)
class Descent:
    """theta, grad (n_steps + 1, n_params), loss (n_steps + 1,); a divergence, if there was one, is the last row."""

    theta: Array
    grad: Array
    loss: Array
    divergence: Divergence | None

    @property
    def last_finite(self) -> int:
        """The last step at which theta, gradient and loss are all finite."""
        return len(self.loss) - 1 - (self.divergence is not None and len(self.loss) > 1)

    @property
    def rose_at(self) -> int | None:
        """The first step whose loss is above the first one's; None where there is none."""
        above = np.flatnonzero(~(self.loss <= self.loss[0]))
        return int(above[0]) if len(above) else None


def descend(network: MLP, loss: Loss, theta: Array, x: Array, y: Array, learning_rate: float, steps: int) -> Descent:
    """theta <- theta - alpha dE/dtheta on all rows, `steps` times or until something is no longer finite.

    >>> from nncore import LOSSES, Layout
    >>> theta = np.array([0.1, -0.2, 0.5, -0.4, 0.3, 0.7, -0.6])
    >>> x = np.array([[0.0], [0.5], [1.0], [1.5]])
    >>> network = MLP(Layout((1, 2, 1)), "sigmoid")
    >>> descend(network, LOSSES["mse"], theta, x, x**2, 0.1, steps=2).loss.round(6).tolist()
    [0.781626, 0.696642, 0.65458]
    >>> descend(network, LOSSES["mse"], theta, x, x**2, 100.0, steps=500).divergence.step < 500
    True
    """
    rows = []
    divergence = None
    for step in train(network, loss, sgd(learning_rate), theta, x, y, steps):
        rows.append((step.theta, step.grad, float(step.loss)))
        if not (np.isfinite(step.loss) and np.isfinite(step.theta).all() and np.isfinite(step.grad).all()):
            divergence = find_divergence(network.layout, step)
            break
    thetas, grads, losses = zip(*rows, strict=True)
    return Descent(np.array(thetas), np.array(grads), np.array(losses), divergence)
