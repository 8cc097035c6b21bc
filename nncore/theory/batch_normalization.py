"""A batch-normalized layer at infinite width: every unit sees the batch through statistics of its own."""

from __future__ import annotations

import numpy as np

from nncore.model.activations import Activation
from nncore.model.normalization import EPSILON
from nncore.theory.moments import Array

UNITS = 2048  # drawn per layer, and four per sample at least: a width at which one unit's noise averages out


class BatchNormalizedUnits:
    """Units of one layer drawn from their law, z ~ N(0, Q) over the n samples, normalized over them, with
    slopes.

    At infinite width a unit's z over the batch is Gaussian with covariance Q, and its own mean and variance
    normalize it. Averages over 2048 drawn units stand for the layer's, within about 1 %: at a large batch of
    independent samples they are the moments of Yang et al. 2019, and they stay right for small batches and
    for inputs of few features, where a unit's variance over the batch is far from the mean variance. `delta`
    (n, units): the drawn units' own dE/dz, once `backward` has been called.
    """

    delta: Array

    def __init__(self, function: Activation, covariance: Array, rng: np.random.Generator) -> None:
        self.rng = rng
        z = _draw(covariance, rng)
        z -= z.mean(axis=0)
        self.inverse_std = 1 / np.sqrt((z * z).mean(axis=0) + EPSILON)
        self.z_hat = z * self.inverse_std
        phi = function(self.z_hat)
        self.slope = function.slope(self.z_hat)
        self.seen = self.z_hat @ self.z_hat.T / z.shape[1]
        self.phi_phi = phi @ phi.T / z.shape[1]
        self.phi_mean = phi.mean(axis=1)

    def backward(self, g: Array) -> Array:
        """<delta_s, delta_t> of dE/dz from <g_s, g_t> of dE/da, whose units are drawn from N(0, g)."""
        d = self.slope * _draw(g, self.rng)
        d -= d.mean(axis=0) + self.z_hat * (d * self.z_hat).mean(axis=0)
        d *= self.inverse_std
        self.delta = d
        return d @ d.T / d.shape[1]


def _draw(covariance: Array, rng: np.random.Generator) -> Array:
    """Gaussian vectors over the samples, (n, 2048 or 4 n), with exactly this (maybe singular) covariance."""
    values, vectors = np.linalg.eigh(covariance)
    count = max(UNITS, 4 * len(values))
    noise = rng.standard_normal((len(values), count))
    noise = np.linalg.solve(np.linalg.cholesky(noise @ noise.T / count), noise)
    return (vectors * np.sqrt(np.maximum(values, 0.0))) @ noise
