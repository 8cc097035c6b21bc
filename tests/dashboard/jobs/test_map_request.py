"""A map is asked for like a run: shared by request, private on an uploaded table, stopped, refused, and computed where the operator says."""

import threading
import time
from typing import Any

import numpy as np
import pytest

from dashboard.jobs import limits, map_request
from dashboard.jobs.map_request import MapRequest, MapTraining
from dashboard.jobs.registry import MAP, Runs
from dashboard.jobs.work import Abandoned
from dashboard.views.map.axes import AXES, axes_to_pair_with, nearest
from nncore import RunConfig, read_table
from nncore.sweep import Grid, apply_axes
from nncore.sweep.axes import check_no_overlap
from tests.dashboard.jobs.conftest import ask_map, finished
from tests.patience import until

BASE = RunConfig(hidden=(4, 4), steps=20, n_samples=40, activation="tanh")
DEPTH, GAIN = ("depth", (1, 2, 3)), ("gain", (0.5, 1.0))
SMALL = MapRequest.of(BASE, DEPTH, GAIN, "initial_flow", 2)


@pytest.fixture
def slow(monkeypatch) -> threading.Event:
    """Every block waits until the event is set, but the first of each map."""
    go_on, real = threading.Event(), map_request.results

    def results(*arguments: Any, cancelled: Any, **named: Any) -> Any:
        for place, result in enumerate(real(*arguments, cancelled=cancelled, **named)):
            while place and not go_on.is_set() and not cancelled():
                time.sleep(0.005)
            if cancelled():
                return
            yield result

    monkeypatch.setattr(map_request, "results", results)
    return go_on


# What a map is ----------------------------------------------------------------------------------------------


def test_settings_that_the_map_does_not_depend_on_make_the_same_request() -> None:
    for changes in ({"hidden": (4,) * 9}, {"gain": 7.0}, {"learning_rate": 3.0, "steps": 9, "optimizer": "adam"}):
        assert MapRequest.of(BASE.replace(**changes), DEPTH, GAIN, "initial_flow", 2) == SMALL
    for changes in ({"seed": 1}, {"activation": "relu"}, {"hidden": (5, 5)}, {"n_samples": 50}, {"dtype": "float32"}):
        assert MapRequest.of(BASE.replace(**changes), DEPTH, GAIN, "initial_flow", 2) != SMALL
    assert len({SMALL, MapRequest.of(BASE, DEPTH, GAIN, "initial_flow", 2)}) == 1


def test_map_of_trained_networks_depends_on_the_training() -> None:
    trained = MapRequest.of(BASE, DEPTH, GAIN, "final_loss")
    assert MapRequest.of(BASE.replace(steps=21), DEPTH, GAIN, "final_loss") != trained
    assert MapRequest.of(BASE.replace(gain=9.0), DEPTH, GAIN, "final_loss") == trained


@pytest.mark.parametrize("y", AXES)
@pytest.mark.parametrize("quantity", ["initial_flow", "final_loss"])
def test_canonical_map_has_the_cells_of_the_config(y: str, quantity: str) -> None:
    config = BASE.replace(hidden=(6,) * 3, gain=1.5, bias_std=0.3)
    for x in axes_to_pair_with(y):
        axes = {name: _values(name)[:2] for name in (y, x)}
        request = MapRequest.of(config, (y, axes[y]), (x, axes[x]), quantity)
        for run in range(len(request.grid)):
            values = request.grid.coordinates(run)
            values.pop("seed")
            try:
                expected = apply_axes(config, values)
            except ValueError:
                with pytest.raises(ValueError):
                    request.grid[run]
                continue
            found = request.grid[run]
            same = ("hidden", "activation", "init", "gain", "bias_std", "dataset", "normalization", "dtype", "seed")
            assert [getattr(found, each) for each in same] == [getattr(expected, each) for each in same]
            assert quantity == "initial_flow" or found == expected


def test_width_survives_a_map_that_begins_without_hidden_layers() -> None:
    request = MapRequest.of(BASE.replace(hidden=(7,)), ("depth", (0, 2)), GAIN, "initial_flow")
    assert [request.grid[run].hidden for run in (0, 2)] == [(), (7, 7)]


def test_seeds_go_on_after_the_largest() -> None:
    request = MapRequest.of(BASE.replace(seed=2**32 - 1), DEPTH, GAIN, "initial_flow", 2)
    assert request.grid.axes["seed"] == (2**32 - 1, 0)


