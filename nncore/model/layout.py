"""theta is one flat vector; layers are views of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]


@dataclass(frozen=True)
class Layout:
    """Where each layer's biases and weights stand in the flat parameter vector.

    `widths` are the units per layer, input first: `(1, 2, 1)` is the lecture's 1-2-1 network. A layer's
    biases come first, then its weights row by row with shape (fan_in, fan_out), so that for 1-2-1 the flat
    vector is the lecture's theta_0 ... theta_6. Layer numbers run from 1 to `n_layers`, the output layer.

    Raises ValueError unless there are at least two widths, all of them positive whole numbers.

    >>> layout = Layout((1, 2, 1))
    >>> layout.n_params
    7
    >>> [(weight.shape, bias.shape) for weight, bias in layout.split(np.arange(7.0))]
    [((1, 2), (2,)), ((2, 1), (1,))]
    """

    widths: tuple[int, ...]

    def __post_init__(self) -> None:
        widths = tuple(self.widths)
        whole = all(isinstance(width, (int, np.integer)) and width > 0 for width in widths)
        if len(widths) < 2 or not whole:
            raise ValueError(f"widths must be two or more positive whole numbers, input first; got {widths}")
        object.__setattr__(self, "widths", tuple(int(width) for width in widths))

    @property
    def n_layers(self) -> int:
        """Layers with parameters, the output layer included."""
        return len(self.widths) - 1

    @cached_property
    def fans(self) -> tuple[tuple[int, int], ...]:
        """(fan_in, fan_out) of each layer."""
        return tuple(pairwise(self.widths))

    @cached_property
    def bounds(self) -> tuple[tuple[int, int], ...]:
        """(start, stop) of each layer's parameters in the flat vector."""
        ends = np.cumsum([0, *((fan_in + 1) * fan_out for fan_in, fan_out in self.fans)])
        return tuple((int(start), int(stop)) for start, stop in pairwise(ends))

    @property
    def n_params(self) -> int:
        """Length of the flat vector."""
        return self.bounds[-1][1]

    def blocks(self, vector: Array) -> list[Array]:
        """Views (..., 1 + fan_in, fan_out) of each layer: its bias as row 0, its weight below.

        With a leading 1 in front of the activations, `a @ block` is `a @ weight + bias`.
        """
        lead = vector.shape[:-1]
        return [
            vector[..., start:stop].reshape(*lead, 1 + fan_in, fan_out)
            for (start, stop), (fan_in, fan_out) in zip(self.bounds, self.fans, strict=True)
        ]

    def split(self, vector: Array) -> list[tuple[Array, Array]]:
        """Views (weight, bias) of each layer, of any array whose last axis is parameters.

        weight: (..., fan_in, fan_out), bias: (..., fan_out). Raises ValueError on another last axis.
        """
        vector = np.asarray(vector)
        if vector.shape[-1:] != (self.n_params,):
            raise ValueError(
                f"the last axis must hold the {self.n_params} parameters of widths {self.widths}; "
                f"got shape {vector.shape}"
            )
        return [(block[..., 1:, :], block[..., 0, :]) for block in self.blocks(vector)]

    def join(self, layers: Sequence[tuple[Array, Array]]) -> Array:
        """The flat vector of (weight, bias) pairs: the inverse of `split`.

        Raises ValueError when there is not one pair for each layer, or a pair does not have its layer's
        shape.

        >>> layout = Layout((2, 3, 1))
        >>> theta = np.arange(13.0)
        >>> bool((layout.join(layout.split(theta)) == theta).all())
        True
        """
        if len(layers) != self.n_layers:
            raise ValueError(f"expected {self.n_layers} pairs of (weight, bias); got {len(layers)}")
        parts = []
        for (weight, bias), (fan_in, fan_out) in zip(layers, self.fans, strict=True):
            weight, bias = np.asarray(weight), np.asarray(bias)
            if weight.shape[-2:] != (fan_in, fan_out) or bias.shape[-1:] != (fan_out,):
                raise ValueError(
                    f"expected weight {(fan_in, fan_out)} and bias {(fan_out,)}; "
                    f"got {weight.shape[-2:]} and {bias.shape[-1:]}"
                )
            parts += [bias, weight.reshape(*weight.shape[:-2], fan_in * fan_out)]
        return np.concatenate(parts, axis=-1)

    def index(self, layer: int, row: int | None, column: int) -> int:
        """The place in theta of W[row, column] of layer 1 ... L, or with row None of the bias of unit `column`.

        >>> Layout((1, 2, 1)).index(1, 0, 1)
        3
        """
        return self.bounds[layer - 1][0] + (0 if row is None else (row + 1) * self.fans[layer - 1][1]) + column

    def name(self, index: int) -> tuple[int, str, int | None, int]:
        """(layer, "weight" or "bias", row, column) of one theta; row is None for a bias.

        >>> Layout((1, 2, 1)).name(3)
        (1, 'weight', 0, 1)
        """
        if not 0 <= index < self.n_params:
            raise ValueError(f"theta index must be between 0 and {self.n_params - 1}; got {index}")
        layer = next(number for number, (_, stop) in enumerate(self.bounds, 1) if index < stop)
        row, column = divmod(index - self.bounds[layer - 1][0], self.fans[layer - 1][1])
        return (layer, "bias", None, column) if row == 0 else (layer, "weight", row - 1, column)
