"""How far one network of finite width strays from the infinite-width curve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from nncore.model.activations import Activation
from nncore.model.normalization import EPSILON
from nncore.theory.moments import Array, gaussian_moments
from nncore.theory.random_networks import Ensemble

NUMBERS = 1 << 20  # z that are simulated, over all networks, layers and inputs, if that is FEWEST networks or more
ROWS = 8  # inputs of a simulated network, fewer where the layers are wide
NUMBERS_AT_ONCE = 1 << 19  # the same, in memory at once
FEWEST, MOST = 200, 1000  # networks simulated


@dataclass(frozen=True)
class NormSamples:
    """Squared norms of simulated networks, natural logarithms, (n_draws, n_layers)."""

    log_q: Array
    """ln of z_i^2, mean over units and inputs"""
    log_delta2: Array
    """ln of mean |delta_l|^2 over mean |delta_L|^2, means over inputs, each with its own loss"""
    log_weight_grad2: Array
    """ln |dE/dW_l|_F^2 of the loss averaged over the inputs, over mean |delta_L|^2"""


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


def sample_norms(
    ensemble: Ensemble,
    gram: ArrayLike = 1.0,
    n_draws: int | None = None,
    seed: int = 0,
    *,
    output_gram: ArrayLike | None = None,
    target_q: float | None = None,
) -> NormSamples:
    """Squared norms in simulated networks of real widths, for a batch of inputs.

    `gram`: x x^T / N_0, (n, n), or |x|^2 / N_0 of a single input. `output_gram`: delta_L delta_L^T over the
    inputs, (n, n); all equal unless given. `target_q`: each layer's weights are rescaled until z has this
    variance over inputs and units, as LSUV does. 200 to 1000 networks unless `n_draws` is given.

    No matrix is drawn, and for Gaussian weights nothing is approximated: with A = R^T Q^T the QR decomposition
    of a layer's inputs (n, fan_in), A W = R^T F where F = Q^T W has independent Gaussian entries, and given F
    the gradient G = D W^T has the component D F^T Q^T in the span of A and is Gaussian across it. It shows
    what `layer_beta` leaves out: forward fluctuations, their coupling to the backward pass, heavy tails, and
    activations whose forward direction is marginal. Uniform weights differ by O(1/width); orthogonal ones have
    orthonormal frames in place of Gaussian ones. Batch normalization is not simulated: its layers are taken
    as plain. Source: the process behind the limit theorem of Hanin & Nica 2018, run as it is, for a batch.
    """
    inputs = np.atleast_2d(np.asarray(gram, dtype=float))
    deltas = np.ones_like(inputs) if output_gram is None else np.asarray(output_gram, dtype=float)
    size = len(inputs) * max(sum(ensemble.widths[1:-1]), 1)
    if n_draws is None:
        n_draws = int(np.clip(NUMBERS // size, FEWEST, MOST))
    rng = np.random.default_rng(seed)
    at_once = max(NUMBERS_AT_ONCE // size, 1)
    blocks = [min(at_once, n_draws - start) for start in range(0, n_draws, at_once)]
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        found = [_sample(ensemble, inputs, deltas, target_q, count, rng) for count in blocks]
    return NormSamples(*(np.concatenate(each) for each in zip(*found, strict=True)))


def simulated_rows(ensemble: Ensemble, n: int) -> np.ndarray:
    """Which of n inputs are simulated: at most 8, evenly picked, and at least 2 where there are as many.

    One is not enough: the weight gradient of a batch is a sum over inputs, whose terms may cancel.
    """
    affordable = 4 * NUMBERS // (FEWEST * max(sum(ensemble.widths[1:-1]), 1))
    return np.unique(np.linspace(0, n - 1, int(np.clip(affordable, 2, ROWS))).round().astype(int))


def _sample(
    ensemble: Ensemble, gram: Array, output_gram: Array, target_q: float | None, count: int, rng: np.random.Generator
) -> tuple[Array, Array, Array]:
    """log_q, log_delta2, log_weight_grad2 of `count` networks, each (count, n_layers)."""
    n_features, n_out = ensemble.widths[0], ensemble.widths[-1]
    inputs = np.broadcast_to(_vectors(gram * n_features, n_features), (count, len(gram), n_features))
    passes, log_q = _forward(ensemble, inputs, target_q, rng)
    fixed = _vectors(output_gram, n_out)
    if np.allclose(fixed @ fixed.T, output_gram, rtol=1e-6, atol=1e-6 * float(np.abs(output_gram).max())):
        delta = fixed @ _frames(rng, count, n_out, n_out)
    else:  # more directions than outputs: vectors whose mean Gram matrix it is
        delta = _vectors(output_gram, len(gram)) @ rng.standard_normal((count, len(gram), n_out)) / np.sqrt(n_out)
    log_delta2, log_grad2 = _backward(ensemble, passes, delta, rng)
    return log_q, log_delta2, log_grad2


@dataclass
class _Pass:
    """One layer of the simulated networks, over the inputs: what the backward pass needs of the forward one."""

    a: Array
    """(count, n, fan_in): its input"""
    directions: Array
    """(count, fan_in, k): orthonormal, spanning a"""
    images: Array
    """(count, k, fan_out): what W makes of them"""
    variance: Array
    """(count, 1, 1): Var W"""
    slope: Array
    z_hat: Array
    inverse_std: Array


def _forward(
    ensemble: Ensemble, a: Array, target_q: float | None, rng: np.random.Generator
) -> tuple[list[_Pass], Array]:
    count, log_q, passes = len(a), np.empty((len(a), ensemble.n_layers)), []
    for layer in range(1, ensemble.n_layers + 1):
        fan_in, fan_out = ensemble.widths[layer - 1 : layer + 1]
        directions, lengths = np.linalg.qr(a.swapaxes(1, 2))
        variance = np.ones((count, 1, 1)) * (
            1 / fan_in if target_q is not None else ensemble.weight_variances[layer - 1]
        )
        images = _images(ensemble, layer, directions.shape[2], variance, rng)
        h = lengths.swapaxes(1, 2) @ images
        bias = np.sqrt(ensemble.bias_variances[layer - 1]) * rng.standard_normal((count, 1, fan_out))
        if target_q is not None:
            scale = _rescaling(h, bias, target_q)
            h, images, variance = h * scale, images * scale, variance * scale**2
        z = h + bias
        log_q[:, layer - 1] = np.log((z * z).mean(axis=(1, 2)))
        hidden, inverse_std = layer < ensemble.n_layers, np.ones((count, 1, 1))
        if hidden and ensemble.normalization == "layer":
            inverse_std = 1 / np.sqrt(z.var(axis=2, keepdims=True) + EPSILON)
            z = (z - z.mean(axis=2, keepdims=True)) * inverse_std
        function = ensemble.activations[layer - 1] if hidden else None
        slope = np.asarray(function.slope(z), float) if function else np.ones((count, 1, 1))
        passes.append(_Pass(a, directions, images, variance, slope, z, inverse_std))
        if function:
            a = np.asarray(function(z), float) + (a if ensemble.skips(layer) else 0.0)
    return passes, log_q


def _backward(ensemble: Ensemble, passes: list[_Pass], delta: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """log_delta2 and log_weight_grad2 (count, n_layers); what is carried back is rescaled to mean length 1."""
    count, n, _ = delta.shape
    log_delta2, log_grad2 = np.zeros((2, count, ensemble.n_layers))
    level = np.zeros(count)
    g = np.zeros((count, n, 1))
    for layer in range(ensemble.n_layers, 0, -1):
        own = passes[layer - 1]
        if layer < ensemble.n_layers:
            back = _image_back(ensemble, layer + 1, passes[layer], delta, rng)
            g = back + g if ensemble.skips(layer + 1) else back
            delta = own.slope * g
            if ensemble.normalization == "layer":
                mean_gz = (delta * own.z_hat).mean(axis=2, keepdims=True)
                delta = (delta - delta.mean(axis=2, keepdims=True) - own.z_hat * mean_gz) * own.inverse_std
        size = (delta * delta).sum(axis=2).mean(axis=1)
        level += np.log(size)
        unit = np.sqrt(np.where(size > 0, size, 1.0))[:, None, None]
        delta, g = delta / unit, g / unit
        grad = own.a.swapaxes(1, 2) @ delta if own.a.shape[2] * delta.shape[2] <= n * n else None
        total = (
            (delta @ delta.swapaxes(1, 2) * (own.a @ own.a.swapaxes(1, 2))).sum(axis=(1, 2))
            if grad is None
            else (grad * grad).sum(axis=(1, 2))
        )
        log_delta2[:, layer - 1] = level
        log_grad2[:, layer - 1] = level + np.log(np.maximum(total, 0.0)) - 2 * np.log(n)
    start = log_delta2[:, -1:].copy()
    return log_delta2 - start, log_grad2 - start


def _images(ensemble: Ensemble, layer: int, k: int, variance: Array, rng: np.random.Generator) -> Array:
    """What the layer's random matrix makes of k orthonormal directions, (count, k, fan_out).

    A semi-orthogonal matrix maps them to a frame, times its gain, into the larger side; into the smaller it
    projects: a frame of the larger side, of which the first coordinates are seen.
    """
    fan_in, fan_out = ensemble.widths[layer - 1 : layer + 1]
    if not ensemble.orthogonal:
        return np.sqrt(variance) * rng.standard_normal((len(variance), k, fan_out))
    larger = max(fan_in, fan_out)
    return np.sqrt(variance * larger) * _frames(rng, len(variance), k, larger)[:, :, :fan_out]


def _image_back(ensemble: Ensemble, layer: int, own: _Pass, delta: Array, rng: np.random.Generator) -> Array:
    """delta W^T given what W makes of the layer's inputs: known in their span, random across it.

    Gaussian weights put Gaussian vectors there. Orthogonal ones keep what is left of delta's lengths and angles, or
    project it onto the fan_in - k directions across.
    """
    fan_in, fan_out = ensemble.widths[layer - 1 : layer + 1]
    count, n, _ = delta.shape
    k = own.directions.shape[2]
    seen = delta @ own.images.swapaxes(1, 2)
    along, free = seen @ own.directions.swapaxes(1, 2), fan_in - k
    if not free:
        return along
    if not ensemble.orthogonal:
        root = np.asarray(np.linalg.qr(delta.swapaxes(1, 2), mode="r")).swapaxes(1, 2)
        across = np.sqrt(own.variance) * (root @ rng.standard_normal((count, root.shape[2], fan_in)))
        return along + across - (across @ own.directions) @ own.directions.swapaxes(1, 2)
    gain2 = own.variance * max(fan_in, fan_out)
    if fan_in >= fan_out:
        left = gain2 * (delta @ delta.swapaxes(1, 2)) - seen @ seen.swapaxes(1, 2)
    else:
        beyond = delta @ delta.swapaxes(1, 2) - seen @ seen.swapaxes(1, 2) / gain2
        root = _roots(beyond, min(n, fan_out - k))
        root = root @ _frames(rng, count, root.shape[2], fan_out - k)[:, :, :free]
        left = gain2 * (root @ root.swapaxes(1, 2))
    root = _roots(left, min(n, free))
    noise = rng.standard_normal((count, root.shape[2], fan_in))
    noise -= (noise @ own.directions) @ own.directions.swapaxes(1, 2)
    return along + root @ np.linalg.qr(noise.swapaxes(1, 2))[0].swapaxes(1, 2)


def _rescaling(h: Array, bias: Array, target: float) -> Array:
    """s >= 0 so that Var(s h + bias) = target over inputs and units, (count, 1, 1); 1 where h does not vary."""
    centred, offset = h - h.mean(axis=(1, 2), keepdims=True), bias - bias.mean(axis=2, keepdims=True)
    square, mixed = (centred * centred).mean(axis=(1, 2)), (centred * offset).mean(axis=(1, 2))
    rest = (offset * offset).mean(axis=(1, 2)) - target
    scale = (-mixed + np.sqrt(np.maximum(mixed**2 - square * rest, 0.0))) / np.where(square > 0, square, 1.0)
    return np.where(square > 0, np.maximum(scale, 0.0), 1.0)[:, None, None]


def _vectors(gram: Array, width: int) -> Array:
    """(n, width) vectors of this Gram matrix, or of its leading part where it has more than `width` directions."""
    vectors = _roots(gram[None], min(len(gram), width))[0]
    return np.pad(vectors, ((0, 0), (0, width - vectors.shape[1])))


def _roots(grams: Array, rank: int) -> Array:
    """(count, n, rank) with root root^T = gram, of its `rank` largest eigenvalues."""
    values, vectors = np.linalg.eigh(grams)
    return vectors[..., -rank:] * np.sqrt(np.maximum(values[..., None, -rank:], 0.0))


def _frames(rng: np.random.Generator, count: int, k: int, width: int) -> Array:
    """k random orthonormal vectors of `width` numbers, (count, k, width)."""
    q, r = np.linalg.qr(rng.standard_normal((count, width, k)))
    return (q * np.sign(np.diagonal(r, axis1=1, axis2=2))[:, None]).swapaxes(1, 2)
