"""History -> measurement: one function per quantity, replayed on the probe rows when somebody looks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from nncore.activations import Activation
from nncore.history import BLOCK_BYTES, History, Replay, block_length, replay
from nncore.layout import Array
from nncore.measurement import Measurement
from nncore.names import choose
from nncore.network import MLP, Tape
from nncore.norms import norm
from nncore.threads import blas_threads

OVER_TIME = 200
"""Records that a chart over time uses at most, spread evenly over the run."""

SPREADSHEET_ROWS = 1_048_576
"""Rows of a spreadsheet's sheet, the header included."""

SATURATED_BELOW = 0.01
"""A unit counts as saturated where |phi'(z)| is below this share of the largest |phi'|."""

BINS = 96


# One layer of one block -------------------------------------------------------------------------------------


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
        return _flat(tape.z_columns[-1] if self.is_output else tape.a_columns[self.number])

    @cached_property
    def delta(self) -> Array:
        """dE/dz of the mean loss over the probe rows."""
        return _flat(self.block.tape.delta_columns[self.index])

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
        return np.logical_not(np.isnan(_flat(self.steepness)).any(axis=-1))

    @cached_property
    def weight(self) -> Array:
        """(n_block, fan_in * fan_out)."""
        return _flat(self.block.network.layout.split(self.block.theta)[self.index][0])

    @cached_property
    def first_weight(self) -> Array:
        """The weights of the first record."""
        return _flat(self.block.network.layout.split(np.atleast_2d(self.first_theta))[self.index][0])

    @cached_property
    def gradients(self) -> tuple[Array, Array]:
        """(weight, bias) gradients on the probe rows, flat."""
        weight, bias = self.block.network.layout.split(self.block.grad)[self.index]
        return _flat(weight), bias


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


def _quantity(
    label: str, symbol: str, log: bool = True
) -> Callable[[Callable[[LayerView], Array]], Quantity]:
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
    return _std(_flat(layer.z_columns))


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


# Over records and layers ------------------------------------------------------------------------------------


def per_layer(history: History, names: str | Iterable[str], records: np.ndarray | None = None) -> Measurement:
    """The named quantities for every layer and record, from one replay. Axes: step, layer (1 ... L).

    `names` are keys of LAYER_QUANTITIES or "update_ratio". `records` are indices into the history; all by
    default. NaN stands where a quantity is not defined for a layer. Raises ValueError on an unknown name.
    """
    names = [names] if isinstance(names, str) else list(names)
    for name in names:
        choose("quantity", name, (*LAYER_QUANTITIES, "update_ratio"))
    records = np.arange(len(history)) if records is None else np.asarray(records)
    n_layers = history.layout.n_layers
    replayed = [name for name in names if name != "update_ratio"]
    values = {name: np.full((len(records), n_layers), np.nan) for name in names}
    position = 0
    if replayed:
        with blas_threads(1), np.errstate(all="ignore"):
            for block in replay(history, records):
                rows = slice(position, position + len(block.records))
                for number in range(1, n_layers + 1):
                    layer = LayerView(block, number, history.theta[0])
                    for name in replayed:
                        values[name][rows, number - 1] = LAYER_QUANTITIES[name].of(layer)
                position = rows.stop
    if "update_ratio" in names:
        values["update_ratio"][...] = _update_ratios(history, records)
    return Measurement(
        " and ".join(names), {"step": history.step[records], "layer": np.arange(1, n_layers + 1)}, values
    )


def over_time(history: History, names: str | Iterable[str], at_most: int = OVER_TIME) -> Measurement:
    """`per_layer` on evenly spread records, with a caveat that says so when records were left out."""
    records = history.even_records(at_most)
    measured = per_layer(history, names, records)
    return Measurement(measured.name, measured.axes, measured.values, caveats=_spread(history, records))


def gradient_flow(history: History, record: int) -> Measurement:
    """δ norm and weight-gradient norm per layer, at initialization and at one record."""
    return gradient_flows(history, (record,))[0]


def gradient_flows(history: History, records: Sequence[int]) -> tuple[Measurement, ...]:
    """`gradient_flow` of several records, from one replay."""
    names = ("delta_norm", "weight_gradient_norm", "bias_gradient_norm")
    measured = replace(per_layer(history, names, np.array([0, *records])), name="gradient flow")
    return tuple(
        measured.rows([0, place] if record else [0]) for place, record in enumerate(records, start=1)
    )


