"""Schoenholz et al. 2017, figure 5: how deep a network can be trained follows the predicted depth scale."""

import numpy as np
from scipy.stats import spearmanr

from nncore import RunConfig
from nncore.sweep import Grid, Report, results
from nncore.theory import fixed_point

SIGMA_B2 = 0.05
SIGMA_W2 = (0.6, 0.9, 1.2, 1.5, 1.8, 2.5, 3.5, 5.0, 8.0, 12.0)
"""From deep in the ordered phase over the critical line, near 1.8, into the chaotic phase."""

DEPTHS = (2, 4, 7, 11, 16, 24, 36, 54)


def test_trainable_depth_follows_the_depth_scale_of_theory() -> None:
    base = RunConfig(
        dataset="two_gaussians",
        n_samples=40,
        test_fraction=0,
        hidden=(32,),
        activation="tanh",
        steps=40,
        learning_rate=0.02,
        record_every=40,
    )
    grid = Grid(base, {"sigma_b2": (SIGMA_B2,), "sigma_w2": SIGMA_W2, "depth": DEPTHS}, seeds=range(3))
    trained = np.zeros(len(grid))
    for result in results(grid, Report(steps=(0,), verdict=False), workers=1):
        for run, row in result.rows.items():
            trained[run] = row["trained"]
    share = trained.reshape(len(SIGMA_W2), len(DEPTHS), 3).mean(axis=2)
    trainable = share.sum(axis=1)  # depths that train, counted in steps of DEPTHS
    scale = [fixed_point("tanh", sigma_w2, SIGMA_B2).xi_c for sigma_w2 in SIGMA_W2]
    assert spearmanr(trainable, scale).statistic >= 0.8
    critical = int(np.argmax(scale))
    assert 0 < critical < len(scale) - 1, "the scale has its peak inside, at the critical line"
    assert trainable[critical] > trainable[0] and trainable[critical] > trainable[-1]
