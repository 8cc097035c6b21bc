"""The charts that say why: their numbers are the measurement's, their sentences true, and every kind of run is drawn."""

import dataclasses

import numpy as np
import pytest

from dashboard.charts import gradients, style
from dashboard.plot import encode
from dashboard.views.lab import charts_causes
from dashboard.views.lab import charts_divergence as end
from nncore import History, Measurement, RunConfig, run
from nncore.diagnosis import FLOAT_TYPES, PARTS, curvature, forensics, ledger, precision, theory_gap
from nncore.measures import gradient_flow

LOOK = style.LIGHT
BASE = RunConfig(dataset="moons", n_samples=40, hidden=(5,) * 4, steps=3)
LOST = BASE.replace(dataset="diabetes", activation="relu", init="he_normal", learning_rate=1000.0, steps=20)
SHARP = BASE.replace(dataset="parabola", hidden=(4,), learning_rate=0.5, steps=6)

KINDS = {
    "vanishing": BASE.replace(hidden=(5,) * 10, activation="sigmoid"),
    "exploding": BASE.replace(activation="linear", gain=9.0, steps=0),
    "diverged at step 0": BASE.replace(dataset="diabetes", hidden=(8,) * 180, activation="linear", gain=100.0),
    "diverged at step 1": BASE.replace(
        dataset="diabetes", hidden=(8,) * 30, activation="relu", gain=10.0, learning_rate=1e3
    ),
    "diverged later": LOST,
    "zero gradient": BASE.replace(activation="sign"),
    "one threshold layer": BASE.replace(activation=("tanh", "sign", "tanh", "tanh")),
    "zeros": BASE.replace(init="zeros"),
    "no hidden layer": BASE.replace(hidden=()),
    "one hidden layer": BASE.replace(hidden=(3,)),
    "fifty layers": BASE.replace(hidden=(3,) * 50),
    "skip": BASE.replace(skip=True),
    "batch normalization": BASE.replace(normalization="batch", skip=True),
    "layer normalization": BASE.replace(normalization="layer", activation="relu"),
    "float32": BASE.replace(dtype="float32", hidden=(4,) * 60, activation="sigmoid"),
    "coarse": BASE.replace(record_every=3, steps=10, batch_size=7),
    "no step": BASE.replace(steps=0),
}


def traces(figure: style.Figure) -> dict[str, dict]:
    return {trace.get("name", trace["type"]): trace for trace in figure["data"]}


@pytest.mark.parametrize("look", [style.LIGHT, style.DARK], ids=["light", "dark"])
@pytest.mark.parametrize("config", KINDS.values(), ids=KINDS)
def test_every_kind_of_run_is_drawn_and_said(config: RunConfig, look: style.Style) -> None:
    history = run(config)
    figures, sentences = [], []
    for record in {0, history.last_finite, len(history) - 1}:
        measured = ledger(history, record)
        figures.append(charts_causes.ledger(measured, look))
        sentences.append(charts_causes.culprit(measured))
        measured = precision(history, record)
        figures.append(charts_causes.precision(measured, look))
        sentences.append(charts_causes.lost(measured))
    if history.divergence:
        found = forensics(history)
        figures += [end.growth(found.measurement, look), end.place(found, look)]
    for figure in figures:
        encode(figure)
        axes = {name: axis for name, axis in figure["layout"].items() if name[1:5] == "axis"}
        assert all(np.isfinite(axis["range"]).all() for axis in axes.values() if "range" in axis)
        assert figure["layout"]["meta"]["name"] and figure["layout"]["font"]["color"] == look.ink
    for sentence in sentences:
        assert not sentence or sentence.endswith(".")
        assert "nan" not in sentence and "inf" not in sentence.replace("infinit", "")


