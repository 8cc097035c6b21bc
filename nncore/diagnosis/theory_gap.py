"""Theory beside measurement: what was predicted for a run before its first step, on the measured axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nncore.history.history import History
from nncore.measures.measurement import Measurement
from nncore.theory import Prediction, delta_lines, predict_config
from nncore.theory.moments import Array
from nncore.theory.of_config import probe_rows

ROWS = 48
"""Probe rows that enter the prediction; pairs of rows cost their square."""


@dataclass(frozen=True)
class Distance:
    """How far measured δ norms at step 0 are from theory.

    `factor` is the largest measured/predicted ratio over the layers, or its inverse if that is larger; `inside` counts
    layers within the 95 % band for a single network of these widths, out of `n_layers` that could be compared.
    """

    factor: float
    inside: int
    n_layers: int


def prediction(history: History) -> Prediction:
    """The theory curves of a history's config. Raises ValueError where theory does not apply, as after step 0."""
    if history.step[0] > 0:
        raise ValueError(f"theory speaks of step 0, and this run begins at step {history.step[0]}")
    return predict_config(history.config, rows=ROWS)


def lines_elsewhere(history: History, depths: Sequence[int], gains: Sequence[float]) -> tuple[Array, Array]:
    """log10 of the predicted δ norms of the same network at other depths, and at other gains.

    (n_depths, 1 + max(depths)), NaN beyond a network's output layer, and (n_gains, n_layers). Relative to the last
    layer, as `prediction` is, and from the same rows. Raises ValueError where `delta_lines` does.
    """
    config, probe = history.config, probe_rows(history.config, ROWS)
    along_depth = delta_lines(config, depths, (config.gain,), probe)[0]
    return along_depth, delta_lines(config, (config.depth,), gains, probe)[:, 0]


def beside_theory(measured: Measurement, predicted: Prediction) -> Measurement:
    """A measured gradient flow with the predicted δ norm at step 0 and its 95 % band.

    Theory predicts ratios to the last layer, so the line is put at the last layer's measured norm. Where the page
    stands on a later step the predicted columns are NaN: theory speaks of step 0. Schoenholz et al. 2017 for
    the line, Hanin & Nica 2018 for the band.
    """
    level = measured["delta_norm"][0, -1]
    curves = {
        "theory_delta_norm": predicted.delta_norm_ratio,
        "theory_low": predicted.delta_band[0],
        "theory_high": predicted.delta_band[1],
    }
    values = dict(measured.values)
    for name, curve in curves.items():
        values[name] = np.full_like(values["delta_norm"], np.nan, dtype=np.float64)
        values[name][0] = level * curve
    return Measurement(measured.name, measured.axes, values, caveats=predicted.flags)


def distance(measured: Measurement) -> Distance | None:
    """The distance at step 0 of a measurement made by `beside_theory`; None where δ is zero or not finite."""
    ours, theory = measured["delta_norm"][0, :-1], measured["theory_delta_norm"][0, :-1]
    low, high = measured["theory_low"][0, :-1], measured["theory_high"][0, :-1]
    with np.errstate(all="ignore"):
        factors = np.exp(np.abs(np.log(ours / theory)))
    if not len(ours) or not np.isfinite(factors).all():
        return None
    return Distance(float(factors.max()), int(((low <= ours) & (ours <= high)).sum()), len(ours))
