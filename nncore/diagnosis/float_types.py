"""The probe replayed in float64, float32 and float16: which gradients are small, and which exactly zero."""

from __future__ import annotations

from typing import Any

import numpy as np

from nncore.diagnosis.backward_pass import Store, as_it_is, walk_back, walk_forward
from nncore.history.history import History, replay
from nncore.measures.measurement import Measurement
from nncore.model.layout import Array
from nncore.numerics.blas import blas_threads
from nncore.numerics.safe_norm import norm

FLOAT_TYPES = ("float64", "float32", "float16")


def precision(history: History, record: int) -> Measurement:
    """δ per layer at one record in three float types. Axes: type, layer (1 ... L).

    `delta_norm` as in `measures`; `exact_zeros` and `not_finite` are shares of samples × units. θ, the probe
    rows and everything that a layer keeps (z, a, φ′, δ) are rounded to the type. float16 is emulated as
    graphics processors compute it: each product and function in float32, its result rounded to float16
    (Micikevicius et al. 2018). What a type loses is the difference to float64's shares: relu's zeros are zeros
    in every type.

    >>> from nncore import RunConfig, run
    >>> found = precision(run(RunConfig(hidden=(16,) * 20, activation="sigmoid", steps=0)), 0)
    >>> found["exact_zeros"][:, 0].tolist()
    [0.0, 0.0, 1.0]
    """
    n_layers, n_rows = history.layout.n_layers, len(history.probe_x)
    names = ("delta_norm", "exact_zeros", "not_finite")
    values = {name: np.empty((len(FLOAT_TYPES), n_layers)) for name in names}
    for row, name in enumerate(FLOAT_TYPES):
        for layer, delta in enumerate(_deltas(history, record, name)):
            values["delta_norm"][row, layer] = np.sqrt(n_rows) * norm(delta.reshape(-1))
            values["exact_zeros"][row, layer] = np.mean(delta == 0)
            values["not_finite"][row, layer] = np.mean(~np.isfinite(delta))
    caveat = f"δ of the mean loss over {n_rows} rows: with more rows each one's δ is smaller and sooner 0."
    axes = {"type": np.array(FLOAT_TYPES), "layer": np.arange(1, n_layers + 1)}
    return Measurement("precision", axes, values, caveats=(caveat,))


def underflow(history: History, record: int) -> Array:
    """Share of each layer's δ that is exactly 0 only because it is too small for its float type, (n_layers,).

    An entry counts when it is 0 in the replay and is not when the same chain is walked with δ rescaled before
    every layer. Zeros of the slope, of the weights or of the loss stay zeros and do not count.
    """
    lost = np.zeros(history.layout.n_layers)
    with blas_threads(1), np.errstate(all="ignore"):
        (block,) = replay(history, np.array([record]))
        tape = block.tape
        if not np.isfinite(tape.delta_columns[-1]).all() or all(each.all() for each in tape.delta_columns):
            return lost
        passages = walk_back(
            block.network,
            block.theta[0],
            [z_hat[0] for z_hat in tape.z_hat_columns],
            [inverse_std[0] for _, inverse_std in tape.statistics],
            tape.delta_columns[-1][0],
            rescale=True,
        )
        for passage in passages:
            measured = tape.delta_columns[passage.layer - 1][0]
            lost[passage.layer - 1] = np.mean((measured == 0) & (passage.d_z != 0))
    return lost


def _deltas(history: History, record: int, name: str) -> list[Array]:
    """dE/dz of layer 1 ... L at one record, stored in the named float type."""
    store: Store = _rounded if name == "float16" else as_it_is
    computed = "float32" if name == "float16" else name
    network, loss = history.network, history.config.loss_function()
    with blas_threads(1), np.errstate(all="ignore"):
        theta = store(history.theta[record].astype(computed))
        signals = walk_forward(network, theta, history.probe_x.astype(computed), store)
        y: Any = history.probe_y
        y = y.astype(computed) if y.dtype.kind == "f" else y
        delta = store(np.ascontiguousarray(loss.delta(signals.z_out.T, y).T))
        back = walk_back(network, theta, signals.z_hat, signals.inverse_std, delta, store)
        return [delta, *(passage.d_z for passage in back)][::-1]


def _rounded(array: Array) -> Array:
    return array.astype(np.float16).astype(np.float32)
