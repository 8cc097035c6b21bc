"""One number per layer and record: every quantity with its formula in code, label and symbol."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from nncore.history.history import History, block_length
from nncore.model.activations import Activation
from nncore.model.layout import Array
from nncore.model.network import Tape
from nncore.numerics.safe_norm import norm

SATURATED_BELOW = 0.01
"""A unit counts as saturated where |phi'(z)| is below this share of the largest |phi'|."""

Layers = list[tuple[Array, Array]]
"""(weight, bias) of each layer, with leading axis records."""


class Block:
    """Records that are measured at once: (n,) of one history, or one of each of n histories of one shape.

    What training stored of them, and their forward and backward pass on the probe rows, are fetched when a quantity
    first asks. `room`: a tape whose memory is used again.
    """

    def __init__(self, histories: Sequence[History], records: np.ndarray, room: Tape | None = None) -> None:
        self.histories, self.records, self.room = histories, records, room
        self.network = histories[0].network
        self.n_samples = len(histories[0].probe_x)

    def stored(self, name: str) -> Array:
        """An array of the histories at these records: theta, grad, update_norm; (n, ...)."""
        if len(self.histories) == 1:
            return np.asarray(getattr(self.histories[0], name)[self.records])
        pairs = zip(self.histories, self.records, strict=True)
        return np.stack([getattr(history, name)[record] for history, record in pairs])

    @cached_property
    def theta(self) -> Array:
        """(n, n_params)."""
        return self.stored("theta")

    @cached_property
    def tape(self) -> Tape:
        """The forward pass."""
        room = self.room if self.room is not None and len(self.room.z[-1]) == len(self.records) else None
        with np.errstate(all="ignore"):
            return self.network.forward(self.theta, self._of_each("probe_x"), room)

    @property
    def used_tape(self) -> Tape | None:
        """The tape of its forward pass, if a quantity has asked for that: the `room` of a next block."""
        return vars(self).get("tape")

    @cached_property
    def backward(self) -> tuple[Array, list[Array]]:
        """dE/dtheta, (n, n_params), and each layer's dE/dz, (n, width, n_samples); penalty excluded."""
        loss, y = self.histories[0].config.loss_function(), self._of_each("probe_y")
        with np.errstate(all="ignore"):
            grad, _ = self.network.backward(self.theta, self.tape, loss.delta(self.tape.z[-1], y))
        return grad, self.tape.delta_columns

    @cached_property
    def layers(self) -> Layers:
        """theta's layers."""
        return self.network.layout.split(self.theta)

    @cached_property
    def first_layers(self) -> Layers:
        """theta's layers at the first record of each history."""
        return self.network.layout.split(np.stack([history.theta[0] for history in self.histories]))

    @cached_property
    def gradients(self) -> Layers:
        """The layers of dE/dtheta on the probe rows."""
        return self.network.layout.split(self.backward[0])

    @cached_property
    def training_gradients(self) -> Layers:
        """The layers of the gradient that training took: on its own rows, penalty included, before clipping."""
        return self.network.layout.split(self.stored("grad"))

    @cached_property
    def update_norm(self) -> Array:
        """‖W(t+1) − W(t)‖ of the step that follows each record, NaN where none does, (n, n_layers)."""
        return self.stored("update_norm")

    @cached_property
    def before(self) -> Block:
        """The records before these; before the first one there is none, and it stands there itself."""
        return Block(self.histories, np.maximum(self.records - 1, 0))

    def _of_each(self, name: str) -> Any:
        """Probe rows or their targets: those of the one history, or each record its own."""
        if len(self.histories) == 1:
            return getattr(self.histories[0], name)
        return np.stack([getattr(history, name) for history in self.histories])


def blocks(history: History, records: np.ndarray, replayed: bool = True) -> Iterator[Block]:
    """The records in blocks bounded to 16 MB, with their passes where they are `replayed`.

    A block's passes are overwritten by those of the next one.
    """
    size, room = block_length(history.layout, len(history.probe_x) if replayed else 0, history.theta.dtype), None
    for start in range(0, len(records), size):
        block = Block((history,), records[start : start + size], room)
        yield block
        room = block.used_tape


