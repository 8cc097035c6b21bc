"""Output units and targets, as each loss wants them."""

import numpy as np
import pytest

from nncore.data import TASKS, default_loss, encode_targets, losses_for, n_outputs


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
        for task in TASKS
        for loss in losses_for(task)
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
