"""train() is a generator of steps; run() turns a config into its history."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from nncore.config import RunConfig
from nncore.fork import Fork
from nncore.history import Divergence, History, update_norms, weight_change_norms
from nncore.layout import Array, Layout
from nncore.losses import Loss
from nncore.network import MLP, Tape, Views
from nncore.optimizers import Optimizer, Schedule, State, clip
from nncore.threads import blas_threads

TAIL = 8
"""Steps kept before an early end, the last one included, whatever record_every is."""

MEMORY_BUDGET = 2**30
"""Bytes of history that run() is willing to make unless told otherwise: 1 GiB."""

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
            raise ValueError(
                f"batches must hold an index array for each of the {self.steps} steps; got {step}"
            )
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


def run(
    config: RunConfig,
    *,
    parent: History | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    progress: Callable[[int, float], None] = lambda step, loss: None,
    memory_budget: int | None = MEMORY_BUDGET,
) -> History:
    """Train what the config describes and collect its history. Same config, same bits.

    `cancelled()` is asked at every step and ends the run with what it has; `progress(step, loss)` is told of
    every step. A non-finite loss, theta or gradient ends the run as well: that is a result, and the history
    says at which step, in which layer and unit it began. Raises ValueError, before anything is allocated,
    when the history would be larger than `memory_budget` bytes.

    A fork begins where its parent stood at that step. That is found by training the parent again up to there, which
    `progress` and `cancelled` hear of too; with the parent's history as `parent` its recorded theta and gradients
    are used instead where they suffice, with the same bits. Raises ValueError when the parent does not get there, or
    when `parent` is the history of something else.

    >>> from nncore import RunConfig
    >>> history = run(RunConfig(dataset="parabola", n_samples=4, hidden=(2,), test_fraction=0, steps=100))
    >>> history.theta.shape, history.stopped
    ((101, 7), '')
    """
    if memory_budget is not None:
        config.check_memory(memory_budget)
    begin = beginning(config, parent, cancelled, progress)
    recorder = Recorder(config.layout(), config)
    stopped, divergence = "", None
    with blas_threads(config.blas_threads()):
        for step in _steps(config, begin, recorder.storage):
            loss = float(step.loss)
            recorder.record(step.index, loss)
            if not _is_finite(step):
                divergence = find_divergence(recorder.layout, step)
                stopped = divergence.sentence()
                break
            progress(step.index, loss)
            if cancelled() and step.index < config.steps:
                stopped = f"Stopped by hand at step {step.index} of {config.steps}."
                break
    recorder.finish(stopped)
    return recorder.history(config, stopped, divergence)


def _steps(config: RunConfig, begin: Beginning, storage: Storage | None) -> Iterator[Step]:
    """The steps of a config, from where it begins."""
    data = config.data()
    return train(
        config.network(),
        config.loss_function(),
        config.make_optimizer(),
        begin.theta,
        data.x_train.astype(config.dtype),
        config.targets(data.y_train),
        config.steps,
        batches=config.batches(),
        l1=config.l1,
        l2=config.l2,
        clip_norm=config.clip_norm,
        clip_value=config.clip_value,
        schedule=config.make_schedule(),
        storage=storage,
        start=config.first_step,
        state=begin.state,
    )


@dataclass(frozen=True)
class Beginning:
    """What training sets out from at a config's first step; the state is the caller's, training advances it."""

    theta: Array
    state: State


def beginning(
    config: RunConfig,
    parent: History | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    progress: Callable[[int, float], None] = lambda step, loss: None,
) -> Beginning:
    """theta and optimizer state at a config's first step: fresh ones, or for a fork its parent's, then its edits.

    The arguments are those of `run`, and so is what it raises.
    """
    if not isinstance(config, Fork):
        with blas_threads(config.blas_threads()):
            theta = config.initial_theta()
        return Beginning(theta, config.make_optimizer().init(theta))
    if parent is not None and parent.config != config.parent:
        raise ValueError("parent must be the history of the run that is forked; its config is another one")
    state = config.make_optimizer().init(np.zeros(config.layout().n_params, config.dtype))
    inherits = bool(state) and config.optimizer == config.parent.optimizer
    found = None if parent is None else _recorded(parent, config.at, inherits)
    if found is None:
        found = _trained_again(config.parent, config.at, cancelled, progress)
    if inherits:
        state |= {name: found.state[name] for name in state.keys() & found.state.keys()}
    return Beginning(config.edited(found.theta), state)


def _recorded(history: History, at: int, with_state: bool) -> Beginning | None:
    """theta of step `at` and the optimizer's state from the gradients recorded before it; None where some are missing."""
    record = int(np.searchsorted(history.step, at))
    config = history.config
    if record == len(history) or history.step[record] != at:
        return None
    if not with_state:
        return Beginning(history.theta[record], {})
    if record != at - config.first_step:
        return None
    optimizer, schedule = config.make_optimizer(), config.make_schedule()
    state = beginning(config).state
    theta, grad, out = (np.empty_like(history.theta[0]) for _ in range(3))
    with np.errstate(all="ignore"):
        for earlier in range(record):
            theta[...], grad[...] = history.theta[earlier], history.grad[earlier]
            factor = schedule(config.first_step + earlier) if schedule else 1.0
            optimizer.step(theta, clip(grad, config.clip_norm, config.clip_value), state, factor, out)
    return Beginning(history.theta[record], state)


