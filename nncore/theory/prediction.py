"""What theory predicts for one network's shape: q, delta and weight gradient, layer by layer, with a band."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from nncore.model.activations import Activation
from nncore.model.layout import Layout
from nncore.theory.finite_width import accumulated_beta, layer_beta, sample_norms, simulated_rows
from nncore.theory.moments import Array
from nncore.theory.random_networks import Ensemble, make_ensemble
from nncore.theory.recursion import LARGEST_Q, Curves, backward, forward

CENTRAL = (2.5, 97.5)  # percentiles of the band
NORMAL_REACH, MARGIN = 1.96, 1.3  # the same of a normal law, and how much wider than sqrt(beta) it may be
WIDE_SCATTER = 1.35  # scatter over sqrt(beta) from which the curve is called not predictive for one network
SMALLEST_SCATTER = 1e-6  # below it there is nothing to compare: linear orthogonal networks do not scatter

ENOUGH_DIRECTIONS = 8  # of the inputs, from which on the band of batch normalization holds: `benchmarks.coverage`
BATCH_DRAWS = 2000  # networks whose batch-normalized layer 1 is drawn
ROUNDING = 1e-9  # in the logarithm: where networks do not scatter, a band still holds what rounding makes of them


@dataclass(frozen=True)
class Prediction:
    """Per-layer theory curves at initialization; index l - 1 is layer l, the last the linear output layer.

    Norms are relative to the output layer's delta: only ratios can be predicted without knowing the loss. All
    logarithms are natural.
    """

    q: Array
    """E[z^2], mean over the samples"""
    c: Array
    """Correlation of z between two different samples, mean over pairs; nan for a single sample"""
    chi: Array
    """(n_layers - 1,): factor of mean |delta|^2 from layer l + 1 to l, sigma_w2 E[phi'^2] in a plain layer"""
    log_delta2: Array
    """ln of mean over samples of |delta_l|^2, relative to layer L; each sample has its own loss"""
    log_weight_grad2: Array
    """ln |dE/dW_l|_F^2 of the loss averaged over the samples, in units of mean |delta_L|^2"""
    beta: Array
    """Leading-order variance of ln |delta_l|^2 / |delta_L|^2 over networks (Hanin & Nica 2018)"""
    q_band: Array
    """(2, n_layers): where mean_i z_i^2 of one network of these widths lies with 95 %"""
    delta_band: Array
    """(2, n_layers): the same for `delta_norm_ratio`"""
    weight_grad_band: Array
    """(2, n_layers): the same for `weight_grad_ratio`"""
    flags: tuple[str, ...]
    """Sentences: why one network may not follow these curves. Empty when it should"""

    @property
    def delta_norm_ratio(self) -> Array:
        """sqrt(mean |delta_l|^2 / mean |delta_L|^2): multiply by the measured last layer to draw the line."""
        return np.exp((self.log_delta2 - self.log_delta2[-1]) / 2)

    @property
    def weight_grad_ratio(self) -> Array:
        """|dE/dW_l|_F / |dE/dW_L|_F."""
        with np.errstate(invalid="ignore"):
            return np.exp((self.log_weight_grad2 - self.log_weight_grad2[-1]) / 2)


def predict(
    layout: Layout | Sequence[int],
    activations: str | Activation | Sequence[str | Activation],
    weight_variances: ArrayLike,
    bias_variance: ArrayLike = 0.0,
    gram: ArrayLike = 1.0,
    *,
    skip: bool = False,
    normalization: str | None = None,
    orthogonal: bool = False,
    output_gram: ArrayLike | None = None,
    input_mean: ArrayLike = 0.0,
    target_q: float | None = None,
    n_draws: int | None = None,
    seed: int = 0,
) -> Prediction:
    """Theory curves for real widths, recursing layer by layer over a batch of inputs.

    `layout`: a Layout or its widths. `activations`: one, or one per hidden layer. `weight_variances`: Var
    W_ij, one number or one per layer (an initializer's std squared). `bias_variance`: Var b, likewise.
    `gram`: x x^T / N_0, (n, n), or |x|^2 / N_0 of a single input. `skip`, `normalization`: as in
    `nncore.MLP`. `orthogonal`: weights are orthogonal matrices (the curves are the same, the band is
    narrower). `output_gram`: delta_L delta_L^T over samples, (n, n), each with its own loss; all equal unless
    given. `input_mean`: mean over features of each row, which only a skip connection around layer 1 feels.
    `target_q`: weight variances are then ignored, and chosen so that the z of every layer has this variance over
    samples and units, as LSUV does: its mean square less the square of its grand mean.

        Q_l = N_{l-1} Var(W_l) A_{l-1} + Var(b_l)         covariance of z between samples; A_0 = gram
        A_l = E[phi(u_s) phi(u_t)],  u ~ N(0, Q_l)        plus A_{l-1} and 2 E[a] E[phi] across a skip
        D_l = G_l E[phi'(u_s) phi'(u_t)]                  <delta_s, delta_t>
        G_l = N_l Var(W_{l+1}) D_{l+1}                    plus G_{l+1} across a skip
        |dE/dW_l|^2 = N_{l-1} sum_st D_l A_{l-1} / n^2

    Layer normalization divides Q by its diagonal, and D likewise. Batch normalization has no closed kernel at
    a finite batch: see `BatchNormalizedUnits`. The band is the central 95 % of `sample_norms` on a few of the
    inputs, reproducible from `seed`; for batch normalization a log-normal law of leading order, with the heavy tails
    of its first layer. How often the bands hold is counted by `python -m benchmarks.coverage`. Raises
    ValueError for anything that does not fit together. Source: Poole et al. 2016; Schoenholz et al. 2017;
    pairs of samples: Jacot et al. 2018; skip: Yang & Schoenholz 2017; batch normalization:
    Yang et al. 2019.

    >>> curves = predict((100,) * 31, "tanh", weight_variances=1 / 100)
    >>> round(float(curves.delta_norm_ratio[0]), 3), curves.flags
    (0.157, ())
    """
    ensemble = make_ensemble(
        layout,
        activations,
        weight_variances,
        bias_variance,
        orthogonal=orthogonal,
        normalization=normalization,
        skip=skip,
    )
    inputs = _gram("gram", gram)
    n = len(inputs)
    if n == 1 and ensemble.normalization == "batch":
        raise ValueError("batch normalization needs the gram matrix of two or more inputs; got one input")
    deltas = np.ones((n, n)) if output_gram is None else _gram("output_gram", output_gram)
    if len(deltas) != n:
        raise ValueError(f"output_gram must have gram's shape {(n, n)}; got {deltas.shape}")
    means = np.broadcast_to(np.asarray(input_mean, dtype=float), (n,))
    ensemble, states = forward(ensemble, inputs, means, seed, target_q)
    curves = backward(ensemble, states, deltas)
    q, q_seen = (
        np.array([np.diagonal(matrix).mean() for matrix in each])
        for each in zip(*((s.z, s.seen) for s in states), strict=True)
    )
    bands, scatter_flags = _bands(ensemble, inputs, deltas, target_q, curves, q, q_seen, n_draws, seed)
    with np.errstate(invalid="ignore"):
        chi = np.exp(curves.log_delta2[:-1] - curves.log_delta2[1:])
    return Prediction(
        q=q,
        c=np.array([_mean_correlation(state.z) for state in states]),
        chi=chi,
        log_delta2=curves.log_delta2,
        log_weight_grad2=curves.log_weight_grad2,
        beta=accumulated_beta(ensemble, q_seen),
        q_band=bands[0],
        delta_band=bands[1],
        weight_grad_band=bands[2],
        flags=(*_flags(ensemble, q), *_few_directions(ensemble, inputs), *scatter_flags),
    )


def _gram(name: str, value: ArrayLike) -> Array:
    matrix = np.atleast_2d(np.asarray(value, dtype=np.float64))
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"{name} must be one number or a square matrix over samples; got shape {np.shape(value)}")
    if not np.isfinite(matrix).all() or (np.diagonal(matrix) < 0).any():
        raise ValueError(f"{name} must be finite with a diagonal of squares; got negative or non-finite entries")
    return matrix


