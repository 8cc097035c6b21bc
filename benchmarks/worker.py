"""One contender in a process of its own: trains when it is told to, and says how long it took."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from benchmarks.contenders import prepare
from benchmarks.workloads import WORKLOADS, Problem, Recording, Workload


def main(workload: str, contender: str, target: str = "") -> None:
    """With a target: train, record the first steps into that file, then train for every line read; print seconds of each.

    JAX compiles in the first of these, the others are warm by then. Without a target: the first result of a
    fresh process.
    """
    work = WORKLOADS[workload]
    problem = work.problem()
    if not target:
        prepare(contender, problem, cold=True)()
        return
    train = prepare(contender, problem, cold=contender == "jax_scan")
    print(timed(train, work), flush=True)
    to_check = work.to_check().problem()
    save(target, contender, to_check, prepare(contender, to_check)())
    for _ in sys.stdin:
        print(timed(train, work), flush=True)


def timed(train: Callable[[], Recording], work: Workload) -> float:
    """Seconds of one repetition; raises AssertionError where it has not made as many passes as the others."""
    start = time.perf_counter()
    recording = train()
    seconds = time.perf_counter() - start
    assert recording.passes == work.passes, f"{work.name}: {recording.passes} passes instead of {work.passes}"
    return seconds


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
