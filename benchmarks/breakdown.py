"""Where nncore's time goes in each workload, in parts that add up to the whole: `python -m benchmarks breakdown`."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.contenders import nncore
from benchmarks.workloads import WORKLOADS, Problem
from nncore import LOSSES, MLP, sgd
from nncore.model.layout import Array
from nncore.model.network import Tape
from nncore.model.optimizers import Optimizer

BROKEN_DOWN = ("T", "M", "D", "D32", "L", "E")
"""E on one thread: what runs at the same time cannot be added up."""

PARTS = {
    "products": "matrix products",
    "activations": "activations φ",
    "slopes": "their slopes φ′",
    "passes": "δ times φ′, and calls of the passes",
    "loss": "loss and output δ",
    "optimizer": "optimizer",
    "statistics": "statistics of the records",
    "pages": "fresh pages of history",
    "rest": "steps, views, records: rest",
}
"""Part -> what the table calls it."""

Parts = dict[str, float]
"""Part -> its share of the run's time; they add up to 1."""


class Clock:
    """Seconds in the functions that it has been given, by part; a function's time is not its caller's as well."""

    def __init__(self) -> None:
        self.nanoseconds: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self.inside = 0

    def timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, its own time noted under this part."""
        now, spent, calls = time.thread_time_ns, self.nanoseconds, self.calls

        def call(*arguments: Any, **named: Any) -> Any:
            before, self.inside = self.inside, 0
            start = now()
            result = function(*arguments, **named)
            took = now() - start
            spent[part] += took - self.inside
            calls[part] += 1
            self.inside = before + took
            return result

        return call


class TimedMLP(MLP):
    """An MLP whose products, activations, slopes and passes are timed."""

    def __init__(self, clock: Clock, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.clock = clock
        self.phis = [clock.timed("activations", phi) for phi in self.phis]
        self.slopes = [clock.timed("slopes", slope) for slope in self.slopes]
        for name in ("forward_pass", "backward_pass"):
            setattr(self, name, clock.timed("passes", getattr(self, name)))

    def tape(self, theta: Array, x: Array) -> Tape:
        """A tape whose products are timed."""
        tape = super().tape(theta, x)
        tape.product = self.clock.timed("products", tape.product)
        return tape


class TouchedRows:
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


def measure(workload: str, rounds: int) -> Parts:
    """Shares of a run's time, each from its fastest round: the rounds of the whole, of it on memory that was touched
    before, and of that with timed parts take turns.
    """
    work = replace(WORKLOADS[workload], threads=1) if WORKLOADS[workload].runs > 1 else WORKLOADS[workload]
    problem, rows = work.problem(), TouchedRows()
    found: dict[str, list[float]] = {"whole": [], "touched": []}
    for _ in range(rounds + 1):
        found["whole"].append(_seconds(problem))
        with patch.object(nncore, "history_rows", rows):
            rows.begin()
            found["touched"].append(_seconds(problem))
            rows.begin()
            for part, seconds in _timed_parts(problem).items():
                found.setdefault(part, []).append(seconds)
    fastest = {name: min(seconds[1:]) for name, seconds in found.items()}
    whole, touched = fastest.pop("whole"), fastest.pop("touched")
    whole = max(whole, touched)
    parts = {name: seconds / whole for name, seconds in fastest.items()}
    parts["pages"] = (whole - touched) / whole
    parts["rest"] = 1.0 - sum(parts.values())
    return {name: parts[name] for name in PARTS}


def _timed_parts(problem: Problem) -> dict[str, float]:
    """Seconds of each part in one run with a clock in it, less what the clock itself takes inside of them."""
    clock = Clock()

    def timed_sgd(learning_rate: float) -> Optimizer:
        optimizer = sgd(learning_rate)
        return replace(optimizer, update=clock.timed("optimizer", optimizer.update))

    mse = LOSSES["mse"]
    loss = type("TimedLoss", (type(mse),), {"value_and_delta": staticmethod(clock.timed("loss", mse.value_and_delta))})
    with (
        patch.object(nncore, "MLP", lambda *arguments: TimedMLP(clock, *arguments)),
        patch.object(nncore, "LOSSES", {"mse": loss()}),
        patch.object(nncore, "sgd", timed_sgd),
        patch.object(nncore, "layer_statistics", clock.timed("statistics", nncore.layer_statistics)),
        patch.object(nncore, "concatenate", clock.timed("statistics", nncore.concatenate)),
    ):
        nncore.prepare(problem)()
    own = _own_nanoseconds()
    within = clock.calls["products"] + clock.calls["activations"] + clock.calls["slopes"]
    spent = {part: clock.nanoseconds[part] - own[0] * clock.calls[part] for part in clock.nanoseconds}
    spent["passes"] -= own[1] * within
    return {part: max(0.0, nanoseconds / 1e9) for part, nanoseconds in spent.items()}


def _own_nanoseconds() -> tuple[float, float]:
    """What a timed call of nothing takes: inside of what is noted, and outside of it."""
    clock, n = Clock(), 20_000
    nothing = clock.timed("", lambda *arguments, **named: None)
    start = time.thread_time_ns()
    for _ in range(n):
        nothing(0, 1, out=2)
    whole, inside = (time.thread_time_ns() - start) / n, clock.nanoseconds[""] / n
    return inside, whole - inside


def _seconds(problem: Problem) -> float:
    """Processor seconds of a run: of its only thread, or where BLAS has several, of the one that waits for the others."""
    clock = time.process_time if problem.workload.threads == 1 else time.thread_time
    train = nncore.prepare(problem)
    start = clock()
    train()
    return clock() - start
