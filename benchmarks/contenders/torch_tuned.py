"""PyTorch with everything tuned by hand: no autograd, `out=` everywhere, theta in place in its history."""

from __future__ import annotations

from collections.abc import Callable

import torch

from benchmarks.contenders.torch_eager import with_best_threads
from benchmarks.workloads import Problem, Recording


def prepare(problem: Problem) -> Callable[[], Recording]:
    """At the better number of threads."""
    return with_best_threads(problem, prepare_cold)


def prepare_cold(problem: Problem) -> Callable[[], Recording]:
    work, layout = problem.workload, problem.workload.layout
    torch.set_default_dtype(getattr(torch, work.dtype))
    x, y = torch.from_numpy(problem.x), torch.from_numpy(problem.y)
    phi = getattr(torch, work.activation)
    sigmoid = work.activation == "sigmoid"
    n_layers, rows, widths = layout.n_layers, work.n_rows, layout.widths
    z = [torch.empty(rows, width) for width in widths[1:]]
    a = [x, *(torch.empty(rows, width) for width in widths[1:-1])]
    delta = [torch.empty(rows, width) for width in widths[1:]]
    slope = [torch.empty(rows, width) for width in widths[1:-1]]
    outputs = [*a[1:], z[-1]]

    def views(vector: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]]:
        return [
            (vector[start + fan_out : stop].view(fan_in, fan_out), vector[start : start + fan_out])
            for (start, stop), (fan_in, fan_out) in zip(layout.bounds, layout.fans, strict=True)
        ]

    @torch.inference_mode()
    def train() -> Recording:
        thetas = torch.empty(work.records, layout.n_params)
        grads = torch.empty_like(thetas)
        losses = torch.empty(work.records)
        statistics = torch.empty(work.records, n_layers, 7, 2)
        thetas[0] = torch.from_numpy(problem.theta)
        for record in range(work.records):
            layers, gradients = views(thetas[record]), views(grads[record])
            for index, (weight, bias) in enumerate(layers):
                torch.addmm(bias, a[index], weight, out=z[index])
                if index < n_layers - 1:
                    phi(z[index], out=a[index + 1])
            torch.sub(z[-1], y, out=delta[-1])
            flat = delta[-1].view(-1)
            losses[record] = torch.dot(flat, flat) / rows
            delta[-1].mul_(2.0 / rows)
            for index in range(n_layers - 1, -1, -1):
                d_w, d_b = gradients[index]
                torch.mm(a[index].T, delta[index], out=d_w)
                torch.sum(delta[index], 0, out=d_b)
                if index:
                    torch.mm(delta[index], layers[index][0].T, out=delta[index - 1])
                    each = slope[index - 1]
                    if sigmoid:
                        torch.addcmul(a[index], a[index], a[index], value=-1.0, out=each)
                    else:
                        torch.mul(a[index], a[index], out=each)
                        each.neg_().add_(1.0)
                    delta[index - 1].mul_(each)
            found = [
                part
                for index in range(n_layers)
                for values in (z[index], outputs[index], delta[index], *layers[index], *gradients[index])
                for part in torch.var_mean(values, correction=0)
            ]
            torch.stack(found, out=statistics[record].view(-1))
            if record + 1 < work.records:
                torch.add(thetas[record], grads[record], alpha=-work.learning_rate, out=thetas[record + 1])
        statistics[..., 0].sqrt_()
        return Recording(
            work.records,
            thetas.numpy(),
            losses.numpy(),
            grads.numpy(),
            statistics.flip(-1).reshape(work.records, n_layers, 14).numpy(),
        )

    return train
