"""Gradients by name are those of the history; clipping is counted as training clips; silent inputs are named."""

import numpy as np
import pytest

from nncore import RunConfig, run
from nncore.measures.by_parameter import by_tensor, clipped_share, silent_inputs, total_norm

CONFIG = RunConfig(dataset="moons", n_samples=60, hidden=(5, 4), activation="tanh", steps=12, learning_rate=0.5)


def test_every_tensor_has_its_own_norm_mean_spread_and_largest_entry() -> None:
    history = run(CONFIG)
    found = by_tensor(history, 7)
    tensors = [part for layer in history.layout.split(history.grad[7]) for part in layer]
    assert found.columns["name"][1].tolist() == ["W1", "b1", "W2", "b2", "W3", "b3"]
    for place, tensor in enumerate(tensors):
        np.testing.assert_allclose(found["norm"][place], np.linalg.norm(tensor), rtol=1e-12)
        np.testing.assert_allclose(found["mean"][place], tensor.mean(), rtol=1e-9, atol=1e-18)
        np.testing.assert_allclose(found["std"][place], tensor.std(), rtol=1e-12)
        assert found["largest"][place] == np.abs(tensor).max()
        name = found.columns["largest_at"][1][place]
        at = tuple(map(int, name[name.index("[") + 1 : -1].split(",")))
        assert abs(tensor[at]) == np.abs(tensor).max()


def test_near_zero_counts_entries_of_a_vanished_layer() -> None:
    config = CONFIG.replace(hidden=(8,) * 14, activation="sigmoid", init="normal", init_scale=0.1)
    found = by_tensor(run(config), 0)
    assert found["near_zero"][0] == 1 and found["near_zero"][-2] == 0


def test_total_norm_is_that_of_all_parameters() -> None:
    history = run(CONFIG)
    found = total_norm(history)
    np.testing.assert_allclose(found["total_norm"], np.linalg.norm(history.grad, axis=1), rtol=1e-12)


@pytest.mark.parametrize("limit", [{"clip_norm": 0.2}, {"clip_value": 0.12}])
def test_clipped_share_is_the_share_of_steps_that_move_otherwise_than_unclipped(limit: dict) -> None:
    history = run(CONFIG.replace(**limit))
    moved = np.diff(history.theta, axis=0)
    plain = -CONFIG.learning_rate * history.grad[:-1]
    clipped = ~np.isclose(moved, plain, rtol=1e-9, atol=1e-15).all(axis=1)
    assert 0 < clipped.sum() < len(clipped)
    assert clipped_share(history, len(clipped) - 1) == clipped.mean()


def test_an_input_that_is_always_zero_never_gets_a_gradient() -> None:
    x = np.random.default_rng(0).normal(size=(40, 3))
    x[:, 1] = 0.0
    config = RunConfig.from_arrays(x, x[:, 0] + x[:, 2], hidden=(4,), activation="tanh", steps=3, standardize=False)
    assert silent_inputs(run(config), 3) == [1]
    assert silent_inputs(run(CONFIG), 5) == []
