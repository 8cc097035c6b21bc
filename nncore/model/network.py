"""Forward and back propagation, written out: theta and x in, gradient and every layer's delta out."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from nncore.model.activations import ACTIVATIONS, Activation
from nncore.model.layout import Array, Layout
from nncore.model.normalization import NORMALIZATIONS, Statistics
from nncore.numerics.choices import choose
from nncore.numerics.dot import product_of_one_row
from nncore.numerics.one_piece import one_piece


class Tape:
    """What a forward pass leaves behind: every layer's pre-activation and activation.

    `z[l - 1]` and `a[l]` belong to layer l, shape (..., n_samples, width); `a[0]` is x and `a[-1]` is the
    linear output layer's z. `z_hat[l - 1]` is what the activation function saw: z itself, or z normalized.
    `deltas[l - 1]` is dE/dz once `backward` has run. `statistics` holds the normalization's (mean, inverse
    standard deviation) per hidden layer.

    In memory the samples run along the last axis, (..., 1 + width, n_samples), with a row of ones on top of
    the activations: the bias is then inside the matrix product, forward and backward, and everything
    elementwise runs over contiguous memory. The public arrays are transposed views of these columns. Hidden
    layers that follow each other and are equally wide lie in one array, a stack (n_layers, ..., width, n_samples),
    and the output layer in one of its own: `z_stacks`, `a_stacks` and, once `backward` has run, `delta_stacks`
    are all layers with few calls. A tape that is handed to `forward` again is overwritten.
    """

    def __init__(
        self, network: MLP, lead: tuple[int, ...], x_lead: tuple[int, ...], n_samples: int, dtype: np.dtype
    ) -> None:
        widths = network.layout.widths
        hidden = [(len(list(layers)), width) for width, layers in groupby(widths[1:-1])]

        def stacks(plus: int, layers: list[tuple[int, int]]) -> list[Array]:
            return one_piece([(number, *lead, plus + width, n_samples) for number, width in layers], dtype)

        ones_and_a = stacks(1, hidden)
        self.z_stacks = stacks(0, [*hidden, (1, widths[-1])])
        self.a_stacks = [*(stack[..., 1:, :] for stack in ones_and_a), self.z_stacks[-1]]
        self.delta_stacks: list[Array] = []

        self.ones_and_a = [np.empty((*x_lead, 1 + widths[0], n_samples), dtype), *_layers(ones_and_a)]
        for each in self.ones_and_a:
            each[..., 0, :] = 1.0
        self.a_columns = [each[..., 1:, :] for each in self.ones_and_a]
        self.z_columns = _layers(self.z_stacks)
        self.z_hat_columns = list(self.z_columns)
        if network.normalization is not None:
            self.z_hat_columns[:-1] = _layers(stacks(0, hidden))
        self.delta_columns: list[Array] = []
        self.slope_columns: list[Array] = []
        self.statistics: Statistics = []
        self.product = _product(lead, n_samples, np.dtype(dtype))

        self.z = [_rows(z) for z in self.z_columns]
        self.z_hat = [_rows(z) for z in self.z_hat_columns]
        self.a = [*(_rows(a) for a in self.a_columns), self.z[-1]]
        self.deltas: list[Array] = []

    def take(self, x: Array) -> None:
        """Write the rows that the next forward pass starts from."""
        self.a_columns[0][...] = _rows(x)

    def prepare_backward(self) -> None:
        """Make the buffers of the backward pass, once: a delta per layer, and a slope per width."""
        self.delta_stacks = one_piece([stack.shape for stack in self.z_stacks], self.z_stacks[0].dtype)
        self.delta_columns = _layers(self.delta_stacks)
        self.deltas = [_rows(delta) for delta in self.delta_columns]
        by_width = {z.shape[-2]: np.empty_like(z) for z in self.z_columns[:-1]}
        self.slope_columns = [by_width[z.shape[-2]] for z in self.z_columns[:-1]]


class Views:
    """The layers of a flat vector as forward and backward want them; made once where the vector stays.

    `blocks[l - 1]` is layer l's (..., 1 + fan_in, fan_out), bias on top; `transposed` the same seen as
    (..., fan_out, 1 + fan_in); `weights` without the bias.
    """

    def __init__(self, layout: Layout, vector: Array) -> None:
        self.blocks = layout.blocks(vector)
        self.transposed = [_rows(block) for block in self.blocks]
        self.weights = [block[..., 1:, :] for block in self.blocks]


class MLP:
    """A multilayer perceptron: hidden layers with an activation, and a linear output layer.

    Parameters: `layout`; `activation`, a name, an `Activation`, or one of them per hidden layer;
    `normalization` None, "batch" or "layer", applied to the hidden z without parameters; `skip` adds the
    layer's input to its output, a_l = a_{l-1} + phi(z_l), wherever the two widths agree (hidden layers
    only).

    theta may have leading axes, (n_runs, n_params) or (n_records, n_params), and so may x: one network, an
    ensemble or a recorded history go through the same lines.

    >>> network = MLP(Layout((1, 2, 1)), activation="sigmoid")
    >>> theta = np.array([0.1, -0.2, 0.5, -0.4, 0.3, 0.7, -0.6])
    >>> tape = network.forward(theta, np.array([[1.0]]))
    >>> tape.z[0].round(6), tape.a[2].round(10)
    (array([[ 0.6, -0.6]]), array([[0.5393532]]))
    """

    def __init__(
        self,
        layout: Layout,
        activation: str | Activation | Sequence[str | Activation],
        normalization: str | None = None,
        skip: bool = False,
    ) -> None:
        if not isinstance(layout, Layout):
            raise ValueError(f"layout must be a Layout, such as Layout((3, 8, 1)); got {reprlib.repr(layout)}")
        self.layout = layout
        self.activations = _one_per_layer(activation, layout.n_layers - 1)
        self.phis = [phi.write for phi in self.activations]
        self.slopes = [phi.write_slope for phi in self.activations]
        self.normalization = choose("normalization", normalization or "none", NORMALIZATIONS)
        self.skip = skip
        same_width = [fan_in == fan_out for fan_in, fan_out in layout.fans[:-1]]
        self.skips = [skip and same for same in same_width]
        """Per hidden layer: does its input bypass it?"""

    def __repr__(self) -> str:
        """Its widths, its activations and what is added to it."""
        names = [phi.name for phi in self.activations]
        activation = ", ".join(names if len(set(names)) > 1 else names[:1]) or "no hidden layer"
        more = ", normalized" * (self.normalization is not None) + ", skip" * self.skip
        return f"<MLP {self.layout.widths}: {activation}{more}, {self.layout.n_params:,} parameters>"

    def checked(self, theta: Array, x: Array) -> tuple[Array, Array]:
        """theta and x as float arrays; raises ValueError when a shape does not fit the layout."""
        theta, x = _floating("theta", theta), _floating("x", x)
        if theta.shape[-1:] != (self.layout.n_params,):
            raise ValueError(f"theta must have shape (..., {self.layout.n_params}); got {theta.shape}")
        if x.ndim < 2 or x.shape[-1] != self.layout.widths[0]:
            raise ValueError(f"x must have shape (..., n_samples, {self.layout.widths[0]}); got {x.shape}")
        return theta, x

    def tape(self, theta: Array, x: Array) -> Tape:
        """A tape with room for these shapes, to be handed to `forward` again and again."""
        lead = np.broadcast_shapes(theta.shape[:-1], x.shape[:-2])
        return Tape(self, lead, x.shape[:-2], x.shape[-2], theta.dtype)

    def begun(self, theta: Array, x: Array) -> tuple[list[Array], Tape]:
        """theta's layers, transposed, and a tape with the rows on it, from which `layer_pass` goes on one layer at a time."""
        theta, x = self.checked(theta, x)
        tape = self.tape(theta, x)
        tape.take(x)
        tape.statistics = []
        return Views(self.layout, theta).transposed, tape

    def forward(self, theta: Array, x: Array, tape: Tape | None = None, statistics: Statistics | None = None) -> Tape:
        """All layers' z and a: z_l = a_{l-1} W_l + b_l and a_l = phi(z_l).

        theta (..., n_params), x (..., n_samples, n_features). With `statistics`, another tape's, batch
        normalization uses those instead of the rows at hand: that is how test rows go through it.
        """
        theta, x = self.checked(theta, x)
        if tape is None:
            tape = self.tape(theta, x)
        tape.take(x)
        self.forward_pass(Views(self.layout, theta).transposed, tape, statistics)
        return tape

    def backward(self, theta: Array, tape: Tape, delta: Array, grad: Array | None = None) -> tuple[Array, list[Array]]:
        """The chain rule from the output's delta down: (dE/dtheta, [dE/dz of layer 1 ... L]).

        `delta` is `loss.delta(tape.z[-1], y)`, (..., n_samples, n_out); `grad`, if given, is written into.
        """
        theta = np.asarray(theta)
        if not tape.deltas:
            tape.prepare_backward()
        written = np.empty((*tape.z[-1].shape[:-2], self.layout.n_params), theta.dtype)
        if tape.deltas[-1] is not delta:
            tape.deltas[-1][...] = delta
        self.backward_pass(Views(self.layout, theta).weights, tape, self.layout.blocks(written))
        if grad is None:
            grad = written
        else:
            grad[...] = written
        return grad, list(tape.deltas)

    def forward_pass(self, transposed: Sequence[Array], tape: Tape, statistics: Statistics | None = None) -> None:
        """z_l = a_{l-1} W_l + b_l and a_l = phi(z_l), from the rows on the tape; nothing is checked.

        `transposed` is theta's, of `Views`.
        """
        if self.normalization is not None:
            tape.statistics = []
        for index in range(self.layout.n_layers):
            self.layer_pass(index, transposed, tape, statistics)

    def layer_pass(
        self, index: int, transposed: Sequence[Array], tape: Tape, statistics: Statistics | None = None
    ) -> None:
        """One layer of `forward_pass`, 0 the first: its z, and its a where it is hidden, from the a before it on the tape."""
        tape.product(transposed[index], tape.ones_and_a[index], out=tape.z_columns[index])
        if index == len(self.phis):
            return
        z_hat, a = tape.z_hat_columns[index], tape.a_columns[index + 1]
        if self.normalization is not None:
            self._normalize(index, tape, statistics)
        self.phis[index](z_hat, a)
        if self.skips[index]:
            a += tape.a_columns[index]

    def backward_pass(self, weights: Sequence[Array], tape: Tape, blocks: Sequence[Array]) -> None:
        """From the output's delta on the tape down to layer 1; nothing is checked. `weights` are theta's, of `Views`.

        dE/dW_l = a_{l-1}^T delta_l and dE/db_l = sum of delta_l, written as one product into the gradient's `blocks`;
        delta_{l-1} = (delta_l W_l^T [+ dE/da_l where layer l is skipped]) * phi'(z_{l-1}), then through the
        normalization.
        """
        through_skip: Array | None = None
        for index in range(self.layout.n_layers - 1, 0, -1):
            delta, d_a = tape.delta_columns[index], tape.delta_columns[index - 1]
            tape.product(tape.ones_and_a[index], tape.deltas[index], out=blocks[index])
            tape.product(weights[index], delta, out=d_a)
            if through_skip is not None:
                d_a += through_skip
            skipped = self.skips[index - 1]
            through_skip = d_a.copy() if skipped else None
            z_hat, slope = tape.z_hat_columns[index - 1], tape.slope_columns[index - 1]
            self.slopes[index - 1](z_hat, None if skipped else tape.a_columns[index], slope)
            d_a *= slope
            if self.normalization is not None:
                inverse_std = tape.statistics[index - 1][1]
                d_a[...] = self.normalization.backward(d_a, z_hat, inverse_std)
        tape.product(tape.ones_and_a[0], tape.deltas[0], out=blocks[0])

    def _normalize(self, index: int, tape: Tape, statistics: Statistics | None) -> None:
        """z_hat = (z - mean) / sqrt(var + epsilon), with the rows' own statistics or with those given."""
        assert self.normalization is not None
        z, z_hat = tape.z_columns[index], tape.z_hat_columns[index]
        if statistics is None or not self.normalization.over_samples:
            mean, inverse_std = self.normalization.statistics(z)
        else:
            mean, inverse_std = statistics[index]
        tape.statistics.append((mean, inverse_std))
        np.subtract(z, mean, out=z_hat)
        z_hat *= inverse_std


