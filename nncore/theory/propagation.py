"""Where depth leads: the maps of q and c from layer to layer, their fixed points and depth scales."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from nncore.model.activations import Activation
from nncore.theory.kernels import two_point
from nncore.theory.moments import Array, as_activation, gaussian_moments, non_negative

Q_LOW, Q_HIGH = 1e-16, 1e16  # fixed points are looked for in between; below counts as 0, above as infinity
PER_DECADE = 64  # points of the table of moments
SCAN_STEP = 8  # fixed points are looked for between every eighth of them
BISECTIONS = 36  # of one such interval: below 1e-11 of it
ROUNDING = 1e-14  # a slope this close to 1 is 1
CRITICAL = 1e-9  # |chi_1 - 1| up to here is called critical


@dataclass(frozen=True)
class PhaseDiagram:
    """Fixed point, chi and depth scales over arrays of (sigma_w2, sigma_b2); all of one shape."""

    q_star: Array
    """What q tends to: 0 and inf are possible"""
    chi_1: Array
    """sigma_w2 E[phi'^2] at q_star: below 1 ordered (vanishing), above 1 chaotic (exploding); nan for sign"""
    chi_parallel: Array
    """Slope of the q-map at q_star"""
    xi_q: Array
    """Layers in which |q - q_star| falls by e: -1 / ln chi_parallel, inf at 1"""
    xi_gradient: Array
    """Layers in which |delta|^2 falls by e going back: -1 / ln chi_1; negative where it grows, inf at 1"""


@dataclass(frozen=True)
class FixedPoint:
    """Where a deep network ends up: fixed points of q and c, their slopes and depth scales."""

    q_star: float
    chi_1: float
    chi_parallel: float
    xi_q: float
    c_star: float
    c_slope: float
    """Slope of the c-map at c_star; sigma_w2 E[phi'(u1) phi'(u2)]"""
    xi_c: float
    """Layers in which |c - c_star| falls by e: -1 / ln c_slope"""
    xi_gradient: float
    phase: str
    """"ordered", "critical" or "chaotic\""""


TRAINABLE_DEPTH = 6
"""Depth scales of the gradient beyond which a network hardly trains (Schoenholz et al. 2017)."""


def depth_scale(slope: ArrayLike) -> Array:
    """-1 / ln(slope) in layers: 0 at slope 0, inf at 1, negative above 1 (growth). Schoenholz et al. 2017.

    >>> depth_scale([0.5, 1.0]).round(4).tolist()
    [1.4427, inf]
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = np.log(np.asarray(slope, dtype=np.float64))
        return np.where(np.abs(rate) < ROUNDING, np.inf, -1 / rate) + 0.0


def q_map(activation: str | Activation, q: ArrayLike, sigma_w2: ArrayLike, sigma_b2: ArrayLike = 0.0) -> Array:
    """The next layer's q: V(q) = sigma_w2 E[phi(sqrt(q) z)^2] + sigma_b2. Poole et al. 2016.

    Arrays broadcast. Raises ValueError for a negative variance and an unknown activation.

    >>> float(q_map("relu", 3.0, sigma_w2=2.0))
    3.0
    """
    sigma_w2, sigma_b2 = non_negative("sigma_w2", sigma_w2), non_negative("sigma_b2", sigma_b2)
    return sigma_w2 * gaussian_moments(activation, q).phi2 + sigma_b2


def chi_1(activation: str | Activation, q: ArrayLike, sigma_w2: ArrayLike) -> Array:
    """sigma_w2 E[phi'(sqrt(q) z)^2]: the factor of |delta|^2 from one layer to the one before at this q.

    At q = q_star it is the usual chi_1; at finite depth use each layer's own q. Schoenholz et al. 2017.
    """
    return non_negative("sigma_w2", sigma_w2) * gaussian_moments(activation, q).slope2


def chi_parallel(activation: str | Activation, q: ArrayLike, sigma_w2: ArrayLike) -> Array:
    """dV/dq of the q-map, in Stein's form, right at kinks too. Schoenholz et al. 2017."""
    return non_negative("sigma_w2", sigma_w2) * gaussian_moments(activation, q).chi_parallel


def c_map(
    activation: str | Activation, c: ArrayLike, q: ArrayLike, sigma_w2: ArrayLike, sigma_b2: ArrayLike = 0.0
) -> Array:
    """The next layer's correlation of two inputs: (sigma_w2 E[phi phi] + sigma_b2) / V(q). Poole et al. 2016.

    Both inputs have variance q; V(q) is q itself at a fixed point, and dividing by it keeps c = 1 fixed
    elsewhere.

    >>> c_map("relu", [0.0, 1.0], q=1.0, sigma_w2=2.0).round(6).tolist()
    [0.31831, 1.0]
    """
    variance = q_map(activation, q, sigma_w2, sigma_b2)
    return (np.asarray(sigma_w2) * two_point(activation, c, q).phi_phi + np.asarray(sigma_b2)) / variance


def fixed_point(
    activation: str | Activation, sigma_w2: float, sigma_b2: float = 0.0, q_start: float | None = None
) -> FixedPoint:
    """Where q and c of a deep network tend to, chi_1, chi_parallel, the depth scales and the phase.

    `q_start` is the first layer's q, sigma_w2 + sigma_b2 unless given (an input with mean square 1); it
    matters where there are several fixed points, and for relu at sigma_w2 = 2, which keeps any q. c_star is
    the stable fixed point of the c-map reached from below: 1 when its slope there is at most 1. For sign,
    chi_1 is undefined (nan) and the phase chaotic: the c-map's slope at c = 1 is infinite. Raises ValueError
    for a negative variance and an unknown activation. Source: Poole et al. 2016; Schoenholz et al. 2017.

    >>> point = fixed_point("tanh", sigma_w2=2.0, sigma_b2=0.05)
    >>> point.phase, round(point.q_star, 4), round(point.chi_1, 4)
    ('chaotic', 0.7218, 1.0477)
    """
    function = as_activation(activation)
    w, b = float(non_negative("sigma_w2", sigma_w2)), float(non_negative("sigma_b2", sigma_b2))
    q_star = _polished(function, w, b, float(phase_diagram(function, w, b, q_start).q_star))
    moments = gaussian_moments(function, min(q_star, Q_HIGH))
    chi = np.nan if function.kind == "threshold" else w * float(moments.slope2)
    chi_q = w * float(moments.chi_parallel)
    c_star, c_slope = _c_fixed_point(function, q_star, w, b)
    ordered, chaotic = chi < 1 - CRITICAL, np.isnan(chi) or chi > 1 + CRITICAL
    return FixedPoint(
        q_star=q_star,
        chi_1=chi,
        chi_parallel=chi_q,
        xi_q=float(depth_scale(chi_q)),
        c_star=c_star,
        c_slope=c_slope,
        xi_c=float(depth_scale(c_slope)),
        xi_gradient=float(depth_scale(chi)),
        phase="ordered" if ordered else "chaotic" if chaotic else "critical",
    )


def phase_diagram(
    activation: str | Activation, sigma_w2: ArrayLike, sigma_b2: ArrayLike = 0.0, q_start: ArrayLike | None = None
) -> PhaseDiagram:
    """q_star, chi_1, chi_parallel and depth scales for arrays of (sigma_w2, sigma_b2), which broadcast.

    q_star is the fixed point that iteration of the q-map reaches from `q_start` (sigma_w2 + sigma_b2 unless
    given): looked for on a table of moments over 32 decades of q, so that a diagram of thousands of points
    takes milliseconds; relative error below 1e-7. In the ordered phase xi_c equals xi_gradient. Raises
    ValueError as `fixed_point`. Source: Schoenholz et al. 2017.

    >>> diagram = phase_diagram("tanh", np.array([0.5, 1.5, 3.0]))
    >>> diagram.chi_1.round(3).tolist()
    [0.5, 1.041, 1.239]
    """
    function = as_activation(activation)
    weight, bias = non_negative("sigma_w2", sigma_w2), non_negative("sigma_b2", sigma_b2)
    start = weight + bias if q_start is None else non_negative("q_start", q_start)
    weight, bias, start = np.broadcast_arrays(weight, bias, start)
    shape = weight.shape
    weight, bias, start = weight.ravel(), bias.ravel(), start.ravel()
    q_star = _reached(function, weight, bias, start)
    table = _table(function)
    log_q = np.log(np.clip(q_star, Q_LOW, Q_HIGH))
    at_zero = gaussian_moments(function, 0.0)
    slope2 = np.where(q_star < Q_LOW, at_zero.slope2, table.slope2(log_q))
    chi = np.full(weight.size, np.nan) if function.kind == "threshold" else weight * slope2
    chi_q = weight * np.where(q_star < Q_LOW, at_zero.chi_parallel, table.chi_parallel(log_q))
    fields = (q_star, chi, chi_q, depth_scale(chi_q), depth_scale(chi))
    return PhaseDiagram(*(field.reshape(shape) for field in fields))


@dataclass(frozen=True)
class _Table:
    """Moments of one activation over ln q, and the cubics through them."""

    log_q: Array
    phi2: Array
    log_phi2: Callable[[Array], Array]
    slope2: Callable[[Array], Array]
    chi_parallel: Callable[[Array], Array]


@lru_cache(maxsize=64)
def _table(function: Activation) -> _Table:
    from scipy.interpolate import CubicHermiteSpline, CubicSpline

    log_q = np.linspace(np.log(Q_LOW), np.log(Q_HIGH), 1 + PER_DECADE * round(np.log10(Q_HIGH / Q_LOW)))
    q = np.exp(log_q)
    moments = gaussian_moments(function, q)
    return _Table(
        log_q,
        moments.phi2,
        CubicHermiteSpline(log_q, np.log(moments.phi2), q * moments.chi_parallel / moments.phi2),
        CubicSpline(log_q, moments.slope2),
        CubicSpline(log_q, moments.chi_parallel),
    )


def _reached(function: Activation, weight: Array, bias: Array, start: Array) -> Array:
    """The fixed point next to `start` in the direction in which the q-map first moves, to about 1e-9.

    E[phi^2] grows with q, so that iteration moves one way and cannot pass a fixed point.
    """
    table = _table(function)
    log_q = table.log_q[::SCAN_STEP]
    excess = (weight[:, None] * table.phi2[::SCAN_STEP] - np.exp(log_q)) + bias[:, None]
    first = q_map(function, start, weight, bias) - start
    still = np.abs(first) <= 1e-12 * start
    rising = first > 0
    with np.errstate(divide="ignore"):
        here = np.log(start)[:, None]
    ends = np.where(rising[:, None], (excess < 0) & (log_q > here), (excess > 0) & (log_q < here))
    found = ends.any(axis=1)
    end = np.where(rising, ends.argmax(axis=1), log_q.size - 1 - ends[:, ::-1].argmax(axis=1))
    before = np.clip(end - np.where(rising, 1, -1), 0, log_q.size - 1)
    inner = np.where(rising, np.maximum(log_q[before], here[:, 0]), np.minimum(log_q[before], here[:, 0]))
    outer = log_q[end]
    for _ in range(BISECTIONS):
        middle = (inner + outer) / 2
        onward = ((weight * np.exp(table.log_phi2(middle)) + bias > np.exp(middle)) == rising) & np.isfinite(inner)
        inner, outer = np.where(onward, middle, inner), np.where(onward, outer, middle)
    lowest = q_map(function, 0.0, weight, bias)
    reached = np.where(found, np.exp(outer), np.where(rising, np.inf, lowest))
    return np.where(still, start, reached)


def _polished(function: Activation, sigma_w2: float, sigma_b2: float, q: float) -> float:
    """Newton's method for q = V(q) with exact moments; 0 and infinity stay."""
    if q == 0 or not np.isfinite(q):
        return q
    for _ in range(60):
        moments = gaussian_moments(function, q)
        fall = max(1 - sigma_w2 * float(moments.chi_parallel), 1e-6)
        step = (sigma_w2 * float(moments.phi2) - q + sigma_b2) / fall
        q = float(np.clip(q + step, q / 2, 2 * q))
        if abs(step) < 1e-14 * q:
            break
    return q


def _c_fixed_point(function: Activation, q_star: float, sigma_w2: float, sigma_b2: float) -> tuple[float, float]:
    """(c_star, slope of the c-map there), by Newton's method from c = 0.

    The c-map is convex on [0, 1], being a power series with positive coefficients: the steps cannot
    overshoot. Where q tends to 0 or infinity the map is taken close to that limit.
    """
    q = float(np.clip(q_star, Q_LOW**2, Q_HIGH**2))
    variance = float(q_map(function, q, sigma_w2, sigma_b2))
    if variance == 0:
        return 1.0, 0.0

    def value_and_slope(c: float) -> tuple[float, float]:
        kernel = two_point(function, c, q)
        return (sigma_w2 * float(kernel.phi_phi) + sigma_b2) / variance, sigma_w2 * float(kernel.by_c) / variance

    at_one = value_and_slope(1.0)[1]
    if at_one <= 1 + CRITICAL:
        return 1.0, at_one
    c = 0.0
    for _ in range(100):
        value, slope = value_and_slope(c)
        step = (value - c) / (1 - slope)
        c = min(c + step, 1.0)
        if abs(step) < 1e-12:
            break
    return c, slope