def _mean_correlation(z: Array) -> float:
    sigma = np.sqrt(np.diagonal(z))
    scale = np.outer(sigma, sigma)
    pairs = ~np.eye(len(z), dtype=bool) & (scale > 0)
    return float((z[pairs] / scale[pairs]).mean()) if pairs.any() else np.nan


def _bands(
    ensemble: Ensemble,
    gram: Array,
    output_gram: Array,
    target_q: float | None,
    curves: Curves,
    q: Array,
    q_seen: Array,
    n_draws: int | None,
    seed: int,
) -> tuple[Array, tuple[str, ...]]:
    """Bands of q, delta_norm_ratio and weight_grad_ratio (3, 2, n_layers), and what the scatter tells.

    Simulated networks stray from the curve of the rows they are simulated on; the curve of all rows is given
    the same strays.
    """
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        lines = np.array([np.log(q), curves.log_delta2, curves.log_weight_grad2 - curves.log_weight_grad2[-1]])
        if ensemble.normalization == "batch":
            beta = accumulated_beta(ensemble, q_seen, curves.coherence)
            reach = NORMAL_REACH * MARGIN * np.sqrt([2 / np.array(ensemble.widths[1:]), beta, beta])
            middle = np.array([np.zeros_like(beta), -beta / 2, -beta / 2])
            ends = np.stack([middle - reach, middle + reach], axis=1)
            if curves.first_units is not None:
                ends[1:, :, 0] = _first_layer_ends(ensemble, curves.first_units, q_seen, curves.coherence, seed)
            return _as_ratios(lines[:, None] + ends), ()
        rows = simulated_rows(ensemble, len(gram))
        few, few_out = gram[np.ix_(rows, rows)], output_gram[np.ix_(rows, rows)]
        simulated, states = forward(ensemble, few, np.zeros(len(rows)), seed, target_q)
        line = backward(simulated, states, few_out)
        samples = sample_norms(ensemble, few, n_draws, seed, output_gram=few_out, target_q=target_q)
        strays = np.array(
            [
                samples.log_q - np.log([np.diagonal(state.z).mean() for state in states]),
                samples.log_delta2 - line.log_delta2,
                samples.log_weight_grad2
                - samples.log_weight_grad2[:, -1:]
                - (line.log_weight_grad2 - line.log_weight_grad2[-1]),
            ]
        )
        strays = np.where(np.isnan(strays), -np.inf, strays)
        ends = np.percentile(strays, CENTRAL, axis=1, method="inverted_cdf").swapaxes(0, 1)
        ends += np.array([-ROUNDING, ROUNDING])[None, :, None]
        return _as_ratios(lines[:, None] + ends), _scatter_flags(strays[1, :, 0], ensemble, q_seen)


