"""Measurements -> a finding in words, with the change that mends it and what that change does at step 0."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nncore.activations import Activation
from nncore.config import RunConfig
from nncore.history import History
from nncore.layout import Array
from nncore.measures import per_layer
from nncore.training import run

VANISHED, EXPLODED = 1e-3, 1e3
"""First over last δ norm below (above) which the gradient is called vanishing (exploding): three decades."""


@dataclass(frozen=True)
class Flow:
    """How the back-propagated gradient runs through the layers at one record.

    `delta` (n_layers,): δ norms. `ratio` is layer 1's over layer L's, `rate` the factor that each layer keeps,
    ratio^(1 / (L - 1)); both NaN for a single layer. `kind` is "vanishing", "exploding", "flowing", "zero" (the
    gradient is exactly zero in layer 1), "not finite", or "single" for a network without hidden layers.
    """

    kind: str
    delta: Array
    ratio: float
    rate: float

    @property
    def n_layers(self) -> int:
        """Layers, the output layer included."""
        return len(self.delta)


@dataclass(frozen=True)
class Remedy:
    """A change of settings, and the first over last δ norm that it was measured to have at step 0."""

    label: str
    config: RunConfig
    ratio: float


def flow(history: History, record: int) -> Flow:
    """The δ norms of one record and what they amount to."""
    delta = per_layer(history, "delta_norm", np.array([record]))["delta_norm"][0]
    return flow_of(delta)


def flow_of(delta: Array) -> Flow:
    """The same for δ norms at hand.

    >>> flow_of(np.array([1e-9, 1e-6, 1e-3])).kind
    'vanishing'
    """
    if not np.isfinite(delta).all():
        return Flow("not finite", delta, np.nan, np.nan)
    if len(delta) == 1:
        return Flow("single", delta, np.nan, np.nan)
    if delta[0] == 0 or delta[-1] == 0:
        return Flow("zero", delta, 0.0 if delta[-1] else np.nan, 0.0)
    ratio = float(delta[0] / delta[-1])
    rate = ratio ** (1 / (len(delta) - 1))
    kind = "vanishing" if ratio < VANISHED else "exploding" if ratio > EXPLODED else "flowing"
    return Flow(kind, delta, ratio, rate)


def initial_flow(config: RunConfig) -> Flow:
    """The flow at step 0, without training."""
    return flow(run(config.replace(steps=0, record_every=1)), 0)


def remedies(config: RunConfig) -> list[Remedy]:
    """Changes after which the gradient of this network flows at step 0, each tried out, the smallest change first.

    What is tried: the initializer made for the activation, then tanh or relu with theirs, then skip connections
    and layer normalization.
    """
    own = _own_initializer(config.network().activations)
    found = []
    for label, changes in (
        (f"{own}, gain 1", {"init": own, "gain": 1.0, "bias_std": 0.0}),
        ("tanh, Xavier", _plain("tanh", "xavier_normal")),
        ("ReLU, He", _plain("relu", "he_normal")),
        ("skip connections", {"skip": True}),
        ("layer normalization", {"normalization": "layer"}),
    ):
        try:
            changed = config.replace(**changes)
        except ValueError:
            continue
        if changed == config:
            continue
        after = initial_flow(changed)
        if after.kind == "flowing":
            found.append(Remedy(label, changed, after.ratio))
    return found


def _own_initializer(activations: tuple[Activation, ...]) -> str:
    """He for relu and its kin, LeCun for selu, Xavier for the rest."""
    kinds = {phi.kind for phi in activations}
    if {phi.name for phi in activations} == {"selu"}:
        return "lecun_normal"
    return "he_normal" if kinds == {"one-sided"} else "xavier_normal"


def _plain(activation: str, init: str) -> dict[str, Any]:
    return {"activation": activation, "alpha": None, "init": init, "gain": 1.0, "bias_std": 0.0}
