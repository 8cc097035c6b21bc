"""A small training that logs itself with PyTorch's own SummaryWriter, and what it logged by plain autograd.

`python -m tests.torch.tensorboard_case` writes the file that the tests without PyTorch read.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

import torch
from torch import nn
from torch.utils.tensorboard import SummaryWriter

CASES = Path(__file__).parents[1] / "cases"


def write(folder: Path) -> dict[str, dict[str, list[float]]]:
    """Log three steps of a network of two layers into a folder; quantity -> layer -> its value at steps 0 and 2."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 1)).double()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x = torch.randn(40, 3, dtype=torch.float64)
    y = x.sum(dim=1, keepdim=True)
    found: dict[str, dict[str, list[float]]] = {}

    def keep(quantity: str, layer: str, value: torch.Tensor) -> None:
        found.setdefault(quantity, {}).setdefault(layer, []).append(value.item())

    with SummaryWriter(str(folder)) as writer:
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
    with tempfile.TemporaryDirectory() as folder:
        logged = write(Path(folder))
        (file,) = Path(folder).iterdir()
        shutil.copy(file, CASES / "two_layers.tfevents")
    (CASES / "two_layers.json").write_text(json.dumps(logged, indent=1) + "\n", encoding="utf-8")
    sys.exit()
