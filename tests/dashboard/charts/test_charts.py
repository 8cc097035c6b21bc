"""A figure holds its measurement's numbers, and its CSV the same ones; zeros and NaN are named."""

import dataclasses
import io
from collections.abc import Callable

import numpy as np
import pytest
from pyarrow import csv

from dashboard.charts import activations, gradients, loss, style, weights
from dashboard.charts.marks import handful
from dashboard.plot import encode
from dashboard.words.numbers import ranges
from nncore import History, Measurement, RunConfig, run
from nncore import measures as m
from nncore.measures.learned import confusion, decision_regions, fitted_curve, predictions

LOOK = style.LIGHT
RECORD = 12
BASE = RunConfig(dataset="moons", hidden=(6, 5, 4), steps=25, n_samples=60, optimizer="adam", learning_rate=0.02)
OVER_TIME = (*gradients.heat_maps(), "inactive_fraction", "dead_fraction", "sure_fraction")


@pytest.fixture(scope="module")
def history() -> History:
    return run(BASE)


def traces(figure: style.Figure) -> dict[str, dict]:
    return {trace.get("name", trace["type"]): trace for trace in figure["data"]}


def with_values(measured: Measurement, **values: np.ndarray) -> Measurement:
    return dataclasses.replace(measured, values={**measured.values, **values})


# Figure = measurement ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("record", [0, RECORD])
def test_gradient_flow_draws_both_norms_at_both_steps(history: History, record: int) -> None:
    measured = m.gradient_flow(history, record)
    drawn = traces(gradients.gradient_flow(measured, LOOK))
    for row, step in enumerate(measured.axes["step"]):
        for label, name in (("δ", "delta_norm"), ("∂E/∂W", "weight_gradient_norm")):
            trace = drawn[f"{label} at step {step}"]
            np.testing.assert_array_equal(trace["x"], [1, 2, 3, 4])
            np.testing.assert_array_equal(trace["y"], measured[name][row])
    styles = {
        (t["line"]["dash"], t["marker"]["symbol"], t["line"]["color"]) for t in drawn.values() if "at step" in t["name"]
    }
    assert len(styles) == len(measured.axes["step"]) * 2
    assert all(
        (t["line"]["dash"] == "dot") == ("step 0" in t["name"] and record > 0)
        for t in drawn.values()
        if "at step" in t["name"]
    )


@pytest.mark.parametrize("name", gradients.heat_maps())
def test_heat_map_draws_every_layer_and_step(history: History, name: str) -> None:
    measured = m.over_time(history, name)
    (trace,) = gradients.layer_by_step(measured, name, LOOK, 3)["data"]
    np.testing.assert_array_equal(trace["x"], history.step)
    np.testing.assert_array_equal(trace["y"], [1, 2, 3, 4])
    np.testing.assert_array_equal(trace["customdata"], measured[name].T)
    is_log = m.LAYER_QUANTITIES[name].log
    expected = np.log10(measured[name].T) if is_log else measured[name].T
    np.testing.assert_allclose(trace["z"], expected, rtol=1e-6)
    finite = trace["z"][np.isfinite(trace["z"])]
    assert trace["zmin"] <= finite.min() + 1e-6
    assert trace["zmax"] >= finite.max() - 1e-6


@pytest.mark.parametrize("quantity", activations.DISTRIBUTIONS)
def test_distribution_draws_each_row_to_its_own_peak(history: History, quantity: str) -> None:
    measured = m.distribution(history, RECORD, quantity)
    (trace,) = activations.distribution(measured, quantity, LOOK)["data"]
    np.testing.assert_array_equal(trace["customdata"], measured["count"])
    np.testing.assert_allclose(np.max(trace["z"], axis=1), 1)
    low, high = (measured.columns[edge][1] for edge in ("low", "high"))
    assert ((low < trace["x"]) & (trace["x"] < high)).all()


def test_signal_draws_pooled_and_own_deviation(history: History) -> None:
    measured = m.per_layer(history, ("z_std", "signal", "signal_floor"), np.array([RECORD]))
    drawn = traces(activations.signal(measured, LOOK))
    np.testing.assert_array_equal(drawn["all units and samples"]["y"], measured["z_std"][0])
    np.testing.assert_array_equal(drawn["signal"]["y"], measured["signal"][0])


def test_update_ratio_draws_each_layer_with_the_guide(history: History) -> None:
    measured = m.over_time(history, "update_ratio")
    figure = gradients.update_ratio(measured, LOOK, 3)
    for layer in (1, 2, 3, 4):
        np.testing.assert_array_equal(traces(figure)[f"layer {layer}"]["y"], measured["update_ratio"][:, layer - 1])
    assert any(shape["y0"] == shape["y1"] == 1e-3 for shape in figure["layout"]["shapes"])
    low, high = figure["layout"]["yaxis"]["range"]
    assert low < -3 < high


