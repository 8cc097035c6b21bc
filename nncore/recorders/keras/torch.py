"""Keras with the torch back end: its layers are torch Modules, so the recorder for PyTorch sees them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from nncore.recorders.keras.layers import BatchLoss, framework, layers_of, learning_rate
from nncore.recorders.torch.model import Parts
from nncore.recorders.torch.recorder import Recorder

CAVEATS = (
    "A Keras layer with activation= puts out a and not z: δ there is ∂E/∂a.",
    "Keras clips inside its optimizer: the gradient as it is used is not seen.",
)


class Steps:
    """Keras's optimizer as the recorder watches one of PyTorch's: a callback says when a step begins and ends."""

    def __init__(self, model: Any, parameters: list[Any]) -> None:
        self.model, self.parameters = model, parameters
        clips = (model.optimizer.clipnorm, model.optimizer.global_clipnorm, model.optimizer.clipvalue)
        self.clips_inside = any(each is not None for each in clips)
        self._before: list[Callable[..., None]] = []
        self._after: list[Callable[..., None]] = []

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """One group of all parameters."""
        return [{"params": self.parameters, "lr": learning_rate(self.model)}]

    def register_step_pre_hook(self, hook: Callable[..., None]) -> Removal:
        """Call a hook when a step begins."""
        return Removal(self._before, hook)

    def register_step_post_hook(self, hook: Callable[..., None]) -> Removal:
        """Call a hook when a step is over."""
        return Removal(self._after, hook)

    def begin(self) -> None:
        """A step begins: its forward pass is still to come, as with a closure."""
        for hook in tuple(self._before):
            hook(self, (), {"closure": self.begin})

    def end(self) -> None:
        """The step is over."""
        for hook in tuple(self._after):
            hook(self, (), {"closure": self.begin})


class Removal:
    """Takes a hook off again."""

    def __init__(self, hooks: list[Callable[..., None]], hook: Callable[..., None]) -> None:
        hooks.append(hook)
        self.remove = partial(hooks.remove, hook)


class TorchRun:
    """A training of `model.fit`, from its begin to `close`."""

    def __init__(self, model: Any, every: int, path: Path) -> None:
        import keras

        if model.jit_compile:
            raise ValueError("a model with jit_compile cannot be recorded: compile it with jit_compile=False")
        found = layers_of(model)
        parameters = {unit: variable.value for unit, variable in found.variables.items()}
        held = [parameters[unit] for unit in parameters if found.units[unit].trained]
        is_last = keras.config.image_data_format() == "channels_last"
        self.steps = Steps(model, held)
        parts = Parts(model, found.units, found.layers, parameters, False, is_last)
        caveats = CAVEATS if self.steps.clips_inside else CAVEATS[:1]
        self.recorder = Recorder(parts, (self.steps,), every, path, framework=framework(), caveats=caveats).start()
        self.every, self.loss = every, BatchLoss(model)

    def begin(self) -> None:
        """A batch begins."""
        if self.recorder.step % self.every == 0:
            self.loss.begin()
        self.steps.begin()

    def end(self) -> None:
        """A batch is over."""
        is_recorded = self.recorder.step % self.every == 0
        self.steps.end()
        if is_recorded and np.isfinite(loss := self.loss.end()):
            self.recorder.log(loss)

    def close(self) -> None:
        """Training is over."""
        self.recorder.close()
