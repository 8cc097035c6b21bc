"""train() is a generator of steps: each state before its update, and the last one."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypedDict, Unpack

import numpy as np

from nncore.model.layout import Array, Layout
from nncore.model.losses import Loss
from nncore.model.network import MLP, Tape, Views
from nncore.model.optimizers import Optimizer, Schedule, State, clipped, scheduled
from nncore.model.penalty import Penalty
from nncore.numerics.pages import blocks_ahead
from nncore.numerics.quiet import quiet

Storage = tuple[Array, Array]
"""Rows for theta and rows for the gradient, (..., n_rows, n_params), which steps are written into one after the other.

After the last row comes the first one again. There are two or more: the optimizer reads one and writes the next.
"""

FRESH_ROWS, FRESH_BYTES = 16, 2**16
"""Without a storage: rows that are made at once, fewer where theta is large."""


@dataclass(slots=True, repr=False)
class Step:
    """One state of training, before its update.

    `loss` (a float, or one per run) and `grad` are taken at `theta` on this step's rows, penalties included,
    clipping not. `tape` and `deltas` are that forward and backward pass; the next step overwrites them.
    """

    index: int
    loss: float | Array
    theta: Array
    grad: Array
    tape: Tape
    deltas: list[Array]

    def __repr__(self) -> str:
        """Its number and loss, and how many parameters it has."""
        return f"<Step {self.index}: loss {self.loss}, theta {self.theta.shape}>"


@dataclass(frozen=True)
class Resume:
    """Where training goes on: a step's number and the optimizer's state there, which training advances in place."""

    step: int
    state: State


class Transforms(TypedDict, total=False):
    """The keywords of `train` that change the loss or the update.

    l1, l2: a `Penalty` l1 sum|w| + l2 sum w² over weights, not biases, in the loss and in the gradient. clip_norm,
    clip_value: the optimizer is `clipped`; the gradient that is recorded is not. schedule: step number -> factor on
    the learning rate; the optimizer is `scheduled`.
    """

    l1: float
    l2: float
    clip_norm: float | None
    clip_value: float | None
    schedule: Schedule | None


def train(
    network: MLP,
    loss: Loss,
    optimizer: Optimizer,
    theta: Array,
    x: Array,
    y: Array,
    steps: int,
    batches: Iterable[np.ndarray] | None = None,
    *,
    storage: Storage | None = None,
    resume: Resume | None = None,
    **transforms: Unpack[Transforms],
) -> Iterator[Step]:
    """Yield steps + 1 records: each state before its update, and the last one.

    theta (..., n_params), x (..., n_samples, n_features), y as the loss wants it. `batches` holds an index
    array for every step, or one for each run, (..., size) (None: full batch); the last record is taken on all
    rows. `storage` holds the rows that theta and gradient of the steps are written into, one after the other; by default
    fresh ones. With `resume` training goes on from another one's step, with its theta and the rest of its batches; `steps` stays the number
    of the last step. Penalty, clipping and schedule are `Transforms`: l1, l2, clip_norm, clip_value, schedule.

    >>> from nncore import LOSSES, MLP, Layout, sgd
    >>> theta = np.array([0.1, -0.2, 0.5, -0.4, 0.3, 0.7, -0.6])
    >>> x = np.array([[0.0], [0.5], [1.0], [1.5]])
    >>> network, loss = MLP(Layout((1, 2, 1)), "sigmoid"), LOSSES["mse"]
    >>> [round(step.loss, 6) for step in train(network, loss, sgd(0.1), theta, x, x**2, steps=2)]
    [0.781626, 0.696642, 0.65458]

    Raises ValueError, at the first step, on an argument of another type or shape, and on an x that is empty or not
    finite.
    """
    _check_types(network, loss, optimizer)
    theta, x = network.checked(theta, x)
    _check_rows(x)
    lead = np.broadcast_shapes(theta.shape[:-1], x.shape[:-2])
    theta = np.array(np.broadcast_to(theta, (*lead, network.layout.n_params)), order="C")
    y = loss.check((*lead, x.shape[-2], network.layout.widths[-1]), y)
    optimizer, penalty = _transformed(optimizer, network.layout, theta, **transforms)
    resume = Resume(0, optimizer.init(theta)) if resume is None else resume
    if steps < resume.step:
        raise ValueError(f"steps must be {resume.step} or more; got {steps}")
    _check_storage(storage, theta, steps - resume.step)
    taken = _steps(
        network, loss, optimizer, penalty, theta, _Rows(network, theta, x, y, batches, steps), storage, resume
    )
    numpy_warns_of_nothing = quiet()
    for _ in range(resume.step, steps + 1):
        yield numpy_warns_of_nothing.run(next, taken)


def _steps(
    network: MLP,
    loss: Loss,
    optimizer: Optimizer,
    penalty: Penalty | None,
    theta: Array,
    rows: _Rows,
    storage: Storage | None,
    resume: Resume,
) -> Iterator[Step]:
    """The steps of `train`, without end and unchecked; `theta` is the first one's."""
    lead, state, learning_rate = theta.shape[:-1], resume.state, optimizer.learning_rate
    before, grad = theta, theta
    written = zip(_theta_rows(network.layout, storage, theta), _grad_rows(network.layout, storage, theta), strict=True)
    for index, ((theta, transposed, weights), (next_grad, blocks)) in enumerate(written, resume.step):
        if index == resume.step:
            theta[...] = before
        else:
            rate = learning_rate * optimizer.schedule(index - 1)
            optimizer.update(before, grad, state, rate, theta)
        grad = next_grad
        tape, targets = rows.of(index)
        network.forward_pass(transposed, tape)
        value, _ = loss.value_and_delta(tape.z[-1], targets, out=tape.deltas[-1])
        network.backward_pass(weights, tape, blocks)
        if penalty is not None:
            value = value + penalty.add(theta, grad)
        yield Step(index, value if lead else float(value), theta, grad, tape, tape.deltas)
        before = theta


