"""A map of runs as background work: a set-up, two axes, a quantity and seeds, whose cells fill in one by one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from dashboard.jobs import limits
from dashboard.jobs.work import Sharing, Work
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
        base = config if CELL_QUANTITIES[quantity].report.training else at_initialization(config)
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

    @property
    def sharing(self) -> Sharing:
        return "session" if self.config.dataset == TABLE else "all"

    def seconds(self) -> float:
        """What it would take on this machine's cores, to a factor of about three."""
        return self._seconds

    @cached_property
    def _seconds(self) -> float:
        return estimated_seconds(self.grid, self.over.report) / cores()

    def cells(self) -> Cells:
        """The map without any result yet."""
        return Cells(self.grid, self.over)

    def results(self, cancelled: Callable[[], bool], scheduler: str | None, allowed: Limits) -> Iterator[Result]:
        """Its results as they come; an uploaded table does not leave this process."""
        own = self.config.dataset == TABLE
        return results(
            self.grid,
            self.over.report,
            scheduler=None if own else scheduler,
            workers=1 if own else None,
            limits=allowed,
            cancelled=cancelled,
        )

    def history_bytes(self) -> int:
        """Memory of the cells, roughly: numbers per layer, for each run."""
        depth = max((value for name, values in (self.y, self.x) if name == "depth" for value in values), default=0)
        return len(self.grid) * (500 + 40 * max(depth, self.config.depth))

    def check_budget(self, seconds: float, size: int) -> None:
        """Raise ValueError, with the estimate and what to reduce, when the map would cost more than is allowed.

        `size` bounds the history of each run while it is worked on; a cell whose history is larger says so itself.
        """
        runs = len(self.grid)
        if runs // self.n_seeds > limits.MOST_CELLS:
            raise ValueError(
                f"a map has at most {limits.MOST_CELLS:,} cells and this one has {runs // self.n_seeds:,}: take fewer values"
            )
        if runs > limits.MOST_RUNS:
            raise ValueError(
                f"a map has at most {limits.MOST_RUNS:,} runs and this one has {runs:,}: take fewer seeds or values"
            )
        if self.seconds() > seconds:
            remedy = ", fewer steps in the sidebar" if self.over.report.training else ""
            raise ValueError(
                f"these {runs:,} runs would take about {self.seconds():,.0f} s and {seconds:,.0f} s are allowed: take fewer "
                f"values on an axis, fewer seeds{remedy}, or smaller networks"
            )

    def work(self) -> MapTraining:
        return MapTraining(self)


class MapTraining(Work):
    """A map whose `cells` fill in while it is worked on; its steps are runs.

    Computed on this machine, or on the operator's Dask scheduler.
    """

    request: MapRequest

    def __init__(self, request: MapRequest, cells: Cells | None = None) -> None:
        super().__init__(request)
        self.given = cells is not None
        self.cells = cells or request.cells()

    @property
    def steps(self) -> int:
        return len(self.cells)

    def compute(self) -> Cells:
        if self.given:
            return self.cells
        scheduler = limits.scheduler()
        allowed = Limits(limits.bytes_allowed(), limits.seconds_allowed())
        try:
            for result in self.request.results(self.cancelled, scheduler, allowed):
                self.cells.add(result)
                self.report(self.cells.finished)
        except (ValueError, ConnectionError):
            if scheduler is None:
                raise
            logging.getLogger(__name__).exception("the map could not be computed at %s", scheduler)
            raise ConnectionError(
                "the Dask scheduler that computes the maps of this site does not answer, or has no workers"
            ) from None
        return self.cells

    def progress_text(self) -> str:
        return f"{self.cells.finished:,} of {self.steps:,} runs"

    def up_to_here(self) -> MapTraining:
        return MapTraining(self.request, self.cells.copy())


def at_initialization(config: RunConfig) -> RunConfig:
    """What of a config decides its first weights: runs that differ in training only share their spectrum."""
    decisive = {
        setting.name: getattr(config, setting.name)
        for setting in RunConfig.fields()
        if setting.metadata["group"] != "training" or setting.name in ("loss", "seed", "dtype", "probe_size")
    }
    return RunConfig(steps=0, **decisive)