def _first_layer_ends(ensemble: Ensemble, units: Array, q_seen: Array, coherence: Array, seed: int) -> Array:
    """Ends of the bands of ln |delta_1|^2 and ln |dE/dW_1|^2 about their lines, (2, 2), under batch normalization.

    Over few inputs the variance that divides a unit of layer 1 may be almost anything: a mean over the layer's units
    has heavy tails, and is drawn from the law of a unit. The layers above stray log-normally.
    """
    rng, width = np.random.default_rng((seed, 0)), ensemble.widths[1]
    beta = accumulated_beta(ensemble, q_seen, coherence)[0]
    own = coherence[1] * float(layer_beta(ensemble.activations[0], q_seen[0], width, orthogonal=True))
    above = max(beta - own, 0.0)
    chosen = rng.integers(units.shape[1], size=(BATCH_DRAWS, width))
    strays = np.log(units[:, chosen].mean(axis=-1)) - above / 2
    strays = strays + MARGIN * np.sqrt(above) * rng.standard_normal(BATCH_DRAWS)
    return np.percentile(strays, CENTRAL, axis=1).T


def _as_ratios(logarithms: Array) -> Array:
    """q is itself, the norms are square roots of what was computed."""
    return np.exp(logarithms * np.array([1.0, 0.5, 0.5])[:, None, None])


def _scatter_flags(first: Array, ensemble: Ensemble, q_seen: Array) -> tuple[str, ...]:
    """Whether the line predicts one network; `first` is ln of simulated |delta_1|^2 over the line's."""
    low, early, late, high = np.percentile(first, (CENTRAL[0], 16, 84, CENTRAL[1]), method="inverted_cdf")
    expected = float(np.sqrt(accumulated_beta(ensemble, q_seen)[0]))
    flags = []
    if np.isfinite(early) and expected > SMALLEST_SCATTER and late - early > 2 * WIDE_SCATTER * expected:
        flags.append(
            f"Networks of these widths scatter {(late - early) / 2 / expected:.1f} times more than the "
            "leading order in 1/width says, because q itself strays from its curve: the line, the limit of "
            "infinite width, does not predict one network here. The band does."
        )
    if np.isfinite(high) and not low - SMALLEST_SCATTER <= 0 <= high + SMALLEST_SCATTER:
        flags.append(
            "At these widths nearly all networks lie on one side of the line at layer 1, and averaging "
            "logarithms over seeds does not converge to it: trust the band."
        )
    return tuple(flags)


def _few_directions(ensemble: Ensemble, gram: Array) -> tuple[str, ...]:
    """Whether batch normalization over inputs of few directions makes bands narrower than networks scatter."""
    if ensemble.normalization != "batch" or all(phi.kind == "one-sided" for phi in ensemble.activations):
        return ()
    directions = int(np.linalg.matrix_rank(gram, hermitian=True))
    if directions >= ENOUGH_DIRECTIONS:
        return ()
    return (
        f"The inputs span {directions} direction{'s' * (directions != 1)}, and batch normalization divides each by a variance "
        "of its own: networks scatter more than the band, which holds fewer than 95 % of them.",
    )


def _flags(ensemble: Ensemble, q: Array) -> tuple[str, ...]:
    flags = []
    flat = [function.name for function in ensemble.activations if function.kind == "threshold"]
    if flat:
        flags.append(f"The slope of {flat[0]} is 0 wherever it exists: no gradient passes, at any width.")
    if (ensemble.weight_variances == 0).any():
        flags.append("Some weights have no spread: all units of a layer are the same, and theory needs random ones.")
    if (q >= LARGEST_Q).any():
        flags.append(f"q overflows at layer {1 + int(np.argmax(q >= LARGEST_Q))}: the curves mean nothing beyond it.")
    return tuple(flags)
