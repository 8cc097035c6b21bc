"""Growth per block where it has a law of its own: residual blocks x + V phi(W x) and normalized layers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nncore.model.activations import Activation
from nncore.theory.moments import Array, gaussian_moments, non_negative


class ResidualCurves(NamedTuple):
    """Curves over block boundaries 0 ... depth, (depth + 1,)."""

    p: Array
    """E[x^2] of the residual stream"""
    log_g2: Array
    """ln |dE/dx_l|^2 / |dE/dx_depth|^2"""


def residual_block(
    activation: str | Activation,
    sigma_w2: float,
    sigma_v2: float,
    depth: int,
    sigma_b2: float = 0.0,
    p_start: float = 1.0,
) -> ResidualCurves:
    """Forward energy and gradient of `depth` full residual blocks x' = x + phi(x W + b) V.

        q = sigma_w2 p + sigma_b2,   p' = p + sigma_v2 E[phi(sqrt(q) z)^2]
        |g_l|^2 = |g_{l+1}|^2 (1 + sigma_v2 sigma_w2 E[phi'(sqrt(q_l) z)^2])

    Both grow exponentially for relu, and like exp(sqrt(depth)) for bounded phi. Raises ValueError for a
    negative variance or depth and an unknown activation. Source: Yang & Schoenholz 2017.

    >>> residual_block("relu", sigma_w2=1.0, sigma_v2=1.0, depth=2).p.tolist()
    [1.0, 1.5, 2.25]
    """
    w, v = float(non_negative("sigma_w2", sigma_w2)), float(non_negative("sigma_v2", sigma_v2))
    b, p = float(non_negative("sigma_b2", sigma_b2)), float(non_negative("p_start", p_start))
    if depth < 0:
        raise ValueError(f"depth must be a whole number of blocks, zero or more; got {depth}")
    energies, growth = [p], []
    for _ in range(depth):
        moments = gaussian_moments(activation, w * p + b)
        p += v * float(moments.phi2)
        energies.append(p)
        growth.append(np.log1p(v * w * float(moments.slope2)))
    log_g2 = np.concatenate([np.cumsum(growth[::-1])[::-1], [0.0]])
    return ResidualCurves(np.array(energies), log_g2)


class NormalizationGrowth(NamedTuple):
    """Factor of |delta|^2 per layer going back; its square root is the factor of the norm."""

    batch: float
    layer: float


def normalization_growth(activation: str | Activation) -> NormalizationGrowth:
    """How much |delta|^2 grows backwards per layer when z is normalized over a large batch, or over the
    layer.

    batch: E[phi'(z)^2] / Var[phi(z)], at least 1 and 1 only for linear; relu's pi / (pi - 1) = 1.467 is 1.211
    in the norm. layer: E[phi'(z)^2] / E[phi(z)^2] without biases. Neither depends on the weight variance: no
    gain cures it. Valid for widths much larger than the batch, and the batch much larger than 1. nan where
    the slope is zero everywhere. Source: Yang et al. 2019.

    >>> growth = normalization_growth("relu")
    >>> round(growth.batch, 4), round(growth.layer, 4)
    (1.4669, 1.0)
    """
    moments = gaussian_moments(activation, 1.0)
    slope2 = float(moments.slope2)
    variance = float(moments.phi2 - moments.phi**2)
    return NormalizationGrowth(slope2 / variance, slope2 / float(moments.phi2))
