"""Theory curves of a RunConfig: its widths, its initializer, its data and its loss."""

from __future__ import annotations

import numpy as np

from nncore.config import RunConfig
from nncore.fork import Fork
from nncore.initializers import INITIALIZERS, LayerSequentialUnitVariance, PyTorchDefault
from nncore.theory.moments import Array
from nncore.theory.prediction import Prediction, predict

ROWS = 128  # of the probe that enter: pairs cost their square
SAME_UNITS = ("zeros", "constant")


def predict_config(config: RunConfig, rows: int = ROWS, n_draws: int | None = None) -> Prediction:
    """What theory predicts for a run before its first step: see `predict` for the laws and the fields.

    Widths, activations, normalization and skip are the config's; Var W and Var b those of its initializer,
    gain and bias_std; the inputs are probe rows, evenly picked where there are more than `rows`; the deltas
    of the output layer are those of the initial network on these rows, because they depend on loss and
    targets, not on propagation. LSUV is predicted as orthogonal weights that give every layer q = gain^2.
    Raises ValueError for an initializer without randomness, for a batch-normalized network on a single row, and
    for a fork. Source: as `predict`.

    >>> config = RunConfig(dataset="moons", hidden=(64,) * 8, activation="relu", init="he_normal")
    >>> predict_config(config).q[1:4].round(6).tolist() == predict_config(config).q[1:2].round(6).tolist() * 3
    True
    """
    if isinstance(config, Fork):
        raise ValueError(f"theory speaks of random weights; a fork begins with those of step {config.at}")
    if config.init in SAME_UNITS:
        raise ValueError(
            f"init must draw at random for theory to hold; {config.init} makes all units of a layer equal"
        )
    layout, initializer = config.layout(), INITIALIZERS[config.init]
    gain, scale = config.gain, config.init_scale
    stds = [initializer.std(fan_in, fan_out, gain, scale) for fan_in, fan_out in layout.fans]
    lsuv = isinstance(initializer, LayerSequentialUnitVariance)
    variances = np.array([0.0 if std is None else std**2 for std in stds])
    x, y = config.probe()
    picked = np.linspace(0, len(x) - 1, min(rows, len(x))).round().astype(int)
    x = x[picked].astype(np.float64)
    return predict(
        layout,
        config.activations(),
        variances,
        config.bias_std**2 + (variances if isinstance(initializer, PyTorchDefault) else 0.0),
        x @ x.T / x.shape[1],
        skip=config.skip,
        normalization=config.normalization,
        orthogonal=lsuv or config.init == "orthogonal",
        output_gram=_output_gram(config, x, y[picked]),
        input_mean=x.mean(axis=1),
        target_q=config.gain**2 if lsuv else None,
        n_draws=n_draws,
    )


def _output_gram(config: RunConfig, x: Array, y: np.ndarray) -> Array:
    """<delta_s, delta_t> of the output layer in the initial network; all equal if zero or not finite."""
    network = config.network()
    with np.errstate(over="ignore", invalid="ignore"):
        tape = network.forward(config.initial_theta(), x.astype(config.dtype))
        delta = config.loss_function().delta(tape.z[-1], y).astype(np.float64)
        largest = float(np.abs(delta).max())
        gram = (delta / largest) @ (delta / largest).T if largest > 0 else delta @ delta.T
    return gram if np.isfinite(gram).all() and gram.any() else np.ones((len(x), len(x)))
