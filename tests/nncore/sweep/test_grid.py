"""A grid is every combination of its axes, and says at the edge what it does not take."""

import json
import math
from typing import Any

import numpy as np
import pytest

from nncore import Fork, RunConfig
from nncore.sweep import NAMED_AXES, Grid, Listed, axis_names, coordinate, key
from nncore.sweep.grid import as_runs, runs_from_dict

BASE = RunConfig(n_samples=40, hidden=(4, 4), steps=3)


def test_the_last_axis_runs_fastest_and_seeds_behind_all() -> None:
    grid = Grid(BASE, {"gain": (0.5, 1.0), "init": ("normal", "orthogonal")}, seeds=(3, 4))
    found = [(config.gain, config.init, config.seed) for config in grid]
    expected = [(gain, init, seed) for gain in (0.5, 1.0) for init in ("normal", "orthogonal") for seed in (3, 4)]
    assert found == expected
    assert grid.shape == (2, 2, 2) and len(grid) == 8
    assert grid.coordinates(5) == {"gain": 1.0, "init": "normal", "seed": 4}


def test_a_grid_without_axes_is_its_base() -> None:
    assert list(Grid(BASE, {})) == [BASE]


@pytest.mark.parametrize(
    ("name", "value", "settings"),
    [
        ("depth", 3, {"hidden": (4, 4, 4)}),
        ("width", 7, {"hidden": (7, 7)}),
        ("sigma_w2", 2.25, {"init": "lecun_normal", "gain": 1.5}),
        ("sigma_b2", 0.04, {"bias_std": 0.2}),
    ],
)
def test_a_named_axis_sets_what_it_stands_for(name: str, value: Any, settings: dict[str, Any]) -> None:
    config = Grid(BASE, {name: (value,)})[0]
    assert config == BASE.replace(**settings)
    assert coordinate(config, name) == pytest.approx(value)


def test_every_named_axis_is_tested_above_and_reads_back_what_it_sets() -> None:
    assert set(NAMED_AXES) == {"depth", "width", "sigma_w2", "sigma_b2"}
    assert set(NAMED_AXES) < set(axis_names())
    assert math.isnan(coordinate(BASE, "sigma_w2"))
    assert math.isnan(coordinate(BASE.replace(hidden=(4, 5)), "width"))


@pytest.mark.parametrize("axes", [("depth", "width"), ("width", "depth")])
def test_depth_and_width_go_together_in_either_order(axes: tuple[str, str]) -> None:
    grid = Grid(BASE, dict.fromkeys(axes, (2, 3)))
    assert [config.hidden for config in grid] == [
        (grid.coordinates(run)["width"],) * grid.coordinates(run)["depth"] for run in range(4)
    ]


def test_depth_has_a_width_even_where_the_base_has_no_hidden_layer() -> None:
    assert Grid(BASE.replace(hidden=()), {"depth": (0, 2)})[1].hidden == (32, 32)


@pytest.mark.parametrize(
    ("axes", "sentence"),
    [
        ({"gian": (1.0,)}, "axis must be one of .*did you mean 'gain'"),
        ({"gain": ()}, "gain must have at least one value"),
        ({"gain": (1.0, 1)}, "the values of gain must differ; got 1.0 twice"),
        ({"gain": (-1.0,)}, "gain must be a number from 0 to 100; got -1.0"),
        ({"gain": "1,2"}, "gain must be a list of values; got '1,2'"),
        ({"depth": (2.5,)}, "depth must be a whole number from 0 to 200; got 2.5"),
        ({"activation": ("rleu",)}, "did you mean 'relu'"),
        ({"sigma_w2": (1.0,), "gain": (1.0,)}, "sigma_w2 and gain both set gain"),
        ({"hidden": ((3,),), "depth": (2,)}, "hidden and depth both set hidden"),
    ],
)
def test_a_value_that_its_setting_never_takes_is_refused_at_once(axes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Grid(BASE, axes)


def test_seeds_beside_an_axis_of_seeds_are_refused() -> None:
    with pytest.raises(ValueError, match="seed is an axis already"):
        Grid(BASE, {"seed": (1,)}, seeds=(2,))


def test_a_combination_that_does_not_go_together_raises_only_when_looked_at() -> None:
    grid = Grid(BASE, {"nesterov": (False, True)})
    assert grid[0] == BASE
    with pytest.raises(ValueError, match="nesterov needs a momentum"):
        grid[1]


@pytest.mark.parametrize(
    "runs",
    [
        Grid(BASE, {"hidden": ((3,), (4, 5)), "gain": np.array([0.5, 1.5])}, seeds=range(2)),
        Grid(BASE.replace(activation=("tanh", "relu")), {"alpha": (None, 0.5)}),
        Listed([BASE, BASE.replace(clip_norm=2.0)]),
    ],
    ids=["grid", "tuples", "list"],
)
def test_runs_travel_as_json(runs: Grid | Listed) -> None:
    again = runs_from_dict(json.loads(json.dumps(runs.to_dict())))
    assert list(again) == list(runs)
    assert again.coordinates(0) == runs.coordinates(0)


def test_a_million_runs_are_looked_at_one_by_one() -> None:
    grid = Grid(BASE, {"gain": np.linspace(0, 10, 1000)}, seeds=range(1000))
    assert len(grid) == 1_000_000
    assert grid[999_999].gain == 10.0
    with pytest.raises(ValueError, match="at most 100,000,000 runs"):
        Grid(BASE, {"gain": np.linspace(0, 10, 1000), "noise": np.linspace(0, 1, 1000)}, seeds=range(1000))


def test_the_key_stands_for_all_settings() -> None:
    assert key(RunConfig()) == key(RunConfig(gain=1))
    keys = {key(config) for config in Grid(BASE, {"gain": (0.5, 1.0), "dtype": ("float64", "float32")}, range(5))}
    assert len(keys) == 20


def test_a_list_of_configs_is_taken_as_runs() -> None:
    assert list(as_runs([BASE])) == [BASE]


def test_a_fork_is_no_run_of_a_sweep() -> None:
    fork = Fork(BASE, at=2)
    for runs in (lambda: Grid(fork, {}), lambda: as_runs([BASE, fork])):
        with pytest.raises(ValueError, match="from their beginning; got a fork that begins at step 2"):
            runs()
