"""A second recorded run's numbers on the axes of the first."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nncore import Measurement
from nncore.recorders import measures
from nncore.recorders.recorded import Recorded


def nearest(recorded: Recorded, step: int) -> int:
    """The record nearest to a step."""
    return int(np.argmin(np.abs(recorded.steps - step)))


def at_a_step(measured: Measurement, before: Recorded, step: int) -> Measurement:
    """Gradient flow of a run with that of the other at the nearest record, in columns `before_...` by the modules' names."""
    assert measured.columns is not None
    rows, quantities = measured.columns["name"][1].tolist(), ("delta_norm", "weight_gradient_norm")
    found = measures.by_name(before, quantities, [nearest(before, step)], rows)
    columns = {f"before_{name}": ("layer", found[name][0]) for name in quantities}
    return replace(measured, columns={**measured.columns, **columns})


def over_steps(measured: Measurement, quantity: str, before: Recorded) -> Measurement:
    """A quantity of the other run at all its records, by the modules' names of a measurement of the first."""
    assert measured.columns is not None
    return measures.by_name(before, quantity, range(len(before.steps)), measured.columns["name"][1].tolist())
