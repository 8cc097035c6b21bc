"""Many runs of one shape trained together: the same bits as one after the other, in a fraction of the time."""

from __future__ import annotations

import os
import reprlib
from collections.abc import Callable, Sequence

import numpy as np

from nncore.config.fork import Fork
from nncore.config.run_config import RunConfig
from nncore.display.progress import Told, attended
from nncore.history.history import History
from nncore.numerics.blas import blas_threads
from nncore.training import MEMORY_BUDGET, Recorder, run, train_as
from nncore.training.start import first_theta

MAY_DIFFER = frozenset({"seed", "dataset", "noise", "init", "init_scale", "gain", "bias_std", "probe_size"})
"""Settings that decide a run's rows and first theta: the runs of an ensemble agree in all others."""

BLOCK_ELEMENTS = 2**16
"""Entries of the widest layer's z in one block of runs: four to eight runs of 32 units and 256 rows."""


def run_many(
    configs: Sequence[RunConfig],
    *,
    cancelled: Callable[[], bool] = lambda: False,
    progress: bool | Callable[[int], None] = False,
    memory_budget: int | None = MEMORY_BUDGET,
    workers: int | None = None,
) -> list[History]:
    """`[run(config) for config in configs]`, trained in blocks: theta (n_runs, n_params), on several threads.

    The configs may differ in `MAY_DIFFER` alone, and have as many training rows and outputs each; forks are
    trained one by one. Every run has the bits that `run` gives it; one that diverges ends by itself and disturbs
    no other. `cancelled()` is asked at every step of every block, from its thread, and keeps what there is; `progress(step)` is
    told of every step of every block, and True draws a bar over all runs' steps: Ctrl-C then keeps what there is, too.
    `workers` threads; by default one a core. Raises ValueError when a config does not fit the first, or when all histories together
    would be larger than `memory_budget` bytes; StoppedEarly, which is one, when
    it was cancelled before the first weights were there.

    >>> configs = [RunConfig(hidden=(3,), steps=2, seed=seed) for seed in range(3)]
    >>> [bool((many.theta == run(alone).theta).all()) for many, alone in zip(run_many(configs), configs)]
    [True, True, True]
    """
    from concurrent.futures import ThreadPoolExecutor

    configs = list(configs)
    for config in configs:
        _check_fits(config, configs[0])
        if memory_budget is not None:
            config.check_memory(memory_budget // len(configs))
    if not configs:
        return []
    size = 1 if any(isinstance(config, Fork) for config in configs) else runs_at_once(configs[0])
    blocks = [configs[start : start + size] for start in range(0, len(configs), size)]
    with attended(progress, "step", cancelled) as (bar, asked):
        told = _told(progress, bar, blocks)
        with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
            parts = list(pool.map(lambda block, each: _run_block(block, asked, each), blocks, told))
    return [history for part in parts for history in part]


def _told(
    progress: bool | Callable[[int], None], bar: Told | None, blocks: list[list[RunConfig]]
) -> list[Callable[[int], None]]:
    """For each block what is told of its steps: the bar over all runs' steps, the function that was given, or nobody."""
    if bar is None:
        given = progress if callable(progress) else lambda step: None
        return [given] * len(blocks)
    total = sum(config.steps - config.first_step for block in blocks for config in block)
    done = [0] * len(blocks)

    def of(place: int) -> Callable[[int], None]:
        def told(step: int) -> None:
            done[place] = len(blocks[place]) * max(0, step - blocks[place][0].first_step)
            bar(sum(done), total, "")

        return told

    return [of(place) for place in range(len(blocks))]


def _run_block(
    configs: list[RunConfig], cancelled: Callable[[], bool], progress: Callable[[int], None]
) -> list[History]:
    """One block of runs; those that do not stay finite are trained again, alone, to their end."""
    if isinstance(configs[0], Fork):
        return [
            run(config, cancelled=cancelled, progress=lambda step, loss: progress(step), memory_budget=None)
            for config in configs
        ]
    first = configs[0]
    recorder = Recorder(first.layout(), first, (len(configs),))
    batches = [config.batches() for config in configs]
    finite = np.ones(len(configs), bool)
    stopped = ""
    with blas_threads(first.blas_threads()), np.errstate(all="ignore"):
        steps = train_as(
            first,
            np.stack([first_theta(config, cancelled, len(configs)) for config in configs]),
            np.stack([config.data().x_train.astype(config.dtype) for config in configs]),
            np.stack([config.targets(config.data().y_train) for config in configs]),
            None if batches[0] is None else map(np.stack, zip(*batches, strict=True)),
            recorder.storage,
        )
        for step in steps:
            recorder.record(step.index, step.loss)
            progress(step.index)
            finite &= np.isfinite(step.loss) & np.isfinite(np.vecdot(step.theta, step.grad))
            if cancelled() and step.index < first.steps:
                stopped = f"Stopped by hand at step {step.index} of {first.steps}."
                break
            if not finite.any():
                break
    recorder.finish(stopped)
    return [
        recorder.history(config, stopped, None, (place,))
        if finite[place]
        else run(config, cancelled=cancelled, memory_budget=None)
        for place, config in enumerate(configs)
    ]


def runs_at_once(config: RunConfig, elements: int | None = None) -> int:
    """Runs of this shape whose widest z has no more than BLOCK_ELEMENTS entries together, 1 or more."""
    return max(1, (elements or BLOCK_ELEMENTS) // (max(config.layout().widths) * config.batch_rows()))


def _check_fits(config: RunConfig, first: RunConfig) -> None:
    """Raise ValueError when a config cannot be trained together with the first."""
    for field in RunConfig.fields():
        name = field.name
        theirs, ours = getattr(first, name), getattr(config, name)
        if name not in MAY_DIFFER and ours != theirs:
            raise ValueError(
                f"the runs of an ensemble must agree in {name}; got {reprlib.repr(theirs)} and {reprlib.repr(ours)} "
                f"(they may differ in {', '.join(sorted(MAY_DIFFER))})"
            )
    shape = (config.layout(), config.n_train, config.loss_name)
    if shape != (first.layout(), first.n_train, first.loss_name):
        raise ValueError(
            "the runs of an ensemble must have the same widths, training rows and loss; "
            f"got {first.dataset} and {config.dataset}"
        )
