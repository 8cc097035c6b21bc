"""nncore: `train` writes into the history, and the statistics are taken from the passes on the tape.

Those of small networks are copied and taken of several steps at once.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.layer_statistics import Passes, layer_statistics, passes
from benchmarks.workloads import Problem, Recording
from nncore import LOSSES, MLP, sgd, train
from nncore.model.layout import Array
from nncore.numerics.blas import blas_threads

KEPT_BYTES = 2**20
"""The passes of so many steps stay in the cache together."""

RUNS_AT_ONCE = 4

Rows = Callable[[tuple[int, ...], np.dtype], Array]
"""(shape, dtype) -> memory of theta, gradients or statistics."""

concatenate = np.concatenate
"""What puts a step's passes beside those of other steps."""


def prepare(problem: Problem, history_rows: Rows = np.empty) -> Callable[[], Recording]:
    work = problem.workload
    if work.runs == 1:
        return lambda: _train(problem, problem.theta, problem.x, problem.y, history_rows)
    seeds = [work.problem(seed) for seed in range(work.runs)]
    blocks = [
        tuple(
            np.stack([getattr(each, name) for each in seeds[start : start + RUNS_AT_ONCE]])
            for name in ("theta", "x", "y")
        )
        for start in range(0, work.runs, RUNS_AT_ONCE)
    ]

    def ensemble() -> Recording:
        if work.threads == 1:
            parts = [_train(problem, *block, history_rows) for block in blocks]
        else:
            from concurrent.futures import ThreadPoolExecutor

            with ThreadPoolExecutor(work.threads) as pool:
                parts = list(pool.map(lambda block: _train(problem, *block, history_rows), blocks))
        return Recording(
            sum(part.passes for part in parts),
            *(
                [run for part in parts for run in np.moveaxis(getattr(part, name), 1, 0)]
                for name in ("theta", "loss", "grad", "statistics")
            ),
        )

    return ensemble


def one_by_one(problem: Problem) -> Callable[[], Recording]:
    """The runs of an ensemble one after the other."""
    seeds = [problem.workload.problem(seed) for seed in range(problem.workload.runs)]

    def loop() -> Recording:
        parts = [_train(each, each.theta, each.x, each.y, np.empty) for each in seeds]
        recorded = ([getattr(part, name) for part in parts] for name in ("theta", "loss", "grad", "statistics"))
        return Recording(sum(part.passes for part in parts), *recorded)

    return loop


def _train(problem: Problem, first: np.ndarray, x: np.ndarray, y: np.ndarray, history_rows: Rows) -> Recording:
    work, layout = problem.workload, problem.workload.layout
    network, n, lead = MLP(layout, work.activation), work.records, first.shape[:-1]
    per_step = 3 * sum(layout.widths) * x[..., 0].size * first.itemsize
    keep = max(1, min(n, KEPT_BYTES // per_step))
    padded = -(-n // keep) * keep
    theta = history_rows((padded, *lead, layout.n_params), first.dtype)
    grad, loss = history_rows(theta.shape, theta.dtype), np.empty((n, *lead))
    statistics = history_rows((padded, *lead, layout.n_layers, 14), first.dtype)
    steps = train(
        network,
        LOSSES["mse"],
        sgd(work.learning_rate),
        first,
        x,
        y,
        n - 1,
        storage=(np.moveaxis(theta, 0, -2), np.moveaxis(grad, 0, -2)),
    )
    seen: Passes = []
    with blas_threads(work.threads if work.runs == 1 else 1), np.errstate(all="ignore"):
        for step in steps:
            loss[step.index] = step.loss
            if not seen:  # in full batches every step is on the same tape
                seen = passes(step.tape)
                flat = [layer for stack in seen for each in stack for layer in each]
                kept = np.zeros((keep, *lead, sum(each.shape[-1] for each in flat)), first.dtype)
                kept_passes = _as_passes(kept, seen)
            if keep == 1:
                statistics[step.index] = layer_statistics(layout, step.theta, step.grad, seen)
                continue
            concatenate(flat, axis=-1, out=kept[step.index % keep])
            if (step.index + 1) % keep == 0 or step.index == n - 1:
                block = slice(step.index // keep * keep, (step.index // keep + 1) * keep)
                statistics[block] = layer_statistics(layout, theta[block], grad[block], kept_passes)
    return Recording((step.index + 1) * loss[0].size, theta[:n], loss, grad[:n], statistics[:n])


def _as_passes(kept: Array, like: Passes) -> Passes:
    """The passes of several steps, side by side in kept (n_steps, ..., n), each array with the steps before its runs."""
    found, start = [], 0
    for stack in like:
        arrays = []
        for each in stack:
            n_layers, length = each.shape[0], each.shape[-1]
            part = kept[..., start : start + n_layers * length]
            arrays.append(np.moveaxis(part.reshape(*kept.shape[:-1], n_layers, length), -2, 0))
            start += n_layers * length
        found.append(tuple(arrays))
    return found