class LayerView:
    """What the quantities below look at: layer `number` (1 ... L) of a block, leading axis records.

    z, a, slope and delta are flat over units and samples, (n_block, width * n_samples), units first.
    """

    def __init__(self, block: Block, number: int) -> None:
        self.block, self.number = block, number
        self.index = number - 1
        self.n_samples = block.n_samples
        self.width = block.network.layout.widths[number]
        self.is_output = number == block.network.layout.n_layers

    @property
    def before(self) -> LayerView:
        """The same layer at the records before."""
        return LayerView(self.block.before, self.number)

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
        return flat(self.block.backward[1][self.index])

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
        return flat(self.block.layers[self.index][0])

    @cached_property
    def first_weight(self) -> Array:
        """The weights of the first record, with a leading axis of 1, or of each record's own history."""
        return flat(self.block.first_layers[self.index][0])

    @cached_property
    def gradients(self) -> tuple[Array, Array]:
        """(weight, bias) gradients on the probe rows, flat."""
        weight, bias = self.block.gradients[self.index]
        return flat(weight), bias

    @cached_property
    def training_gradient(self) -> Array:
        """The weight gradient that training took, flat; NaN where nothing has been trained."""
        return flat(self.block.training_gradients[self.index][0])

    @property
    def update_norm(self) -> Array:
        """‖W(t+1) − W(t)‖ of the step that follows each record, NaN where none does, (n_block,)."""
        return self.block.update_norm[:, self.index]


@dataclass(frozen=True)
class Quantity:
    """One number per layer and record: its formula in code, and what a page needs to name and draw it.

    `formula` is a function of one LayerView, or with records = 2 of two: the record before, and this one. It looks at
    the passes over the probe rows unless `replayed` is False: then at what training stored alone, which is quick.
    `span`: the ends of its range, where they are known. `menu`: its short name in the lab's choice of heat maps, which its
    address shows; "" keeps it out. `note`: what such a heat map tells.
    """

    name: str
    label: str
    symbol: str
    log: bool
    about: str
    formula: Callable[..., Array]
    records: int = 1
    replayed: bool = True
    span: tuple[float, float] | None = None
    menu: str = ""
    note: str = ""

    def of(self, layer: LayerView) -> Array:
        """Its value at each record, (n_block,); over two records NaN at a history's first."""
        if self.records == 1:
            return self.formula(layer)
        has_one_before = layer.block.records > 0
        if not has_one_before.any():
            return _undefined(layer)
        return np.where(has_one_before, self.formula(layer.before, layer), np.nan)


LAYER_QUANTITIES: dict[str, Quantity] = {}


def measured(block: Block, names: Iterable[str]) -> dict[str, Array]:
    """The named quantities of every layer at the records of a block: name -> (n_block, n_layers)."""
    n_layers, quantities = block.network.layout.n_layers, [LAYER_QUANTITIES[name] for name in names]
    values = {quantity.name: np.full((len(block.records), n_layers), np.nan) for quantity in quantities}
    with np.errstate(all="ignore"):
        for number in range(1, n_layers + 1):
            layer = LayerView(block, number)
            for quantity in quantities:
                values[quantity.name][:, number - 1] = quantity.of(layer)
    return values


def _quantity(label: str, symbol: str, log: bool = True, **more: Any) -> Callable[[Callable[..., Array]], Quantity]:
    """Enter a function into LAYER_QUANTITIES under its own name; its docstring becomes `about`."""

    def enter(function: Callable[..., Array]) -> Quantity:
        name = function.__name__
        about = " ".join((function.__doc__ or "").split())
        LAYER_QUANTITIES[name] = Quantity(name, label, symbol, log, about, function, **more)
        return LAYER_QUANTITIES[name]

    return enter


@_quantity(
    "δ norm",
    "‖δ‖",
    menu="δ",
    note="Bright rows receive more gradient, dark rows less; the scale says how much less: below a thousandth of the last "
    "layer's it vanishes.",
)
def delta_norm(layer: LayerView) -> Array:
    """√(mean over probe rows of ‖∂E_s/∂z‖²), each row with its own loss E_s."""
    return np.sqrt(layer.n_samples) * norm(layer.delta)


@_quantity("δ RMS", "rms δ")
def delta_rms(layer: LayerView) -> Array:
    """δ norm divided by √width: the typical size of one unit's δ."""
    return delta_norm.of(layer) / np.sqrt(layer.width)


@_quantity(
    "∂E/∂W norm",
    "‖∂E/∂W‖",
    menu="∂E/∂W",
    note="Bright rows have weights that feel the loss; compare the level, not only the slope.",
)
def weight_gradient_norm(layer: LayerView) -> Array:
    """Euclidean norm of ∂E/∂W over the probe rows, penalty excluded."""
    return norm(layer.gradients[0])


@_quantity(
    "∂E/∂W norm in training",
    "‖∂E/∂W‖ of the batch",
    replayed=False,
    menu="∂E/∂W of the batches",
    note="What training itself was given, batch by batch; the other heat maps are taken on the same probe rows throughout.",
)
def training_gradient_norm(layer: LayerView) -> Array:
    """Euclidean norm of the ∂E/∂W that training took: on the step's own rows, penalty included, before clipping."""
    return norm(layer.training_gradient)


@_quantity("∂E/∂W RMS", "rms ∂E/∂W")
def weight_gradient_rms(layer: LayerView) -> Array:
    """Weight-gradient norm divided by the square root of the number of weights."""
    return weight_gradient_norm.of(layer) / np.sqrt(layer.gradients[0].shape[-1])


