"""The signal-propagation page: every activation, every kind of config, a click, the two fields, and the words."""

import re

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from dashboard.charts import style
from dashboard.jobs.map_request import at_initialization
from dashboard.state.address import FIRST_SIGHT, REACH
from dashboard.ui import card
from dashboard.views.propagation import charts as charts
from dashboard.views.propagation import charts_plane as plane
from dashboard.views.propagation.words import advice, criticality_words, in_the_lab, phase_words, standing_words
from nncore import ACTIVATIONS, RunConfig
from nncore.theory import fixed_point
from nncore.theory.diagrams import c_staircase, critical_curve, extent, gain_curve, phase_map, q_staircase
from nncore.theory.hidden_jacobian import hidden_spectrum, partner, spectra
from nncore.theory.of_config import standing
from tests.conftest import click, plots
from tests.dashboard.lab import SMALL, element, opened_on

CHARTS = {"chart_phases", "chart_q_map", "chart_c_map", "chart_chi", "chart_singular"}
LOOKS = (style.LIGHT, style.DARK)


def page(**query: object) -> AppTest:
    """This page after its first run, with these query parameters; the lab is not run before it."""
    return opened_on("propagation", **{**SMALL, "steps": "0", **query})


def words(app) -> str:
    texts = [each.value for kind in ("markdown", "caption", "info", "error") for each in app.main.get(kind)]
    return " ".join(texts)


def check(app, what: object = "", missing: frozenset[str] = frozenset()) -> None:
    assert not app.exception, what
    assert not app.error, what
    assert set(plots(app)) == CHARTS - missing, what
    assert not re.search(r"\bnan\b|\binf\b|None|undefined\.|−0\b", words(app)), (what, words(app))


def trace(app, name: str, key: str = "chart_phases") -> dict:
    (found,) = [each for each in plots(app)[key]["figure"]["data"] if each.get("name") == name]
    return found


def names(app, key: str = "chart_phases") -> list[str]:
    return [each.get("name") for each in plots(app)[key]["figure"]["data"]]


# Every activation, every kind of config ---------------------------------------------------------------------


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_has_its_diagram(name: str) -> None:
    app = page(activation=name)
    check(app, name)
    labels = [each["text"] for each in plots(app)["chart_phases"]["figure"]["layout"]["annotations"]]
    assert any("chaotic" in label for label in labels)
    assert any("ordered" in label for label in labels) == (name != "sign")
    assert "you are here" in labels
    assert ("critical line" in names(app) or "critical point" in names(app)) == (name not in ("sign", "softplus"))


KINDS = {
    "no hidden layer": ({"depth": "0"}, {"chart_singular"}, "stands nowhere"),
    "one hidden layer": ({"depth": "1"}, {"chart_singular"}, "its only hidden layer"),
    "one each": ({"layer_activations": "relu, tanh"}, set(), "relu at"),
    "rectangular": ({"widths": "8, 4, 12, 6"}, set(), "whose widths differ"),
    "batch normalization": ({"normalization": "batch"}, set(), "σ_w² drops out"),
    "layer normalization": ({"normalization": "layer", "activation": "sign"}, set(), "no gradient passes (Yang"),
    "skip": ({"skip": "true"}, set(), "without them"),
    "zeros": ({"init": "zeros"}, {"chart_c_map"}, "draws nothing at random"),
    "constant": ({"init": "constant", "bias_std": "0.2"}, set(), "draws nothing at random"),
    "lsuv": ({"init": "lsuv"}, set(), "lsuv, gain 1"),
    "pytorch": ({"init": "pytorch_default"}, set(), "pytorch_default"),
    "no gain": ({"gain": "0"}, {"chart_c_map"}, "no correlation to follow"),
    "large gain": ({"gain": "20", "activation": "relu", "depth": "40"}, set(), "chaotic"),
    "wide uniform": ({"init": "uniform", "init_scale": "90"}, set(), "chaotic"),
    "alpha": ({"activation": "leaky_relu", "alpha": "0.5"}, set(), "σ_w² = 1.6"),
    "one row": ({"probe_size": "1"}, set(), "The network"),
    "float32": ({"dtype": "float32"}, set(), "The network"),
    "large type": ({"large": "true"}, set(), "The network"),
    "too large to train": ({"widths": ", ".join(["4096"] * 50)}, {"chart_singular"}, "make it narrower"),
}


@pytest.mark.parametrize(("query", "missing", "said"), KINDS.values(), ids=KINDS)
def test_every_kind_of_config_is_shown_without_its_run(query: dict, missing: set, said: str) -> None:
    app = page(**query)
    check(app, missing=frozenset(missing))
    assert said in words(app)
    assert ("you are here" in names(app) or "you are here:" in str(plots(app)["chart_phases"]["figure"]["layout"])) == (
        query.get("depth") != "0"
    )


