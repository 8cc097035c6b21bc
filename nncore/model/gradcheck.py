"""Is the gradient the derivative of the loss? Finite differences, and a message that says where not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nncore.model.layout import Array
from nncore.model.losses import Loss
from nncore.model.network import MLP

Energy = Callable[[Array], Array]
"""theta (n_points, n_params) -> the loss at each point."""


class GradientMismatch(AssertionError):
    """The gradient and a finite difference disagree; the message says where and by how much."""


def check_gradient(
    network: MLP,
    loss: Loss,
    theta: Array,
    x: Array,
    y: Array,
    *,
    directions: int = 3,
    step: float = 1e-5,
    tolerance: float = 1e-6,
    seed: int = 0,
    grad: Array | None = None,
) -> float:
    """Compare the gradient with central differences along random directions of every layer.

    For each layer, `directions` random unit vectors v that touch this layer only:
    (E(theta + h v) - E(theta - h v)) / 2h against grad . v, in float64, theta (n_params,). They agree when
    they differ by at most `tolerance` times the larger of them plus what rounding E leaves, 32 eps (1 +
    |E|) / h. `grad` is the gradient to be judged; by default it is the network's own. Returns the largest
    difference relative to that allowance (below 1). Raises GradientMismatch, which names the worst
    parameter; ValueError when theta, x or y do not fit.

    >>> from nncore import LOSSES, Layout
    >>> rng = np.random.default_rng(0)
    >>> network, x = MLP(Layout((2, 3, 1)), "tanh"), rng.normal(size=(5, 2))
    >>> check_gradient(network, LOSSES["mse"], rng.normal(size=13), x, rng.normal(size=(5, 1))) < 1
    True
    """
    theta, x = network.checked(np.asarray(theta, np.float64), np.asarray(x, np.float64))
    if theta.ndim != 1 or x.ndim != 2:
        raise ValueError(f"theta must be one vector and x one table; got shapes {theta.shape} and {x.shape}")
    y = loss.check((len(x), network.layout.widths[-1]), y)

    def energy(points: Array) -> Array:
        return loss.value(network.forward(points, x).z[-1], y)

    if grad is None:
        tape = network.forward(theta, x)
        grad, _ = network.backward(theta, tape, loss.delta(tape.z[-1], y))
    rng, worst = np.random.default_rng(seed), 0.0
    rounding = 32 * np.finfo(np.float64).eps * (1 + abs(float(energy(theta)))) / step
    for layer, (start, stop) in enumerate(network.layout.bounds, 1):
        vectors = np.zeros((directions, theta.size))
        vectors[:, start:stop] = rng.normal(size=(directions, stop - start))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        numeric = _difference(energy, theta, vectors, step)
        analytic = vectors @ grad
        allowance = tolerance * np.maximum(np.abs(numeric), np.abs(analytic)) + rounding
        excess = np.abs(numeric - analytic) / allowance
        worst = max(worst, float(excess.max()))
        if not excess.max() < 1:
            at = int(np.nanargmax(np.where(np.isnan(excess), np.inf, excess)))
            worst_one = _worst_parameter(network, energy, theta, grad, start, stop, step)
            raise GradientMismatch(
                f"layer {layer}: along a random direction the gradient says {analytic[at]:.9e}, the finite "
                f"difference {numeric[at]:.9e}; {worst_one}"
            )
    return worst


def _difference(energy: Energy, theta: Array, vectors: Array, step: float) -> Array:
    """(E(theta + h v) - E(theta - h v)) / 2h for each row v."""
    return (energy(theta + step * vectors) - energy(theta - step * vectors)) / (2 * step)


def _worst_parameter(
    network: MLP, energy: Energy, theta: Array, grad: Array, start: int, stop: int, step: float
) -> str:
    """The parameter between start and stop whose gradient is furthest from its own difference quotient."""
    numeric = np.empty(stop - start)
    for index in range(start, stop):
        unit = np.zeros((1, theta.size))
        unit[0, index] = 1.0
        numeric[index - start] = _difference(energy, theta, unit, step)[0]
    distance = np.abs(numeric - grad[start:stop])
    index = start + int(np.argmax(np.where(np.isnan(distance), np.inf, distance)))
    _, kind, row, column = network.layout.name(index)
    place = f"{kind} of unit {column}" if row is None else f"{kind} from unit {row} to unit {column}"
    says, finds = grad[index], numeric[index - start]
    return f"most at theta[{index}], the {place}: gradient {says:.9e}, difference {finds:.9e}"
