"""A run that diverged, looked at backwards: where it broke, the steps before it, and the ratio that tipped."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nncore.history.history import TAIL, Divergence, History
from nncore.measures.measurement import Measurement
from nncore.model.layout import Array
from nncore.numerics.blas import blas_threads

QUANTITIES = {"theta": "max |θ|", "z": "max |z|", "delta": "max |δ|"}
AS_PRINTED = {**QUANTITIES, "loss": "the loss"}


@dataclass(frozen=True)
class LargestGrowth:
    """The largest growth from one step to the next among finite numbers.

    `quantity` is "theta", "z", "delta" or "loss"; `layer` is None for the loss; `factor` is the value at
    `step` over the value one step before.
    """

    quantity: str
    layer: int | None
    step: int
    factor: float

    def sentence(self) -> str:
        """The ratio that tipped, in words."""
        where = "" if self.layer is None else f" of layer {self.layer}"
        return (
            f"From step {self.step - 1} to {self.step}, {AS_PRINTED[self.quantity]}{where} grew "
            f"{self.factor:.2g}-fold, more than anything else before the end."
        )


@dataclass(frozen=True)
class Forensics:
    """Where a run broke (`divergence`), what led there (`measurement`) and what tipped it (`largest_growth`)."""

    divergence: Divergence
    measurement: Measurement
    largest_growth: LargestGrowth | None

    def sentence(self) -> str:
        """The finding in words."""
        tipped = (
            self.largest_growth.sentence()
            if self.largest_growth
            else "No number grew between two finite steps: the very step before it was too large."
            if self.divergence.step
            else "It was so from the start: the initialization is too large."
        )
        return f"{self.divergence.sentence()} {tipped}"


def forensics(history: History) -> Forensics:
    """The last steps of a diverged run: max |θ|, |z| and |δ| per layer, and the loss. Axes: step, layer.

    The steps are those that every history keeps before an early end, eight at most, the non-finite one
    included. Taken on all training rows; δ is each row's own, ∂E_s/∂z. Costs one forward and backward pass
    over the training rows for each step. Raises ValueError for a run that did not diverge.
    """
    if history.divergence is None:
        raise ValueError("forensics needs a run that diverged; this one stayed finite")
    first = max(0, len(history) - TAIL)
    steps, n_layers = history.step[first:], history.layout.n_layers
    values = {name: np.full((len(steps), n_layers), np.nan) for name in QUANTITIES}
    for row, theta in enumerate(history.theta[first:]):
        for name, largest in _largest(history, theta).items():
            values[name][row] = largest
    loss = history.loss[first:]
    caveats = ["On all training rows, each with its own loss."]
    if history.config.batches() is not None:
        caveats.append("The run saw one mini-batch a step: these rows hold that batch and the others.")
    measurement = Measurement(
        "before the end",
        {"step": steps, "layer": np.arange(1, n_layers + 1)},
        values,
        {"loss": ("step", loss)},
        tuple(caveats),
    )
    return Forensics(history.divergence, measurement, _largest_growth(steps, values, loss))


def _largest(history: History, theta: Array) -> dict[str, Array]:
    """Quantity -> its largest magnitude in each layer at one theta, (n_layers,); NaN wins over numbers."""
    config, network, loss = history.config, history.network, history.config.loss_function()
    data = config.data()
    x, y = data.x_train.astype(config.dtype), config.targets(data.y_train)
    with blas_threads(1), np.errstate(all="ignore"):
        tape = network.forward(theta, x)
        _, deltas = network.backward(theta, tape, loss.delta(tape.z[-1], y))
        largest = {
            "theta": [np.abs(block).max() for block in network.layout.blocks(theta)],
            "z": [np.abs(z).max() for z in tape.z],
            "delta": [len(x) * np.abs(delta).max().astype(np.float64) for delta in deltas],
        }
    return {name: np.array(numbers, np.float64) for name, numbers in largest.items()}


def _largest_growth(steps: np.ndarray, values: dict[str, Array], loss: Array) -> LargestGrowth | None:
    """The largest ratio between neighbouring steps, both ends finite; None where nothing grew."""
    found: list[LargestGrowth] = []
    for name, table in (*values.items(), ("loss", loss[:, None])):
        if len(steps) < 2:
            break
        with np.errstate(all="ignore"):
            growth = np.abs(table[1:]) / np.abs(table[:-1])
        growth[~np.isfinite(growth)] = 0.0
        row, column = np.unravel_index(int(np.argmax(growth)), growth.shape)
        layer = None if name == "loss" else int(column) + 1
        found.append(LargestGrowth(name, layer, int(steps[row + 1]), float(growth[row, column])))
    largest = max(found, key=lambda each: each.factor, default=None)
    return largest if largest and largest.factor > 1 else None
