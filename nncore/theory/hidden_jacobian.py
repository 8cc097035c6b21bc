"""The singular values of a config's own hidden Jacobian at initialization, and what theory says of their spread."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from nncore.config.run_config import RunConfig
from nncore.measures.measurement import Measurement
from nncore.model.initializers import INITIALIZERS, LayerSequentialUnitVariance
from nncore.model.layout import Array
from nncore.model.network import Tape
from nncore.numerics.blas import blas_threads
from nncore.numerics.spacing import evenly_spaced
from nncore.theory.moments import gaussian_moments
from nncore.theory.of_config import SAME_UNITS, standing
from nncore.theory.propagation import q_map
from nncore.theory.recursion import LARGEST_Q
from nncore.theory.spectrum import jacobian_singular_values, jacobian_variance

PRODUCTS = 2e9
"""Multiply-adds that one network's Jacobians may take: so many probe rows are looked at, eight at most."""

SECONDS_PER_LAYER, SECONDS_PER_PRODUCT = 1e-3, 4e-11
"""Of a layer with its rows, and of a multiply-add."""

MOST_ROWS, MOST_TIMES, BINS = 8, 4.0, 60
NOT_FINITE = "the Jacobian at initialization is not finite: take a smaller gain"
ROUNDING = 1e-15
"""Singular values below this share of the largest are rounding, and counted as zero."""


@dataclass(frozen=True)
class Spectrum:
    """Singular values of d a_depth / d a_1 in one network, (rows, n), largest first, and their theory."""

    init: str
    values: Array
    """One row of them for each probe row"""
    predicted_spread: float | None
    """Var(s^2) / mean(s^2)^2 at infinite width; None where no formula holds"""
    predicted_mean: float | None
    """mean s^2 at infinite width: the product of chi over the layers"""

    @property
    def spread(self) -> float:
        """Var(s^2) / mean(s^2)^2, mean over the rows; NaN where all s are 0. 0 is dynamical isometry."""
        with np.errstate(invalid="ignore", divide="ignore"):
            square = (self.values / self.values.max(axis=-1, keepdims=True)) ** 2
            return float((square.var(axis=-1) / square.mean(axis=-1) ** 2).mean())

    @property
    def mean_square(self) -> float:
        """mean s^2: the factor by which a random direction's square length changes."""
        with np.errstate(over="ignore"):
            return float((self.values**2).mean())

    @property
    def is_zero(self) -> np.ndarray:
        """Which singular values are 0, or rounding of 0."""
        return np.asarray(self.values <= ROUNDING * self.values.max(axis=-1, keepdims=True))


def partner(config: RunConfig) -> RunConfig:
    """The same network at the same sigma_w, orthogonal instead of independent weights, or the other way round."""
    point = standing(config).point
    gain = float(np.sqrt(point[0])) if point else config.gain
    other = "lecun_normal" if config.init in ("orthogonal", "lsuv") else "orthogonal"
    return config.replace(init=other, gain=min(gain, 100.0), init_scale=None)


def spectrum_seconds(config: RunConfig) -> float:
    """What `hidden_spectrum` of as many rows as are affordable takes, to a factor of about three; raises as `rows_affordable`."""
    each, passes = _products(config)
    return SECONDS_PER_LAYER * config.depth + SECONDS_PER_PRODUCT * (rows_affordable(config) * each + passes)


def _products(config: RunConfig) -> tuple[int, int]:
    """Multiply-adds of one probe row's Jacobian and its singular values, and of what is done once."""
    widths = config.hidden
    chain = sum(widths[0] * before * after for before, after in pairwise(widths))
    svd = 4 * widths[0] * widths[-1] * min(widths[0], widths[-1])
    passes = len(config.probe()[0]) * config.layout().n_params
    if isinstance(INITIALIZERS[config.init], LayerSequentialUnitVariance):
        passes = 2 * (config.depth + 1) * config.n_train * config.layout().n_params
    return chain + svd, passes


