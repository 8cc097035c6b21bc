"""JAX: one step as a function, `lax.scan` over the steps, compiled; `vmap` over the runs of an ensemble."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.workloads import Problem, Recording


def prepare(problem: Problem) -> Callable[[], Recording]:
    """Compiled for this problem before it returns; `prepare_cold` leaves that to the first call."""
    train = prepare_cold(problem)
    train()
    return train


def prepare_cold(problem: Problem) -> Callable[[], Recording]:
    work, layout = problem.workload, problem.workload.layout
    jax.config.update("jax_enable_x64", work.dtype == "float64")
    phi = {"tanh": jnp.tanh, "sigmoid": jax.nn.sigmoid}[work.activation]

    def layers_of(theta: Any) -> list[tuple[Any, Any]]:
        return [
            (theta[start + fan_out : stop].reshape(fan_in, fan_out), theta[start : start + fan_out])
            for (start, stop), (fan_in, fan_out) in zip(layout.bounds, layout.fans, strict=True)
        ]

    def loss(theta: Any, offsets: list[Any], x: Any, y: Any) -> tuple[Any, tuple[list[Any], list[Any]]]:
        """The offsets are zeros added to z: their gradient is delta."""
        a, zs, outputs = x, [], []
        for index, ((weight, bias), offset) in enumerate(zip(layers_of(theta), offsets, strict=True)):
            z = a @ weight + bias + offset
            a = z if index == layout.n_layers - 1 else phi(z)
            zs.append(z)
            outputs.append(a)
        return jnp.mean((a - y) ** 2), (zs, outputs)

    def trajectory(theta: Any, x: Any, y: Any) -> Any:
        zeros = [jnp.zeros((work.n_rows, width), work.dtype) for width in layout.widths[1:]]

        def step(theta: Any, _: None) -> tuple[Any, Any]:
            differentiate = jax.value_and_grad(loss, argnums=(0, 1), has_aux=True)
            (value, (zs, outputs)), (grad, deltas) = differentiate(theta, zeros, x, y)
            layers, gradients = layers_of(theta), layers_of(grad)
            statistics = jnp.stack(
                [
                    jnp.stack(
                        [
                            f(v)
                            for v in (zs[i], outputs[i], deltas[i], *layers[i], *gradients[i])
                            for f in (jnp.mean, jnp.std)
                        ]
                    )
                    for i in range(layout.n_layers)
                ]
            )
            return theta - work.learning_rate * grad, (theta, value, grad, statistics)

        return jax.lax.scan(step, theta, None, length=work.records)[1]

    if work.runs > 1:
        seeds = [work.problem(seed) for seed in range(work.runs)]
        arguments = tuple(np.stack([getattr(each, name) for each in seeds]) for name in ("theta", "x", "y"))
        compiled = jax.jit(jax.vmap(trajectory))
    else:
        arguments, compiled = (problem.theta, problem.x, problem.y), jax.jit(trajectory)

    def train() -> Recording:
        theta, loss, *others = (np.asarray(each) for each in jax.block_until_ready(compiled(*arguments)))
        return Recording(loss.size, theta, loss, *others)

    return train
