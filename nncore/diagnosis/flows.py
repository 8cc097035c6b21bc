"""How the back-propagated gradient runs through the layers at one record: one ratio and what it amounts to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nncore.config.run_config import RunConfig
from nncore.history.history import History
from nncore.measures import per_layer
from nncore.model.layout import Array
from nncore.training import run

VANISHED, EXPLODED = 1e-3, 1e3
"""First over last δ norm below (above) which the gradient is called vanishing (exploding): three decades.

Experiment: 24 networks (tanh and sigmoid of several gains, 6 and 10 layers of 16, moons, 500 steps of
full-batch gradient descent at the best of the rates 0.1, 0.3 and 1). Loss at the end, which starts near
ln 2 = 0.69: of the six that start below 1e-3, five end at 0.69 and one at 0.32; of the six from 1e-3 to 1e-2,
five end between 0.24 and 0.32; all twelve above 1e-2 end below 0.18."""


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
    with np.errstate(all="ignore"):
        ratio = float(delta[0] / delta[-1])
    rate = ratio ** (1 / (len(delta) - 1))
    kind = "vanishing" if ratio < VANISHED else "exploding" if ratio > EXPLODED else "flowing"
    return Flow(kind, delta, ratio, rate)


def initial_flow(config: RunConfig) -> Flow:
    """The flow at the first step, without training."""
    return flow(run(config.replace(steps=config.first_step, record_every=1)), 0)
