"""The page of single units: every activation and kind of data, the layer, the colours, and the figures."""

import re

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from dashboard.charts import style
from dashboard.ui import card
from dashboard.views.neurons import charts as charts
from nncore import ACTIVATIONS, DATASETS, History, RunConfig, run
from nncore.measures import units as u
from tests.conftest import click, plots
from tests.dashboard.lab import SMALL, element, opened_on

PAGE = "views/neurons/page.py"
CHARTS = {"chart_curve", "chart_responses", "chart_zones"}
LOOK = style.LIGHT


def page(**query: object) -> AppTest:
    """This page after its first run, with these query parameters; the lab is not run before it."""
    return opened_on("neurons", **{**SMALL, **query})


def words(app) -> str:
    return " ".join(each.value for kind in ("markdown", "caption", "warning") for each in app.main.get(kind))


def check(app, what: object = "") -> None:
    assert not app.exception, what
    assert not app.error, what
    assert set(plots(app)) == CHARTS, what
    assert not re.search(r"\bnan\b|\binf\b|None", words(app)), (what, words(app))


# The page ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_is_shown_in_every_layer_and_colour(name: str) -> None:
    app = page(activation=name)
    check(app, name)
    assert f"layer 1, {name}" in words(app)
    app.slider(key="n_layer").set_value(3).run()
    check(app, name)
    assert "layer 3, linear" in words(app)
    element(app, "n_colour").set_value("target").run()
    check(app, name)


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_data_set_is_shown(dataset: str) -> None:
    app = page(dataset=dataset, activation="relu", n_colour="class or target")
    check(app, dataset)
    (heat, *_) = plots(app)["chart_responses"]["figure"]["data"]
    assert heat["type"] == ("scatter" if DATASETS[dataset].n_features == 1 else "heatmap")
    legend = {each["name"] for each in plots(app)["chart_curve"]["figure"]["data"] if each.get("showlegend")}
    assert (len(legend) >= 2) == (DATASETS[dataset].task == "classification")


KINDS = {
    "no hidden layer": ({"depth": "0"}, "one layer, the linear output layer"),
    "one each": ({"layer_activations": "sign, gelu"}, "layer 1, sign"),
    "batch normalization": ({"normalization": "batch"}, "on the bend"),
    "layer normalization and skip": ({"normalization": "layer", "skip": "true"}, "skipped input included"),
    "zeros": ({"init": "zeros"}, "100\u00a0% linear on all rows"),
    "constant": ({"init": "constant"}, "linear"),
    "lsuv": ({"init": "lsuv"}, "on the bend"),
    "pytorch": ({"init": "pytorch_default"}, "on the bend"),
    "dead": ({"activation": "relu", "init": "constant", "init_scale": "0", "bias_std": "0"}, "100\u00a0% dead"),
    "saturated": ({"activation": "tanh", "gain": "20", "bias_std": "5"}, "flat"),
    "diverging": ({"dataset": "diabetes", "activation": "linear", "learning_rate": "5000", "steps": "200"}, "Diverged"),
    "no step": ({"steps": "0"}, "on the bend"),
    "float32": ({"dtype": "float32"}, "on the bend"),
    "one unit": ({"width": "1"}, "on the bend"),
    "extra inputs": ({"features": "x1_x2", "dataset": "xor"}, "over x1 → and x2 ↑"),
    "wide": ({"width": "100", "depth": "1"}, "64 of 100 units, evenly spread."),
    "fifty layers": ({"depth": "50", "n_layer": "50"}, "layer 50, sigmoid"),
    "one probe row": ({"probe_size": "1"}, "linear on all rows"),
}


@pytest.mark.parametrize(("query", "said"), KINDS.values(), ids=KINDS)
def test_every_kind_of_run_is_shown(query: dict, said: str) -> None:
    app = page(**query)
    check(app)
    assert said in words(app)


CSV = b"a $x$,b,kind\n" + b"".join(b"%d,%d,%s\n" % (n % 7, n % 5, [b"red", b"blue"][n % 2]) for n in range(40))


