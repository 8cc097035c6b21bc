"""What PyTorch's own SummaryWriter logs is read as plain autograd has it, and what TensorFlow's buckets say to their width."""

import json
from pathlib import Path

import numpy as np

from nncore.recorders import Recorded
from tests.torch.tensorboard_case import CASES, TensorWriter, write


def test_a_log_of_torchs_own_writer_is_what_autograd_has(tmp_path: Path) -> None:
    logged = write(tmp_path)
    recorded = Recorded.open(tmp_path)
    assert recorded.steps.tolist() == [0, 2]
    for quantity, layers in logged.items():
        found = recorded.quantity(quantity)
        for layer, values in layers.items():
            units = recorded.modules if quantity.startswith("activation") else recorded.parameters
            column = found if layer == "" else found[:, [unit.name for unit in units].index(layer)]
            np.testing.assert_allclose(column, values, rtol=1e-6, err_msg=f"{quantity} of {layer}")


def test_a_log_in_tensors_is_what_autograd_has_but_for_the_width_of_buckets(tmp_path: Path) -> None:
    logged = write(tmp_path, TensorWriter)
    recorded = Recorded.open(tmp_path)
    assert recorded.steps.tolist() == [0, 2]
    for quantity, layers in logged.items():
        found = recorded.quantity(quantity)
        exact = quantity in ("loss", "activation_min", "activation_max")
        for layer, values in layers.items():
            units = recorded.modules if quantity.startswith("activation") else recorded.parameters
            column = found if layer == "" else found[:, [unit.name for unit in units].index(layer)]
            np.testing.assert_allclose(
                column, values, rtol=1e-6 if exact else 0.02, atol=0.01 * (quantity == "activation_mean")
            )


def test_the_stored_log_is_of_this_training(tmp_path: Path) -> None:
    stored = json.loads((CASES / "two_layers.json").read_text(encoding="utf-8"))
    for quantity, layers in write(tmp_path).items():
        for layer, values in layers.items():
            np.testing.assert_allclose(stored[quantity][layer], values, rtol=1e-6)
