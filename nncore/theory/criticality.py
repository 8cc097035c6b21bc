"""Where gradients neither vanish nor explode: critical lines and points, or that there is none."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nncore.model.activations import Activation
from nncore.numerics.choices import choose
from nncore.theory.moments import Array, Moments, as_activation, gaussian_moments, non_negative
from nncore.theory.propagation import CRITICAL

Criterion = Literal["edge_of_chaos", "double"]
CRITERIA: dict[str, str] = {
    "edge_of_chaos": "chi_1 = 1 at an attracting q* (Schoenholz et al. 2017; Hayou et al. 2019)",
    "double": "chi_1 = chi_parallel = 1 (Roberts, Yaida & Hanin)",
}
SCAN = np.geomspace(1e-8, 1e6, 14 * 16 + 1)  # q at which sign changes are looked for
SLACK = 1e-9  # rounding allowed in chi_parallel <= 1 and sigma_b2 >= 0


@dataclass(frozen=True)
class CriticalLine:
    """The critical line, parametrised by q_star; every field has the shape of q_star."""

    q_star: Array
    sigma_w2: Array
    """1 / E[phi'^2]; inf where the slope is zero everywhere"""
    sigma_b2: Array
    """q_star - E[phi^2] / E[phi'^2]; negative where no bias variance gives this point"""
    chi_parallel: Array
    admissible: NDArray[np.bool_]
    """sigma_b2 >= 0 and chi_parallel <= 1: a real network is drawn to this point"""


@dataclass(frozen=True)
class CriticalPoint:
    """One critical point: variances to initialize with, and the q they lead to."""

    sigma_w2: float
    sigma_b2: float
    q_star: float | None
    """None where every q is one (linear, relu, leaky_relu)"""
    chi_parallel: float
    attracts: Literal["both sides", "one side", "every q is fixed"]
    """Whether nearby q move towards q_star: 0 has one side only, a half-stable point repels on the other"""


def critical_line(activation: str | Activation, q_star: ArrayLike) -> CriticalLine:
    """The (sigma_w2, sigma_b2) at which chi_1 = 1 holds at the fixed point q_star, one for each q_star given.

    sigma_w2 = 1 / E[phi'^2] and sigma_b2 = q_star - sigma_w2 E[phi^2]. Points that are not `admissible` are
    returned for drawing, not for using. Raises ValueError for a negative q_star and an unknown activation.
    Source: Schoenholz et al. 2017; Hayou et al. 2019.

    >>> line = critical_line("tanh", [0.1, 1.0])
    >>> line.sigma_w2.round(3).tolist(), line.sigma_b2.round(4).tolist(), line.admissible.tolist()
    ([1.178, 2.153], [0.0008, 0.151], [True, True])
    """
    q = non_negative("q_star", q_star)
    moments = gaussian_moments(activation, q)
    return _line(q, moments)


def _line(q: Array, moments: Moments) -> CriticalLine:
    with np.errstate(divide="ignore", invalid="ignore"):
        sigma_w2 = 1 / moments.slope2
        sigma_b2 = q - moments.phi2 / moments.slope2
        chi_parallel = moments.chi_parallel / moments.slope2
    rounding = np.abs(sigma_b2) <= SLACK * q
    sigma_b2 = np.where(rounding, 0.0, sigma_b2)
    admissible = (sigma_b2 >= 0) & (chi_parallel <= 1 + SLACK) & np.isfinite(sigma_w2)
    return CriticalLine(q, sigma_w2, sigma_b2, chi_parallel, admissible)


def critical_point(
    activation: str | Activation, criterion: Criterion = "edge_of_chaos", sigma_b2: float = 0.0
) -> CriticalPoint | None:
    """The critical point under a stated criterion, or None where there is none.

    "edge_of_chaos": chi_1 = 1 at an attracting fixed point for this sigma_b2 (Schoenholz et al. 2017; Hayou
    et al. 2019); of several, the one with the smallest q_star: 0 if small q fall towards it.
    "double": chi_1 = chi_parallel = 1 (Roberts, Yaida & Hanin): q_star = 0 for tanh and kin, the half-stable
    point of gelu, silu and mish at large q; sigma_b2 is then a result, not a choice. Looked for at q_star
    from 0 to 1e6. Raises ValueError for an unknown criterion or activation and for a negative sigma_b2.

    >>> critical_point("relu").sigma_w2, critical_point("gelu") is None
    (2.0, True)
    >>> point = critical_point("silu", "double")
    >>> round(point.sigma_w2, 6), round(point.sigma_b2, 6), round(point.q_star, 4)
    (1.988005, 0.555143, 14.3202)
    """
    choose("criterion", criterion, CRITERIA)
    bias = float(non_negative("sigma_b2", sigma_b2))
    function = as_activation(activation)
    if function.kind == "threshold":
        return None
    line = _scan(function)
    if (line.sigma_b2 == 0).all():
        scale_free = bias == 0 or criterion == "double"
        w = float(line.sigma_w2[0])
        return CriticalPoint(w, 0.0, None, 1.0, "every q is fixed") if scale_free else None
    at_zero = _point_at_zero(function) if bias == 0 or criterion == "double" else None
    if at_zero is not None:
        return at_zero
    level = line.sigma_b2 - bias if criterion == "edge_of_chaos" else line.chi_parallel - 1
    for i in np.flatnonzero(np.sign(level[:-1]) * np.sign(level[1:]) < 0):
        point = _root(function, criterion, bias, SCAN[i], SCAN[i + 1])
        if point is not None:
            return point
    return None


def critical_sigma_w2(activation: str | Activation, sigma_b2: float = 0.0) -> float | None:
    """sigma_w2 of the edge of chaos at this bias variance, or None: 1 for tanh, 2 for relu, None for gelu.

    Source: Schoenholz et al. 2017; Hayou et al. 2019; see `critical_point`.

    >>> critical_sigma_w2("tanh"), critical_sigma_w2("softplus")
    (1.0, None)
    """
    point = critical_point(activation, "edge_of_chaos", sigma_b2)
    return None if point is None else point.sigma_w2


def pytorch_gain(activation: str | Activation) -> float:
    """The gain that PyTorch's init.calculate_gain recommends; the weights' deviation is gain / sqrt(fan_in).

    linear and sigmoid 1, tanh 5/3 (chaotic: sigma_w2 = 2.78), relu sqrt(2), selu 3/4, leaky_relu
    sqrt(2 / (1 + alpha^2)). Raises ValueError for the others, as PyTorch does; `critical_sigma_w2` computes.
    Source: PyTorch 2.13, torch.nn.init.

    >>> round(pytorch_gain("relu") ** 2, 12)
    2.0
    """
    function = as_activation(activation)
    slope = function.alpha if function.name == "leaky_relu" and function.alpha is not None else 0.0
    one_sided = float(np.sqrt(2 / (1 + slope**2)))
    gains = {"linear": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "selu": 3 / 4, "relu": one_sided, "leaky_relu": one_sided}
    return choose("activation with a gain in PyTorch", function.name, gains)


@lru_cache(maxsize=64)
def _scan(function: Activation) -> CriticalLine:
    return critical_line(function, SCAN)


def _point_at_zero(function: Activation) -> CriticalPoint | None:
    """q_star = 0 with sigma_b2 = 0, if the q-map at that sigma_w2 leads small q down to 0."""
    limit = critical_line(function, 0.0)
    if not limit.admissible:
        return None
    growth = limit.sigma_w2 * gaussian_moments(function, SCAN).phi2 / SCAN - 1
    moved = np.flatnonzero(np.abs(growth) > SLACK)
    if not moved.size or growth[moved[0]] > 0:
        return None
    return CriticalPoint(float(limit.sigma_w2), 0.0, 0.0, float(limit.chi_parallel), "one side")


def _root(function: Activation, criterion: Criterion, bias: float, low: float, high: float) -> CriticalPoint | None:
    from scipy.optimize import brentq

    def level(q: float) -> float:
        line = critical_line(function, q)
        return float(line.sigma_b2) - bias if criterion == "edge_of_chaos" else float(line.chi_parallel) - 1

    q_star = brentq(level, low, high, xtol=1e-15 * low, rtol=1e-14)
    line = critical_line(function, q_star)
    if not line.admissible:
        return None
    chi_parallel = float(line.chi_parallel)
    attracts: Literal["both sides", "one side"] = "both sides" if chi_parallel < 1 - CRITICAL else "one side"
    return CriticalPoint(float(line.sigma_w2), float(line.sigma_b2), float(q_star), chi_parallel, attracts)
