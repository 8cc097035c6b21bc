"""What theory averages over: widths, activations and the variances that parameters are drawn with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from nncore.model.activations import Activation
from nncore.model.layout import Layout
from nncore.model.normalization import NORMALIZATIONS
from nncore.numerics.choices import choose
from nncore.theory.moments import Array, as_activation, non_negative


@dataclass(frozen=True)
class Ensemble:
    """All networks of one shape whose parameters are drawn independently with given variances.

    Layer l = 1 ... L computes z_l = a_{l-1} W_l + b_l; hidden layers a_l = phi_l(z_l), the output is linear.
    `weight_variances` and `bias_variances` are Var W_ij and Var b_i per layer (L,); `orthogonal` says that
    weights are (semi-)orthogonal matrices of that variance instead of independent entries. `normalization`
    and `skip` are those of `nncore.MLP`.
    """

    widths: tuple[int, ...]
    activations: tuple[Activation, ...]
    weight_variances: Array
    bias_variances: Array
    orthogonal: bool = False
    normalization: str = "none"
    skip: bool = False

    @property
    def n_layers(self) -> int:
        """Layers with parameters, the output layer included."""
        return len(self.widths) - 1

    def skips(self, layer: int) -> bool:
        """Whether hidden layer 1 ... L-1 adds its input to its output."""
        return self.skip and layer < self.n_layers and self.widths[layer - 1] == self.widths[layer]

    def with_weight_variances(self, weight_variances: Array) -> Ensemble:
        """The same ensemble with other weight variances, (n_layers,)."""
        return replace(self, weight_variances=weight_variances)


def make_ensemble(
    layout: Layout | Sequence[int],
    activations: str | Activation | Sequence[str | Activation],
    weight_variances: ArrayLike,
    bias_variance: ArrayLike = 0.0,
    *,
    orthogonal: bool = False,
    normalization: str | None = None,
    skip: bool = False,
) -> Ensemble:
    """An Ensemble from names and numbers; a scalar variance and a single activation stand for every layer.

    Raises ValueError for widths that are no layout, an unknown name, a negative variance, or lists whose
    lengths do not fit the layers.
    """
    shape = layout if isinstance(layout, Layout) else Layout(tuple(layout))
    n_hidden = shape.n_layers - 1
    if isinstance(activations, (str, Activation)):
        functions = (as_activation(activations),) * n_hidden
    else:
        functions = tuple(as_activation(each) for each in activations)
    if len(functions) != n_hidden:
        raise ValueError(f"activations must be one, or one for each of {n_hidden} hidden layers; got {len(functions)}")
    return Ensemble(
        widths=shape.widths,
        activations=functions,
        weight_variances=_per_layer("weight_variances", weight_variances, shape.n_layers),
        bias_variances=_per_layer("bias_variance", bias_variance, shape.n_layers),
        orthogonal=orthogonal,
        normalization="none"
        if normalization is None
        else choose("normalization", normalization, tuple(NORMALIZATIONS)),
        skip=skip,
    )


def _per_layer(name: str, value: ArrayLike, n_layers: int) -> Array:
    array = non_negative(name, value)
    if array.shape not in ((), (n_layers,)):
        raise ValueError(f"{name} must be one number, or one for each of {n_layers} layers; got shape {array.shape}")
    return np.broadcast_to(array, (n_layers,))
