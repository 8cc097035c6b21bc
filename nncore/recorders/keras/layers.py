"""A Keras model -> its layers and variables by name, in the order in which Keras lists them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from nncore.recorders.units import LONGEST_TEXT, Unit

TYPES = {"tanh": "Tanh", "sigmoid": "Sigmoid", "softsign": "Softsign", "hard_tanh": "Hardtanh"}
"""What a layer Activation is called by its function, where the recorder knows how flat it is."""


@dataclass(frozen=True)
class Layers:
    """Units of a model, the run first; the layers and variables by their unit."""

    units: tuple[Unit, ...]
    layers: dict[int, Any]
    variables: dict[int, Any]


def layers_of(model: Any) -> Layers:
    """Layers that have none inside or weights of their own, and these weights; names are Keras's paths with dots."""
    held = {id(variable) for variable in model.trainable_variables}
    prefix = f"{model.path}/" if model.path else ""
    named = list(_named(model, prefix))
    units, layers, variables = [Unit("run", "")], {}, {}
    for name, layer in named:
        inside = next(iter(layer._flatten_layers(include_self=False)), None)
        if type(layer).__name__ == "InputLayer" or (inside is not None and not layer._trainable_variables):
            continue
        trained = any(id(variable) in held for variable in layer.variables)
        kind = TYPES.get(getattr(getattr(layer, "activation", None), "__name__", ""), "")
        kind = kind if type(layer).__name__ == "Activation" and kind else type(layer).__name__
        layers[len(units)] = layer
        units.append(Unit("module", name, kind, leaf=inside is None, trained=trained))
    for name, layer in named:
        for variable in layer._trainable_variables:
            variables[len(units)] = variable
            units.append(
                Unit(
                    "parameter",
                    f"{name}.{variable.name}"[:LONGEST_TEXT],
                    type(layer).__name__,
                    tuple(variable.shape),
                    str(variable.dtype),
                    name,
                    trained=id(variable) in held,
                )
            )
    return Layers(tuple(units), layers, variables)


def _named(model: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    taken: set[str] = set()
    for layer in model._flatten_layers(include_self=False):
        name = stem = (layer.path or layer.name).removeprefix(prefix).replace("/", ".")[: LONGEST_TEXT // 2]
        number = 2
        while name in taken:
            name, number = f"{stem}#{number}", number + 1
        taken.add(name)
        yield name, layer


def framework() -> str:
    """Keras and its back end."""
    import keras

    return f"keras {keras.__version__}, {keras.backend.backend()}"


def learning_rate(model: Any) -> float:
    """Of the step at hand."""
    import keras

    return float(keras.ops.convert_to_numpy(model.optimizer.learning_rate))


class BatchLoss:
    """The loss of a batch, as the difference that it makes to Keras's running mean of the epoch."""

    def __init__(self, model: Any) -> None:
        self._tracker: Any = getattr(model, "_loss_tracker", None)
        self._before = self._now()

    def begin(self) -> None:
        """The batch begins."""
        self._before = self._now()

    def end(self) -> float:
        """The batch is over; NaN where Keras tells nothing."""
        total, count = np.subtract(self._now(), self._before)
        return float(total / count) if count > 0 else np.nan

    def _now(self) -> tuple[float, float]:
        import keras

        if self._tracker is None:
            return 0.0, 0.0
        total, count = (float(keras.ops.convert_to_numpy(each)) for each in (self._tracker.total, self._tracker.count))
        return total, count
