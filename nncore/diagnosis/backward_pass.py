"""The two passes through a network, one factor at a time, with a say in how numbers are stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from nncore.model.layout import Array
from nncore.model.network import MLP

Store = Callable[[Array], Array]
"""What is kept of a computed array: the array itself, or the array rounded to another float type."""


def as_it_is(array: Array) -> Array:
    """Keep every digit."""
    return array


@dataclass(frozen=True)
class BackwardStep:
    """The gradient on its way through hidden layer `layer`, each array (units, n_samples).

    delta_above: dE/dz_{l+1}. through_weights: W_{l+1} delta_above. d_a: dE/da_l, what comes around a skip
    connection added. d_z_hat: φ'(ẑ_l) ⊙ d_a. d_z: dE/dz_l, behind the normalization.
    """

    layer: int
    delta_above: Array
    through_weights: Array
    d_a: Array
    d_z_hat: Array
    d_z: Array


@dataclass(frozen=True)
class Signals:
    """What a forward pass leaves for the way back, each array (units, n_samples); `z_out` is the output's z."""

    z_hat: list[Array]
    inverse_std: list[Array]
    z_out: Array


def walk_forward(network: MLP, theta: Array, x: Array, store: Store = as_it_is) -> Signals:
    """z_l = W_lᵀ a_{l-1} + b_l and a_l = φ(ẑ_l), everything that is kept put through `store`.

    theta (n_params,), x (n_samples, n_features). The same numbers as `MLP.forward` to rounding.
    """
    z_hats, inverse_stds = [], []
    a = store(x.T)
    layers = network.layout.split(theta)
    for (weight, bias), phi, skip in zip(layers[:-1], network.activations, network.skips, strict=True):
        z_hat = store(weight.T @ a + bias[:, None])
        if network.normalization is not None:
            mean, inverse_std = network.normalization.statistics(z_hat)
            z_hat = store((z_hat - mean) * inverse_std)
            inverse_stds.append(inverse_std)
        z_hats.append(z_hat)
        activated = store(phi(z_hat))
        a = store(activated + a) if skip else activated
    weight, bias = layers[-1]
    return Signals(z_hats, inverse_stds, store(weight.T @ a + bias[:, None]))


def walk_back(
    network: MLP,
    theta: Array,
    z_hat: Sequence[Array],
    inverse_std: Sequence[Array],
    delta: Array,
    store: Store = as_it_is,
    rescale: bool = False,
) -> Iterator[BackwardStep]:
    """The chain rule from the output's delta down, hidden layer L-1 first.

    delta (n_out, n_samples). The chain is linear in delta: with `rescale`, delta is brought near 1 by a power
    of two before each layer, so that nothing underflows for the length of the way; what is still 0 then is 0
    for another reason. (Loss scaling does the same once per step: Micikevicius et al. 2018.)
    """
    weights = [weight for weight, _ in network.layout.split(theta)]
    around: Array | None = None
    for index in range(network.layout.n_layers - 1, 0, -1):
        if rescale:
            delta, around = _near_one(delta, around)
        through_weights = store(weights[index] @ delta)
        d_a = through_weights if around is None else store(through_weights + around)
        seen = z_hat[index - 1]
        d_z_hat = store(d_a * store(network.activations[index - 1].slope(seen)))
        d_z = d_z_hat
        if network.normalization is not None:
            d_z = store(network.normalization.backward(d_z_hat, seen, inverse_std[index - 1]))
        yield BackwardStep(index, delta, through_weights, d_a, d_z_hat, d_z)
        around = d_a if network.skips[index - 1] else None
        delta = d_z


def _near_one(delta: Array, around: Array | None) -> tuple[Array, Array | None]:
    """Both by the same power of two, so that the largest entry lies between 1/2 and 1."""
    largest = max(float(np.abs(each).max()) for each in (delta, around) if each is not None)
    if largest == 0 or not np.isfinite(largest):
        return delta, around
    exponent = -int(np.frexp(largest)[1])
    return np.ldexp(delta, exponent), None if around is None else np.ldexp(around, exponent)
