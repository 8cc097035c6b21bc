"""The chain rule written out: each factor between one theta and the error, their products, and a check of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from nncore.model.activations import Activation
from nncore.model.layout import Array, Layout
from nncore.model.losses import Loss
from nncore.model.network import MLP, Tape
from nncore.numerics.safe_norm import norm

STEP = float(np.cbrt(np.finfo(np.float64).eps))
"""Step of a central difference, times max(1, |theta_k|): truncation and rounding are about equal here."""


@dataclass(frozen=True)
class Factor:
    """One derivative in the chain, with its number.

    kind says which: "error" is dE/dz of an output unit; "weight" is dz/da = W[source, unit] of a layer;
    "slope" is da/dz = phi'(z) of a unit; "skip" is the 1 of a skip connection; "input" is dz/dtheta, the
    activation that a weight multiplies, or the 1 that a bias does (source is None then). `layer` counts from
    1, `unit` and `source` (a unit of the layer before) from 0.
    """

    kind: Literal["error", "weight", "slope", "skip", "input"]
    layer: int
    unit: int
    source: int | None
    value: float


Path = tuple[Factor, ...]
"""From the output back to theta, in the order in which the lecture writes the factors."""


def product(path: Sequence[Factor]) -> float:
    """The factors multiplied, first to last."""
    return math.prod(factor.value for factor in path)


@dataclass(frozen=True, eq=False)
class Chain:
    """Everything that makes up dE/dtheta_k for one sample.

    index, layer, row, column: which theta; row is None for a bias. theta: its value. outputs (n_out,): the
    network's z of the output layer, f(x). loss: E of this sample alone. grad: dE/dtheta_k of this sample
    alone, from the backward pass. output_slopes (n_out,): df/dtheta_k of each output. error (n_out,):
    dE/df. paths: the strongest paths, largest |product| first; their products with dE/df add up to grad when
    all n_paths are there. total: the sum of |product| over all paths, so that |grad| / total says how much
    cancels (NaN where there are no paths). numeric: the central difference of E, and resolution: what
    rounding alone leaves of it. delta_norm (n_layers,): ||dE/dz|| of each layer; weight_factor and
    slope_factor (n_layers - 1,): what the step from layer l + 1 down to l multiplies this norm by, the
    weights' part and the activation's.
    """

    index: int
    layer: int
    row: int | None
    column: int
    theta: float
    outputs: Array
    loss: float
    grad: float
    output_slopes: Array
    error: Array
    paths: tuple[Path, ...]
    n_paths: int
    total: float
    numeric: float
    resolution: float
    delta_norm: Array
    weight_factor: Array
    slope_factor: Array

    @property
    def numeric_error(self) -> float:
        """|central difference - dE/dtheta_k|."""
        return abs(self.numeric - self.grad)


def chain(
    network: MLP, loss: Loss, theta: Array, x: Array, y: Array, sample: int, index: int, at_most: int = 5
) -> Chain:
    """Follow theta[index] to the error of one sample, in float64.

    theta (n_params,), x (n_samples, n_features), y as the loss wants it; `sample` is a row of x. E is that
    sample's own loss. The other rows matter only with batch normalization, which ties the samples together;
    with any normalization there are no paths (a unit then acts on its whole layer), everything else is
    exact. Raises ValueError when sample or index is out of range, or theta, x, y do not fit.

    >>> from nncore import LOSSES
    >>> theta = np.array([0.1, -0.2, 0.5, -0.4, 0.3, 0.7, -0.6])
    >>> x = np.array([[0.0], [0.5], [1.0], [1.5]])
    >>> found = chain(MLP(Layout((1, 2, 1)), "sigmoid"), LOSSES["mse"], theta, x, x**2, sample=2, index=3)
    >>> [(factor.kind, round(factor.value, 6)) for factor in found.paths[0]]
    [('error', -0.921294), ('weight', -0.6), ('slope', 0.228784), ('input', 1.0)]
    >>> float(found.output_slopes[0].round(10)), round(found.grad, 6)
    (-0.1372705443, 0.126466)
    """
    theta, x = network.checked(np.asarray(theta, np.float64), np.asarray(x, np.float64))
    if theta.ndim != 1 or x.ndim != 2:
        raise ValueError(f"theta must be one vector and x one table; got shapes {theta.shape} and {x.shape}")
    _check_whole("sample", sample, len(x))
    _check_whole("index", index, network.layout.n_params)
    y = loss.check((len(x), network.layout.widths[-1]), y)
    if network.normalization is None or not network.normalization.over_samples:
        x, y, sample = x[sample : sample + 1], y[sample : sample + 1], 0
    layer, _, row, column = network.layout.name(index)
    with np.errstate(all="ignore"):
        tape = network.forward(theta, x)
        own = loss.delta(tape.z[-1][sample : sample + 1], y[sample : sample + 1])[0]
        each_output = [_only(tape, sample, one_hot) for one_hot in np.eye(len(own))]
        of_outputs = np.array([network.backward(theta, tape, delta)[0][index] for delta in each_output])
        grad, deltas = network.backward(theta, tape, _only(tape, sample, own))
        h = STEP * max(1.0, abs(float(theta[index])))
        numeric, value = central_difference(network, loss, theta, x, y, sample, index, h)
        if network.normalization is None:
            paths, n_paths, total = _strongest(network, theta, tape, own, layer, row, column, at_most)
        else:
            paths, n_paths, total = (), 0, math.nan
        weight_factor, slope_factor, delta_norm = _layer_factors(network, theta, deltas)
    return Chain(
        index=index,
        layer=layer,
        row=row,
        column=column,
        theta=float(theta[index]),
        outputs=tape.z[-1][sample].copy(),
        loss=value,
        grad=float(grad[index]),
        output_slopes=of_outputs,
        error=own,
        paths=paths,
        n_paths=n_paths,
        total=total,
        numeric=numeric,
        resolution=float(np.finfo(np.float64).eps * (1 + abs(value)) / h),
        delta_norm=delta_norm,
        weight_factor=weight_factor,
        slope_factor=slope_factor,
    )


def central_difference(
    network: MLP, loss: Loss, theta: Array, x: Array, y: Array, sample: int | None, index: int, h: float
) -> tuple[float, float]:
    """((E(theta_k + h) - E(theta_k - h)) / 2h, E(theta)), E one sample's own loss; None: the mean over all.

    >>> from nncore import LOSSES
    >>> network, x = MLP(Layout((1, 1)), ()), np.array([[3.0]])
    >>> central_difference(network, LOSSES["mse"], np.array([0.0, 1.0]), x, x * 0, 0, 1, h=0.5)
    (18.0, 9.0)
    """
    points = np.repeat(theta[None], 3, axis=0)
    points[:, index] += np.array([h, -h, 0.0])
    with np.errstate(all="ignore"):
        losses = loss.per_sample(network.forward(points, x).z[-1], y)
        values = losses.mean(axis=-1) if sample is None else losses[:, sample]
        return float((values[0] - values[1]) / (points[0, index] - points[1, index])), float(values[2])


def output_slopes(network: MLP, theta: Array, x: Array, output: int = 0) -> Array:
    """df/dtheta of one output for each sample on its own: (n_samples, n_params) for theta (n_params,).

    >>> slopes = output_slopes(MLP(Layout((1, 2, 1)), "sigmoid"), np.zeros(7), np.array([[2.0]]))
    >>> slopes.tolist()
    [[0.0, 0.0, 0.0, 0.0, 1.0, 0.5, 0.5]]
    """
    tape = network.forward(theta, np.asarray(x, np.float64)[:, None, :])
    delta = np.zeros_like(tape.z[-1])
    delta[..., output] = 1.0
    return network.backward(theta, tape, delta)[0]


def _only(tape: Tape, sample: int, delta: Array) -> Array:
    """An output delta that is zero for every sample but one."""
    deltas = np.zeros_like(tape.z[-1])
    deltas[sample] = delta
    return deltas


def _layer_factors(network: MLP, theta: Array, deltas: list[Array]) -> tuple[Array, Array, Array]:
    """(||dE/da_l|| / ||delta_{l+1}||, ||delta_l|| / ||dE/da_l||) for l = 1 ... L - 1, and ||delta_l||."""
    weights = [weight for weight, _ in network.layout.split(theta)]
    delta_norm = np.array([norm(delta.ravel()) for delta in deltas])
    through_weights = np.empty(len(deltas) - 1)
    d_a: Array | None = None
    for index in range(len(deltas) - 2, -1, -1):
        above = deltas[index + 1] @ weights[index + 1].T
        if d_a is not None and network.skips[index + 1]:
            above = above + d_a
        d_a = above
        through_weights[index] = norm(d_a.ravel())
    return through_weights / delta_norm[1:], delta_norm[:-1] / through_weights, delta_norm


def _strongest(
    network: MLP, theta: Array, tape: Tape, error: Array, layer: int, row: int | None, column: int, at_most: int
) -> tuple[tuple[Path, ...], int, float]:
    """The paths with the largest |product|, the number of paths, and the sum of |product| over all of them.

    Layer by layer towards the output, each unit keeps the `at_most` best paths that end in it. The strongest
    whole paths are among them, because every factor that follows is the same for all paths through a unit.
    """
    layout, weights = network.layout, [weight for weight, _ in network.layout.split(theta)]
    first = Factor("input", layer, column, row, 1.0 if row is None else float(tape.a[layer - 1][0, row]))
    if layer == layout.n_layers:
        path = (Factor("error", layer, column, None, float(error[column])), first)
        return (path,), 1, abs(product(path))

    slopes = [phi.slope(z_hat[0]) for phi, z_hat in zip(network.activations, tape.z_hat, strict=False)]
    widths = layout.widths
    scores = np.full((1, widths[layer]), -np.inf)
    scores[0, column] = _log(slopes[layer - 1][column] * np.array([first.value]))[0]
    came_from: list[np.ndarray] = []
    counts = [int(unit == column) for unit in range(widths[layer])]
    mass = np.where(np.arange(widths[layer]) == column, abs(slopes[layer - 1] * first.value), 0.0)
    reachable = np.array([column])
    for number in range(layer + 1, layout.n_layers + 1):
        last, skipped = number == layout.n_layers, number < layout.n_layers and network.skips[number - 1]
        slope = error if last else slopes[number - 1]
        edges = _log(weights[number - 1]) + _log(slope)
        rank, fan_in = scores.shape
        units = np.arange(widths[number])
        candidates = (scores[:, reachable, None] + edges[reachable]).reshape(rank * len(reachable), -1)
        codes = (np.arange(rank)[:, None] * fan_in + reachable).reshape(-1, 1) + 0 * units
        if skipped:
            candidates = np.concatenate([candidates, scores])
            codes = np.concatenate([codes, -1 - (np.arange(rank)[:, None] * fan_in + units)])
        best = _largest(candidates, at_most)
        scores, chosen = np.take_along_axis(candidates, best, 0), np.take_along_axis(codes, best, 0)
        came_from.append(chosen)
        through = sum(counts)
        counts = [through + (counts[unit] if skipped else 0) for unit in units]
        mass = np.abs(slope) * (mass @ np.abs(weights[number - 1])) + (mass if skipped else 0.0)
        reachable = units

    order = np.argsort(-scores, axis=None, kind="stable")[:at_most]
    paths = tuple(
        _walk_back(came_from, *divmod(int(end), widths[-1]), layer, first, weights, slopes, error, widths)
        for end in order
        if scores.flat[end] > -np.inf
    )
    return paths, sum(counts), float(mass.sum())


def _walk_back(
    came_from: list[np.ndarray],
    rank: int,
    unit: int,
    layer: int,
    first: Factor,
    weights: list[Array],
    slopes: list[Array],
    error: Array,
    widths: tuple[int, ...],
) -> Path:
    """The factors of one path, from the output's unit back to theta."""
    n_layers = len(widths) - 1
    path = [Factor("error", n_layers, unit, None, float(error[unit]))]
    for number in range(n_layers, layer, -1):
        code = int(came_from[number - layer - 1][rank, unit])
        if code < 0:
            rank = (-1 - code) // widths[number - 1]
            path.append(Factor("skip", number, unit, unit, 1.0))
            continue
        if number < n_layers:
            path.append(Factor("slope", number, unit, None, float(slopes[number - 1][unit])))
        rank, source = divmod(code, widths[number - 1])
        path.append(Factor("weight", number, unit, source, float(weights[number - 1][source, unit])))
        unit = source
    path += [Factor("slope", layer, unit, None, float(slopes[layer - 1][unit])), first]
    return tuple(path)


