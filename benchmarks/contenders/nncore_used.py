"""nncore on memory that has been written to before: without what the system takes to give a history fresh pages."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.contenders import nncore
from benchmarks.workloads import Problem, Recording
from nncore.model.layout import Array


class UsedRows:
    """Memory of a history that has been written to before, the same for each run."""

    def __init__(self) -> None:
        self.kept: list[Array] = []
        self.given = 0

    def begin(self) -> None:
        """Hand out the first rows again."""
        self.given = 0

    def __call__(self, shape: tuple[int, ...], dtype: np.dtype) -> Array:
        if self.given == len(self.kept):
            self.kept.append(np.zeros(shape, dtype) + 1)
        self.given += 1
        return self.kept[self.given - 1]


def prepare(problem: Problem) -> Callable[[], Recording]:
    rows = UsedRows()
    train = nncore.prepare(problem, rows)

    def again() -> Recording:
        rows.begin()
        return train()

    return again
