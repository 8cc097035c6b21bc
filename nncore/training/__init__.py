"""train() is a generator of steps; run() turns a config into its history."""

from nncore.training.finite import find_divergence
from nncore.training.one_run import MEMORY_BUDGET, run
from nncore.training.recorder import TAIL, Recorder
from nncore.training.start import Beginning, beginning, train_as
from nncore.training.steps import Step, Storage, train

__all__ = [
    "MEMORY_BUDGET",
    "TAIL",
    "Beginning",
    "Recorder",
    "Step",
    "Storage",
    "beginning",
    "find_divergence",
    "run",
    "train",
    "train_as",
]
