"""train() is a generator of steps; run() turns a config into its history."""

from typing import TYPE_CHECKING

from nncore.numerics.later import loaded_later

if TYPE_CHECKING:
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

LATER = {
    "MEMORY_BUDGET": "nncore.training.one_run",
    "Recorder": "nncore.training.recorder",
    "Resume": "nncore.training.steps",
    "Start": "nncore.training.start",
    "Step": "nncore.training.steps",
    "Storage": "nncore.training.steps",
    "Transforms": "nncore.training.steps",
    "find_divergence": "nncore.training.finite",
    "fit": "nncore.training.one_run",
    "run": "nncore.training.one_run",
    "start_of": "nncore.training.start",
    "train": "nncore.training.steps",
    "train_as": "nncore.training.start",
}
"""Name -> its module, loaded when it is first asked for: `train` needs no settings and no history."""

if not TYPE_CHECKING:  # a type checker would take every name for one of these
    __getattr__ = loaded_later(__name__, LATER)
