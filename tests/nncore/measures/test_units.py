"""Single units measured: exact values on tiny networks, zones and kinds, responses of every kind of data."""

import dataclasses

import numpy as np
import pytest

from nncore import ACTIVATIONS, DATASETS, History, RunConfig, run
from nncore.measures import over_time, response
from nncore.measures import units as u

TINY = RunConfig(dataset="parabola", hidden=(2, 3), activation="tanh", steps=3, n_samples=20, test_fraction=0.0)


def planted(config: RunConfig, *weights: list[list[float]]) -> History:
    """A history whose only record has these weights, bias on top of each layer's block."""
    history = run(config.replace(steps=0))
    theta = np.concatenate([np.ravel(block) for block in weights])[None]
    return dataclasses.replace(history, theta=theta)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_zones_follow_the_slope_and_cover_everything(name: str) -> None:
    phi = ACTIVATIONS[name]
    z = np.linspace(-60, 60, 2401)
    slope = phi.slope(z)
    zone = u.zone_of(phi, slope)
    assert set(np.unique(zone)) <= {0, 1, 2}
    flat = np.abs(slope) < 0.01 * phi.max_slope
    np.testing.assert_array_equal(zone == 0, np.ones_like(flat) if name == "sign" else flat)
    if name != "sign":
        reference = 1.0 if phi.kind == "linear" else u.straight_slope(phi)
        np.testing.assert_array_equal(zone == 2, (np.abs(slope / reference - 1) <= 0.1) & ~flat)
        assert (zone == 2).any()
    assert u.zone_of(phi, np.array([np.nan, np.inf])).tolist() == [-1, -1]


def test_zones_of_known_places() -> None:
    relu, sigmoid = ACTIVATIONS["relu"], ACTIVATIONS["sigmoid"]
    assert u.zone_of(relu, relu.slope(np.array([-1.0, 1.0]))).tolist() == [0, 2]
    assert u.zone_of(sigmoid, sigmoid.slope(np.array([0.0, 1.0, 5.0, 7.0]))).tolist() == [2, 1, 1, 0]


def test_kinds_name_dead_flat_linear_and_bending_units() -> None:
    relu, tanh = ACTIVATIONS["relu"], ACTIVATIONS["tanh"]
    z = np.array([[-1.0, -2.0], [1.0, 2.0], [-1.0, 1.0]])
    assert [u.KINDS[kind] for kind in u.kind_of(relu, relu.slope(z))] == ["dead", "linear", "bends"]
    z = np.array([[9.0, -9.0], [0.01, 0.02], [0.0, 2.0], [np.nan, 0.0]])
    assert [u.KINDS[kind] for kind in u.kind_of(tanh, tanh.slope(z))] == ["flat", "linear", "bends", "bends"]
    sign = ACTIVATIONS["sign"]
    assert u.KINDS[u.kind_of(sign, np.zeros((1, 3)))[0]] == "flat"


def test_dots_are_z_phi_and_slope_of_each_unit_and_row() -> None:
    history = planted(TINY, [[0.5, -1.0], [2.0, 0.0]], [[0.1, 0.2, 0.3], [1, 0, 2], [0, 1, -1]], [[0.0], [1], [1], [1]])
    x = history.probe_x[:, 0]
    first = u.on_the_curve(history, 0, 1)
    np.testing.assert_allclose(first["z"], [0.5 + 2 * x, np.full_like(x, -1.0)], atol=1e-15)
    np.testing.assert_array_equal(first["a"], np.tanh(first["z"]))
    np.testing.assert_allclose(first["slope"], 1 - np.tanh(first["z"]) ** 2, atol=1e-12)
    assert (first.columns or {})["kind"][1].tolist() == ["bends", "linear"]
    second = u.on_the_curve(history, 0, 2)
    a = first["a"]
    np.testing.assert_allclose(second["z"], [0.1 + a[0], 0.2 + a[1], 0.3 + 2 * a[0] - a[1]], atol=1e-15)
    output = u.on_the_curve(history, 0, 3)
    np.testing.assert_allclose(output["z"], second["a"].sum(axis=0, keepdims=True), atol=1e-14)
    np.testing.assert_array_equal(output["slope"], np.ones_like(output["z"]))
    target = (first.columns or {})["target"][1]
    np.testing.assert_allclose(target, history.config.data().to_original_y(history.probe_y)[:, 0])


def test_shares_of_zones_are_counted_exactly() -> None:
    history = planted(TINY, [[0.0, 30.0], [0.0, 0.0]], [[0.0] * 3, [0.0] * 3, [0.0] * 3], [[0.0]] * 4)
    measured = u.zones(history, 0)
    assert measured["flat"].tolist() == [0.5, 0.0]
    assert measured["linear"].tolist() == [0.5, 1.0]
    assert measured["bend"].tolist() == measured["not_finite"].tolist() == [0.0, 0.0]
    assert measured["flat_units"].tolist() == [0.5, 0.0]
    assert u.layer_zones(history, 0, 3)["linear"].tolist() == [1.0]