@_quantity("∂E/∂b norm", "‖∂E/∂b‖")
def bias_gradient_norm(layer: LayerView) -> Array:
    """Euclidean norm of ∂E/∂b over the probe rows."""
    return norm(layer.gradients[1])


@_quantity("activation mean", "mean a", log=False)
def activation_mean(layer: LayerView) -> Array:
    """Mean of a over units and probe rows."""
    return layer.a.mean(axis=-1, dtype=np.float64)


@_quantity(
    "activation std",
    "std a",
    log=False,
    menu="std a",
    note="Rows that keep one shade through depth carry the signal on; rows that go dark have lost it.",
)
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


@_quantity(
    "saturated share",
    "saturated",
    log=False,
    span=(0, 1),
    menu="saturated",
    note="Bright rows sit on the flat part of their activation, where the slope lets no gradient through.",
)
def saturated_fraction(layer: LayerView) -> Array:
    """Share of units × rows where |φ′(z)| is below 1 % of its largest value; for two-sided units."""
    return _flat_share(layer, "two-sided")


@_quantity("share on the flat side", "inactive", log=False, span=(0, 1))
def inactive_fraction(layer: LayerView) -> Array:
    """Share of units × rows where |φ′(z)| is below 1 % of its largest value; for relu and its kin."""
    return _flat_share(layer, "one-sided")


@_quantity("sure outputs", "sure", log=False, span=(0, 1))
def sure_fraction(layer: LayerView) -> Array:
    """Share of rows × outputs whose p is on the flat side of the loss's own sigmoid or softmax: p(1 − p) below 1 % of its
    largest, ¼; only the output layer under bce or cross_entropy has a p.
    """
    name = layer.block.histories[0].config.loss_name
    if not layer.is_output or name not in ("bce", "cross_entropy"):
        return _undefined(layer)
    z = layer.z_columns.astype(np.float64)
    if name == "bce":
        p = 1 / (1 + np.exp(-z))
    else:
        p = np.exp(z - z.max(axis=-2, keepdims=True))
        p /= p.sum(axis=-2, keepdims=True)
    is_flat = flat(p * (1 - p)) < SATURATED_BELOW / 4
    return np.where(np.isnan(flat(p)).any(axis=-1), np.nan, is_flat.mean(axis=-1))


@_quantity("dead units", "dead", log=False, span=(0, 1))
def dead_fraction(layer: LayerView) -> Array:
    """Share of units with φ′(z) = 0 on every probe row; not defined for sign."""
    if layer.activation is None or layer.activation.kind == "threshold":
        return _undefined(layer)
    dead = (layer.steepness == 0).all(axis=-1)
    return np.where(layer.is_defined, dead.mean(axis=-1), np.nan)


@_quantity("weight norm", "‖W‖", replayed=False)
def weight_norm(layer: LayerView) -> Array:
    """Euclidean norm of W."""
    return norm(layer.weight)


@_quantity("distance from initialization", "‖W − W₀‖", replayed=False)
def distance(layer: LayerView) -> Array:
    """‖W − W₀‖: how far the layer's weights have travelled from the first record."""
    return norm(layer.weight - layer.first_weight)


@_quantity(
    "update ratio",
    "‖ΔW‖ / ‖W‖",
    replayed=False,
    menu="update",
    note="Rows near −3 learn at a healthy pace; rows far below stand still.",
)
def update_ratio(layer: LayerView) -> Array:
    """‖W(t+1) − W(t)‖ / ‖W(t)‖ of the step that follows; not defined where ‖W‖ = 0 or no step follows."""
    weight = norm(layer.weight)
    return np.where(weight > 0, layer.update_norm / weight, np.nan)


@_quantity(
    "cosine of successive gradients",
    "cos(g₋₁, g)",
    log=False,
    records=2,
    replayed=False,
    span=(-1, 1),
    menu="cosine",
    note="Rows near 1 go straight on and would bear larger steps; rows below 0 turn back at every step: they overshoot.",
)
def gradient_cosine(before: LayerView, layer: LayerView) -> Array:
    """g₋₁ · g / (‖g₋₁‖ ‖g‖) of ∂E/∂W as training took it at the record before and at this one, each on its own
    rows; not defined at the first record or where a norm is 0. Where it is positive, a larger step would have
    lowered the loss further, to first order (Baydin et al. 2018, hypergradient descent).
    """
    first, second = (_unit(each.training_gradient) for each in (before, layer))
    return np.clip((first * second).sum(axis=-1), -1.0, 1.0)


def _unit(vectors: Array) -> Array:
    """Each divided by its length, in float64; NaN where that is 0."""
    scaled = vectors / np.abs(vectors).max(axis=-1, keepdims=True, initial=0.0).astype(np.float64)
    return scaled / norm(scaled)[..., None]


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
