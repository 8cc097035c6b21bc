"""A `TrainerCallback` that records what a Hugging Face Trainer trains, by the recorder for PyTorch."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from nncore.recorders.stream import checked_every, checked_path
from nncore.recorders.torch.model import parts_of
from nncore.recorders.torch.recorder import Recorder

if TYPE_CHECKING:
    from transformers import TrainerCallback


def recorder(every: int = 10, path: str | os.PathLike[str] = "run.arrows") -> TrainerCallback:
    """A callback that records every `every`th step into a new file, as `nncore.recorders.torch.record` does.

        trainer = Trainer(model, arguments, train_dataset=rows, callbacks=[recorder(every=10, path="run.arrows")])

    Losses and weights are the same bits as without. The loss is the one in the model's output, of all batches of a step;
    where the Trainer computes another (label smoothing, compute_loss_func), it is blank. Of several processes the first
    records. Raises ValueError, one sentence, when training begins, for a model under FSDP, DataParallel or DeepSpeed.
    """
    return _callback()(checked_every(every), checked_path(path))


@cache
def _callback() -> Any:
    from transformers import TrainerCallback

    class Recording(TrainerCallback):
        """Starts a recorder when training begins and closes it when it ends."""

        def __init__(self, every: int, path: Any) -> None:
            self.every, self.path = every, path
            self.recorder: Recorder | None = None
            self.hook: Any = None

        def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            """The model and its optimizer are ready."""
            if not state.is_world_process_zero:
                return
            _check(args)
            model, wrapped = kwargs["model"], kwargs["optimizer"]
            optimizer = getattr(wrapped, "optimizer", wrapped)
            parts = parts_of(model, (optimizer,))
            parts = replace(parts, is_compiled=parts.is_compiled or bool(args.torch_compile))
            self.recorder = Recorder(
                parts, (optimizer,), self.every, self.path, getattr(wrapped, "scaler", None), _framework()
            ).start()
            n_batches = args.gradient_accumulation_steps
            if not parts.is_compiled:
                self.hook = model.register_forward_hook(partial(self.take_loss, n_batches), with_kwargs=True)

        def take_loss(self, n_batches: int, model: Any, inputs: Any, named: Any, output: Any) -> None:
            """The loss of a batch in training; a share of the step's where it is divided by what all its batches hold."""
            import torch

            loss = output.get("loss") if isinstance(output, dict) else None
            if loss is not None and self.recorder is not None and model.training and torch.is_grad_enabled():
                is_share = named.get("num_items_in_batch") is not None
                self.recorder.log(loss.detach() * n_batches if is_share else loss)

        def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            """Training is over."""
            if self.hook is not None:
                self.hook.remove()
            if self.recorder is not None:
                self.recorder.close()
            self.hook = self.recorder = None

    return Recording


def _check(arguments: Any) -> None:
    if getattr(arguments, "deepspeed", None):
        raise ValueError(
            "a model under DeepSpeed cannot be recorded: each process may hold a piece of every parameter, whose norm is not "
            "the parameter's"
        )
    if arguments.n_gpu > 1:
        raise ValueError(
            "a model under DataParallel, which the Trainer uses on several devices of one process, cannot be recorded: start it "
            "with torchrun, or let it see one device"
        )


def _framework() -> str:
    import torch
    import transformers

    return f"transformers {transformers.__version__}, torch {torch.__version__}"