def _theta_rows(
    layout: Layout, storage: Storage | None, theta: Array
) -> Iterator[tuple[Array, tuple[Array, ...], tuple[Array, ...]]]:
    """Without end: a row for theta, and each layer's part of it as `forward_pass` and `backward_pass` want it."""
    while True:
        rows = np.moveaxis(_fresh_rows(theta) if storage is None else storage[0], -2, 0)
        for block in blocks_ahead(rows):
            layers = Views(layout, rows[block])
            yield from zip(
                rows[block], zip(*layers.transposed, strict=True), zip(*layers.weights, strict=True), strict=True
            )


def _grad_rows(layout: Layout, storage: Storage | None, theta: Array) -> Iterator[tuple[Array, tuple[Array, ...]]]:
    """Without end: a row for the gradient, and each layer's part of it."""
    while True:
        rows = np.moveaxis(_fresh_rows(theta) if storage is None else storage[1], -2, 0)
        for block in blocks_ahead(rows):
            yield from zip(rows[block], zip(*layout.blocks(rows[block]), strict=True), strict=True)


def _fresh_rows(theta: Array) -> Array:
    """Rows (..., n_rows, n_params) for a few steps."""
    n_rows = max(1, min(FRESH_ROWS, FRESH_BYTES // theta.nbytes))
    return np.empty((*theta.shape[:-1], n_rows, theta.shape[-1]), theta.dtype)


def _check_storage(storage: Storage | None, theta: Array, updates: int) -> None:
    """Raise ValueError, one sentence, where the rows do not fit theta, or there are too few of them."""
    for rows in storage or ():
        fits = rows.shape[:-2] == theta.shape[:-1] and rows.shape[-1:] == theta.shape[-1:] and rows.ndim > theta.ndim
        if not (fits and rows.dtype == theta.dtype and rows.strides[-1] == rows.itemsize):
            expected = ", ".join(str(size) for size in (*theta.shape[:-1], "n_rows", theta.shape[-1]))
            raise ValueError(
                f"storage must be rows ({expected}) of {theta.dtype}, each in one piece; got {rows.shape} of {rows.dtype}"
            )
        if rows.shape[-2] < min(2, 1 + updates):
            raise ValueError(f"storage must have two rows or more; got {rows.shape[-2]}")


def _check_types(network: object, loss: object, optimizer: object) -> None:
    """Raise ValueError, one sentence, where one of them is something else."""
    if not isinstance(network, MLP):
        raise ValueError(f"network must be an MLP, such as MLP(Layout((2, 8, 1)), 'tanh'); got {reprlib.repr(network)}")
    if not isinstance(loss, Loss):
        raise ValueError(f"loss must be a Loss, such as LOSSES['mse']; got {reprlib.repr(loss)}")
    if not isinstance(optimizer, Optimizer):
        raise ValueError(
            f"optimizer must be an Optimizer, such as sgd(learning_rate=0.1); got {reprlib.repr(optimizer)}"
        )


def _check_rows(x: Array) -> None:
    """Raise ValueError, one sentence, where x has no samples, or a number that is not finite."""
    if not x.size:
        raise ValueError(f"x must have at least one sample; got shape {x.shape}")
    bad = ~np.isfinite(x)
    if bad.any():
        *_, sample, feature = np.argwhere(bad)[0]
        raise ValueError(
            f"x must be finite; got {np.count_nonzero(bad):,} values that are not, the first in sample {sample}, "
            f"feature {feature}"
        )


def _transformed(
    optimizer: Optimizer,
    layout: Layout,
    theta: Array,
    l1: float = 0.0,
    l2: float = 0.0,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    schedule: Schedule | None = None,
) -> tuple[Optimizer, Penalty | None]:
    """The optimizer, clipped and scheduled, and the penalty, None where it is 0."""
    penalty = Penalty(layout, l1, l2, theta.dtype) if l1 or l2 else None
    return scheduled(clipped(optimizer, clip_norm, clip_value), schedule), penalty


class _Rows:
    """The rows of each step, on a tape: all of them, or the next batch; the last step takes all."""

    def __init__(
        self, network: MLP, theta: Array, x: Array, y: np.ndarray, batches: Iterable[np.ndarray] | None, steps: int
    ) -> None:
        self.network, self.theta, self.x, self.y, self.steps = network, theta, x, y, steps
        self.draws = None if batches is None else iter(batches)
        self.class_indices = y.dtype.kind in "iu"
        self.tapes: dict[int, Tape] = {}
        self.whole: Tape | None = None

    def of(self, step: int) -> tuple[Tape, np.ndarray]:
        """(a tape that holds the step's x, the step's y)."""
        if self.draws is None or step == self.steps:
            if self.whole is None:
                self.whole = self._tape(self.x)
                self.whole.take(self.x)
            return self.whole, self.y
        rows = next(self.draws, None)
        if rows is None:
            raise ValueError(f"batches must hold an index array for each of the {self.steps} steps; got {step}")
        rows = np.asarray(rows)
        x, y = _taken(self.x, rows, -2), _taken(self.y, rows, -1 if self.class_indices else -2)
        tape = self.tapes.get(rows.shape[-1])
        if tape is None:
            tape = self.tapes[rows.shape[-1]] = self._tape(x)
        tape.take(x)
        return tape, y

    def _tape(self, x: Array) -> Tape:
        tape = self.network.tape(self.theta, x)
        tape.prepare_backward()
        return tape


def _taken(rows: Array, chosen: np.ndarray, axis: int) -> Array:
    """Rows of a batch along an axis counted from the end: the same of every run, or each run its own."""
    if chosen.ndim == 1:
        return rows.take(chosen, axis=axis)
    chosen = chosen if axis == -1 else chosen[..., None]
    lead = (*chosen.shape[: chosen.ndim + axis], *rows.shape[axis:])
    return np.take_along_axis(np.broadcast_to(rows, lead), chosen, axis)
