"""The lecture's worked example: a network of two hidden units that learns y = x² from four samples."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from dashboard.words.numbers import digits
from nncore import LOSSES, MLP, Activation
from nncore.data import load
from nncore.lecture.descent import Descent, descend
from nncore.lecture.models import ONE_TWO_ONE, forward, symmetry

EXAMPLE_THETA = (0.1, -0.2, 0.5, -0.4, 0.3, 0.7, -0.6)
"""The worked example's theta_0 ... theta_6: every page of the lecture opens on it."""

ROLES = (
    "shifts unit 1 along x",
    "shifts unit 2 along x",
    "squashes or stretches unit 1 in x",
    "squashes or stretches unit 2 in x",
    "shifts the curve along y",
    "stretches or flips unit 1 in y",
    "stretches or flips unit 2 in y",
)
"""What each theta of the 1-2-1 network does to the curve."""

THETA = [f"θ{k}" for k in range(7)]
MSE = LOSSES["mse"]

_parabola = load("parabola", np.random.default_rng(0), n_samples=4, noise=0.0, test_fraction=0.0)
SAMPLES = (_parabola.x_train[:, 0], _parabola.y_train[:, 0])
"""The lecture's x and y = x²."""


@lru_cache(maxsize=32)
def descent_from(theta: tuple[float, ...], alpha: float = 0.1, steps: int = 500, phi: str = "sigmoid") -> Descent:
    """A descent of the worked example's network on its data."""
    network = MLP(ONE_TWO_ONE, phi)
    return descend(network, MSE, np.array(theta, float), SAMPLES[0][:, None], SAMPLES[1][:, None], alpha, steps)


def notices(theta: np.ndarray, x: np.ndarray, phi: Activation, grad: np.ndarray) -> list[str]:
    """What is special about this θ and these inputs."""
    found = []
    stuck = ", ".join(THETA[k] for k in range(7) if grad[k] == 0)
    kind = symmetry(theta)
    if kind == "zero":
        found.append(
            f"**All θ are 0.** Over all samples the gradient is exactly 0 for {stuck}: θ5 = θ6 = 0 blocks the way back. "
            "Once θ5 and θ6 have moved the others follow, but both units stay twins."
        )
    elif kind == "twins":
        found.append(
            "**Permutation symmetry.** θ0 = θ1, θ2 = θ3 and θ5 = θ6: swapping the two hidden units changes nothing, so their "
            f"gradients agree to the last bit (∂E/∂θ0 = ∂E/∂θ1 = {digits(grad[0])}, ∂E/∂θ5 = ∂E/∂θ6 = {digits(grad[5])}), "
            "and no number of steps parts them."
        )
    elif stuck:
        found.append(f"**No gradient.** Over all samples ∂E/∂θ is exactly 0 for {stuck}.")
    seen = forward(theta, x, phi)
    for number, u, slope in ((1, seen.u11, seen.slope_1), (2, seen.u12, seen.slope_2)):
        if phi.kind == "two-sided" and np.abs(slope).max() < 0.01 * phi.max_slope:
            at = int(np.abs(slope).argmax())
            found.append(
                f"**Unit {number} is saturated.** U1{number} = {digits(u[at])}, slope {digits(slope[at], 3)}: "
                f"θ{number - 1} and θ{number + 1} are all but frozen while θ4, θ5, θ6 still learn."
            )
    return found
