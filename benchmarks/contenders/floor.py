"""Not a contender: NumPy's matrix products and activations of each step alone, the least that nncore can take."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.workloads import Problem, Recording
from nncore import ACTIVATIONS
from nncore.numerics.blas import blas_threads


def prepare(problem: Problem) -> Callable[[], Recording]:
    work = problem.workload
    fans, rows = work.layout.fans, work.n_rows
    a = [np.full((1 + fan_in, rows), 0.5, work.dtype) for fan_in, _ in fans]
    z = [np.full((fan_out, rows), 0.5, work.dtype) for _, fan_out in fans]
    blocks = [np.full((1 + fan_in, fan_out), 1.0 / fan_in, work.dtype) for fan_in, fan_out in fans]
    gradients = [np.empty_like(block) for block in blocks]
    d_a = [np.empty_like(each) for each in z]
    phi = ACTIVATIONS[work.activation]

    def train() -> Recording:
        with blas_threads(work.threads):
            for _ in range(work.passes):
                for index, block in enumerate(blocks):
                    np.dot(block.T, a[index], out=z[index])
                    if index:
                        phi.write(z[index - 1], a[index][1:])
                        np.dot(block[1:], z[index], out=d_a[index - 1])
                    np.dot(a[index], z[index].T, out=gradients[index])
        return Recording(work.passes, problem.theta[None])

    return train
