"""Data sets by name: seeded toy problems, real sets that scikit-learn ships, split and standardised."""

from nncore.data.dataset import MAX_CLASSES, TASKS, Dataset, Floats, Labels, Make
from nncore.data.registry import DATASETS, TOY_SAMPLES, load
from nncore.data.rows import Data, prepare, sampled
from nncore.data.targets import default_loss, encode_targets, losses_for, n_outputs

__all__ = [
    "DATASETS",
    "MAX_CLASSES",
    "TASKS",
    "TOY_SAMPLES",
    "Data",
    "Dataset",
    "Floats",
    "Labels",
    "Make",
    "default_loss",
    "encode_targets",
    "load",
    "losses_for",
    "n_outputs",
    "prepare",
    "sampled",
]
