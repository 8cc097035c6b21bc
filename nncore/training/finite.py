"""Whether a step is finite, and where in it the first number arose that is not."""

from __future__ import annotations

import math

import numpy as np

from nncore.history.history import Divergence
from nncore.model.layout import Array, Layout
from nncore.training.steps import Step


def find_divergence(layout: Layout, step: Step) -> Divergence:
    """Where in a step the first non-finite number arose.

    Looked for in the order in which they are computed: theta (after the update before), z and a of layer
    1 ... L, the loss, delta of layer L ... 1, the gradient.
    """
    for layer, block in enumerate(layout.blocks(step.theta), 1):
        unit = _first_bad(block)
        if unit is not None:
            return Divergence(step.index, layer, unit, "theta")
    for layer, (z, a) in enumerate(zip(step.tape.z, step.tape.a[1:], strict=True), 1):
        for quantity, rows in (("z", z), ("a", a)):
            unit = _first_bad(rows)
            if unit is not None:
                return Divergence(step.index, layer, unit, quantity)
    if not math.isfinite(float(step.loss)):
        with np.errstate(all="ignore"):
            unit = int(np.argmax(np.abs(step.tape.z[-1]).max(axis=0)))
        return Divergence(step.index, layout.n_layers, unit, "loss")
    for layer in range(layout.n_layers, 0, -1):
        unit = _first_bad(step.deltas[layer - 1])
        if unit is not None:
            return Divergence(step.index, layer, unit, "delta")
    for layer, block in enumerate(layout.blocks(step.grad), 1):
        unit = _first_bad(block)
        if unit is not None:
            return Divergence(step.index, layer, unit, "gradient")
    raise ValueError(f"step {step.index} is finite everywhere")


def _first_bad(rows: Array) -> int | None:
    """The first column (unit) of (rows, units) that holds a NaN or an infinity."""
    bad = ~np.isfinite(rows).all(axis=0)
    return int(np.argmax(bad)) if bad.any() else None


def is_finite(step: Step) -> bool:
    """A non-finite factor makes a dot product non-finite; only when it overflows, of which NumPy warns, is a closer look due."""
    if not math.isfinite(step.loss):
        return False
    if math.isfinite(step.theta.dot(step.grad)):
        return True
    return bool(np.isfinite(step.theta).all() and np.isfinite(step.grad).all())
