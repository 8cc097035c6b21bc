"""train() is a generator of steps; run() turns a config into its history."""

from nncore.training.finite import find_divergence
from nncore.training.one_run import MEMORY_BUDGET, fit, run
from nncore.training.recorder import Recorder
from nncore.training.start import Start, start_of, train_as
from nncore.training.steps import Resume, Step, Storage, Transforms, train

__all__ = [
    "MEMORY_BUDGET",
    "Recorder",
    "Resume",
    "Start",
    "Step",
    "Storage",
    "Transforms",
    "find_divergence",
    "fit",
    "run",
    "start_of",
    "train",
    "train_as",
]
