"""Frames: what is sent of a series of figures, and that the figures come out of it again."""

import base64
import zlib
from functools import partial
from typing import Any

import numpy as np
import pytest

from dashboard.charts import activations, gradients, loss, style, weights
from dashboard.plot import encode, fitting, frames_of
from dashboard.plot.frames import hold_axes, pack, weight
from nncore import RunConfig, run
from nncore import measures as m
from nncore.measures.learned import confusions, decision_regions_of, fitted_curves, predictions_of
from tests.conftest import decode

SMALL = RunConfig(hidden=(6, 6), steps=12, n_samples=60, learning_rate=0.5)
LOOK = style.LIGHT
RECORDS = (0, 3, 7, 12)


def unpack(values: Any) -> list[Any]:
    """What frames.js makes of packed values."""
    if isinstance(values, list):
        return [decode(value) for value in values]
    content = zlib.decompress(base64.b64decode(values["zlib"]))
    return list(np.frombuffer(content, f"<{values['dtype']}").reshape(values["shape"]))


def played(frames: dict[str, Any], frame: int) -> dict[str, Any]:
    """The figure of one frame, as frames.js puts it together."""
    build, row = frames["at"][frame]
    figure = decode(frames["builds"][build]["figure"])
    for change in frames["builds"][build]["changes"]:
        owner = figure
        for key in change["path"][:-1]:
            owner = owner[key]
        owner[change["path"][-1]] = unpack(change["values"])[row]
    return figure


def assert_alike(one: Any, other: Any, path: str = "figure") -> None:
    """Equal in every part; a heat map's numbers to float32."""
    if isinstance(other, np.ndarray) and other.dtype.kind in "biuf":
        one, other = np.asarray(one, float), np.asarray(other, float)
        rtol = 1e-7 if other.ndim > 1 else 0
        np.testing.assert_allclose(one, other, rtol=rtol, err_msg=path)
    elif isinstance(other, dict):
        assert one.keys() == other.keys(), path
        for key in other:
            assert_alike(one[key], other[key], f"{path}.{key}")
    elif isinstance(other, list):
        assert len(one) == len(other), path
        for index, (a, b) in enumerate(zip(one, other, strict=True)):
            assert_alike(a, b, f"{path}.{index}")
    else:
        assert one == other, path


def check(figures: list[dict[str, Any]]) -> dict[str, Any]:
    """Each frame is its figure, axes held still."""
    frames = frames_of(figures)
    for frame, figure in enumerate(hold_axes(figures)):
        assert_alike(played(frames, frame), decode(encode(figure)))
    return frames


def of_every_record(batch, *arguments: Any, dataset: str = "moons"):
    history = run(SMALL.replace(dataset=dataset))
    return batch(history, RECORDS, *arguments)


def test_gradient_flow_is_played_with_fewer_lines_at_step_0() -> None:
    figures = [gradients.gradient_flow(each, LOOK) for each in of_every_record(m.gradient_flows)]
    frames = check(figures)
    assert len(frames["builds"]) == 2
    named = {trace["name"] for trace in played(frames, 2)["data"]}
    assert {"δ at step 7", "δ at step 0"} <= named


@pytest.mark.parametrize("quantity", m.DISTRIBUTIONS)
def test_distributions_are_played(quantity: str) -> None:
    measured = of_every_record(m.distributions, quantity)
    check([activations.distribution(each, quantity, LOOK) for each in measured])


@pytest.mark.parametrize(
    ("dataset", "batch", "draw"),
    [
        (
            "moons",
            decision_regions_of,
            lambda each, data: loss.regions(each, loss.rows_of(data), data.class_names, LOOK),
        ),
        ("iris", confusions, lambda each, data: loss.confusion(each, data.class_names, LOOK)),
        ("sine", fitted_curves, lambda each, data: loss.curve(each, loss.rows_of(data), ("x", "y"), LOOK)),
        ("diabetes", predictions_of, lambda each, data: loss.predicted(each, data.target_name, LOOK)),
    ],
)
def test_what_was_learned_is_played(dataset: str, batch, draw) -> None:
    data = SMALL.replace(dataset=dataset).data()
    check([draw(each, data) for each in of_every_record(batch, dataset=dataset)])


