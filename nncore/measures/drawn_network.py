"""What a drawing of the network shows at a record: some units of each layer, the weights between them, and their gradients."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from nncore.history.history import History
from nncore.measures.measurement import Measurement
from nncore.measures.quantities import LayerView, blocks, delta_norm, flat
from nncore.measures.units import cut_note
from nncore.model.layout import Layout
from nncore.numerics.blas import blas_threads
from nncore.numerics.safe_norm import norm
from nncore.numerics.spacing import evenly_spaced

MOST_UNITS, MOST_EDGES = 8, 1_200
"""Units of a layer, and weights of the network, that are drawn: more would be a grey surface."""


def shown_units(layout: Layout) -> list[np.ndarray]:
    """Indices of the units that stand for each layer, the inputs first: all of them, or some that are evenly spread.

    >>> [units.tolist() for units in shown_units(Layout((2, 64, 1)))]
    [[0, 1], [0, 9, 18, 27, 36, 45, 54, 63], [0]]
    """
    for most in range(MOST_UNITS, 1, -1):
        shown = [min(width, most) for width in layout.widths]
        if sum(before * after for before, after in pairwise(shown)) <= MOST_EDGES:
            break
    return [evenly_spaced(0, width - 1, most) for width in layout.widths]


def drawn_network(history: History, record: int) -> Measurement:
    """The weights between the shown units of each layer and the one before at one record. Axis: edge.

    `weight`: W[from, to]; `gradient`: ∂E/∂W[from, to] over the probe rows, penalty excluded; `delta`: what the layer's
    unit `to` receives, √(mean over probe rows of (∂E_s/∂z)²), each row with its own loss E_s, so that the squares of a
    layer's units add up to the square of its δ norm; `delta_norm`: that norm. Columns `layer`, `from`, `to` per edge.
    """
    return drawn_networks(history, (record,))[0]


def drawn_networks(history: History, records: Sequence[int]) -> tuple[Measurement, ...]:
    """`drawn_network` of several records, from one replay."""
    layout, units = history.layout, shown_units(history.layout)
    ends = [np.meshgrid(before, after, indexing="ij") for before, after in pairwise(units)]
    layer = np.repeat(np.arange(1, layout.n_layers + 1), [first.size for first, _ in ends])
    columns = {
        "layer": ("edge", layer),
        "from": ("edge", np.concatenate([first.ravel() for first, _ in ends])),
        "to": ("edge", np.concatenate([second.ravel() for _, second in ends])),
    }
    caveats = cut_note("units of the widest layer", max(map(len, units)), max(layout.widths))
    found = []
    with blas_threads(1):
        for block in blocks(history, np.asarray(records)):
            views = [LayerView(block, number) for number in range(1, layout.n_layers + 1)]
            with np.errstate(all="ignore"):
                delta = [np.sqrt(view.n_samples) * norm(block.backward[1][view.index]) for view in views]
                whole = [delta_norm.of(view) for view in views]
            values = {
                "weight": [flat(block.layers[at][0][:, first, second]) for at, (first, second) in enumerate(ends)],
                "gradient": [flat(block.gradients[at][0][:, first, second]) for at, (first, second) in enumerate(ends)],
                "delta": [flat(delta[at][:, second]) for at, (_, second) in enumerate(ends)],
                "delta_norm": [np.repeat(whole[at][:, None], first.size, axis=1) for at, (first, _) in enumerate(ends)],
            }
            stacked = {name: np.concatenate(parts, axis=1) for name, parts in values.items()}
            for row in range(len(block.records)):
                each = {name: array[row] for name, array in stacked.items()}
                found.append(Measurement("drawn network", {"edge": np.arange(len(layer))}, each, columns, caveats))
    return tuple(found)
