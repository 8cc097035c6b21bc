"""One number per layer and record: every quantity with its formula in code, label and symbol."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nncore.history.history import Replay
from nncore.model.activations import Activation
from nncore.model.layout import Array
from nncore.numerics.safe_norm import norm

SATURATED_BELOW = 0.01
"""A unit counts as saturated where |phi'(z)| is below this share of the largest |phi'|."""


class LayerView:
    """What the quantities below look at: layer `number` (1 ... L) of a replayed block, leading axis records.

    `first_theta` (n_params,), or (n_block, n_params) where each of the block has its own.

    z, a, slope and delta are flat over units and samples, (n_block, width * n_samples), units first.
    """

    def __init__(self, block: Replay, number: int, first_theta: Array) -> None:
        self.block, self.number, self.first_theta = block, number, first_theta
        self.index = number - 1
        self.n_samples = block.tape.z[0].shape[-2]
        self.width = block.network.layout.widths[number]
        self.is_output = number == block.network.layout.n_layers

    @property
    def activation(self) -> Activation | None:
        """The layer's non-linearity; None for the linear output layer."""
        return None if self.is_output else self.block.network.activations[self.index]

    @cached_property
    def z_columns(self) -> Array:
        """(n_block, width, n_samples), before normalization."""
        return self.block.tape.z_columns[self.index]

    @cached_property
    def a(self) -> Array:
        """What the layer puts out."""
        tape = self.block.tape
        return flat(tape.z_columns[-1] if self.is_output else tape.a_columns[self.number])

    @cached_property
    def delta(self) -> Array:
        """dE/dz of the mean loss over the probe rows."""
        return flat(self.block.tape.delta_columns[self.index])

    @cached_property
    def steepness(self) -> Array:
        """|phi'(z)| over its largest value, (n_block, width, n_samples)."""
        assert self.activation is not None
        with np.errstate(all="ignore"):
            slope = self.activation.slope(self.block.tape.z_hat_columns[self.index])
        return np.abs(slope) / (self.activation.max_slope or 1.0)

    @cached_property
    def is_defined(self) -> np.ndarray:
        """Per record: is no slope NaN, so that shares of units mean something? (n_block,)."""
        return np.logical_not(np.isnan(flat(self.steepness)).any(axis=-1))

    @cached_property
    def weight(self) -> Array:
        """(n_block, fan_in * fan_out)."""
        return flat(self.block.network.layout.split(self.block.theta)[self.index][0])

    @cached_property
    def first_weight(self) -> Array:
        """The weights of the first record."""
        return flat(self.block.network.layout.split(np.atleast_2d(self.first_theta))[self.index][0])

    @cached_property
    def gradients(self) -> tuple[Array, Array]:
        """(weight, bias) gradients on the probe rows, flat."""
        weight, bias = self.block.network.layout.split(self.block.grad)[self.index]
        return flat(weight), bias


@dataclass(frozen=True)
class Quantity:
    """One number per layer and record: its formula in code, and what a page needs to name and draw it."""

    name: str
    label: str
    symbol: str
    log: bool
    about: str
    of: Callable[[LayerView], Array]


LAYER_QUANTITIES: dict[str, Quantity] = {}


def _quantity(label: str, symbol: str, log: bool = True) -> Callable[[Callable[[LayerView], Array]], Quantity]:
    """Enter a function into LAYER_QUANTITIES under its own name; its docstring becomes `about`."""

    def enter(function: Callable[[LayerView], Array]) -> Quantity:
        name = function.__name__
        about = " ".join((function.__doc__ or "").split())
        LAYER_QUANTITIES[name] = Quantity(name, label, symbol, log, about, function)
        return LAYER_QUANTITIES[name]

    return enter


@_quantity("δ norm", "‖δ‖")
def delta_norm(layer: LayerView) -> Array:
    """√(mean over probe rows of ‖∂E_s/∂z‖²), each row with its own loss E_s."""
    return np.sqrt(layer.n_samples) * norm(layer.delta)


@_quantity("δ RMS", "rms δ")
def delta_rms(layer: LayerView) -> Array:
    """δ norm divided by √width: the typical size of one unit's δ."""
    return delta_norm.of(layer) / np.sqrt(layer.width)


@_quantity("weight-gradient norm", "‖∂E/∂W‖")
def weight_gradient_norm(layer: LayerView) -> Array:
    """Euclidean norm of ∂E/∂W over the probe rows, penalty excluded."""
    return norm(layer.gradients[0])


