"""The lecture's two models: every named number against the worked example, and the fit against scikit-learn."""

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from nncore import ACTIVATIONS, MLP
from nncore.lecture.models import (
    ONE_TWO_ONE,
    OVERLAPPING,
    SEPARABLE,
    collapsed,
    fit_logistic,
    forward,
    logistic,
    symmetry,
)

CASES = Path(__file__).parents[2] / "cases" / "trajectories.json"
THETA = np.array([0.1, -0.2, 0.5, -0.4, 0.3, 0.7, -0.6])
X = np.array([0.0, 0.5, 1.0, 1.5])


def test_the_worked_example_is_reproduced() -> None:
    seen = forward(THETA, X)
    np.testing.assert_allclose(seen.f, [0.3973858296, 0.4698449013, 0.5393531982, 0.6043816884], rtol=0, atol=2e-10)
    at_one = forward(THETA, np.array(1.0))
    np.testing.assert_allclose([at_one.u11, at_one.u12], [0.6, -0.6], rtol=1e-15)
    np.testing.assert_allclose([at_one.o11, at_one.o12], [0.6456563062, 0.3543436938], rtol=0, atol=5e-11)
    slopes = [THETA[5] * at_one.slope_1, THETA[6] * at_one.slope_2]
    np.testing.assert_allclose(slopes, [0.1601489683, -0.1372705443], rtol=0, atol=5e-11)


def test_the_error_at_every_theta_of_the_trajectory_is_pytorchs() -> None:
    cases = json.loads(CASES.read_text(encoding="utf-8"))["cases"]
    case = next(case for case in cases if case["id"] == "public-lecture-1-2-1-sgd")
    thetas = np.array(case["expected"]["thetas"])[:, [2, 3, 0, 1, 6, 4, 5]]
    errors = [np.mean((forward(theta, X).f - X**2) ** 2) for theta in thetas]
    np.testing.assert_allclose(errors, case["expected"]["losses"], rtol=1e-12)


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_parts_add_up_to_the_networks_own_output(name: str) -> None:
    theta, x = np.random.default_rng(3).normal(size=7), np.linspace(-3, 3, 11)
    seen = forward(theta, x, name)
    np.testing.assert_allclose(theta[4] + seen.part_1 + seen.part_2, seen.f, rtol=1e-13, atol=1e-13)
    expected = MLP(ONE_TWO_ONE, name).forward(theta, x[:, None]).z[-1][:, 0]
    np.testing.assert_array_equal(seen.f, expected)
    np.testing.assert_allclose(seen.o11, ACTIVATIONS[name](theta[0] + theta[2] * x), rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(seen.slope_2, ACTIVATIONS[name].slope(theta[1] + theta[3] * x), rtol=1e-12, atol=1e-15)


def test_shapes_follow_x() -> None:
    assert forward(THETA, np.array(1.0)).f.shape == ()
    assert forward(THETA, np.zeros((2, 3))).o12.shape == (2, 3)
    assert logistic(np.zeros(2), np.zeros((2, 3))).odds.shape == (2, 3)


def test_linear_units_collapse_to_one_line() -> None:
    assert collapsed(THETA) == pytest.approx((0.49, 0.59), abs=1e-15)
    for seed in range(20):
        theta, x = np.random.default_rng(seed).normal(size=7) * 3, np.linspace(-5, 5, 9)
        intercept, slope = collapsed(theta)
        np.testing.assert_allclose(forward(theta, x, "linear").f, intercept + slope * x, rtol=0, atol=1e-12)


def test_swapping_the_hidden_units_leaves_f_unchanged() -> None:
    swapped = THETA[[1, 0, 3, 2, 4, 6, 5]]
    np.testing.assert_allclose(forward(swapped, X).f, forward(THETA, X).f, rtol=1e-15)


@pytest.mark.parametrize("u", [-700.0, 700.0])
def test_saturated_units_stay_finite(u: float) -> None:
    seen = forward(np.array([u, -u, 0, 0, 0.3, 0.7, -0.6]), np.array(1.0))
    assert all(np.isfinite(value) for value in vars(seen).values())
    assert (float(seen.o11), float(seen.o12)) == pytest.approx((float(u > 0), float(u < 0)))
    assert 0 < seen.slope_1 < 1e-300


@pytest.mark.parametrize(
    "theta, expected",
    [
        (np.zeros(7), "zero"),
        (np.ones(7), "twins"),
        ([1, 1, 2, 2, 9, 3, 3], "twins"),
        ([0, 0, 0, 0, 1, 1, 2], "same input"),
        ([1, 1, 2, 3, 4, 5, 5], ""),
        (THETA, ""),
    ],
)
def test_symmetry_is_named(theta: np.ndarray, expected: str) -> None:
    assert symmetry(np.asarray(theta)) == expected


def test_the_logit_is_the_line_and_odds_agree() -> None:
    x = np.linspace(-4, 4, 33)
    seen = logistic(np.array([-0.7, 1.3]), x)
    np.testing.assert_allclose(seen.log_odds, -0.7 + 1.3 * x, rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(np.log(seen.odds), seen.log_odds, rtol=0, atol=1e-14)
    np.testing.assert_allclose(seen.p + seen.q, 1.0, rtol=1e-15)
    np.testing.assert_allclose(seen.p, 1 / (1 + np.exp(-(-0.7 + 1.3 * x))), rtol=1e-14)


def test_the_odds_keep_their_digits_where_p_rounds_to_one() -> None:
    seen = logistic(np.array([0.0, 1.0]), np.array([-700.0, 50.0, 700.0, 1000.0]))
    np.testing.assert_allclose(seen.odds[:3], np.exp([-700.0, 50.0, 700.0]), rtol=1e-12)
    assert seen.odds[3] == np.inf and seen.p[3] == 1.0


@pytest.mark.parametrize("start", [(0.0, 0.0), (0.0, 1.0), (3.0, -4.0), (-2.0, 6.0)])
def test_the_fit_reaches_the_maximum_likelihood_answer(start: tuple[float, float]) -> None:
    x, y = OVERLAPPING
    fit = fit_logistic(x, y, np.array(start), learning_rate=1.0, steps=1000)
    reference = LogisticRegression(C=np.inf, tol=1e-12, max_iter=10_000).fit(x[:, None], y)
    expected = [reference.intercept_[0], reference.coef_[0, 0]]
    np.testing.assert_allclose(fit.theta[-1], expected, rtol=1e-6)
    assert np.abs(fit.grad[-1]).max() < 1e-14
    assert (np.diff(fit.loss) <= 1e-15).all()


def test_the_fits_gradient_is_the_mean_of_p_minus_y() -> None:
    x, y = OVERLAPPING
    theta = np.array([0.4, -0.9])
    fit = fit_logistic(x, y, theta, learning_rate=0.5, steps=1)
    missed = logistic(theta, x).p - y
    np.testing.assert_allclose(fit.grad[0], [missed.mean(), (missed * x).mean()], rtol=1e-13)
    np.testing.assert_allclose(fit.theta[1], theta - 0.5 * fit.grad[0], rtol=1e-15)


def test_no_threshold_parts_the_overlapping_classes() -> None:
    x, y = OVERLAPPING
    assert x[y == 1].min() < x[y == 0].max()
    x, y = SEPARABLE
    assert x[y == 1].min() > x[y == 0].max()


def test_on_separable_classes_theta_grows_for_ever() -> None:
    fit = fit_logistic(*SEPARABLE, np.zeros(2), learning_rate=1.0, steps=2000)
    assert (np.diff(fit.theta[:, 1]) > 0).all() and fit.theta[-1, 1] > 10
