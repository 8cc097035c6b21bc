"""The PyTorch program that the dashboard hands out: it runs, and its losses are the history's."""

from typing import Any

import numpy as np
import pytest
import torch

from nncore import ACTIVATIONS, OPTIMIZERS, RunConfig, run
from nncore.config.scripts import torch_script

BASE = RunConfig(
    dataset="blobs", n_samples=60, hidden=(6, 6, 5), activation="tanh", bias_std=0.3, learning_rate=0.05, steps=10
)

CASES: list[dict[str, Any]] = [
    *({"activation": name} for name in ACTIVATIONS),
    {"activation": "leaky_relu", "alpha": 0.2},
    {"activation": ("elu", "softsign", "relu"), "alpha": 0.5, "skip": True},
    {"hidden": ()},
    {"biases": "fixed"},
    {"biases": ("none", "learned", "fixed", "learned")},
    *({"normalization": name, "skip": skip} for name in ("batch", "layer") for skip in (False, True)),
    *({"optimizer": name, "batch_size": 16} for name in OPTIMIZERS),
    {"momentum": 0.8, "nesterov": True, "weight_decay": 0.1},
    {"optimizer": "adamw", "beta_1": 0.8, "epsilon": 1e-3, "weight_decay": 0.2},
    {"optimizer": "adam", "weight_decay": 0.2},
    {"schedule": "step", "schedule_every": 3, "warmup_steps": 2},
    {"schedule": "cosine", "schedule_floor": 0.1},
    {"l1": 1e-3, "l2": 1e-2},
    {"clip_norm": 0.1, "clip_value": 0.05},
    {"dataset": "moons"},
    {"dataset": "diabetes", "learning_rate": 0.01},
    {"dataset": "iris", "loss": "mse"},
]


def losses_of(script: str) -> np.ndarray:
    """What the program ends with."""
    torch.set_num_threads(1)
    names: dict[str, Any] = {}
    exec(compile(script, "torch_run.py", "exec"), names)
    return np.array(names["losses"])


@pytest.mark.parametrize("settings", CASES, ids=str)
def test_script_has_the_losses_of_the_history(settings: dict[str, Any]) -> None:
    config = BASE.replace(**settings)
    np.testing.assert_allclose(losses_of(torch_script(config)), run(config).loss, rtol=1e-9)


def test_script_runs_in_the_configs_float_type() -> None:
    config = BASE.replace(dtype="float32")
    losses = losses_of(torch_script(config))
    np.testing.assert_allclose(losses, run(config).loss, rtol=1e-4)
    assert np.abs(losses / run(BASE).loss - 1).max() > 1e-12
