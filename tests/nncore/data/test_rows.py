"""The split into training and test rows, and their standardisation."""

import numpy as np
import pytest

from nncore.data import DATASETS, load, prepare
from tests.nncore.data.sets import CLASSIFICATION, GRIDS, NAMES, all_rows, rng


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("n", [2, 3, 4, 5, 10, 41])
@pytest.mark.parametrize("fraction", [0.0, 0.1, 0.25, 0.5, 0.9])
def test_grid_keeps_its_ends_and_order_in_training(name, n, fraction):
    data = load(name, rng(), n_samples=n, test_fraction=fraction, noise=0.0, standardize=False)
    x, _ = all_rows(data)
    assert len(data.x_test) == min(round(fraction * n), n - 2)
    assert np.unique(x).size == n
    assert (data.x_train[0], data.x_train[-1]) == (x.min(), x.max())
    assert (np.diff(data.x_train, axis=0) > 0).all()


@pytest.mark.parametrize("name", CLASSIFICATION)
def test_split_is_stratified_and_every_class_stays_in_training(name):
    for fraction in (0.2, 0.5, 0.95):
        data = load(name, rng(1), n_samples=120, test_fraction=fraction)
        train = np.bincount(data.y_train, minlength=data.n_classes)
        test = np.bincount(data.y_test, minlength=data.n_classes)
        assert (train >= 1).all()
        assert (np.abs(test - fraction * (train + test)) <= 1).all()


@pytest.mark.parametrize("name", CLASSIFICATION)
def test_training_rows_are_shuffled(name):
    y = load(name, rng(), n_samples=100).y_train
    assert not np.array_equal(y, np.sort(y))
    assert (np.diff(y) == 0).any(), "classes must not alternate either"


@pytest.mark.parametrize("name", [name for name in NAMES if name != "parabola"])
def test_standardisation_is_fitted_on_the_training_rows_only(name):
    data = load(name, rng(), n_samples=90, test_fraction=0.3)
    varies = np.ptp(data.x_train, axis=0) > 0
    assert np.abs(data.x_train.mean(axis=0)).max() < 1e-12
    assert np.allclose(data.x_train.std(axis=0)[varies], 1, atol=1e-12)
    raw = load(name, rng(), n_samples=90, test_fraction=0.3, standardize=False)
    assert np.allclose(data.x_test, (raw.x_test - raw.x_train.mean(axis=0)) / data.x_std, atol=1e-12)
    assert np.allclose(data.to_original_x(data.x_test), raw.x_test, atol=1e-9)
    assert np.abs(data.x_test.mean(axis=0)).max() > 1e-6, "test rows must not be centred on themselves"


def test_targets_are_standardised_for_real_regression_only():
    data = load("diabetes", rng())
    assert abs(data.y_train.mean()) < 1e-12
    assert abs(data.y_train.std() - 1) < 1e-12
    assert 25 <= data.to_original_y(data.y_test).min() <= data.to_original_y(data.y_test).max() <= 346
    for name in GRIDS:
        toy = load(name, rng())
        assert (toy.y_mean, toy.y_std) == (0.0, 1.0)
    off = load("diabetes", rng(), standardize=False)
    assert (off.y_mean, off.y_std) == (0.0, 1.0)


def test_constant_feature_is_centred_and_not_divided_by_zero():
    x = np.column_stack([np.full(7, 0.1), np.arange(7.0)])
    data = prepare(
        rng(), x, np.zeros((7, 1)), task="regression", feature_names=("a", "b"), target_name="y", standardize_y=True
    )
    assert data.x_std[0] == 1 == data.y_std
    assert np.abs(data.x_train[:, 0]).max() < 1e-15
    digits = load("digits", rng())
    assert np.isfinite(digits.x_train).all()
    assert (digits.x_std[np.ptp(digits.x_train, axis=0) == 0] == 1).all()


@pytest.mark.parametrize("name", NAMES)
def test_no_test_rows_leaves_empty_arrays_of_the_right_shape(name):
    data = load(name, rng(), n_samples=40, test_fraction=0.0)
    assert data.x_test.shape == (0, DATASETS[name].n_features)
    assert data.y_test.shape == ((0,) if DATASETS[name].task == "classification" else (0, 1))
    assert len(data.x_train) == 40


def test_places_in_the_plane_are_given_the_same_features_as_rows() -> None:
    data = load("circles", np.random.default_rng(0), n_samples=60, features=["x2_squared", "sin_x1"])
    np.testing.assert_allclose(data.inputs(data.x_train[:, :2]), data.x_train, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(data.inputs(data.x_train), data.x_train, rtol=1e-12, atol=1e-12)
    without = load("circles", np.random.default_rng(0), n_samples=60)
    assert without.inputs(without.x_train) is without.x_train


def test_differences_whose_squares_are_zero_count_as_none() -> None:
    x = np.array([[0.0], [1e-200], [0.0], [1e-200]])
    data = prepare(
        np.random.default_rng(0), x, x, task="regression", feature_names=("x",), target_name="y", test_fraction=0.0
    )
    assert data.x_std.tolist() == [1.0]
    assert np.isfinite(data.x_train).all()
