"""run() turns a config into its history, fit() arrays."""

from __future__ import annotations

import reprlib
from collections.abc import Callable
from typing import Any

from nncore.config.run_config import RunConfig
from nncore.display.progress import Told, attended
from nncore.history.history import History
from nncore.model.optimizers import OPTIMIZERS
from nncore.numerics.blas import blas_threads
from nncore.numerics.quiet import quiet
from nncore.training.finite import find_divergence, is_finite
from nncore.training.recorder import Recorder
from nncore.training.start import configured_steps, start_of

MEMORY_BUDGET = 2**30
"""Bytes of history that run() is willing to make unless told otherwise: 1 GiB."""


def run(
    config: RunConfig,
    *arrays: Any,
    parent: History | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    progress: bool | Callable[[int, float], None] = False,
    memory_budget: int | None = MEMORY_BUDGET,
    compact: bool = False,
) -> History:
    """Train what the config describes and collect its history. Same config, same bits.

    `cancelled()` is asked at every step and ends the run with what it has; `progress(step, loss)` is told of
    every step, and True draws a bar: Ctrl-C then ends the run with what it has, too. A non-finite loss, theta or gradient ends the run as well: that is a result, and the history
    says at which step, in which layer and unit it began. Raises ValueError, before anything is allocated,
    when the history would be larger than `memory_budget` bytes.

    A fork begins where its parent stood at that step. That is found by training the parent again up to there, which
    `progress` and `cancelled` hear of too; with the parent's history as `parent` its recorded theta and gradients
    are used instead where they suffice, with the same bits. Raises ValueError when the parent does not get there, or
    when `parent` is the history of something else.

    With `compact` a history of every step keeps its gradients and every sixteenth theta, little more than half the memory;
    its `theta` is a `ReplayedTheta`, which is indexed like an array and computes those between again, bit for bit.
    An optimizer of your own may remember what is not in its state, so its run keeps every theta.

    >>> from nncore import RunConfig
    >>> history = run(RunConfig(dataset="parabola", n_samples=4, hidden=(2,), test_fraction=0, steps=100))
    >>> history.theta.shape, history.stopped
    ((101, 7), '')
    """
    if arrays:
        raise ValueError(
            "run takes a config alone, and arrays go to nncore.fit(x, y) or RunConfig.from_arrays(x, y); "
            f"got {len(arrays)} more"
        )
    if not isinstance(config, RunConfig):
        raise ValueError(f"config must be a RunConfig, such as RunConfig(dataset='moons'); got {reprlib.repr(config)}")
    if memory_budget is not None:
        config.check_memory(memory_budget)
    with attended(progress, "step", cancelled) as (bar, asked):
        told = _told(progress, bar, config.steps)
        start = start_of(config, parent, asked, told)
        keep_all = not compact or config.optimizer in OPTIMIZERS.own
        recorder = Recorder(config.layout(), config, state=None if keep_all else start.state)
        stopped, divergence = "", None
        silently = quiet()
        with blas_threads(config.blas_threads()):
            for step in configured_steps(config, start, recorder.storage):
                loss = float(step.loss)
                recorder.record(step.index, loss)
                if not silently.run(is_finite, step):
                    divergence = find_divergence(recorder.layout, step)
                    stopped = divergence.sentence()
                    break
                told(step.index, loss)
                if asked() and step.index < config.steps:
                    stopped = f"Stopped by hand at step {step.index} of {config.steps}."
                    break
        recorder.finish(stopped)
        return recorder.history(config, stopped, divergence)


def _told(progress: bool | Callable[[int, float], None], bar: Told | None, steps: int) -> Callable[[int, float], None]:
    """What is told of every step: the bar, the function that was given, or nobody."""
    if bar is not None:
        return lambda step, loss: bar(step, steps, f"loss {loss:.4g}")
    return progress if callable(progress) else lambda step, loss: None


def fit(
    x: Any,
    y: Any,
    *,
    task: str | None = None,
    test: tuple[Any, Any] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    progress: bool | Callable[[int, float], None] = False,
    memory_budget: int | None = MEMORY_BUDGET,
    **settings: Any,
) -> History:
    """Train on arrays or a DataFrame: `run(RunConfig.from_arrays(x, y, task, test=test, **settings))`.

    x (n_rows, n_inputs), y (n_rows,): all rows are taken, a fifth of them for testing unless `test_fraction` says otherwise
    or `test=(x_test, y_test)` gives test rows of your own; inputs and targets are standardized, on the training rows,
    unless `standardize` is False. `task` is regression or classification; by default it follows from y. Files of the
    history hold theta, gradients and probe rows: they open again anywhere, and what needs the other rows, such as the
    accuracy, finds them once RunConfig.from_arrays was given the same x and y. Raises ValueError as `RunConfig.from_arrays`
    and `run` do.

    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(100, 3))
    >>> history = fit(x, x[:, 0] > x[:, 1], hidden=(4,), steps=20)
    >>> history.config.n_train, history.config.loss_name, history.config.source.classes
    (80, 'bce', ('False', 'True'))
    """
    config = RunConfig.from_arrays(x, y, task, test=test, **settings)
    return run(config, cancelled=cancelled, progress=progress, memory_budget=memory_budget)
