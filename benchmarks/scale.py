"""How the time and memory of a run grow with depth, width, rows, steps and seeds, and where a run leaves the cache."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from nncore import RunConfig, run, run_many
from nncore.numerics.blas import blas_threads

BASE = RunConfig(n_samples=320, hidden=(64,) * 8, activation="tanh", steps=50)
"""256 training rows, 8 layers of 64 units, 50 steps: one of its settings grows at a time."""


LARGE = BASE.replace(hidden=(1000,) * 4, steps=8)
"""Layers of 1,000 × 1,000 weights."""


@dataclass(frozen=True)
class Growth:
    """A setting that grows, and the run at each of its sizes."""

    name: str
    sizes: tuple[int, ...]
    work: Callable[[int], object]
    power: int = 1
    """The number of products grows with this power of the size."""


GROWTHS = (
    Growth("layers", (8, 16, 32, 64, 128), lambda n: run(BASE.replace(hidden=(64,) * n))),
    Growth("units a layer", (32, 64, 128, 256, 512, 1024), lambda n: run(BASE.replace(hidden=(n,) * 4, steps=8)), 2),
    Growth("training rows", (64, 256, 1024, 4096, 16_000), lambda n: run(BASE.replace(n_samples=n * 5 // 4, steps=12))),
    Growth("steps", (25, 50, 100, 200, 400), lambda n: run(BASE.replace(steps=n))),
    Growth(
        "seeds", (2, 4, 8, 16, 32), lambda n: run_many([BASE.replace(hidden=(32,) * 4, seed=seed) for seed in range(n)])
    ),
)


@dataclass(frozen=True)
class Grown:
    """Seconds of one core and bytes at each size."""

    growth: Growth
    seconds: tuple[float, ...]
    bytes: tuple[int, ...]

    @property
    def per_product(self) -> list[float]:
        """Seconds for each product at each size, beside the size at which they are fewest: it grows where a cache is left."""
        seconds = np.array(self.seconds) / np.array(self.growth.sizes, dtype=float) ** self.growth.power
        return (seconds / seconds.min()).tolist()

    def exponent(self, values: tuple[float, ...] | tuple[int, ...]) -> float:
        """p of the least squares fit of value ∝ size^p, through the logarithms of all sizes."""
        slope, _ = np.polyfit(np.log(self.growth.sizes), np.log(values), 1)
        return float(slope)


@dataclass(frozen=True)
class Large:
    """A run of `LARGE`: seconds of one core for each of its steps, and of their matrix products alone; its peak of memory in bytes."""

    seconds: float
    products: float
    bytes: int


def measure_large(rounds: int) -> Large:
    """The fastest rounds, of the run and of its products in turns, on one BLAS thread."""
    layout, rows, passes = LARGE.layout(), LARGE.n_train, LARGE.steps + 1
    rng = np.random.default_rng(0)
    layers = [
        (rng.normal(size=(1 + fan_in, fan_out)), rng.normal(size=(1 + fan_in, rows)), rng.normal(size=(fan_out, rows)))
        for fan_in, fan_out in layout.fans
    ]

    def products() -> None:
        for _ in range(passes):
            for index, (block, a, delta) in enumerate(layers):
                np.dot(block.T, a)
                np.dot(a, delta.T)
                if index:
                    np.dot(block[1:], delta)

    with blas_threads(1):
        peak = _peak(lambda: run(LARGE))
        taken = [(_seconds(lambda: run(LARGE)), _seconds(products)) for _ in range(rounds)]
    whole, alone = np.min(taken, axis=0) / passes
    return Large(float(whole), float(alone), peak)


def measure(rounds: int) -> dict[str, Grown]:
    """Setting -> what its sizes took: processor seconds of the fastest round on one BLAS thread, and the peak of memory."""
    found = {}
    with blas_threads(1):
        for growth in GROWTHS:
            peaks = tuple(
                _peak(partial(growth.work, size)) for size in growth.sizes
            )  # before the clock: it slows allocation down
            seconds = [[_seconds(partial(growth.work, size)) for size in growth.sizes] for _ in range(rounds)]
            fastest = tuple(float(each) for each in np.min(seconds, axis=0))
            found[growth.name] = Grown(growth, fastest, peaks)
    return found


def _seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def _peak(work: Callable[[], object]) -> int:
    tracemalloc.start()
    work()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak
