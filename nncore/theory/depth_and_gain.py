"""The line of delta for other depths and gains of a network, from one recursion over the deepest of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from nncore.config.run_config import RunConfig
from nncore.model.activations import Activation
from nncore.model.initializers import INITIALIZERS, LayerSequentialUnitVariance
from nncore.model.normalization import EPSILON
from nncore.theory.moments import CLOSED_MOMENTS, Array, closed_form, gaussian_moments
from nncore.theory.of_config import ROWS, check_random, probe_rows, variances
from nncore.theory.recursion import LARGEST_Q

LOW, HIGH, PER_DECADE = -8, 12, 32  # of the table of moments, in log10 q; beyond it they are near their limits


def delta_lines(
    config: RunConfig, depths: Sequence[int], gains: Sequence[float], probe: tuple[Array, Array] | None = None
) -> Array:
    """log10 of |delta_l| / |delta_L| at initialization, (n_gains, n_depths, 1 + max(depths)), layer 1 first.

    What `predict_config` says of `config` with so many hidden layers of its width and so many times the initializer's
    standard deviation; NaN beyond a network's output layer, and -inf at a gain of 0. q of a layer and its slope do not
    depend on what comes after:

        |delta_l|^2 = N_{L-1} Var(W_L) s_l prod_{k=l+1}^{L-1} (N_{k-1} Var(W_k) s_k + 1 across a skip) |delta_L|^2
        s_l = E[phi'(u)^2],  u ~ N(0, q_l)                over Var z under layer normalization

    so that the deepest network serves all, row by row of the probe: `probe` is what `probe_rows` makes of it, for who
    asks more than once. Two things are approximate: the rows weigh as in the output layer of `config` itself, and
    moments are interpolated in a table. Raises ValueError where `predict_config` does, for widths that differ, for
    sign, which no gradient passes, and for LSUV and batch normalization, whose factors hang on pairs of rows. Source:
    Poole et al. 2016; Schoenholz et al. 2017.

    >>> config = RunConfig(hidden=(32,) * 8, activation="relu", init="he_normal")
    >>> delta_lines(config, depths=(1, 3), gains=(1.0, 2.0))[:, 1].round(3).tolist()
    [[0.0, 0.0, 0.0, 0.0], [0.903, 0.602, 0.301, 0.0]]
    """
    check_random(config)
    if len(set(config.hidden)) != 1:
        raise ValueError(f"hidden widths must be equal for other depths to be known; got {config.hidden}")
    if isinstance(INITIALIZERS[config.init], LayerSequentialUnitVariance) or config.normalization == "batch":
        raise ValueError("other depths and gains of LSUV and of batch normalization take a prediction each")
    if any(phi.kind == "threshold" for phi in config.activations()):
        raise ValueError("no gradient passes a threshold, at any depth and gain")
    deepest = config.replace(hidden=config.hidden[:1] * max(depths))
    x, output_gram = probe or probe_rows(config, ROWS)
    widths, n_hidden = np.array(deepest.layout().widths), deepest.depth
    (weight, bias), (_, given) = (variances(deepest.replace(gain=gain)) for gain in (1.0, 0.0))
    gain2 = np.square(np.asarray(gains, dtype=np.float64))[:, None]
    a, mean = (x * x).mean(axis=1), x.mean(axis=1)
    slopes, factors = np.zeros((2, len(gains), n_hidden, len(x)))
    for layer, function in enumerate(deepest.activations()):
        z = gain2 * (widths[layer] * weight[layer] * a + bias[layer] - given[layer]) + given[layer]
        z = np.minimum(z, LARGEST_Q)
        variance = z + EPSILON if config.normalization == "layer" else np.ones_like(z)
        moments = _tabled(function, z / variance)
        skips = config.skip and widths[layer] == widths[layer + 1]
        slopes[:, layer] = moments.slope2 / variance
        factors[:, layer] = gain2 * widths[layer] * weight[layer] * slopes[:, layer] + skips
        a = np.minimum(a + moments.phi2 + 2 * mean * moments.phi, LARGEST_Q) if skips else moments.phi2
        mean = mean + moments.phi if skips else moments.phi
    return _lines(depths, slopes, factors, np.diagonal(output_gram), gain2 * widths[-2] * weight[-1])


def _lines(depths: Sequence[int], slopes: Array, factors: Array, weights: Array, output: Array) -> Array:
    """From s_l and the layers' factors, (n_gains, n_hidden, n_rows), and what the output layer passes, (n_gains, 1)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        so_far = np.log(factors).cumsum(axis=1)
        begin = np.log(slopes) - so_far + np.log(weights / weights.sum())
        end = so_far[:, np.maximum(depths, 1) - 1]
        most, most_end = begin.max(axis=-1, keepdims=True), end.max(axis=-1, keepdims=True)
        total = np.log(np.exp(end - most_end) @ np.exp(begin - most).swapaxes(1, 2))
        total += most.swapaxes(1, 2) + most_end + np.log(output[..., None])
    lines = np.zeros((*end.shape[:2], 1 + max(depths)))
    lines[..., :-1] = np.nan_to_num(total / np.log(100), nan=-np.inf, neginf=-np.inf)
    lines[:, np.arange(len(depths)), depths] = 0.0
    return np.where(np.arange(1 + max(depths)) > np.reshape(depths, (-1, 1)), np.nan, lines)


class _Tabled(NamedTuple):
    phi: Array
    phi2: Array
    slope2: Array


def _tabled(function: Activation, q: Array) -> _Tabled:
    """E[phi], E[phi^2] and E[phi'^2] at each q: exact where there is a closed form, else to about 1e-4 from a table."""
    if closed_form(function, CLOSED_MOMENTS) is not None:
        found = gaussian_moments(function, q)
        return _Tabled(found.phi, found.phi2, found.slope2)
    place = np.clip(np.log10(np.maximum(q, 10.0**LOW)) - LOW, 0, HIGH - LOW) * PER_DECADE
    row = np.minimum(place.astype(int), PER_DECADE * (HIGH - LOW) - 1)
    share, (phi, *logs) = place - row, _table(function)
    phi2, slope2 = (np.exp(each[row] * (1 - share) + each[row + 1] * share) for each in logs)
    return _Tabled(phi[row] * (1 - share) + phi[row + 1] * share, phi2, slope2)


@lru_cache(maxsize=64)
def _table(function: Activation) -> tuple[Array, Array, Array]:
    """E[phi], ln E[phi^2] and ln E[phi'^2] on an even grid of log10 q."""
    moments = gaussian_moments(function, 10 ** np.linspace(LOW, HIGH, 1 + PER_DECADE * (HIGH - LOW)))
    return moments.phi, np.log(moments.phi2), np.log(moments.slope2)
