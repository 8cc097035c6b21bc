"""The data sets by sort, and their rows put together again."""

import numpy as np

from nncore.data import DATASETS

NAMES = list(DATASETS)
TOYS = [name for name in NAMES if not DATASETS[name].real]
REAL = [name for name in NAMES if DATASETS[name].real]
CLASSIFICATION = [name for name in NAMES if DATASETS[name].task == "classification"]
GRIDS = ["parabola", "line", "sine", "step"]


def rng(seed=0):
    return np.random.default_rng(seed)


def all_rows(data):
    return np.concatenate([data.x_train, data.x_test]), np.concatenate([data.y_train, data.y_test])
