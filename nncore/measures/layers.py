"""Quantities of every layer over the records of a history, from one replay."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from nncore.history.csv import SPREADSHEET_ROWS
from nncore.history.history import History
from nncore.measures.measurement import Measurement
from nncore.measures.outputs import performance
from nncore.measures.quantities import LAYER_QUANTITIES, blocks, measured
from nncore.measures.spread import OVER_TIME, affordable, caveats
from nncore.numerics.blas import blas_threads
from nncore.numerics.choices import choose


def per_layer(history: History, names: str | Iterable[str], records: np.ndarray | None = None) -> Measurement:
    """The named quantities for every layer and record, from one replay. Axes: step, layer (1 ... L).

    `names` are keys of LAYER_QUANTITIES. `records` are indices into the history; all by default. NaN stands where a
    quantity is not defined for a layer or record. Raises ValueError on an unknown name, and where records is no list.
    """
    names = [names] if isinstance(names, str) else list(names)
    for name in names:
        choose("quantity", name, LAYER_QUANTITIES)
    records = np.arange(len(history)) if records is None else np.asarray(records)
    if records.ndim != 1:
        raise ValueError(f"records must be a list of indices into the history, such as [0]; got {records!r}")
    n_layers = history.layout.n_layers
    values = {name: np.full((len(records), n_layers), np.nan) for name in names}
    position = 0
    with blas_threads(1):
        for block in blocks(history, records, any(LAYER_QUANTITIES[name].replayed for name in names)):
            rows = slice(position, position + len(block.records))
            for name, each in measured(block, names).items():
                values[name][rows] = each
            position = rows.stop
    return Measurement(
        " and ".join(names), {"step": history.step[records], "layer": np.arange(1, n_layers + 1)}, values
    )


def over_time(history: History, names: str | Iterable[str], at_most: int = OVER_TIME) -> Measurement:
    """`per_layer` on evenly spread records, with a caveat that says so when records were left out."""
    records = history.even_records(at_most)
    return replace(per_layer(history, names, records), caveats=caveats(history, records))


def gradient_flow(history: History, record: int) -> Measurement:
    """δ norm and weight-gradient norm per layer, at initialization and at one record."""
    return gradient_flows(history, (record,))[0]


def gradient_flows(history: History, records: Sequence[int]) -> tuple[Measurement, ...]:
    """`gradient_flow` of several records, from one replay."""
    names = ("delta_norm", "weight_gradient_norm", "bias_gradient_norm")
    flows = replace(per_layer(history, names, np.array([0, *records])), name="gradient flow")
    return tuple(flows.rows([0, place] if record else [0]) for place, record in enumerate(records, start=1))


def summary(history: History, seconds: float = math.inf) -> Measurement:
    """Step × layer with every measurement; evenly spread records where a spreadsheet holds no more.

    So it does where all of them would take longer than these estimated seconds.
    """
    n_layers = history.layout.n_layers
    records = affordable(history, "summary", (SPREADSHEET_ROWS - 1) // n_layers, seconds)
    layers = per_layer(history, LAYER_QUANTITIES, records)
    scores = performance(history, records)
    columns = {"loss": ("step", history.loss[records])}
    columns |= {name: ("step", values) for name, values in scores.values.items() if name != "loss"}
    return Measurement("summary", layers.axes, layers.values, columns, caveats(history, records))
