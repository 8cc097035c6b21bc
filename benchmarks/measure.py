"""Contenders side by side: one process each, checked against each other, then timed in turns."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType

import numpy as np

from benchmarks.contenders import KEEPS_NO_HISTORY
from benchmarks.workloads import WORKLOADS

WITH_HISTORY = ("nncore", "torch_eager", "torch_tuned", "jax_scan")
CONTENDERS = {
    **dict.fromkeys(("T", "M"), (*WITH_HISTORY, "scikit_learn", "naive", "floor")),
    **dict.fromkeys(("D", "L"), (*WITH_HISTORY, "nncore_used", "scikit_learn", "naive", "floor")),
    "D32": (*WITH_HISTORY, "nncore_used", "floor"),
    "E": ("nncore", "nncore_loop", "jax_scan"),
    "first": ("nncore", "jax_scan", "torch_eager"),
}
"""Who takes part in which workload, nncore first."""

TOLERANCE = {"float64": 1e-7, "float32": 2e-3}
"""Largest difference between two contenders, relative to the largest entry of the same vector of
parameters, or of the same mean and standard deviation."""

Seconds = dict[str, list[float]]
"""Contender -> seconds of each round."""


class Worker:
    """A contender's process: ready once it has recorded for the first time."""

    def __init__(self, workload: str, contender: str, folder: Path) -> None:
        self.file = folder / f"{contender}.npz"
        command = [sys.executable, "-m", "benchmarks.worker", workload, contender, str(self.file)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.cold = self._seconds()
        self.train()

    def train(self) -> float:
        """Seconds of one repetition."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self._seconds()

    def _seconds(self) -> float:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.file.stem} ended before it answered")
        return float(line)

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.communicate()


def measure(workload: str, rounds: int) -> Seconds:
    """Seconds of every round; the contenders have recorded the same numbers before the clock is started."""
    names = CONTENDERS[workload]
    seconds: Seconds = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as folder:
        workers = {name: Worker(workload, name, Path(folder)) for name in names}
        try:
            check_agreement(workload, {name: worker.file for name, worker in workers.items()})
            for turn in range(rounds):
                for place in range(len(names)):
                    name = names[(turn + place) % len(names)]
                    seconds[name].append(workers[name].train())
            if "jax_scan" in workers:
                seconds["jax_cold"] = [workers["jax_scan"].cold] * rounds
        finally:
            for worker in workers.values():
                worker.__exit__(None, None, None)
    return seconds


def measure_first(rounds: int) -> Seconds:
    """Seconds from the start of a process to its first result, the first 200 recorded steps of M."""
    commands = {name: ["-m", "benchmarks.worker", "first", name] for name in CONTENDERS["first"]}
    return fresh_processes(commands, rounds)


def fresh_processes(commands: dict[str, list[str]], rounds: int) -> Seconds:
    """Seconds that Python takes with each of these arguments, from start to end, in turns.

    Each runs once before the clock starts and leaves its modules' byte code, as an installer does: reading it is
    what a start costs, and not compiling the sources, which only the one that runs from a checkout would do.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    seconds: Seconds = {name: [] for name in commands}
    for turn in range(rounds + 1):
        for name, arguments in commands.items():
            start = time.perf_counter()
            subprocess.run([sys.executable, *arguments], check=True, env=environment)
            if turn > 0:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def check_agreement(workload: str, files: dict[str, Path]) -> None:
    """Raise AssertionError where a contender has recorded something else than nncore."""
    with np.load(files["nncore"]) as ours:
        expected = dict(ours)
    for name, file in files.items():
        if name in ("nncore", *KEEPS_NO_HISTORY[1:]):
            continue
        with np.load(file) as theirs:
            for quantity in theirs.files:
                if quantity == "passes":
                    continue
                reference = expected[quantity]
                if name in KEEPS_NO_HISTORY:  # after the update that nncore has only the gradient of
                    reference = expected["theta"][-1:] - WORKLOADS[workload].learning_rate * expected["grad"][-1:]
                found = theirs[quantity]
                if quantity == "statistics":  # each standard deviation beside its own mean
                    found, reference = (each.reshape(*each.shape[:-1], 7, 2) for each in (found, reference))
                error = difference(found, reference)
                allowed = TOLERANCE[WORKLOADS[workload].dtype]
                assert error <= allowed, f"{workload}: {quantity} of {name} is off by {error:.1e}"


def difference(found: np.ndarray, expected: np.ndarray) -> float:
    """Largest difference along the last axis, relative to the largest entry there."""
    assert found.shape == expected.shape, (found.shape, expected.shape)
    if expected.ndim == 1:
        found, expected = found[:, None], expected[:, None]
    scale = np.abs(expected).max(axis=-1, keepdims=True)
    return float((np.abs(found - expected) / np.maximum(scale, np.finfo(expected.dtype).tiny)).max())
