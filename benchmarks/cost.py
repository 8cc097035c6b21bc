"""nncore.config.cost.estimate beside measured runs, and the four constants that fit these runs best."""

from __future__ import annotations

import time

import numpy as np

from nncore import RunConfig, run
from nncore.config import cost

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
CONSTANTS = ("SECONDS_PER_LAYER", "SECONDS_PER_ELEMENT", "SECONDS_PER_PRODUCT", "SECONDS_PER_BYTE")


def compare(rounds: int) -> list[tuple[str, float]]:
    """(run, estimated / measured processor seconds) with the fastest of the rounds."""
    return [(name, cost.estimate(config).seconds / seconds) for name, (config, seconds) in _measured(rounds).items()]


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
