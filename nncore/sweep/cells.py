"""A grid of two axes and seeds seen as a map: cells that fill in as results come, one number each."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nncore.diagnosis.rules import KINDS, RULES
from nncore.measures.measurement import Measurement
from nncore.model.layout import Array
from nncore.sweep.axes import as_coordinate
from nncore.sweep.blocks import Result
from nncore.sweep.grid import Grid
from nncore.sweep.report import ENDINGS, INITIAL_FLOW, LAST, Report, Row, column

VERDICTS = ("", *sorted(RULES, key=lambda name: (-RULES[name].severity, -KINDS.index(RULES[name].kind))))
"""What the quantity "verdict" counts: its number is a place in here, 0 when nothing is wrong; the gravest first."""


@dataclass(frozen=True)
class CellQuantity:
    """One number for every run, and one for every cell of runs: what a map can be coloured by.

    `report`: what the sweep has to note for it. `column`: where a row has it. `over`: "median", "share" (the mean of
    zeros and ones) or "most" (the number that most runs have).
    """

    name: str
    label: str
    about: str
    report: Report
    column: str
    over: str = "median"

    @property
    def step(self) -> int:
        """The step at which the δ norms per layer are noted beside it."""
        return self.report.steps[-1]

    def of(self, row: Row) -> float:
        """The number of a row, NaN where it has none; of a verdict its place in VERDICTS."""
        value = row.get(self.column)
        if value is None:
            return math.nan
        return float(VERDICTS.index(value)) if self.over == "most" else float(value)


_TRAINED = Report(steps=(LAST,), verdict=False)

CELL_QUANTITIES: dict[str, CellQuantity] = {
    quantity.name: quantity
    for quantity in (
        CellQuantity(
            "initial_flow",
            "δ first / last at step 0",
            "log₁₀ of layer 1's δ norm over the last layer's at initialization; nothing is trained.",
            INITIAL_FLOW,
            "log10_delta_ratio_at_0",
        ),
        CellQuantity(
            "final_flow",
            "δ first / last after training",
            "The same ratio at the last finite step.",
            Report(steps=(LAST,), scores=False, verdict=False),
            "log10_delta_ratio_at_last",
        ),
        CellQuantity(
            "final_loss",
            "Training loss at the end",
            "Loss on the training rows at the last finite step, penalties excluded.",
            _TRAINED,
            "train_loss",
        ),
        CellQuantity(
            "accuracy",
            "Training accuracy at the end",
            "Share of training rows put into the right class.",
            _TRAINED,
            "train_accuracy",
        ),
        CellQuantity(
            "trained",
            "Trained or not",
            "Share of runs whose loss ends below half of what the best constant prediction has.",
            _TRAINED,
            "trained",
            "share",
        ),
        CellQuantity(
            "verdict",
            "Verdict",
            "The gravest finding at the end, the one that most runs have.",
            Report(steps=(LAST,), scores=False),
            "verdict",
            "most",
        ),
    )
}
"""What a map can show, by name."""


class Cells:
    """The numbers of a grid's runs as they come in, over two of its axes; `y` is drawn upwards, `x` to the right.

    `axes` names the two, by default the first two of the grid. `fixed` gives one value for each further axis that
    is looked at in one place only; over all others, the seeds among them, a cell takes its runs together.
    `numbers` (n_y, n_x, n_together): one for each run, NaN where there is none. Raises ValueError on an axis that
    the grid has not, or that is named twice, and on a value that is not on its axis.

    >>> from nncore import RunConfig
    >>> from nncore.sweep import results
    >>> grid = Grid(RunConfig(hidden=(4,)), {"depth": (2, 8), "gain": (0.5, 1.0, 2.0)}, seeds=range(2))
    >>> cells = Cells(grid, CELL_QUANTITIES["initial_flow"])
    >>> for result in results(grid, cells.quantity.report):
    ...     cells.add(result)
    >>> measured = cells.measurement()
    >>> list(measured.axes), measured["initial_flow"].shape, cells.finished
    (['depth', 'gain'], (2, 3), 12)
    """

    def __init__(
        self,
        grid: Grid,
        quantity: CellQuantity,
        axes: tuple[str, str] | None = None,
        fixed: Mapping[str, Any] | None = None,
    ) -> None:
        names = list(grid.axes)
        chosen = axes or tuple(names[:2])
        if len(set(chosen)) != 2 or not set(chosen) <= set(names):
            raise ValueError(f"a map needs two different axes of {', '.join(names)}; got {', '.join(chosen)}")
        self.grid, self.quantity = grid, quantity
        self.y, self.x = chosen
        self._fixed = {name: _place_on(grid, name, value) for name, value in (fixed or {}).items()}
        self.together = tuple(name for name in names if name not in (*chosen, *self._fixed))
        self._sizes = tuple(len(grid.axes[name]) for name in self.together)
        n_together = math.prod(self._sizes)
        self.shape = (len(grid.axes[self.y]), len(grid.axes[self.x]), n_together)
        self.numbers = np.full(self.shape, np.nan)
        self.endings = np.full(self.shape, "", dtype=object)
        self._reasons: dict[tuple[int, ...], str] = {}
        self._delta: dict[tuple[int, ...], list[float]] = {}

    def __len__(self) -> int:
        """Runs that the cells are made of."""
        return math.prod(self.shape)

    @property
    def finished(self) -> int:
        """Runs that have come in."""
        return int((self.endings != "").sum())

    def place(self, run: int) -> tuple[int, int, int] | None:
        """(row, column, place within the cell) of a run of the grid; None where it is in no cell."""
        places = dict(zip(self.grid.axes, np.unravel_index(run, self.grid.shape), strict=True))
        if any(places[name] != place for name, place in self._fixed.items()):
            return None
        within = 0
        for name, size in zip(self.together, self._sizes, strict=True):
            within = within * size + int(places[name])
        return int(places[self.y]), int(places[self.x]), within

    def run(self, row: int, column_: int, within: int = 0) -> int:
        """The inverse of `place`: the number of a cell's first run, or of another one."""
        places = dict(self._fixed) | {self.y: row, self.x: column_}
        if self.together:
            found = map(int, np.unravel_index(within, self._sizes))
            places |= dict(zip(self.together, found, strict=True))
        return int(np.ravel_multi_index(tuple(places[name] for name in self.grid.axes), self.grid.shape))

    def add(self, result: Result) -> None:
        """Take in the rows of one block."""
        name = column("delta_norm", self.quantity.step)
        for run, row in result.rows.items():
            place = self.place(run)
            if place is None:
                continue
            self.numbers[place] = self.quantity.of(row)
            if row["reason"]:
                self._reasons[place] = row["reason"]
            if row.get(name):
                self._delta[place] = row[name]
            self.endings[place] = row["ending"]  # last: who sees it finds the rest

    def measurement(self) -> Measurement:
        """One number for each cell and how its runs ended. Axes: y, x.

        The quantity over the runs that have come in, infinities included (a gradient that is exactly 0 has the
        ratio −∞); NaN where none has a number. `finished`, `diverged`, `failed`: runs that ended so.
        """
        over = {"median": _median, "share": _mean, "most": _most}[self.quantity.over]
        values = {self.quantity.name: over(self.numbers)}
        for ending in ENDINGS:
            values[ending] = (self.endings == ending).sum(axis=-1)
        axes = {name: np.array([as_coordinate(value) for value in self.grid.axes[name]]) for name in (self.y, self.x)}
        count = self.shape[-1]
        what = "seeds" if self.together == ("seed",) else "runs"
        caveats = (f"Median of {count} {what}.",) if count > 1 and self.quantity.over == "median" else ()
        return Measurement(f"map of {self.quantity.name}", axes, values, caveats=caveats)

    def layers(self, row: int, column_: int) -> Array:
        """δ norm per layer of a cell, median over its runs; empty where none has come in, or they differ in depth."""
        found = [self._delta[place] for place in self._of(row, column_) if place in self._delta]
        return np.median(np.array(found), axis=0) if len({len(each) for each in found}) == 1 else np.empty(0)

    def reason(self, row: int, column_: int) -> str:
        """Why the first run of a cell that did not finish ended early."""
        return next((self._reasons[each] for each in self._of(row, column_) if each in self._reasons), "")

    def copy(self) -> Cells:
        """The same numbers, which no further results reach."""
        other = copy.copy(self)
        other.numbers, other.endings = self.numbers.copy(), self.endings.copy()
        other._reasons, other._delta = dict(self._reasons), dict(self._delta)
        return other

    def _of(self, row: int, column_: int) -> list[tuple[int, int, int]]:
        return [(row, column_, within) for within in range(self.shape[-1])]


