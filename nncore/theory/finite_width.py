"""How far one network of finite width strays from the infinite-width curve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from nncore.model.activations import Activation
from nncore.model.normalization import EPSILON
from nncore.theory.moments import Array, gaussian_moments
from nncore.theory.random_networks import Ensemble

NUMBERS_AT_ONCE = 1 << 20  # units simulated, over all networks and layers
FEWEST, MOST = 200, 1000  # networks simulated


@dataclass(frozen=True)
class NormSamples:
    """Squared norms of simulated networks, natural logarithms, (n_draws, n_layers)."""

    log_q: Array
    """ln of mean_i z_i^2"""
    log_delta2: Array
    """ln |delta_l|^2 / |delta_L|^2"""
    log_weight_grad2: Array
    """ln |dE/dW_l|_F^2 / |delta_L|^2 of a single input"""


def layer_beta(activation: str | Activation, q: ArrayLike, width: ArrayLike, orthogonal: bool = False) -> Array:
    """Variance that one layer adds to ln |delta|^2: (3 mu4 / mu2^2 - 1) / width, mu_k = E[phi'(sqrt(q) z)^k].

    5 / width for relu, 2 / width for linear. Orthogonal square weights keep lengths and take 2 / width off.
    The mean of ln |delta|^2 is lower than ln of the mean by half the sum over layers. Exact to leading order
    for linear and relu; for others it leaves out that the forward pass fluctuates too, which `sample_norms`
    does not. nan where the slope is zero everywhere. Source: Hanin 2018; Hanin & Nica 2018.

    >>> float(layer_beta("relu", 1.0, 500))
    0.01
    """
    moments = gaussian_moments(activation, q)
    with np.errstate(invalid="ignore", divide="ignore"):
        kurtosis = moments.slope4 / moments.slope2**2
    return (3 * kurtosis - (3 if orthogonal else 1)) / np.asarray(width)


def accumulated_beta(ensemble: Ensemble, q: Array, coherence: Array | None = None) -> Array:
    """Variance of ln |delta_l|^2 / |delta_L|^2 for each layer l, (n_layers,), to leading order in 1/width.

    `q` (n_layers,) is what phi sees. Plain layers: the sum of `layer_beta` from l to L-1. With a skip
    connection only the share chi / (1 + chi) of the gradient is multiplied by a random matrix: a step adds
    (4 chi + chi^2 (3 mu4/mu2^2 - 1)) / ((1 + chi)^2 width), and the slopes of the layer itself
    3 (mu4/mu2^2 - 1) / width. Orthogonal weights with fan_in < fan_out project what comes back, which adds
    2 (1 / fan_in - 1 / fan_out). `coherence` (n_layers,), tr(D^2) / tr(D)^2 of each layer's deltas over a
    batch, scales the step below it: the mean over n unrelated samples fluctuates n times less. Skip,
    projection and coherence are this package's own leading-order estimates. Source: Hanin & Nica 2018.
    """
    beta = np.zeros(ensemble.n_layers)
    shared = np.ones(ensemble.n_layers) if coherence is None else coherence
    carried = 0.0
    for layer in range(ensemble.n_layers - 1, 0, -1):
        function, width, above = (ensemble.activations[layer - 1], ensemble.widths[layer], ensemble.widths[layer + 1])
        own = shared[layer] * float(layer_beta(function, q[layer - 1], width, orthogonal=True))
        matrix = shared[layer] * (2 * max(1 / width - 1 / above, 0.0) if ensemble.orthogonal else 2 / width)
        if ensemble.skips(layer + 1):
            slope2 = float(gaussian_moments(ensemble.activations[layer], q[layer]).slope2)
            chi = width * ensemble.weight_variances[layer] * slope2
            over = shared[layer] * float(layer_beta(ensemble.activations[layer], q[layer], width, orthogonal=True))
            carried += (4 * chi * shared[layer] / width + chi**2 * (over + matrix)) / (1 + chi) ** 2
        else:
            carried = beta[layer] + matrix
        beta[layer - 1] = carried + own
    return beta


def sample_norms(ensemble: Ensemble, energy: float, n_draws: int | None = None, seed: int = 0) -> NormSamples:
    """Squared norms in simulated networks of real widths, for one input with |x|^2 / N_0 = energy.

    No matrix is drawn, and for Gaussian weights nothing is approximated: h = a W has independent Gaussian
    entries, and given h, the gradient g = delta W^T has the component (h . delta) / |a| along a and is
    Gaussian across it. It shows what `layer_beta` leaves out: forward fluctuations, their coupling to the
    backward pass, heavy tails, and activations whose forward direction is marginal. Uniform weights differ by
    O(1/width), orthogonal ones have fixed lengths in place of Gaussian ones. 200 to 1000 networks unless
    `n_draws` is given. Batch normalization couples samples and is not simulated: its layers are taken as
    plain. Source: the process behind the limit theorem of Hanin & Nica 2018, run as it is.
    """
    if n_draws is None:
        n_draws = int(np.clip(NUMBERS_AT_ONCE // max(sum(ensemble.widths[1:-1]), 1), FEWEST, MOST))
    rng = np.random.default_rng(seed)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        passes, log_q = _forward(ensemble, energy, n_draws, rng)
        log_delta2 = _backward(ensemble, passes, rng)
        log_a2 = np.log([_dot(each.a, each.a) for each in passes]).T
    return NormSamples(log_q, log_delta2, log_delta2 + log_a2)


@dataclass
class _Pass:
    """One layer of the simulated networks: its input a (n_draws, fan_in), and h, slope, z of its units."""

    a: Array
    h: Array
    slope: Array
    z_hat: Array
    inverse_std: Array


def _forward(ensemble: Ensemble, energy: float, n_draws: int, rng: np.random.Generator) -> tuple[list[_Pass], Array]:
    widths, log_q, passes = ensemble.widths, np.empty((n_draws, ensemble.n_layers)), []
    a = _directions(rng, n_draws, widths[0]) * np.sqrt(energy * widths[0])
    for layer in range(1, ensemble.n_layers + 1):
        h = _image(ensemble, layer, a, rng)
        z = h + np.sqrt(ensemble.bias_variances[layer - 1]) * rng.standard_normal(h.shape)
        log_q[:, layer - 1] = np.log((z * z).mean(axis=1))
        hidden, inverse_std = layer < ensemble.n_layers, np.ones((n_draws, 1))
        if hidden and ensemble.normalization == "layer":
            inverse_std = 1 / np.sqrt(z.var(axis=1, keepdims=True) + EPSILON)
            z = (z - z.mean(axis=1, keepdims=True)) * inverse_std
        function = ensemble.activations[layer - 1] if hidden else None
        slope = np.asarray(function.slope(z), float) if function else np.ones((n_draws, 1))
        passes.append(_Pass(a, h, slope, z, inverse_std))
        if function:
            a = function(z) + a if ensemble.skips(layer) else function(z)
    return passes, log_q


def _backward(ensemble: Ensemble, passes: list[_Pass], rng: np.random.Generator) -> Array:
    """ln |delta_l|^2 / |delta_L|^2 (n_draws, n_layers); vectors are in units of their layer's |dE/da|."""
    n_draws, n_layers = len(passes[0].a), ensemble.n_layers
    log_delta2 = np.zeros((n_draws, n_layers))
    log_g2 = np.zeros(n_draws)
    delta, g_unit = _directions(rng, n_draws, ensemble.widths[-1]), np.zeros((n_draws, 1))
    for layer in range(n_layers - 1, 0, -1):
        g = _image_back(ensemble, layer + 1, passes[layer], delta, rng)
        if ensemble.skips(layer + 1):
            g += g_unit
        g2 = _dot(g, g)
        log_g2 += np.log(g2)
        g_unit = g / np.sqrt(_or_one(g2))[:, None]
        own = passes[layer - 1]
        delta = own.slope * g_unit
        if ensemble.normalization == "layer":
            mean_gz = (delta * own.z_hat).mean(axis=1, keepdims=True)
            delta = (delta - delta.mean(axis=1, keepdims=True) - own.z_hat * mean_gz) * own.inverse_std
        log_delta2[:, layer - 1] = log_g2 + np.log(_dot(delta, delta))
    return log_delta2


def _image(ensemble: Ensemble, layer: int, a: Array, rng: np.random.Generator) -> Array:
    """h = a W for the layer's random matrix, (n_draws, fan_out).

    A semi-orthogonal matrix keeps lengths, times its gain, into the larger side; into the smaller it
    projects, and a random direction keeps a Beta-distributed share.
    """
    variance, (fan_in, fan_out) = ensemble.weight_variances[layer - 1], ensemble.widths[layer - 1 : layer + 1]
    if not ensemble.orthogonal:
        return rng.standard_normal((len(a), fan_out)) * np.sqrt(variance * _dot(a, a))[:, None]
    kept = rng.beta(fan_out / 2, (fan_in - fan_out) / 2, len(a)) if fan_out < fan_in else 1.0
    length2 = variance * max(fan_in, fan_out) * kept * _dot(a, a)
    return _directions(rng, len(a), fan_out) * np.sqrt(length2)[:, None]


def _image_back(ensemble: Ensemble, layer: int, own: _Pass, delta: Array, rng: np.random.Generator) -> Array:
    """delta W^T given h = a W: its component along a is (h . delta) / |a|^2 a, the rest is random across a.

    Gaussian weights put a Gaussian there. Orthogonal ones keep the length of delta, or project what of delta
    is not along h onto the fan_in - 1 directions across a.
    """
    variance, (fan_in, fan_out) = ensemble.weight_variances[layer - 1], ensemble.widths[layer - 1 : layer + 1]
    a2, overlap = _or_one(_dot(own.a, own.a)), _dot(own.h, delta)
    across = rng.standard_normal(own.a.shape)
    across -= own.a * (_dot(across, own.a) / a2)[:, None]
    if not ensemble.orthogonal:
        across *= np.sqrt(variance * _dot(delta, delta))[:, None]
        return own.a * (overlap / a2)[:, None] + across
    gain2 = variance * max(fan_in, fan_out)
    if fan_in >= fan_out:
        length2 = gain2 * _dot(delta, delta) - overlap**2 / a2
    else:
        kept = rng.beta((fan_in - 1) / 2, (fan_out - fan_in) / 2, len(delta)) if fan_in > 1 else 0.0
        length2 = gain2 * kept * (_dot(delta, delta) - overlap**2 / _or_one(_dot(own.h, own.h)))
    across *= np.sqrt(np.maximum(length2, 0.0) / _or_one(_dot(across, across)))[:, None]
    return own.a * (overlap / a2)[:, None] + across


def _or_one(length2: Array) -> Array:
    return np.where(length2 > 0, length2, 1.0)


def _directions(rng: np.random.Generator, n_draws: int, width: int) -> Array:
    vectors = rng.standard_normal((n_draws, width))
    return vectors / np.sqrt(_dot(vectors, vectors))[:, None]


def _dot(left: Array, right: Array) -> Array:
    return np.einsum("ni,ni->n", left, right)
