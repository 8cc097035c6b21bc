"""The residual stream after each block and the branches that feed it, by the shapes and links that were recorded."""

from pathlib import Path

import numpy as np
import pytest

from nncore.recorders import Recorded
from nncore.recorders.example import example
from nncore.recorders.residual import branches, residual_stream

CASES = Path(__file__).parents[2] / "cases"


def test_the_branches_of_a_transformer_are_the_ends_of_attention_and_perceptron() -> None:
    recorded = Recorded.open(CASES / "gpt.arrows")
    measured = residual_stream(recorded, 2)
    columns = measured.columns
    assert columns is not None and columns["kind"][1].tolist() == ["attn.proj", "mlp.2"]
    assert columns["name"][1].tolist() == [f"blocks.{k}" for k in range(8)]
    rms = {
        unit.name: value for unit, value in zip(recorded.modules, recorded.quantity("activation_rms")[2], strict=True)
    }
    for row, kind in enumerate(("attn.proj", "mlp.2")):
        share = [rms[f"blocks.{k}.{kind}"] / rms[f"blocks.{k}"] for k in range(8)]
        np.testing.assert_allclose(measured["branch_share"][row], share)
    np.testing.assert_allclose(columns["stream_rms"][1], [rms[f"blocks.{k}"] for k in range(8)])


def test_the_blocks_in_the_stages_of_a_residual_network_have_one_branch_each() -> None:
    recorded = Recorded.open(CASES / "resnet.arrows")
    measured = residual_stream(recorded, 1)
    columns = measured.columns
    blocks = ["2.0", "2.1", "3.0", "3.1"]
    assert columns is not None and columns["kind"][1].tolist() == ["b2"] and columns["name"][1].tolist() == blocks
    rms = {
        unit.name: value for unit, value in zip(recorded.modules, recorded.quantity("activation_rms")[1], strict=True)
    }
    np.testing.assert_allclose(columns["stream_rms"][1], [rms[block] for block in blocks])
    np.testing.assert_allclose(measured["branch_share"][0], [rms[f"{block}.b2"] / rms[block] for block in blocks])
    assert [recorded.modules[place].name for place in recorded.path_of_gradient] == ["0", *blocks, "6"]


def test_logs_and_blocks_that_hand_on_their_last_module_have_none(tmp_path: Path) -> None:
    for recorded in (
        Recorded.open(CASES / "two_layers.tfevents"),
        Recorded.open(example(tmp_path / "a.arrows", n_blocks=3)),
    ):
        assert branches(recorded) == {}
        with pytest.raises(ValueError, match="no two blocks of this model are known to have branches"):
            residual_stream(recorded, 0)
