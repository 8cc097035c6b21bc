"""A Keras 3 callback that records what `model.fit` trains: whole with the torch back end, weights and updates with JAX."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

from nncore.recorders.stream import checked_every, checked_path


def recorder(every: int = 10, path: str | os.PathLike[str] = "run.arrows", probe: tuple[Any, Any] | None = None) -> Any:
    """A keras.callbacks.Callback that records every `every`th batch into a new file.

        model.fit(x, y, callbacks=[recorder(every=10, path="run.arrows")])

    Losses and weights are the same bits as without. With the torch back end all that `nncore.recorders.torch.record` has:
    a layer with `activation=` puts out a, so δ there is ∂E/∂a; where the optimizer clips, the gradient as used is blank. With
    the JAX back end weights, updates and the loss; and, of `probe`, rows (x, y), their gradients as in inference (dropout off),
    which are not the batch's. `probe` is for JAX.

    Raises ValueError, one sentence, with the TensorFlow back end; and when training begins, for steps_per_execution above 1,
    a loss scale or, with torch, jit_compile.
    """
    import keras

    back_end = keras.backend.backend()
    if back_end not in ("torch", "jax"):
        raise ValueError(
            f"Keras with the {back_end} back end cannot be recorded, for its training step is one compiled graph: set "
            "KERAS_BACKEND to torch, or to jax for weights and updates, before Keras is imported"
        )
    if probe is not None and back_end != "jax":
        raise ValueError(
            "probe is for the JAX back end: with torch the gradients of the batches themselves are recorded"
        )
    return _callback()(checked_every(every), checked_path(path), probe)


@cache
def _callback() -> Any:
    import keras

    class Recording(keras.callbacks.Callback):
        """Hands the beginning and the end of training and of each batch to what records under this back end."""

        def __init__(self, every: int, path: Any, probe: Any) -> None:
            super().__init__()
            self.every, self.path, self.probe = every, path, probe
            self.run: Any = None

        def on_train_begin(self, logs: Any = None) -> None:
            """The model is built and compiled."""
            _check(self.model)
            if keras.backend.backend() == "jax":
                from nncore.recorders.keras.jax import JaxRun

                self.run = JaxRun(self.model, self.every, self.path, self.probe)
            else:
                from nncore.recorders.keras.torch import TorchRun

                self.run = TorchRun(self.model, self.every, self.path)

        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            """A batch, and so a step of the optimizer, begins."""
            self.run.begin()

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            """It is over."""
            self.run.end()

        def on_train_end(self, logs: Any = None) -> None:
            """Training is over."""
            self.run.close()

    return Recording


def _check(model: Any) -> None:
    if model.steps_per_execution != 1:
        raise ValueError(
            f"steps_per_execution must be 1 to be recorded, for a callback does not see the steps between; got "
            f"{model.steps_per_execution}"
        )
    if hasattr(model.optimizer, "inner_optimizer"):
        raise ValueError("an optimizer that scales the loss, as of mixed_float16, cannot be recorded under Keras")
