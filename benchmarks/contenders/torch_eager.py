"""PyTorch as its tutorials have it: modules, autograd, an optimizer, and hooks that look at every layer."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import nn
from torch.nn.utils import parameters_to_vector

from benchmarks.workloads import Problem, Recording
from nncore import Layout

ACTIVATIONS = {"tanh": nn.Tanh, "sigmoid": nn.Sigmoid}


def prepare(problem: Problem) -> Callable[[], Recording]:
    """At the better number of threads; `prepare_cold` leaves PyTorch's default and tries nothing out."""
    return with_best_threads(problem, prepare_cold)


def prepare_cold(problem: Problem) -> Callable[[], Recording]:
    work, layout = problem.workload, problem.workload.layout
    torch.set_default_dtype(getattr(torch, work.dtype))
    warnings.filterwarnings("ignore", "Full backward hook is firing")  # of the first layer: x needs no gradient
    x, y = torch.from_numpy(problem.x), torch.from_numpy(problem.y)

    def build() -> tuple[nn.Sequential, list[nn.Linear]]:
        modules: list[nn.Module] = []
        for weight, bias in layout.split(problem.theta):
            linear = nn.Linear(*weight.shape)
            with torch.no_grad():
                linear.weight.copy_(torch.from_numpy(weight.T.copy()))
                linear.bias.copy_(torch.from_numpy(bias))
            modules += [linear, ACTIVATIONS[work.activation]()]
        return nn.Sequential(*modules[:-1]), [each for each in modules if isinstance(each, nn.Linear)]

    def train() -> Recording:
        model, linears = build()
        optimizer = torch.optim.SGD(model.parameters(), lr=work.learning_rate)
        loss_function = nn.MSELoss()
        seen: dict[str, list[torch.Tensor]] = {"z": [], "a": [], "delta": []}

        def look(name: str, values: torch.Tensor) -> None:
            values = values.detach()
            seen[name] += [values.mean(), values.std(correction=0)]

        for module in model:
            name = "z" if isinstance(module, nn.Linear) else "a"
            module.register_forward_hook(lambda _m, _i, output, name=name: look(name, output))
            if name == "z":
                module.register_full_backward_hook(lambda _m, _i, output: look("delta", output[0]))
        thetas, grads, losses, statistics = [], [], [], []
        for _ in range(work.records):
            for values in seen.values():
                values.clear()
            optimizer.zero_grad()
            loss = loss_function(model(x), y)
            loss.backward()
            thetas.append(parameters_to_vector(model.parameters()).detach())
            grads.append(torch.cat([p.grad.flatten() for p in model.parameters()]))
            losses.append(loss.item())
            parameters = [p.detach() for linear in linears for p in (linear.weight, linear.bias)]
            gradients = [p.grad for linear in linears for p in (linear.weight, linear.bias)]
            rows = [
                torch.stack([f for v in each for f in (v.mean(), v.std(correction=0))]).view(-1, 4)
                for each in (parameters, gradients)
            ]
            hidden = [torch.stack(seen[name]).view(-1, 2) for name in ("z", "a")]
            hidden[1] = torch.cat([hidden[1], hidden[0][-1:]])
            deltas = torch.stack(seen["delta"]).view(-1, 2).flip(0)
            statistics.append(torch.cat([*hidden, deltas, *rows], dim=1))
            optimizer.step()
        recorded = (thetas, [torch.tensor(loss) for loss in losses], grads, statistics)
        return Recording(len(losses), *(torch.stack(each).numpy() for each in recorded))

    return train


def in_our_order(layout: Layout, flat: np.ndarray) -> np.ndarray:
    """After the clock has stopped: PyTorch's W1 (fan_out, fan_in), b1, W2, b2, ... -> nncore's b1, W1 (fan_in, fan_out), b2, ..."""
    layers, start = [], 0
    for fan_in, fan_out in layout.fans:
        weight = flat[:, start : start + fan_in * fan_out].reshape(-1, fan_out, fan_in).swapaxes(1, 2)
        start += fan_in * fan_out
        layers.append((weight, flat[:, start : start + fan_out]))
        start += fan_out
    return layout.join(layers)


def with_best_threads(problem: Problem, build: Callable[[Problem], Callable[[], Recording]]) -> Callable[[], Recording]:
    """What `build` makes, at one thread or at two, whichever is the faster of a few short trials."""
    work = problem.workload
    trial = build(replace(problem, workload=replace(work, records=max(2, work.records // 10))))

    def seconds(threads: int) -> float:
        torch.set_num_threads(threads)
        trials = []
        for _ in range(3):
            start = time.perf_counter()
            trial()
            trials.append(time.perf_counter() - start)
        return min(trials)

    torch.set_num_threads(min((1, 2), key=seconds))
    return build(problem)
