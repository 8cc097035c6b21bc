"""Theory of a RunConfig: its variances, its curves, from its widths, initializer, data and loss."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nncore.config.fork import Fork
from nncore.config.run_config import RunConfig
from nncore.model.initializers import INITIALIZERS, Initializer, LayerSequentialUnitVariance, PyTorchDefault
from nncore.model.layout import Layout
from nncore.numerics.spacing import evenly_spaced
from nncore.theory.finite_width import FEWEST, MOST, NUMBERS
from nncore.theory.finite_width import ROWS as ROWS_SIMULATED
from nncore.theory.moments import Array, gaussian_moments
from nncore.theory.prediction import Prediction, predict

ROWS = 128  # of the probe that enter: pairs cost their square
SECONDS_PER_LAW, SECONDS_PER_NUMBER = 5e-3, 4.5e-8  # of a layer's laws, and of a simulated network's z
SAME_UNITS = ("zeros", "constant")


@dataclass(frozen=True)
class Standing:
    """Where a config stands in the plane of weight and bias variance, layer by layer."""

    sigma_w2: Array
    """(n_hidden,): fan_in Var W of each hidden layer"""
    sigma_b2: Array
    """(n_hidden,): Var b"""

    @property
    def deep(self) -> slice:
        """The hidden layers that see a hidden layer: layer 2 on, or layer 1 where it is the only one."""
        return slice(1 if len(self.sigma_w2) > 1 else 0, None)

    @property
    def point(self) -> tuple[float, float] | None:
        """Medians of (sigma_w2, sigma_b2) over the deep layers; None without a hidden layer."""
        if not len(self.sigma_w2):
            return None
        return float(np.median(self.sigma_w2[self.deep])), float(np.median(self.sigma_b2[self.deep]))

    @property
    def spread(self) -> tuple[float, float] | None:
        """Smallest and largest sigma_w2 of the deep layers; None where they agree."""
        deep = self.sigma_w2[self.deep]
        same = not len(deep) or np.ptp(deep) <= 1e-9 * deep.max()
        return None if same else (float(deep.min()), float(deep.max()))


def standing(config: RunConfig) -> Standing:
    """(sigma_w2, sigma_b2) of every hidden layer: fan_in Var W and Var b of the initializer, gain and bias_std.

    LSUV has no variance of its own: it gives every layer Var z = gain^2, so that sigma_w2 = (gain^2 -
    sigma_b2) / E[a^2] with E[a^2] at that q, of the data for layer 1; skip connections are not counted.
    zeros and constant have sigma_w2 = 0.

    >>> here = standing(RunConfig(hidden=(50, 50, 100), init="xavier_normal", bias_std=0.5))
    >>> here.sigma_w2.round(4).tolist(), [round(each, 4) for each in here.point]
    ([0.0769, 1.0, 0.6667], [0.8333, 0.25])
    """
    weight, bias = variances(config)
    fan_in = np.array([fans[0] for fans in config.layout().fans], dtype=np.float64)
    sigma_w2, sigma_b2 = (fan_in * weight)[:-1], bias[:-1]
    if isinstance(INITIALIZERS[config.init], LayerSequentialUnitVariance) and config.depth:
        q = config.gain**2 if config.normalization == "none" else 1.0
        energy = [input_energy(config)]
        energy += [float(gaussian_moments(phi, q).phi2) for phi in config.activations()[:-1]]
        with np.errstate(divide="ignore", invalid="ignore"):
            sigma_w2 = np.nan_to_num(np.maximum(config.gain**2 - sigma_b2, 0.0) / np.array(energy), posinf=0.0)
    return Standing(sigma_w2, sigma_b2)


def variances(config: RunConfig) -> tuple[Array, Array]:
    """(Var W, Var b) of every layer, each (n_layers,); Var W is 0 where the data decides (lsuv)."""
    initializer = config.initializer()
    scale = None if initializer.default_scale is None else config.init_scale
    weight, own = initial_variances(initializer, config.layout(), config.gain, scale)
    there = np.array([biases != "none" for biases in config.layer_biases()])
    return weight, np.where(there, config.bias_std**2 + own, 0.0)


def initial_variances(
    initializer: Initializer, layout: Layout, gain: float = 1.0, scale: float | None = None
) -> tuple[Array, Array]:
    """(Var W, Var b) that an initializer gives every layer, each (n_layers,); Var W is 0 where the data decides (lsuv)."""
    stds = [initializer.std(fan_in, fan_out, gain, scale) for fan_in, fan_out in layout.fans]
    weight = np.array([0.0 if std is None else std**2 for std in stds])
    return weight, weight if isinstance(initializer, PyTorchDefault) else np.zeros_like(weight)


def input_energy(config: RunConfig) -> float:
    """|x|^2 / N_0, mean over the probe rows: what sigma_w2 of layer 1 multiplies to give q of layer 1."""
    x = config.probe()[0].astype(np.float64)
    return float((x * x).mean())


def first_q(config: RunConfig) -> float:
    """q of layer 1, mean over the probe rows: sigma_w2 |x|^2 / N_0 + sigma_b2. Without hidden layer, the output's.

    >>> round(first_q(RunConfig(init="lecun_normal", gain=2.0)), 2)
    3.91
    """
    here = standing(config)
    if not config.depth:
        weight, bias = variances(config)
        return float(config.layout().fans[0][0] * weight[0] * input_energy(config) + bias[0])
    return float(here.sigma_w2[0] * input_energy(config) + here.sigma_b2[0])


def predict_config(config: RunConfig, rows: int = ROWS, n_draws: int | None = None) -> Prediction:
    """What theory predicts for a run before its first step: see `predict` for the laws and the fields.

    Widths, activations, normalization and skip are the config's; Var W and Var b those of its initializer,
    gain and bias_std; the inputs are probe rows, evenly picked where there are more than `rows`; the deltas
    of the output layer are those of the initial network on these rows, because they depend on loss and
    targets, not on propagation. LSUV is predicted as orthogonal weights that give every layer Var z = gain^2 over rows and units: a second moment
    less the square of a mean, which for the one unit of the output is most of it.
    Raises ValueError for an initializer without randomness, for a batch-normalized network on a single row, and
    for a fork. Source: as `predict`.

    >>> config = RunConfig(dataset="moons", hidden=(64,) * 8, activation="relu", init="he_normal")
    >>> predict_config(config).q[1:4].round(6).tolist() == predict_config(config).q[1:2].round(6).tolist() * 3
    True
    """
    check_random(config)
    lsuv = isinstance(INITIALIZERS[config.init], LayerSequentialUnitVariance)
    weight, bias = variances(config)
    x, output_gram = probe_rows(config, rows)
    return predict(
        config.layout(),
        config.activations(),
        weight,
        bias,
        x @ x.T / x.shape[1],
        skip=config.skip,
        normalization=config.normalization,
        orthogonal=lsuv or config.init == "orthogonal",
        output_gram=output_gram,
        input_mean=x.mean(axis=1),
        target_q=config.gain**2 if lsuv else None,
        n_draws=n_draws,
    )


def check_random(config: RunConfig) -> None:
    """Raise ValueError where the initial weights are not drawn at random around 0, of which alone theory speaks."""
    if isinstance(config, Fork):
        raise ValueError(f"theory speaks of random weights; a fork begins with those of step {config.at}")
    if config.theta:
        raise ValueError("theory speaks of random weights; this run begins with a theta that is given")
    ends = config.init_ends
    if ends is not None and ends[0] != -ends[1]:
        raise ValueError(f"theory speaks of weights around 0; these are drawn between {ends[0]:g} and {ends[1]:g}")
    if config.init in SAME_UNITS:
        raise ValueError(f"init must draw at random for theory to hold; {config.init} makes all units of a layer equal")


def probe_rows(config: RunConfig, rows: int) -> tuple[Array, Array]:
    """At most so many rows x of the probe, evenly picked, and their `output_gram` in `predict`."""
    x, y = config.probe()
    picked = evenly_spaced(0, len(x) - 1, rows)
    x = x[picked].astype(np.float64)
    return x, _output_gram(config, x, y[picked])


def prediction_seconds(config: RunConfig) -> float:
    """What `predict_config` takes, to a factor of about three: the laws of each layer, and the simulated networks."""
    units = max(ROWS_SIMULATED * sum(config.hidden), 1)
    draws = int(np.clip(NUMBERS // units, FEWEST, MOST))
    return SECONDS_PER_LAW * (config.depth + 1) + SECONDS_PER_NUMBER * draws * units


def _output_gram(config: RunConfig, x: Array, y: np.ndarray) -> Array:
    """<delta_s, delta_t> of the output layer in the initial network; all equal if zero or not finite."""
    network = config.network()
    with np.errstate(over="ignore", invalid="ignore"):
        tape = network.forward(config.initial_theta(), x.astype(config.dtype))
        delta = config.loss_function().delta(tape.z[-1], y).astype(np.float64)
        largest = float(np.abs(delta).max())
        gram = (delta / largest) @ (delta / largest).T if largest > 0 else delta @ delta.T
    return gram if np.isfinite(gram).all() and gram.any() else np.ones((len(x), len(x)))
