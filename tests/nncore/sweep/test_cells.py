"""Runs become cells whatever the order they come in, and theory's curves lie where theory has them."""

import io
import math
from typing import Any

import numpy as np
import pytest

from nncore import RunConfig
from nncore.sweep import (
    CELL_QUANTITIES,
    VERDICTS,
    Cells,
    Grid,
    Result,
    apply_axes,
    is_geometric,
    results,
    theory_curves,
)
from nncore.theory import fixed_point
from nncore.theory.of_config import standing

BASE = RunConfig(dataset="circles", n_samples=40, hidden=(4, 4), activation="tanh", steps=3)
GRID = Grid(BASE, {"depth": (1, 2, 5), "gain": (0.5, 1.0)}, seeds=range(3))
FLOW = CELL_QUANTITIES["initial_flow"]


def row(value: Any, name: str = FLOW.column, ending: str = "finished", **more: Any) -> dict[str, Any]:
    return {name: value, "ending": ending, "reason": "", **more}


def one_cell(name: str, values: list[Any]) -> float:
    """The number of a cell of runs with these values."""
    quantity = CELL_QUANTITIES[name]
    cells = Cells(Grid(BASE, {"depth": (1,), "gain": (1.0,)}, seeds=range(len(values))), quantity)
    cells.add(Result({run: row(value, quantity.column) for run, value in enumerate(values)}))
    return float(cells.measurement()[name][0, 0])


@pytest.mark.parametrize(
    ("values", "median"),
    [
        ([3.0, 1.0, 2.0], 2.0),
        ([1.0, 2.0], 1.5),
        ([-np.inf, 1.0, -np.inf], -np.inf),
        ([-np.inf, 1.0], -np.inf),
        ([np.inf, 1.0], 1.0),
        ([np.inf, np.inf], np.inf),
        ([None, 2.0, None], 2.0),
        ([None, -np.inf, None], -np.inf),
        ([None, None], np.nan),
        ([np.nan, 4.0, 6.0], 5.0),
    ],
)
def test_median_counts_infinities_and_leaves_out_what_is_missing(values: list[Any], median: float) -> None:
    np.testing.assert_equal(one_cell("initial_flow", values), median)


def test_share_counts_the_runs_that_trained() -> None:
    assert one_cell("trained", [True, False, False, True]) == 0.5
    assert one_cell("trained", [True, None, None, None]) == 1.0
    assert math.isnan(one_cell("trained", [None]))


def test_verdict_is_the_one_that_most_runs_have_and_of_equals_the_first_rule() -> None:
    assert VERDICTS[0] == ""
    assert one_cell("verdict", ["vanishing", "", "vanishing"]) == VERDICTS.index("vanishing")
    assert one_cell("verdict", ["", "", "vanishing"]) == 0
    assert one_cell("verdict", ["dead", "diverged"]) == VERDICTS.index("diverged")
    assert one_cell("verdict", ["", "vanishing"]) == VERDICTS.index("vanishing")
    assert math.isnan(one_cell("verdict", [None, None]))


@pytest.mark.parametrize("quantity", CELL_QUANTITIES)
def test_every_quantity_has_a_number_for_a_run(quantity: str) -> None:
    over = CELL_QUANTITIES[quantity]
    assert over.column in over.report.columns()
    cells = Cells(GRID, over)
    for result in results(GRID, over.report, workers=1):
        cells.add(result)
    measured = cells.measurement()
    assert cells.finished == len(cells) == 18
    assert np.isfinite(measured[quantity]).all()
    assert (measured["finished"] == 3).all()
    assert len(cells.layers(2, 1)) == 6


def test_places_and_runs_are_inverse_for_every_choice_of_axes() -> None:
    grid = Grid(BASE, {"depth": (1, 2, 5), "gain": (0.5, 1.0), "learning_rate": (0.1, 1.0)}, seeds=range(2))
    cells = Cells(grid, FLOW, ("learning_rate", "depth"))
    assert cells.shape == (2, 3, 4)
    assert cells.together == ("gain", "seed")
    assert {cells.place(run) for run in range(len(grid))} == set(np.ndindex(2, 3, 4))
    assert [cells.run(*cells.place(run)) for run in range(len(grid))] == list(range(len(grid)))
    fixed = Cells(grid, FLOW, ("gain", "depth"), {"learning_rate": 1.0, "seed": 1})
    inside = [run for run in range(len(grid)) if fixed.place(run) is not None]
    assert len(inside) == len(fixed) == 6
    for run in inside:
        assert fixed.run(*fixed.place(run)) == run
        assert grid.coordinates(run)["learning_rate"] == 1.0
        assert grid.coordinates(run)["seed"] == 1


