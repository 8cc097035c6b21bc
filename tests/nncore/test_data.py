"""Data sets: shapes, balance, seeds, the split and the standardisation."""

import re
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nncore.data import (
    DATASETS,
    LOSSES_FOR,
    default_loss,
    encode_targets,
    load,
    n_outputs,
    prepare,
)
from nncore.features import FEATURES

NAMES = list(DATASETS)
TOYS = [name for name in NAMES if not DATASETS[name].real]
REAL = [name for name in NAMES if DATASETS[name].real]
CLASSIFICATION = [name for name in NAMES if DATASETS[name].task == "classification"]
GRIDS = ["parabola", "line", "sine", "step"]


def rng(seed=0):
    return np.random.default_rng(seed)


def all_rows(data):
    return np.concatenate([data.x_train, data.x_test]), np.concatenate([data.y_train, data.y_test])


def test_registry_is_in_the_order_of_the_menu():
    assert NAMES[:6] == ["two_gaussians", "circles", "moons", "xor", "spiral", "blobs"]
    assert NAMES[6:10] == GRIDS
    assert NAMES[10:] == ["iris", "wine", "breast_cancer", "digits", "diabetes"]
    assert [name for name in NAMES if DATASETS[name].lecture] == ["parabola"]
    assert [name for name in NAMES if DATASETS[name].uses_classes] == ["blobs"]


@pytest.mark.parametrize("name", NAMES)
def test_rows_have_the_shapes_and_types_that_the_entry_states(name):
    dataset = DATASETS[name]
    data = load(name, rng(), n_samples=60, test_fraction=0.25)
    assert (data.x_train.shape, data.x_test.shape) == ((45, dataset.n_features), (15, dataset.n_features))
    assert data.x_train.dtype == data.x_test.dtype == np.float64
    if dataset.task == "classification":
        assert (data.y_train.shape, data.y_test.shape) == ((45,), (15,))
        assert data.y_train.dtype == np.int64
        assert np.unique(data.y_train).tolist() == list(range(data.n_classes))
        assert len(data.class_names) == data.n_classes == dataset.count_classes()
    else:
        assert (data.y_train.shape, data.y_test.shape) == ((45, 1), (15, 1))
        assert data.y_train.dtype == np.float64
        assert (data.n_classes, data.class_names) == (0, ())
    assert dataset.note.endswith(".")
    for rows in (data.x_train, data.y_train, data.x_test, data.y_test, data.x_mean, data.x_std):
        assert not rows.flags.writeable


@pytest.mark.parametrize("name", REAL)
def test_entry_of_a_real_set_agrees_with_what_scikit_learn_ships(name):
    from sklearn import datasets

    bunch = getattr(datasets, f"load_{name}")()
    dataset = DATASETS[name]
    assert tuple(bunch.feature_names) == dataset.feature_names
    assert len(bunch.data) == dataset.max_samples
    if dataset.classes:
        assert tuple(map(str, bunch.target_names)) == dataset.classes
    data = load(name, rng(), test_fraction=0.0, standardize=False)
    x, y = getattr(datasets, f"load_{name}")(
        return_X_y=True, **({"scaled": False} if name == "diabetes" else {})
    )
    ours = np.column_stack([data.x_train, data.y_train])
    theirs = np.column_stack([x, y])
    assert np.array_equal(ours[np.lexsort(ours.T)], theirs[np.lexsort(theirs.T)])


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


@pytest.mark.parametrize("name", [name for name in TOYS if name in CLASSIFICATION])
@pytest.mark.parametrize("n", [40, 203])
def test_toy_classes_are_balanced_in_both_parts(name, n):
    data = load(name, rng(), n_samples=n, test_fraction=0.25)
    counts = np.array([np.bincount(y, minlength=data.n_classes) for y in (data.y_train, data.y_test)])
    assert np.ptp(counts.sum(axis=0)) <= 1
    assert (np.ptp(counts, axis=1) <= 1).all()


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


@pytest.mark.parametrize("name", REAL)
def test_sample_count_caps_a_real_set_with_the_same_share_of_every_class(name):
    dataset = DATASETS[name]
    whole = load(name, rng(), n_samples=10**6, test_fraction=0.0)
    part = load(name, rng(), n_samples=100, test_fraction=0.0)
    assert len(whole.x_train) == dataset.max_samples
    assert len(part.x_train) == 100
    assert len(load(name, rng(), test_fraction=0.0).x_train) == dataset.max_samples
    if dataset.task == "classification":
        shares = [np.bincount(data.y_train) / len(data.y_train) for data in (whole, part)]
        assert np.abs(shares[0] - shares[1]).max() <= 0.01
    other = load(name, rng(1), n_samples=100, test_fraction=0.0, standardize=False)
    assert not np.array_equal(part.to_original_x(part.x_train), other.x_train)


