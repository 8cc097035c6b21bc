"""Measurements of many runs of one shape at once, with the bits that each has when measured alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from nncore.config.run_config import RunConfig
from nncore.history.history import History, Replay
from nncore.measures import LAYER_QUANTITIES, LayerView
from nncore.measures import per_layer as per_layer_alone
from nncore.model.layout import Array
from nncore.numerics.blas import blas_threads
from nncore.training.many_runs import runs_at_once

PASS_ELEMENTS = 2**13
"""Entries of the widest z in one block of a single pass. Smaller than in training, where a block's memory is
used again at every step: the memory of a single pass is new, and asking for much of it costs a third of the time."""


def per_layer(histories: Sequence[History], names: Iterable[str], records: np.ndarray) -> dict[str, Array]:
    """`measures.per_layer` of each history at its own records (n_runs, n): name -> (n_runs, n, n_layers).

    The histories are of one shape, with as many probe rows each.
    """
    names = list(names)
    first, count = histories[0], records.shape[1]
    theta = np.concatenate([history.theta[chosen] for history, chosen in zip(histories, records, strict=True)])
    initial = np.concatenate([np.repeat(history.theta[:1], count, axis=0) for history in histories])
    x = np.stack([history.probe_x for history in histories]).repeat(count, axis=0)
    y = np.stack([history.probe_y for history in histories]).repeat(count, axis=0)
    values = _measured(first.config, [name for name in names if name != "update_ratio"], theta, initial, x, y)
    found = {name: each.reshape(*records.shape, -1) for name, each in values.items()}
    if "update_ratio" in names:
        found["update_ratio"] = np.stack(
            [
                per_layer_alone(history, "update_ratio", chosen)["update_ratio"]
                for history, chosen in zip(histories, records, strict=True)
            ]
        )
    return found


def initial_per_layer(configs: Sequence[RunConfig], names: Iterable[str]) -> dict[str, Array]:
    """The quantities at initialization of runs of one shape: name -> (n_runs, 1, n_layers). Nothing is trained.

    >>> found = initial_per_layer([RunConfig(hidden=(3, 3), gain=gain) for gain in (1.0, 2.0)], ["delta_norm"])
    >>> found["delta_norm"].shape
    (2, 1, 3)
    """
    names = list(names)
    theta = np.stack([config.initial_theta() for config in configs])
    x, y = (np.stack(each) for each in zip(*(config.probe() for config in configs), strict=True))
    values = _measured(configs[0], [name for name in names if name != "update_ratio"], theta, theta, x, y)
    if "update_ratio" in names:
        values["update_ratio"] = np.full((len(configs), configs[0].layout().n_layers), np.nan)
    return {name: each[:, None] for name, each in values.items()}


def scores(histories: Sequence[History], records: np.ndarray) -> list[dict[str, float]]:
    """Loss (penalty excluded) and accuracy on training and test rows of each history at its record.

    NaN where there are no test rows or no classes: `measures.performance` at one record each.
    """
    first = histories[0]
    network, loss = first.network, first.config.loss_function()
    found: list[dict[str, float]] = []
    with blas_threads(1), np.errstate(all="ignore"):
        for part in _parts(len(histories), first.config):
            chosen = [(histories[index], records[index]) for index in range(part.start, part.stop)]
            theta = np.stack([history.theta[record] for history, record in chosen])
            data = [history.config.data() for history, _ in chosen]
            x, y = _rows([history.config for history, _ in chosen], [(d.x_train, d.y_train) for d in data])
            tape = network.forward(theta, x)
            values = {"train": (tape.z[-1], y)}
            if len(data[0].x_test):
                x, y = _rows([history.config for history, _ in chosen], [(d.x_test, d.y_test) for d in data])
                values["test"] = (network.forward(theta, x, statistics=tape.statistics).z[-1], y)
            measured = {
                f"{name}_{kind}": np.full(len(chosen), np.nan)
                for kind in ("loss", "accuracy")
                for name in ("train", "test")
            }
            for name, (z, targets) in values.items():
                measured[f"{name}_loss"] = loss.value(z, targets)
                if data[0].task == "classification":
                    measured[f"{name}_accuracy"] = loss.accuracy(z, targets)
            found += [{name: float(each[index]) for name, each in measured.items()} for index in range(len(chosen))]
    return found


def constant_loss(config: RunConfig) -> float:
    """Loss on the training rows of the best prediction that ignores the input.

    Cross-entropies: the entropy of the class frequencies; mean squared error: the variance of the targets.

    >>> round(constant_loss(RunConfig(dataset="moons")), 3)
    0.693
    """
    y = config.targets(config.data().y_train)
    if config.loss_name == "mse":
        return float(y.astype(np.float64).var(axis=0).mean())
    if config.loss_name == "bce":
        shares = np.stack([y.mean(axis=0), 1 - y.mean(axis=0)])
        return float(-_xlogx(shares).sum(axis=0).mean())
    return float(-_xlogx(np.bincount(y) / len(y)).sum())


def _xlogx(shares: Array) -> Array:
    return shares * np.log(np.where(shares > 0, shares, 1.0))


def _rows(configs: list[RunConfig], parts: list[tuple[Array, Array]]) -> tuple[Array, np.ndarray]:
    x = np.stack([rows.astype(config.dtype) for config, (rows, _) in zip(configs, parts, strict=True)])
    return x, np.stack([config.targets(y) for config, (_, y) in zip(configs, parts, strict=True)])


def _measured(
    config: RunConfig, names: list[str], theta: Array, initial: Array, x: Array, y: np.ndarray
) -> dict[str, Array]:
    """name -> (n, n_layers) for theta (n, n_params) on x (n, n_rows, n_features), in blocks for the cache."""
    n_layers = config.layout().n_layers
    values = {name: np.full((len(theta), n_layers), np.nan) for name in names}
    if not names:
        return values
    with blas_threads(1), np.errstate(all="ignore"):
        for part in _parts(len(theta), config):
            block = _replayed(config, theta[part], x[part], y[part])
            for number in range(1, n_layers + 1):
                layer = LayerView(block, number, initial[part])
                for name in names:
                    values[name][part, number - 1] = LAYER_QUANTITIES[name].of(layer)
    return values


def _replayed(config: RunConfig, theta: Array, x: Array, y: np.ndarray) -> Replay:
    network, loss = config.network(), config.loss_function()
    tape = network.forward(theta, x)
    grad, deltas = network.backward(theta, tape, loss.delta(tape.z[-1], y))
    return Replay(np.arange(len(theta)), network, theta, tape, deltas, grad)


def _parts(count: int, config: RunConfig) -> Iterator[slice]:
    size = runs_at_once(config, PASS_ELEMENTS)
    return (slice(start, min(start + size, count)) for start in range(0, count, size))