def summary(history: History) -> Measurement:
    """Step × layer with every measurement; evenly spread records where a spreadsheet holds no more."""
    n_layers = history.layout.n_layers
    records = history.even_records((SPREADSHEET_ROWS - 1) // n_layers)
    measured = per_layer(history, (*LAYER_QUANTITIES, "update_ratio"), records)
    scores = performance(history, records)
    columns = {"loss": ("step", history.loss[records])}
    columns |= {name: ("step", values) for name, values in scores.values.items() if name != "loss"}
    return Measurement("summary", measured.axes, measured.values, columns, _spread(history, records))


def _update_ratios(history: History, records: np.ndarray) -> Array:
    """||W(t+1) - W(t)|| / ||W(t)||, blank where ||W|| = 0 or where no step follows."""
    rows = max(1, BLOCK_BYTES // max(history.theta[:1].nbytes, 1))
    blocks = np.array_split(records, max(1, -(-len(records) // rows)))
    weights = np.concatenate(
        [
            np.stack(
                [norm(_flat(weight)) for weight, _ in history.layout.split(history.theta[block])], axis=-1
            )
            for block in blocks
        ]
    )
    with np.errstate(all="ignore"):
        return np.where(weights > 0, history.update_norm[records] / weights, np.nan)


# Loss and accuracy ------------------------------------------------------------------------------------------


def performance(history: History, records: np.ndarray | None = None) -> Measurement:
    """Loss and accuracy on the training and the test rows. Axis: step.

    `loss` is what the run recorded (a batch's with mini-batches, penalties included); the others are replayed
    without penalty. NaN where there are no test rows or no classes.
    """
    records = history.even_records(OVER_TIME) if records is None else np.asarray(records)
    config, loss = history.config, history.config.loss_function()
    data = config.data()
    values = {name: np.full(len(records), np.nan) for name in ("train_loss", "test_loss")}
    values |= {name: np.full(len(records), np.nan) for name in ("train_accuracy", "test_accuracy")}
    train = (data.x_train.astype(config.dtype), config.targets(data.y_train))
    test = (data.x_test.astype(config.dtype), config.targets(data.y_test)) if len(data.x_test) else None
    size = block_length(history.layout, len(train[0]), history.theta.dtype)
    with blas_threads(1), np.errstate(all="ignore"):
        for start in range(0, len(records), size):
            rows = slice(start, start + size)
            theta = history.theta[records[rows]]
            tape = history.network.forward(theta, train[0])
            for part, y, z in _parts(history.network, theta, tape, train, test):
                values[f"{part}_loss"][rows] = loss.value(z, y)
                if data.task == "classification":
                    values[f"{part}_accuracy"][rows] = loss.accuracy(z, y)
    values = {"loss": history.loss[records].copy(), **values}
    return Measurement(
        "performance", {"step": history.step[records]}, values, caveats=_spread(history, records)
    )


def _parts(
    network: MLP, theta: Array, tape: Tape, train: tuple[Array, Array], test: tuple[Array, Array] | None
) -> Iterator[tuple[str, Array, Array]]:
    """(part, y, the output's z): training rows, then test rows with the training rows' statistics."""
    yield "train", train[1], tape.z[-1]
    if test is not None:
        yield "test", test[1], network.forward(theta, test[0], statistics=tape.statistics).z[-1]


def response(history: History, record: int, x: Array) -> Array:
    """The output's z at one record for any inputs x (n, n_features): what the network has learned."""
    return responses(history, (record,), x)[0]


def responses(history: History, records: Sequence[int], x: Array) -> Array:
    """The output's z at several records for any inputs x (n, n_features): (n_records, n, n_outputs).

    In blocks of 64 MB, and a record's bits do not depend on its block.
    """
    network, x = history.network, x.astype(history.config.dtype)
    rows = None
    if network.normalization is not None:
        rows = history.config.data().x_train.astype(history.config.dtype)
    size = block_length(history.layout, len(x) + (0 if rows is None else len(rows)), history.theta.dtype)
    z, tape, statistics = [], None, None
    with blas_threads(1), np.errstate(all="ignore"):
        for start in range(0, len(records), size):
            theta = history.theta[list(records[start : start + size])]
            if rows is not None:
                statistics = network.forward(theta, rows).statistics
            if tape is None or len(tape.z[-1]) != len(theta):
                tape = network.tape(theta, x)
            z.append(network.forward(theta, x, tape, statistics).z[-1].copy())
    return np.concatenate(z)


# Distributions ----------------------------------------------------------------------------------------------


DISTRIBUTIONS = ("activation", "delta", "weight_gradient")


def distribution(history: History, record: int, quantity: str) -> Measurement:
    """Histogram per layer at one record. Axes: layer, bin; all layers share the bins, which follow the data.

    `quantity` is "activation" (hidden layers, a itself), "delta" or "weight_gradient" (all layers, log10 of
    the magnitude; exact zeros and non-finite values are counted in columns of their own).
    """
    return distributions(history, (record,), quantity)[0]


def distributions(history: History, records: Sequence[int], quantity: str) -> tuple[Measurement, ...]:
    """`distribution` of several records, from one replay; the bins of each follow its own data."""
    choose("quantity", quantity, DISTRIBUTIONS)
    found = []
    with blas_threads(1):
        for block in replay(history, np.asarray(records)):
            layers = range(1, history.layout.n_layers + 1)
            views = [LayerView(block, number, history.theta[0]) for number in layers]
            if quantity == "activation":
                rows = [view.a for view in views[:-1]] or [views[-1].a]
            elif quantity == "delta":
                with np.errstate(over="ignore"):
                    rows = [view.delta * view.n_samples for view in views]
            else:
                rows = [view.gradients[0] for view in views]
            found += [_histograms(quantity, [row[at] for row in rows]) for at in range(len(block.records))]
    return tuple(found)


def _histograms(quantity: str, rows: list[Array]) -> Measurement:
    """One record's histograms: a row of values for each layer."""
    zeros = np.array([np.count_nonzero(row == 0) for row in rows])
    bad = np.array([np.count_nonzero(~np.isfinite(row)) for row in rows])
    rows = [row[np.isfinite(row)].astype(np.float64) for row in rows]
    if quantity != "activation":
        rows = [np.log10(np.abs(row[row != 0])) for row in rows]
    edges = _edges(rows)
    counts = np.stack([np.histogram(row, edges)[0] for row in rows])
    layers, bins = np.arange(1, len(rows) + 1), np.arange(len(edges) - 1)
    columns = {
        "low": ("bin", edges[:-1]),
        "high": ("bin", edges[1:]),
        "exact_zeros": ("layer", zeros),
        "not_finite": ("layer", bad),
    }
    return Measurement(
        f"distribution of {quantity}", {"layer": layers, "bin": bins}, {"count": counts}, columns
    )


def _edges(rows: list[Array]) -> Array:
    """Bin edges over the range of all rows; a single value gets a bin around it."""
    pooled = np.concatenate(rows)
    if not len(pooled):
        return np.linspace(-1.0, 1.0, BINS + 1)
    low, high = (
        0.5 * float(pooled.min()),
        0.5 * float(pooled.max()),
    )  # halves, so that no difference overflows
    margin = 0.5 * (high - low) / BINS
    if high - low <= 1e-12 * max(abs(low), abs(high)):
        margin = 0.5 * max(abs(high) * 1e-3, 0.5e-3)
    largest = 0.5 * np.finfo(np.float64).max
    return 2.0 * np.linspace(max(low - margin, -largest), min(high + margin, largest), BINS + 1)


# Parameters -------------------------------------------------------------------------------------------------


def parameter(history: History, index: int) -> Measurement:
    """theta and its recorded gradient over time, for one index of the flat vector. Axis: step."""
    history.layout.name(index)
    records = history.even_records(5 * OVER_TIME)
    values = {"theta": history.theta[records, index], "gradient": history.grad[records, index]}
    return Measurement(
        f"theta_{index}", {"step": history.step[records]}, values, caveats=_spread(history, records)
    )


def layer_parameters(history: History, layer: int) -> Measurement:
    """2nd, 25th, 50th, 75th and 98th percentile over a layer's weights, of theta and of the gradient.

    Axes: step, percentile.
    """
    if not 1 <= layer <= history.layout.n_layers:
        raise ValueError(f"layer must be between 1 and {history.layout.n_layers}; got {layer}")
    records, percentiles = history.even_records(OVER_TIME), np.array([2, 25, 50, 75, 98])
    weights = _flat(history.layout.split(history.theta[records])[layer - 1][0])
    gradients = _flat(history.layout.split(history.grad[records])[layer - 1][0])
    with np.errstate(all="ignore"):
        values = {
            "theta": np.percentile(weights, percentiles, axis=-1).T,
            "gradient": np.percentile(gradients, percentiles, axis=-1).T,
        }
    return Measurement(
        f"weights of layer {layer}",
        {"step": history.step[records], "percentile": percentiles},
        values,
        caveats=_spread(history, records),
    )


def _spread(history: History, records: np.ndarray) -> tuple[str, ...]:
    if len(records) == len(history):
        return ()
    return (f"{len(records)} of {len(history):,} records, evenly spread.",)


def _flat(matrices: Array) -> Array:
    return matrices.reshape(*matrices.shape[:-2], -1)


def _undefined(layer: LayerView) -> Array:
    return np.full(len(layer.block.records), np.nan)


def _flat_share(layer: LayerView, kind: str) -> Array:
    """Share of units × rows where the slope is below 1 % of its largest; NaN for another kind."""
    if layer.activation is None or layer.activation.kind != kind:
        return _undefined(layer)
    flat = _flat(layer.steepness) < SATURATED_BELOW
    return np.where(layer.is_defined, flat.mean(axis=-1), np.nan)


def _std(values: Array) -> Array:
    """√(mean of the variances along the last axis), one per record: exact in range as `norm` is."""
    centred = values - values.mean(axis=-1, dtype=np.float64, keepdims=True)
    return norm(centred.reshape(len(values), -1)) / np.sqrt(values[0].size)
