"""Estimates beside what was measured, of everything that takes time, and the four constants that fit these runs best."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from nncore import History, RunConfig, measures, run
from nncore.config import cost
from nncore.diagnosis import Verdict, trial_seconds, tried_out, verdict
from nncore.diagnosis.hessian import curvature, curvature_seconds
from nncore.diagnosis.trials import trial
from nncore.history.untrusted import read_history, reading_seconds
from nncore.measures import landscape, units
from nncore.measures.passes import seconds_per_record
from nncore.measures.spread import affordable
from nncore.numerics.blas import blas_threads
from nncore.seeds import SeedRuns, run_seeds
from nncore.sweep import DEFAULT_REPORT, Grid, estimated_seconds, results
from nncore.theory.hidden_jacobian import hidden_spectrum, rows_affordable, spectrum_seconds
from nncore.theory.of_config import predict_config, prediction_seconds

RUNS = {
    "1-2-1 on 100 rows": RunConfig(dataset="parabola", n_samples=100, test_fraction=0, hidden=(2,), steps=3000),
    "10 × 32 on 256 rows": RunConfig(n_samples=320, hidden=(32,) * 10, steps=200),
    "10 × 32, batches of 32": RunConfig(n_samples=320, hidden=(32,) * 10, steps=400, batch_size=32),
    "30 × 16 sigmoid on 240 rows": RunConfig(n_samples=300, hidden=(16,) * 30, activation="sigmoid", steps=200),
    "50 × 64 on 256 rows": RunConfig(n_samples=320, hidden=(64,) * 50, steps=20),
    "3 × 256 on 400 rows": RunConfig(n_samples=500, hidden=(256,) * 3, steps=30),
    "2 × 8 on 2,000 rows": RunConfig(n_samples=2500, hidden=(8, 8), steps=300),
    "5 × 128, batches of 16": RunConfig(n_samples=500, hidden=(128,) * 5, steps=150, batch_size=16),
}
FIRST_WEIGHTS = {
    "2 × 1,024 he_normal": RunConfig(hidden=(1024,) * 2, init="he_normal", steps=0),
    "2 × 1,024 uniform": RunConfig(hidden=(1024,) * 2, init="uniform", steps=0),
    "2 × 1,024 orthogonal": RunConfig(hidden=(1024,) * 2, init="orthogonal", steps=0),
    "2 × 2,048 lsuv": RunConfig(hidden=(2048,) * 2, init="lsuv", steps=0),
    "50 × 64 lsuv": RunConfig(hidden=(64,) * 50, init="lsuv", steps=0),
    "100 × 32 lsuv on 4,000 rows": RunConfig(hidden=(32,) * 100, init="lsuv", n_samples=5000, steps=0),
}
"""Networks whose initialization alone is measured."""

LOOKED_AT = {
    "10 × 32 on 256 rows": RunConfig(n_samples=320, hidden=(32,) * 10, steps=200),
    "3 × 16 on 16,000 rows, batches of 32": RunConfig(n_samples=20_000, hidden=(16,) * 3, steps=400, batch_size=32),
    "2 × 256 on 400 rows": RunConfig(n_samples=500, hidden=(256,) * 2, steps=30),
}
"""Runs whose measurements are measured."""

SICK = RunConfig(hidden=(8,) * 20, activation="sigmoid", steps=100)
"""A run whose remedies are tried out."""

CONSTANTS = ("SECONDS_PER_LAYER", "SECONDS_PER_ELEMENT", "SECONDS_PER_PRODUCT", "SECONDS_PER_BYTE")


def compare(rounds: int) -> list[tuple[str, float]]:
    """(work, estimated / measured processor seconds) with the fastest of the rounds: runs, first weights, measurements."""
    found = [(name, cost.estimate(config).seconds / seconds) for name, (config, seconds) in _measured(rounds).items()]
    for name, (estimated, work) in {**_first_weights(), **_measurements()}.items():
        found.append((name, estimated / min(_seconds(work) for _ in range(rounds))))
    return found


Work = dict[str, tuple[float, Callable[[], Any]]]
"""Name -> (estimated seconds, what takes them)."""


def _first_weights() -> Work:
    return {
        f"first weights, {name}": (cost.initialization_seconds(config), config.initial_theta)
        for name, config in FIRST_WEIGHTS.items()
    }


def _measurements() -> Work:
    found: Work = {}
    for name, config in LOOKED_AT.items():
        history = run(config)
        records = affordable(history, "performance")
        found |= {
            f"performance, {name}": (
                len(records) * seconds_per_record(history, "performance"),
                partial(measures.performance, history),
            ),
            f"summary, {name}": (
                len(history) * seconds_per_record(history, "summary"),
                partial(measures.summary, history),
            ),
            f"sharpness at 2 steps, {name}": (
                curvature_seconds(config, 2),
                partial(curvature, history, [0, len(history) - 1]),
            ),
            f"pictures of units, {name}": (cost.units_seconds(config), partial(_units, history)),
            f"theory, {name}": (prediction_seconds(config), partial(predict_config, config)),
            f"singular values, {name}": (
                spectrum_seconds(config),
                partial(hidden_spectrum, config, rows_affordable(config)),
            ),
            f"loss along layers, {name}": (
                landscape.layers_seconds(history),
                partial(landscape.along_layers, history, 0),
            ),
            f"loss plane, {name}": (landscape.plane_seconds(history), partial(_plane, history)),
        }
    sick = run(SICK)
    (found["remedies' trials, 20 × 8 sigmoid"],) = [
        (trial_seconds(each, sick), partial(_tried, each, sick)) for each in verdict(sick) if each.rule == "vanishing"
    ]
    for form in ("csv", "parquet"):
        file = io.BytesIO()
        getattr(sick, f"to_{form}")(file)
        found[f"reading {form}"] = (reading_seconds(file.tell(), form == "parquet"), partial(_read, file.getvalue()))
    seeds = SeedRuns(LOOKED_AT["10 × 32 on 256 rows"].replace(steps=50), 8)
    found["8 seeds, 10 × 32 on 256 rows"] = (seeds.seconds(), partial(run_seeds, seeds))
    grid = Grid(RunConfig(steps=50), {"depth": range(2, 12, 2), "gain": (0.5, 1.0, 2.0)})
    found["map of 15 runs"] = (
        estimated_seconds(grid, DEFAULT_REPORT),
        lambda: list(results(grid, DEFAULT_REPORT, workers=1)),
    )
    return found


def _units(history: History) -> None:
    """What the page Neurons shows of a layer."""
    units.zones(history, 0)
    for picture in (units.on_the_curve, units.layer_zones, units.responses):
        picture(history, 0, 1)


def _plane(history: History) -> None:
    """The plane with the path through it."""
    landscape.plane(history, landscape.path(history))


def _tried(found: Verdict, history: History) -> None:
    trial.cache.clear()  # type: ignore[attr-defined]
    for _ in tried_out(found, history):
        pass


def _read(content: bytes) -> None:
    read_history(io.BytesIO(content))


def _seconds(work: Callable[[], Any]) -> float:
    start = time.process_time()
    with blas_threads(1):
        work()
    return time.process_time() - start


def fit(rounds: int) -> dict[str, float]:
    """The constants, none below 0, whose estimates come closest to the measured runs in relative terms."""
    from scipy.optimize import nnls

    measured = _measured(rounds)
    rows = np.array([cost.amounts(config) for config, _ in measured.values()])
    seconds = np.array([seconds for _, seconds in measured.values()])
    found, _ = nnls(rows / seconds[:, None], np.ones(len(seconds)))
    return dict(zip(CONSTANTS, found.tolist(), strict=True))


def _measured(rounds: int) -> dict[str, tuple[RunConfig, float]]:
    """Processor seconds of each run, which other programs disturb less than the clock; the fastest round."""
    seconds: dict[str, list[float]] = {name: [] for name in RUNS}
    for _ in range(rounds):
        for name, config in RUNS.items():
            start = time.process_time()
            run(config)
            seconds[name].append(time.process_time() - start)
    return {name: (config, min(seconds[name])) for name, config in RUNS.items()}