def test_config_that_does_not_go_together_is_refused_in_a_sentence() -> None:
    app = page(layer_activations="tanh")
    assert not app.exception
    assert "one for each of the 2 hidden layers; got 1" in app.error[0].value
    assert not plots(app)


@pytest.mark.parametrize("value", ["NaN", "1e400", "<b>", "-5", ""])
def test_hostile_links_show_the_page(value: str) -> None:
    check(page(p_c=value, p_activation=value, p_sigma_w2=value), value)


# Moving -----------------------------------------------------------------------------------------------------


def test_click_sets_initializer_gain_and_bias_and_the_dot_follows() -> None:
    app = page(activation="tanh", init="he_uniform", alpha="0.3")
    click(app, "chart_phases", x=2.25, y=0.09, z=0.1, curve=0, point=[3, 4], customdata=None)
    check(app)
    assert [app.session_state[key] for key in ("init", "gain", "bias_std")] == ["lecun_normal", 1.5, 0.3]
    assert app.session_state["activation"] == "tanh"
    dot = trace(app, "you are here")
    np.testing.assert_allclose([dot["x"][0], dot["y"][0]], [2.25, 0.09], rtol=1e-9)
    assert element(app, "p_sigma_w2").value == 2.25
    assert element(app, "p_use").disabled
    app.switch_page("views/lab/page.py").run()
    assert [app.session_state[key] for key in ("init", "gain", "bias_std")] == ["lecun_normal", 1.5, 0.3]


def test_fields_move_the_maps_at_once_and_the_network_on_demand() -> None:
    app = page(activation="tanh")
    assert "chosen point" not in names(app)
    before = plots(app)["chart_q_map"]["figure"]["data"][1]["y"]
    element(app, "p_sigma_w2").set_value(3.0).run()
    element(app, "p_sigma_b2").set_value(0.25).run()
    check(app)
    circle = trace(app, "chosen point")
    assert (circle["x"][0], circle["y"][0]) == (3.0, 0.25)
    assert trace(app, "you are here")["x"][0] == pytest.approx(1.0)
    assert not np.array_equal(before, plots(app)["chart_q_map"]["figure"]["data"][1]["y"])
    assert "tanh at σ_w² = 3, σ_b² = 0.25:** **chaotic**" in words(app)
    element(app, "p_use").click().run()
    assert app.session_state["gain"] == pytest.approx(3**0.5, abs=1e-6)
    assert app.session_state["bias_std"] == 0.5
    assert "chosen point" not in names(app)


def test_a_link_holds_the_chosen_point_and_the_networks_own_needs_none() -> None:
    app = page(activation="tanh", p_sigma_w2="3", p_sigma_b2="0.25")
    check(app)
    circle = trace(app, "chosen point")
    assert (circle["x"][0], circle["y"][0]) == (3.0, 0.25)
    element(app, "gain").set_value(1.5).run()
    assert (element(app, "p_sigma_w2").value, element(app, "p_sigma_b2").value) == (2.25, 0.0)
    assert not {"p_sigma_w2", "p_sigma_b2"} & set(app.query_params)


def test_fields_follow_the_sidebar() -> None:
    app = page(activation="relu")
    element(app, "gain").set_value(1.5).run()
    assert element(app, "p_sigma_w2").value == 2.25
    element(app, "init").set_value("he_normal").run()
    assert element(app, "p_sigma_w2").value == 4.5
    check(app)


def test_another_activation_changes_the_diagram_and_not_the_network() -> None:
    app = page(activation="tanh")
    element(app, "p_activation").set_value("gelu").run()
    check(app)
    assert "Phase diagram of gelu" in words(app)
    assert "half-stable point σ_w² = 1.983" in words(app)
    assert app.session_state["activation"] == "tanh"


@pytest.mark.parametrize(("activation", "gain"), [("sigmoid", "1"), ("tanh", "1"), ("tanh", "0.1"), ("relu", "0.2")])
def test_point_and_critical_line_stand_away_from_the_ends_of_the_axis(activation: str, gain: str) -> None:
    app = page(activation=activation, gain=gain, init="lecun_normal")
    check(app)
    axis = plots(app)["chart_phases"]["figure"]["layout"]["xaxis"]
    low, high = axis["range"]
    for name in ("you are here", "critical point" if activation == "relu" else "critical line"):
        values = np.asarray(trace(app, name)["x"])
        along = np.log10(values) if axis.get("type") == "log" else values
        shares = (along - low) / (high - low)
        assert shares.min() > 0.08, name
        assert shares.max() < 0.9, name