def _largest(candidates: Array, at_most: int) -> np.ndarray:
    """Row numbers of the `at_most` largest entries of each column, largest first."""
    if at_most < len(candidates):
        best = np.argpartition(-candidates, at_most - 1, axis=0)[:at_most]
    else:
        best = np.broadcast_to(np.arange(len(candidates))[:, None], candidates.shape)
    order = np.argsort(-np.take_along_axis(candidates, best, 0), axis=0, kind="stable")
    return np.take_along_axis(best, order, 0)


def _log(values: Array) -> Array:
    """ln|value|, finite: a NaN ranks above everything so that it is seen, a 0 below, and -inf means no path."""
    return np.nan_to_num(np.log(np.abs(values)), nan=1e6, posinf=1e6, neginf=-1e6)


def _check_whole(name: str, value: int, end: int) -> None:
    if not isinstance(value, (int, np.integer)) or not 0 <= value < end:
        raise ValueError(f"{name} must be a whole number from 0 to {end - 1}; got {value!r}")


# One unit per layer -----------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class UnitChain:
    """A chain of one-unit layers: what each does to the gradient. Last axis: hidden layer 1 ... depth.

    z, a: pre-activation and activation. slope: phi'(z). factor: phi'(z) w, with the weight that leads on.
    product: the factors of the layers 1 ... d multiplied, d f_{d}/dz_1 for a chain of depth d.
    log10_product: log10 |product|, exact where the product itself underflows. delta: df/dz from the
    backward pass of the whole chain; delta[0] is product[-1].
    """

    z: Array
    a: Array
    slope: Array
    factor: Array
    product: Array
    log10_product: Array
    delta: Array


