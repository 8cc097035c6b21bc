"""Loss, accuracy and response are what the network says on its rows."""

import numpy as np
import pytest

from nncore import measures, run
from tests.nncore.measures.runs import SMALL


@pytest.mark.parametrize("normalization", ["none", "batch", "layer"])
@pytest.mark.parametrize(("dataset", "loss"), [("moons", "bce"), ("blobs", "cross_entropy"), ("iris", "mse")])
def test_performance_is_loss_and_share_of_right_answers(dataset: str, loss: str, normalization: str) -> None:
    config = SMALL.replace(dataset=dataset, loss=loss, normalization=normalization, l2=0.1, test_fraction=0.4)
    history = run(config)
    data, found = config.data(), measures.performance(history)
    np.testing.assert_array_equal(found["loss"], history.loss)
    for record in range(len(history)):
        statistics = history.network.forward(history.theta[record], data.x_train).statistics
        for part, x, y in (("train", data.x_train, data.y_train), ("test", data.x_test, data.y_test)):
            z = history.network.forward(history.theta[record], x, statistics=statistics).z[-1]
            value = config.loss_function().value(z, config.targets(y))
            assert found[f"{part}_loss"][record] == pytest.approx(float(value), rel=1e-12)
            answers = [int(row[0] > 0) if len(row) == 1 else int(np.argmax(row)) for row in z]
            right = np.mean([answer == truth for answer, truth in zip(answers, y, strict=True)])
            assert found[f"{part}_accuracy"][record] == pytest.approx(right)
    assert (found["loss"] > found["train_loss"] + 0.1).all()


def test_what_a_regression_or_a_run_without_test_rows_has_not_is_blank() -> None:
    regression = measures.performance(run(SMALL.replace(dataset="sine")))
    assert np.isnan(regression["train_accuracy"]).all() and np.isfinite(regression["test_loss"]).all()
    untested = measures.performance(run(SMALL.replace(test_fraction=0)))
    assert np.isnan(untested["test_loss"]).all() and np.isnan(untested["test_accuracy"]).all()
    np.testing.assert_allclose(untested["train_loss"], untested["loss"], rtol=1e-12)


@pytest.mark.parametrize("normalization", ["none", "batch", "layer"])
def test_response_is_the_network_with_the_training_rows_statistics(normalization: str) -> None:
    history = run(SMALL.replace(normalization=normalization))
    data = history.config.data()
    tape = history.network.forward(history.theta[3], data.x_train)
    np.testing.assert_allclose(measures.response(history, 3, data.x_train), tape.z[-1], rtol=1e-12)
    first = measures.response(history, 3, data.x_test[:1])
    np.testing.assert_allclose(first, measures.response(history, 3, data.x_test)[:1], rtol=1e-12)
