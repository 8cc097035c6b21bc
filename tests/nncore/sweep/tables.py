"""Sweeps small enough to be run many times, and tables compared bit by bit."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from nncore import RunConfig
from nncore.sweep import Grid, Result

THOUSAND = Grid(
    RunConfig(dataset="diabetes", n_samples=20, hidden=(3, 3), activation="relu", steps=4, momentum=0.5),
    {
        "width": (2, 3),
        "learning_rate": (0.05, 1e6),
        "activation": ("relu", ("tanh", "relu"), ("tanh",)),
        "gain": (0.5, 1.0, 2.0),
        "init_scale": (None, 2.0),
    },
    seeds=range(14),
)
"""1,008 runs: a third of them fail, because they name one activation for two layers; of the others half diverge."""


def same_bits(found: pa.Table, expected: pa.Table) -> bool:
    """Are two tables the same in order, in types, in what is missing, and in every bit of every number?"""
    if found.schema != expected.schema or len(found) != len(expected):
        return False
    columns = zip(found.columns, expected.columns, strict=True)
    return all(_same(ours.combine_chunks(), theirs.combine_chunks()) for ours, theirs in columns)


def _same(found: Any, expected: Any) -> bool:
    if not found.is_null().equals(expected.is_null()):
        return False
    if pa.types.is_list(found.type):
        lengths = found.value_lengths().equals(expected.value_lengths())
        return bool(lengths) and _same(found.flatten(), expected.flatten())
    if pa.types.is_floating(found.type):
        bits = (each.fill_null(0.0).to_numpy(zero_copy_only=False).view(np.int64) for each in (found, expected))
        return bool(np.array_equal(*bits))
    return bool(found.equals(expected))


def exhaust(results: Iterator[Result], after: Callable[[int], None] = lambda finished: None) -> int:
    """Read all results; `after(finished)` follows each. Returns the number of rows, each run once."""
    seen: set[int] = set()
    for result in results:
        assert not seen & result.rows.keys(), "a run came twice"
        seen |= result.rows.keys()
        after(len(seen))
    return len(seen)