@pytest.mark.parametrize("name", AXES)
def test_every_axis_has_default_values_that_its_setting_takes(name: str) -> None:
    values = _values(name)
    assert len(values) > 1
    grid = Grid(BASE, {name: values})
    assert grid.axes[name] == values
    assert all(nearest(name, values, value) == place for place, value in enumerate(values))
    for other in axes_to_pair_with(name):
        check_no_overlap([name, other])
    for other in set(AXES) - {name} - set(axes_to_pair_with(name)):
        with pytest.raises(ValueError, match="both set"):
            check_no_overlap([name, other])


def _values(name: str) -> tuple[Any, ...]:
    axis = AXES[name]
    if axis.chosen:
        return tuple(option for option in axis.options if option in axis.chosen)
    if axis.options:
        return tuple(value for value in axis.options if axis.low <= value <= axis.high)
    return axis.values(axis.low, axis.high, axis.count)


def test_values_between_ends_are_each_there_once_and_rising() -> None:
    assert AXES["depth"].values(2, 4, 10) == (2, 3, 4)
    assert AXES["depth"].values(4, 2, 3) == (2, 3, 4)
    assert AXES["gain"].values(1, 16, 5) == (1, 2, 4, 8, 16)
    assert AXES["gain"].values(0, 1, 3) == (0, 0.5, 1)
    assert AXES["gain"].values(3, 3, 30) == (3.0,)
    assert AXES["gain"].values(1, 16, 1) == (1.0,)


@pytest.mark.parametrize(
    ("value", "place"), [(0.5, 0), (0.9, 1), (2.5, None), (float("nan"), None), ("tanh", None), (None, None)]
)
def test_value_has_its_place_on_an_axis_or_none(value: Any, place: int | None) -> None:
    assert nearest("gain", (0.5, 1.0, 2.0), value) == place
    assert nearest("activation", ("tanh", "relu"), "relu") == 1


# Shared work ------------------------------------------------------------------------------------------------


def test_map_is_the_sweeps(shared: Runs) -> None:
    work = finished(ask_map(shared, "a", SMALL))
    assert work.cells.finished == len(work.cells) == 12
    direct = SMALL.cells()
    for result in SMALL.results(lambda: False, None, map_request.Limits()):
        direct.add(result)
    np.testing.assert_array_equal(work.cells.numbers, direct.numbers)


def test_two_sessions_share_a_map_and_a_third_finds_it_done(shared: Runs) -> None:
    one = ask_map(shared, "a", SMALL)
    assert ask_map(shared, "b", MapRequest.of(BASE.replace(gain=3.0), DEPTH, GAIN, "initial_flow", 2)) is one
    finished(one)
    shared.leave("a", MAP)
    shared.leave("b", MAP)
    assert ask_map(shared, "c", SMALL) is one


def test_map_fills_in_while_it_is_worked_on(shared: Runs, slow: threading.Event) -> None:
    work = ask_map(shared, "a", SMALL)
    until(lambda: work.cells.finished)
    assert not work.done
    assert work.cells.finished < len(work.cells)
    assert np.isfinite(work.cells.measurement()["initial_flow"]).any()
    slow.set()
    assert finished(work).cells.finished == 12


def test_map_that_nobody_waits_for_ends(shared: Runs, slow: threading.Event) -> None:
    work = ask_map(shared, "a", SMALL)
    until(lambda: work.cells.finished)
    other = ask_map(shared, "a", MapRequest.of(BASE, DEPTH, GAIN, "initial_flow", 1))
    until(lambda: work.done)
    with pytest.raises(Abandoned):
        _ = work.result
    assert other is not work
    shared.leave("a", MAP)
    until(lambda: shared.active == 0)


def test_stop_keeps_the_cells_that_are_there(shared: Runs, slow: threading.Event) -> None:
    work = ask_map(shared, "a", SMALL)
    until(lambda: work.cells.finished)
    there = work.cells.finished
    shared.stop("a", MAP)
    kept = finished(ask_map(shared, "a", SMALL))
    assert kept is work
    assert kept.cells.finished == there
    assert ask_map(shared, "b", SMALL) is not work, "a map that was stopped is nobody else's"
    slow.set()
    shared.leave("a", MAP)
    assert finished(ask_map(shared, "a", SMALL)).cells.finished == 12


def test_stop_does_not_disturb_others(shared: Runs, slow: threading.Event) -> None:
    one, two = ask_map(shared, "a", SMALL), ask_map(shared, "b", SMALL)
    assert one is two
    until(lambda: one.cells.finished)
    shared.stop("a", MAP)
    kept = finished(ask_map(shared, "a", SMALL))
    assert kept is not one
    there = kept.cells.finished
    assert 0 < there < 12
    slow.set()
    assert finished(two).cells.finished == 12
    assert kept.cells.finished == there