@pytest.mark.parametrize(("activation", "name"), [("tanh", "saturated_fraction"), ("relu", "inactive_fraction")])
def test_saturation_draws_the_share_that_is_defined(activation: str, name: str) -> None:
    history = run(BASE.replace(activation=activation, gain=3.0))
    measured = m.over_time(history, (name, "dead_fraction", "sure_fraction"))
    figure = activations.saturation(measured, LOOK, 3)
    solid = {t["name"]: t["y"] for t in figure["data"] if t["line"]["dash"] == "solid"}
    for layer in (1, 2, 3):
        np.testing.assert_array_equal(solid[f"layer {layer}"], measured[name][:, layer - 1])
    dashed = {t["name"]: t["y"] for t in figure["data"] if t["line"]["dash"] == "dash"}
    for label, values in dashed.items():
        np.testing.assert_array_equal(values, measured["dead_fraction"][:, int(label.split()[1]) - 1])
    (sure,) = (t["y"] for t in figure["data"] if t["line"]["dash"] == "dashdot")
    np.testing.assert_array_equal(sure, measured["sure_fraction"][:, -1])


def test_saturation_says_where_units_are_flat_and_of_the_output_only_under_cross_entropy() -> None:
    names = ("saturated_fraction", "dead_fraction", "sure_fraction")
    base = BASE.replace(activation="sigmoid", init="normal", init_scale=10.0)
    said = {
        loss: activations.saturated_where(m.over_time(run(base.replace(loss=loss)), names), 3)
        for loss in ("bce", "mse")
    }
    assert "of layer" in said["bce"] and "The output (dash-dotted) is sure of" in said["bce"]
    assert "of layer" in said["mse"] and "output" not in said["mse"]


def test_performance_draws_loss_and_accuracy_of_both_parts(history: History) -> None:
    measured = m.performance(history)
    drawn = loss.performance(measured, LOOK, 3)["data"]
    names = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")
    assert len(drawn) == 4
    for trace, name in zip(drawn, names, strict=True):
        np.testing.assert_array_equal(trace["y"], measured[name])
        assert trace["yaxis"] == ("y" if name.endswith("loss") else "y2")


@pytest.mark.parametrize(("last", "is_log"), [(0.1, False), (1e52, True)])
def test_a_loss_that_blew_up_is_drawn_in_decades(last: float, is_log: bool) -> None:
    values = {
        f"{part}_{what}": np.array([0.7, 0.3, last]) for part in ("train", "test") for what in ("loss", "accuracy")
    }
    measured = Measurement("performance", {"step": np.arange(3)}, values)
    axis = loss.performance(measured, style.LIGHT, 0)["layout"]["yaxis"]
    assert (axis.get("type") == "log") == is_log and axis["title"]["text"].startswith("loss")
    if is_log:
        assert axis["range"][0] < np.log10(0.3) and 3 < axis["range"][1] < 5, "else what led there would be a flat line"
        assert axis["title"]["text"] != "loss", "that it goes on above is said"


def test_performance_without_test_rows_or_classes_draws_only_what_there_is() -> None:
    history = run(BASE.replace(dataset="parabola", test_fraction=0))
    figure = loss.performance(m.performance(history), LOOK, 3)
    assert [trace["name"] for trace in figure["data"]] == ["training"]
    assert "yaxis2" not in figure["layout"]


def test_curve_draws_the_network_over_the_rows() -> None:
    history = run(BASE.replace(dataset="sine"))
    data, measured = history.config.data(), fitted_curve(history, RECORD)
    drawn = traces(loss.curve(measured, loss.rows_of(data), ("x", "y"), LOOK))
    np.testing.assert_array_equal(drawn["network"]["x"], measured.axes["x"])
    np.testing.assert_array_equal(drawn["network"]["y"], measured["prediction"])
    np.testing.assert_allclose(drawn["training"]["y"], data.to_original_y(data.y_train)[:, 0])
    assert len(drawn["test"]["x"]) == len(data.x_test)


def test_regions_colour_each_cell_by_its_class(history: History) -> None:
    data, measured = history.config.data(), decision_regions(history, RECORD)
    figure = loss.regions(measured, loss.rows_of(data), data.class_names, LOOK)
    maps = [trace for trace in figure["data"] if trace["type"] == "heatmap"]
    drawn = np.stack([np.isfinite(trace["z"]) for trace in maps])
    assert (drawn.sum(axis=0) == 1).all()
    np.testing.assert_array_equal(drawn.argmax(axis=0), measured["class"].T)
    points = [trace for trace in figure["data"] if trace["type"] == "scatter"]
    assert sum(len(trace["x"]) for trace in points) == len(data.x_train) + len(data.x_test)


