"""Page 1, from logistic regression to a neuron: its curves, its fit, its drawings, its activation table."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from nncore import ACTIVATIONS
from nncore.lecture.models import OVERLAPPING, fit_logistic, logistic
from tests.conftest import plots
from tests.dashboard.lab import opened

ROOT = Path(__file__).parents[4]
PAGE = ROOT / "dashboard" / "views" / "lecture" / "neuron.py"


def open_page(**parameters: object) -> AppTest:
    return opened(PAGE, **{name: str(value) for name, value in parameters.items()})


def drawings(app: AppTest) -> str:
    """All SVG of the page."""
    found = [json.loads(e.proto.json) for e in app.get("bidi_component") if e.proto.component_name == "nncore_drawing"]
    return "\n".join(data["svg"] for data in found)


def words(app: AppTest) -> str:
    return "\n".join(element.value for element in [*app.markdown, *app.info, *app.success])


def figure(app: AppTest, key: str) -> dict[str, Any]:
    return plots(app)[f"chart_{key}"]["figure"]


def test_the_three_curves_are_one_model_and_the_logit_is_straight() -> None:
    app = open_page(n_theta0=-0.5, n_theta1=1.5)
    assert not app.exception
    p, odds, logit = (figure(app, f"n_{name}")["data"][0] for name in ("p", "odds", "log_odds"))
    np.testing.assert_allclose(odds["y"], p["y"] / (1 - p["y"]), rtol=1e-9)
    np.testing.assert_allclose(np.log(odds["y"]), logit["y"], atol=1e-12)
    np.testing.assert_allclose(logit["y"], -0.5 + 1.5 * logit["x"], atol=1e-12)


def test_x_is_read_off_on_all_three() -> None:
    app = open_page(n_theta0=-1, n_theta1=2)
    app.slider(key="n_x_drag").set_value(1.25).run()
    seen = logistic(np.array([-1.0, 2.0]), np.array(1.25))
    for name, expected in (("p", seen.p), ("odds", seen.odds), ("log_odds", seen.log_odds)):
        marker = figure(app, f"n_{name}")["data"][1]
        assert (float(marker["x"][0]), float(marker["y"][0])) == pytest.approx((1.25, float(expected)))


def test_the_fit_ends_at_the_maximum_likelihood_answer_and_says_so(recorded: dict) -> None:
    app = open_page()
    assert "is the maximum-likelihood answer" in app.success[0].value
    fit = fit_logistic(*OVERLAPPING, np.array([0.0, 1.0]), 1.0, 200)
    assert "θ0 = −0.551789, θ1 = 0.993086" in app.success[0].value
    table = recorded["neuron"]
    last = table[(table.part == "fit, step 200") & table.symbol.isin(["θ0", "θ1"])].value
    np.testing.assert_array_equal(last[:2], fit.theta[-1])
    np.testing.assert_array_equal(figure(app, "n_path")["data"][0]["y"], fit.theta[:, 0])


def test_any_step_of_the_fit_can_be_looked_at() -> None:
    app = open_page(n_step=3)
    fit = fit_logistic(*OVERLAPPING, np.array([0.0, 1.0]), 1.0, 200)
    curve = next(trace for trace in figure(app, "n_fit")["data"] if trace["name"] == "step 3")
    np.testing.assert_allclose(curve["y"], logistic(fit.theta[3], curve["x"]).p, rtol=1e-12)


def test_the_last_theta_can_be_taken_up_to_the_sliders() -> None:
    app = open_page()
    app.button(key="n_take").click().run()
    assert app.slider(key="n_theta1").value == pytest.approx(0.99308598, abs=1e-8)


@pytest.mark.parametrize(
    "settings, sentence",
    [
        ({"n_data": "separable"}, "no maximum-likelihood answer"),
        ({"n_alpha": 0.01}, "not the answer yet"),
        ({"n_alpha": 100}, "α is too large"),
    ],
)
def test_a_fit_that_does_not_arrive_says_why(settings: dict, sentence: str) -> None:
    app = open_page(**settings)
    assert not app.exception
    assert sentence in app.warning[0].value and not app.success


def test_the_neuron_carries_live_numbers() -> None:
    app = open_page(n_theta0=0.5, n_theta1=-2, n_x=1.5, n_phi="tanh")
    svg = drawings(app)
    assert "A biological neuron" in svg and "An artificial neuron" in svg
    assert svg.count("= −2.5") >= 2
    assert f"O = {np.tanh(-2.5):.4f}".replace("-", "−") in svg


def test_the_table_shows_every_activation_the_lectures_five_first(recorded: dict) -> None:
    app = open_page()
    formulas = "\n".join(element.value for element in app.latex)
    for phi in ACTIVATIONS.values():
        assert phi.latex in formulas
        assert f"**{phi.name}**" in words(app) and phi.saturates in words(app)
        assert f"{phi.name}: φ solid" in drawings(app).replace("phi solid", "φ solid")
    names = [
        name
        for name in (e.value.split("**")[1] for e in app.markdown if e.value.startswith("**"))
        if name in ACTIVATIONS
    ]
    assert names[:5] == ["linear", "sign", "sigmoid", "relu", "tanh"] and len(names) == len(ACTIVATIONS)
    assert sum("Zero gradient everywhere" in element.value for element in app.markdown) == 1
    table = recorded["neuron"]
    assert set(ACTIVATIONS) <= set(table.part)


def test_the_heat_map_is_blank_exactly_where_no_gradient_passes() -> None:
    trace = figure(open_page(), "n_slopes")["data"][0]
    for name, shade in zip(trace["y"], trace["z"], strict=True):
        slope = np.abs(ACTIVATIONS[name].slope(np.asarray(trace["x"], float)))
        np.testing.assert_array_equal(np.isnan(shade), slope == 0)
    assert np.isnan(trace["z"][list(trace["y"]).index("sign")]).all()


@pytest.mark.parametrize("x, p", [(70.0, 1.0), (-70.0, np.exp(-700.0))])
def test_a_saturated_neuron_shows_finite_numbers(recorded: dict, x: float, p: float) -> None:
    app = open_page(n_theta0=0, n_theta1=10, n_x=x)
    assert not app.exception
    table = recorded["neuron"]
    assert float(table.loc[table.symbol == "P", "value"].iloc[0]) == pytest.approx(p)
    assert "far out" in words(app) and "outside the samples" in words(app)


def test_every_situation_opens() -> None:
    app = open_page()
    for button in [button for button in app.button if button.key.startswith("n_set_")]:
        app.button(key=button.key).click().run()
        assert not app.exception


def test_an_answer_is_hidden_until_something_is_predicted() -> None:
    app = open_page()
    questions = [radio for radio in app.radio if radio.key.startswith("choice_")]
    assert len(questions) >= 3
    assert "No.] Right:" not in words(app) and "As you predicted" not in words(app)
    for radio in questions:
        app.radio(key=radio.key).set_value(0).run()
        assert not app.exception
    assert words(app).count("No.] Right:") + words(app).count("As you predicted") == len(questions)
    app.button(key="show_dead").click().run()
    assert (app.slider(key="n_theta0").value, app.selectbox(key="n_phi").value) == (-3.0, "relu")


HOSTILE = ("nan", "1e400", "-1e400", "99999", "<script>alert(1)</script>", "", "θ", "9" * 5000)


@pytest.mark.parametrize("attack", HOSTILE, ids=lambda text: text[:12] or "empty")
def test_a_hostile_address_opens_the_page_all_the_same(attack: str) -> None:
    names = ("n_theta0", "n_theta1", "n_x", "n_phi", "n_data", "n_alpha", "n_step", "n_x_drag")
    app = open_page(**dict.fromkeys(names, attack))
    assert not app.exception
    assert np.isfinite(figure(app, "n_p")["data"][0]["y"]).all()
