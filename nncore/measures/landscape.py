"""The loss around a run: along one theta, along each layer's gradient, after one step, and over the plane of its path."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nncore.config.cost import SECONDS_PER_BYTE, SECONDS_PER_PRODUCT
from nncore.history.history import BLOCK_BYTES, History, block_length, replay
from nncore.measures.measurement import Measurement
from nncore.measures.passes import seconds_per_record
from nncore.model.initializers import StoppedEarly
from nncore.model.layout import Array
from nncore.numerics.blas import blas_threads
from nncore.numerics.safe_norm import norm
from nncore.numerics.spacing import evenly_spaced

LINE_MOST, LINE_LEAST = 61, 11
"""Points along a line, when the network is small and when it is large."""

SIDE_MOST, SIDE_LEAST = 41, 11
"""Points along one edge of the plane, likewise."""

SECONDS = 1.5
"""About what a picture may cost before it is made coarser."""

SECONDS_PER_PARAMETER = 8e-9
"""Time to make and read one entry of a θ that is looked at once; set by hand near single measured runs."""

LAYERS = 9
"""Layers whose lines are drawn at most, spread evenly, the first and the last among them."""

PATH_RECORDS = 200
MARGIN = 0.35
"""How far the plane reaches beyond the path, as a share of the path's span."""

FEW_THETA = 6
"""θ that are at hand at once: the mean, two directions, the one looked at, and what it is made of."""

LARGEST = 1e100
"""Records with a longer θ, on their way out of the finite numbers, are left out of the path."""

ROUNDING = 1e-14
"""Movement below this share of θ's length is rounding of the mean."""

FLAT_SHARE = 1e-9
"""A second direction with less of the movement than this is rounding: the path is a straight line."""


Cancelled = Callable[[], bool]
"""Asked on the way; true ends what goes on with StoppedEarly, a ValueError."""


@dataclass(frozen=True, eq=False)
class Path:
    """A run's way through the plane of its two main directions.

    `origin` (n_params,): the mean of the recorded θ. `directions` (2, n_params): orthonormal. `step` (n_records,),
    `place` (n_records, 2): coordinates of each θ along the directions. `share` (2,): of the squared movement
    around the mean, how much lies along each.
    """

    origin: Array
    directions: Array
    step: np.ndarray
    place: Array
    share: Array


