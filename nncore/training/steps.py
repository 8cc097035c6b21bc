"""train() is a generator of steps: each state before its update, and the last one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from nncore.model.layout import Array, Layout
from nncore.model.losses import Loss
from nncore.model.network import MLP, Tape, Views
from nncore.model.optimizers import Optimizer, Schedule, State, clip

Storage = Callable[[int], tuple[Array, Array]]
"""Step number -> the (theta, grad) rows that step is written into."""


@dataclass(slots=True)
class Step:
    """One state of training, before its update.

    `loss` (a float, or one per run) and `grad` are taken at `theta` on this step's rows, penalties included,
    clipping not. `tape` and `deltas` are that forward and backward pass; they are overwritten by the next
    step, or `keep` steps later. `kept` is the tape of the last `keep` steps, this one at place index % keep of
    a leading axis; with keep 1 it is the tape.
    """

    index: int
    loss: float | Array
    theta: Array
    grad: Array
    tape: Tape
    deltas: list[Array]
    kept: Tape


def train(
    network: MLP,
    loss: Loss,
    optimizer: Optimizer,
    theta: Array,
    x: Array,
    y: Array,
    steps: int,
    batches: Iterable[np.ndarray] | None = None,
    l1: float = 0.0,
    l2: float = 0.0,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    schedule: Schedule | None = None,
    storage: Storage | None = None,
    keep: int = 1,
    start: int = 0,
    state: State | None = None,
) -> Iterator[Step]:
    """Yield steps + 1 records: each state before its update, and the last one.

    theta (..., n_params), x (..., n_samples, n_features), y as the loss wants it. `batches` holds an index
    array for every step, or one for each run, (..., size) (None: full batch); the last record is taken on all
    rows. The loss is E + l1 sum|w| + l2 sum w² over weights, not biases. `schedule` maps a step to a factor
    on the learning rate. `storage` says where a step's theta and gradient are written; by default into fresh
    arrays. With `keep` steps on the tape, what is measured on them can be measured on all of them at once.
    Training goes on from another one's step `start` with its theta, the rest of its batches, and the optimizer's
    `state` of that step, which is advanced in place; `steps` stays the number of the last step.

    >>> from nncore import LOSSES, MLP, Layout, sgd
    >>> theta = np.array([0.1, -0.2, 0.5, -0.4, 0.3, 0.7, -0.6])
    >>> x = np.array([[0.0], [0.5], [1.0], [1.5]])
    >>> network, loss = MLP(Layout((1, 2, 1)), "sigmoid"), LOSSES["mse"]
    >>> [round(step.loss, 6) for step in train(network, loss, sgd(0.1), theta, x, x**2, steps=2)]
    [0.781626, 0.696642, 0.65458]
    """
    theta, x = network.checked(theta, x)
    lead = np.broadcast_shapes(theta.shape[:-1], x.shape[:-2])
    theta = np.array(np.broadcast_to(theta, (*lead, network.layout.n_params)), order="C")
    y = loss.check((*lead, x.shape[-2], network.layout.widths[-1]), y)
    storage = storage or (lambda index: (np.empty_like(theta), np.empty_like(theta)))
    state = optimizer.init(theta) if state is None else state
    grad = np.empty_like(theta)
    theta_views, grad_views = Views(network.layout, theta), Views(network.layout, grad)
    penalty = _Penalty(network.layout, theta, l1, l2) if l1 or l2 else None
    clips = clip_norm is not None or clip_value is not None
    if steps < start:
        raise ValueError(f"steps must be {start} or more; got {steps}")
    rows = _Rows(network, theta, x, y, batches, steps, keep)

    row, grad_row = storage(start)
    row[...] = theta
    for index in range(start, steps + 1):
        with np.errstate(all="ignore"):
            if index > start:
                row, grad_row = storage(index)
                direction = clip(grad, clip_norm, clip_value) if clips else grad
                factor = schedule(index - 1) if schedule else 1.0
                optimizer.step(theta, direction, state, factor, out=row)
                theta[...] = row
            tape, kept, targets = rows.of(index)
            network.forward_pass(theta_views, tape)
            value, _ = loss.value_and_delta(tape.z[-1], targets, out=tape.deltas[-1])
            network.backward_pass(theta_views, tape, grad_views)
            if penalty is not None:
                value = value + penalty(theta, grad)
            grad_row[...] = grad
        yield Step(index, value if lead else float(value), row, grad_row, tape, tape.deltas, kept)


class _Rows:
    """The rows of each step, on a tape: all of them, or the next batch; the last step takes all."""

    def __init__(
        self,
        network: MLP,
        theta: Array,
        x: Array,
        y: np.ndarray,
        batches: Iterable[np.ndarray] | None,
        steps: int,
        keep: int,
    ) -> None:
        self.network, self.theta, self.x, self.y = network, theta, x, y
        self.steps, self.keep = steps, keep
        self.draws = None if batches is None else iter(batches)
        self.class_indices = y.dtype.kind in "iu"
        self.tapes: dict[int, tuple[Tape, list[Tape]]] = {}
        self.whole: tuple[Tape, list[Tape]] | None = None

    def of(self, step: int) -> tuple[Tape, Tape, np.ndarray]:
        """(a tape that holds the step's x, the one of all kept steps, the step's y)."""
        if self.draws is None or step == self.steps:
            if self.whole is None:
                self.whole = self._tapes(self.x)
                self.whole[0].take(self.x)
            kept, places = self.whole
            return places[step % self.keep], kept, self.y
        rows = next(self.draws, None)
        if rows is None:
            raise ValueError(f"batches must hold an index array for each of the {self.steps} steps; got {step}")
        rows = np.asarray(rows)
        x, y = _taken(self.x, rows, -2), _taken(self.y, rows, -1 if self.class_indices else -2)
        if rows.shape[-1] not in self.tapes:
            self.tapes[rows.shape[-1]] = self._tapes(x)
        kept, places = self.tapes[rows.shape[-1]]
        kept.take(x)
        return places[step % self.keep], kept, y

    def _tapes(self, x: Array) -> tuple[Tape, list[Tape]]:
        if self.keep == 1:
            tape = self.network.tape(self.theta, x)
            tape.prepare_backward()
            return tape, [tape]
        tape = self.network.tape(np.broadcast_to(self.theta, (self.keep, *self.theta.shape)), x)
        tape.prepare_backward()
        return tape, [tape.at(place) for place in range(self.keep)]


def _taken(rows: Array, chosen: np.ndarray, axis: int) -> Array:
    """Rows of a batch along an axis counted from the end: the same of every run, or each run its own."""
    if chosen.ndim == 1:
        return rows.take(chosen, axis=axis)
    chosen = chosen if axis == -1 else chosen[..., None]
    lead = (*chosen.shape[: chosen.ndim + axis], *rows.shape[axis:])
    return np.take_along_axis(np.broadcast_to(rows, lead), chosen, axis)


class _Penalty:
    """l1 sum|w| + l2 sum w² over weights, not biases, and its derivative."""

    def __init__(self, layout: Layout, theta: Array, l1: float, l2: float) -> None:
        self.l1, self.l2 = l1, l2
        self.is_weight = np.ones(layout.n_params, theta.dtype)
        for _, bias in layout.split(self.is_weight):
            bias[...] = 0.0

    def __call__(self, theta: Array, grad: Array) -> Any:
        """The penalty of each run; its derivative is added to the gradient."""
        weights = theta * self.is_weight
        grad += self.l1 * np.sign(weights) + (2.0 * self.l2) * weights
        return self.l1 * np.abs(weights).sum(axis=-1) + self.l2 * (weights * weights).sum(axis=-1)