@pytest.mark.parametrize("name", [n for n, phi in ACTIVATIONS.items() if phi.kind in ("one-sided", "two-sided")])
def test_flat_share_is_the_labs_saturated_or_inactive_share(name: str) -> None:
    history = run(TINY.replace(dataset="moons", activation=name, gain=4.0, hidden=(8, 8)))
    label = "saturated_fraction" if ACTIVATIONS[name].kind == "two-sided" else "inactive_fraction"
    lab = over_time(history, (label, "dead_fraction"))
    measured = u.zones(history, len(history) - 1)
    np.testing.assert_allclose(measured["flat"], lab[label][-1, :2], atol=1e-12)
    np.testing.assert_allclose(measured["dead_units"], lab["dead_fraction"][-1, :2], atol=1e-12)


@pytest.mark.parametrize(
    "changes",
    [{}, {"normalization": "batch"}, {"normalization": "layer"}, {"skip": True}, {"features": ("x1_x2", "sin_x1")}],
    ids=str,
)
@pytest.mark.parametrize("dataset", ["moons", "sine"])
def test_response_of_the_output_unit_is_the_networks(dataset: str, changes: dict) -> None:
    if dataset == "sine":
        changes = {name: value for name, value in changes.items() if name != "features"}
    history = run(TINY.replace(dataset=dataset, hidden=(4, 4), **changes))
    measured = u.responses(history, 2, 3)
    data = history.config.data()
    if dataset == "moons":
        grid = np.stack(np.meshgrid(measured.axes["x1"], measured.axes["x2"], indexing="ij"), axis=-1)
        expected = response(history, 2, data.inputs(grid.reshape(-1, 2))).T.reshape(1, *grid.shape[:2])
    else:
        x = (measured.axes["x"] - data.x_mean[0]) / data.x_std[0]
        expected = response(history, 2, x[:, None]).T
    np.testing.assert_allclose(measured["a"], expected, atol=1e-10)


def test_responses_of_a_planted_layer_are_planes_and_lines() -> None:
    history = planted(
        TINY.replace(dataset="moons", activation="linear", hidden=(2,)),
        [[1.0, 0.0], [2.0, 0.0], [0.0, 3.0]],
        [[0.0], [1], [1]],
    )
    measured = u.responses(history, 0, 1)
    x1, x2 = measured.axes["x1"], measured.axes["x2"]
    np.testing.assert_allclose(measured["a"][0], 1 + 2 * x1[:, None] + 0 * x2[None, :], atol=1e-12)
    np.testing.assert_allclose(measured["a"][1], 0 * x1[:, None] + 3 * x2[None, :], atol=1e-12)


@pytest.mark.parametrize("dataset", [name for name, each in DATASETS.items() if each.n_features > 2])
def test_responses_to_many_inputs_stand_sorted_by_target(dataset: str) -> None:
    history = run(TINY.replace(dataset=dataset, n_samples=60))
    measured = u.responses(history, 0, 1)
    columns = measured.columns or {}
    order, target = columns["row"][1], columns["target"][1]
    assert (np.diff(target) >= 0).all()
    assert sorted(order) == list(range(len(history.probe_x)))
    a = history.network.forward(history.theta[0], history.probe_x).a[1]
    np.testing.assert_allclose(measured["a"], a[order].T, atol=1e-12)


def test_wide_layers_are_cut_and_say_so() -> None:
    history = run(TINY.replace(dataset="iris", hidden=(100,), steps=0, n_samples=150))
    measured = u.responses(history, 0, 1)
    assert len(measured.axes["unit"]) == u.UNITS
    assert measured.caveats == ("64 of 100 units, evenly spread.",)
    dots = u.on_the_curve(history, 0, 1)
    assert dots["z"].shape == (u.DOTTED_UNITS, u.DOTTED_ROWS)
    assert dots.caveats == ("32 of 100 units, evenly spread.", "48 of 150 probe rows, evenly spread.")


def test_network_without_hidden_layer_is_one_linear_layer() -> None:
    history = run(TINY.replace(hidden=()))
    assert u.zones(history, 0)["linear"].tolist() == [1.0]
    assert u.on_the_curve(history, 0, 1)["z"].shape[0] == 1
    for layer in (0, 2):
        with pytest.raises(ValueError, match=rf"layer must be a whole number from 1 to 1; got {layer}"):
            u.responses(history, 0, layer)


def test_diverged_record_is_counted_as_not_finite() -> None:
    history = planted(TINY, [[np.nan, 0.0], [0.0, 0.0]], [[0.0] * 3] * 3, [[0.0]] * 4)
    measured = u.zones(history, 0)
    assert measured["not_finite"].tolist() == [0.5, 1.0]
    assert measured["flat"][1] == measured["linear"][1] == 0
