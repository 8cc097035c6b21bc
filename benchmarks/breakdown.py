"""Where nncore's time goes in each workload, in parts that add up to the whole: `python -m benchmarks breakdown`."""

from __future__ import annotations

import resource
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import nan
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.contenders import nncore, nncore_used
from benchmarks.measure import fresh_processes
from benchmarks.workloads import WORKLOADS, Workload
from nncore import LOSSES, MLP, sgd
from nncore.model.layout import Array
from nncore.model.network import Tape
from nncore.model.optimizers import Optimizer

BROKEN_DOWN = ("T", "M", "D", "D32", "L", "E")

PARTS = {
    "products": "matrix products",
    "activations": "activations φ",
    "slopes": "slopes φ′",
    "passes": "δ times φ′, calls of both passes",
    "loss": "loss, δ of the output",
    "optimizer": "optimizer",
    "statistics": "statistics of each record",
    "rest": "steps, views, records, clock: the rest",
    "pages": "fresh pages of history",
}
"""Part -> what the table calls it."""

FIRST_PARTS = {
    "interpreter": "Python's start and end",
    "numpy": "import of NumPy",
    "imports": "import of nncore and the benchmark",
    "training": "training",
}
"""Parts of the first result of a fresh process."""

THREAD_PARTS = {
    "alone": "what the same blocks take on one thread",
    "slower": "the same arithmetic beside another thread, which shares cache and memory",
    "system": "more time of the system, to wake each other and for fresh pages",
    "waiting": "waiting for Python's lock or for a core",
}
"""Parts of the time that an ensemble's threads have together."""

Parts = dict[str, float]
"""Part -> its share of the run's time; they add up to 1."""

now = time.perf_counter_ns
"""Nanoseconds of the wall, as the contenders are timed."""


class Clock:
    """Seconds in the functions that it has been given, by part; a function's time is not its caller's as well."""

    def __init__(self) -> None:
        self.nanoseconds: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self.inside = 0

    def timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, its own time noted under this part."""
        spent, calls = self.nanoseconds, self.calls

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


@dataclass(frozen=True)
class Broken:
    """Where a run's time goes: the parts' shares, and 10⁹ multiplications and additions in a second of its products.

    The first result of a process has no rate.
    """

    parts: Parts
    rate: float = nan


def measure(workload: str, rounds: int) -> Broken:
    """Medians over the rounds, in which a run on fresh memory, one on used memory and that with timed parts take turns.
    Of an ensemble one block of runs on one thread.
    """
    work = WORKLOADS[workload]
    if work.runs > 1:
        work = replace(work, runs=nncore.RUNS_AT_ONCE, threads=1)
    nncore.prepare(work.to_check().problem())()
    train, on_used, found, rates = nncore.prepare(work.problem()), nncore_used.prepare(work.problem()), [], []
    for _ in range(rounds):
        fresh, used, parts = _nanoseconds(train), _nanoseconds(on_used), _timed_parts(on_used)
        share = min(1.0, used / fresh)
        found.append({**{part: share * each for part, each in parts.items()}, "pages": 1.0 - share})
        rates.append(_operations(work) / (parts["products"] * used))
    return Broken(_shares(found), float(np.median(rates)))


def _shares(found: list[Parts]) -> Parts:
    """Of each part the median over the rounds, as a share of all medians."""
    medians = {part: float(np.median([each[part] for each in found])) for part in found[0]}
    return {part: each / sum(medians.values()) for part, each in medians.items()}


def _operations(work: Workload) -> int:
    """Multiplications and additions in a repetition's matrix products: forward, of the gradient, and of each delta but the last."""
    fans = work.layout.fans
    products = sum(2 * (1 + fan_in) * fan_out for fan_in, fan_out in fans)
    products += sum(fan_in * fan_out for fan_in, fan_out in fans[1:])
    return 2 * work.passes * work.n_rows * products


def measure_first(rounds: int) -> Broken:
    """Shares of the time from the start of a process to its first result: medians over the rounds."""
    commands = {
        "interpreter": ["-c", ""],
        "numpy": ["-c", "import numpy.random"],
        "imports": ["-c", "import numpy.random, benchmarks.worker, benchmarks.contenders.nncore"],
        "training": ["-m", "benchmarks.worker", "first", "nncore"],
    }
    taken = [float(np.median(each)) for each in fresh_processes(commands, rounds).values()]
    steps = np.diff([0.0, *taken]) / taken[-1]
    return Broken(dict(zip(commands, (float(step) for step in steps), strict=True)))


def measure_threads(rounds: int) -> Broken:
    """Shares of the time that E's threads have together, medians over rounds in which they and one thread take turns."""
    work = WORKLOADS["E"]
    alone, together = (nncore.prepare(replace(work, threads=n).problem()) for n in (1, work.threads))
    nncore.prepare(work.to_check().problem())()
    found = []
    for _ in range(rounds):
        (user_alone, system_alone), _ = _processor_seconds(alone)
        (user, system), wall = _processor_seconds(together)
        found.append(
            {
                "alone": user_alone + system_alone,
                "slower": max(0.0, user - user_alone),
                "system": max(0.0, system - system_alone),
                "waiting": max(0.0, work.threads * wall - user - system),
            }
        )
    return Broken(_shares(found))


def _processor_seconds(train: Callable[[], object]) -> tuple[tuple[float, float], float]:
    """Seconds of the process' threads (in programs, in the system), and of the wall."""
    before, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    train()
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
    return (after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime), wall


def measure_all(rounds: int) -> dict[str, Broken]:
    """Each workload, the threads of E, and the first result."""
    workloads = {name: measure(name, rounds) for name in BROKEN_DOWN}
    return {**workloads, "threads": measure_threads(rounds), "first": measure_first(rounds)}


def _timed_parts(train: Callable[[], object]) -> Parts:
    """Shares of a run with a clock in it, less what the clock takes; those that are not history's memory."""
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
        whole = _nanoseconds(train)
    inside, outside = _own_nanoseconds()
    spent = {part: each - inside * clock.calls[part] for part, each in clock.nanoseconds.items()}
    spent["passes"] -= outside * sum(clock.calls[part] for part in ("products", "activations", "slopes"))
    whole -= (inside + outside) * clock.calls.total()
    spent["rest"] = whole - sum(spent.values())
    shares = {part: max(0.0, each) for part, each in spent.items()}
    return {part: each / sum(shares.values()) for part, each in shares.items()}


def _own_nanoseconds() -> tuple[float, float]:
    """What timing a call takes: inside of what is noted, and outside of it."""
    clock, n = Clock(), 5_000
    timed, found = clock.timed("", _nothing), []
    for _ in range(20):
        clock.nanoseconds.clear()
        seconds = []
        for function in (timed, _nothing):
            start = now()
            for _ in range(n):
                function(0, 1, out=2)
            seconds.append((now() - start) / n)
        inside = clock.nanoseconds[""] / n - seconds[1]
        found.append((inside, seconds[0] - seconds[1] - inside))
    inside, outside = np.median(found, axis=0)
    return float(inside), float(outside)


def _nothing(*arguments: object, **named: object) -> None:
    """What is timed to see what timing takes."""


def _nanoseconds(train: Callable[[], object]) -> float:
    start = now()
    train()
    return now() - start