def test_map_on_an_uploaded_table_is_private_and_stays_here(shared: Runs, monkeypatch) -> None:
    where: list[Any] = []
    real = map_request.results

    def noted(*arguments: Any, **named: Any) -> Any:
        where.append((named["scheduler"], named["workers"]))
        return real(*arguments, **named)

    monkeypatch.setattr(map_request, "results", noted)
    monkeypatch.setenv(limits.SCHEDULER, "tcp://127.0.0.1:1")
    table = read_table(("one,label\n" + "".join(f"{place},{place % 2}\n" for place in range(40))).encode())
    own = BASE.replace(dataset="table", table=table.choose("label"))
    request = MapRequest.of(own, DEPTH, GAIN, "initial_flow")
    one, two = ask_map(shared, "a", request), ask_map(shared, "b", request)
    assert one is not two
    finished(one)
    finished(two)
    assert one.cells.finished == two.cells.finished == 6
    assert (one.cells.endings == "finished").all()
    assert where == [(None, 1)] * 2


def test_a_thousand_seconds_are_refused_before_anything_starts(shared: Runs) -> None:
    deep = BASE.replace(hidden=(256,) * 10, n_samples=2000, steps=5000)
    request = MapRequest.of(deep, ("gain", GAIN[1]), ("bias_std", (0.0, 1.0)), "verdict", 8)
    with pytest.raises(ValueError, match=r"about [\d,]+ s and 120 s are allowed: .*fewer steps"):
        ask_map(shared, "a", request)
    assert shared.active == 0
    initial = MapRequest.of(deep, ("gain", GAIN[1]), ("bias_std", (0.0, 1.0)), "initial_flow", 8)
    initial.check_budget(120, 2**29)
    with pytest.raises(ValueError, match=r"^(?!.*steps)"):
        initial.check_budget(0.001, 2**29)


def test_more_cells_than_can_be_seen_are_refused() -> None:
    values = tuple(np.linspace(0.1, 1, 61).tolist())
    many = MapRequest.of(BASE, ("gain", values), ("bias_std", values[:60]), "initial_flow")
    with pytest.raises(ValueError, match=r"at most 3,600 cells and this one has 3,660"):
        many.check_budget(1e9, 2**29)
    seeds = MapRequest.of(BASE, ("gain", values), ("bias_std", values[:50]), "initial_flow", 10)
    with pytest.raises(ValueError, match=r"at most 20,000 runs and this one has 30,500"):
        seeds.check_budget(1e9, 2**29)


def test_combinations_that_do_not_go_together_are_cells_that_failed(shared: Runs) -> None:
    request = MapRequest.of(BASE.replace(activation=("tanh", "relu")), DEPTH, GAIN, "initial_flow")
    work = finished(ask_map(shared, "a", request))
    assert work.cells.measurement()["failed"].tolist() == [[1, 1], [0, 0], [1, 1]]
    assert "one for each of the" in work.cells.reason(0, 0)


# The operator -----------------------------------------------------------------------------------------------


def test_operators_scheduler_is_used_and_its_address_kept_from_visitors(shared: Runs, monkeypatch) -> None:
    asked: list[Any] = []

    def unreachable(*arguments: Any, scheduler: str, **named: Any) -> Any:
        asked.append(scheduler)
        raise ValueError(f"no Dask scheduler answers at {scheduler}: refused")
        yield

    monkeypatch.setattr(map_request, "results", unreachable)
    monkeypatch.setenv(limits.SCHEDULER, " tcp://10.1.2.3:8786 ")
    work = finished(ask_map(shared, "a", SMALL))
    assert asked == ["tcp://10.1.2.3:8786"]
    with pytest.raises(ConnectionError, match="does not answer") as error:
        _ = work.result
    assert "10.1.2.3" not in str(error.value)


def test_map_stays_within_two_at_once(shared: Runs, slow: threading.Event) -> None:
    works: list[MapTraining] = [
        ask_map(shared, f"session {seed}", MapRequest.of(BASE.replace(seed=seed), DEPTH, GAIN, "initial_flow", 2))
        for seed in range(4)
    ]
    until(lambda: sum(work.cells.finished > 0 for work in works) == limits.AT_ONCE)
    assert sum(work.future.running() for work in works) == limits.AT_ONCE
    slow.set()
    for work in works:
        finished(work)
