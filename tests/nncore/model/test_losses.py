"""Value and delta against thirty digits and differences, leading axes, tails, and errors at the edge."""

import math

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nncore.model.losses import LOSSES

EXTREMES = (0.0, 1e-300, 1e-8, 0.3, 1.0, 5.0, 20.0, 40.0, 700.0, 1e4)
LOGITS = np.array([sign * magnitude for magnitude in EXTREMES for sign in (1.0, -1.0)])


@pytest.fixture(params=["mse", "bce", "cross_entropy"])
def loss(request):
    return LOSSES[request.param]


def targets(loss, rng, n_samples, n_out):
    if loss.name == "cross_entropy":
        return rng.integers(0, n_out, n_samples)
    if loss.name == "bce":
        return rng.integers(0, 2, (n_samples, n_out)).astype(float)
    return rng.normal(size=(n_samples, n_out))


def sigmoid(z):
    return 1 / (1 + mp.exp(-z))


def agrees(got, want, rel):
    """Relative agreement with an mpmath number; what is below the smallest normal float must be tiny."""
    if abs(want) < np.finfo(float).tiny:
        return abs(got) <= np.finfo(float).tiny
    return abs(mp.mpf(float(got)) - want) <= rel * abs(want)


def test_registry_holds_the_promised_names():
    assert {name: entry.name for name, entry in LOSSES.items()} == {
        "mse": "mse",
        "bce": "bce",
        "cross_entropy": "cross_entropy",
    }


def test_mse_of_the_lectures_example_is_the_mean_over_all_entries():
    z = np.array([[1.0, 2.0], [3.0, 5.0]])
    y = np.array([[0.0, 2.0], [1.0, 1.0]])
    # (1 + 0 + 4 + 16) / 4, and 2 (z - y) / 4
    assert LOSSES["mse"].value(z, y) == 5.25
    assert LOSSES["mse"].delta(z, y).tolist() == [[0.5, 0.0], [1.0, 2.0]]
    assert LOSSES["mse"].per_sample(z, y).tolist() == [0.5, 10.0]


def test_bce_agrees_with_thirty_digits_tails_included():
    for label in (0.0, 1.0):
        for z in LOGITS:
            z_out, y = np.array([[z]]), np.array([[label]])
            value, delta = LOSSES["bce"].value_and_delta(z_out, y)
            with mp.workdps(30):
                away = mp.mpf(z) if label == 0.0 else -mp.mpf(z)
                softplus = away + mp.log1p(mp.exp(-away)) if away > 0 else mp.log1p(mp.exp(away))
                slope = sigmoid(away) if label == 0.0 else -sigmoid(away)
                assert agrees(value, softplus, 1e-15), (z, label)
                assert agrees(delta[0, 0], slope, 1e-15), (z, label)


def test_bce_of_soft_targets_is_the_cross_entropy():
    z, y = np.array([[0.7], [-2.0]]), np.array([[0.25], [0.9]])
    p = 1.0 / (1.0 + np.exp(-z))
    terms = -y * np.log(p) - (1.0 - y) * np.log(1.0 - p)
    assert LOSSES["bce"].value(z, y) == pytest.approx(terms.mean(), rel=1e-15)
    np.testing.assert_allclose(LOSSES["bce"].delta(z, y), (p - y) / 2.0, rtol=1e-15)


@pytest.mark.parametrize(
    "z",
    [
        [0.0, 0.0, 0.0],
        [1.0, -2.0, 0.5],
        [40.0, 0.0, -3.0],
        [-40.0, 40.0, 0.0],
        [1e4, 1e4, -1e4],
        [700.0, -700.0, 0.0],
        [0.0, 1e-9, -1e-9],
        [-1e4, -1e4, -1e4 + 5.0],
    ],
)
@pytest.mark.parametrize("label", [0, 1, 2])
def test_cross_entropy_agrees_with_thirty_digits_tails_included(z, label):
    value, delta = LOSSES["cross_entropy"].value_and_delta(np.array([z]), np.array([label]))
    with mp.workdps(30):
        powers = [mp.exp(mp.mpf(other) - mp.mpf(z[label])) for other in z]
        others = sum(power for index, power in enumerate(powers) if index != label)
        assert agrees(value, mp.log1p(others), 1e-15)
        for index, power in enumerate(powers):
            exact = -others / (1 + others) if index == label else power / (1 + others)
            assert agrees(delta[0, index], exact, 1e-14), index


def test_delta_matches_central_difference(loss):
    rng = np.random.default_rng(3)
    z = rng.normal(size=(7, 3))
    y = targets(loss, rng, 7, 3)
    delta = loss.delta(z, y)
    step = 1e-5
    for index in np.ndindex(z.shape):
        nudge = np.zeros_like(z)
        nudge[index] = step
        difference = (loss.value(z + nudge, y) - loss.value(z - nudge, y)) / (2.0 * step)
        assert delta[index] == pytest.approx(difference, rel=1e-6, abs=1e-9)


