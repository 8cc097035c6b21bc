"""NumPy as one writes it at first: rows times weights, lists of arrays, a copy of everything at each step."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.workloads import Problem, Recording


def prepare(problem: Problem) -> Callable[[], Recording]:
    work = problem.workload
    x, y, layout = problem.x, problem.y, work.layout
    sigmoid = work.activation == "sigmoid"

    def phi(z: np.ndarray) -> np.ndarray:
        return 1.0 / (1.0 + np.exp(-z)) if sigmoid else np.tanh(z)

    def slope(a: np.ndarray) -> np.ndarray:
        return a * (1.0 - a) if sigmoid else 1.0 - a**2

    def train() -> Recording:
        layers = [(weight.copy(), bias.copy()) for weight, bias in layout.split(problem.theta)]
        thetas, grads, losses, statistics = [], [], [], []
        for _ in range(work.records):
            a, zs = [x], []
            for index, (weight, bias) in enumerate(layers):
                zs.append(a[-1] @ weight + bias)
                a.append(zs[-1] if index == len(layers) - 1 else phi(zs[-1]))
            losses.append(np.mean((a[-1] - y) ** 2))
            delta = 2.0 * (a[-1] - y) / y.size
            deltas, gradients = [], []
            for index in reversed(range(len(layers))):
                deltas.insert(0, delta)
                gradients.insert(0, (a[index].T @ delta, delta.sum(axis=0)))
                if index:
                    delta = (delta @ layers[index][0].T) * slope(a[index])
            statistics.append(
                [
                    [f(v) for v in (zs[i], a[i + 1], deltas[i], *layers[i], *gradients[i]) for f in (np.mean, np.std)]
                    for i in range(len(layers))
                ]
            )
            thetas.append(layout.join(layers))
            grads.append(layout.join(gradients))
            layers = [
                (weight - work.learning_rate * d_w, bias - work.learning_rate * d_b)
                for (weight, bias), (d_w, d_b) in zip(layers, gradients, strict=True)
            ]
        return Recording(len(losses), np.array(thetas), np.array(losses), np.array(grads), np.array(statistics))

    def limited() -> Recording:
        with threadpool_limits(work.threads):
            return train()

    return limited
