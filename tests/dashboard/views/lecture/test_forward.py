"""Page 2, the forward pass: its numbers, its curve, its edge cases, and hostile addresses."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from dashboard.views.lecture.worked_example import EXAMPLE_THETA
from dashboard.words.numbers import digits
from nncore import ACTIVATIONS
from nncore.lecture.models import collapsed, forward
from tests.conftest import plots
from tests.dashboard.lab import opened

ROOT = Path(__file__).parents[4]
PAGE = ROOT / "dashboard" / "views" / "lecture" / "forward.py"
EXAMPLE = np.array(EXAMPLE_THETA)


def open_page(**parameters: object) -> AppTest:
    return opened(PAGE, **{name: str(value) for name, value in parameters.items()})


def drawing(app: AppTest, words: str) -> str:
    """The page's SVG that contains the words."""
    found = [json.loads(e.proto.json) for e in app.get("bidi_component") if e.proto.component_name == "nncore_theta"]
    return next(data["svg"] for data in found if words in data["svg"])


def formulas(app: AppTest) -> str:
    return "\n".join(element.value for element in app.latex)


def words(app: AppTest) -> str:
    return "\n".join(element.value for element in [*app.markdown, *app.info])


def trace(app: AppTest, name: str) -> dict[str, Any]:
    figure = plots(app)["chart_f_curve"]["figure"]
    return next(trace for trace in figure["data"] if trace["name"] == name)


def value(table: pd.DataFrame, symbol: str) -> float:
    return float(table.loc[table.symbol == symbol, "value"].iloc[0])


def test_the_page_opens_on_the_worked_example(recorded: dict) -> None:
    app = open_page()
    assert not app.exception
    for number in ("0.645656", "0.354344", "0.539353", "0.451959", "0.212606"):
        assert number in formulas(app)
    svg = drawing(app, "The 1-2-1 network")
    for text in ("θ0 = 0.1", "θ6 = −0.6", "U11 = 0.6", "O12 = 0.3543", "0.5394"):
        assert text in svg
    assert value(recorded["forward"], "f(x)") == forward(EXAMPLE, np.array(1.0)).f


def test_the_four_samples_are_in_the_table_and_in_the_csv(recorded: dict) -> None:
    app = open_page()
    table = app.dataframe[0].value
    assert list(table["f(x)"]) == ["0.397386", "0.469845", "0.539353", "0.604382"]
    csv = recorded["forward"]
    outputs = csv[csv.part.str.startswith("sample") & (csv.symbol == "f(x)")].value
    np.testing.assert_array_equal(outputs, forward(EXAMPLE, np.array([0.0, 0.5, 1.0, 1.5])).f)


@pytest.mark.parametrize("k", range(7))
def test_moving_a_theta_moves_the_curve_and_is_put_into_words(k: int) -> None:
    app = open_page()
    before = trace(app, "f(x)")["y"]
    app.slider(key=f"f_theta{k}").set_value(EXAMPLE[k] + 1.0).run()
    assert not app.exception
    theta = EXAMPLE + np.eye(7)[k]
    after = trace(app, "f(x)")
    np.testing.assert_allclose(after["y"], forward(theta, after["x"]).f, rtol=1e-12)
    assert np.abs(after["y"] - before).max() > 0.05
    np.testing.assert_allclose(trace(app, "worked example")["y"], before)
    assert f"**θ{k}** {digits(EXAMPLE[k])} → {digits(theta[k])}" in words(app)


def test_the_units_shares_and_theta_4_add_up_to_f() -> None:
    app = open_page(f_theta4=-1.5)
    total = -1.5 + trace(app, "θ5 O11")["y"] + trace(app, "θ6 O12")["y"]
    np.testing.assert_allclose(total, trace(app, "f(x)")["y"], atol=1e-12)


def test_with_linear_units_the_collapsed_line_lies_on_f() -> None:
    app = open_page(f_phi="linear")
    np.testing.assert_allclose(trace(app, "collapsed line")["y"], trace(app, "f(x)")["y"], atol=1e-14)
    assert "0.49" in formulas(app) and "0.59" in formulas(app)
    assert collapsed(EXAMPLE) == pytest.approx((0.49, 0.59))
    assert "f(x) = 0.49 + (0.59) x" in words(app)
    with pytest.raises(StopIteration):
        trace(open_page(f_phi="sigmoid"), "collapsed line")


