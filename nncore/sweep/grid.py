"""The runs of a sweep: a grid over settings and seeds, or a list; each run is made when it is looked at."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from nncore.config.fork import Fork
from nncore.config.run_config import RunConfig
from nncore.config.settings import plain
from nncore.sweep.axes import apply_axes, check_no_overlap, checked_axis

MOST_RUNS = 100_000_000


class Grid:
    """Every combination of the axes' values, the last axis running fastest; seeds are an axis behind them.

    `base` holds all other settings. `axes` maps a RunConfig field, or one of NAMED_AXES (depth, width,
    sigma_w2, sigma_b2), to its values. Raises ValueError on a value that its setting never takes; a combination that
    does not go together raises only when it is looked at, and is a row that failed in a sweep.

    >>> grid = Grid(RunConfig(hidden=(8, 8)), {"depth": (1, 2, 3), "gain": (0.5, 1.5)}, seeds=range(5))
    >>> grid.shape, len(grid), grid[-1].hidden, grid.coordinates(6)
    ((3, 2, 5), 30, (8, 8, 8), {'depth': 1, 'gain': 1.5, 'seed': 1})
    """

    def __init__(self, base: RunConfig, axes: Mapping[str, Iterable[Any]], seeds: Iterable[int] | None = None) -> None:
        given = dict(axes)
        if seeds is not None:
            if "seed" in given:
                raise ValueError("seed is an axis already: give no seeds beside it")
            given["seed"] = seeds
        self.base = _from_the_beginning(base)
        self.axes = {name: checked_axis(name, values) for name, values in given.items()}
        check_no_overlap(self.axes)
        if len(self) > MOST_RUNS:
            raise ValueError(f"a grid has at most {MOST_RUNS:,} runs; got {len(self):,}")

    @property
    def shape(self) -> tuple[int, ...]:
        """Values per axis, seeds last."""
        return tuple(len(values) for values in self.axes.values())

    def __len__(self) -> int:
        return math.prod(self.shape)

    def __getitem__(self, run: int) -> RunConfig:
        return apply_axes(self.base, self.coordinates(run))

    def __iter__(self) -> Iterator[RunConfig]:
        return (self[run] for run in range(len(self)))

    def coordinates(self, run: int) -> dict[str, Any]:
        """Axis name -> value of this run; raises IndexError outside the grid."""
        places = np.unravel_index(range(len(self))[run], self.shape)
        return {name: values[place] for (name, values), place in zip(self.axes.items(), places, strict=True)}

    def to_dict(self) -> dict[str, Any]:
        """The base and the axes as JSON-able values."""
        axes = {name: [plain(value) for value in values] for name, values in self.axes.items()}
        return {"base": self.base.to_dict(), "axes": axes}


class Listed:
    """Runs given one by one."""

    def __init__(self, configs: Sequence[RunConfig]) -> None:
        self.configs = tuple(_from_the_beginning(config) for config in configs)

    def __len__(self) -> int:
        return len(self.configs)

    def __getitem__(self, run: int) -> RunConfig:
        return self.configs[run]

    def __iter__(self) -> Iterator[RunConfig]:
        return iter(self.configs)

    def coordinates(self, run: int) -> dict[str, Any]:
        """A list has no axes."""
        return {}

    def to_dict(self) -> dict[str, Any]:
        """All configs as JSON-able values."""
        return {"configs": [config.to_dict() for config in self.configs]}


Runs = Grid | Listed
"""What is swept over: run number 0 ... n-1 -> config. The number is the row of the table."""


def as_runs(runs: Runs | Sequence[RunConfig]) -> Runs:
    """A grid as it is, a sequence of configs as `Listed`."""
    return runs if isinstance(runs, (Grid, Listed)) else Listed(runs)


def runs_from_dict(facts: Mapping[str, Any]) -> Runs:
    """What `to_dict` wrote. Raises ValueError or KeyError where it is something else."""
    if "configs" in facts:
        return Listed([RunConfig.from_dict(each) for each in facts["configs"]])
    axes = {name: [_from_plain(value) for value in values] for name, values in facts["axes"].items()}
    return Grid(RunConfig.from_dict(facts["base"]), axes)


def key(config: RunConfig) -> str:
    """16 hexadecimal digits that stand for all settings: equal for equal runs, on every machine."""
    text = json.dumps(config.to_dict(), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _from_the_beginning(config: RunConfig) -> RunConfig:
    if isinstance(config, Fork):
        raise ValueError(f"a sweep takes runs from their beginning; got a fork that begins at step {config.at}")
    return config


def _from_plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
