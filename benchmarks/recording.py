"""`python -m benchmarks.recording [--rounds N]`: what recording a PyTorch training costs, beside what people do instead.

Every contender trains its own copy of the same model; they take turns, in blocks of ten steps on one thread, and what
counts is the time of the processor, which other programs disturb least. Written to RECORDING.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nncore.history.whole_file import write_whole_text
from nncore.recorders import Recorded
from nncore.recorders.torch import record

RESULTS = Path(__file__).with_name("RECORDING.md")

BLOCK = 10
"""Steps that are timed at once."""

Step = Callable[[], None]


class Attention(nn.Module):
    """Causal self-attention with four heads."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(n, t, width) -> the same."""
        n, t, width = x.shape
        q, k, v = (each.view(n, t, 4, -1).transpose(1, 2) for each in self.qkv(x).chunk(3, dim=-1))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.proj(y.transpose(1, 2).reshape(n, t, width))  # type: ignore[no-any-return]


class Block(nn.Module):
    """Attention and a perceptron, each on a branch behind a layer norm."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.ln_1, self.ln_2, self.attn = nn.LayerNorm(width), nn.LayerNorm(width), Attention(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        """(n, t, width) -> the same."""
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))  # type: ignore[no-any-return]


class Transformer(nn.Module):
    """A small GPT: 64 words, 64 places, the embedding tied to the head."""

    def __init__(self, width: int = 144, depth: int = 4) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(64, width), nn.Embedding(64, width)
        self.blocks = nn.ModuleList(Block(width) for _ in range(depth))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 64, bias=False)
        self.head.weight = self.words.weight

    def forward(self, x: Tensor) -> Tensor:
        """(n, t) word numbers -> (n, 64, t) logits."""
        h = self.words(x) + self.places(torch.arange(x.shape[1]))
        for block in self.blocks:
            h = block(h)
        return self.head(self.norm(h)).transpose(1, 2)  # type: ignore[no-any-return]


def convolutional(channels: int = 64) -> nn.Module:
    """Three convolutions with batch norm, pooled, and two linear layers."""
    layers: list[nn.Module] = []
    for fan_in, fan_out in ((3, channels), (channels, 2 * channels), (2 * channels, 4 * channels)):
        layers += [nn.Conv2d(fan_in, fan_out, 3, padding=1), nn.BatchNorm2d(fan_out), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * channels, 160), nn.ReLU(), nn.Linear(160, 10))


MODELS: dict[str, tuple[Callable[[], nn.Module], Callable[[], tuple[Tensor, Tensor]]]] = {
    "transformer": (Transformer, lambda: (torch.randint(64, (8, 64)), torch.randint(64, (8, 64)))),
    "convolutional network": (convolutional, lambda: (torch.randn(16, 3, 32, 32), torch.randint(10, (16,)))),
}


def training(name: str, log: Callable[[nn.Module, Any], Callable[[Tensor], None]]) -> Step:
    """One step of a model trained from seed 0; `log` is given the model and optimizer, and what it returns each loss."""
    torch.manual_seed(0)
    make, draw = MODELS[name]
    model, (x, y) = make(), draw()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    told = log(model, optimizer)

    def step() -> None:
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        told(loss)

    return step


def nothing(model: nn.Module, optimizer: Any) -> Callable[[Tensor], None]:
    """Training alone."""
    return lambda loss: None


def recorded(path: Path, every: int, until: ExitStack) -> Callable[[nn.Module, Any], Callable[[Tensor], None]]:
    """nncore's recorder, which is closed with `until`."""
    return lambda model, optimizer: until.enter_context(record(model, optimizer, every, path)).log


def hooks_by_hand(every: int) -> Callable[[nn.Module, Any], Callable[[Tensor], None]]:
    """A histogram of 64 bins and a norm of every gradient, from a hook on every parameter."""

    def log(model: nn.Module, optimizer: Any) -> Callable[[Tensor], None]:
        seen, count = {}, [0]

        def hook(name: str, gradient: Tensor) -> None:
            if count[0] % every == 0:
                low, high = gradient.min().item(), gradient.max().item()
                seen[name] = torch.histc(gradient, 64, low, high).tolist(), gradient.norm().item()

        for name, parameter in model.named_parameters():
            parameter.register_hook(lambda gradient, name=name: hook(name, gradient))

        def told(loss: Tensor) -> None:
            count[0] += 1

        return told

    return log


