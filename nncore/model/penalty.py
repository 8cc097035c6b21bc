"""A penalty on the size of the weights, added to the loss and to its gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from nncore.model.layout import Array, Layout


class Penalty:
    """l1 sum|w| + l2 sum w² over weights, not biases.

    >>> penalty, grad = Penalty(Layout((1, 1)), l1=0.5, l2=0.25), np.zeros(2)
    >>> float(penalty.add(np.array([9.0, -2.0]), grad)), grad.tolist()
    (2.0, [0.0, -1.5])
    """

    def __init__(self, layout: Layout, l1: float = 0.0, l2: float = 0.0, dtype: DTypeLike = np.float64) -> None:
        self.l1, self.l2 = l1, l2
        self.is_weight = np.ones(layout.n_params, dtype)
        for _, bias in layout.split(self.is_weight):
            bias[...] = 0.0

    def value(self, theta: Array) -> Any:
        """The penalty at theta (..., n_params), (...)."""
        return self._of(theta * self.is_weight)

    def add(self, theta: Array, grad: Array) -> Any:
        """The penalty at theta (..., n_params), (...); its derivative is added to grad, shaped like theta."""
        weights = theta * self.is_weight
        grad += self.l1 * np.sign(weights) + (2.0 * self.l2) * weights
        return self._of(weights)

    def _of(self, weights: Array) -> Any:
        return self.l1 * np.abs(weights).sum(axis=-1) + self.l2 * (weights * weights).sum(axis=-1)
