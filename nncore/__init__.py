"""Multilayer perceptrons trained by hand-written back propagation, with every theta and gradient kept."""

from nncore.display import interrupted_import as _interrupted_import  # noqa: F401  before all that takes a while

# isort: split

from importlib import import_module
from typing import TYPE_CHECKING

from nncore.config.edits import EDITS, Edit, KillUnit, ScaleLayer, SetParameter, edits_from_text
from nncore.config.fork import Fork
from nncore.config.run_config import RunConfig
from nncore.data import DATASETS, Dataset
from nncore.data.table import look_in
from nncore.history.history import Divergence, History, replay
from nncore.model.activations import ACTIVATIONS, Activation
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
from nncore.numerics.later import loaded_later
from nncore.training import Step, fit, run, train
from nncore.training.many_runs import run_many

if TYPE_CHECKING:
    from nncore import diagnosis as diagnosis
    from nncore import measures as measures
    from nncore import seeds as seeds
    from nncore import sweep as sweep
    from nncore import theory as theory
    from nncore.data.read_csv import read_table
    from nncore.measures.measurement import Measurement
    from nncore.model.gradcheck import GradientMismatch, KinkWarning, check_gradient

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

LATER = {
    "GradientMismatch": "nncore.model.gradcheck",
    "KinkWarning": "nncore.model.gradcheck",
    "Measurement": "nncore.measures.measurement",
    "check_gradient": "nncore.model.gradcheck",
    "read_table": "nncore.data.read_csv",
}
"""Name -> its module, which training does without; loaded in the same way."""

if not TYPE_CHECKING:  # a type checker would take every name for one of these
    _name_of_later = loaded_later(__name__, LATER)

    def __getattr__(name):
        """A module of MODULES, or a name of LATER."""
        return import_module(f"nncore.{name}") if name in MODULES else _name_of_later(name)


def __dir__() -> list[str]:
    """The public names, without the modules that they come from."""
    return sorted([*__all__, *MODULES, *(name for name in globals() if name.startswith("__"))])
