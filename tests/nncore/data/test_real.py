"""Real data sets: what scikit-learn ships, and samples of it."""

import numpy as np
import pytest

from nncore.data import DATASETS, load
from tests.nncore.data.sets import REAL, rng


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
    x, y = getattr(datasets, f"load_{name}")(return_X_y=True, **({"scaled": False} if name == "diabetes" else {}))
    ours = np.column_stack([data.x_train, data.y_train])
    theirs = np.column_stack([x, y])
    assert np.array_equal(ours[np.lexsort(ours.T)], theirs[np.lexsort(theirs.T)])


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