def test_uploaded_table_is_shown_on_both_pages_and_to_nobody_else() -> None:
    app = opened_on("your_data", **SMALL)
    app.file_uploader(key="table_file").set_value(("mine.csv", CSV, "text/csv")).run()
    element(app, "to_lab").click().run()
    query = dict(app.query_params)
    app.switch_page(PAGE).run()
    check(app, "table")
    assert r"over a \$x\$ → and b ↑" in words(app)
    app.switch_page("views/propagation/page.py").run()
    assert not app.exception
    assert len(plots(app)) == 5
    for address in ("neurons", "propagation"):
        stranger = opened_on(address, **query)
        assert not stranger.exception
        assert not plots(stranger)
        assert "names an uploaded table" in stranger.warning[0].value


def test_set_up_that_cannot_run_is_refused_in_a_sentence() -> None:
    app = page(layer_activations="tanh")
    assert not app.exception
    assert app.error[0].value.startswith("This set-up cannot run: ")


@pytest.mark.parametrize("value", ["NaN", "1e400", "<b>", "-5", "99", ""])
def test_hostile_links_show_the_page(value: str) -> None:
    check(page(n_layer=value, n_colour=value, step=value), value)


def test_step_and_layer_move_the_charts() -> None:
    app = page(activation="tanh", steps="6", learning_rate="1")
    before = plots(app)
    app.slider(key="step").set_value(0).run()
    after = plots(app)
    for key in CHARTS:
        assert str(before[key]["figure"]["data"]) != str(after[key]["figure"]["data"]), key
    app.slider(key="n_layer").set_value(2).run()
    moved = plots(app)
    for key in ("chart_curve", "chart_responses"):
        assert str(moved[key]["figure"]["data"]) != str(after[key]["figure"]["data"]), key
    (frame,) = moved["chart_zones"]["figure"]["layout"]["shapes"]
    assert (frame["x0"], frame["x1"]) == (1.5, 2.5)


def test_click_on_a_layer_looks_into_it_and_a_shallower_network_keeps_within() -> None:
    app = page(depth="4", activation="tanh")
    click(app, "chart_zones", x=4, y=0.3, z=None, curve=0, point=3, customdata=None)
    check(app)
    assert app.slider(key="n_layer").value == 4
    assert "layer 4, tanh" in words(app)
    app.slider(key="depth").set_value(2).run()
    check(app)
    assert app.slider(key="n_layer").value == 3


# Figures ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def history() -> History:
    return run(RunConfig(dataset="moons", hidden=(6, 20), activation="relu", steps=4, n_samples=60))


@pytest.mark.parametrize("by", ["unit", "target"])
def test_dots_lie_on_the_curve_and_all_are_drawn(history: History, by: str) -> None:
    measured = u.on_the_curve(history, 4, 1)
    figure = charts.on_the_curve(measured, ACTIVATIONS["relu"], LOOK, by, ("a", "b"))
    for axis, quantity in (("y", "a"), ("y2", "slope")):
        dots = [each for each in figure["data"] if each["mode"] == "markers" and each["yaxis"] == axis]
        pairs = np.concatenate([np.stack([each["x"], each["y"]]) for each in dots], axis=1)
        expected = np.stack([measured["z"].ravel(), measured[quantity].ravel()])
        np.testing.assert_array_equal(pairs[:, np.lexsort(pairs)], expected[:, np.lexsort(expected)])
    assert all("layer" in shape and shape["layer"] == "below" for shape in figure["layout"]["shapes"])
    assert {each["text"] for each in figure["layout"]["annotations"]} <= {"flat", "linear"}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_shaded_zones_are_where_the_slope_says(name: str) -> None:
    phi = ACTIVATIONS[name]
    measured = u.on_the_curve(run(RunConfig(hidden=(3,), steps=0, n_samples=20)), 0, 1)
    wide = type(measured)(
        measured.name, measured.axes, {k: 30 * v for k, v in measured.values.items()}, measured.columns
    )
    figure = charts.on_the_curve(wide, phi, LOOK, "unit", ())
    for shape in figure["layout"]["shapes"]:
        middle = np.array([(shape["x0"] + shape["x1"]) / 2])
        flat = shape["fillcolor"].startswith(style.fade(LOOK.muted, 1).rsplit(",", 1)[0])
        assert u.zone_of(phi, phi.slope(middle))[0] == (0 if flat else 2)
    assert figure["layout"]["shapes"]


