"""A sweep beside a plain loop of `run`, on one worker and on two, and what a thousand runs cost."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nncore import RunConfig, run
from nncore.diagnosis import verdict
from nncore.measures import per_layer, performance
from nncore.sweep import INITIAL_FLOW, Grid, Processes, Report, results, write

Seconds = dict[str, list[float]]

GAINS = (0.5, 0.8, 1.0, 1.3)


@dataclass(frozen=True)
class Sweep:
    """A grid, what is noted of its runs, and what it is in words."""

    about: str
    grid: Grid
    report: Report


SWEEPS = {
    "tiny": Sweep(
        "400 runs of 2 × 8 on 80 rows, 100 steps",
        Grid(RunConfig(n_samples=100, hidden=(8, 8), steps=100), {"gain": GAINS}, seeds=range(100)),
        Report(),
    ),
    "M": Sweep(
        "32 runs of 10 × 32 on 256 rows, 50 steps",
        Grid(RunConfig(n_samples=320, steps=50), {"gain": GAINS}, seeds=range(8)),
        Report(),
    ),
    "map": Sweep(
        "15 depths × 30 gains at initialization, 32 wide, 160 rows",
        Grid(
            RunConfig(n_samples=200, activation="sigmoid", steps=0),
            {"depth": range(2, 32, 2), "gain": np.linspace(0.1, 4.0, 30)},
        ),
        INITIAL_FLOW,
    ),
}

LABELS = {
    "sweep": "`nncore.sweep`, one worker",
    "two": "the same, two workers that have been started",
    "start": "the same, two workers and their start",
    "loop": "a plain loop of `run`",
    "measured": "the same loop, measuring what a sweep notes",
}


def measure(rounds: int) -> dict[str, Seconds]:
    """Sweep -> contender -> seconds of every round, the contenders in turns."""
    measured: dict[str, Seconds] = {name: {who: [] for who in LABELS} for name in SWEEPS}
    for name, sweep in SWEEPS.items():
        with Processes(2) as started:
            contenders = _contenders(sweep, started)
            contenders["two"]()
            for turn in range(rounds):
                for place in range(len(contenders)):
                    who = list(contenders)[(turn + place) % len(contenders)]
                    start = time.perf_counter()
                    contenders[who]()
                    measured[name][who].append(time.perf_counter() - start)
    return measured


@dataclass(frozen=True)
class Thousand:
    """What a thousand runs of a sweep cost: seconds of one core, and megabytes of table."""

    core_seconds: float
    megabytes: float


def thousand_runs() -> dict[str, Thousand]:
    """Processor time, which other programs disturb less than the clock, and the size of the folder."""
    found = {}
    for name, sweep in SWEEPS.items():
        with tempfile.TemporaryDirectory() as folder:
            start = time.process_time()
            for _ in write(Path(folder) / "sweep", sweep.grid, sweep.report, workers=1):
                pass
            seconds = time.process_time() - start
            size = sum(part.stat().st_size for part in Path(folder).rglob("part-*.parquet"))
        share = 1000 / len(sweep.grid)
        found[name] = Thousand(share * seconds, share * size / 2**20)
    return found


def _contenders(sweep: Sweep, started: Processes) -> dict[str, Callable[[], None]]:
    def swept(workers: int, executor: Processes | None = None) -> None:
        for _ in results(sweep.grid, sweep.report, workers=workers, executor=executor):
            pass

    def looped(measuring: bool) -> None:
        for config in sweep.grid:
            history = run(config)
            if measuring:
                records = np.array(sorted({0, history.last_finite}))
                per_layer(history, "delta_norm", records)
                if sweep.report.scores:
                    performance(history, records[-1:])
                if sweep.report.verdict:
                    verdict(history)

    return {
        "sweep": lambda: swept(1),
        "two": lambda: swept(2, started),
        "start": lambda: swept(2),
        "loop": lambda: looped(False),
        "measured": lambda: looped(True),
    }