def tensorboard(folder: Path, every: int) -> Callable[[nn.Module, Any], Callable[[Tensor], None]]:
    """TensorBoard's histograms of every weight and gradient."""

    def log(model: nn.Module, optimizer: Any) -> Callable[[Tensor], None]:
        from torch.utils.tensorboard import SummaryWriter

        writer, count = SummaryWriter(str(folder)), [0]

        def told(loss: Tensor) -> None:
            if count[0] % every == 0:
                for name, parameter in model.named_parameters():
                    writer.add_histogram(name, parameter, count[0])
                    writer.add_histogram(f"{name}.grad", parameter.grad, count[0])
            count[0] += 1

        return told

    return log


def watched(folder: Path, every: int) -> Callable[[nn.Module, Any], Callable[[Tensor], None]]:
    """`wandb.watch`, offline: histograms of every gradient."""

    def log(model: nn.Module, optimizer: Any) -> Callable[[Tensor], None]:
        import wandb

        if wandb.run is None:  # its hooks write to the one run of the process
            wandb.init(mode="offline", dir=str(folder), settings=wandb.Settings(silent=True, console="off"))
        wandb.watch(model, log="gradients", log_freq=every)
        return lambda loss: wandb.log({})

    return log


def contenders(name: str, folder: Path, until: ExitStack) -> dict[str, Step]:
    """Label -> one step of its training; what is not installed is left out."""
    logs = {"training alone": nothing, "training alone, again": nothing}
    for every in (1, 10):
        times = "every step" if every == 1 else f"every {every} steps"
        logs[f"`nncore.recorders`, {times}"] = recorded(folder / f"{every}.arrows", every, until)
        logs[f"hooks by hand, {times}"] = hooks_by_hand(every)
        if find_spec("tensorboard"):
            logs[f"TensorBoard, {times}"] = tensorboard(folder / f"board {every}", every)
        if find_spec("wandb"):
            logs[f"`wandb.watch`, {times}"] = watched(folder, every)
    return {label: training(name, log) for label, log in logs.items()}


def measure(name: str, rounds: int, block: int = BLOCK) -> tuple[dict[str, list[float]], Recorded]:
    """Seconds of the processor for a step, of each contender in every round, and what was recorded."""
    torch.set_num_threads(1)
    seconds: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        with ExitStack() as until:
            steps = contenders(name, Path(folder), until)
            for turn in range(rounds + 1):  # the first is not counted
                for label, step in steps.items():
                    start = time.process_time()
                    for _ in range(block):
                        step()
                    if turn:
                        seconds.setdefault(label, []).append((time.process_time() - start) / block)
        return seconds, Recorded.open(Path(folder) / "1.arrows")


def table(measured: dict[str, dict[str, list[float]]]) -> list[str]:
    """How many times as long a step takes as training alone: the best block over the best block."""
    labels = list(next(iter(measured.values())))
    lines = ["| | " + " | ".join(measured) + " |", "| --- |" + " --- |" * len(measured)]
    for label in labels:
        ratios = (min(seconds[label]) / min(seconds["training alone"]) for seconds in measured.values())
        lines.append(f"| {label} | " + " | ".join(f"{ratio:.3f}" for ratio in ratios) + " |")
    return lines


def report(measured: dict[str, dict[str, list[float]]], recordings: dict[str, Recorded], rounds: int) -> str:
    """RECORDING.md."""
    busy = os.getloadavg()[0] / (os.cpu_count() or 1)
    facts = [
        f"- {name}: {sum(torch.Size(unit.shape).numel() for unit in found.parameters):,} parameters, "
        f"{1e3 * min(measured[name]['training alone']):.1f} ms a step alone, {len(found.modules)} modules and "
        f"{len(found.parameters)} parameters recorded"
        for name, found in recordings.items()
    ]
    return "\n".join(
        [
            "# What recording a PyTorch training costs",
            "",
            "Written by `python -m benchmarks.recording`. A number says how many times as long a step takes as in training",
            f"alone: processor time on one thread, the best of {rounds} blocks of {BLOCK} steps over the best, all taking turns.",
            'What differs from "training alone, again" by no more than that does from 1 is noise.',
            "",
            *table(measured),
            "",
            *facts,
            "",
            "The recorder takes activations, δ, gradients before and after clipping, weights and updates, and three",
            "distributions; hooks by hand and `wandb.watch` take gradients, TensorBoard gradients and weights.",
            "",
            f"Python {platform.python_version()}, torch {torch.__version__}, {os.cpu_count()} cores, {busy:.1f} programs a core at the end.",
            "",
        ]
    )


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recording", description=__doc__)
    parser.add_argument("--rounds", type=int, default=8, help="blocks of each contender (8)")
    rounds = parser.parse_args().rounds
    measured, recordings = {}, {}
    for name in MODELS:
        measured[name], recordings[name] = measure(name, rounds)
    text = report(measured, recordings, rounds)
    write_whole_text(RESULTS, text)
    print(text)


if __name__ == "__main__":
    main()