def test_value_is_the_mean_over_samples_of_their_own_losses(loss):
    rng = np.random.default_rng(4)
    z = rng.normal(scale=4.0, size=(2, 30, 3))
    y = targets(loss, rng, 30, 3)
    assert loss.per_sample(z, y).shape == (2, 30)
    np.testing.assert_allclose(loss.per_sample(z, y).mean(axis=-1), loss.value(z, y), rtol=1e-14)
    alone = [[float(loss.value(z[run, [row]], y[[row]])) for row in range(30)] for run in range(2)]
    np.testing.assert_allclose(loss.per_sample(z, y), alone, rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("n_samples", "n_out"), [(1, 2), (5, 3), (100, 2), (256, 10), (700, 17)])
@pytest.mark.parametrize("columns", [False, True])
def test_a_runs_bits_do_not_depend_on_the_ensemble(loss, dtype, n_samples, n_out, columns):
    rng = np.random.default_rng(5)
    z = rng.normal(scale=4.0, size=(3, 2, n_samples, n_out)).astype(dtype)
    if columns:
        z = np.ascontiguousarray(z.swapaxes(-1, -2)).swapaxes(-1, -2)
    y = targets(loss, rng, n_samples, n_out)
    value, delta = loss.value_and_delta(z, y)
    assert value.shape == (3, 2) and delta.shape == z.shape and value.dtype == delta.dtype == dtype
    for run in np.ndindex(3, 2):
        one_value, one_delta = loss.value_and_delta(z[run], y)
        assert one_value == value[run] and (one_delta == delta[run]).all()
        assert loss.value(z[run], y) == one_value and (loss.delta(z[run], y) == one_delta).all()


def test_targets_may_differ_between_runs(loss):
    rng = np.random.default_rng(6)
    z = rng.normal(size=(2, 9, 4))
    y = np.stack([targets(loss, rng, 9, 4) for _ in range(2)])
    for run in range(2):
        np.testing.assert_array_equal(loss.value(z, y)[run], loss.value(z[run], y[run]))
        np.testing.assert_array_equal(loss.delta(z, y)[run], loss.delta(z[run], y[run]))


def test_delta_is_written_into_out_whatever_its_strides(loss):
    rng = np.random.default_rng(7)
    z = rng.normal(size=(2, 9, 4))
    y = targets(loss, rng, 9, 4)
    for out in (np.empty((2, 9, 4)), np.empty((2, 4, 9)).swapaxes(-1, -2), np.empty((2, 9, 5))[..., 1:]):
        value, delta = loss.value_and_delta(z, y, out=out)
        assert delta is out
        np.testing.assert_array_equal(out, loss.delta(z, y))
        np.testing.assert_array_equal(value, loss.value(z, y))


def test_z_and_y_are_left_alone(loss):
    rng = np.random.default_rng(8)
    z = rng.normal(size=(9, 4))
    y = targets(loss, rng, 9, 4)
    z_before, y_before = z.copy(), y.copy()
    loss.value_and_delta(z, y)
    loss.per_sample(z, y)
    loss.accuracy(z, y)
    assert (z == z_before).all() and (y == y_before).all()


@given(z=st.lists(st.floats(-1e4, 1e4), min_size=2, max_size=12), seed=st.integers(0, 99))
def test_logits_of_any_size_give_finite_values_and_bounded_deltas(z, seed):
    rng = np.random.default_rng(seed)
    z = np.array([z])
    for name in ("bce", "cross_entropy"):
        value, delta = LOSSES[name].value_and_delta(z, targets(LOSSES[name], rng, *z.shape))
        assert 0.0 <= value <= 2e4 + 10.0
        assert (np.abs(delta) <= 1.0).all()


@given(shift=st.floats(-1e4, 1e4))
def test_cross_entropy_ignores_a_common_shift(shift):
    z, y = np.array([[0.5, -1.0, 2.0]]), np.array([1])
    assert LOSSES["cross_entropy"].value(z + shift, y) == pytest.approx(LOSSES["cross_entropy"].value(z, y), rel=1e-11)


def test_cross_entropy_of_equal_logits_is_the_log_of_the_classes():
    assert LOSSES["cross_entropy"].value(np.zeros((5, 7)), np.arange(5)) == pytest.approx(math.log(7.0), rel=1e-15)


