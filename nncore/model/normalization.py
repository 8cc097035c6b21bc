"""Batch and layer normalization of z without parameters, and what rows outside of training are normalized with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nncore.model.layout import Array

if TYPE_CHECKING:
    from nncore.model.network import MLP

EPSILON = 1e-5
"""Added to the variance by batch and layer normalization, as in Ioffe & Szegedy 2015 and Ba et al. 2016."""

Statistics = list[tuple[Array, Array]]
"""(mean, 1 / sqrt(var + epsilon)) of each hidden layer's z."""


@dataclass(frozen=True)
class Normalization:
    """Parameter-free normalization of z along one axis: z_hat = (z - mean) / sqrt(var + epsilon).

    `axis` counts in the tape's memory order, (..., units, samples): -1 normalizes each unit over the samples
    (batch normalization), -2 each sample over the units (layer normalization).
    """

    name: str
    axis: int

    @property
    def over_samples(self) -> bool:
        """Do the statistics belong to the rows together, so that other rows can be normalized with them?"""
        return self.axis == -1

    def statistics(self, z: Array) -> tuple[Array, Array]:
        """(mean, 1 / sqrt(var + epsilon)) along the axis, which is kept with length 1."""
        mean = z.mean(axis=self.axis, keepdims=True)
        centred = z - mean
        variance = (centred * centred).mean(axis=self.axis, keepdims=True)
        return mean, 1.0 / np.sqrt(variance + z.dtype.type(EPSILON))

    def backward(self, delta_hat: Array, z_hat: Array, inverse_std: Array) -> Array:
        """dE/dz from dE/dz_hat: the mean and the variance depend on z too.

        dE/dz = (g - mean(g) - z_hat mean(g z_hat)) / sqrt(var + epsilon) with g = dE/dz_hat.
        """
        mean_g = delta_hat.mean(axis=self.axis, keepdims=True)
        mean_gz = (delta_hat * z_hat).mean(axis=self.axis, keepdims=True)
        return (delta_hat - mean_g - z_hat * mean_gz) * inverse_std


NORMALIZATIONS: dict[str, Normalization | None] = {
    "none": None,
    "batch": Normalization("batch", axis=-1),
    "layer": Normalization("layer", axis=-2),
}


def inference_statistics(network: MLP, theta: Array, train_rows: Array) -> Statistics | None:
    """What rows outside of training are normalized with: the statistics of the training rows.

    For `MLP.forward(theta, x, statistics=...)`; theta (..., n_params), train_rows (n_train, n_features). None
    where each row is normalized by itself or not at all. Where the training rows have just been through
    `forward`, they are that tape's `statistics`. (Ioffe & Szegedy 2015 take a running mean over the batches
    instead; here every theta is recorded, so that the whole training set's are known exactly.)
    """
    if network.normalization is None or not network.normalization.over_samples:
        return None
    return network.forward(theta, train_rows).statistics
