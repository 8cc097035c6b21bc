"""Parameters over time are columns of the history."""

import numpy as np
import pytest

from nncore import measures, run
from tests.nncore.measures.runs import SMALL


def test_one_parameter_over_time_is_its_column_of_the_history() -> None:
    history = run(SMALL)
    found = measures.parameter(history, 7)
    np.testing.assert_array_equal(found["theta"], history.theta[:, 7])
    np.testing.assert_array_equal(found["gradient"], history.grad[:, 7])
    with pytest.raises(ValueError, match=f"theta index must be between 0 and {history.layout.n_params - 1}"):
        measures.parameter(history, history.layout.n_params)


def test_a_layers_parameters_are_percentiles_over_its_weights() -> None:
    history = run(SMALL)
    found = measures.layer_parameters(history, 2)
    assert list(found.axes) == ["step", "percentile"]
    for record in range(len(history)):
        weight, _ = history.layout.split(history.theta[record])[1]
        gradient, _ = history.layout.split(history.grad[record])[1]
        percentiles = found.axes["percentile"]
        np.testing.assert_allclose(found["theta"][record], np.percentile(weight, percentiles), rtol=1e-12)
        np.testing.assert_allclose(found["gradient"][record], np.percentile(gradient, percentiles), rtol=1e-12)
    for layer in (0, 5):
        with pytest.raises(ValueError, match=f"layer must be between 1 and 4; got {layer}"):
            measures.layer_parameters(history, layer)