def rows_affordable(config: RunConfig) -> int:
    """Probe rows whose Jacobians fit into PRODUCTS multiply-adds, 1 to 8.

    Raises ValueError, with what to reduce, where there is no hidden-to-hidden Jacobian or one row takes more
    than four times that.
    """
    if config.depth < 2:
        raise ValueError(f"a Jacobian between hidden layers needs two hidden layers or more; got depth {config.depth}")
    each, passes = _products(config)
    needed = each + passes
    if needed > MOST_TIMES * PRODUCTS:
        raise ValueError(
            f"the Jacobian of this network would take {needed:.1e} multiply-adds and "
            f"{MOST_TIMES * PRODUCTS:.1e} are allowed: make it narrower or shallower"
        )
    return int(np.clip((PRODUCTS - passes) // each, 1, MOST_ROWS))


def hidden_spectrum(config: RunConfig, rows: int) -> Spectrum:
    """Singular values of d a_depth / d a_1 of the initial network, on `rows` evenly picked probe rows.

    J = prod_l W_l diag(phi'(z_l)) over layers 2 ... depth, one for each row; with layer normalization its
    derivative stands between W and phi', with batch normalization the probe's statistics are held fixed.
    Theory recurses q from these rows and needs equal widths, no skip and no normalization. Raises ValueError
    with fewer than two hidden layers. Source: Pennington, Schoenholz & Ganguli 2017.

    >>> config = RunConfig(hidden=(40,) * 6, activation="linear", init="orthogonal")
    >>> found = hidden_spectrum(config, 2)
    >>> found.values.shape, round(found.spread, 12), found.predicted_spread
    ((2, 40), 0.0, 0.0)
    """
    if config.depth < 2:
        raise ValueError(f"hidden must have two layers or more; got {config.depth}")
    network = config.network()
    x = config.probe()[0].astype(np.float64)
    picked = evenly_spaced(0, len(x) - 1, rows)
    with blas_threads(1), np.errstate(all="ignore"):
        theta = config.initial_theta().astype(np.float64)
        tape = network.forward(theta, x)
        if not all(
            np.isfinite(z[picked]).all() for z in tape.z[: config.depth]
        ):  # the order of sums decides their slopes
            raise ValueError(NOT_FINITE)
        weights = [weight for weight, _ in network.layout.split(theta)[1 : config.depth]]
        slopes = [
            phi.slope(np.ascontiguousarray(z_hat[picked]))
            for phi, z_hat in zip(network.activations[1:], tape.z_hat[1 : config.depth], strict=True)
        ]
        if network.normalization is not None:
            weights = [weight @ _normalization(tape, index, picked) for index, weight in enumerate(weights, start=1)]
        try:
            values = np.stack([_one(weights, slopes, row, config.skip) for row in range(len(picked))])
        except np.linalg.LinAlgError:
            raise ValueError(NOT_FINITE) from None
    return Spectrum(config.init, values, *_predicted(config, (x[picked] ** 2).mean(axis=1)))


def _one(weights: list[Array], slopes: list[Array], row: int, skip: bool) -> Array:
    mine = [weight[row] if weight.ndim == 3 else weight for weight in weights]
    return jacobian_singular_values(mine, [slope[row] for slope in slopes], skip)


def _normalization(tape: Tape, index: int, picked: np.ndarray) -> Array:
    """d z_hat / d z of the picked rows, (rows, n, n): (1 - 1/n - z_hat z_hat^T / n) / std, or 1 / std per unit."""
    inverse_std = tape.statistics[index][1]
    z_hat = tape.z_hat[index][picked]
    n = z_hat.shape[-1]
    if inverse_std.shape[-1] == 1:  # one for each unit: batch normalization
        return np.broadcast_to(np.diag(inverse_std[:, 0]), (len(picked), n, n))
    projection = np.eye(n) - 1 / n - z_hat[:, :, None] * z_hat[:, None, :] / n
    return projection * inverse_std[0, picked][:, None, None]


def _predicted(config: RunConfig, energies: Array) -> tuple[float | None, float | None]:
    """(spread, mean s^2) at infinite width, mean over rows of |x|^2 / N_0 `energies`; None where no formula holds."""
    plain = config.normalization == "none" and not config.skip and len(set(config.hidden)) == 1
    functions = config.activations()
    if not plain or config.init in SAME_UNITS or any(phi.kind == "threshold" for phi in functions):
        return None, None
    here, orthogonal = standing(config), config.init in ("orthogonal", "lsuv")
    q = here.sigma_w2[0] * energies + here.sigma_b2[0]
    spread, mean = np.zeros_like(q), np.ones_like(q)
    for index in range(1, config.depth):
        w = here.sigma_w2[index]
        q = np.minimum(q_map(functions[index - 1], q, w, here.sigma_b2[index]), LARGEST_Q)
        spread += [jacobian_variance(functions[index], each, 1, orthogonal) for each in q]
        with np.errstate(over="ignore"):
            mean *= w * gaussian_moments(functions[index], q).slope2
    return (float(spread.mean()) if np.isfinite(spread).all() else None), float(mean.mean())


def spectra(first: Spectrum, second: Spectrum) -> Measurement:
    """Both networks' singular values on shared bins of log10 s. Axes: init, bin; zeros are a column of their own."""
    both = (first, second)
    logs = [np.log10(each.values[~each.is_zero]) for each in both]
    pooled = np.concatenate(logs)
    low, high = (float(pooled.min()), float(pooled.max())) if len(pooled) else (-1.0, 0.0)
    margin = max(0.02 * (high - low), 0.05)
    edges = np.linspace(low - margin, high + margin, BINS + 1)
    counts = np.stack(
        [np.histogram(log, edges)[0] / max(each.values.size, 1) for log, each in zip(logs, both, strict=True)]
    )

    def column(values: list[float | None]) -> tuple[str, np.ndarray]:
        return "init", np.array([np.nan if value is None else value for value in values], dtype=np.float64)

    columns = {
        "low": ("bin", 10 ** edges[:-1]),
        "high": ("bin", 10 ** edges[1:]),
        "zeros": column([float(each.is_zero.mean()) for each in both]),
        "spread": column([each.spread for each in both]),
        "predicted_spread": column([each.predicted_spread for each in both]),
        "mean_square": column([each.mean_square for each in both]),
        "predicted_mean_square": column([each.predicted_mean for each in both]),
    }
    axes = {"init": np.array([each.init for each in both]), "bin": np.arange(BINS)}
    caveats = (
        f"Pooled over {len(first.values)} probe rows: as many as {PRODUCTS / 1e9:g} billion multiply-adds allow, at most {MOST_ROWS}.",
    )
    return Measurement("singular values", axes, {"share": counts}, columns, caveats)
