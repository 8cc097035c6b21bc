"""One contender in a process of its own: trains when it is told to, and says how long it took."""

from __future__ import annotations

import sys
import time
from dataclasses import replace

import numpy as np

from benchmarks.contenders import prepare
from benchmarks.workloads import WORKLOADS, Problem, Recording


def main(workload: str, contender: str, target: str = "") -> None:
    """With a target: train, record into that file, then train for every line read; print seconds of each.

    JAX compiles in the first of these, the others are warm by then. Without a target: the first result of a
    fresh process.
    """
    problem = WORKLOADS[workload].problem()
    if not target:
        prepare(contender, problem, cold=True)()
        return
    train = prepare(contender, problem, cold=contender == "jax_scan")
    start = time.perf_counter()
    train()
    print(time.perf_counter() - start, flush=True)
    save(target, contender, problem, train())
    for _ in sys.stdin:
        start = time.perf_counter()
        train()
        print(time.perf_counter() - start, flush=True)


def save(target: str, contender: str, problem: Problem, recording: Recording) -> None:
    """Write what was recorded, in nncore's order, to be compared."""
    if contender == "torch_eager":
        from benchmarks.contenders.torch_eager import in_our_order

        layout = problem.workload.layout
        recording = replace(
            recording, theta=in_our_order(layout, recording.theta), grad=in_our_order(layout, recording.grad)
        )
    arrays = {name: np.asarray(values) for name, values in vars(recording).items() if values is not None}
    np.savez(target, **arrays)


if __name__ == "__main__":
    main(*sys.argv[1:])