def test_order_of_arrival_does_not_matter() -> None:
    rows = {run: row(float(run) if run % 4 else -np.inf) for run in range(18)}
    forth, back = Cells(GRID, FLOW), Cells(GRID, FLOW)
    for run in range(18):
        forth.add(Result({run: rows[run]}))
        back.add(Result({17 - run: rows[17 - run]}))
        assert forth.finished == back.finished == run + 1
    np.testing.assert_array_equal(forth.measurement()["initial_flow"], back.measurement()["initial_flow"])


def test_cell_keeps_endings_reasons_and_the_median_curve() -> None:
    cells = Cells(GRID, FLOW)
    rows = {
        0: row(1.0, delta_norm_at_0=[1.0, 10.0]),
        1: row(None, ending="failed") | {"reason": "no such thing"},
        2: row(3.0, ending="diverged", delta_norm_at_0=[3.0, 30.0]),
    }
    cells.add(Result(rows))
    measured = cells.measurement()
    assert [int(measured[ending][0, 0]) for ending in ("finished", "diverged", "failed")] == [1, 1, 1]
    assert cells.reason(0, 0) == "no such thing"
    assert cells.layers(0, 0).tolist() == [2.0, 20.0]
    assert cells.reason(1, 1) == ""
    assert not len(cells.layers(1, 1))
    assert "Median of 3 seeds." in measured.caveats
    kept = cells.copy()
    cells.add(Result({3: row(5.0)}))
    assert (kept.finished, cells.finished) == (3, 4)


def test_curves_of_different_depths_have_no_median() -> None:
    cells = Cells(
        Grid(BASE, {"gain": (1.0,), "learning_rate": (0.1,), "depth": (1, 2)}), FLOW, ("gain", "learning_rate")
    )
    cells.add(Result({0: row(0.0, delta_norm_at_0=[1.0, 1.0]), 1: row(0.0, delta_norm_at_0=[1.0, 1.0, 1.0])}))
    assert not len(cells.layers(0, 0))


def test_map_of_names_is_written_as_csv() -> None:
    grid = Grid(BASE, {"activation": (("tanh", "relu"), "tanh"), "gain": (1.0,)}, seeds=(0,))
    cells = Cells(grid, FLOW)
    cells.add(Result({1: row(-np.inf)}))
    file = io.StringIO()
    cells.measurement().to_csv(file)
    assert '"tanh, relu",1.0,,0,0,0' in file.getvalue()
    assert "tanh,1.0,-inf,1,0,0" in file.getvalue()