def unit_chain(
    weight: Array | float, bias: Array | float, x: float, depth: int, activation: str | Activation = "sigmoid"
) -> UnitChain:
    """z_1 = w x + b, then z_{l+1} = w phi(z_l) + b: the chain rule multiplies phi'(z_l) w, layer by layer.

    weight and bias broadcast (...): many chains at once. Raises ValueError unless depth is 1 or more.

    >>> still = unit_chain(weight=1.0, bias=-0.5, x=0.5, depth=3)
    >>> still.factor.tolist(), still.product.tolist()
    ([0.25, 0.25, 0.25], [0.25, 0.0625, 0.015625])
    >>> unit_chain(weight=8.0, bias=-4.0, x=0.5, depth=3).product.tolist()
    [2.0, 4.0, 8.0]
    """
    if not isinstance(depth, (int, np.integer)) or depth < 1:
        raise ValueError(f"depth must be a whole number, 1 or more; got {depth!r}")
    layout = Layout((1,) * (depth + 2))
    network = MLP(layout, activation)
    weight, bias = np.broadcast_arrays(np.asarray(weight, np.float64), np.asarray(bias, np.float64))
    theta: Any = np.stack([bias, weight] * layout.n_layers, axis=-1)
    with np.errstate(all="ignore"):
        tape = network.forward(theta, np.array([[float(x)]]))
        _, deltas = network.backward(theta, tape, np.ones_like(tape.z[-1]))
        z = np.stack([each[..., 0, 0] for each in tape.z[:-1]], axis=-1)
        a = np.stack([each[..., 0, 0] for each in tape.a[1:-1]], axis=-1)
        slope = network.activations[0].slope(z)
        factor = slope * weight[..., None]
        return UnitChain(
            z=z,
            a=a,
            slope=slope,
            factor=factor,
            product=np.cumprod(factor, axis=-1),
            log10_product=np.cumsum(np.log10(np.abs(factor)), axis=-1),
            delta=np.stack([each[..., 0, 0] for each in deltas[:-1]], axis=-1),
        )
