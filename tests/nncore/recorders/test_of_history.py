"""A history's measurement file has the numbers of nncore.measures, under the names and axes of a recorded run."""

from pathlib import Path

import numpy as np
import pytest

import nncore
from nncore import measures
from nncore.command import main
from nncore.diagnosis import recorded_verdict
from nncore.recorders import Recorded, of_history
from nncore.recorders import measures as of_recorded

CONFIGS = {
    "tanh": nncore.RunConfig(hidden=(8, 5, 8), activation="tanh", steps=6),
    "relu with batches": nncore.RunConfig(hidden=(8,) * 4, activation="relu", steps=6, batch_size=16, l2=0.01),
    "regression": nncore.RunConfig(dataset="sine", loss="mse", hidden=(), steps=3),
    "float32": nncore.RunConfig(hidden=(8, 8), activation="sigmoid", steps=4, dtype="float32"),
    "diverged": nncore.RunConfig(hidden=(8,) * 4, activation="relu", learning_rate=1e6, steps=20),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_numbers_are_those_of_the_history(name: str, tmp_path: Path) -> None:
    history = nncore.run(CONFIGS[name])
    of_history(history).to_parquet(tmp_path / "run.parquet")
    recorded = Recorded.open(tmp_path / "run.parquet")
    assert recorded.finished and recorded.steps.tolist() == history.step.tolist()
    np.testing.assert_array_equal(recorded.loss, history.loss)
    quantities = set(of_recorded.NAMES) & set(measures.LAYER_QUANTITIES) - {"training_gradient_norm"}
    assert len(quantities) >= 12
    for quantity in quantities:
        mine, theirs = (
            of.per_layer(run, quantity)[quantity] for of, run in ((of_recorded, recorded), (measures, history))
        )
        np.testing.assert_allclose(mine, theirs, rtol=1e-6 if name == "float32" else 1e-12, err_msg=quantity)
    assert not any("nncore's δ norm" in each for each in of_recorded.per_layer(recorded, "delta_norm").caveats)


def test_records_can_be_chosen() -> None:
    history = nncore.run(CONFIGS["tanh"])
    assert of_history(history, [0, 3]).steps.tolist() == [0, 3]


def test_layers_are_one_way_of_the_gradient_and_vanish_as_in_the_lab() -> None:
    history = nncore.run(nncore.RunConfig(hidden=(16,) * 12, activation="sigmoid", steps=3))
    recorded = of_history(history)
    assert recorded.path_of_gradient == tuple(range(13))
    assert "vanishing" in {each.rule for each in recorded_verdict(recorded)}


def test_distributions_hold_every_value_of_a_small_run() -> None:
    history = nncore.run(CONFIGS["tanh"])
    recorded = of_history(history)
    octaves = recorded.distribution("gradient_octaves", 0)
    weights = [unit.shape for unit in recorded.parameters if unit.is_weight]
    assert octaves.sum(axis=1)[::2].tolist() == [np.prod(shape) for shape in weights]
    quantiles = recorded.distribution("activation_quantiles", 0)
    np.testing.assert_allclose(quantiles[:, -1], recorded.quantity("activation_max")[0], rtol=1e-6)


def test_the_command_writes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nncore.run(CONFIGS["tanh"]).to_parquet(tmp_path / "run.parquet")
    assert main(["export", str(tmp_path / "run.parquet"), "--measurements"]) == 0
    written = tmp_path / "run.measurements.parquet"
    assert capsys.readouterr().out == f"Written: {written}\n"
    assert main(["diagnose", str(written)]) == 0
    assert capsys.readouterr().out.startswith("nncore: 4 modules, 8 parameters, 7 records to step 6; finished")