def _trained_again(
    config: RunConfig,
    at: int,
    cancelled: Callable[[], bool],
    progress: Callable[[int, float], None],
) -> Beginning:
    """theta and optimizer state at step `at` of a run, which is trained once more up to there."""
    begin = beginning(config, None, cancelled, progress)
    rows = np.empty((2, *begin.theta.shape), begin.theta.dtype)
    with blas_threads(config.blas_threads()):
        for step in _steps(config, begin, lambda index: (rows[0], rows[1])):
            if step.index == at:
                break
            if not _is_finite(step):
                raise ValueError(
                    f"the parent diverges at step {step.index}, before step {at} where it should be forked"
                )
            progress(step.index, float(step.loss))
            if cancelled():
                raise ValueError(
                    f"stopped by hand at step {step.index}, before step {at} where the fork begins"
                )
    return Beginning(rows[0], begin.state)


class Recorder:
    """Rows for training to write into, and of these the ones that become history; of one run, or of several.

    When every step is recorded, training writes straight into the history. Otherwise it writes into a ring of
    the last `TAIL` steps, from which every record_every-th row is copied.
    """

    def __init__(self, layout: Layout, config: RunConfig, lead: tuple[int, ...] = ()) -> None:
        dtype, whole = np.dtype(config.dtype), config.record_every == 1
        n_rows = config.n_records if whole else config.n_records + TAIL
        self.lead = lead
        self.layout, self.every, self.whole = layout, config.record_every, whole
        self.first, self.last = config.first_step, config.steps
        self.theta = np.empty((*lead, n_rows, layout.n_params), dtype)
        self.grad = np.empty((*lead, n_rows, layout.n_params), dtype)
        self.ring_theta = self.theta if whole else np.empty((*lead, TAIL, layout.n_params), dtype)
        self.ring_grad = self.grad if whole else np.empty((*lead, TAIL, layout.n_params), dtype)
        self.steps: list[int] = []
        self.losses: list[float | Array] = []
        self.update_norm: list[Array] = []
        self.recent: deque[tuple[int, float | Array]] = deque(maxlen=TAIL)

    def storage(self, index: int) -> tuple[Array, Array]:
        """Where train() puts theta and gradient of a step."""
        row = index - self.first if self.whole else index % TAIL
        return self.ring_theta[..., row, :], self.ring_grad[..., row, :]

    def record(self, index: int, loss: float | Array) -> None:
        """Note a step that has just been taken, and keep it if its turn has come."""
        if self.whole:
            self.steps.append(index)
            self.losses.append(loss)
            return
        self.recent.append((index, loss))
        self._note_update(index)
        if index % self.every == 0 or index in (self.first, self.last):
            self._keep(index, loss)

    def finish(self, stopped: str) -> None:
        """After an early end, keep each of the last steps before it."""
        if stopped and not self.whole:
            self._keep_all_recent()

    def history(
        self, config: RunConfig, stopped: str, divergence: Divergence | None, run: tuple[int, ...] = ()
    ) -> History:
        """The recorded rows of one run as a History."""
        n_records = len(self.steps)
        theta, grad = self.theta[run][:n_records], self.grad[run][:n_records]
        probe_x, probe_y = config.probe()
        return History(
            config=config,
            step=np.array(self.steps, np.int64),
            loss=np.array([np.asarray(loss)[run] for loss in self.losses], np.float64),
            theta=theta,
            grad=grad,
            update_norm=update_norms(theta, self.layout)
            if self.whole
            else np.array([norms[run] for norms in self.update_norm]),
            probe_x=probe_x,
            probe_y=probe_y,
            stopped=stopped,
            divergence=divergence,
        )

    def _keep(self, index: int, loss: float | Array) -> None:
        position = len(self.steps)
        self.theta[..., position, :], self.grad[..., position, :] = self.storage(index)
        self.steps.append(index)
        self.losses.append(loss)
        self.update_norm.append(np.full((*self.lead, self.layout.n_layers), np.nan))

    def _keep_all_recent(self) -> None:
        kept = bisect_left(self.steps, self.recent[0][0])
        del self.steps[kept:], self.losses[kept:], self.update_norm[kept:]
        for position, (index, loss) in enumerate(self.recent):
            if position > 0:
                self._note_update(index)
            self._keep(index, loss)

    def _note_update(self, index: int) -> None:
        """The update that led to this step, if the step before it was kept."""
        if self.steps and self.steps[-1] == index - 1:
            before, after = self.storage(index - 1)[0], self.storage(index)[0]
            self.update_norm[-1] = weight_change_norms(before, after, self.layout)