@pytest.mark.parametrize("name", NAMES)
def test_same_seed_gives_the_same_bits_and_another_seed_others(name):
    one, two, other = (load(name, rng(seed), n_samples=50, noise=0.1) for seed in (3, 3, 4))
    assert one.x_train.tobytes() == two.x_train.tobytes()
    assert one.y_train.tobytes() == two.y_train.tobytes()
    assert one.y_test.tobytes() == two.y_test.tobytes()
    assert one.x_train.tobytes() + one.y_train.tobytes() != other.x_train.tobytes() + other.y_train.tobytes()


def test_two_processes_give_the_same_bits():
    program = (
        "import hashlib, numpy as np\n"
        "from nncore.data import DATASETS, load\n"
        "digest = hashlib.sha256()\n"
        "for name in DATASETS:\n"
        "    data = load(name, np.random.default_rng(5), n_samples=50, noise=0.1)\n"
        "    for rows in (data.x_train, data.y_train, data.x_test, data.y_test):\n"
        "        digest.update(rows.tobytes())\n"
        "print(digest.hexdigest())\n"
    )
    outputs = [
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert len(outputs[0].strip()) == 64
    assert outputs[0] == outputs[1]


def test_registry_loads_without_scikit_learn():
    program = "import sys, nncore.data; print(any(m in sys.modules for m in ('sklearn', 'scipy', 'pandas')))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


@pytest.mark.parametrize("name", TOYS)
def test_noise_moves_the_same_points(name):
    still, moved = (load(name, rng(), n_samples=80, noise=noise, standardize=False) for noise in (0.0, 1e-3))
    still_rows, moved_rows = (np.column_stack(all_rows(data)) for data in (still, moved))
    shift = np.abs(still_rows - moved_rows).max()
    assert 0 < shift < 6e-3


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
        rng(),
        x,
        np.zeros((7, 1)),
        task="regression",
        feature_names=("a", "b"),
        target_name="y",
        standardize_y=True,
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


@given(
    name=st.sampled_from(TOYS),
    n=st.integers(10, 70),
    fraction=st.floats(0, 0.999),
    k=st.integers(2, 10),
    noise=st.floats(0, 1e6),
)
@settings(max_examples=60, deadline=None)
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


def test_targets_are_encoded_as_each_loss_wants_them():
    two, three = np.array([0, 1, 1]), np.array([2, 0, 1])
    assert encode_targets(two, "classification", "cross_entropy", 2) is two
    assert encode_targets(two, "classification", "bce", 2).tolist() == [[0.0], [1.0], [1.0]]
    assert encode_targets(two, "classification", "mse", 2).tolist() == [[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]
    one_hot = [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    assert encode_targets(three, "classification", "bce", 3).tolist() == one_hot
    assert encode_targets(three, "classification", "mse", 3).tolist() == one_hot
    values = np.ones((3, 1))
    assert encode_targets(values, "regression", "mse", 0) is values
    assert encode_targets(np.zeros(0, np.int64), "classification", "bce", 2).shape == (0, 1)


@pytest.mark.parametrize(
    ("task", "loss", "k"),
    [
        (task, loss, k)
        for task in LOSSES_FOR
        for loss in LOSSES_FOR[task]
        for k in ((0,) if task == "regression" else (2, 5))
    ],
)
def test_output_units_match_the_columns_of_the_encoded_targets(task, loss, k):
    y = np.zeros((6, 1)) if task == "regression" else np.arange(6) % k
    encoded = encode_targets(y, task, loss, k)
    expected = k if loss == "cross_entropy" else encoded.shape[1]
    assert n_outputs(task, loss, k) == expected


def test_default_loss_fits_the_task():
    assert default_loss("regression", 0) == "mse"
    assert default_loss("classification", 2) == "bce"
    assert default_loss("classification", 3) == "cross_entropy"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "mons"}, "did you mean 'moons'"),
        ({"n_samples": 1}, "n_samples must be a whole number, 2 or more; got 1"),
        ({"n_samples": 2.5}, "n_samples must be a whole number"),
        ({"n_samples": True}, "n_samples must be a whole number"),
        ({"name": "digits", "n_samples": 9}, "10 or more; got 9"),
        ({"name": "blobs", "n_classes": 11}, "n_classes must be a whole number, from 2 to 10; got 11"),
        ({"name": "blobs", "n_classes": 1}, "n_classes"),
        ({"noise": -0.1}, "noise must be a finite number, 0 or more; got -0.1"),
        ({"noise": float("nan")}, "noise"),
        ({"noise": "much"}, "noise"),
        ({"test_fraction": 1.0}, "test_fraction must be 0 or more and below 1; got 1.0"),
        ({"test_fraction": float("nan")}, "test_fraction"),
    ],
)
def test_a_bad_setting_is_one_sentence_about_what_was_expected(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        load(**{"name": "moons", "rng": rng()} | arguments)
    assert "\n" not in str(caught.value)


def test_a_loss_that_does_not_fit_is_refused_with_the_ones_that_do():
    with pytest.raises(ValueError, match="loss for regression must be mse; got 'bce'"):
        n_outputs("regression", "bce", 0)
    with pytest.raises(ValueError, match="cross_entropi"):
        n_outputs("classification", "cross_entropi", 3)
    with pytest.raises(ValueError, match="regresion"):
        default_loss("regresion", 0)
    with pytest.raises(ValueError, match="class indices"):
        encode_targets(np.array([0, 3]), "classification", "mse", 3)
    with pytest.raises(ValueError, match="class indices"):
        encode_targets(np.array([0.0, 1.0]), "classification", "mse", 2)


# Features ---------------------------------------------------------------------------------------------------

FORMULAS = {
    "x1_squared": lambda x1, x2: x1**2,
    "x2_squared": lambda x1, x2: x2**2,
    "x1_x2": lambda x1, x2: x1 * x2,
    "sin_x1": lambda x1, x2: np.sin(x1),
    "sin_x2": lambda x1, x2: np.sin(x2),
}


@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("name", FEATURES)
def test_feature_is_made_of_the_inputs_own_units(name: str, standardize: bool) -> None:
    data = load("moons", np.random.default_rng(3), n_samples=50, features=[name], standardize=standardize)
    for x in (data.x_train, data.x_test):
        original = data.to_original_x(x)
        np.testing.assert_allclose(
            original[:, 2], FORMULAS[name](original[:, 0], original[:, 1]), rtol=1e-12, atol=1e-12
        )
    assert data.feature_names == ("x1", "x2", name)
    assert data.n_inputs == 2
    if standardize:
        np.testing.assert_allclose(data.x_train.mean(axis=0), 0, atol=1e-12)
        np.testing.assert_allclose(data.x_train.std(axis=0), 1, rtol=1e-12)


def test_features_leave_rows_and_split_as_they_are() -> None:
    plain = load("xor", np.random.default_rng(1), n_samples=40)
    wide = load("xor", np.random.default_rng(1), n_samples=40, features=FEATURES)
    np.testing.assert_allclose(wide.x_train[:, :2], plain.x_train, rtol=0, atol=0)
    np.testing.assert_array_equal(wide.y_test, plain.y_test)


def test_places_in_the_plane_are_given_the_same_features_as_rows() -> None:
    data = load("circles", np.random.default_rng(0), n_samples=60, features=["x2_squared", "sin_x1"])
    np.testing.assert_allclose(data.inputs(data.x_train[:, :2]), data.x_train, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(data.inputs(data.x_train), data.x_train, rtol=1e-12, atol=1e-12)
    without = load("circles", np.random.default_rng(0), n_samples=60)
    assert without.inputs(without.x_train) is without.x_train


def test_features_of_one_input_or_three_are_refused() -> None:
    with pytest.raises(
        ValueError, match="features need a data set with 2 inputs; sine has 1: choose another"
    ):
        load("sine", np.random.default_rng(0), features=["sin_x1"])


def test_differences_whose_squares_are_zero_count_as_none() -> None:
    x = np.array([[0.0], [1e-200], [0.0], [1e-200]])
    data = prepare(
        np.random.default_rng(0),
        x,
        x,
        task="regression",
        feature_names=("x",),
        target_name="y",
        test_fraction=0.0,
    )
    assert data.x_std.tolist() == [1.0]
    assert np.isfinite(data.x_train).all()
