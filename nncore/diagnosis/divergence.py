"""A run that diverged, looked at backwards: where it broke, the steps before it, and the ratio that tipped."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nncore.history.history import TAIL, Divergence, History
from nncore.measures.measurement import Measurement
from nncore.model.layout import Array
from nncore.numerics.blas import blas_threads
from nncore.numerics.safe_norm import norm

QUANTITIES = {"theta": "max |θ|", "z": "max |z|", "delta": "max |δ|"}
TURNING = {"gradient": "‖∂E/∂θ‖", "loss": "the loss", "theta": "‖θ‖"}
TURNED, FALLEN = 2.0, 0.5
"""A quantity has turned up at so many times its value at the lowest loss; a loss below this share of its first has fallen."""
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


@dataclass(frozen=True)
class Turn:
    """From this step on, up to the end, a quantity stays above TURNED times its value where the loss was lowest."""

    quantity: str
    step: int


@dataclass(frozen=True)
class Turning:
    """How a run that first learned went on to diverge: where its loss was lowest, and what turned up since, in order."""

    lowest: int
    """The step of the lowest loss."""
    measurement: Measurement
    turns: tuple[Turn, ...]

    def sentence(self) -> str:
        """The order of events in words."""
        told = ", ".join(f"{TURNING[each.quantity]} from step {each.step:,} on" for each in self.turns)
        return f"The loss is lowest at step {self.lowest:,}. Above {TURNED:g} times what they were there, in this order: {told}."


def turning(history: History) -> Turning | None:
    """What turned up first in a run that learned, then diverged: the gradient, the loss or θ. None for any other run.

    Axis: step, every record. Each quantity is divided by its value at the lowest loss: `gradient` ‖∂E/∂θ‖ as training
    took it, `loss`, `theta` ‖θ‖. A run has learned where its loss fell below FALLEN of its first, TAIL records or more
    before the end.
    """
    found = history.divergence
    if found is None or not np.isfinite(history.loss[0]):
        return None
    lowest = int(np.nanargmin(history.loss[: history.last_finite + 1]))
    if not (lowest < history.last_finite - TAIL and 0 < history.loss[lowest] < FALLEN * history.loss[0]):
        return None
    with np.errstate(all="ignore"):
        sizes = {
            "gradient": np.array([norm(each) for each in history.grad]),
            "loss": history.loss,
            "theta": np.array([norm(each) for each in history.theta]),
        }
        ratios = {name: np.asarray(size, np.float64) / float(size[lowest]) for name, size in sizes.items()}
    turns = []
    for name, ratio in ratios.items():
        with np.errstate(invalid="ignore"):
            calm = np.flatnonzero(ratio[: history.last_finite + 1] <= TURNED)
        if len(calm) and calm[-1] < history.last_finite:
            turns.append(Turn(name, int(history.step[calm[-1] + 1])))
    turns.sort(key=lambda each: each.step)
    measured = Measurement("since the lowest loss", {"step": history.step}, ratios)
    return Turning(int(history.step[lowest]), measured, tuple(turns))


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