# Ledger -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({}, ("weights", "slope")),
        ({"skip": True}, ("weights", "skip", "slope")),
        ({"normalization": "batch"}, ("weights", "slope", "normalization")),
        ({"normalization": "layer", "skip": True}, PARTS),
    ],
    ids=["plain", "skip", "batch normalization", "both"],
)
def test_ledger_stacks_the_parts_that_exist_and_their_sum_is_the_line(changes: dict, parts: tuple) -> None:
    measured = ledger(run(BASE.replace(**changes)), 2)
    figure = charts_causes.ledger(measured, LOOK)
    bars = {name: trace for name, trace in traces(figure).items() if trace["type"] == "bar"}
    assert tuple(bars) == parts
    assert figure["layout"]["barmode"] == "relative"
    for part, bar in bars.items():
        np.testing.assert_array_equal(bar["y"], measured[part])
    line = traces(figure)["layer's factor"]
    np.testing.assert_array_equal(line["y"], measured["total"])
    np.testing.assert_allclose(sum(bar["y"] for bar in bars.values()), line["y"])
    looks = {(bar["marker"]["color"], bar["marker"]["pattern"]["shape"]) for bar in bars.values()}
    assert len({colour for colour, _ in looks}) == len({shape for _, shape in looks}) == len(bars)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"activation": "sigmoid", "hidden": (16,) * 10}, "The slopes φ′ lose "),
        ({"activation": "linear", "gain": 0.1}, "The weights lose "),
        ({"activation": "linear", "gain": 9.0}, "The weights add "),
        ({"hidden": (64,) * 4}, "From the last layer to the first δ changes by "),
    ],
    ids=["slopes", "small weights", "large weights", "even"],
)
def test_the_main_culprit_is_named(changes: dict, words: str) -> None:
    sentence = charts_causes.culprit(ledger(run(BASE.replace(steps=0, **changes)), 0))
    assert sentence.startswith(words)


def test_the_culprits_numbers_are_the_ledgers_sums() -> None:
    measured = ledger(run(BASE.replace(activation="sigmoid", hidden=(16,) * 10)), 0)
    slope, weights, total = (float(measured[name].sum()) for name in ("slope", "weights", "total"))
    sentence = charts_causes.culprit(measured)
    assert f"lose {-slope:.2g} of the {charts_causes.decades(total)} decades" in sentence
    assert f"the weights {charts_causes.decades(weights)}" in sentence


def test_normalization_is_named_as_one_thing() -> None:
    measured = ledger(run(BASE.replace(normalization="batch", gain=0.01, steps=0)), 0)
    assert "the normalization" in charts_causes.culprit(measured).lower()


def test_a_zero_is_named_in_the_picture_and_not_drawn() -> None:
    measured = ledger(run(KINDS["one threshold layer"]), 0)
    figure = charts_causes.ledger(measured, LOOK)
    (note,) = figure["layout"]["annotations"]
    assert "Layer 2, slope" in note["text"] and "exactly 0" in note["text"]
    assert np.isnan(traces(figure)["slope"]["y"][:2]).all()


# Float types ------------------------------------------------------------------------------------------------


def test_precision_draws_each_type_and_what_it_lost() -> None:
    measured = precision(run(KINDS["vanishing"].replace(hidden=(5,) * 30)), 0)
    drawn = traces(charts_causes.precision(measured, LOOK))
    for row, name in enumerate(FLOAT_TYPES):
        values = measured["delta_norm"][row]
        np.testing.assert_array_equal(drawn[f"δ in {name}"]["y"], np.where(values > 0, values, np.nan))
    np.testing.assert_array_equal(drawn["heatmap"]["customdata"][..., 0], measured["exact_zeros"])
    np.testing.assert_array_equal(drawn["heatmap"]["z"][2], measured["exact_zeros"][2])
    gone = measured.axes["layer"][measured["exact_zeros"][2] == 1]
    assert len(gone) >= 15
    assert f"Float16 is exactly 0 in {len(gone)} layers, 1–{gone[-1]}, where float64 is not" in charts_causes.lost(
        measured
    )


def test_zeros_of_the_network_are_no_loss_of_the_type() -> None:
    measured = precision(run(BASE.replace(activation="sign")), 0)
    drawn = traces(charts_causes.precision(measured, LOOK))
    assert (drawn["heatmap"]["z"] == 0).all()
    assert "exactly 0 in every type" in charts_causes.lost(measured)
    assert "float64 is not" not in charts_causes.lost(measured)


def test_overflow_is_marked_and_said() -> None:
    measured = precision(run(BASE.replace(activation="linear", gain=60.0, steps=0)), 0)
    marks = traces(charts_causes.precision(measured, LOOK))["not finite"]
    assert len(marks["x"]) == np.count_nonzero(measured["not_finite"]) > 0
    assert set(marks["y"]) == {"float16"}
    assert "loat16 overflows in " in charts_causes.lost(measured)


def test_even_float16_keeps_a_healthy_gradient() -> None:
    measured = precision(run(BASE.replace(hidden=(8,), n_samples=20, test_fraction=0)), 0)
    assert charts_causes.lost(measured) == "Even float16 keeps δ of every layer."


# Curvature --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sharp() -> Measurement:
    return curvature(run(SHARP), at_most=3, n_probes=4)


