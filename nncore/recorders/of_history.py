"""A history as a recorded run: what its layers did at each record, without θ, in the file that other trainings write."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nncore.history.history import History
from nncore.measures.quantities import Block, LayerView, blocks, measured
from nncore.numerics.blas import blas_threads
from nncore.recorders.recorded import Recorded
from nncore.recorders.rows import RecordRows
from nncore.recorders.samples import SAMPLE, SPREAD, octave_counts, quantiles, stride, with_ends, zero_share
from nncore.recorders.stream import batch_of
from nncore.recorders.units import Header, Unit

if TYPE_CHECKING:
    import pyarrow as pa

CAVEAT = (
    "A run of nncore: activations, δ and gradients are those of its probe rows, penalty excluded; a layer's activation is φ(z), "
    "its δ ∂E/∂z."
)

OF_LAYERS = ("activation_mean", "activation_std", "activation_p2", "activation_p98", "delta_norm")
SHARES = ("saturated_fraction", "dead_fraction")
OF_WEIGHTS = {"weight_gradient_norm": "gradient_norm", "weight_norm": "weight_norm"}
"""Quantities of nncore.measures and what they are called in the file."""


def of_history(history: History, records: Sequence[int] | None = None) -> Recorded:
    """The measurements of a history's records, all by default: `nncore.recorders.measures` then has those of nncore.measures.

    Modules are the layers 1 ... L; `to_parquet` writes the file, which is far smaller than a history. δ is that of each row's
    own loss, as everywhere in nncore. What a history cannot tell is blank: the last record has no update.

    >>> import nncore
    >>> history = nncore.run(nncore.RunConfig(hidden=(8, 8), steps=3))
    >>> recorded = of_history(history)
    >>> [module.name for module in recorded.modules], recorded.steps
    (['1', '2', '3'], array([0, 1, 2, 3]))
    >>> bool(np.allclose(recorded.quantity("delta_norm"), nncore.measures.per_layer(history, "delta_norm")["delta_norm"]))
    True
    """
    at = np.arange(len(history)) if records is None else np.asarray(records)
    steps = history.step[at]
    every = int(np.diff(steps).min()) if len(steps) > 1 else 1
    header = Header(_units(history), "nncore", every, (CAVEAT,), finished=True, of_rows=True)
    return Recorded.of(header, _batches(history, at))


def _units(history: History) -> tuple[Unit, ...]:
    layout, n_rows = history.layout, len(history.probe_x)
    dtype = str(history.theta.dtype)
    modules, parameters = [], []
    for number in range(1, layout.n_layers + 1):
        name, before = str(number), str(number - 1) if number > 1 else ""
        shape = (n_rows, layout.widths[number])
        activation = None if number == layout.n_layers else history.network.activations[number - 1]
        what = "linear" if activation is None else activation.name
        modules.append(Unit("module", name, what, shape, dtype, order=number - 1, trained=True, follows=before))
        for own, of in (("weight", (layout.widths[number - 1], layout.widths[number])), ("bias", shape[1:])):
            parameters.append(Unit("parameter", f"{name}.{own}", what, of, dtype, name, order=number - 1, trained=True))
    return (Unit("run", ""), *modules, *parameters)


def _batches(history: History, records: NDArray[Any]) -> Iterator[pa.RecordBatch]:
    with blas_threads(1):
        for block in blocks(history, records):
            yield batch_of([each.rows() for each in _rows(block, history.layout.n_layers)])


def _rows(block: Block, n_layers: int) -> list[RecordRows]:
    """The rows of a block's records."""
    (history,) = block.histories
    modules = np.arange(1, n_layers + 1)
    weights = n_layers + 2 * modules - 1
    found = [RecordRows(int(history.step[record]), 1 + 3 * n_layers) for record in block.records]
    names = (*OF_LAYERS, *SHARES, *OF_WEIGHTS, "bias_gradient_norm", "update_ratio")
    values = measured(block, names)
    distributions = [_distributions(LayerView(block, number)) for number in range(1, n_layers + 1)]
    for row, (record, rows) in enumerate(zip(block.records, found, strict=True)):
        rows.put("loss", [0], history.loss[record])
        rows.put("passes", modules, 1)
        rows.put("size", modules, [history.layout.widths[number] for number in modules])
        for name in OF_LAYERS:
            rows.put(name, modules, values[name][row])
        rows.put("activation_rms", modules, np.hypot(values["activation_mean"][row], values["activation_std"][row]))
        for name, stored in OF_WEIGHTS.items():
            rows.put(stored, weights, values[name][row])
        rows.put("gradient_norm", weights + 1, values["bias_gradient_norm"][row])
        updates = {"update_norm": (weights, values["update_ratio"][row] * values["weight_norm"][row])}
        shares = {name: (modules, values[name][row]) for name in SHARES}
        for name, (units, numbers) in (updates | shares).items():  # NaN: not defined, or no step follows
            rows.put(name, units[~np.isnan(numbers)], numbers[~np.isnan(numbers)])
        for number, of_layer in zip(modules, distributions, strict=True):
            for name, (is_module, numbers) in of_layer.items():
                rows.put(name, [int(number if is_module else weights[number - 1])], numbers[row])
    return found


def _distributions(layer: LayerView) -> dict[str, tuple[bool, NDArray[Any]]]:
    """Column -> (is it the module's, or its weight's?, a number or a list for each record of the block)."""
    a, delta, gradient = (_sample(each) for each in (layer.a, layer.delta * layer.n_samples, layer.gradients[0]))
    low, high = layer.a.min(axis=-1).astype(float), layer.a.max(axis=-1).astype(float)
    return {
        "activation_min": (True, low),
        "activation_max": (True, high),
        "zero_fraction": (True, zero_share(a)),
        "activation_quantiles": (True, with_ends(quantiles(a, SPREAD), low, high)),
        "delta_zero_fraction": (True, zero_share(delta)),
        "delta_octaves": (True, octave_counts(delta)),
        "gradient_zero_fraction": (False, zero_share(gradient)),
        "gradient_octaves": (False, octave_counts(gradient)),
    }


def _sample(values: NDArray[Any]) -> NDArray[np.float64]:
    """At most SAMPLE entries of each record, (n, length), as every recorder takes them."""
    size = values.shape[-1]
    return values[:, :: stride(size)][:, :SAMPLE].astype(np.float64)