def test_point_outside_the_range_is_said_with_an_arrow() -> None:
    app = page(activation="tanh", gain="15", init="lecun_normal")
    check(app)
    assert "you are here" not in names(app)
    (label,) = [
        each for each in plots(app)["chart_phases"]["figure"]["layout"]["annotations"] if "you are here" in each["text"]
    ]
    assert label["text"] == "you are here: σ_w² = 225, σ_b² = 0"
    assert label["arrowhead"] == 2


def test_every_point_of_the_lab_can_be_reached() -> None:
    app = page(activation="sigmoid")
    element(app, "p_sigma_w2").set_value(REACH["gain"][1] ** 2).run()
    element(app, "p_use").click().run()
    check(app)
    assert app.session_state["gain"] == REACH["gain"][1]


# Words ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("tanh", "begins** at σ_w² = 1, σ_b² = 0, q* = 0"),
        ("relu", "Critical at one point**: σ_w² = 2,"),
        ("sigmoid", "begins** at σ_w² = 103, σ_b² = 0, q* = 45.6"),
        ("silu", "half-stable point σ_w² = 1.988, σ_b² = 0.555, q* = 14.3"),
        ("softplus", "No critical line**: χ₁ = 1 would need a negative bias variance"),
        ("sign", "No critical line.** Two inputs of sign always part"),
    ],
)
def test_critical_point_is_named_under_a_criterion(name: str, said: str) -> None:
    text = criticality_words(ACTIVATIONS[name])
    assert said in text
    assert name == "sign" or "Criterion: χ₁ = 1 at an attracting q*" in text


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("point", [(0.0, 0.0), (1.0, 0.0), (2.0, 0.0), (3.0, 0.5), (300.0, 20.0)])
def test_phase_is_said_for_every_point(name: str, point: tuple[float, float]) -> None:
    found = fixed_point(name, *point)
    text = phase_words(found, ACTIVATIONS[name], point)
    assert f"**{found.phase}**" in text or name == "sign"
    assert not re.search(r"\bnan\b|\binf\b", text)


def test_words_of_standing_and_advice() -> None:
    plain = RunConfig(hidden=(8,) * 4, init="he_normal", activation="tanh")
    assert advice(plain) == []
    assert "has σ_w² = 2 and σ_b² = 0." in standing_words(plain, standing(plain))
    (note,) = advice(plain.replace(normalization="batch", activation="relu"))
    assert "relu: ‖δ‖ × 1.21 per layer" in note
    assert in_the_lab(plain, 1e6, 1e6).gain == REACH["gain"][1]


@pytest.mark.parametrize(
    ("gain", "where"), [("0.5", "in the ordered phase"), ("1", "on the critical line"), ("2", "in the chaotic phase")]
)
def test_diagram_is_read_to_those_who_cannot_see_it(gain: str, where: str) -> None:
    app = page(activation="tanh", init="lecun_normal", gain=gain)
    assert f"This network stands {where}." in plots(app)["chart_phases"]["alt"]
    element(app, "p_sigma_b2").set_value(0.5).run()
    assert "The circle is the chosen point" in plots(app)["chart_phases"]["alt"]


def test_runs_that_differ_in_training_share_their_spectrum() -> None:
    one = at_initialization(FIRST_SIGHT)
    assert one == at_initialization(FIRST_SIGHT.replace(learning_rate=0.5, optimizer="adam", steps=7, batch_size=3))
    assert one != at_initialization(FIRST_SIGHT.replace(seed=1))
    assert one.initial_theta().tobytes() == FIRST_SIGHT.initial_theta().tobytes()


# Figures ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("look", LOOKS, ids=("light", "dark"))
def test_phase_diagram_draws_its_measurement_and_can_be_clicked_everywhere(look: style.Style) -> None:
    measured = phase_map("tanh", *extent("tanh"))
    figure = plane.phase_diagram(measured, critical_curve("tanh", *extent("tanh")), (1.0, 0.0), (2.0, 0.3), look)
    heat = figure["data"][0]
    np.testing.assert_array_equal(heat["customdata"][..., 1], measured["chi_1"].astype(np.float32))
    np.testing.assert_array_equal(
        np.sign(heat["z"]), np.sign(np.log(np.maximum(measured["chi_1"], 1e-9))).astype(np.float32)
    )
    assert np.isfinite(heat["z"]).all()
    assert "hoverinfo" not in heat  # what is skipped by the pointer cannot be clicked
    assert all(each["hoverinfo"] == "skip" for each in figure["data"][1:] if each["type"] == "contour")


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("here", [(1.0, 0.0), (2.0, 0.0), (3.0, 0.1)])
def test_phases_are_named_inside_themselves_and_apart(name: str, here: tuple[float, float]) -> None:
    ranges = extent(name)
    measured = phase_map(name, *ranges)
    figure = plane.phase_diagram(measured, critical_curve(name, *ranges), here, here, style.LIGHT)
    named = {
        phase: (each["x"], each["y"])
        for each in figure["layout"]["annotations"]
        for phase in ("ordered", "chaotic")
        if phase in each["text"]
    }
    assert set(named) == ({"chaotic"} if name == "sign" else {"ordered", "chaotic"})
    if name == "sign":
        return
    for phase, (x, y) in named.items():
        chi = phase_map(name, *ranges)["chi_1"][
            np.argmin(abs(measured.axes["sigma_b2"] - y)), np.argmin(abs(measured.axes["sigma_w2"] - x))
        ]
        assert (chi < 1) == (phase == "ordered")
        assert 0.2 < x / ranges[0] < 0.8
    assert abs(named["ordered"][1] - named["chaotic"][1]) > 0.1 * ranges[1]