@_quantity("weight-gradient RMS", "rms ∂E/∂W")
def weight_gradient_rms(layer: LayerView) -> Array:
    """Weight-gradient norm divided by the square root of the number of weights."""
    return weight_gradient_norm.of(layer) / np.sqrt(layer.gradients[0].shape[-1])


@_quantity("bias-gradient norm", "‖∂E/∂b‖")
def bias_gradient_norm(layer: LayerView) -> Array:
    """Euclidean norm of ∂E/∂b over the probe rows."""
    return norm(layer.gradients[1])


@_quantity("activation mean", "mean a", log=False)
def activation_mean(layer: LayerView) -> Array:
    """Mean of a over units and probe rows."""
    return layer.a.mean(axis=-1, dtype=np.float64)


@_quantity("activation std", "std a", log=False)
def activation_std(layer: LayerView) -> Array:
    """Standard deviation of a, pooled over units and probe rows."""
    return _std(layer.a)


@_quantity("activation 2nd percentile", "p2 a", log=False)
def activation_p2(layer: LayerView) -> Array:
    """2nd percentile of a over units and probe rows."""
    return np.percentile(layer.a, 2, axis=-1)


@_quantity("activation 98th percentile", "p98 a", log=False)
def activation_p98(layer: LayerView) -> Array:
    """98th percentile of a over units and probe rows."""
    return np.percentile(layer.a, 98, axis=-1)


@_quantity("z std", "std z")
def z_std(layer: LayerView) -> Array:
    """Standard deviation of z, pooled over units and probe rows: it stays up even when the signal is gone."""
    return _std(flat(layer.z_columns))


@_quantity("signal", "std over samples of z")
def signal(layer: LayerView) -> Array:
    """Root mean square over units of each unit's standard deviation of z over the probe rows."""
    return _std(layer.z_columns)


@_quantity("signal rounding floor", "8 ε |mean z|")
def signal_floor(layer: LayerView) -> Array:
    """Below 8 ε times the size of z's mean per unit, the signal is rounding noise."""
    mean = layer.z_columns.mean(axis=-1, dtype=np.float64)
    return 8 * np.finfo(layer.z_columns.dtype).eps * np.sqrt(np.square(mean).mean(axis=-1))


@_quantity("saturated fraction", "saturated", log=False)
def saturated_fraction(layer: LayerView) -> Array:
    """Share of units × rows where |φ′(z)| is below 1 % of its largest value; for two-sided units."""
    return _flat_share(layer, "two-sided")


@_quantity("inactive fraction", "inactive", log=False)
def inactive_fraction(layer: LayerView) -> Array:
    """Share of units × rows where |φ′(z)| is below 1 % of its largest value; for relu and its kin."""
    return _flat_share(layer, "one-sided")


@_quantity("dead units", "dead", log=False)
def dead_fraction(layer: LayerView) -> Array:
    """Share of units with φ′(z) = 0 on every probe row; not defined for sign."""
    if layer.activation is None or layer.activation.kind == "threshold":
        return _undefined(layer)
    dead = (layer.steepness == 0).all(axis=-1)
    return np.where(layer.is_defined, dead.mean(axis=-1), np.nan)


@_quantity("weight norm", "‖W‖")
def weight_norm(layer: LayerView) -> Array:
    """Euclidean norm of W."""
    return norm(layer.weight)


@_quantity("distance from initialization", "‖W − W₀‖")
def distance(layer: LayerView) -> Array:
    """‖W − W₀‖: how far the layer's weights have travelled from the first record."""
    return norm(layer.weight - layer.first_weight)


def _undefined(layer: LayerView) -> Array:
    return np.full(len(layer.block.records), np.nan)


def _flat_share(layer: LayerView, kind: str) -> Array:
    """Share of units × rows where the slope is below 1 % of its largest; NaN for another kind."""
    if layer.activation is None or layer.activation.kind != kind:
        return _undefined(layer)
    is_flat = flat(layer.steepness) < SATURATED_BELOW
    return np.where(layer.is_defined, is_flat.mean(axis=-1), np.nan)


def _std(values: Array) -> Array:
    """√(mean of the variances along the last axis), one per record: exact in range as `norm` is."""
    centred = values - values.mean(axis=-1, dtype=np.float64, keepdims=True)
    return norm(centred.reshape(len(values), -1)) / np.sqrt(values[0].size)


def flat(matrices: Array) -> Array:
    """The last two axes as one."""
    return matrices.reshape(*matrices.shape[:-2], -1)
