"""One module a contender: `prepare(problem)` returns a function that trains and records, ready to be timed."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from benchmarks.workloads import Problem, Recording

LABELS = {
    "nncore": "nncore",
    "nncore_used": "the same on memory that has been written to before",
    "torch_eager": "PyTorch eager with hooks",
    "torch_tuned": "PyTorch tuned by hand",
    "jax_scan": "JAX `lax.scan`, compiled before",
    "jax_cold": "the same, its compilation included",
    "scikit_learn": "scikit-learn (keeps no history)",
    "naive": "naive NumPy",
    "nncore_loop": "nncore, one run after the other",
    "floor": "matrix products and activations alone",
}
"""Module -> what the table calls it; "jax_cold" is the first call of jax_scan."""

KEEPS_NO_HISTORY = ("scikit_learn", "floor")


def prepare(name: str, problem: Problem, cold: bool = False) -> Callable[[], Recording]:
    """The contender's training function for this problem; `cold`: as a fresh process has it."""
    module = import_module(f"benchmarks.contenders.{name}")
    return (getattr(module, "prepare_cold", module.prepare) if cold else module.prepare)(problem)
