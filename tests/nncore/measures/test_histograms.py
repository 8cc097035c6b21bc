"""Bins that follow the data and count every value once."""

import numpy as np
import pytest

from nncore import measures, run
from nncore.measures import histograms
from tests.nncore.measures.runs import CONFIGS, SMALL, diverged
from tests.nncore.measures.slowly import slow_layers


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("quantity", ["activation", "delta", "weight_gradient"])
def test_the_bins_count_every_value_once(name: str, quantity: str) -> None:
    history = run(CONFIGS[name])
    found, layers, n = (measures.distribution(history, 2, quantity), slow_layers(history, 2), len(history.probe_x))
    assert found.columns is not None
    low, high = found.columns["low"][1], found.columns["high"][1]
    assert (low < high).all()
    np.testing.assert_array_equal(low[1:], high[:-1])
    if quantity == "activation":
        values = [layer["a"].ravel() for layer in layers[:-1] or layers]
    elif quantity == "delta":
        values = [layer["delta"].ravel() for layer in layers]
    else:
        values = [
            (sum(np.outer(a, d) for a, d in zip(layer["input"], layer["delta"], strict=True)) / n).ravel()
            for layer in layers
        ]
    assert found.axes["layer"].tolist() == list(range(1, len(values) + 1))
    for index, each in enumerate(values):
        zeros = int(found.columns["exact_zeros"][1][index])
        assert zeros == np.count_nonzero(each == 0)
        assert found.columns["not_finite"][1][index] == 0
        drawn = each if quantity == "activation" else np.log10(np.abs(each[each != 0]))
        counted = found["count"][index]
        assert counted.sum() == len(drawn)
        width = high[0] - low[0]
        # up to rounding at an edge the counts are those of the slowly computed values
        below = np.array([np.count_nonzero(drawn < edge - 1e-4 * width) for edge in high])
        above = np.array([np.count_nonzero(drawn < edge + 1e-4 * width) for edge in high])
        assert (below <= counted.cumsum()).all() and (counted.cumsum() <= above).all()


def test_what_is_not_finite_is_counted_apart() -> None:
    history = diverged(activation="tanh")
    found = measures.distribution(history, len(history) - 1, "weight_gradient")
    assert found.columns is not None
    sizes = [weight.size for weight, _ in history.layout.split(history.theta[0])]
    total = found["count"].sum(axis=1) + found.columns["exact_zeros"][1] + found.columns["not_finite"][1]
    assert total.tolist() == sizes
    assert found.columns["not_finite"][1].sum() > 0


@pytest.mark.parametrize("value", [0.0, 1e-300, 3.0, -1e300, 1.7e308])
def test_a_single_value_gets_a_bin_around_it(value: float) -> None:
    edges = histograms._edges([np.full(5, value)])
    assert np.isfinite(edges).all() and (np.diff(edges) >= 0).all()
    assert np.histogram(np.full(5, value), edges)[0].sum() == 5


def test_values_over_the_whole_range_of_floats_get_bins() -> None:
    values = np.array([-1.7e308, 0.0, 1.7e308])
    edges = histograms._edges([values])
    assert np.isfinite(edges).all() and (np.diff(edges) > 0).all()
    assert np.histogram(values, edges)[0].sum() == 3


def test_without_any_value_there_are_still_bins() -> None:
    history = run(SMALL.replace(activation="sign"))
    found = measures.distribution(history, 0, "delta")
    assert found.columns is not None
    assert found["count"][:-1].sum() == 0
    assert found.columns["exact_zeros"][1][:-1].tolist() == [5 * 24, 5 * 24, 4 * 24]
    assert len(histograms._edges([np.array([])])) == len(found.axes["bin"]) + 1
