"""Keras with the JAX back end: its step is compiled whole, so weights, updates and loss are seen, and gradients of probe rows."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nncore.numerics.safe_norm import norm
from nncore.recorders.keras.layers import BatchLoss, framework, layers_of, learning_rate
from nncore.recorders.recorded import compact
from nncore.recorders.rows import RecordRows
from nncore.recorders.samples import octave_counts, zero_share
from nncore.recorders.stream import StreamWriter
from nncore.recorders.units import Header

WITHOUT = "Activations, δ and the batch's gradients are missing: under JAX a training step is compiled whole and has no hooks."


class JaxRun:
    """A training of `model.fit`, from its begin to `close`. `probe`: rows (x, y) whose gradients are taken, or None."""

    def __init__(self, model: Any, every: int, path: Path, probe: tuple[Any, Any] | None) -> None:
        self.model, self.every, self.path = model, every, path
        found = layers_of(model)
        self.variables = found.variables
        owners = {unit.module for unit in found.units}
        order = {unit.name: place for place, unit in enumerate(found.units) if unit.role == "module"}
        units = tuple(
            replace(unit, order=order[unit.module or unit.name])
            if unit.role != "run" and (unit.module or unit.name) in owners
            else unit
            for unit in found.units
        )
        caveats = [WITHOUT]
        if probe is not None:
            caveats.append(
                f"Gradients are those of {len(probe[0]):,} probe rows, as in inference (dropout off), not the batch's."
            )
        self.header = Header(units, framework(), every, tuple(caveats))
        self.gradients = None if probe is None else _gradients(model, *probe)
        writer = StreamWriter(path)
        self.writer: StreamWriter | None = writer
        self.began, self.step, self.loss = time.monotonic(), 0, BatchLoss(model)
        self.before: dict[int, NDArray[Any]] = {}
        self._guarded(lambda: writer.flush(self.header))

    def begin(self) -> None:
        """A batch begins."""
        if self.writer is not None and self.step % self.every == 0:
            self._guarded(self._begin)

    def end(self) -> None:
        """A batch is over."""
        if self.before:
            self._guarded(self._end)
        self.step += 1

    def close(self) -> None:
        """Training is over."""
        self._guarded(self._close)

    def _begin(self) -> None:
        self.model.jax_state_sync()
        self.loss.begin()
        self.before = self._weights()
        self.rows = RecordRows(self.step, len(self.header.units))
        self.rows.put("learning_rate", [0, *self.before], learning_rate(self.model))
        if self.gradients is not None:
            for unit, gradient in self.gradients().items():
                flat = gradient.astype(np.float64).reshape(1, -1)
                self.rows.put("gradient_norm", [unit], norm(flat))
                self.rows.put("gradient_zero_fraction", [unit], zero_share(flat))
                self.rows.put("gradient_octaves", [unit], octave_counts(flat))

    def _end(self) -> None:
        self.model.jax_state_sync()
        before, self.before = self.before, {}
        now, units = self._weights(), list(before)
        weights = [each.astype(np.float64).ravel() for each in before.values()]
        self.rows.put("weight_norm", units, [float(norm(each)) for each in weights])
        updates = [now[unit].astype(np.float64).ravel() - each for unit, each in zip(units, weights, strict=True)]
        self.rows.put("update_norm", units, [float(norm(each)) for each in updates])
        loss = self.loss.end()
        if np.isfinite(loss):
            self.rows.put("loss", [0], loss)
        self.rows.put("seconds", [0], time.monotonic() - self.began)
        assert self.writer is not None
        self.writer.append(self.rows.rows())
        if self.writer.is_due:
            self.writer.flush(self.header)

    def _close(self) -> None:
        if self.writer is not None:
            self.writer.close(replace(self.header, finished=True))
            compact(self.path, self.path.with_suffix(".parquet"))

    def _weights(self) -> dict[int, NDArray[Any]]:
        return {unit: np.array(variable.value) for unit, variable in self.variables.items()}

    def _guarded(self, act: Callable[[], None]) -> None:
        """An error of recording's own ends it with one warning; training goes on."""
        try:
            act()
        except Exception as error:
            if self.writer is not None:
                self.writer.abandon()
            self.writer, self.before = None, {}
            warnings.warn(
                f"recording to {self.path} ended at step {self.step:,}, and training goes on: {type(error).__name__}: {error}",
                RuntimeWarning,
                stacklevel=4,
            )


def _gradients(model: Any, x: Any, y: Any) -> Callable[[], dict[int, NDArray[Any]]]:
    """What gives the gradient of the loss of rows at the weights as they are, by unit; it leaves the model as it is."""
    import jax

    units = {id(variable): unit for unit, variable in layers_of(model).variables.items()}

    def loss(trainable: Any, fixed: Any) -> Any:
        predicted, _ = model.stateless_call(trainable, fixed, x, training=False)
        return model.stateless_compute_loss(trainable, fixed, [], x=x, y=y, y_pred=predicted, training=False)[0]

    slope = jax.jit(jax.grad(loss))

    def gradients() -> dict[int, NDArray[Any]]:
        values = [
            [each.value for each in group] for group in (model.trainable_variables, model.non_trainable_variables)
        ]
        found = slope(*values)
        return {
            units[id(variable)]: np.asarray(each)
            for variable, each in zip(model.trainable_variables, found, strict=True)
            if id(variable) in units
        }

    return gradients