def path(history: History, *, cancelled: Cancelled = lambda: False) -> Path:
    """The two directions in which a run moved most: the principal components of its recorded θ.

    From at most 200 evenly spread finite records, by the eigenvectors of their Gram matrix (n_records, n_records), in
    blocks of parameters bounded to 16 MB. A run that moved along a line gets the gradient's own part across it as the
    second direction, and a share of 0. Raises ValueError where θ never moved, StoppedEarly as soon as `cancelled()`.
    Source: Li et al. 2018, Visualizing the Loss Landscape of Neural Nets, section 7.

    >>> from nncore import RunConfig, run
    >>> found = path(run(RunConfig(hidden=(4,), steps=20)))
    >>> found.place.shape, bool(found.share.sum() > 0.9)
    ((21, 2), True)
    """
    records = history.even_records(PATH_RECORDS)
    records = records[records <= history.last_finite]
    theta = history.theta[records]
    near = np.array([norm(row) < LARGEST for row in theta], bool)  # a row at a time: norm makes a copy
    if not near.all():
        records, theta = records[near], theta[near]
    origin = theta.mean(axis=0, dtype=np.float64)
    columns = max(1, BLOCK_BYTES // (8 * len(records)))
    parts = [slice(start, start + columns) for start in range(0, len(origin), columns)]
    with blas_threads(1):
        gram = np.zeros((len(records), len(records)))
        for part in parts:
            _go_on(cancelled)
            centred = theta[:, part].astype(np.float64) - origin[part]
            gram += centred @ centred.T
        squares, vectors = np.linalg.eigh(gram)
        squares, vectors = np.maximum(squares[::-1], 0.0), vectors[:, ::-1]
        total = squares.sum()
        if not total > len(records) * (ROUNDING * norm(origin)) ** 2:
            raise ValueError("the plane needs a run whose θ moved; in this one every recorded θ is the same")
        directions = np.zeros((2, len(origin)))
        for part in parts:
            _go_on(cancelled)
            centred = theta[:, part].astype(np.float64) - origin[part]
            directions[:, part] = vectors[:, :2].T @ centred
        share = (squares[:2] / total) if len(squares) > 1 else np.array([1.0, 0.0])
        directions[0] /= norm(directions[0])
        if share[1] < FLAT_SHARE:
            share[1], directions[1] = 0.0, _across(history, directions[0])
        directions[1] /= norm(directions[1])
        place = np.zeros((len(records), 2))
        for part in parts:
            _go_on(cancelled)
            place += (theta[:, part].astype(np.float64) - origin[part]) @ directions[:, part].T
    return Path(origin, directions, history.step[records], place, share)


def plane(history: History, along: Path, *, cancelled: Cancelled = lambda: False) -> Measurement:
    """The loss over the plane of a run's path, on the probe rows, penalty excluded. Axes: u, v.

    u and v are coordinates along `along.directions` from `along.origin`. The grid is coarser for larger networks,
    so that it costs about a second and a half. The path itself lies a little beside the plane: the two directions
    hold `share` of its movement. Raises StoppedEarly as soon as `cancelled()`.
    """
    side = plane_side(history)
    u, v = (_span(along.place[:, i], side) for i in (0, 1))
    if along.share[1] == 0:
        v = u - u.mean()
    grid = np.stack([axis.ravel() for axis in np.meshgrid(u, v, indexing="ij")], axis=-1)
    loss = loss_at(history, along.origin, along.directions, grid, cancelled)
    caveat = f"{side} × {side} points; the two directions hold {100 * along.share.sum():.3g}\u00a0% of the movement."
    return Measurement("loss plane", {"u": u, "v": v}, {"loss": loss.reshape(side, side)}, caveats=(caveat,))


def plane_side(history: History) -> int:
    """Points along an edge of the plane: odd, as many as `SECONDS` allow, from 11 to 41."""
    return _odd(np.sqrt(SECONDS / seconds_per_point(history)), SIDE_LEAST, SIDE_MOST)


def plane_seconds(history: History) -> float:
    """What `path` and `plane` take together, to a factor of about three, from shapes alone."""
    records = min(len(history), PATH_RECORDS)
    per_entry = 3 * SECONDS_PER_BYTE * 8 + SECONDS_PER_PRODUCT * (records + 4)
    return per_entry * records * history.layout.n_params + seconds_per_point(history) * plane_side(history) ** 2


def plane_bytes(history: History) -> int:
    """Memory that `path` and `plane` take at their peak: the recorded θ that they look at, and a few θ in float64."""
    records = min(len(history), PATH_RECORDS)
    return history.layout.n_params * (records * history.theta.dtype.itemsize + FEW_THETA * 8)


def line_points(history: History, n_lines: int) -> int:
    """Points along each of several lines: odd, as many as `SECONDS` allow, from 11 to 61."""
    return _odd(SECONDS / (n_lines * seconds_per_point(history)), LINE_LEAST, LINE_MOST)


def seconds_per_point(history: History) -> float:
    """About what the loss at one θ costs: the probe rows' way forward, and the θ itself."""
    return seconds_per_record(history, "loss_at") + SECONDS_PER_PARAMETER * history.layout.n_params


def _odd(points: float, least: int, most: int) -> int:
    whole = int(np.clip(points, least, most))
    return whole - (whole + 1) % 2


def layers_seconds(history: History) -> float:
    """What `along_layers` takes, likewise."""
    lines = min(history.layout.n_layers, LAYERS)
    return lines * line_points(history, lines) * seconds_per_point(history)


def along_layers(
    history: History, record: int, reach: float = 1.0, *, cancelled: Cancelled = lambda: False
) -> Measurement:
    """The loss when one layer alone moves along its own gradient. Axes: layer, distance.

    Layer l's θ_l becomes θ_l - distance ‖θ_l‖ g_l / ‖g_l‖: a distance of 1 moves it by its own length, downhill
    to the right. `loss` on the probe rows, penalty excluded, NaN for a layer whose gradient is exactly zero: it
    has no downhill. A line that is flat over its whole length is a plateau: that layer cannot lower the loss
    from here by itself. At most nine layers, evenly spread. Raises StoppedEarly as soon as `cancelled()`.
    """
    layout, theta, grad = history.layout, *_theta_and_gradient(history, record)
    layers = evenly_spaced(1, layout.n_layers, LAYERS)
    distance = np.linspace(-reach, reach, line_points(history, len(layers)))
    loss = np.full((len(layers), len(distance)), np.nan)
    still = []
    for row, layer in enumerate(layers):
        own = slice(*layout.bounds[layer - 1])
        steepness, length = norm(grad[own]), norm(theta[own])
        if not steepness > 0:
            still.append(str(layer))
            continue
        direction = np.zeros((1, len(theta)))
        direction[0, own] = -grad[own] / steepness * (length or 1.0)
        loss[row] = loss_at(history, theta, direction, distance[:, None], cancelled)
    caveats = (f"The gradient of layer {', '.join(still)} is exactly 0 or not finite.",) if still else ()
    return Measurement(
        "loss along each layer", {"layer": layers, "distance": distance}, {"loss": loss}, caveats=caveats
    )


def along_parameter(
    history: History, record: int, index: int, reach: float = 3.0, *, cancelled: Cancelled = lambda: False
) -> Measurement:
    """The loss against the value of one θ, all others held, and the tangent that ∂E/∂θ draws. Axis: theta.

    On the probe rows, penalty excluded. The value at the record is in the middle, `reach` to both sides.
    Raises StoppedEarly as soon as `cancelled()`.
    """
    theta, grad = _theta_and_gradient(history, record)
    shift = np.linspace(-reach, reach, line_points(history, 1))
    direction = np.zeros((1, len(theta)))
    direction[0, index] = 1.0
    loss = loss_at(history, theta, direction, shift[:, None], cancelled)
    tangent = loss[len(shift) // 2] + grad[index] * shift
    return Measurement(f"loss along theta {index}", {"theta": theta[index] + shift}, {"loss": loss, "tangent": tangent})


def after_one_step(history: History, record: int, rates: Array, *, cancelled: Cancelled = lambda: False) -> Measurement:
    """The loss after a single step θ - α ∂E/∂θ, for every learning rate α. Axis: learning_rate.

    On the probe rows, penalty excluded, with plain gradient descent whatever the run's optimizer is. NaN and
    infinity stand where the step leaves the finite numbers. Raises StoppedEarly as soon as `cancelled()`.
    """
    theta, grad = _theta_and_gradient(history, record)
    rates = np.asarray(rates, np.float64)
    with np.errstate(all="ignore"):
        loss = loss_at(history, theta, -grad[None], rates[:, None], cancelled)
    return Measurement("loss after one step", {"learning_rate": rates}, {"loss": loss})


def loss_at(
    history: History, origin: Array, directions: Array, coordinates: Array, cancelled: Cancelled = lambda: False
) -> Array:
    """E at θ = origin + coordinates @ directions, on the probe rows in float64: (n_points,).

    origin (n_params,), directions (k, n_params), coordinates (n_points, k). Many θ go through the network at
    once, in blocks bounded to 16 MB. Raises StoppedEarly as soon as `cancelled()`, which is asked before every block.
    """
    network, loss = history.network, history.config.loss_function()
    x = history.probe_x.astype(np.float64)
    size = block_length(history.layout, len(x), np.dtype(np.float64))
    found = np.empty(len(coordinates))
    with blas_threads(1), np.errstate(all="ignore"):
        for start in range(0, len(coordinates), size):
            _go_on(cancelled)
            chosen = coordinates[start : start + size]
            theta = origin + chosen @ directions
            found[start : start + size] = loss.value(network.forward(theta, x).z[-1], history.probe_y)
    return found


def _go_on(cancelled: Cancelled) -> None:
    if cancelled():
        raise StoppedEarly("the picture was stopped by hand")


def _theta_and_gradient(history: History, record: int) -> tuple[Array, Array]:
    """θ of a record and dE/dθ there on the probe rows, penalty excluded, in float64."""
    with blas_threads(1), np.errstate(all="ignore"):
        (block,) = replay(history, np.array([record]))
        return block.theta[0].astype(np.float64), block.grad[0].astype(np.float64)


def _across(history: History, direction: Array) -> Array:
    """The part of the first gradient that is perpendicular to a direction; a seeded one where there is none."""
    for candidate in (_theta_and_gradient(history, 0)[1], np.random.default_rng(0).normal(size=len(direction))):
        across = candidate - (candidate @ direction) * direction
        if norm(across) > 1e-6 * norm(candidate):
            return np.asarray(across)
    return np.ones_like(direction)


def _span(values: Array, points: int) -> Array:
    low, high = float(values.min()), float(values.max())
    margin = MARGIN * (high - low or 1.0)
    return np.linspace(low - margin, high + margin, points)