def test_cross_entropy_of_two_classes_is_bce_of_their_difference():
    rng = np.random.default_rng(9)
    z, y = rng.normal(size=(40, 2)), rng.integers(0, 2, 40)
    difference = z[:, 1:] - z[:, :1]
    two, one = LOSSES["cross_entropy"].value(z, y), LOSSES["bce"].value(difference, y[:, None])
    assert two == pytest.approx(one, rel=1e-14)


def test_accuracy_counts_the_largest_output():
    z = np.array([[[2.0, 1.0, 0.0], [0.0, 1.0, 2.0]], [[0.0, 3.0, 1.0], [0.0, 9.0, 2.0]]])
    one_hot = np.eye(3)[[0, 1]]
    assert LOSSES["cross_entropy"].accuracy(z, np.array([0, 1])).tolist() == [0.5, 0.5]
    assert LOSSES["mse"].accuracy(z, one_hot).tolist() == [0.5, 0.5]
    assert LOSSES["bce"].accuracy(z, one_hot).tolist() == [0.5, 0.5]
    assert LOSSES["cross_entropy"].accuracy(z[0], np.array([0, 2])) == 1.0


def test_accuracy_of_one_bce_output_counts_its_sign():
    z, y = np.array([[1.0], [-1.0], [2.0], [0.0]]), np.array([[1.0], [0.0], [0.0], [0.0]])
    assert LOSSES["bce"].accuracy(z, y) == 0.75


@pytest.mark.parametrize("y", [[[0.3, 0.7]], [[1.0, 1.0]], [[0.0, 0.0]]])
def test_accuracy_of_mse_without_one_hot_targets_is_nan(y):
    assert math.isnan(LOSSES["mse"].accuracy(np.zeros((1, 2)), np.array(y)))
    assert np.isnan(LOSSES["mse"].accuracy(np.zeros((3, 1, 2)), np.array(y))).tolist() == [True] * 3


def test_accuracy_of_mse_with_one_column_is_nan():
    assert math.isnan(LOSSES["mse"].accuracy(np.zeros((2, 1)), np.array([[0.0], [1.0]])))


def test_check_returns_targets_as_the_loss_computes_with_them():
    assert LOSSES["mse"].check((3, 1), [[1], [2], [3]]).dtype == np.float64
    assert LOSSES["bce"].check((2, 1), np.array([[True], [False]])).tolist() == [[1.0], [0.0]]
    assert LOSSES["cross_entropy"].check((2, 3), [0.0, 2.0]).dtype == np.intp
    assert LOSSES["mse"].check((8, 3, 1), np.zeros((3, 1), np.float32)).dtype == np.float32
    assert LOSSES["cross_entropy"].check((8, 3, 2), np.zeros((8, 3), int)).shape == (8, 3)


@pytest.mark.parametrize(
    ("name", "shape", "y", "sentence"),
    [
        ("mse", (3, 1), np.zeros(3), r"y for mse must have shape \(3, 1\), samples by outputs; got \(3,\)"),
        ("mse", (3, 2), np.zeros((3, 1)), r"must have shape \(3, 2\), samples by outputs; got \(3, 1\)"),
        ("mse", (3, 1), np.zeros((2, 3, 1)), r"must have shape \(3, 1\), samples by outputs; got \(2, 3, 1\)"),
        ("mse", (1, 1), np.array([["a"]]), r"y for mse must be numbers; got <U1"),
        ("mse", (2, 1), np.array([[1.0], [np.nan]]), r"y for mse must be finite; got 1 values that are not"),
        ("bce", (2, 1), np.array([[0.0], [2.0]]), r"y for bce must lie between 0 and 1; got values from 0.0 to 2.0"),
        ("bce", (2, 1), np.array([0, 1]), r"y for bce must have shape \(2, 1\)"),
        ("cross_entropy", (2, 1), np.array([0, 0]), r"needs one output per class, at least 2; got 1"),
        ("cross_entropy", (2, 3), np.eye(3)[:2], r"class indices of shape \(2,\); got shape \(2, 3\)"),
        ("cross_entropy", (2, 3), np.array([0.5, 1.0]), r"whole-numbered class indices; got values from 0.5 to 1.0"),
        ("cross_entropy", (2, 3), np.array(["a", "b"]), r"whole-numbered class indices; got <U1"),
        ("cross_entropy", (2, 3), np.array([0, 3]), r"from 0 to 2, one output per class; got values from 0 to 3"),
        ("cross_entropy", (2, 3), np.array([-1, 1]), r"from 0 to 2, one output per class; got values from -1 to 1"),
    ],
)
def test_targets_that_do_not_fit_are_refused(name, shape, y, sentence):
    with pytest.raises(ValueError, match=sentence):
        LOSSES[name].check(shape, y)


def test_every_loss_tells_its_formula(loss):
    assert loss.latex.startswith("E = ")
