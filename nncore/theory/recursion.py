"""The infinite-width recursion over a batch: covariances forward, gradients' Gram matrices backward."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nncore.model.normalization import EPSILON
from nncore.theory.batch_normalization import BatchNormalizedUnits
from nncore.theory.kernels import pair_kernels
from nncore.theory.moments import Array, gaussian_moments
from nncore.theory.random_networks import Ensemble

LARGEST_Q = 1e300  # a q beyond is held there


@dataclass
class LayerState:
    """One layer over the batch of n inputs, every matrix (n, n)."""

    a_before: Array
    """<a_s, a_t> / N of the layer's input"""
    z: Array
    """Covariance of a unit's z between inputs"""
    seen: Array
    """The same for what phi sees: z, or z normalized"""
    slopes: Array
    """What multiplies <dE/da_s, dE/da_t> to give <delta_s, delta_t>"""
    units: BatchNormalizedUnits | None = None
    """Takes the place of `slopes` under batch normalization"""


@dataclass(frozen=True)
class Curves:
    """Backward curves, each (n_layers,)."""

    log_delta2: Array
    """ln of mean over inputs of |delta_l|^2 / |delta_L|^2"""
    log_weight_grad2: Array
    """ln |dE/dW_l|_F^2 of the loss averaged over inputs, in units of mean |delta_L|^2"""
    coherence: Array
    """tr(D^2) / tr(D)^2 of the deltas' Gram matrix D: 1 if all inputs share a direction, 1/n if unrelated"""
    first_units: Array | None = None
    """(2, units): what each drawn unit of a batch-normalized layer 1 adds to |delta_1|^2 and to |dE/dW_1|^2, mean 1"""


def forward(
    ensemble: Ensemble, gram: Array, input_mean: Array, seed: int = 0, target_q: float | None = None
) -> tuple[Ensemble, list[LayerState]]:
    """Layer states from gram = x x^T / N_0, and the ensemble.

    With `target_q` its weight variances are replaced by those that give the z of every layer this variance over
    inputs and units, as LSUV does: tr(Q) / n - 1^T Q 1 / (n^2 N_l), the mean square less the square of the grand
    mean, which a layer of few units over similar inputs is mostly made of.
    """
    states: list[LayerState] = []
    variances = np.array(ensemble.weight_variances)
    a, mean = gram, input_mean
    for layer in range(1, ensemble.n_layers + 1):
        fan_in, bias = ensemble.widths[layer - 1], ensemble.bias_variances[layer - 1]
        if target_q is not None:
            width = ensemble.widths[layer]
            energy = fan_in * float(np.diagonal(a).mean() - a.mean() / width)
            left = max(target_q - bias * (1 - 1 / width), 0.0)
            variances[layer - 1] = left / energy if energy > 0 else 0.0
        with np.errstate(over="ignore"):
            z = np.clip(fan_in * variances[layer - 1] * a + bias, -LARGEST_Q, LARGEST_Q)
        if layer == ensemble.n_layers:
            states.append(LayerState(a, z, z, np.ones_like(z)))
            break
        function = ensemble.activations[layer - 1]
        if ensemble.normalization == "batch":
            units = BatchNormalizedUnits(function, z, np.random.default_rng((seed, layer)))
            phi_phi, phi_mean = units.phi_phi, units.phi_mean
            states.append(LayerState(a, z, units.seen, np.ones_like(z), units))
        else:
            std = np.sqrt(np.diagonal(z) + EPSILON) if ensemble.normalization == "layer" else np.ones(len(z))
            seen = z / np.outer(std, std)
            phi_phi, slopes = pair_kernels(function, seen)
            phi_mean = gaussian_moments(function, np.diagonal(seen)).phi if ensemble.skip else mean
            states.append(LayerState(a, z, seen, slopes / np.outer(std, std)))
        if ensemble.skips(layer):
            cross = np.outer(mean, phi_mean)
            a, mean = np.minimum(a + phi_phi + cross + cross.T, LARGEST_Q), mean + phi_mean
        else:
            a, mean = phi_phi, phi_mean
    return ensemble.with_weight_variances(variances), states


def backward(ensemble: Ensemble, states: list[LayerState], output_gram: Array) -> Curves:
    """Curves from the Gram matrix of the output layer's deltas; D is rescaled as it goes: none underflows."""
    n, n_layers = len(output_gram), ensemble.n_layers
    log_delta2, log_grad2, coherence = np.zeros((3, n_layers))
    level = 0.0
    d, g = output_gram, np.zeros_like(output_gram)
    with np.errstate(divide="ignore"):
        for layer in range(n_layers, 0, -1):
            state = states[layer - 1]
            if layer < n_layers:
                g = ensemble.widths[layer] * ensemble.weight_variances[layer] * d + ensemble.skips(layer + 1) * g
                d = g * state.slopes if state.units is None else state.units.backward(g)
            size = float(np.diagonal(d).mean())
            level += np.log(size) if layer < n_layers else 0.0
            if size > 0:
                d, g = d / size, g / size
            coherence[layer - 1] = float((d * d).sum()) / n**2
            total = max(float((d * state.a_before).sum()), 0.0)
            log_delta2[layer - 1] = level
            log_grad2[layer - 1] = level + np.log(total) + np.log(ensemble.widths[layer - 1]) - 2 * np.log(n)
    return Curves(log_delta2, log_grad2, coherence, _first_units(states[0]))


def _first_units(first: LayerState) -> Array | None:
    if first.units is None:
        return None
    delta = first.units.delta
    shares = np.array([(delta * delta).sum(axis=0), (delta * (first.a_before @ delta)).sum(axis=0)])
    means = shares.mean(axis=1, keepdims=True)
    return shares / means if (means > 0).all() else None
