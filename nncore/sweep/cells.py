"""A grid of two axes and seeds seen as a map: cells that fill in as results come, one number each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nncore.diagnosis.rules import RULES
from nncore.measurement import Measurement
from nncore.sweep.blocks import Result
from nncore.sweep.grid import Grid
from nncore.sweep.report import INITIAL_FLOW, LAST, Report, Row, column

VERDICTS = ("", *RULES)
"""What the quantity "verdict" counts: its number is a place in here, 0 when nothing is wrong."""


@dataclass(frozen=True)
class CellQuantity:
    """One number for every run, and one for every cell of seeds: what a map can be coloured by.

    `report`: what the sweep has to note for it. `of(row)`: the number, NaN where there is none. `over`: "median",
    "share" (the mean of zeros and ones) or "most" (the number that most seeds have).
    """

    name: str
    label: str
    about: str
    report: Report
    of: Callable[[Row], float]
    over: str = "median"

    @property
    def step(self) -> int:
        """The step at which the δ norms per layer are noted beside it."""
        return self.report.steps[-1]


def _number(name: str) -> Callable[[Row], float]:
    return lambda row: np.nan if row.get(name) is None else float(row[name])


CELL_QUANTITIES: dict[str, CellQuantity] = {
    quantity.name: quantity
    for quantity in (
        CellQuantity(
            "initial_flow", "δ first / last at step 0",
            "log₁₀ of layer 1's δ norm over the last layer's at initialization; nothing is trained.",
            INITIAL_FLOW, _number("log10_delta_ratio_at_0"),
        ),
        CellQuantity(
            "final_flow", "δ first / last after training",
            "The same ratio at the last finite step.",
            Report(steps=(LAST,), scores=False, verdict=False), _number("log10_delta_ratio_at_last"),
        ),
        CellQuantity(
            "final_loss", "Training loss at the end",
            "Loss on the training rows at the last finite step, penalties excluded.",
            Report(steps=(LAST,), verdict=False), _number("train_loss"),
        ),
        CellQuantity(
            "accuracy", "Training accuracy at the end",
            "Share of training rows put into the right class.",
            Report(steps=(LAST,), verdict=False), _number("train_accuracy"),
        ),
        CellQuantity(
            "trained", "Trained or not",
            "Share of seeds whose loss ends below half of what the best constant prediction has.",
            Report(steps=(LAST,), verdict=False), _number("trained"), "share",
        ),
        CellQuantity(
            "verdict", "Verdict",
            "The gravest finding at the end, the one that most seeds have.",
            Report(steps=(LAST,), scores=False),
            lambda row: np.nan if row.get("verdict") is None else float(VERDICTS.index(row["verdict"])), "most",
        ),
    )
}  # fmt: skip
"""What a map can show, by name."""


class Cells:
    """The numbers of a grid's runs as they come in; the first axis is drawn upwards, the second to the right.

    Raises ValueError unless the grid has two axes and seeds behind them.

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

    def __init__(self, grid: Grid, quantity: CellQuantity) -> None:
        if len(grid.shape) != 3 or list(grid.axes)[-1] != "seed":
            raise ValueError(f"a map needs two axes and seeds; got {', '.join(grid.axes)}")
        self.grid, self.quantity = grid, quantity
        self.numbers = np.full(grid.shape, np.nan)
        self.endings = np.full(grid.shape, "", dtype=object)
        self.reasons: dict[int, str] = {}
        self.delta: dict[int, list[float]] = {}

    @property
    def finished(self) -> int:
        """Runs that have come in."""
        return int((self.endings != "").sum())

    def add(self, result: Result) -> None:
        """Take in the rows of one block."""
        name = column("delta_norm", self.quantity.step)
        for run, row in result.rows.items():
            place = np.unravel_index(run, self.grid.shape)
            self.numbers[place] = self.quantity.of(row)
            self.endings[place] = row["ending"]
            if row["reason"]:
                self.reasons[run] = row["reason"]
            if row.get(name):
                self.delta[run] = row[name]

    def measurement(self) -> Measurement:
        """One number for each cell and how its seeds ended. Axes: the grid's two.

        The quantity over the seeds that have come in, infinities included (a gradient that is exactly 0 has the
        ratio −∞); NaN where none has a number. `finished`, `diverged`, `failed`: seeds that ended so.
        """
        over = {"median": _median, "share": _mean, "most": _most}[self.quantity.over]
        values = {self.quantity.name: over(self.numbers)}
        for ending in ("finished", "diverged", "failed"):
            values[ending] = (self.endings == ending).sum(axis=-1)
        axes = {name: np.array(list(map(_plain, self.grid.axes[name]))) for name in list(self.grid.axes)[:2]}
        seeds = self.grid.shape[-1]
        caveats = (f"Median of {seeds} seeds.",) if seeds > 1 and self.quantity.over == "median" else ()
        return Measurement(f"map of {self.quantity.name}", axes, values, caveats=caveats)

    def layers(self, row: int, column_: int) -> np.ndarray:
        """δ norm per layer of a cell, median over its seeds; empty where none has come in."""
        runs = [
            int(np.ravel_multi_index((row, column_, seed), self.grid.shape))
            for seed in range(self.grid.shape[2])
        ]
        found = [self.delta[run] for run in runs if run in self.delta]
        return np.median(np.array(found), axis=0) if found else np.empty(0)

    def reason(self, row: int, column_: int) -> str:
        """Why the first seed of a cell that did not finish ended early."""
        for seed in range(self.grid.shape[2]):
            run = int(np.ravel_multi_index((row, column_, seed), self.grid.shape))
            if run in self.reasons:
                return self.reasons[run]
        return ""


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
    """The number that is there most often along the last axis; of equals the lowest."""
    candidates = np.arange(len(VERDICTS))
    counts = (numbers[..., None] == candidates).sum(axis=-2)
    return np.where(counts.any(axis=-1), counts.argmax(axis=-1).astype(np.float64), np.nan)


def _plain(value: object) -> object:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else value