def find_divergence(layout: Layout, step: Step) -> Divergence:
    """Where in a step the first non-finite number arose.

    Looked for in the order in which they are computed: theta (after the update before), z and a of layer
    1 ... L, the loss, delta of layer L ... 1, the gradient.
    """
    for layer, block in enumerate(layout.blocks(step.theta), 1):
        unit = _first_bad(block)
        if unit is not None:
            return Divergence(step.index, layer, unit, "theta")
    for layer, (z, a) in enumerate(zip(step.tape.z, step.tape.a[1:], strict=True), 1):
        for quantity, rows in (("z", z), ("a", a)):
            unit = _first_bad(rows)
            if unit is not None:
                return Divergence(step.index, layer, unit, quantity)
    if not math.isfinite(float(step.loss)):
        with np.errstate(all="ignore"):
            unit = int(np.argmax(np.abs(step.tape.z[-1]).max(axis=0)))
        return Divergence(step.index, layout.n_layers, unit, "loss")
    for layer in range(layout.n_layers, 0, -1):
        unit = _first_bad(step.deltas[layer - 1])
        if unit is not None:
            return Divergence(step.index, layer, unit, "delta")
    for layer, block in enumerate(layout.blocks(step.grad), 1):
        unit = _first_bad(block)
        if unit is not None:
            return Divergence(step.index, layer, unit, "gradient")
    raise ValueError(f"step {step.index} is finite everywhere")


def _first_bad(rows: Array) -> int | None:
    """The first column (unit) of (rows, units) that holds a NaN or an infinity."""
    bad = ~np.isfinite(rows).all(axis=0)
    return int(np.argmax(bad)) if bad.any() else None


def _is_finite(step: Step) -> bool:
    """A non-finite factor makes a dot product non-finite; only when it overflows is a closer look due."""
    if not math.isfinite(float(step.loss)):
        return False
    with np.errstate(all="ignore"):
        if math.isfinite(step.theta.dot(step.grad)):
            return True
    return bool(np.isfinite(step.theta).all() and np.isfinite(step.grad).all())
