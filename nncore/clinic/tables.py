"""Small tables such as people bring: what their numbers look like, not what they measure."""

from __future__ import annotations

import numpy as np

from nncore.config.run_config import RunConfig
from nncore.data.read_csv import read_table

EXCLUSIVE_OR = "a,b,y\n0,0,0\n0,1,1\n1,0,1\n1,1,0\n"


def on_table(text: str, task: str, **settings: object) -> RunConfig:
    """A run on all rows of a CSV text, its last column the target, nothing held back for a test and nothing scaled."""
    table = read_table(text.encode())
    *inputs, target = (column.name for column in table.columns)
    choice = table.choose(target, inputs, task)
    usual: dict[str, object] = {"test_fraction": 0.0, "standardize": False, "n_samples": table.n_rows}
    return RunConfig(dataset="table", table=choice, **{**usual, **settings})  # type: ignore[arg-type]


def prices() -> str:
    """Six inputs of size one and a price of 180,000 on average."""
    rng = np.random.default_rng(1)
    x = rng.standard_normal((200, 6))
    y = 180_000 + 62_000 * (x @ [0.6, -0.4, 0.3, 0.2, 0.1, 0.5] + 0.2 * x[:, 0] * x[:, 1])
    return _csv("a,b,c,d,e,f,price", np.column_stack([x, y]))


def powers() -> str:
    """y = x⁴ for x from -100 to 100."""
    x = np.linspace(-100, 100, 200)
    return _csv("x,y", np.column_stack([x, x**4]))


def squares() -> str:
    """y = x² + 3 up to 9,804 for inputs that are scaled."""
    x = np.linspace(0, 99, 120)
    return _csv("x,y", np.column_stack([x / x.std(), x**2 + 3]))


def small_inputs() -> str:
    """Two classes that a line parts, in columns of size 0.001."""
    x = 1e-3 * np.random.default_rng(2).standard_normal((120, 2))
    return _csv("a,b,y", np.column_stack([x, x.sum(axis=1) > 0]))


def offset() -> str:
    """Two inputs that say everything, and a third one that is 1,000 in every row."""
    rng = np.random.default_rng(3)
    x = rng.standard_normal((120, 2))
    return _csv("a,b,c,y", np.column_stack([x, np.full(120, 1000.0), x[:, 0] - x[:, 1]]))


def line() -> str:
    """y = 2x - 1 in seven rows."""
    x = np.arange(-1.0, 6.0)
    return _csv("x,y", np.column_stack([x, 2 * x - 1]))


def _csv(header: str, rows: np.ndarray) -> str:
    return "\n".join([header, *(",".join(f"{value:.10g}" for value in row) for row in rows)])
