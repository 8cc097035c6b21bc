"""Runs whose first weights are moved by as little as another processor might move them, and some more."""

import numpy as np
import pytest

from nncore import RunConfig
from nncore.model.layout import Array

NUDGE = 1e-10
"""Relative, or ten roundings where that is more: each run sums its products in the order that its processor likes."""


def nudge_first_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every run begins beside its first weights until the test ends."""
    exact = RunConfig.initial_theta

    def nudged(config: RunConfig) -> Array:
        theta = exact(config)
        size = max(NUDGE, 10 * float(np.finfo(theta.dtype).eps))
        noise = np.random.default_rng(7).standard_normal(theta.shape)
        return (theta * (1 + size * noise)).astype(theta.dtype)

    monkeypatch.setattr(RunConfig, "initial_theta", nudged)
