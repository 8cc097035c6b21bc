"""What loss the training rows allow at least, from quick predictions that need no network."""

from __future__ import annotations

import numpy as np

from nncore.config.run_config import RunConfig
from nncore.measures import constant_loss
from nncore.model.layout import Array

NEIGHBOURS = 5
MOST_ROWS = 1000
"""Training rows that are looked at: all pairs of them are compared."""

FEW_ROWS = 64
"""Training rows so few that a network with as many parameters should learn each of them."""


def attainable_loss(config: RunConfig) -> float:
    """A loss that a network of this config should reach on its training rows, an upper bound of the least possible.

    For at most FEW_ROWS rows, no two with equal inputs and different targets, and at least as many parameters as
    targets: 0. Otherwise each row is predicted from its NEIGHBOURS nearest others, by the mean of their targets and,
    for classes, of one answer more with the class frequencies; and no more than the constant answer's loss.

    >>> attainable_loss(RunConfig(dataset="moons")) < 0.2 * constant_loss(RunConfig(dataset="moons"))
    True
    """
    data = config.data()
    x, targets = data.x_train[:MOST_ROWS], config.targets(data.y_train)[:MOST_ROWS]
    y = np.eye(config.class_count)[targets] if targets.ndim == 1 else targets.astype(np.float64)
    if len(x) <= FEW_ROWS and config.layout().n_params >= y.size and not _contradicts(x, y):
        return 0.0
    nearest = _neighbours(
        (x - x.mean(axis=0)) / np.maximum(x.std(axis=0), np.finfo(float).tiny ** 0.5), min(NEIGHBOURS, len(x) - 1)
    )
    mean, n = y[nearest].mean(axis=1), nearest.shape[1]
    chance, loss = (n * mean + y.mean(axis=0)) / (n + 1), config.loss_function()
    with np.errstate(divide="ignore", invalid="ignore"):
        answers = {"values": mean, "bits": np.log(chance) - np.log(1 - chance), "classes": np.log(chance)}
    return min(float(loss.value(answers[loss.targets], targets)), constant_loss(config))


def _contradicts(x: Array, y: Array) -> bool:
    """Are there rows with equal inputs and different targets?"""
    return len(np.unique(x, axis=0)) < len(np.unique(np.hstack([x, y]), axis=0))


def _neighbours(x: Array, count: int) -> np.ndarray:
    """Indices of each row's nearest others, (n, count)."""
    squares = np.square(x).sum(axis=1)
    distance = squares[:, None] + squares[None] - 2 * (x @ x.T)
    np.fill_diagonal(distance, np.inf)
    return np.argpartition(distance, count - 1, axis=1)[:, :count]
