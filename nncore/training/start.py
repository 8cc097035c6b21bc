"""What a run starts from: fresh theta, or a fork's parent as it stood at that step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from nncore.config.cost import initialization_seconds
from nncore.config.fork import Fork
from nncore.config.run_config import RunConfig
from nncore.history.history import History
from nncore.model.initializers import StoppedEarly
from nncore.model.layout import Array
from nncore.model.optimizers import Optimizer, State, clipped, holding, scheduled
from nncore.numerics.blas import blas_threads
from nncore.numerics.quiet import quiet
from nncore.training.finite import is_finite
from nncore.training.steps import Resume, Step, Storage, train

PATIENT_SECONDS = 0.5
"""First weights that take longer by estimate can be stopped on the way; others are waited for, so that there is a step 0."""


def first_theta(config: RunConfig, cancelled: Callable[[], bool], n_runs: int = 1) -> Array:
    """A run's first parameters, one of so many that are made now.

    Raises StoppedEarly, a ValueError, when it is cancelled while they take longer than PATIENT_SECONDS.
    """
    quick = n_runs * initialization_seconds(config) <= PATIENT_SECONDS
    return config.initial_theta() if quick else config.initial_theta(cancelled)


@dataclass(frozen=True)
class Start:
    """theta and optimizer state at a run's first step; the state is the caller's, training advances it."""

    theta: Array
    state: State


def start_of(
    config: RunConfig,
    parent: History | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    progress: Callable[[int, float], None] = lambda step, loss: None,
) -> Start:
    """theta and optimizer state at a config's first step: fresh ones, or for a fork its parent's, then its edits.

    The arguments are those of `run`, and so is what it raises.
    """
    if not isinstance(config, Fork):
        with blas_threads(config.blas_threads()):
            theta = first_theta(config, cancelled)
        return Start(theta, config.make_optimizer().init(theta))
    if parent is not None and parent.config != config.parent:
        raise ValueError("parent must be the history of the run that is forked; its config is another one")
    state = config.make_optimizer().init(np.zeros(config.layout().n_params, config.dtype))
    inherits = bool(state) and config.optimizer == config.parent.optimizer
    found = None if parent is None else _recorded(parent, config.at, inherits)
    if found is None:
        found = _trained_again(config.parent, config.at, cancelled, progress)
    if inherits:
        state |= {name: found.state[name] for name in state.keys() & found.state.keys()}
    return Start(config.edited(found.theta), state)


def _recorded(history: History, at: int, with_state: bool) -> Start | None:
    """theta of step `at` and the optimizer's state from the gradients recorded before it; None where some are missing."""
    record = int(np.searchsorted(history.step, at))
    config = history.config
    if record == len(history) or history.step[record] != at:
        return None
    if not with_state:
        return Start(history.theta[record], {})
    if record != at - config.first_step:
        return None
    optimizer = update_rule(config)
    state = start_of(config).state
    theta, grad, out = (np.empty_like(history.theta[0]) for _ in range(3))
    with np.errstate(all="ignore"):
        for earlier, row in zip(range(record), history.theta, strict=False):
            theta[...], grad[...] = row, history.grad[earlier]
            optimizer.step(theta, grad, state, optimizer.schedule(config.first_step + earlier), out)
    return Start(history.theta[record], state)


def _trained_again(
    config: RunConfig, at: int, cancelled: Callable[[], bool], progress: Callable[[int, float], None]
) -> Start:
    """theta and optimizer state at step `at` of a run, which is trained once more up to there."""
    start = start_of(config, None, cancelled, progress)
    theta, grad = (np.empty((2, start.theta.size), start.theta.dtype) for _ in range(2))
    silently = quiet()
    with blas_threads(config.blas_threads()):
        for step in configured_steps(config, start, (theta, grad)):
            if step.index == at:
                break
            if not silently.run(is_finite, step):
                raise ValueError(
                    f"the parent diverges at step {step.index}, before step {at} where it should be forked"
                )
            progress(step.index, float(step.loss))
            if cancelled():
                raise StoppedEarly(f"stopped by hand at step {step.index}, before step {at} where the fork begins")
    return Start(step.theta, start.state)


def configured_steps(config: RunConfig, start: Start, storage: Storage) -> Iterator[Step]:
    """The steps that a config describes, from where it starts."""
    data = config.data()
    x, y = data.x_train.astype(config.dtype), config.targets(data.y_train)
    return train_as(config, start.theta, x, y, config.batches(), storage, start.state)


def train_as(
    config: RunConfig,
    theta: Array,
    x: Array,
    y: np.ndarray,
    batches: Iterable[np.ndarray] | None,
    storage: Storage,
    state: State | None = None,
) -> Iterator[Step]:
    """`train` as a config has it, on theta, rows and batches of one run, or of several that share its settings."""
    return train(
        config.network(),
        config.loss_function(),
        update_rule(config),
        theta,
        x,
        y,
        config.steps,
        batches,
        storage=storage,
        resume=None if state is None else Resume(config.first_step, state),
        l1=config.l1,
        l2=config.l2,
    )


def update_rule(config: RunConfig) -> Optimizer:
    """A config's optimizer with its clipping, what it leaves alone, and its schedule."""
    clipping = clipped(config.make_optimizer(), config.clip_norm, config.clip_value)
    return scheduled(holding(clipping, config.held()), config.make_schedule())