def _place_on(grid: Grid, name: str, value: Any) -> int:
    if name not in grid.axes:
        raise ValueError(f"the grid has no axis {name}, but {', '.join(grid.axes)}")
    if value not in grid.axes[name]:
        raise ValueError(f"{name} must be one of {', '.join(map(str, grid.axes[name]))}; got {value}")
    return grid.axes[name].index(value)


def _median(numbers: np.ndarray) -> np.ndarray:
    """Median along the last axis of what is not NaN; of two middle values that are not finite, the lower one."""
    counts = np.logical_not(np.isnan(numbers)).sum(axis=-1)
    ordered = np.sort(numbers, axis=-1)
    lower, upper = (np.maximum(counts - 1, 0) // 2, np.maximum(counts, 1) // 2)
    upper = np.minimum(upper, numbers.shape[-1] - 1)
    low, high = (np.take_along_axis(ordered, place[..., None], axis=-1)[..., 0] for place in (lower, upper))
    with np.errstate(invalid="ignore"):
        middle = np.where(np.isfinite(low) & np.isfinite(high), (low + high) / 2, low)
    return np.where(counts > 0, middle, np.nan)


def _mean(numbers: np.ndarray) -> np.ndarray:
    known = np.logical_not(np.isnan(numbers))
    counts = known.sum(axis=-1)
    sums = np.where(known, numbers, 0.0).sum(axis=-1)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _most(numbers: np.ndarray) -> np.ndarray:
    """The verdict that is there most often along the last axis; of equals the first rule, nothing wrong last."""
    candidates = np.array([*range(1, len(VERDICTS)), 0])
    counts = (numbers[..., None] == candidates).sum(axis=-2)
    return np.where(counts.any(axis=-1), candidates[counts.argmax(axis=-1)].astype(np.float64), np.nan)