def test_confusion_draws_shares_and_writes_counts() -> None:
    history = run(BASE.replace(dataset="iris"))
    measured = confusion(history, RECORD)
    (trace,) = loss.confusion(measured, history.config.data().class_names, LOOK)["data"]
    np.testing.assert_array_equal(trace["customdata"], measured["rows"])
    np.testing.assert_allclose(np.sum(trace["z"], axis=1), 1)
    assert [[int(text or 0) for text in row] for row in trace["text"]] == measured["rows"].tolist()


def test_predictions_are_drawn_for_training_and_test_rows() -> None:
    history = run(BASE.replace(dataset="diabetes"))
    measured = predictions(history, RECORD)
    drawn = traces(loss.predicted(measured, "y", LOOK))
    test = measured["is_test"].astype(bool)
    np.testing.assert_array_equal(drawn["training"]["x"], measured["actual"][~test])
    np.testing.assert_array_equal(drawn["test"]["y"], measured["prediction"][test])


def test_parameter_draws_theta_and_its_recorded_gradient(history: History) -> None:
    measured = m.parameter(history, 5)
    drawn = traces(weights.one_parameter(measured, LOOK, 3))
    np.testing.assert_array_equal(drawn["θ"]["y"], history.theta[:, 5])
    np.testing.assert_array_equal(drawn["∂E/∂θ"]["y"], history.grad[:, 5])


def test_layer_bands_draw_median_and_percentiles(history: History) -> None:
    measured = m.layer_parameters(history, 2)
    drawn = traces(weights.layer_bands(measured, LOOK, 3))
    for name, label in (("theta", "θ"), ("gradient", "∂E/∂θ")):
        p2, p25, p50, p75, p98 = measured[name].T
        np.testing.assert_array_equal(drawn[f"median {label}"]["y"], p50)
        np.testing.assert_array_equal(drawn[f"96 % of {label}"]["y"], np.concatenate([p98, p2[::-1]]))
        np.testing.assert_array_equal(drawn[f"50 % of {label}"]["y"], np.concatenate([p75, p25[::-1]]))


def test_parameter_is_named_by_its_place(history: History) -> None:
    assert weights.place(history.layout, 0) == "θ0, the bias of unit 0 in layer 1"
    assert weights.place(history.layout, 6) == "θ6, the weight from unit 0 to unit 0 of layer 1"
    last = history.layout.n_params - 1
    assert weights.place(history.layout, last) == f"θ{last}, the weight from unit 3 to unit 0 of layer 4"


# CSV = measurement ------------------------------------------------------------------------------------------

MEASURED: dict[str, Callable[[History], Measurement]] = {
    "flow": lambda h: m.gradient_flow(h, RECORD),
    "over time": lambda h: m.over_time(h, OVER_TIME),
    "distribution": lambda h: m.distribution(h, RECORD, "delta"),
    "performance": m.performance,
    "regions": lambda h: decision_regions(h, RECORD),
    "parameter": lambda h: m.parameter(h, 5),
    "bands": lambda h: m.layer_parameters(h, 2),
}


@pytest.mark.parametrize("measure", MEASURED.values(), ids=MEASURED)
def test_csv_holds_every_number_of_the_measurement(history: History, measure: Callable) -> None:
    measured, target = measure(history), io.BytesIO()
    measured.to_csv(target)
    target.seek(0)
    table = csv.read_csv(target).to_pandas()
    for name, values in measured.values.items():
        np.testing.assert_array_equal(table[name].to_numpy(dtype=float), values.ravel().astype(float))
    assert len(table) == np.prod([len(axis) for axis in measured.axes.values()])


# What cannot be drawn is named ------------------------------------------------------------------------------


def notes_of(figure: style.Figure) -> str:
    return " | ".join(note["text"] for note in figure["layout"].get("annotations", ()))


def test_gradient_flow_names_zeros_infinities_and_nan(history: History) -> None:
    measured = m.gradient_flow(history, RECORD)
    delta, gradient = measured["delta_norm"].copy(), measured["weight_gradient_norm"].copy()
    delta[1, :2], gradient[1, 2], gradient[1, 3] = 0.0, np.nan, np.inf
    figure = gradients.gradient_flow(with_values(measured, delta_norm=delta, weight_gradient_norm=gradient), LOOK)
    assert "δ is exactly 0 in layer 1–2" in notes_of(figure)
    assert "∂E/∂W is not finite in layer 3–4" in notes_of(figure)
    assert np.isnan(traces(figure)[f"δ at step {RECORD}"]["y"][:2]).all()
    assert np.isfinite(figure["layout"]["yaxis"]["range"]).all()


def test_distribution_names_exact_zeros() -> None:
    history = run(BASE.replace(init="zeros", steps=0))
    measured = m.distribution(history, 0, "delta")
    zeros = measured.columns["exact_zeros"][1].sum()
    assert zeros > 0
    assert f"{zeros:,} exact zeros" in notes_of(activations.distribution(measured, "delta", LOOK))


