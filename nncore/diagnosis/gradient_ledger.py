"""Who killed the gradient: each layer's factor split exactly into weights, skip, slope and normalization."""

from __future__ import annotations

import numpy as np

from nncore.diagnosis.backward_pass import BackwardStep, walk_back
from nncore.history.history import History, replay
from nncore.measures.measurement import Measurement
from nncore.model.layout import Array
from nncore.numerics.blas import blas_threads
from nncore.numerics.safe_norm import norm

PARTS = ("weights", "skip", "slope", "normalization")


def ledger(history: History, record: int) -> Measurement:
    """log10(‖δ_l‖/‖δ_{l+1}‖) of every hidden layer and the four parts that it is the sum of. Axis: layer.

    With one Frobenius norm over samples × units, on the probe rows:

        weights       = log10 ‖δ_{l+1} W_{l+1}ᵀ‖ / ‖δ_{l+1}‖
        skip          = log10 ‖∂E/∂a_l‖ / ‖δ_{l+1} W_{l+1}ᵀ‖            0 without a skip connection
        slope         = log10 ‖φ′(ẑ_l) ⊙ ∂E/∂a_l‖ / ‖∂E/∂a_l‖
        normalization = log10 ‖∂E/∂z_l‖ / ‖∂E/∂ẑ_l‖                   0 without normalization

    `total` is the measured ratio of the δ norms; the parts add up to it to rounding. A part whose numerator or
    denominator is exactly zero, or not finite, has no logarithm: it is NaN, and a caveat names the layer and
    the part. Raises IndexError on a record that does not exist.

    >>> from nncore import RunConfig, run
    >>> found = ledger(run(RunConfig(hidden=(8,) * 4, activation="sigmoid", steps=0)), 0)
    >>> bool(np.allclose(sum(found[part] for part in PARTS), found["total"]))
    True
    """
    layers = np.arange(1, history.layout.n_layers)
    values = {name: np.full(len(layers), np.nan) for name in (*PARTS, "total")}
    caveats: list[str] = []
    broken: list[int] = []
    with blas_threads(1), np.errstate(all="ignore"):
        (block,) = replay(history, np.array([range(len(history))[record]]))
        deltas = [delta[0] for delta in block.tape.delta_columns]
        steps = walk_back(
            block.network,
            block.theta[0],
            [z_hat[0] for z_hat in block.tape.z_hat_columns],
            [inverse_std[0] for _, inverse_std in block.tape.statistics],
            deltas[-1],
        )
        for step in steps:
            row = step.layer - 1
            for part, (after, before) in _factors(step).items():
                values[part][row] = _log_ratio(after, before)
            values["total"][row] = _log_ratio(_size(deltas[row]), _size(deltas[row + 1]))
            if row < len(layers) - 1 and not np.isfinite(step.delta_above).all():
                broken.append(step.layer)  # named where it began
            else:
                caveats += _named(step)
            if not deltas[row].any():
                caveats += _receive_nothing(row)
                break
    if broken:
        below = f"layers {broken[-1]} to {broken[0]}" if len(broken) > 1 else f"layer {broken[0]}"
        caveats.append(f"What arrives in {below} is not finite.")
    if not len(layers):
        caveats.append("There is no hidden layer for the gradient to pass.")
    return Measurement("gradient ledger", {"layer": layers}, values, caveats=tuple(caveats))


def _factors(step: BackwardStep) -> dict[str, tuple[float, float]]:
    """Part -> (norm behind it, norm in front of it), in the order in which the gradient meets them."""
    norms = [_size(array) for array in (step.delta_above, step.through_weights, step.d_a, step.d_z_hat, step.d_z)]
    return {part: (norms[place + 1], norms[place]) for place, part in enumerate(PARTS)}


def _named(step: BackwardStep) -> list[str]:
    """What has no logarithm in this layer, in words: where the zero arises, not where it is passed on."""
    product = {"weights": f"δ{step.layer + 1} · Wᵀ", "skip": "∂E/∂a", "slope": "φ′ ⊙ ∂E/∂a", "normalization": "∂E/∂z"}
    sentences: list[str] = []
    for part, (after, before) in _factors(step).items():
        where = f"Layer {step.layer}, {part}"
        if not (np.isfinite(after) and np.isfinite(before)):
            return [*sentences, f"{where}: {product[part]} is not finite."]
        if before > 0 and after == 0:
            sentences.append(f"{where}: {product[part]} is exactly 0 in every entry.")
        if before == 0 and after > 0:
            sentences.append(f"{where}: everything that arrives comes around the weights.")
    return sentences


def _receive_nothing(row: int) -> list[str]:
    """For the layers below the one whose δ is exactly 0 (layer row + 1)."""
    if row == 0:
        return []
    below = "Layer 1 receives" if row == 1 else f"Layers 1 to {row} receive"
    return [f"{below} nothing: δ of layer {row + 1} is exactly 0."]


def _size(array: Array) -> float:
    return float(norm(array.reshape(-1)))


def _log_ratio(after: float, before: float) -> float:
    """log10(after / before), NaN where either is 0 or not finite."""
    if not (0 < after < np.inf and 0 < before < np.inf):
        return np.nan
    return float(np.log10(after) - np.log10(before))
