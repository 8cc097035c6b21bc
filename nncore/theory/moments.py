"""What a Gaussian pre-activation becomes: moments of phi and phi' at variance q."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nncore.model.activations import ACTIVATIONS, Activation
from nncore.numerics.choices import choose

Array = NDArray[np.float64]

REACH = 13.0  # beyond 13 standard deviations a Gaussian weighs less than 1e-37
PANEL = 2.2  # widest panel of the composite rule, in standard deviations
POINTS = 16  # Gauss-Legendre points per panel
DOUBLINGS = 60  # panels double in width at most this often: 1e18 times a detail's width is far away from it
NODES_AT_ONCE = 1 << 14  # of one quadrature pass: its arrays stay in a core's cache
SMALLEST_SIGMA = 1e-150  # stands for sqrt(q) = 0 in the moments that have a limit there; its inverse for infinity
STEIN_SIGMA = 1e-5  # below it Stein's form loses digits where phi(0) is not 0, and its limit is used


class Moments(NamedTuple):
    """Gaussian moments of an activation at u ~ N(0, q); every field has the shape of q."""

    phi: Array
    """E[phi(u)]"""
    phi2: Array
    """E[phi(u)^2]"""
    slope2: Array
    """E[phi'(u)^2]: chi_1 is sigma_w2 times this"""
    slope4: Array
    """E[phi'(u)^4], for the finite-width band"""
    chi_parallel: Array
    """d E[phi(u)^2] / dq: chi_parallel of the q-map is sigma_w2 times this"""


def as_activation(activation: str | Activation) -> Activation:
    """The Activation itself, or the registered one of that name.

    Raises ValueError that lists the choices for an unknown name.
    """
    return activation if isinstance(activation, Activation) else choose("activation", activation, ACTIVATIONS)


def non_negative(name: str, value: ArrayLike) -> Array:
    """`value` as float64, checked to be a variance: finite and not below zero."""
    array = np.asarray(value, dtype=np.float64)
    if not ((array >= 0) & (array < np.inf)).all():
        raise ValueError(f"{name} must be a variance, zero or positive and finite; got {_shown(array)}")
    return array


def correlation(value: ArrayLike) -> Array:
    """`value` as float64, checked to be a correlation in [-1, 1]; rounding outside is clipped."""
    array = np.asarray(value, dtype=np.float64)
    if not (np.abs(array) <= 1 + 1e-9).all():
        raise ValueError(f"c must be a correlation between -1 and 1; got {_shown(array)}")
    return np.clip(array, -1.0, 1.0)


def _shown(array: Array) -> str:
    return f"{array.item():g}" if array.size == 1 else f"values from {array.min():g} to {array.max():g}"


def gaussian_moments(activation: str | Activation, q: ArrayLike) -> Moments:
    """E[phi], E[phi^2], E[phi'^2], E[phi'^4] and d E[phi^2]/dq of u ~ N(0, q).

    Closed forms for linear, relu, leaky_relu, sign and erf. For the others (and for anybody's own Activation)
    composite Gauss-Legendre quadrature split at the kinks: relative error near 1e-14 for q from 1e-6 to 1e4,
    where Gauss-Hermite fails at kinks and at large q. The closed forms of elu, selu, gelu and hard_tanh
    cancel at small or large q, where the quadrature does not; the tests compare the two.

    d E[phi^2]/dq is Stein's form E[z phi(sqrt(q) z) phi'(sqrt(q) z)] / sqrt(q), which needs no phi'' and is
    right at kinks. At q = 0 every field is its limit from above. Raises ValueError for a negative q and for
    an unknown activation. Source: Poole et al. 2016; Schoenholz et al. 2017; erf and relu: Williams 1997; Cho
    & Saul 2009.

    >>> round(float(gaussian_moments("relu", 2.0).phi2), 12)
    1.0
    >>> moments = gaussian_moments("tanh", [0.1, 1.0])
    >>> moments.slope2.round(4).tolist()
    [0.8492, 0.4644]
    """
    function = as_activation(activation)
    variance = non_negative("q", q)
    closed = closed_form(function, CLOSED_MOMENTS)
    if closed is not None:
        return Moments(*(np.broadcast_to(np.asarray(field, float), variance.shape) for field in closed(variance)))
    flat = variance.reshape(-1)
    sigma = np.clip(np.sqrt(flat), SMALLEST_SIGMA, 1 / SMALLEST_SIGMA)
    fields = np.empty((5, flat.size))
    panels = 20 + 2 * (1 + len(function.kinks)) * (2 + np.log2(max(1.0, sigma.max(initial=1.0))))
    step = max(1, int(NODES_AT_ONCE / (POINTS * panels)))
    for start in range(0, flat.size, step):
        fields[:, start : start + step] = _quadrature(function, sigma[start : start + step])
    at_zero = float(function(np.zeros(1))[0])
    fields[0, flat == 0], fields[1, flat == 0] = at_zero, at_zero**2
    if at_zero != 0 and (sigma < STEIN_SIGMA).any():
        fields[4, sigma < STEIN_SIGMA] = _quadrature(function, np.array([STEIN_SIGMA]))[4]
    return Moments(*fields.reshape(5, *variance.shape))


def _quadrature(function: Activation, sigma: Array) -> Array:
    """The five moments (5, n) at standard deviations sigma (n,)."""
    nodes, weights = gaussian_nodes(centres(function) / sigma[:, None], 1 / sigma)
    u = sigma[:, None] * nodes
    phi, slope = function(u), function.slope(u)
    slope2 = slope * slope
    return np.array(
        [
            (weights * phi).sum(-1),
            (weights * phi * phi).sum(-1),
            (weights * slope2).sum(-1),
            (weights * slope2 * slope2).sum(-1),
            (weights * nodes * phi * slope).sum(-1) / sigma,
        ]
    )


def _linear(q: Array) -> tuple[ArrayLike, ...]:
    return 0.0, q, 1.0, 1.0, 1.0


def _leaky_relu(q: Array, alpha: float = 0.0) -> tuple[ArrayLike, ...]:
    half, quarter = (1 + alpha**2) / 2, (1 + alpha**4) / 2
    return (1 - alpha) * np.sqrt(q / (2 * np.pi)), half * q, half, quarter, half


def _sign(q: Array) -> tuple[ArrayLike, ...]:
    return 0.0, 1.0, 0.0, 0.0, 0.0


def _erf(q: Array) -> tuple[ArrayLike, ...]:
    q = np.minimum(q, SMALLEST_SIGMA**-2)
    slope2 = 4 / np.pi / np.sqrt(1 + 4 * q)
    slope4 = 16 / np.pi**2 / np.sqrt(1 + 8 * q)
    return 0.0, 2 / np.pi * np.arcsin(2 * q / (1 + 2 * q)), slope2, slope4, slope2 / (1 + 2 * q)


CLOSED_MOMENTS: dict[str, Callable[..., tuple[ArrayLike, ...]]] = {
    "linear": _linear,
    "relu": _leaky_relu,
    "leaky_relu": _leaky_relu,
    "sign": _sign,
    "erf": _erf,
}


def closed_form(function: Activation, table: dict[str, Callable[..., Any]]) -> Callable[..., Any] | None:
    """The activation's entry in a table of closed forms, with its alpha filled in; None if it has none.

    Only the registered functions have one: somebody's own activation may bear the same name.
    """
    registered = ACTIVATIONS.get(function.name)
    if registered is not None and registered.family is not None and function.alpha is not None:
        registered = registered.family(function.alpha)
    if function != registered or function.name not in table:
        return None
    entry = table[function.name]
    return entry if function.alpha is None else partial(entry, alpha=function.alpha)


def centres(function: Activation) -> Array:
    """Where the activation has its kinks and, around 0, its features."""
    return np.array(sorted({0.0, *function.kinks}))


@lru_cache(maxsize=8)
def _legendre(points: int) -> tuple[Array, Array]:
    return np.polynomial.legendre.leggauss(points)


def gaussian_nodes(around: Array, scale: Array, points: int = POINTS) -> tuple[Array, Array]:
    """Nodes and weights (..., n) of a standard normal expectation that resolves details around some points.

    `around` (..., k) is where the integrand has kinks or features, `scale` (...,) how fine they are; both in
    standard deviations. Panels end at these points and double in width away from them, up to PANEL.
    """
    doublings = np.clip(np.log2(PANEL / np.min(scale, initial=PANEL)), 0, DOUBLINGS)
    widths = np.asarray(scale)[..., None] * 2.0 ** np.arange(int(np.ceil(doublings)) + 1)
    offsets = np.concatenate([-widths, np.zeros_like(widths[..., :1]), widths], axis=-1)
    near = (around[..., :, None] + offsets[..., None, :]).reshape(*around.shape[:-1], -1)
    grid = np.linspace(-REACH, REACH, 1 + int(np.ceil(2 * REACH / PANEL)))
    far = np.broadcast_to(grid, (*near.shape[:-1], grid.size))
    edges = np.sort(np.clip(np.concatenate([near, far], axis=-1), -REACH, REACH), axis=-1)
    position, weight = _legendre(points)
    half = np.diff(edges)[..., None] / 2
    nodes = edges[..., :-1, None] + half * (1 + position)
    weights = half * weight * np.exp(-nodes * nodes / 2) / np.sqrt(2 * np.pi)
    shape = (*edges.shape[:-1], -1)
    return nodes.reshape(shape), weights.reshape(shape)
