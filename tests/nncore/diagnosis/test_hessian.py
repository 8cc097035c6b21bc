"""Sharpness and trace against Hessians known exactly or taken by differences; the line against what diverges."""

import dataclasses

import numpy as np
import pytest

from nncore import History, RunConfig, run
from nncore.diagnosis import curvature, curvature_seconds, curvature_so_far, stability_line, without_line

SMALL = RunConfig(dataset="moons", n_samples=24, hidden=(4, 3), steps=6, learning_rate=0.3)
QUADRATIC = RunConfig(dataset="diabetes", n_samples=60, hidden=(), steps=4, test_fraction=0.0)


def explicit(history: History, record: int) -> np.ndarray:
    """The Hessian from second differences of the loss itself, no back propagation involved."""
    config, theta = history.config, history.theta[record].astype(np.float64)
    data = config.data()
    x, y = data.x_train, config.targets(data.y_train).astype(np.float64)
    n, h = len(theta), 1e-4

    def value(*places: tuple[int, int]) -> float:
        moved = theta.copy()
        for place, sign in places:
            moved[place] += sign * h
        penalty = sum(config.l2 * (weight**2).sum() for weight, _ in history.layout.split(moved))
        return float(config.loss_function().value(history.network.forward(moved, x).z[-1], y)) + penalty

    hessian = np.empty((n, n))
    for i in range(n):
        for j in range(i + 1):
            corners = value((i, 1), (j, 1)) - value((i, 1), (j, -1)) - value((i, -1), (j, 1))
            hessian[i, j] = hessian[j, i] = (corners + value((i, -1), (j, -1))) / (4 * h * h)
    return hessian


@pytest.mark.parametrize(
    "changes",
    [{}, {"l2": 0.05}, {"normalization": "batch"}, {"skip": True, "hidden": (3, 3)}, {"dtype": "float32"}],
    ids=["plain", "l2", "batch normalization", "skip", "float32"],
)
def test_sharpness_and_trace_are_those_of_the_explicit_hessian(changes: dict) -> None:
    history = run(SMALL.replace(**changes))
    found = curvature(history, np.array([0, 5]), n_probes=400)
    for row, record in enumerate((0, 5)):
        hessian = explicit(history, record)
        assert found["sharpness"][row] == pytest.approx(np.linalg.eigvalsh(hessian)[-1], rel=2e-3)
        assert found["trace"][row] == pytest.approx(np.trace(hessian), abs=1e-4)
        assert found["trace_error"][row] == 0


def test_random_probes_scatter_about_the_exact_trace() -> None:
    history = run(SMALL)
    exact = curvature(history, np.array([5]), n_probes=400)["trace"][0]
    found = curvature(history, np.array([5]), n_probes=16)
    assert 0 < found["trace_error"][0] < 10 * abs(exact) + 1
    assert abs(found["trace"][0] - exact) < 5 * found["trace_error"][0]
    again, other = (curvature(history, np.array([5]), seed=seed)["trace"][0] for seed in (0, 1))
    assert again == found["trace"][0] != other


def test_a_linear_network_has_the_hessian_of_least_squares() -> None:
    history = run(QUADRATIC.replace(l2=0.03))
    x = history.config.data().x_train
    ones = np.concatenate([np.ones((len(x), 1)), x], axis=1)
    hessian = 2 * ones.T @ ones / len(x) + np.diag([0.0, *[0.06] * x.shape[1]])
    found = curvature(history)
    np.testing.assert_allclose(found["sharpness"], np.linalg.eigvalsh(hessian)[-1], rtol=1e-4)
    np.testing.assert_allclose(found["trace"], np.trace(hessian), rtol=1e-6)


@pytest.mark.parametrize(
    "changes",
    [{}, {"momentum": 0.8}, {"momentum": 0.8, "nesterov": True}, {"weight_decay": 3.0}],
    ids=["plain", "momentum", "nesterov", "weight decay"],
)
def test_above_the_line_a_quadratic_diverges_and_below_it_converges(changes: dict) -> None:
    sharpness = curvature(run(QUADRATIC.replace(**changes)), np.array([0]))["sharpness"][0]
    low, high = 1e-3, 10.0
    for _ in range(60):
        rate = np.sqrt(low * high)
        above = stability_line(QUADRATIC.replace(learning_rate=rate, **changes)) > sharpness
        low, high = (rate, high) if above else (low, rate)
    for factor, settles in ((0.95, True), (1.05, False)):
        history = run(QUADRATIC.replace(learning_rate=low * factor, steps=400, **changes))
        length = np.linalg.norm(history.theta[-1])
        assert (length < 1e3) == settles


