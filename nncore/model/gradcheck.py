"""Is the gradient the derivative of the loss? Finite differences, and a message that says where not."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np

from nncore.model.layout import Array
from nncore.model.losses import Loss
from nncore.model.network import MLP

Energy = Callable[[Array], Array]
"""theta (n_points, n_params) -> the loss at each point."""


REACH = 4.0
"""Times the step: how near a kink a unit's z counts as standing on it."""

BETWEEN = 0.01
"""Share of the largest gradient by which an entry may lie outside its one-sided values: the biases were moved."""


class KinkWarning(UserWarning):
    """A unit stands on a kink of its activation, where the loss has one slope on either side."""


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

    Where a unit's z stands on a kink of its activation, or as near as `step` may move it, E has a slope on either side
    and no derivative: relu with zero biases on a row of zeros is such a place. A KinkWarning names the units then.
    The network's gradient is checked with their biases moved a little below the kinks, above them, and to the side that
    the slope at the kink belongs to, and `grad` has to lie between the three, entry by entry.

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

    own = _gradient(network, loss, theta, x, y)
    grad = own if grad is None else np.asarray(grad)
    standing = _on_a_kink(network, theta, x, step)
    try:
        return _compared(network, energy, theta, grad, directions, step, tolerance, seed)
    except GradientMismatch:
        if not standing:
            raise
    warnings.warn(f"{_named(standing)}: checked on either side", KinkWarning, stacklevel=2)
    sides, worst = [], 0.0
    for side in (-1, 1, 0):
        moved = _moved(network, theta, x, standing, step, side)
        sides.append(_gradient(network, loss, moved, x, y))
        worst = max(worst, _compared(network, energy, moved, sides[-1], directions, step, tolerance, seed))
    low, high = np.min(sides, axis=0), np.max(sides, axis=0)
    slack = BETWEEN * max(float(np.abs(sides).max()), np.finfo(np.float64).tiny)
    outside = np.maximum(low - grad, grad - high) / slack
    if not outside.max() < 1:
        index = int(np.argmax(np.where(np.isnan(outside), np.inf, outside)))
        raise GradientMismatch(
            f"{_named(standing)}; most at theta[{index}], the {_place(network, index)}: gradient {grad[index]:.9e}, on either "
            f"side of the kinks it is between {low[index]:.9e} and {high[index]:.9e}"
        )
    return max(worst, float(outside.max()))


def _gradient(network: MLP, loss: Loss, theta: Array, x: Array, y: Array) -> Array:
    tape = network.forward(theta, x)
    return network.backward(theta, tape, loss.delta(tape.z[-1], y))[0]


def _compared(
    network: MLP, energy: Energy, theta: Array, grad: Array, directions: int, step: float, tolerance: float, seed: int
) -> float:
    """The largest difference from finite differences at theta, relative to the allowance; raises GradientMismatch."""
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


# Kinks ------------------------------------------------------------------------------------------------------


Standing = dict[tuple[int, int], tuple[float, np.ndarray]]
"""(layer, unit) -> the kink that it stands on, and for which rows, (n,)."""


def _seen(network: MLP, theta: Array, x: Array, layer: int) -> Array:
    """What the activation of a hidden layer sees, (n, width)."""
    return network.forward(theta, x).z_hat[layer - 1]


def _reach(x: Array, step: float) -> float:
    """How near a kink z counts as standing on it: the finite differences could carry it over."""
    return REACH * step * (1 + float(np.abs(x).sum(axis=-1).max()))


def _on_a_kink(network: MLP, theta: Array, x: Array, step: float) -> Standing:
    """The units that stand on a kink, or as good as, for some row."""
    standing: Standing = {}
    for layer, phi in enumerate(network.activations, 1):
        seen = _seen(network, theta, x, layer)
        for kink in phi.kinks:
            near = np.abs(seen - kink) <= _reach(x, step)
            standing |= {(layer, int(unit)): (kink, near[:, unit]) for unit in np.flatnonzero(near.any(axis=0))}
    return standing


def _moved(network: MLP, theta: Array, x: Array, standing: Standing, step: float, side: int) -> Array:
    """theta with the biases of these units moved: all below their kinks (-1), above them (1), or to the side whose
    slope the activation has at the kink itself (0).
    """
    theta, reach = theta.copy(), _reach(x, step)
    for (layer, unit), (kink, rows) in sorted(standing.items()):
        phi = network.activations[layer - 1]
        beyond = side or (1 if phi.slope(np.array(kink)) == phi.slope(np.array(kink + reach)) else -1)
        distance = _seen(network, theta, x, layer)[rows, unit] - kink
        _, bias = network.layout.split(theta)[layer - 1]
        bias[unit] += beyond * (2 * reach + float(np.abs(distance).max()))
    return theta


def _named(standing: Standing) -> str:
    """layer 1, unit 0 and 3 others stand on a kink of their activation."""
    layer, unit = min(standing)
    others = (
        f" and {len(standing) - 1} others stand"
        if len(standing) > 2
        else " and another stand"
        if len(standing) > 1
        else " stands"
    )
    return (
        f"layer {layer}, unit {unit}{others} on a kink of the activation for some row, where the loss has no derivative"
    )


# Finite differences -----------------------------------------------------------------------------------------


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
    says, finds = grad[index], numeric[index - start]
    return f"most at theta[{index}], the {_place(network, index)}: gradient {says:.9e}, difference {finds:.9e}"


def _place(network: MLP, index: int) -> str:
    """Where a parameter stands, in words."""
    _, kind, row, column = network.layout.name(index)
    return f"{kind} of unit {column}" if row is None else f"{kind} from unit {row} to unit {column}"
