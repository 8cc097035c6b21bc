"""Every data set of the registry: shapes, seeds, and the settings that load() refuses."""

import copy
import pickle
import re
import subprocess
import sys

import numpy as np
import pytest

from nncore.data import DATASETS, load
from nncore.data.features import FEATURES
from tests.nncore.data.sets import GRIDS, NAMES, rng


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
    for same in (data, pickle.loads(pickle.dumps(data)), copy.deepcopy(data)):
        for rows in (same.x_train, same.y_train, same.x_test, same.y_test, same.x_mean, same.x_std):
            assert not rows.flags.writeable


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


def test_features_of_one_input_or_three_are_refused() -> None:
    with pytest.raises(ValueError, match="features need a data set with 2 inputs; sine has 1: choose another"):
        load("sine", np.random.default_rng(0), features=["sin_x1"])
