"""Extra inputs made of the two that a data set has, in its own units: squares, the product, sines."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nncore.numerics.choices import choose

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Feature:
    """An extra input made of the two that a data set has: a name, how it is written, x (..., 2) -> (...)."""

    name: str
    label: str
    of: Callable[[Floats], Floats]


FEATURES: dict[str, Feature] = {
    feature.name: feature
    for feature in (
        Feature("x1_squared", "x₁²", lambda x: x[..., 0] ** 2),
        Feature("x2_squared", "x₂²", lambda x: x[..., 1] ** 2),
        Feature("x1_x2", "x₁x₂", lambda x: x[..., 0] * x[..., 1]),
        Feature("sin_x1", "sin x₁", lambda x: np.sin(x[..., 0])),
        Feature("sin_x2", "sin x₂", lambda x: np.sin(x[..., 1])),
    )
}
"""Extra inputs for data with two inputs, computed in the data's own units."""


def with_features(x: Floats, names: Iterable[str]) -> Floats:
    """The two inputs x (..., 2) in their own units, and behind them the features: (..., 2 + n_features).

    >>> with_features(np.array([[2.0, 3.0]]), ["x1_squared", "x1_x2"]).tolist()
    [[2.0, 3.0, 4.0, 6.0]]
    """
    extra = [choose("features", name, FEATURES).of(x)[..., None] for name in names]
    return np.concatenate([x, *extra], axis=-1) if extra else x