def test_the_line_is_that_of_gradient_descent() -> None:
    assert stability_line(SMALL.replace(learning_rate=0.1)) == pytest.approx(20)
    assert stability_line(SMALL.replace(learning_rate=0.1, momentum=0.9)) == pytest.approx(38)
    halved = SMALL.replace(schedule="step", schedule_every=3, schedule_factor=0.5)
    assert stability_line(halved, 3) == pytest.approx(2 * stability_line(halved, 2))
    assert np.isnan(stability_line(SMALL.replace(learning_rate=0.0)))


@pytest.mark.parametrize(
    "changes",
    [{"optimizer": "adam"}, {"batch_size": 5}, {"clip_norm": 1.0}, {"clip_value": 1.0}],
    ids=["adam", "mini-batches", "clip_norm", "clip_value"],
)
def test_where_there_is_no_line_the_chart_says_why(changes: dict) -> None:
    config = SMALL.replace(**changes)
    found = curvature(run(config), np.array([0]))
    assert np.isnan(found["stability"][0]) and np.isnan(stability_line(config))
    assert any(without_line(config) in caveat for caveat in found.caveats)


def test_cost_is_counted_and_bounded() -> None:
    found = curvature(run(SMALL), at_most=3)
    assert len(found.axes["step"]) == 3
    assert (found.columns["products"][1] <= 300).all() and (found.columns["products"][1] > 16).all()


def test_with_threshold_units_and_no_weights_only_the_last_bias_bends_the_loss() -> None:
    threshold = SMALL.replace(dataset="parabola", activation="sign", init="zeros", steps=0)
    found = curvature(run(threshold))
    assert found["sharpness"][0] == pytest.approx(2.0, rel=1e-6)
    assert found["trace"][0] == pytest.approx(2.0, rel=1e-6) or found["trace_error"][0] > 0


def test_a_loss_without_curvature_has_sharpness_zero() -> None:
    history = run(SMALL.replace(hidden=(), steps=0))
    certain = dataclasses.replace(history, theta=np.array([[1e6, 1.0, 1.0]]))
    found = curvature(certain)
    assert found["sharpness"][0] == 0 and found["trace"][0] == 0


def test_a_lost_run_has_no_sharpness_at_its_end() -> None:
    lost = run(QUADRATIC.replace(learning_rate=1e6, steps=400))
    found = curvature(lost, np.array([0, len(lost) - 1]))
    assert np.isfinite(found["sharpness"][0]) and np.isnan(found["sharpness"][1])
    assert any(str(lost.step[-1]) in caveat for caveat in found.caveats)


def test_it_can_be_broken_off_after_each_record() -> None:
    history = run(SMALL)
    records = history.even_records(3)
    whole, grown = curvature(history, records), list(curvature_so_far(history, records))
    assert [len(each.axes["step"]) for each in grown] == [1, 2, 3]
    for name, values in whole.values.items():
        np.testing.assert_array_equal(grown[-1][name], values)
        np.testing.assert_array_equal(grown[0][name], values[:1])
    assert grown[-1].caveats == whole.caveats


def test_the_estimate_grows_with_records_rows_and_depth() -> None:
    one = curvature_seconds(SMALL, 1)
    assert curvature_seconds(SMALL, 5) == pytest.approx(5 * one)
    assert curvature_seconds(SMALL.replace(hidden=SMALL.hidden * 4), 1) > one
    assert curvature_seconds(SMALL.replace(n_samples=40 * SMALL.n_samples), 1) > one
    assert curvature_seconds(SMALL.replace(batch_size=8, steps=900), 1) == pytest.approx(one)


def test_it_ends_between_two_products_when_it_is_stopped() -> None:
    history, asked = run(SMALL), []

    def soon() -> bool:
        asked.append(None)
        return len(asked) > 5

    assert list(curvature_so_far(history, [0, 1], cancelled=soon)) == [] and len(asked) == 6
