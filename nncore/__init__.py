"""Multilayer perceptrons trained by hand-written back propagation, with every theta and gradient kept."""

from nncore.config.edits import EDITS, Edit, KillUnit, ScaleLayer, SetParameter, edits_from_text
from nncore.config.fork import Fork
from nncore.config.run_config import RunConfig
from nncore.data import DATASETS
from nncore.data.read_csv import read_table
from nncore.data.table import look_in
from nncore.history.history import Divergence, History, replay
from nncore.measures.measurement import Measurement
from nncore.model.activations import ACTIVATIONS, Activation
from nncore.model.gradcheck import GradientMismatch, KinkWarning, check_gradient
from nncore.model.initializers import INITIALIZERS
from nncore.model.layout import Layout
from nncore.model.losses import LOSSES
from nncore.model.network import MLP, Tape
from nncore.model.normalization import NORMALIZATIONS
from nncore.model.optimizers import (
    OPTIMIZERS,
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
from nncore.training import Step, run, train
from nncore.training.many_runs import run_many

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
    "Divergence",
    "Edit",
    "Fork",
    "GradientMismatch",
    "History",
    "KillUnit",
    "KinkWarning",
    "Layout",
    "Measurement",
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