@pytest.mark.parametrize(
    ("axes", "fixed", "said"),
    [
        (("depth", "depth"), {}, "two different axes of depth, gain, seed; got depth, depth"),
        (("depth", "width"), {}, "two different axes"),
        (None, {"width": 3}, "no axis width"),
        (None, {"seed": 7}, "seed must be one of 0, 1, 2; got 7"),
    ],
)
def test_axes_that_are_not_there_are_refused(axes: Any, fixed: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Cells(GRID, FLOW, axes, fixed)


# Theory -----------------------------------------------------------------------------------------------------

DEPTHS = ("depth", tuple(range(1, 60)))


def log_linear(low: float, high: float, n: int) -> tuple[float, ...]:
    return tuple(np.geomspace(low, high, n).tolist())


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "relu", "gelu"])
@pytest.mark.parametrize(
    "axis", [("gain", log_linear(0.3, 3, 20)), ("sigma_w2", (0.5, 1.0, 4.0)), ("bias_std", (0.0, 1.0))]
)
def test_depth_curve_is_six_depth_scales_of_the_fixed_point(activation: str, axis: Any) -> None:
    base = BASE.replace(hidden=(16,) * 4, activation=activation, init="lecun_normal", gain=1.3)
    ((label, xs, ys),) = theory_curves(base, axis, DEPTHS)
    assert label == "6 ξ, depth that trains"
    inside = np.flatnonzero(np.isfinite(ys))
    assert len(inside) > 3
    for place in inside[:: max(1, len(inside) // 5)]:
        config = apply_axes(base, {axis[0]: float(xs[place])})
        chi = fixed_point(activation, *standing(config).point).chi_1
        assert ys[place] == pytest.approx(6 / abs(math.log(chi)), rel=1e-4)
    ((_, again_y, again_x),) = theory_curves(base, DEPTHS, axis)
    np.testing.assert_array_equal(again_x, xs)
    np.testing.assert_array_equal(again_y, ys)


@pytest.mark.parametrize("activation", ["tanh", "erf", "sigmoid"])
@pytest.mark.parametrize("weight", ["sigma_w2", "gain"])
@pytest.mark.parametrize("bias", ["sigma_b2", "bias_std"])
def test_critical_line_has_chi_1_in_the_coordinates_of_both_axes(activation: str, weight: str, bias: str) -> None:
    base = BASE.replace(hidden=(16,) * 4, activation=activation, init="he_normal")
    x, y = ((weight, tuple(np.linspace(0.5, 200, 9).tolist())), (bias, tuple(np.linspace(0.0, 4.0, 9).tolist())))
    ((label, xs, ys),) = theory_curves(base, x, y)
    assert label == "χ₁ = 1"
    for place in range(0, len(xs), max(1, len(xs) // 6)):
        config = apply_axes(base, {weight: float(xs[place]), bias: float(ys[place])})
        assert fixed_point(activation, *standing(config).point).chi_1 == pytest.approx(1, abs=2e-3)
    ((_, other_x, other_y),) = theory_curves(base, y, x)
    np.testing.assert_array_equal(other_x, ys)
    np.testing.assert_array_equal(other_y, xs)


def test_names_have_a_curve_too_and_gaps_where_theory_is_silent() -> None:
    axis = ("init", ("zeros", "xavier_normal", "he_normal", "lecun_normal"))
    ((_, xs, ys),) = theory_curves(BASE.replace(gain=0.8, init="xavier_normal"), axis, DEPTHS)
    assert xs.tolist() == list(axis[1])
    assert np.isnan(ys[0])
    assert np.isfinite(ys[[1, 3]]).all()


@pytest.mark.parametrize(
    ("changes", "x", "y"),
    [
        ({"normalization": "batch"}, ("gain", (0.5, 1.0)), DEPTHS),
        ({"skip": True}, ("gain", (0.5, 1.0)), DEPTHS),
        ({}, ("gain", (0.5, 1.0)), ("learning_rate", (0.1, 1.0))),
        ({}, ("gain", (1.0, 0.5)), DEPTHS),
        ({}, ("init_scale", (None, 0.5)), DEPTHS),
        ({"init": "zeros"}, ("gain", (0.5, 1.0)), DEPTHS),
        ({"activation": ("tanh", "relu")}, ("gain", (0.5, 1.0)), DEPTHS),
        ({"activation": "softplus"}, ("sigma_w2", (0.5, 5.0)), ("sigma_b2", (0.0, 1.0))),
        ({"init": "zeros"}, ("gain", (0.5, 5.0)), ("sigma_b2", (0.0, 1.0))),
    ],
)
def test_no_curve_where_theory_has_none(changes: dict[str, Any], x: Any, y: Any) -> None:
    assert theory_curves(BASE.replace(**changes), x, y) == []


def test_network_without_hidden_layers_has_the_curve_of_its_axes() -> None:
    curves = theory_curves(BASE.replace(hidden=()), ("gain", (0.5, 0.7, 0.9)), DEPTHS)
    assert np.isfinite(curves[0][2]).any()


@pytest.mark.parametrize(
    ("values", "is_by_factor"),
    [
        ([1, 2, 4], True),
        ([4, 6, 8, 11, 16, 23, 32], True),
        ([2, 4, 6, 8], False),
        ([0.1, 0.2], False),
        ([-1, 1, 2], False),
    ],
)
def test_spacing_is_told_from_the_values(values: list[float], is_by_factor: bool) -> None:
    assert is_geometric(values) == is_by_factor