def test_charts_over_time_send_little_but_their_marker() -> None:
    history = run(SMALL)
    timeline = m.over_time(
        history,
        ("delta_norm", "update_ratio", "inactive_fraction", "saturated_fraction", "dead_fraction", "sure_fraction"),
    )
    charts = (
        partial(gradients.layer_by_step, timeline, "delta_norm", LOOK),
        partial(gradients.update_ratio, timeline.select("update_ratio"), LOOK),
        partial(activations.saturation, timeline.select("saturated_fraction", "dead_fraction", "sure_fraction"), LOOK),
        partial(loss.performance, m.performance(history), LOOK),
        partial(weights.layer_bands, m.layer_parameters(history, 1), LOOK),
        partial(weights.one_parameter, m.parameter(history, 0), LOOK),
    )
    for draw in charts:
        frames = check([draw(step) for step in range(13)])
        (build,) = frames["builds"]
        assert {change["path"][:2] for change in build["changes"]} == {("layout", "shapes")}
        assert {change["path"][3] for change in build["changes"]} == {"x0", "x1"}


def test_notes_that_come_and_go_are_played() -> None:
    history = run(RunConfig(hidden=(4,) * 3, activation="relu", init="zeros", steps=3, n_samples=40))
    figures = [gradients.gradient_flow(each, LOOK) for each in m.gradient_flows(history, (1, 2, 3))]
    figures[1]["layout"]["annotations"] = []
    check(figures)


def test_axes_hold_still_over_all_figures() -> None:
    figures = [{"data": [], "layout": {"xaxis": {}, "yaxis": {"range": [-k, k + 1], "dtick": k + 1}}} for k in range(3)]
    held = [figure["layout"]["yaxis"] for figure in hold_axes(figures)]
    assert held == [{"range": [-2, 3], "dtick": 3}] * 3
    assert hold_axes(figures)[0]["layout"]["xaxis"] == {}


def test_axis_that_runs_downwards_or_by_itself_is_left_alone() -> None:
    for axis in ({"range": [3, -1]}, {"autorange": "reversed"}):
        figures = [{"data": [], "layout": {"yaxis": axis}}, {"data": [], "layout": {"yaxis": {"range": [0, 9]}}}]
        assert hold_axes(figures)[0]["layout"]["yaxis"] == axis


@pytest.mark.parametrize(
    ("arrays", "dtype"),
    [
        ([np.array([0, 255]), np.array([1, 2])], "u1"),
        ([np.array([0, 256]), np.array([1, 2])], "u2"),
        ([np.array([-1, 256]), np.array([1, 2])], "i4"),
        ([np.array([0.0, 3.0]), np.array([1.0, 2.0])], "u1"),
        ([np.array([0.5, 3.0]), np.array([1.0, np.nan])], "f8"),
        ([np.array([[1e-30, 0.0]]), np.array([[np.nan, np.inf]])], "f4"),
        ([np.array([[1e-60, 0.0]]), np.array([[np.nan, np.inf]])], "f8"),
        ([np.array([[True, False]]), np.array([[True, True]])], "u1"),
        ([np.array([2**40]), np.array([-1])], "f8"),
    ],
)
def test_numbers_travel_in_the_smallest_type_that_holds_them(arrays: list[np.ndarray], dtype: str) -> None:
    packed = pack(arrays)
    assert packed["dtype"] == dtype
    for sent, array in zip(unpack(packed), arrays, strict=True):
        np.testing.assert_allclose(sent, array.astype(float), rtol=1e-7 if dtype == "f4" else 0)


def test_values_that_cannot_be_stacked_travel_one_by_one() -> None:
    for values in (["a", "b"], [np.arange(2.0), np.arange(3.0)], [np.array([]), np.array([])], [None, np.ones(2)]):
        assert isinstance(pack(values), list)
        assert [np.shape(value) for value in unpack(pack(values))] == [np.shape(value) for value in values]


def test_heavy_charts_leave_figures_out_until_they_fit() -> None:
    rng = np.random.default_rng(0)
    figures = [{"data": [{"z": rng.random((20, 20), np.float32)}], "layout": {"title": k}} for k in range(16)]
    whole = weight(frames_of(figures))
    frames = fitting(figures.__getitem__, 16, budget=whole // 3)
    assert weight(frames) <= whole // 3
    shown = [played(frames, frame)["layout"]["title"] for frame in range(16)]
    assert shown == [0, 0, 0, 0, 4, 4, 4, 4, 8, 8, 8, 8, 12, 12, 12, 15]
    assert fitting(figures.__getitem__, 16, budget=1)["at"][-1] == (0, 1)
