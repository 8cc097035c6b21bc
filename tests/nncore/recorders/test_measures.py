"""A recorded run's measurements have the names, axes and shapes of nncore.measures, so that the same charts draw them."""

from pathlib import Path

import numpy as np
import pytest

import nncore
from nncore import measures as of_history
from nncore.recorders import Recorded
from nncore.recorders import measures as of_recorded
from nncore.recorders.example import example


@pytest.fixture
def recorded(tmp_path: Path) -> Recorded:
    return Recorded.open(example(tmp_path / "run.arrows", n_blocks=3, records=30))


@pytest.fixture(scope="module")
def history() -> nncore.History:
    return nncore.run(nncore.RunConfig(hidden=(4, 4), steps=30))


def test_gradient_flow_is_as_of_a_history(recorded: Recorded, history: nncore.History) -> None:
    for record in (0, 7):
        ours, theirs = of_recorded.gradient_flow(recorded, record), of_history.gradient_flow(history, record)
        assert (
            ours.name == theirs.name
            and list(ours.axes) == list(theirs.axes)
            and ours.values.keys() == theirs.values.keys()
        )
        assert len(ours.axes["step"]) == len(theirs.axes["step"])
    names = (ours.columns or {})["name"][1].tolist()
    assert names[:3] == ["blocks.0.up", "blocks.0.act", "blocks.0"] and names[-1] == "head"
    assert np.isfinite(ours["weight_gradient_norm"][0]).tolist() == [True, False, False] * 3 + [True]


@pytest.mark.parametrize("name", sorted(set(of_recorded.NAMES) & set(of_history.LAYER_QUANTITIES)))
def test_quantities_of_the_same_name_have_the_same_axes(name: str, recorded: Recorded, history: nncore.History) -> None:
    ours, theirs = of_recorded.per_layer(recorded, name), of_history.per_layer(history, name)
    assert list(ours.axes) == list(theirs.axes) and ours[name].shape == (30, 10)


def test_layers_are_the_places_asked_for_and_named_in_a_column(recorded: Recorded) -> None:
    measured = of_recorded.per_layer(recorded, ["delta_norm", "weight_gradient_norm"], records=[0, 3], places=[0, 1, 9])
    frame = measured.frame()
    assert measured["delta_norm"].shape == (2, 3) and frame["layer"].to_list() == [1, 2, 3] * 2
    assert frame["name"].to_list() == ["blocks.0.up", "blocks.0.act", "head"] * 2
    assert measured.caveats[:1] == recorded.caveats and "√rows" in measured.caveats[1]
    assert np.isnan(measured["weight_gradient_norm"][0, 1]) and measured["weight_gradient_norm"][0, 2] == 1
    of_parameters = of_recorded.per_parameter(recorded, ["update_ratio", "clipping"], records=[1])
    assert of_parameters["update_ratio"].shape == (1, 8)
    assert (of_parameters.columns or {})["name"][1][-1] == "head.bias"


def test_over_time_says_when_records_were_left_out(recorded: Recorded) -> None:
    assert of_recorded.over_time(recorded, "delta_norm")["delta_norm"].shape == (30, 10)
    found = of_recorded.over_time(recorded, "delta_norm", at_most=5, places=[2, 5])
    assert found["delta_norm"].shape == (5, 2) and "5 of 30 records, evenly spread." in found.caveats


@pytest.mark.parametrize("quantity", of_history.DISTRIBUTIONS)
def test_distributions_have_bins_and_columns_as_of_a_history(
    quantity: str, recorded: Recorded, history: nncore.History
) -> None:
    ours, theirs = of_recorded.distribution(recorded, 1, quantity), of_history.distribution(history, 1, quantity)
    assert list(ours.axes) == list(theirs.axes) and ours.values.keys() == theirs.values.keys()
    columns = ours.columns or {}
    assert columns.keys() == (theirs.columns or {}).keys() | {"name"}
    assert (columns["low"][1][1:] == columns["high"][1][:-1]).all() and (ours["count"] >= 0).all()
    totals = ours["count"].sum(axis=1)
    if quantity == "activation":
        np.testing.assert_allclose(totals, 1000)
    elif quantity == "delta":
        assert (totals == 64).all() and (columns["exact_zeros"][1] == 1).all()
    else:
        assert totals.tolist() == [64, 0, 0] * 3 + [64]


def test_activations_are_spread_between_their_quantiles(recorded: Recorded) -> None:
    found = of_recorded.distribution(recorded, 0, "activation")
    np.testing.assert_allclose(found["count"], 1000 / of_recorded.BINS, rtol=0.02)


def test_performance_is_the_loss(recorded: Recorded) -> None:
    found = of_recorded.performance(recorded)
    np.testing.assert_array_equal(found["loss"], recorded.loss)
    assert found.axes["step"] is recorded.steps


@pytest.mark.parametrize(
    "ask",
    [
        lambda run: of_recorded.per_layer(run, "detla_norm"),
        lambda run: of_recorded.per_layer(run, "loss"),
        lambda run: of_recorded.per_parameter(run, "delta_norm"),
        lambda run: of_recorded.distribution(run, 0, "theta"),
    ],
)
def test_an_unknown_quantity_is_refused_with_the_choices(ask: object, recorded: Recorded) -> None:
    with pytest.raises(ValueError, match="quantity must be one of"):
        ask(recorded)  # type: ignore[operator]
