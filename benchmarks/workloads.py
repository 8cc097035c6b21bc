"""The workloads: what is trained, from which theta, on which rows, and what each contender has to record.

They are as long as people run them: a history that is still small says nothing about one that grows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from nncore import Layout
from nncore.model.layout import Array


@dataclass(frozen=True)
class Workload:
    """A network, its rows and how many states of training are recorded in one repetition.

    Of the first `checked` of them the contenders are held to each other: after a hundred steps rounding alone parts them.
    """

    name: str
    about: str
    hidden: tuple[int, ...]
    activation: str
    n_rows: int
    records: int
    checked: int
    n_features: int = 2
    learning_rate: float = 0.05
    threads: int = 1
    runs: int = 1
    dtype: str = "float64"

    @property
    def passes(self) -> int:
        """Forward and backward passes of one repetition, the same for each contender."""
        return self.records * self.runs

    def to_check(self) -> Workload:
        """The part of it that contenders are compared on."""
        return replace(self, records=self.checked)

    @property
    def layout(self) -> Layout:
        """Input, hidden and output widths; there is one output."""
        return Layout((self.n_features, *self.hidden, 1))

    def problem(self, seed: int = 0) -> Problem:
        """The first theta, x and y of one run, the same for each contender."""
        rng = np.random.default_rng(seed)
        parts = []
        for fan_in, fan_out in self.layout.fans:
            parts += [0.1 * rng.normal(size=fan_out), rng.normal(size=fan_in * fan_out) / np.sqrt(fan_in)]
        x = rng.uniform(0.0, 1.5, size=(self.n_rows, self.n_features))
        y = np.square(x).mean(axis=1, keepdims=True)
        theta = np.concatenate(parts)
        return Problem(self, theta.astype(self.dtype), x.astype(self.dtype), y.astype(self.dtype))


@dataclass(frozen=True)
class Problem:
    """theta (n_params,), x (n_rows, n_features) and y (n_rows, 1): mean squared error, full batch, SGD."""

    workload: Workload
    theta: Array
    x: Array
    y: Array


@dataclass(frozen=True)
class Recording:
    """What a contender has recorded, each state before its update, in how many forward and backward passes.

    loss (records,), theta and grad (records, n_params) in nncore's order, and statistics (records, n_layers,
    14): mean and standard deviation of z, a, delta, weight, bias and their gradients. None where the
    contender keeps no history; then theta is the state after the last update alone, (1, n_params).
    """

    passes: int
    theta: Array
    loss: Array | None = None
    grad: Array | None = None
    statistics: Array | None = None


M = Workload("M", "10 × 32 tanh, 256 rows, 1,000 steps", (32,) * 10, "tanh", 256, 1000, 24)
D = Workload("D", "50 × 64 tanh, 256 rows, 200 steps", (64,) * 50, "tanh", 256, 200, 5, learning_rate=0.01)

WORKLOADS = {
    "T": Workload("T", "1-2-1 sigmoid, 100 rows, 5,000 steps", (2,), "sigmoid", 100, 5000, 400, n_features=1),
    "M": M,
    "D": D,
    "D32": replace(D, name="D32", about="D in float32", dtype="float32"),
    "L": Workload(
        "L",
        "8 × 512 tanh, 1,024 rows, 50 steps",
        (512,) * 8,
        "tanh",
        1024,
        50,
        3,
        n_features=64,
        learning_rate=0.003,
        threads=2,
    ),
    "E": replace(M, name="E", about="64 seeds of M, 100 steps", records=100, checked=5, threads=2, runs=64),
    "first": replace(M, name="first", about="process start to 200 recorded steps of M", records=200),
}
