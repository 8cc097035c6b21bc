"""A Lightning `Callback` that records what its Trainer trains, by the recorder for PyTorch."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from nncore.recorders.stream import checked_every, checked_path
from nncore.recorders.torch.model import parts_of
from nncore.recorders.torch.recorder import Recorder

if TYPE_CHECKING:
    from lightning.pytorch import Callback

PACKAGES = ("lightning.pytorch", "pytorch_lightning")
"""The two names that Lightning is installed under."""


def recorder(every: int = 10, path: str | os.PathLike[str] = "run.arrows") -> Callback:
    """A callback that records every `every`th step into a new file, as `nncore.recorders.torch.record` does.

        trainer = Trainer(max_epochs=3, callbacks=[recorder(every=10, path="run.arrows")])

    Losses and weights are the same bits as without; the loss is what training_step returned. Of several processes the first
    records. Raises ValueError, one sentence, when training begins, for a model under FSDP or DeepSpeed.
    """
    loaded = next((name for name in PACKAGES if name in sys.modules), None)
    return _callback(loaded or _installed())(checked_every(every), checked_path(path))


def _installed() -> str:
    try:
        import_module(PACKAGES[0])
    except ImportError:
        return PACKAGES[1]
    return PACKAGES[0]


@cache
def _callback(package: str) -> Any:
    lightning = import_module(package)

    class Recording(lightning.Callback):  # type: ignore[name-defined]
        """Starts a recorder when training begins and closes it when it ends, however."""

        def __init__(self, every: int, path: Any) -> None:
            self.every, self.path = every, path
            self.recorder: Recorder | None = None

        def on_train_start(self, trainer: Any, pl_module: Any) -> None:
            """The module and its optimizers are ready."""
            if not trainer.is_global_zero:
                return
            if "DeepSpeed" in type(trainer.strategy).__name__:
                raise ValueError(
                    "a model under DeepSpeed cannot be recorded: each process may hold a piece of every parameter, whose "
                    "norm is not the parameter's"
                )
            import torch

            optimizers = tuple(trainer.optimizers)
            parts = parts_of(pl_module, optimizers)
            parts = replace(
                parts, is_compiled=parts.is_compiled or getattr(pl_module, "_compiler_ctx", None) is not None
            )
            framework = f"lightning {lightning.__version__}, torch {torch.__version__}"
            scaler = getattr(trainer.precision_plugin, "scaler", None)
            self.recorder = Recorder(
                parts, optimizers, self.every, self.path, scaler, framework, whole=not parts.is_compiled
            ).start()
            self.n_batches = trainer.accumulate_grad_batches

        def on_before_backward(self, trainer: Any, pl_module: Any, loss: Any) -> None:
            """The loss of a batch, which Lightning has divided by the batches of a step."""
            if self.recorder is not None:
                self.recorder.log(loss.detach() * self.n_batches if self.n_batches > 1 else loss)

        def on_train_end(self, trainer: Any, pl_module: Any) -> None:
            """Training is over."""
            self.close()

        def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
            """Training ended with an error, or by hand."""
            self.close(f"{type(exception).__name__}: {exception}")

        def close(self, ended: str = "") -> None:
            """End the recording."""
            if self.recorder is not None:
                self.recorder.close(ended)
            self.recorder = None

    return Recording
