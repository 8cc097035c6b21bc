"""Three PyTorch trainings, recorded: a transformer, a residual network, and a chain of sigmoid layers that stopped learning.

`python -m tests.torch.recorded_cases` writes the files of the first two, which the tests without PyTorch read;
`python -m tests.torch.recorded_cases run.arrows` that of the third, of which the README has a picture
(`tests/browser/readme_picture.py`).
"""

import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nncore.recorders.stream import LATEST
from nncore.recorders.torch import record
from tests.torch.training_loops import GPT, Residual, blobs, pictures, words

CASES = Path(__file__).parents[1] / "cases"
STEPS, EVERY = 60, 20

Case = tuple[nn.Module, tuple[Tensor, Tensor], float]
"""A model, its rows, and the learning rate."""


def gpt() -> Case:
    return GPT(depth=8), words(), 1e-3


def resnet() -> Case:
    stages = [nn.Sequential(*(Residual() for _ in range(2))) for _ in range(2)]
    stem = [nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(inplace=True)]
    return nn.Sequential(*stem, *stages, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3)), pictures(), 1e-3


class Chain(nn.Module):
    """Sixteen layers of a linear map and a sigmoid, and a head."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        layers = [nn.Sequential(nn.Linear(8 if k == 0 else width, width), nn.Sigmoid()) for k in range(16)]
        self.layers, self.head = nn.ModuleList(layers), nn.Linear(width, 3)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return self.head(x)  # type: ignore[no-any-return]


MODELS: dict[str, Callable[[], Case]] = {"gpt": gpt, "resnet": resnet, "chain": lambda: (Chain(), blobs(), 1e-2)}
"""Name -> what is trained."""

STORED = ("gpt", "resnet")
"""Those with a file among the cases."""


def write(name: str, path: Path, pause: float = 0.0) -> None:
    """Train and record one of them, every 20th of 60 steps; after a pause of LATEST seconds each goes out by itself."""
    torch.manual_seed(0)
    model, (x, y), rate = MODELS[name]()
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    with record(model, optimizer, every=EVERY, path=path) as recorder:
        for _ in range(STEPS + 1):
            loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.log(loss)
            time.sleep(pause)


if __name__ == "__main__":
    if sys.argv[1:]:
        write("chain", Path(sys.argv[1]))
        sys.exit()
    for case in STORED:
        with tempfile.TemporaryDirectory() as folder:
            write(case, Path(folder) / "run.arrows", 2 * LATEST / EVERY)
            shutil.copy(Path(folder) / "run.arrows", CASES / f"{case}.arrows")
    sys.exit()