def test_contours_stand_at_their_depth_scale() -> None:
    measured = phase_map("relu", 4.0, 1.0)
    figure = plane.phase_diagram(measured, critical_curve("relu", 4.0, 1.0), None, (1.0, 0.0), style.LIGHT)
    for label, xi in (("ξ 3", 10**0.5), ("3", 10**0.5), ("10", 10.0)):
        places = [each["x"] for each in figure["layout"]["annotations"] if each["text"] == label]
        expected = {2 * np.exp(-1 / xi), 2 * np.exp(1 / xi)}
        assert places
        for place in places:
            assert min(abs(place - each) for each in expected) < 0.02


def test_staircases_draw_map_and_path() -> None:
    for measured, symbol in (
        (q_staircase("tanh", 2.0, 0.1, 3.0, 6), "q"),
        (c_staircase("tanh", 2.0, 0.1, 0.8, 0.2, 6), "c"),
        (q_staircase("relu", 4.0, 0.0, 1.0, 50), "q"),
    ):
        figure = charts.staircase(measured, symbol, style.LIGHT)
        on_path = np.isfinite(measured["layer"])
        drawn = {each["name"]: each for each in figure["data"]}
        np.testing.assert_array_equal(drawn["map"]["y"], measured[f"{symbol}_next"][~on_path])
        np.testing.assert_array_equal(drawn["layers"]["y"], measured[f"{symbol}_next"][on_path])
        stairs = drawn["this network"]
        assert len(stairs["x"]) == len(stairs["y"])
        steps = np.diff(stairs["x"]) * np.diff(stairs["y"])
        np.testing.assert_array_equal(steps, 0)  # each piece is level or upright
        assert drawn["map"]["line"]["dash"] == "dash"


def test_chi_chart_marks_now_and_critical() -> None:
    config = RunConfig(init="he_normal", gain=1.5)
    measured = gain_curve(config, "relu", 2.5)
    figure = charts.chi_against_gain(measured, "he_normal", 1.5, 1.0, style.LIGHT)
    assert figure["layout"]["yaxis"]["type"] == "log"
    assert [each["text"] for each in figure["layout"]["annotations"]] == ["now 1.5", "critical 1"]
    assert {shape["x0"] for shape in figure["layout"]["shapes"]} == {0, 1.5, 1.0}
    np.testing.assert_array_equal(figure["data"][0]["y"], measured["chi_1"])


def test_singular_values_draw_both_networks() -> None:
    config = RunConfig(hidden=(12,) * 4, activation="tanh", n_samples=40)
    measured = spectra(hidden_spectrum(config, 2), hidden_spectrum(partner(config), 2))
    figure = charts.singular_values(measured, style.DARK)
    for each, share in zip(figure["data"], measured["share"], strict=True):
        np.testing.assert_array_equal(each["y"], share)
    assert {each["line"]["dash"] for each in figure["data"]} == {"solid", "dash"}
    assert charts.spread_words("a", 0.0, 0.0, 0.0) == "a: spread 0, all are equal (theory exactly 0)."
    assert charts.spread_words("a", np.nan, None, 1.0).endswith("nothing passes.")


def test_what_a_chart_draws_stands_in_its_csv(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = {}
    real = card.show

    def noted(key, text, measurement, figure, **options):
        shown[key] = (text, measurement.frame(), figure)
        real(key, text, measurement, figure, **options)

    monkeypatch.setattr(card, "show", noted)
    check(page(activation="tanh", init="he_normal"))
    assert {f"chart_{key}" for key in shown} == CHARTS
    drawn = {
        "phases": lambda data: data[0]["customdata"][..., 1],
        "q_map": lambda data: data[3]["y"],
        "c_map": lambda data: data[3]["y"],
        "chi": lambda data: data[0]["y"],
        "singular": lambda data: data[1]["y"],
    }
    for key, (text, frame, figure) in shown.items():
        assert text.note.endswith(".")
        table = frame.select_dtypes("number").to_numpy(dtype=float)
        numbers = np.concatenate([table.ravel(), table.ravel().astype(np.float32)])
        assert np.isin(drawn[key](figure["data"]), numbers).all(), key
