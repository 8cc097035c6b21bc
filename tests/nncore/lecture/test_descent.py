"""A descent keeps every step, follows the reference trajectory, and names the step at which it broke."""

import json
from pathlib import Path

import numpy as np
import pytest

from nncore import LOSSES, MLP, Layout
from nncore.lecture.descent import Descent, descend

CASES = json.loads((Path(__file__).parents[2] / "cases" / "trajectories.json").read_text(encoding="utf-8"))
LECTURE = next(case for case in CASES["cases"] if case["id"] == "public-lecture-1-2-1-sgd")
THETA = np.array([0.1, -0.2, 0.5, -0.4, 0.3, 0.7, -0.6])
X = np.array([[0.0], [0.5], [1.0], [1.5]])


def lecture(theta: np.ndarray, alpha: float, steps: int) -> Descent:
    return descend(MLP(Layout((1, 2, 1)), "sigmoid"), LOSSES["mse"], theta, X, X**2, alpha, steps)


def test_losses_follow_the_reference_trajectory() -> None:
    expected = np.array(LECTURE["expected"]["losses"])
    path = lecture(THETA, 0.1, len(expected) - 1)
    np.testing.assert_allclose(path.loss, expected, rtol=1e-12)
    assert path.divergence is None and path.rose_at is None and path.last_finite == len(expected) - 1


def test_each_step_is_theta_minus_alpha_times_gradient() -> None:
    path = lecture(THETA, 0.3, 50)
    np.testing.assert_array_equal(path.theta[1:], path.theta[:-1] - 0.3 * path.grad[:-1])


@pytest.mark.parametrize("alpha", [2.0, 5.0, 100.0, 1000.0])
def test_a_learning_rate_too_large_names_its_step(alpha: float) -> None:
    path = lecture(THETA, alpha, 1000)
    assert path.divergence is not None
    assert path.divergence.step == len(path.loss) - 1 == path.last_finite + 1
    assert not np.isfinite(path.loss[-1]) and np.isfinite(path.loss[:-1]).all()
    assert path.rose_at == 1


@pytest.mark.parametrize("theta", [np.zeros(7), np.full(7, 0.5)])
def test_twins_stay_twins_to_the_last_bit(theta: np.ndarray) -> None:
    path = lecture(theta, 0.1, 500)
    for a, b in ((0, 1), (2, 3), (5, 6)):
        np.testing.assert_array_equal(path.theta[:, a], path.theta[:, b])