def test_signal_names_the_layer_from_which_it_is_rounding_noise() -> None:
    history = run(BASE.replace(hidden=(8,) * 40, activation="sigmoid", steps=0))
    measured = m.per_layer(history, ("z_std", "signal", "signal_floor"), np.array([0]))
    lost = measured.axes["layer"][measured["signal"][0] <= measured["signal_floor"][0]]
    figure = activations.signal(measured, LOOK)
    assert len(lost) > 0
    assert f"from layer {lost[0]} on: rounding noise" in notes_of(figure)
    symbols = traces(figure)["signal"]["marker"]["symbol"]
    assert [i + 1 for i, symbol in enumerate(symbols) if symbol == "diamond-open"] == lost.tolist()


SICK = {
    "diverged": {"activation": "relu", "optimizer": "sgd", "learning_rate": 1000.0, "dataset": "diabetes"},
    "zeros": {"init": "zeros"},
    "threshold": {"activation": "sign"},
    "linear": {"activation": "linear"},
    "no hidden layer": {"hidden": ()},
    "no step": {"steps": 0},
    "one unit": {"hidden": (1,)},
    "float32 deep": {"dtype": "float32", "hidden": (4,) * 50, "activation": "sigmoid", "steps": 2},
    "ten classes": {"dataset": "blobs", "n_classes": 10},
    "skip and batch norm": {"hidden": (4,) * 4, "skip": True, "normalization": "batch"},
    "per layer": {"activation": ("sign", "relu", "sigmoid")},
}


@pytest.mark.parametrize("look", [style.LIGHT, style.DARK], ids=["light", "dark"])
@pytest.mark.parametrize("changes", SICK.values(), ids=SICK)
def test_every_chart_draws_every_kind_of_run(changes: dict, look: style.Style) -> None:
    history = run(BASE.replace(**changes))
    data, names = history.config.data(), history.config.data().class_names
    for record in {0, history.last_finite, len(history) - 1}:
        step = int(history.step[record])
        timeline = m.over_time(history, OVER_TIME)
        flat = gradients.flat_share(timeline)
        at = np.array([record])
        figures = [
            gradients.gradient_flow(m.gradient_flow(history, record), look),
            gradients.update_ratio(timeline.select("update_ratio"), look, step),
            activations.saturation(timeline.select(flat, "dead_fraction", "sure_fraction"), look, step),
            activations.signal(m.per_layer(history, ("z_std", "signal", "signal_floor"), at), look),
            loss.performance(m.performance(history), look, step),
            weights.layer_bands(m.layer_parameters(history, 1), look, step),
            weights.one_parameter(m.parameter(history, 0), look, step),
            *(gradients.layer_by_step(timeline, name, look, step) for name in gradients.heat_maps()),
            *(
                activations.distribution(m.distribution(history, record, name), name, look)
                for name in activations.DISTRIBUTIONS
            ),
        ]
        if names and data.x_train.shape[1] == 2:
            figures.append(loss.regions(decision_regions(history, record), loss.rows_of(data), names, look))
        elif not names:
            figures.append(loss.predicted(predictions(history, record), data.target_name, look))
        for figure in figures:
            encode(figure)
            axes = {name: axis for name, axis in figure["layout"].items() if name[1:5] == "axis"}
            assert all(np.isfinite(axis["range"]).all() for axis in axes.values() if "range" in axis)
            assert figure["layout"]["meta"]["name"]
            assert figure["layout"]["font"]["color"] == look.ink


def test_layers_take_their_colours_from_one_scale() -> None:
    history = run(BASE.replace(hidden=(4,) * 11, steps=3))
    measured = m.over_time(history, "update_ratio")
    for look in (style.LIGHT, style.DARK):
        drawn = traces(gradients.update_ratio(measured, look, 0))
        layers = [int(name.split()[1]) for name in drawn]
        assert layers == sorted(layers)
        assert len(layers) <= 7
        assert {layers[0], layers[-1]} == {1, 12}
        assert [drawn[f"layer {n}"]["line"]["color"] for n in layers] == [look.layers(12)[n - 1] for n in layers]


@pytest.mark.parametrize("n_layers", [1, 2, 7, 8, 51])
def test_handful_holds_first_and_last(n_layers: int) -> None:
    chosen = handful(n_layers)
    assert (chosen[0], chosen[-1]) == (1, n_layers)
    assert len(chosen) == min(n_layers, 7)
    assert (np.diff(chosen) > 0).all()


@pytest.mark.parametrize(("numbers", "words"), [([4], "4"), ([1, 2, 3, 7, 9, 10], "1–3, 7, 9–10")])
def test_runs_of_layers_are_written_as_ranges(numbers: list[int], words: str) -> None:
    assert ranges(np.array(numbers)) == words
