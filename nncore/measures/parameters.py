"""Single parameters and a layer's percentiles over time, as they were recorded."""

from __future__ import annotations

import numpy as np

from nncore.history.history import History
from nncore.measures.measurement import Measurement
from nncore.measures.quantities import flat
from nncore.measures.spread import OVER_TIME, caveats


def parameter(history: History, index: int) -> Measurement:
    """theta and its recorded gradient over time, for one index of the flat vector. Axis: step."""
    history.layout.name(index)
    records = history.even_records(5 * OVER_TIME)
    values = {"theta": history.theta[records, index], "gradient": history.grad[records, index]}
    return Measurement(f"theta_{index}", {"step": history.step[records]}, values, caveats=caveats(history, records))


def layer_parameters(history: History, layer: int) -> Measurement:
    """2nd, 25th, 50th, 75th and 98th percentile over a layer's weights, of theta and of the gradient.

    Axes: step, percentile.
    """
    if not 1 <= layer <= history.layout.n_layers:
        raise ValueError(f"layer must be between 1 and {history.layout.n_layers}; got {layer}")
    records, percentiles = history.even_records(OVER_TIME), np.array([2, 25, 50, 75, 98])
    weights = flat(history.layout.split(history.theta[records])[layer - 1][0])
    gradients = flat(history.layout.split(history.grad[records])[layer - 1][0])
    with np.errstate(all="ignore"):
        values = {
            "theta": np.percentile(weights, percentiles, axis=-1).T,
            "gradient": np.percentile(gradients, percentiles, axis=-1).T,
        }
    return Measurement(
        f"weights of layer {layer}",
        {"step": history.step[records], "percentile": percentiles},
        values,
        caveats=caveats(history, records),
    )
