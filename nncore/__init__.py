"""Multilayer perceptrons trained by hand-written back propagation, with every theta and gradient kept."""

from nncore.activations import ACTIVATIONS, Activation
from nncore.config import RunConfig
from nncore.data import DATASETS
from nncore.delimited import read_table
from nncore.edits import EDITS, Edit, KillUnit, ScaleLayer, SetParameter, edits_from_text
from nncore.ensemble import run_many
from nncore.fork import Fork
from nncore.gradcheck import GradientMismatch, check_gradient
from nncore.history import Divergence, History, replay
from nncore.initializers import INITIALIZERS
from nncore.layout import Layout
from nncore.losses import LOSSES
from nncore.measurement import Measurement
from nncore.moments import STATISTICS, layer_statistics
from nncore.network import MLP, NORMALIZATIONS, Tape
from nncore.optimizers import OPTIMIZERS, adagrad, adam, adamw, cosine, rmsprop, sgd, step_decay, warmup
from nncore.table import look_in
from nncore.training import Step, run, train

__all__ = [
    "ACTIVATIONS",
    "DATASETS",
    "EDITS",
    "INITIALIZERS",
    "LOSSES",
    "MLP",
    "NORMALIZATIONS",
    "OPTIMIZERS",
    "STATISTICS",
    "Activation",
    "Divergence",
    "Edit",
    "Fork",
    "GradientMismatch",
    "History",
    "KillUnit",
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
    "cosine",
    "edits_from_text",
    "layer_statistics",
    "look_in",
    "read_table",
    "replay",
    "rmsprop",
    "run",
    "run_many",
    "sgd",
    "step_decay",
    "train",
    "warmup",
]
