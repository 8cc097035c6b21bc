"""Blocks of a recorded PyTorch model, their outputs, and the residual stream through the stages of a residual network."""

import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nncore.recorders import Recorded
from nncore.recorders.residual import residual_stream
from nncore.recorders.torch import record
from tests.torch.training_loops import Residual, pictures


class Basic(nn.Module):
    """A block as torchvision has it: two convolutions, the input added, a relu at the end, which is a module or a function."""

    def __init__(self, before: int, after: int, ends_in_module: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(after), nn.BatchNorm2d(after)
        self.relu, self.ends_in_module = nn.ReLU(inplace=True), ends_in_module
        if before != after:
            self.downsample = nn.Sequential(nn.Conv2d(before, after, 1, bias=False), nn.BatchNorm2d(after))

    def forward(self, x: Tensor) -> Tensor:
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        out = out + (self.downsample(x) if hasattr(self, "downsample") else x)
        return self.relu(out) if self.ends_in_module else F.relu(out)


class ResNet(nn.Module):
    """Stages by name, each a Sequential of blocks."""

    def __init__(self, ends_in_module: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1)
        self.layer1 = nn.Sequential(Basic(8, 8, ends_in_module), Basic(8, 8, ends_in_module))
        self.layer2 = nn.Sequential(Basic(8, 12, ends_in_module), Basic(12, 12, ends_in_module))
        self.fc = nn.Linear(12, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.layer2(self.layer1(self.conv1(x))).mean((2, 3)))  # type: ignore[no-any-return]


def numbered() -> nn.Module:
    """Stages by number, inside a Sequential themselves."""
    stages = [nn.Sequential(Residual(), Residual()) for _ in range(2)]
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), *stages, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3))


def recorded_step(model: nn.Module, x: Tensor, y: Tensor, path: Path) -> Recorded:
    """The model's first step, recorded."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with record(model, optimizer, path=path):
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
    return Recorded.open(path)


def rms_of_outputs(model: nn.Module, x: Tensor, names: list[str]) -> dict[str, float]:
    """Name of a module -> root mean square of its output, by plain hooks."""
    found: dict[str, float] = {}

    def keep(name: str) -> None:
        model.get_submodule(name).register_forward_hook(
            lambda module, arguments, output: found.update(
                {name: output.detach().double().square().mean().sqrt().item()}
            )
        )

    for name in names:
        keep(name)
    model(x)
    return found


NUMBERED = ["1.0", "1.1", "2.0", "2.1"]
NAMED = ["layer1.0", "layer1.1", "layer2.0", "layer2.1"]


@pytest.mark.parametrize(
    ("make", "blocks", "kinds"),
    [
        (numbered, NUMBERED, {"b2": NUMBERED}),
        (lambda: ResNet(True), NAMED, {"bn2": NAMED, "downsample.1": ["layer2.0"]}),
        (lambda: ResNet(False), NAMED, {"bn2": NAMED, "downsample.1": ["layer2.0"]}),
    ],
    ids=["numbered", "named, relu a module", "named, relu a function"],
)
def test_blocks_in_stages_have_a_residual_stream_and_carry_the_gradient(
    make: Callable[[], nn.Module], blocks: list[str], kinds: dict[str, list[str]], tmp_path: Path
) -> None:
    torch.manual_seed(0)
    model, (x, y) = make(), pictures()
    ends = [f"{block}.{kind}" for kind, having in kinds.items() for block in having]
    truth = rms_of_outputs(copy.deepcopy(model), x, [*blocks, *ends])
    recorded = recorded_step(model, x, y, tmp_path / "run.arrows")
    measured = residual_stream(recorded, 0)
    columns = measured.columns
    assert columns is not None and columns["name"][1].tolist() == blocks
    assert columns["kind"][1].tolist() == list(kinds)
    np.testing.assert_allclose(columns["stream_rms"][1], [truth[block] for block in blocks], rtol=1e-5)
    for (kind, having), row in zip(kinds.items(), measured["branch_rms"], strict=True):
        expected = [truth[f"{block}.{kind}"] if block in having else np.nan for block in blocks]
        np.testing.assert_allclose(row, expected, rtol=1e-5)
    path = [recorded.modules[place].name for place in recorded.path_of_gradient]
    assert path in (["0", *blocks, "5"], ["conv1", *blocks, "fc"])


def test_a_block_that_hands_on_what_its_last_module_did_has_its_numbers_and_place(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Sequential(nn.Linear(8, 8), nn.Tanh()), nn.Sequential(nn.Linear(8, 8), nn.Tanh()))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with record(model, optimizer, path=tmp_path / "run.arrows"):
        model(torch.randn(5, 8)).sum().backward()
        optimizer.step()
    recorded = Recorded.open(tmp_path / "run.arrows")
    assert [unit.name for unit in recorded.modules] == ["0.0", "0.1", "0", "1.0", "1.1", "1"]
    assert [unit.order for unit in recorded.modules] == list(range(6))
    assert recorded.modules[2].shape == (5, 8) and [block.output for block in recorded.blocks] == [2, 5]
    for name in ("activation_rms", "delta_norm"):
        values = recorded.quantity(name)[0]
        assert values[1] == values[2] and values[4] == values[5]
