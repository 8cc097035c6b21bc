"""A small training that logs itself, with PyTorch's own SummaryWriter or in TensorFlow 2's tensors, and what plain autograd has.

`python -m tests.torch.tensorboard_case` writes the files that the tests without PyTorch read.
"""

import json
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.plugins.histogram import summary_v2 as histograms
from tensorboard.plugins.scalar import summary_v2 as scalars
from tensorboard.summary.writer.event_file_writer import EventFileWriter
from torch import nn
from torch.utils.tensorboard import SummaryWriter

CASES = Path(__file__).parents[1] / "cases"


class TensorWriter:
    """SummaryWriter's two methods, writing what tf.summary of TensorFlow 2 writes, by TensorBoard's own code for it."""

    def __init__(self, folder: str) -> None:
        self.file = EventFileWriter(folder)

    def add_scalar(self, tag: str, value: Any, step: int) -> None:
        self.file.add_event(Event(step=step, summary=scalars.scalar_pb(tag, float(torch.as_tensor(value).detach()))))

    def add_histogram(self, tag: str, values: torch.Tensor, step: int, max_bins: int = 30) -> None:
        summary = histograms.histogram_pb(tag, values.detach().numpy(), max_bins)
        self.file.add_event(Event(step=step, summary=summary))

    def __enter__(self) -> "TensorWriter":
        return self

    def __exit__(self, *error: Any) -> None:
        self.file.close()


WRITERS: dict[str, Callable[[str], Any]] = {"two_layers": SummaryWriter, "two_layers_tensors": TensorWriter}
"""Name of a stored file -> what writes it."""


def write(folder: Path, writer_of: Callable[[str], Any] = SummaryWriter) -> dict[str, dict[str, list[float]]]:
    """Log three steps of a network of two layers into a folder; quantity -> layer -> its value at steps 0 and 2."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 1)).double()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x = torch.randn(40, 3, dtype=torch.float64)
    y = x.sum(dim=1, keepdim=True)
    found: dict[str, dict[str, list[float]]] = {}

    def keep(quantity: str, layer: str, value: torch.Tensor) -> None:
        found.setdefault(quantity, {}).setdefault(layer, []).append(value.item())

    with writer_of(str(folder)) as writer:
        for step in range(3):
            hidden = model[1](model[0](x))
            loss = (model[2](hidden) - y).square().mean()
            optimizer.zero_grad()
            loss.backward()
            writer.add_scalar("train/loss", loss, step)
            if step % 2 == 0:
                keep("loss", "", loss)
                for name, parameter in model.named_parameters():
                    writer.add_histogram(name, parameter, step, max_bins=40)
                    writer.add_histogram(f"{name}.grad", parameter.grad, step, max_bins=40)
                    keep("weight_norm", name, parameter.norm())
                    keep("gradient_norm", name, parameter.grad.norm())
                writer.add_histogram("activations/1", hidden, step)
                for quantity, value in {
                    "mean": hidden.mean(),
                    "rms": hidden.square().mean().sqrt(),
                    "std": hidden.std(correction=0),
                    "min": hidden.min(),
                    "max": hidden.max(),
                }.items():
                    keep(f"activation_{quantity}", "1", value)
                writer.add_scalar("accuracy/test", 0.5, step)
            optimizer.step()
    return found


if __name__ == "__main__":
    for name, made in WRITERS.items():
        with tempfile.TemporaryDirectory() as folder:
            logged = write(Path(folder), made)
            (file,) = Path(folder).iterdir()
            shutil.copy(file, CASES / f"{name}.tfevents")
    (CASES / "two_layers.json").write_text(json.dumps(logged, indent=1) + "\n", encoding="utf-8")
    sys.exit()
