"""What a network puts out at each record: loss and accuracy on its rows, and its response to any inputs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nncore.config.run_config import RunConfig
from nncore.history.history import History, block_length
from nncore.measures.measurement import Measurement
from nncore.measures.spread import affordable, caveats
from nncore.model.layout import Array
from nncore.model.losses import Loss
from nncore.model.network import MLP
from nncore.model.normalization import inference_statistics
from nncore.numerics.blas import blas_threads

SCORES = ("train_loss", "test_loss", "train_accuracy", "test_accuracy")
"""What is measured on the training and the test rows."""

Rows = tuple[Array, np.ndarray]
"""x and y of rows, as network and loss want them."""


def performance(history: History, records: np.ndarray | None = None) -> Measurement:
    """Loss and accuracy on the training and the test rows. Axis: step.

    `loss` is what the run recorded (a batch's with mini-batches, penalties included); the others are replayed
    without penalty. NaN where there are no test rows or no classes. Evenly spread records unless some are given, as many
    as `nncore.measures.spread.affordable` says.
    """
    records = affordable(history, "performance") if records is None else np.asarray(records)
    config, loss = history.config, history.config.loss_function()
    data = config.data()
    train = (data.x_train.astype(config.dtype), config.targets(data.y_train))
    test = (data.x_test.astype(config.dtype), config.targets(data.y_test)) if len(data.x_test) else None
    size = block_length(history.layout, len(train[0]), history.theta.dtype)
    values = {"loss": history.loss[records].copy()} | {name: np.full(len(records), np.nan) for name in SCORES}
    with blas_threads(1), np.errstate(all="ignore"):
        for start in range(0, len(records), size):
            rows = slice(start, start + size)
            found = scores(history.network, loss, history.theta[records[rows]], train, test, data.task)
            for name, each in found.items():
                values[name][rows] = each
    return Measurement("performance", {"step": history.step[records]}, values, caveats=caveats(history, records))


def scores(network: MLP, loss: Loss, theta: Array, train: Rows, test: Rows | None, task: str) -> dict[str, Array]:
    """SCORES, each (n,), of theta (n, n_params) on the training rows and on the test rows, if there are any.

    Penalty excluded; test rows are normalized with the training rows' statistics. NaN where there are no test rows,
    or no classes (a regression `task`).
    """
    values = {name: np.full(len(theta), np.nan) for name in SCORES}
    tape = network.forward(theta, train[0])
    outputs = {"train": (tape.z[-1], train[1])}
    if test is not None:
        outputs["test"] = (network.forward(theta, test[0], statistics=tape.statistics).z[-1], test[1])
    for part, (z, y) in outputs.items():
        values[f"{part}_loss"] = loss.value(z, y)
        if task == "classification":
            values[f"{part}_accuracy"] = loss.accuracy(z, y)
    return values


def constant_loss(config: RunConfig) -> float:
    """Loss on the training rows of the best prediction that ignores the input.

    Cross-entropies: the entropy of the class frequencies; mean squared error: the variance of the targets; others:
    `Loss.constant`.

    >>> from nncore import RunConfig
    >>> round(constant_loss(RunConfig(dataset="moons")), 3)
    0.693
    """
    return config.loss_function().constant(config.targets(config.data().y_train))


def response(history: History, record: int, x: Array) -> Array:
    """The output's z at one record for any inputs x (n, n_features): what the network has learned."""
    return responses(history, (record,), x)[0]


def responses(history: History, records: Sequence[int], x: Array) -> Array:
    """The output's z at several records for any inputs x (n, n_features): (n_records, n, n_outputs).

    In blocks of 16 MB, and a record's bits do not depend on its block.
    """
    network, x = history.network, x.astype(history.config.dtype)
    rows = history.config.data().x_train.astype(history.config.dtype)
    size = block_length(history.layout, len(x) + len(rows), history.theta.dtype)
    z, tape = [], None
    with blas_threads(1), np.errstate(all="ignore"):
        for start in range(0, len(records), size):
            theta = history.theta[list(records[start : start + size])]
            statistics = inference_statistics(network, theta, rows)
            if tape is None or len(tape.z[-1]) != len(theta):
                tape = network.tape(theta, x)
            z.append(network.forward(theta, x, tape, statistics).z[-1].copy())
    return np.concatenate(z)
