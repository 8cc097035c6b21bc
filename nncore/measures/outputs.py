"""What a network puts out at each record: loss and accuracy on its rows, and its response to any inputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from nncore.history.history import History, block_length
from nncore.measures.measurement import Measurement
from nncore.measures.spread import OVER_TIME, caveats
from nncore.model.layout import Array
from nncore.model.network import MLP, Tape
from nncore.numerics.blas import blas_threads


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
    return Measurement("performance", {"step": history.step[records]}, values, caveats=caveats(history, records))


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
