"""The recordings among the cases are of the trainings that they are said to be of."""

from pathlib import Path

import numpy as np
import pytest

from nncore.diagnosis.recorded_run import recorded_verdict
from nncore.recorders import Recorded
from tests.torch.recorded_cases import CASES, STORED, write


@pytest.mark.parametrize("name", STORED)
def test_the_stored_recording_is_of_this_training(name: str, tmp_path: Path) -> None:
    write(name, tmp_path / "run.arrows")
    stored, now = Recorded.open(CASES / f"{name}.arrows"), Recorded.open(tmp_path / "run.arrows")
    assert [unit.name for unit in stored.modules] == [unit.name for unit in now.modules]
    assert stored.steps.tolist() == now.steps.tolist() and stored.finished
    for quantity in ("delta_norm", "activation_std", "gradient_norm", "weight_norm"):
        np.testing.assert_allclose(stored.quantity(quantity)[0], now.quantity(quantity)[0], rtol=1e-3, atol=1e-9)


def test_the_run_of_the_readmes_picture_has_the_verdicts_that_it_shows(tmp_path: Path) -> None:
    write("chain", tmp_path / "run.arrows")
    recorded = Recorded.open(tmp_path / "run.arrows")
    assert [found.title for found in recorded_verdict(recorded)] == ["Gradients vanish", "Updates are swallowed"]
    delta = recorded.quantity("delta_norm")[-1, list(recorded.path_of_gradient)]
    assert 1e-16 < delta[0] / delta[-1] < 1e-11
