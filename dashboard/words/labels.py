"""What settings and their widgets are called, in the order of the sidebar."""

from __future__ import annotations

from typing import Any

from nncore.data.features import FEATURES

GROUPS = {"data": "Data", "network": "Network", "initialization": "Initialization", "training": "Training"}
"""Group of settings -> its heading."""

LABELS = {
    "dataset": "Data set",
    "rows": "Rows",
    "n_samples": "Samples",
    "noise": "Noise",
    "n_classes": "Classes",
    "test_fraction": "Test share",
    "standardize": "Standardize",
    "table": "Table",
    "features": "Extra inputs",
    "hidden": "Depth and width",
    "activation": "Activation",
    "alpha": "Slope α",
    "output": "Output activation",
    "biases": "Biases",
    "normalization": "Normalization",
    "skip": "Skip connections",
    "init": "Initializer",
    "gain": "Gain",
    "init_scale": "Scale",
    "init_low": "Weights from",
    "init_high": "Weights to",
    "theta": "θ itself",
    "bias_std": "Bias deviation",
    "optimizer": "Optimizer",
    "learning_rate": "Learning rate",
    "steps": "Steps",
    "loss": "Loss",
    "batch_size": "Batch size",
    "momentum": "Momentum",
    "nesterov": "Nesterov",
    "beta_1": "β₁",
    "beta_2": "β₂",
    "rms_alpha": "RMSprop α",
    "epsilon": "ε",
    "weight_decay": "Weight decay",
    "schedule": "Schedule",
    "schedule_every": "Cut every … steps",
    "schedule_factor": "Cut factor",
    "schedule_floor": "Cosine floor",
    "warmup_steps": "Warm-up steps",
    "l1": "L1 penalty",
    "l2": "L2 penalty",
    "clip_norm": "Clip norm",
    "clip_value": "Clip value",
    "seed": "Seed",
    "dtype": "Float type",
    "record_every": "Record every … steps",
    "probe_size": "Probe rows",
}
"""Field of RunConfig -> its label."""

LAYERS = {
    "depth": "Depth",
    "width": "Width",
    "widths": "Width of each layer",
    "layer_activations": "Activation of each layer",
    "layer_biases": "Biases of each layer",
}
"""Key of a widget that sets the layers -> its label; all others have their field's name as key."""

SIGMAS = {"sigma_w2": "σ_w²", "sigma_b2": "σ_b²"}
"""Axis of a sweep that stands for a setting -> its label."""

WIDGETS = {key: text for name in LABELS for key, text in (LAYERS if name == "hidden" else {name: LABELS[name]}).items()}
"""Key of a widget of the sidebar -> its label."""


def label(name: str) -> str:
    """What a field of RunConfig, a widget of the sidebar or an axis is called; other names as they are, without underscores."""
    return (LABELS | LAYERS | SIGMAS).get(name) or name.replace("_", " ").capitalize()


def option(value: Any) -> str:
    """What one of a widget's options is called, on the page and in the address: an extra input, or a learning rate.

    >>> option("x1_squared"), option(1e-06), option(3.0)
    ('x₁²', '1e-06', '3')
    """
    return FEATURES[value].label if isinstance(value, str) else f"{value:g}"
