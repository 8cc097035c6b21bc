"""Runs beside each other: what differs, whether their first weights are the same bits, and their numbers side by side."""

import numpy as np
import pytest

from nncore import Measurement, RunConfig, measures, run
from nncore.measures.comparison import by_layer, differences, first_weights, over_steps

BASE = RunConfig(dataset="moons", n_samples=30, hidden=(5, 5, 4), steps=3)


def test_only_settings_that_are_not_the_same_in_all_differ() -> None:
    assert differences([BASE, BASE]) == {}
    assert differences([BASE]) == {}
    assert differences([BASE, BASE.replace(seed=2), BASE.replace(gain=2.0)]) == {
        "gain": (1.0, 1.0, 2.0),
        "seed": (0, 2, 0),
    }


@pytest.mark.parametrize(
    ("changes", "kind", "sentence"),
    [
        ({}, "same", "the same bits"),
        ({"activation": "relu", "learning_rate": 0.5, "dataset": "circles"}, "same", "the same bits"),
        ({"gain": 3.0}, "scaled", "the same weights × 3"),
        ({"init": "he_normal"}, "scaled", "the same weights × 1.12 to 1.87, by layer"),
        ({"dtype": "float32"}, "rounded", "the same numbers, rounded to the other float type"),
        ({"seed": 1}, "other", "other numbers"),
        ({"init": "he_uniform"}, "other", "other numbers"),
        ({"init": "zeros"}, "other", "other numbers"),
        ({"bias_std": 0.5}, "other", "other numbers"),
        ({"hidden": (5, 5)}, "shapes", "not comparable: 3 layers, not 4; layers 1–2 are the same bits"),
        ({"hidden": (5, 6, 4)}, "shapes", "not comparable: 6 units in layer 2, not 5; layer 1 is the same bits"),
        ({"dataset": "iris"}, "shapes", "not comparable: 4 inputs, not 2"),
    ],
)
def test_first_weights_are_judged_by_their_bits(changes: dict, kind: str, sentence: str) -> None:
    found = first_weights(run(BASE.replace(**changes)), run(BASE))
    assert found.kind == kind
    assert found.sentence() == sentence


def test_factor_of_scaled_weights_is_the_one_between_the_arrays() -> None:
    ours, theirs = run(BASE.replace(init="he_normal")), run(BASE)
    found = first_weights(ours, theirs)
    pairs = zip(ours.layout.split(ours.theta[0]), theirs.layout.split(theirs.theta[0]), strict=True)
    for factor, ((weight, _), (other, _)) in zip(found.factors, pairs, strict=True):
        np.testing.assert_allclose(weight, factor * other, rtol=1e-14)


def test_one_changed_bit_is_no_longer_the_same() -> None:
    import dataclasses

    history = run(BASE)
    theta = history.theta.copy()
    theta[0, -1] = np.nextafter(theta[0, -1], 1)
    found = first_weights(dataclasses.replace(history, theta=theta), history)
    assert found.kind != "same"
    assert found.shared == history.layout.n_layers - 1


def test_layers_of_runs_stand_side_by_side_with_blanks_beyond_the_shallow_one() -> None:
    deep, shallow = run(BASE), run(BASE.replace(hidden=(5,), dataset="wine"))
    parts = {
        name: measures.per_layer(each, "delta_norm", np.array([2])) for name, each in (("a", deep), ("b", shallow))
    }
    found = by_layer("flow", parts)
    assert found["delta_norm"].shape == (2, 4)
    np.testing.assert_array_equal(found["delta_norm"][0], parts["a"]["delta_norm"][0])
    np.testing.assert_array_equal(found["delta_norm"][1], [*parts["b"]["delta_norm"][0], np.nan, np.nan])
    table = found.frame()
    assert table["run"].tolist() == ["a"] * 4 + ["b"] * 4
    assert table["step"].tolist() == [2] * 8


def test_runs_of_different_length_keep_their_own_steps() -> None:
    parts = {
        "a": Measurement("m", {"step": np.array([0, 1, 2])}, {"q": np.array([3.0, 2.0, 1.0])}),
        "b": Measurement("m", {"step": np.array([0, 50])}, {"q": np.array([5.0, 4.0])}),
    }
    found = over_steps("courses", parts, ("c",))
    np.testing.assert_array_equal(found["step"], [[0, 1, 2], [0, 50, np.nan]])
    np.testing.assert_array_equal(found["q"], [[3, 2, 1], [5, 4, np.nan]])
    assert found.caveats == ("c",)


def test_maps_of_different_depth_and_length_are_padded() -> None:
    parts = {
        str(depth): measures.over_time(run(BASE.replace(hidden=(4,) * depth, steps=depth)), "delta_norm")
        for depth in (1, 3)
    }
    found = over_steps("maps", parts)
    assert found["delta_norm"].shape == (2, 4, 4)
    assert list(found.axes) == ["run", "point", "layer"]
    np.testing.assert_array_equal(found["delta_norm"][0, :2, :2], parts["1"]["delta_norm"])
    assert np.isnan(found["delta_norm"][0, 2:]).all()
    assert np.isnan(found["delta_norm"][0, :, 2:]).all()
    np.testing.assert_array_equal(found["delta_norm"][1], parts["3"]["delta_norm"])
