"""Multilayer perceptrons trained by hand-written back propagation, with every theta and gradient kept."""

from nncore.display import interrupted_import as _interrupted_import  # noqa: F401  before all that takes a while

# isort: split

from importlib import import_module
from typing import TYPE_CHECKING

from nncore.numerics.later import loaded_later

if TYPE_CHECKING:
    from nncore import diagnosis as diagnosis
    from nncore import measures as measures
    from nncore import seeds as seeds
    from nncore import sweep as sweep
    from nncore import theory as theory
    from nncore.config.edits import EDITS, Edit, KillUnit, ScaleLayer, SetParameter, edits_from_text
    from nncore.config.fork import Fork
    from nncore.config.run_config import RunConfig
    from nncore.data.dataset import Dataset
    from nncore.data.read_csv import read_table
    from nncore.data.registry import DATASETS
    from nncore.data.table import look_in
    from nncore.history.history import Divergence, History, replay
    from nncore.measures.measurement import Measurement
    from nncore.model.activations import ACTIVATIONS, Activation
    from nncore.model.gradcheck import GradientMismatch, KinkWarning, check_gradient
    from nncore.model.initializers import INITIALIZERS, Initializer
    from nncore.model.layout import Layout
    from nncore.model.losses import LOSSES, Loss
    from nncore.model.network import MLP, Tape
    from nncore.model.normalization import NORMALIZATIONS
    from nncore.model.optimizers import (
        OPTIMIZERS,
        Optimizer,
        adagrad,
        adam,
        adamw,
        clipped,
        cosine,
        rmsprop,
        scheduled,
        sgd,
        step_decay,
        warmup,
    )
    from nncore.training.many_runs import run_many
    from nncore.training.one_run import fit, run
    from nncore.training.steps import Step, train

__version__ = "0.3.0"

__all__ = [
    "ACTIVATIONS",
    "DATASETS",
    "EDITS",
    "INITIALIZERS",
    "LOSSES",
    "MLP",
    "NORMALIZATIONS",
    "OPTIMIZERS",
    "Activation",
    "Dataset",
    "Divergence",
    "Edit",
    "Fork",
    "GradientMismatch",
    "History",
    "Initializer",
    "KillUnit",
    "KinkWarning",
    "Layout",
    "Loss",
    "Measurement",
    "Optimizer",
    "RunConfig",
    "ScaleLayer",
    "SetParameter",
    "Step",
    "Tape",
    "adagrad",
    "adam",
    "adamw",
    "check_gradient",
    "clipped",
    "cosine",
    "edits_from_text",
    "fit",
    "look_in",
    "read_table",
    "replay",
    "rmsprop",
    "run",
    "run_many",
    "scheduled",
    "sgd",
    "step_decay",
    "train",
    "warmup",
]

MODULES = ("diagnosis", "measures", "seeds", "sweep", "theory")
"""Modules that `import nncore` offers and that are loaded when they are first asked for."""

PACKAGES = ("config", "data", "history", "model", "numerics", "training")
"""Where the public names come from: not offered, and found as `nncore.data` by who asks for them all the same."""

LATER = {
    "ACTIVATIONS": "nncore.model.activations",
    "Activation": "nncore.model.activations",
    "DATASETS": "nncore.data.registry",
    "Dataset": "nncore.data.dataset",
    "Divergence": "nncore.history.history",
    "EDITS": "nncore.config.edits",
    "Edit": "nncore.config.edits",
    "Fork": "nncore.config.fork",
    "GradientMismatch": "nncore.model.gradcheck",
    "History": "nncore.history.history",
    "INITIALIZERS": "nncore.model.initializers",
    "Initializer": "nncore.model.initializers",
    "KillUnit": "nncore.config.edits",
    "KinkWarning": "nncore.model.gradcheck",
    "LOSSES": "nncore.model.losses",
    "Layout": "nncore.model.layout",
    "Loss": "nncore.model.losses",
    "MLP": "nncore.model.network",
    "Measurement": "nncore.measures.measurement",
    "NORMALIZATIONS": "nncore.model.normalization",
    "OPTIMIZERS": "nncore.model.optimizers",
    "Optimizer": "nncore.model.optimizers",
    "RunConfig": "nncore.config.run_config",
    "ScaleLayer": "nncore.config.edits",
    "SetParameter": "nncore.config.edits",
    "Step": "nncore.training.steps",
    "Tape": "nncore.model.network",
    "adagrad": "nncore.model.optimizers",
    "adam": "nncore.model.optimizers",
    "adamw": "nncore.model.optimizers",
    "check_gradient": "nncore.model.gradcheck",
    "clipped": "nncore.model.optimizers",
    "cosine": "nncore.model.optimizers",
    "edits_from_text": "nncore.config.edits",
    "fit": "nncore.training.one_run",
    "look_in": "nncore.data.table",
    "read_table": "nncore.data.read_csv",
    "replay": "nncore.history.history",
    "rmsprop": "nncore.model.optimizers",
    "run": "nncore.training.one_run",
    "run_many": "nncore.training.many_runs",
    "scheduled": "nncore.model.optimizers",
    "sgd": "nncore.model.optimizers",
    "step_decay": "nncore.model.optimizers",
    "train": "nncore.training.steps",
    "warmup": "nncore.model.optimizers",
}
"""Public name -> its module, loaded when it is first asked for: who trains by `train` alone needs no settings."""

if not TYPE_CHECKING:  # a type checker would take every name for one of these
    _name_of_later = loaded_later(__name__, LATER)

    def __getattr__(name):
        """A module of MODULES or PACKAGES, or a name of LATER."""
        return import_module(f"nncore.{name}") if name in (*MODULES, *PACKAGES) else _name_of_later(name)


def __dir__() -> list[str]:
    """The public names, without the modules that they come from."""
    return sorted([*__all__, *MODULES, *(name for name in globals() if name.startswith("__"))])
