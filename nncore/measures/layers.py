"""Quantities of every layer over the records of a history, from one replay."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from nncore.history.history import BLOCK_BYTES, History, replay
from nncore.measures.measurement import Measurement
from nncore.measures.outputs import performance
from nncore.measures.quantities import LAYER_QUANTITIES, LayerView, flat
from nncore.measures.spread import OVER_TIME, caveats
from nncore.model.layout import Array
from nncore.numerics.blas import blas_threads
from nncore.numerics.choices import choose
from nncore.numerics.safe_norm import norm

SPREADSHEET_ROWS = 1_048_576
"""Rows of a spreadsheet's sheet, the header included."""


def per_layer(history: History, names: str | Iterable[str], records: np.ndarray | None = None) -> Measurement:
    """The named quantities for every layer and record, from one replay. Axes: step, layer (1 ... L).

    `names` are keys of LAYER_QUANTITIES or "update_ratio". `records` are indices into the history; all by
    default. NaN stands where a quantity is not defined for a layer. Raises ValueError on an unknown name.
    """
    names = [names] if isinstance(names, str) else list(names)
    for name in names:
        choose("quantity", name, (*LAYER_QUANTITIES, "update_ratio"))
    records = np.arange(len(history)) if records is None else np.asarray(records)
    n_layers = history.layout.n_layers
    replayed = [name for name in names if name != "update_ratio"]
    values = {name: np.full((len(records), n_layers), np.nan) for name in names}
    position = 0
    if replayed:
        with blas_threads(1), np.errstate(all="ignore"):
            for block in replay(history, records):
                rows = slice(position, position + len(block.records))
                for number in range(1, n_layers + 1):
                    layer = LayerView(block, number, history.theta[0])
                    for name in replayed:
                        values[name][rows, number - 1] = LAYER_QUANTITIES[name].of(layer)
                position = rows.stop
    if "update_ratio" in names:
        values["update_ratio"][...] = _update_ratios(history, records)
    return Measurement(
        " and ".join(names), {"step": history.step[records], "layer": np.arange(1, n_layers + 1)}, values
    )


def over_time(history: History, names: str | Iterable[str], at_most: int = OVER_TIME) -> Measurement:
    """`per_layer` on evenly spread records, with a caveat that says so when records were left out."""
    records = history.even_records(at_most)
    measured = per_layer(history, names, records)
    return Measurement(measured.name, measured.axes, measured.values, caveats=caveats(history, records))


def gradient_flow(history: History, record: int) -> Measurement:
    """δ norm and weight-gradient norm per layer, at initialization and at one record."""
    return gradient_flows(history, (record,))[0]


def gradient_flows(history: History, records: Sequence[int]) -> tuple[Measurement, ...]:
    """`gradient_flow` of several records, from one replay."""
    names = ("delta_norm", "weight_gradient_norm", "bias_gradient_norm")
    measured = replace(per_layer(history, names, np.array([0, *records])), name="gradient flow")
    return tuple(measured.rows([0, place] if record else [0]) for place, record in enumerate(records, start=1))


def summary(history: History) -> Measurement:
    """Step × layer with every measurement; evenly spread records where a spreadsheet holds no more."""
    n_layers = history.layout.n_layers
    records = history.even_records((SPREADSHEET_ROWS - 1) // n_layers)
    measured = per_layer(history, (*LAYER_QUANTITIES, "update_ratio"), records)
    scores = performance(history, records)
    columns = {"loss": ("step", history.loss[records])}
    columns |= {name: ("step", values) for name, values in scores.values.items() if name != "loss"}
    return Measurement("summary", measured.axes, measured.values, columns, caveats(history, records))


def _update_ratios(history: History, records: np.ndarray) -> Array:
    """||W(t+1) - W(t)|| / ||W(t)||, blank where ||W|| = 0 or where no step follows."""
    rows = max(1, BLOCK_BYTES // max(history.theta[:1].nbytes, 1))
    blocks = np.array_split(records, max(1, -(-len(records) // rows)))
    weights = np.concatenate(
        [
            np.stack([norm(flat(weight)) for weight, _ in history.layout.split(history.theta[block])], axis=-1)
            for block in blocks
        ]
    )
    with np.errstate(all="ignore"):
        return np.where(weights > 0, history.update_norm[records] / weights, np.nan)
