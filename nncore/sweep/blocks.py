"""Runs of one shape, trained together and turned into rows: what one worker does at a time."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import numpy as np

from nncore.config.cost import check_budget
from nncore.config.own import unpack
from nncore.config.run_config import RunConfig
from nncore.history.history import History
from nncore.measures import per_layer
from nncore.model.initializers import StoppedEarly
from nncore.sweep.grid import Runs
from nncore.sweep.report import LAST, Report, Row, failed, note, note_initial
from nncore.training import MEMORY_BUDGET
from nncore.training.many_runs import MAY_DIFFER, run_many, runs_at_once

BLOCK_BYTES = 2**28
"""Histories of one block together, 256 MiB: unless a single one is larger."""

MOST_TOGETHER = 1024
"""Runs of one block, however small they are: so that results keep coming."""

ONE_SHAPE = attrgetter(
    *(setting.name for setting in RunConfig.fields() if setting.name not in MAY_DIFFER - {"dataset", "probe_size"})
)
"""What the runs of a block have in common."""


@dataclass(frozen=True)
class Limits:
    """What one run may cost: bytes of history, and seconds on one core by `nncore.config.cost`'s estimate."""

    bytes: int = MEMORY_BUDGET
    seconds: float = math.inf

    def to_dict(self) -> dict[str, float | None]:
        """Both as JSON-able values; None for no limit."""
        return {"bytes": self.bytes, "seconds": None if math.isinf(self.seconds) else self.seconds}

    @classmethod
    def from_dict(cls, facts: dict[str, Any]) -> Limits:
        """What `to_dict` wrote."""
        return cls(facts["bytes"], math.inf if facts["seconds"] is None else facts["seconds"])


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True)
class Block:
    """Run numbers and their configs, all of one shape."""

    runs: tuple[int, ...]
    configs: tuple[RunConfig, ...]

    def alone(self) -> Iterator[Block]:
        """Each run as a block of its own."""
        return (Block((run,), (config,)) for run, config in zip(self.runs, self.configs, strict=True))


@dataclass
class Result:
    """What a block gives: a row per run, and what else the report asks for, by run number.

    `layers`: columns of the per-layer table. `histories`: Parquet files. A run that was cancelled is missing.
    """

    rows: dict[int, Row] = field(default_factory=dict)
    layers: dict[int, dict[str, np.ndarray]] = field(default_factory=dict)
    histories: dict[int, bytes] = field(default_factory=dict)

    def update(self, other: Result) -> None:
        """Take over another block's runs."""
        self.rows |= other.rows
        self.layers |= other.layers
        self.histories |= other.histories


def plan(
    runs: Runs, report: Report, done: Collection[int] = frozenset(), workers: int = 1
) -> Iterator[Block | tuple[int, str]]:
    """Blocks of runs that can be trained together, in the order of the runs; (run, why) where there is none.

    A block holds what fits into the cache and BLOCK_BYTES, and no more than a quarter of a worker's share, so
    that all stay busy. Only run numbers wait for a block to fill up, so a grid may be of any size.
    """
    share = max(1, math.ceil((len(runs) - len(done)) / (4 * workers))) if workers > 1 else MOST_TOGETHER
    open_blocks: dict[tuple[Any, ...], list[int]] = {}
    sizes: dict[tuple[Any, ...], int] = {}
    for run in range(len(runs)):
        if run in done:
            continue
        try:
            config = runs[run]
            shape = ONE_SHAPE(config)
            if shape not in sizes:
                sizes[shape] = min(share, MOST_TOGETHER, _fitting(config, report))
        except ValueError as error:
            yield run, str(error)
            continue
        waiting = open_blocks.setdefault(shape, [])
        waiting.append(run)
        if len(waiting) == sizes[shape]:
            yield _block(runs, open_blocks.pop(shape))
    for waiting in open_blocks.values():
        yield _block(runs, waiting)


def _block(runs: Runs, numbers: list[int]) -> Block:
    return Block(tuple(numbers), tuple(runs[number] for number in numbers))


def _fitting(config: RunConfig, report: Report) -> int:
    size = runs_at_once(config)
    return max(1, min(size, BLOCK_BYTES // max(config.history_bytes(), 1))) if report.training else size


def run_block(block: Block, report: Report, limits: Limits, cancelled: Callable[[], bool] | None = None) -> Result:
    """Train and measure a block. A run over its limits, or that breaks with an error, is a row that says so.

    The rows' bits do not depend on the block. A run that was `cancelled` on the way has no row.
    """
    result = Result()
    within: list[tuple[int, RunConfig]] = []
    for run, config in zip(block.runs, block.configs, strict=True):
        try:
            check_budget(config if report.training else config.replace(steps=0), limits.seconds, limits.bytes)
            within.append((run, config))
        except ValueError as error:
            result.rows[run] = failed(report, str(error))
    if not within:
        return result
    kept = Block(*(tuple(each) for each in zip(*within, strict=True)))
    try:
        result.update(_trained(kept, report, cancelled or _never))
    except StoppedEarly:
        return result
    except Exception as error:
        if len(kept.runs) == 1:
            result.rows[kept.runs[0]] = failed(report, f"{type(error).__name__}: {error}")
        else:
            for one in kept.alone():
                result.update(run_block(one, report, limits, cancelled))
    return result


def run_block_with(block: Block, report: Report, limits: Limits, own: bytes) -> Result:
    """`run_block` in another process, with the functions that were registered in the one it comes from."""
    unpack(own)
    return run_block(block, report, limits)


def _trained(block: Block, report: Report, cancelled: Callable[[], bool]) -> Result:
    if not report.training:
        rows = note_initial(block.configs, report, cancelled)
        return Result(dict(zip(block.runs, rows, strict=True)))
    histories = run_many(block.configs, cancelled=cancelled, memory_budget=None, workers=1)
    kept = [(run, history) for run, history in zip(block.runs, histories, strict=True) if not history.was_stopped]
    if not kept:
        return Result()
    numbers, ended = zip(*kept, strict=True)
    result = Result(dict(zip(numbers, note(ended, report), strict=True)))
    for run, history in kept:
        if report.layers:
            result.layers[run] = _layers(history, report)
        if report.histories:
            result.histories[run] = _file(history)
    return result


def _layers(history: History, report: Report) -> dict[str, np.ndarray]:
    """The quantities at the report's steps as columns: step, layer, and one for each quantity."""
    steps = [history.step[history.last_finite] if step == LAST else step for step in report.steps]
    records = np.unique([history.nearest(step) for step in steps if step <= history.step[-1]])
    measured = per_layer(history, report.quantities, records)
    step, layer = np.meshgrid(*measured.axes.values(), indexing="ij")
    values = {name: each.ravel() for name, each in measured.values.items()}
    return {"step": step.ravel(), "layer": layer.ravel(), **values}


def _file(history: History) -> bytes:
    file = io.BytesIO()
    history.to_parquet(file)
    return file.getvalue()


def _never() -> bool:
    return False
