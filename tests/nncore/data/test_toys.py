"""Toy problems: their formulas, shapes and classes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nncore.data import load
from tests.nncore.data.sets import CLASSIFICATION, TOYS, all_rows, rng


def test_parabola_is_an_even_grid_that_a_student_can_check_by_hand():
    data = load("parabola", rng(), n_samples=4, noise=0.0, test_fraction=0.0, standardize=True)
    assert data.x_train.ravel().tolist() == [0.0, 0.5, 1.0, 1.5]
    assert data.y_train.ravel().tolist() == [0.0, 0.25, 1.0, 2.25]


@pytest.mark.parametrize(
    ("name", "f"),
    [
        ("parabola", lambda x: x**2),
        ("line", lambda x: 1 + 2 * x),
        ("sine", np.sin),
        ("step", lambda x: np.heaviside(x, 1.0)),
    ],
)
def test_curve_without_noise_is_its_formula(name, f):
    data = load(name, rng(), n_samples=31, noise=0.0)
    for x, y in ((data.x_train, data.y_train), (data.x_test, data.y_test)):
        assert np.allclose(y, f(data.to_original_x(x)), atol=1e-12)


@pytest.mark.parametrize("name", [name for name in TOYS if name in CLASSIFICATION])
@pytest.mark.parametrize("n", [40, 203])
def test_toy_classes_are_balanced_in_both_parts(name, n):
    data = load(name, rng(), n_samples=n, test_fraction=0.25)
    counts = np.array([np.bincount(y, minlength=data.n_classes) for y in (data.y_train, data.y_test)])
    assert np.ptp(counts.sum(axis=0)) <= 1
    assert (np.ptp(counts, axis=1) <= 1).all()


@pytest.mark.parametrize("name", TOYS)
def test_noise_moves_the_same_points(name):
    still, moved = (load(name, rng(), n_samples=80, noise=noise, standardize=False) for noise in (0.0, 1e-3))
    still_rows, moved_rows = (np.column_stack(all_rows(data)) for data in (still, moved))
    shift = np.abs(still_rows - moved_rows).max()
    assert 0 < shift < 6e-3


@given(
    name=st.sampled_from(TOYS),
    n=st.integers(10, 70),
    fraction=st.floats(0, 0.999),
    k=st.integers(2, 10),
    noise=st.floats(0, 1e6),
)
@settings(max_examples=60)
def test_every_toy_keeps_its_rows_whatever_the_split(name, n, fraction, k, noise):
    data = load(name, rng(), n_samples=n, noise=noise, test_fraction=fraction, n_classes=k)
    x, y = all_rows(data)
    assert len(x) == len(y) == n
    assert np.isfinite(x).all()
    assert len(data.x_train) >= max(1, data.n_classes)
    if data.task == "classification":
        assert set(data.y_train) == set(range(data.n_classes))
        assert data.n_classes == (k if name == "blobs" else 2)


def test_shapes_of_the_toys_are_what_they_are_named_after():
    x, y = all_rows(load("circles", rng(), noise=0.0, standardize=False))
    assert np.allclose(np.hypot(*x.T), np.where(y == 0, 1.0, 0.5))
    x, y = all_rows(load("xor", rng(), noise=0.0, standardize=False))
    assert ((x[:, 0] * x[:, 1] > 0) == (y == 0)).all()
    assert np.unique(np.sign(x), axis=0, return_counts=True)[1].tolist() == [50, 50, 50, 50]
    x, y = all_rows(load("blobs", rng(), n_classes=10, standardize=False))
    angle = np.arctan2(x[:, 1], x[:, 0]) % (2 * np.pi)
    assert np.mean(np.round(angle / (2 * np.pi / 10)) % 10 == y) > 0.9
    x, y = all_rows(load("two_gaussians", rng(), standardize=False))
    assert np.mean((x.sum(axis=1) > 0) == y) > 0.98
    x, y = all_rows(load("spiral", rng(), noise=0.0, standardize=False))
    radius = np.hypot(*x.T)
    arm = np.round((np.arctan2(x[:, 0], x[:, 1]) - 3.5 * np.pi * radius) / np.pi) % 2
    assert (arm == y).all()
    x, y = all_rows(load("moons", rng(), noise=0.0, standardize=False))
    centre = np.where(y[:, None] == 0, [0.0, 0.0], [1.0, 0.5])
    assert np.allclose(np.hypot(*(x - centre).T), 1)
    assert ((x[:, 1] - centre[:, 1] >= -1e-12) == (y == 0)).mean() > 0.95
