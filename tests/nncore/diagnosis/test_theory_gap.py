"""Theory beside measurement."""

import numpy as np
import pytest

import nncore
from nncore.diagnosis.theory_gap import beside_theory, distance, lines_elsewhere, prediction
from nncore.measures import gradient_flow


def beside(record: int = 0, **changes: object) -> nncore.Measurement:
    config = nncore.RunConfig(dataset="moons", steps=2, **changes)  # type: ignore[arg-type]
    history = nncore.run(config)
    return beside_theory(gradient_flow(history, record), prediction(history))


@pytest.mark.parametrize(
    ("activation", "init"), [("tanh", "xavier_normal"), ("relu", "he_normal"), ("sigmoid", "orthogonal")]
)
def test_a_wide_network_stays_inside_the_band(activation: str, init: str) -> None:
    found = distance(beside(hidden=(256,) * 8, activation=activation, init=init))
    assert found is not None
    assert found.inside >= found.n_layers - 1 and found.factor < 1.6


def test_a_planted_mistake_is_outside_the_band() -> None:
    history = nncore.run(nncore.RunConfig(hidden=(256,) * 8, activation="tanh", steps=0))
    wrong = prediction(nncore.run(history.config.replace(gain=1.4)))
    found = distance(beside_theory(gradient_flow(history, 0), wrong))
    assert found is not None
    assert found.inside <= found.n_layers // 2 and found.factor > 2


def test_theory_speaks_of_step_0_only() -> None:
    measured = beside(record=2, hidden=(16,) * 4)
    assert np.isfinite(measured["theory_delta_norm"][0]).all()
    assert np.isnan(measured["theory_delta_norm"][1]).all()
    assert measured["theory_delta_norm"][0, -1] == measured["delta_norm"][0, -1]


def test_no_distance_where_delta_is_exactly_zero() -> None:
    assert distance(beside(hidden=(16,) * 4, activation="sign")) is None


def test_theory_refuses_initializers_without_randomness() -> None:
    history = nncore.run(nncore.RunConfig(init="zeros", steps=0))
    with pytest.raises(ValueError, match="must draw at random"):
        prediction(history)


def test_lines_elsewhere_agree_with_the_prediction_where_the_run_stands() -> None:
    history = nncore.run(nncore.RunConfig(dataset="moons", steps=0, hidden=(16,) * 4, gain=1.5))
    along_depth, along_gain = lines_elsewhere(history, range(9), (1.0, 1.5))
    wanted = np.log10(prediction(history).delta_norm_ratio)
    np.testing.assert_allclose(along_depth[4, :5], wanted, atol=2e-3)
    np.testing.assert_allclose(along_gain[1], wanted, atol=2e-3)
    assert np.isnan(along_depth[4, 5:]).all() and np.isfinite(along_depth[8]).all()
