"""What two correlated Gaussian pre-activations share: E[phi phi] and E[phi' phi'] at correlation c."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from nncore.model.activations import Activation
from nncore.theory.moments import (
    SMALLEST_SIGMA,
    Array,
    as_activation,
    centres,
    closed_form,
    correlation,
    gaussian_nodes,
    non_negative,
)

TERMS = 128  # of the Hermite series in two_point
BATCH_TERMS = 64  # of the Hermite series in pair_kernels
BATCH_ERROR = 1e-9  # relative energy that pair_kernels lumps together
PARITY_TERMS = 16  # the last of them tell how the tail divides between even and odd
BLOCK = 32  # rows of the batch at a time
HERMITE_POINTS = 24  # Gauss-Legendre points per panel: the highest polynomials oscillate
SERIES_ERROR = 1e-11  # largest relative tail of the series before two_point integrates in two dimensions


class Kernel(NamedTuple):
    """Expectations over (u, u') jointly Gaussian with variances q, q' and correlation c."""

    phi_phi: Array
    """E[phi(u) phi(u')]"""
    slope_slope: Array
    """E[phi'(u) phi'(u')]"""
    by_c: Array
    """d E[phi(u) phi(u')] / dc: sqrt(q q') E[phi' phi'] by Price's theorem, more where phi jumps (sign)"""


def two_point(activation: str | Activation, c: ArrayLike, q: ArrayLike, q_other: ArrayLike | None = None) -> Kernel:
    """E[phi(u) phi(u')], E[phi'(u) phi'(u')] and d/dc, broadcast over correlation c and the variances q,
    q_other.

    Closed forms for linear, relu, leaky_relu, sign and erf. The others: the Hermite series sum_k a_k a'_k
    c^k, a_k = E[phi(sqrt(q) z) he_k(z)], whose tail is at most |c|^K times what the first K coefficients
    leave of E[phi^2]; where that bound is not below 1e-11 (kinks near |c| = 1), quadrature in two dimensions.
    `q_other` is q unless given. Raises ValueError for c outside [-1, 1] and for a negative variance. Source:
    Poole et al. 2016; relu: Cho & Saul 2009; erf: Williams 1997; the series: Daniely et al. 2016.

    >>> kernel = two_point("relu", [0.0, 1.0], 2.0)
    >>> kernel.phi_phi.round(6).tolist(), kernel.slope_slope.tolist()
    ([0.31831, 1.0], [0.25, 0.5])
    """
    function = as_activation(activation)
    first = non_negative("q", q)
    second = first if q_other is None else non_negative("q_other", q_other)
    rho, first, second = np.broadcast_arrays(correlation(c), first, second)
    closed = closed_form(function, CLOSED_KERNELS)
    if closed is not None:
        return Kernel(*(np.broadcast_to(np.asarray(field, float), rho.shape) for field in closed(rho, first, second)))
    flat_rho, sigma, sigma_other = rho.ravel(), _sigma(first).ravel(), _sigma(second).ravel()
    distinct, index = np.unique(np.concatenate([sigma, sigma_other]), return_inverse=True)
    left, right = index[: sigma.size], index[sigma.size :]
    kernels = np.empty((2, rho.size))
    doubtful = np.zeros(rho.size, dtype=bool)
    for row, (coefficients, rest) in enumerate(hermite_coefficients(function, distinct, TERMS)):
        tail = np.sqrt(rest[left] * rest[right])
        total = np.zeros(rho.size)
        for k in reversed(range(TERMS)):
            total = total * flat_rho + coefficients[left, k] * coefficients[right, k]
        kernels[row] = total + tail * flat_rho**TERMS
        scale = np.sqrt(_energy(coefficients, rest)[left] * _energy(coefficients, rest)[right])
        doubtful |= tail * np.abs(flat_rho) ** TERMS > SERIES_ERROR * scale
    doubtful &= (flat_rho < 1) | (left != right)
    for at in np.flatnonzero(doubtful):
        kernels[:, at] = _quadrature(function, flat_rho[at], sigma[at], sigma_other[at])
    phi_phi, slope_slope = kernels.reshape(2, *rho.shape)
    return Kernel(phi_phi, slope_slope, np.sqrt(first * second) * slope_slope)


def pair_kernels(activation: str | Activation, covariance: Array) -> tuple[Array, Array]:
    """E[phi phi] and E[phi' phi'] of every pair of samples, from their covariance of z, (B, B).

    Exact on the diagonal. Off it the closed form, or up to 64 terms of `two_point`'s series with the rest
    taken as rest * c^K: exact as c -> 1 too, in between off by up to 1e-3 (phi) and 5e-3 (phi', 2e-2 for
    hard_tanh at q near 10). Source: as `two_point`.
    """
    function = as_activation(activation)
    variance = np.diagonal(covariance)
    sigma = _sigma(variance)
    rho = np.clip(covariance / np.outer(sigma, sigma), -1.0, 1.0)
    np.fill_diagonal(rho, 1.0)
    closed = closed_form(function, CLOSED_KERNELS)
    if closed is not None:
        phi_phi, slope_slope, _ = closed(rho, variance[:, None], variance[None, :])
        return np.array(phi_phi), np.broadcast_to(slope_slope, rho.shape).astype(float)
    phi_phi, slope_slope = (
        _series(rho, coefficients, rest) for coefficients, rest in hermite_coefficients(function, sigma, BATCH_TERMS)
    )
    return phi_phi, slope_slope


def _series(rho: Array, coefficients: Array, rest: Array) -> Array:
    """sum_k a_k a_k^T rho^k, elementwise powers, (n, n), in blocks of rows that fit a cache.

    The tail stands at rho^K, and at rho^(K+1) the share that has that parity.
    """
    beyond = rest[:, None] + (coefficients**2)[:, ::-1].cumsum(axis=1)[:, ::-1]  # energy in terms k and later
    terms = int((beyond > BATCH_ERROR * beyond[:, :1]).any(axis=0).sum())
    tail = np.sqrt(beyond[:, terms] if terms < coefficients.shape[1] else rest)
    last = (coefficients[:, :terms] ** 2).sum(axis=0)[::-1][:PARITY_TERMS]
    odd = float(last[::2].sum() / last.sum()) if last.sum() > 0 else 0.0
    columns = np.ascontiguousarray(coefficients.T)
    total = np.empty_like(rho)
    for start in range(0, len(rho), BLOCK):
        rows, onward = slice(start, start + BLOCK), slice(start, None)
        power = rho[rows, onward].copy()
        block = np.outer(tail[rows], tail[onward]) * (1 - odd + odd * power)
        term = np.empty_like(block)
        for k in reversed(range(terms)):
            block *= power
            block += np.multiply(columns[k, rows, None], columns[k, onward], out=term)
        total[rows, onward] = block
        total[onward, rows] = block.T
    return total


def _sigma(variance: Array) -> Array:
    return np.clip(np.sqrt(variance), SMALLEST_SIGMA, 1 / SMALLEST_SIGMA)


def _energy(coefficients: Array, rest: Array) -> Array:
    return (coefficients**2).sum(axis=1) + rest


def hermite_coefficients(function: Activation, sigma: Array, terms: int) -> list[tuple[Array, Array]]:
    """For phi and for phi': coefficients (n, terms) on orthonormal Hermite polynomials, and what they leave
    out.

    a_k = E[phi(sigma z) he_k(z)] for each standard deviation sigma (n,); the rest is E[phi^2] - sum_k a_k^2.
    With kinks at 0 only, all n standard deviations share their nodes.
    """
    points = centres(function)
    shared = not points.any()
    if not shared and sigma.size > BLOCK:
        parts = [hermite_coefficients(function, sigma[i : i + BLOCK], terms) for i in range(0, sigma.size, BLOCK)]
        pairs = zip(*parts, strict=True)
        return [(np.concatenate([c for c, _ in pair]), np.concatenate([r for _, r in pair])) for pair in pairs]
    scale = 1 / sigma.max(initial=SMALLEST_SIGMA, keepdims=True) if shared else 1 / sigma
    nodes, weights = gaussian_nodes(points * scale[:, None], scale, HERMITE_POINTS)
    u = sigma[:, None] * nodes
    values = np.array([function(u), function.slope(u)])
    coefficients = np.empty((2, sigma.size, terms))
    previous, current = np.zeros_like(nodes), weights.copy()
    for k in range(terms):
        coefficients[:, :, k] = values @ current[0] if shared else np.einsum("fin,in->fi", values, current)
        previous, current = current, (nodes * current - np.sqrt(k) * previous) / np.sqrt(k + 1)
    rest = (values * values * weights).sum(axis=-1) - (coefficients**2).sum(axis=-1)
    return list(zip(coefficients, np.maximum(rest, 0.0), strict=True))


def _quadrature(function: Activation, rho: float, sigma: float, sigma_other: float) -> tuple[float, float]:
    """(E[phi phi'], E[slope slope']) with u = sigma x, u' = sigma' (rho x + s y) and s = sqrt(1 - rho^2).

    Panels in y follow the kinks of phi(u') as x moves; panels in x resolve the edge of width s that they
    leave.
    """
    points = centres(function)
    s = np.sqrt((1 - rho) * (1 + rho))
    x, weight_x = gaussian_nodes(
        np.concatenate([points / sigma, points / (sigma_other * rho)]),
        np.asarray(min(1 / sigma, 1 / sigma_other, max(s, 1e-12))),
    )
    if s == 0:
        other, other_slope = function(sigma_other * rho * x), function.slope(sigma_other * rho * x)
    else:
        y, weight_y = gaussian_nodes(
            (points / sigma_other - rho * x[:, None]) / s, np.full(x.shape, 1 / (sigma_other * s))
        )
        u = sigma_other * (rho * x[:, None] + s * y)
        other, other_slope = (weight_y * function(u)).sum(-1), (weight_y * function.slope(u)).sum(-1)
    return (
        float(weight_x @ (function(sigma * x) * other)),
        float(weight_x @ (function.slope(sigma * x) * other_slope)),
    )


def _linear(c: Array, q: Array, q_other: Array) -> tuple[Array, ArrayLike, Array]:
    scale = np.sqrt(q) * np.sqrt(q_other)
    return scale * c, 1.0, scale


def _leaky_relu(c: Array, q: Array, q_other: Array, alpha: float = 0.0) -> tuple[Array, Array, Array]:
    scale = np.sqrt(q) * np.sqrt(q_other)
    angle = np.pi - np.arccos(c)
    arc = (np.sqrt((1 - c) * (1 + c)) + c * angle) / (2 * np.pi)
    slope_slope = alpha + (1 - alpha) ** 2 * angle / (2 * np.pi)
    return scale * (alpha * c + (1 - alpha) ** 2 * arc), slope_slope, scale * slope_slope


def _sign(c: Array, q: Array, q_other: Array) -> tuple[Array, ArrayLike, Array]:
    with np.errstate(divide="ignore"):
        by_c = 2 / np.pi / np.sqrt((1 - c) * (1 + c))
    return 2 / np.pi * np.arcsin(c), 0.0, by_c


def _erf(c: Array, q: Array, q_other: Array) -> tuple[Array, Array, Array]:
    q, q_other = np.minimum(q, 1 / SMALLEST_SIGMA), np.minimum(q_other, 1 / SMALLEST_SIGMA)
    scale = np.sqrt(q * q_other)
    # (1 + 2q)(1 + 2q') - 4 c^2 q q', in a form that does not cancel as c -> 1
    determinant = 1 + 2 * (q + q_other) + 4 * q * q_other * (1 - c) * (1 + c)
    slope_slope = 4 / np.pi / np.sqrt(determinant)
    return 2 / np.pi * np.arctan2(2 * c * scale, np.sqrt(determinant)), slope_slope, scale * slope_slope


CLOSED_KERNELS: dict[str, Callable[..., tuple[ArrayLike, ArrayLike, ArrayLike]]] = {
    "linear": _linear,
    "relu": _leaky_relu,
    "leaky_relu": _leaky_relu,
    "sign": _sign,
    "erf": _erf,
}
