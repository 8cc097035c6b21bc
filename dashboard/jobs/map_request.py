"""A map that a reader asks for: a set-up, two axes, a quantity and seeds; described completely, and hashable."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from dashboard.jobs.initialization import at_the_start
from nncore import RunConfig
from nncore.config.run_config import TABLE
from nncore.sweep import (
    CELL_QUANTITIES,
    CellQuantity,
    Cells,
    Grid,
    Limits,
    Result,
    apply_axes,
    estimated_seconds,
    results,
)
from nncore.sweep.workers import cores

MOST_CELLS = 3600
MOST_RUNS = 20_000
"""More cells are no longer seen apart, and more runs are a sweep of its own."""

Axis = tuple[str, tuple[Any, ...]]
"""(name, its values)."""


@dataclass(frozen=True)
class MapRequest:
    """A map of `config` over two axes, `y` upwards and `x` to the right, each cell with `n_seeds` seeds.

    Made by `of`, which leaves out of the config what the map does not depend on.
    """

    config: RunConfig
    y: Axis
    x: Axis
    quantity: str
    n_seeds: int = 1

    @classmethod
    def of(cls, config: RunConfig, y: Axis, x: Axis, quantity: str, n_seeds: int = 1) -> MapRequest:
        """The map of a config: the same one for all configs that have the same map.

        The settings that the axes set do not matter, and at initialization those of training do not either.
        """
        base = config if CELL_QUANTITIES[quantity].report.training else at_the_start(config)
        for name, values in (y, x):
            try:
                base = apply_axes(base, {name: 1 if name == "depth" else values[0]})
            except ValueError:  # a value that goes only with one of the other axis
                continue
        return cls(base, y, x, quantity, n_seeds)

    @property
    def over(self) -> CellQuantity:
        """The quantity with its facts."""
        return CELL_QUANTITIES[self.quantity]

    @cached_property
    def grid(self) -> Grid:
        """All its runs; raises ValueError where the two axes set the same thing."""
        seeds = [(self.config.seed + place) % 2**32 for place in range(self.n_seeds)]
        return Grid(self.config, dict([self.y, self.x]), seeds)

    @cached_property
    def seconds(self) -> float:
        """What it would take on this machine's cores, to a factor of about three."""
        return estimated_seconds(self.grid, self.over.report) / cores()

    def cells(self) -> Cells:
        """The map without any result yet."""
        return Cells(self.grid, self.over)

    def results(self, cancelled: Callable[[], bool], scheduler: str | None, limits: Limits) -> Iterator[Result]:
        """Its results as they come; a table of somebody's own does not leave this process."""
        own = self.config.dataset == TABLE
        return results(
            self.grid,
            self.over.report,
            scheduler=None if own else scheduler,
            workers=1 if own else None,
            limits=limits,
            cancelled=cancelled,
        )

    def history_bytes(self) -> int:
        """Memory of the cells, roughly: numbers per layer, for each run."""
        depth = max((value for name, values in (self.y, self.x) if name == "depth" for value in values), default=0)
        return len(self.grid) * (500 + 40 * max(depth, self.config.depth))

    def check_budget(self, seconds: float) -> None:
        """Raise ValueError, with the estimate and what to reduce, when the map would cost more than is allowed."""
        runs = len(self.grid)
        if runs // self.n_seeds > MOST_CELLS:
            raise ValueError(
                f"a map has at most {MOST_CELLS:,} cells and this one has {runs // self.n_seeds:,}: take fewer values"
            )
        if runs > MOST_RUNS:
            raise ValueError(
                f"a map has at most {MOST_RUNS:,} runs and this one has {runs:,}: take fewer seeds or values"
            )
        if self.seconds > seconds:
            remedy = ", fewer steps in the sidebar" if self.over.report.training else ""
            raise ValueError(
                f"these {runs:,} runs would take about {self.seconds:,.0f} s and {seconds:,.0f} s are allowed: take fewer "
                f"values on an axis, fewer seeds{remedy}, or smaller networks"
            )