@pytest.mark.parametrize("phi", list(ACTIVATIONS))
def test_every_activation_can_be_switched_to(phi: str) -> None:
    app = open_page(f_phi=phi)
    assert not app.exception
    np.testing.assert_allclose(trace(app, "f(x)")["y"], forward(EXAMPLE, trace(app, "f(x)")["x"], phi).f, rtol=1e-12)


@pytest.mark.parametrize(
    "name, named",
    [
        ("All θ equal", "Permutation symmetry"),
        ("All θ zero", "All θ are 0"),
        ("U = ±700", "flat side"),
        ("U = ±700", "outside the lecture's data"),
        ("No curve left", "Depth buys nothing"),
    ],
)
def test_an_edge_case_is_one_button_away_and_named(name: str, named: str) -> None:
    app = open_page()
    next(button for button in app.button if button.label == name).click().run()
    assert not app.exception
    assert named in words(app)


def test_units_saturated_at_700_show_finite_numbers(recorded: dict) -> None:
    app = open_page(f_theta0=0, f_theta1=0, f_theta2=10, f_theta3=-10, f_x=70)
    table = recorded["forward"]
    assert (value(table, "U11"), value(table, "U12")) == (700.0, -700.0)
    assert (value(table, "O11"), value(table, "φ′(U11)")) == (1.0, pytest.approx(np.exp(-700.0)))
    assert np.isfinite(table.value).all()
    assert np.isfinite(trace(app, "f(x)")["y"]).all()
    assert "nan" not in re.sub(r"<[^>]*>", "", drawing(app, "The 1-2-1 network")).lower()


def test_the_typed_x_reaches_beyond_the_slider_and_the_slider_follows() -> None:
    app = open_page()
    app.number_input(key="f_x").set_value(70.0).run()
    assert app.slider(key="f_x_drag").value == 4.0
    app.slider(key="f_x_drag").set_value(-2.0).run()
    assert app.number_input(key="f_x").value == -2.0


def test_an_answer_is_hidden_until_something_is_predicted() -> None:
    app = open_page()
    questions = [radio for radio in app.radio if radio.key.startswith("choice_")]
    assert len(questions) >= 3
    assert "No.] Right:" not in words(app) and "As you predicted" not in words(app)
    app.radio(key="choice_linear").set_value(0).run()
    assert "No.] Right:" in words(app) and "0.49 + 0.59 x" in words(app)
    app.radio(key="choice_linear").set_value(2).run()
    assert "As you predicted" in words(app)
    app.button(key="show_linear").click().run()
    assert app.selectbox(key="f_phi").value == "linear"


def test_theta_is_typed_in_one_field() -> None:
    app = open_page()
    app.text_input(key="f_theta_typed").set_value("1, 2, 3, 4, 5, 6, 7.125").run()
    assert not app.exception
    assert [app.slider(key=f"f_theta{k}").value for k in range(7)] == [1, 2, 3, 4, 5, 6, 7.125]
    assert "7.125" in formulas(app)
    app.text_input(key="f_theta_typed").set_value("1, 2").run()
    assert any("θ must be 7 numbers" in caption.value for caption in app.caption)


HOSTILE = ("nan", "1e400", "-1e400", "99999", "<script>alert(1)</script>", "", "θ", "9" * 5000)


@pytest.mark.parametrize("attack", HOSTILE, ids=lambda text: text[:12] or "empty")
def test_a_hostile_address_opens_the_page_all_the_same(attack: str) -> None:
    app = open_page(f_theta0=attack, f_theta6=attack, f_x=attack, f_phi=attack, f_x_drag=attack)
    assert not app.exception
    assert np.isfinite(trace(app, "f(x)")["y"]).all()
    assert "<script" not in drawing(app, "The 1-2-1 network")


def test_a_moved_theta_of_the_drawing_is_the_sliders() -> None:
    app = open_page(f_theta3="0.25")
    (data,) = [json.loads(e.proto.json) for e in app.get("bidi_component") if e.proto.component_name == "nncore_theta"]
    assert data["theta"] == [0.1, -0.2, 0.5, 0.25, 0.3, 0.7, -0.6]
    assert (data["limit"], data["step"], data["stages"]) == (10.0, 0.05, [])
    assert all(f'data-theta="{k}"' in data["svg"] for k in range(7))