def _product(lead: tuple[int, ...], n_samples: int, dtype: np.dtype) -> Callable[..., Any]:
    """a @ b into `out`. One network's dot calls the same routine of BLAS as np.matmul, and is called in a third of the time."""
    if n_samples == 1:
        return product_of_one_row
    return np.matmul if lead or dtype.char not in "fd" else np.ndarray.dot


def _layers(stacks: Sequence[Array]) -> list[Array]:
    """The arrays of each layer, from the first stack's first to the last one's last."""
    return [layer for stack in stacks for layer in stack]


def _rows(columns: Array) -> Array:
    """The transposed view: (..., units, samples) seen as (..., samples, units), and back."""
    return columns.swapaxes(-1, -2)


def _floating(name: str, array: Array) -> Array:
    """As an array of floats: whole numbers become float64. Raises ValueError on anything but real numbers."""
    array = np.asarray(array)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} must be real numbers; got {array.dtype}")
    return array if array.dtype.kind == "f" else array.astype(np.float64)


def _one_per_layer(activation: str | Activation | Sequence[str | Activation], n_hidden: int) -> tuple[Activation, ...]:
    """The activation objects of the hidden layers; raises ValueError on an unknown name, a wrong count, or neither."""
    if isinstance(activation, (str, Activation)):
        activation = [activation] * n_hidden
    if not isinstance(activation, Sequence):
        raise ValueError(
            f"activation must be a name, an Activation, or one of them for each hidden layer; got {activation!r}"
        )
    if len(activation) != n_hidden:
        raise ValueError(
            f"activation must be one, or one for each of the {n_hidden} hidden layers; got {len(activation)}"
        )
    return tuple(phi if isinstance(phi, Activation) else choose("activation", phi, ACTIVATIONS) for phi in activation)