def test_sign_is_drawn_with_its_jump(history: History) -> None:
    measured = u.on_the_curve(history, 0, 1)
    figure = charts.on_the_curve(measured, ACTIVATIONS["sign"], LOOK, "unit", ())
    assert np.isnan(figure["data"][0]["y"]).any()


def test_zones_stack_to_one(history: History) -> None:
    measured = u.zones(history, 4)
    figure = charts.zones(measured, 2, LOOK)
    bars = [each for each in figure["data"] if each["type"] == "bar"]
    np.testing.assert_allclose(sum(each["y"] for each in bars), 1)
    assert len({each["marker"]["pattern"]["shape"] for each in bars}) == len(bars)


def test_each_unit_has_its_own_tile(history: History) -> None:
    measured = u.responses(history, 4, 2)
    heat, names = charts.responses(measured, LOOK, (), 5)["data"]
    assert len(names["text"]) == 20
    for place, unit in enumerate(measured.axes["unit"]):
        mine = heat["z"][heat["customdata"] == unit]
        drawn = np.sort(mine[np.isfinite(mine)])
        np.testing.assert_array_equal(drawn, np.sort(measured["a"][place].ravel()).astype(np.float32))
    side = measured["a"].shape[1]
    first = heat["z"][:, :side]
    top = first[np.isfinite(first).all(axis=1)][0]
    np.testing.assert_array_equal(top, measured["a"][0][:, -1].astype(np.float32))  # x2 grows upwards


def test_lines_keep_the_numbers_of_one_input() -> None:
    history = run(RunConfig(dataset="sine", hidden=(7,), steps=2, n_samples=30))
    measured = u.responses(history, 1, 1)
    line, names = charts.responses(measured, LOOK, (), 3)["data"]
    facts = line["customdata"][np.isfinite(line["customdata"]).all(axis=1)]
    np.testing.assert_array_equal(facts[:, 2], measured["a"].ravel())
    assert np.nanmax(line["x"]) < 3 and np.nanmax(line["y"]) < 3
    assert len(names["text"]) == 7


def test_constant_and_broken_responses_have_a_range() -> None:
    assert charts.shade_range(np.zeros((2, 3))) == (-0.5, 0.5)
    assert charts.shade_range(np.full((2, 3), np.nan)) == (0.0, 1.0)


def test_what_a_chart_draws_stands_in_its_csv(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = {}
    real = card.show

    def noted(key, text, measurement, figure, **options):
        shown[key] = (text, measurement.frame(), figure)
        real(key, text, measurement, figure, **options)

    monkeypatch.setattr(card, "show", noted)
    check(page(dataset="iris", activation="tanh"))
    assert {f"chart_{key}" for key in shown} == CHARTS
    for key, (text, frame, figure) in shown.items():
        assert text.note.endswith(".")
        table = frame.select_dtypes("number").to_numpy(dtype=float)
        numbers = np.concatenate([table.ravel(), table.ravel().astype(np.float32)])
        drawn = figure["data"][2]["y"] if key == "curve" else figure["data"][0]["z" if key == "responses" else "y"]
        assert np.isin(drawn, numbers).all(), key


def test_overview_names_no_flattest_layer_where_none_is_flat() -> None:
    app = page(activation="sigmoid", gain="0.1")
    assert "No layer has a flat part" in words(app)
    assert "Flattest" in words(page(activation="relu"))


def test_layer_on_both_sides_of_its_kink_is_not_said_to_use_a_bend() -> None:
    app = page(activation="relu", dataset="iris", n_samples="150", gain="1.5")
    shown = words(app)
    assert not ("0\u00a0% on the bend" in shown and "Every unit uses its bend" in shown)
    assert "Every unit is on both sides of its kink." in shown
