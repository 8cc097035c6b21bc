"""How activations, deltas and gradients of each layer are distributed at a record."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nncore.history.history import History
from nncore.measures.measurement import Measurement
from nncore.measures.quantities import LayerView, blocks
from nncore.model.layout import Array
from nncore.numerics.blas import blas_threads
from nncore.numerics.choices import choose

BINS = 96

DISTRIBUTIONS = ("activation", "delta", "weight_gradient")


def distribution(history: History, record: int, quantity: str) -> Measurement:
    """Histogram per layer at one record. Axes: layer, bin; all layers share the bins, which follow the data.

    `quantity` is "activation" (hidden layers, a itself), "delta" or "weight_gradient" (all layers, log10 of
    the magnitude; exact zeros and non-finite values are counted in columns of their own).
    """
    return distributions(history, (record,), quantity)[0]


def distributions(history: History, records: Sequence[int], quantity: str) -> tuple[Measurement, ...]:
    """`distribution` of several records, from one replay; the bins of each follow its own data."""
    choose("quantity", quantity, DISTRIBUTIONS)
    found = []
    with blas_threads(1):
        for block in blocks(history, np.asarray(records)):
            views = [LayerView(block, number) for number in range(1, history.layout.n_layers + 1)]
            if quantity == "activation":
                rows = [view.a for view in views[:-1]] or [views[-1].a]
            elif quantity == "delta":
                with np.errstate(over="ignore"):
                    rows = [view.delta * view.n_samples for view in views]
            else:
                rows = [view.gradients[0] for view in views]
            found += [_histograms(quantity, [row[at] for row in rows]) for at in range(len(block.records))]
    return tuple(found)


def _histograms(quantity: str, rows: list[Array]) -> Measurement:
    """One record's histograms: a row of values for each layer."""
    zeros = np.array([np.count_nonzero(row == 0) for row in rows])
    bad = np.array([np.count_nonzero(~np.isfinite(row)) for row in rows])
    rows = [row[np.isfinite(row)].astype(np.float64) for row in rows]
    if quantity != "activation":
        rows = [np.log10(np.abs(row[row != 0])) for row in rows]
    edges = _edges(rows)
    counts = np.stack([np.histogram(row, edges)[0] for row in rows])
    layers, bins = np.arange(1, len(rows) + 1), np.arange(len(edges) - 1)
    columns = {
        "low": ("bin", edges[:-1]),
        "high": ("bin", edges[1:]),
        "exact_zeros": ("layer", zeros),
        "not_finite": ("layer", bad),
    }
    return Measurement(f"distribution of {quantity}", {"layer": layers, "bin": bins}, {"count": counts}, columns)


def _edges(rows: list[Array]) -> Array:
    """Bin edges over the range of all rows; a single value gets a bin around it."""
    pooled = np.concatenate(rows)
    if not len(pooled):
        return np.linspace(-1.0, 1.0, BINS + 1)
    low, high = (0.5 * float(pooled.min()), 0.5 * float(pooled.max()))  # halves, so that no difference overflows
    margin = 0.5 * (high - low) / BINS
    if high - low <= 1e-12 * max(abs(low), abs(high)):
        margin = 0.5 * max(abs(high) * 1e-3, 0.5e-3)
    largest = 0.5 * np.finfo(np.float64).max
    return 2.0 * np.linspace(max(low - margin, -largest), min(high + margin, largest), BINS + 1)
