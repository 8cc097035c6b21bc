"""Constants of signal propagation at infinite width: fixed points, critical points and growth per layer."""

from __future__ import annotations

import math

import numpy as np

from benchmarks.published.row import Row
from nncore import ACTIVATIONS
from nncore.theory import critical_point, critical_sigma_w2, gaussian_moments, normalization_growth

H = 1e-4
"""Half a step in q of the central difference: its error is of the order of H² = 1e-8."""


def selu() -> list[Row]:
    """Mean 0 and variance 1 map to themselves, and draw nearby ones to them."""
    phi = ACTIVATIONS["selu"]
    here, above, below = (gaussian_moments("selu", q) for q in (1.0, 1.0 + H, 1.0 - H))
    by_variance = float(above.phi - below.phi) / (2 * H), float(here.chi_parallel)
    return [
        Row("λ, the slope above 0", "1.0507", phi.slope(np.array(2.0)).item()),
        Row("λα, what −φ tends to below 0", "1.7581", -phi(np.array(-50.0)).item(), formula="1.0507 · 1.6733"),
        Row("mean of the next layer", "0", float(here.phi), allowed="1e-9", more=9),
        Row("variance of the next layer", "1", float(here.phi2), allowed="1e-9", more=9),
        Row("∂ mean / ∂ variance", "0.088834", by_variance[0]),
        Row("∂ variance / ∂ variance", "0.782648", by_variance[1]),
        Row("spectral norm of the map's Jacobian", "0.7877", math.hypot(*by_variance)),
    ]


def tanh() -> list[Row]:
    """σ_w² of the critical line at a given variance of the biases."""
    return [
        Row("σ_w² at σ_b² = 0.05", "1.76", _sigma_w2("tanh", 0.05)),
        Row("σ_w² at σ_b² = 2.01e-5", "1.05", _sigma_w2("tanh", 2.01e-5)),
    ]


def _sigma_w2(activation: str, sigma_b2: float) -> float:
    found = critical_sigma_w2(activation, sigma_b2)
    assert found is not None
    return found


def gelu_and_silu() -> list[Row]:
    """Where χ_1 = χ_∥ = 1."""
    rows = []
    numbers = {"gelu": ("GELU", "1.98305826", "0.17292239"), "silu": ("SiLU", "1.98800468", "0.55514317")}
    for activation, (name, sigma_w2, sigma_b2) in numbers.items():
        point = critical_point(activation, "double")
        assert point is not None
        rows += [
            Row(f"{name}: σ_w²", sigma_w2, point.sigma_w2, more=1),
            Row(f"{name}: σ_b²", sigma_b2, point.sigma_b2, more=1),
        ]
    return rows


def batch_normalized() -> Row:
    """Growth of |δ|² per layer of relu under batch normalization with a large batch."""
    growth = normalization_growth("relu").batch
    return Row(
        "squared norm of δ per layer, theory", f"{math.pi / (math.pi - 1):.9f}", growth, more=1, formula="π/(π − 1)"
    )