def test_curvature_draws_sharpness_trace_and_line(sharp: Measurement) -> None:
    figure = charts_causes.curvature(sharp, LOOK, 3)
    drawn = traces(figure)
    np.testing.assert_array_equal(drawn["sharpness"]["y"], sharp["sharpness"])
    np.testing.assert_array_equal(drawn["stability line"]["y"], sharp["stability"])
    assert drawn["stability line"]["line"]["dash"] == "dash"
    np.testing.assert_array_equal(drawn["trace"]["y"], np.where(sharp["trace"] > 0, sharp["trace"], np.nan))
    encode(figure)


def test_without_a_line_none_is_drawn_and_the_reason_given() -> None:
    measured = curvature(run(SHARP.replace(optimizer="adam")), at_most=2, n_probes=4)
    assert "stability line" not in traces(charts_causes.curvature(measured, LOOK, 0))
    assert any("not for adam" in caveat for caveat in measured.caveats)
    assert charts_causes.edge(measured, "").startswith("Sharpness goes from ")


def test_the_edge_of_stability_is_said(sharp: Measurement) -> None:
    def with_line(value: float) -> Measurement:
        values = {**sharp.values, "stability": np.full(3, value)}
        return dataclasses.replace(sharp, values=values)

    highest = float(sharp["sharpness"].max())
    assert "stays below 2/α = " in charts_causes.edge(with_line(1.01 * highest), "2/α")
    at = int(sharp.axes["step"][np.argmax(sharp["sharpness"] > 0.99 * highest)])
    sentence = charts_causes.edge(with_line(0.99 * highest), "2/α")
    assert f"first at step {at} " in sentence and "overshoots" in sentence


def test_what_a_log_axis_cannot_show_of_curvature_is_said(sharp: Measurement) -> None:
    values = {**sharp.values, "trace": np.array([-1.0, 0.0, 2.0])}
    measured = dataclasses.replace(sharp, values=values)
    assert "Not drawn, because 0 or below: trace at 2 steps." in charts_causes.edge(measured, "2/α")
    nothing = {name: np.full(3, np.nan) for name in sharp.values}
    measured = dataclasses.replace(sharp, values=nothing)
    assert charts_causes.edge(measured, "2/α") == "No sharpness could be measured."
    encode(charts_causes.curvature(measured, LOOK, 0))


# Forensics --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lost() -> History:
    history = run(LOST)
    assert history.divergence is not None and history.divergence.step > 1
    return history


def test_growth_draws_the_largest_of_each_layer_and_the_loss(lost: History) -> None:
    measured = forensics(lost).measurement
    drawn = traces(end.growth(measured, LOOK))
    for name, label in (("theta", "max |θ|"), ("z", "max |z|"), ("delta", "max |δ|")):
        largest = measured[name].max(axis=1)
        np.testing.assert_array_equal(drawn[label]["y"], np.where(np.isfinite(largest), largest, np.nan))
    np.testing.assert_array_equal(drawn["loss"]["y"][:-1], measured.columns["loss"][1][:-1])
    assert len({trace["line"]["dash"] + trace["marker"]["symbol"] for trace in drawn.values()}) == 4
    assert end.gone(measured).startswith(f"Not finite at step {lost.step[-1]}: max |")


def test_place_rings_the_first_bad_cell_and_crosses_all(lost: History) -> None:
    found = forensics(lost)
    drawn = traces(end.place(found, LOOK))
    values = found.measurement[end.SHOWN[found.divergence.quantity]]
    np.testing.assert_array_equal(drawn["heatmap"]["customdata"], values.T)
    assert len(drawn["not finite"]["x"]) == np.count_nonzero(~np.isfinite(values)) > 0
    assert (drawn["first"]["x"], drawn["first"]["y"]) == (found.divergence.step, found.divergence.layer)


# Theory -----------------------------------------------------------------------------------------------------


def test_a_band_that_reaches_down_to_zero_is_drawn_to_the_floor() -> None:
    history = run(BASE.replace(hidden=(3,) * 12, activation="relu", init="he_normal", steps=0))
    measured = theory_gap.beside_theory(gradient_flow(history, 0), theory_gap.prediction(history))
    assert (measured["theory_low"][0] == 0).any() and np.isfinite(measured["theory_high"][0]).all()
    band = traces(gradients.gradient_flow(measured, LOOK))["theory band"]
    assert len(band["x"]) == 2 * history.layout.n_layers and (band["y"] > 0).all()
