"""What a network has learned: the pictures agree with the network and with the measured accuracy."""

import numpy as np
import pytest

from nncore import RunConfig, run
from nncore import measures as m
from nncore.measures.learned import (
    CURVE_POINTS,
    MARGIN,
    REGION_POINTS,
    affordable,
    confusion,
    confusions,
    decision_regions,
    decision_regions_of,
    fitted_curve,
    fitted_curves,
    predictions,
    predictions_of,
    probabilities,
    winners,
)

SMALL = RunConfig(hidden=(8, 8), steps=30, n_samples=90, optimizer="adam", learning_rate=0.02)
LOSSES = ("bce", "cross_entropy", "mse")


def forward(history, record: int, x: np.ndarray) -> np.ndarray:
    return history.network.forward(history.theta[record], x).z[-1]


@pytest.mark.parametrize("dataset", ["parabola", "sine"])
def test_curve_is_the_network_over_the_data_and_a_margin(dataset: str) -> None:
    history = run(SMALL.replace(dataset=dataset))
    data = history.config.data()
    curve = fitted_curve(history, 30)
    x = curve.axes["x"]
    assert len(x) == CURVE_POINTS
    rows = data.to_original_x(np.concatenate([data.x_train, data.x_test]))
    low, high = rows.min(), rows.max()
    assert (x[0], x[-1]) == pytest.approx((low - MARGIN * (high - low), high + MARGIN * (high - low)))
    scaled = (x[:, None] - data.x_mean) / data.x_std
    expected = data.to_original_y(forward(history, 30, scaled))[:, 0]
    np.testing.assert_allclose(curve["prediction"], expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("dataset", ["moons", "blobs"])
def test_regions_are_the_classes_that_the_network_answers(dataset: str, loss: str) -> None:
    history = run(SMALL.replace(dataset=dataset, loss=loss))
    regions = decision_regions(history, 30)
    x1, x2 = regions.axes["x1"], regions.axes["x2"]
    assert regions["class"].shape == (REGION_POINTS, REGION_POINTS)
    for i, j in ((0, 0), (40, 7), (80, 80), (3, 66)):
        z = forward(history, 30, np.array([[x1[i], x2[j]]]))[0]
        assert regions["class"][i, j] == (z.argmax() if len(z) > 1 else z[0] > 0)
    assert ((regions["confidence"] >= 0) & (regions["confidence"] <= 1)).all()
    assert len(np.unique(regions["class"])) > 1


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("test_fraction", [0.0, 0.3])
@pytest.mark.parametrize("dataset", ["iris", "breast_cancer"])
def test_confusion_agrees_with_the_measured_accuracy(dataset: str, test_fraction: float, loss: str) -> None:
    history = run(SMALL.replace(dataset=dataset, loss=loss, test_fraction=test_fraction))
    scores = m.performance(history)
    part = "test" if test_fraction else "train"
    data = history.config.data()
    y = data.y_test if test_fraction else data.y_train
    for record in (0, 30):
        table = confusion(history, record)["rows"]
        assert table.sum() == len(y)
        np.testing.assert_array_equal(table.sum(axis=1), np.bincount(y, minlength=data.n_classes))
        assert np.trace(table) / table.sum() == pytest.approx(scores[f"{part}_accuracy"][record])


def test_confusion_says_on_which_rows_it_was_counted() -> None:
    config = SMALL.replace(dataset="iris", steps=0)
    assert confusion(run(config), 0).caveats == (f"Counted on the {len(config.data().x_test)} test rows.",)
    config = config.replace(test_fraction=0)
    assert confusion(run(config), 0).caveats == ("Counted on the 90 training rows.",)


def test_rows_whose_output_is_nan_are_named_and_given_no_class() -> None:
    config = SMALL.replace(dataset="iris", activation="linear", hidden=(8,) * 4, optimizer="sgd", learning_rate=1e6)
    history = run(config.replace(steps=200))
    assert history.divergence
    broken = history.theta.copy()
    broken[-1] = np.nan
    history = type(history)(**{**vars(history), "theta": broken})
    table = confusion(history, len(history) - 1)
    assert table["rows"].sum() == 0
    rows = len(config.data().x_test)
    assert table.caveats[1] == f"For {rows} of them the output is NaN: they have no class."


def test_predictions_give_the_measured_loss_in_original_units() -> None:
    history = run(SMALL.replace(dataset="diabetes"))
    data = history.config.data()
    found = predictions(history, 30)
    is_test = found["is_test"].astype(bool)
    assert is_test.sum() == len(data.x_test)
    np.testing.assert_allclose(found["actual"][is_test], data.to_original_y(data.y_test)[:, 0])
    errors = (found["actual"] - found["prediction"]) ** 2 / data.y_std**2
    scores = m.performance(history)
    assert errors[is_test].mean() == pytest.approx(scores["test_loss"][30])
    assert errors[~is_test].mean() == pytest.approx(scores["train_loss"][30])


def test_batch_normalized_network_answers_with_the_training_statistics() -> None:
    history = run(SMALL.replace(dataset="iris", normalization="batch"))
    table = confusion(history, 30)["rows"]
    accuracy = m.performance(history)["test_accuracy"][30]
    assert np.trace(table) / table.sum() == pytest.approx(accuracy)


@pytest.mark.parametrize("loss", LOSSES)
def test_probabilities_are_shares_that_favour_the_winner(loss: str) -> None:
    history = run(SMALL.replace(dataset="iris", loss=loss, steps=0))
    z = np.array([[0.1, 0.7, 0.3], [900.0, -900.0, 0.0], [-3.0, 0.2, -5.0]])
    shares = probabilities(history, z)
    np.testing.assert_allclose(shares.sum(axis=-1), 1.0)
    np.testing.assert_array_equal(shares.argmax(axis=-1), [1, 0, 1])
    np.testing.assert_array_equal(winners(z), [1, 0, 1])


def test_one_output_is_a_sigmoid() -> None:
    history = run(SMALL.replace(dataset="moons", steps=0))
    z = np.array([[0.0], [1.0], [-800.0], [800.0]])
    expected = [0.5, 1 / (1 + np.exp(-1)), 0.0, 1.0]
    np.testing.assert_allclose(probabilities(history, z)[:, 1], expected)
    np.testing.assert_array_equal(winners(z), [0, 1, 0, 1])


def test_under_mse_outputs_beyond_the_targets_keep_their_order() -> None:
    np.testing.assert_array_equal(winners(np.array([[1.2, 1.5], [-0.5, -0.1], [-0.1, -0.5]])), [1, 1, 0])


def test_regions_are_drawn_with_the_features_that_the_network_was_trained_on() -> None:
    """A single layer on x1² and x2² draws a ring, which it cannot on x1 and x2 alone."""
    config = RunConfig(dataset="circles", hidden=(), n_samples=200, steps=200, learning_rate=1.0, test_fraction=0)
    ring = run(config.replace(features=("x1_squared", "x2_squared")))
    regions = decision_regions(ring, len(ring) - 1)["class"]
    middle = regions.shape[0] // 2
    assert regions[middle, middle] == 1
    corners = regions[[0, 0, -1, -1], [0, -1, 0, -1]]
    assert (corners == 0).all()
    flat = run(config)
    regions = decision_regions(flat, len(flat) - 1)["class"]
    assert len(set(regions[[0, 0, -1, -1], [0, -1, 0, -1]])) == 2


@pytest.mark.parametrize(
    ("dataset", "one", "several"),
    [
        ("sine", fitted_curve, fitted_curves),
        ("moons", decision_regions, decision_regions_of),
        ("iris", confusion, confusions),
        ("diabetes", predictions, predictions_of),
    ],
)
def test_several_records_are_pictured_bit_for_bit_as_each_of_them(dataset: str, one, several) -> None:
    history = run(SMALL.replace(dataset=dataset, steps=6))
    records = (0, 1, 5)
    for record, found in zip(records, several(history, records), strict=True):
        alone = one(history, record)
        assert (found.name, found.caveats, list(found.axes)) == (alone.name, alone.caveats, list(alone.axes))
        for name in alone.values:
            np.testing.assert_array_equal(found[name], alone[name], err_msg=name)


def test_affordable_pictures_shrink_with_the_network_and_never_below_two() -> None:
    counts = [affordable(run(SMALL.replace(hidden=(width,) * 10, steps=0))) for width in (2, 32, 128)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > 10 * counts[-1] >= 20
    curve = run(SMALL.replace(dataset="sine", hidden=(32,) * 10, steps=0))
    assert affordable(curve) > 10 * counts[1]
    assert affordable(curve, seconds=1e-9) == 2
