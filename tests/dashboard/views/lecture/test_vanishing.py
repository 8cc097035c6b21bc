"""Why gradients vanish and explode: the product on the page is the backward pass, and each regime is named."""

from urllib.parse import parse_qs

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from dashboard.charts import style
from dashboard.views.lecture import charts_vanishing as charts
from dashboard.words.numbers import digits
from nncore import ACTIVATIONS
from nncore.lecture.chain import unit_chain
from tests.conftest import plots
from tests.dashboard.lab import opened_on


def open_page(**query: str) -> AppTest:
    app = opened_on("lecture_vanishing", **query)
    assert not app.exception
    return app


def press(app: AppTest, label: str) -> AppTest:
    next(button for button in app.button if button.label == label).click()
    app.run()
    assert not app.exception
    return app


def words(app: AppTest) -> str:
    return "\n".join(element.value for kind in ("markdown", "latex", "info") for element in app.get(kind))


def product(app: AppTest) -> np.ndarray:
    return plots(app)["chart_v_product"]["figure"]["data"][1]["y"]


@pytest.mark.parametrize("phi", ACTIVATIONS)
def test_the_drawn_product_is_the_chain_s(phi: str) -> None:
    app = open_page(v_theta="2.5", v_depth="12", v_bias="my own", v_b="0.3", v_x="-0.7", v_phi=phi)
    expected = np.abs(unit_chain(2.5, 0.3, -0.7, 12, phi).product)
    np.testing.assert_allclose(product(app), np.where(expected > 0, expected, np.nan), rtol=1e-12)


@pytest.mark.parametrize(
    ("label", "sentence"),
    [
        ("θ = 1", "It vanishes"),
        ("θ = 20, saturated", "The slope wins, and the large weight vanishes"),
        ("θ = 8, b = −θ/2", "each factor is θ/4 = 2"),
        ("θ = 4, b = −θ/2", "It is carried"),
        ("a nudge of x", "It vanishes"),
        ("tanh, θ = 1", "It vanishes"),
        ("ReLU, θ = 2", "It explodes"),
    ],
)
def test_each_situation_is_named(label: str, sentence: str) -> None:
    assert sentence in words(press(open_page(), label))


def test_each_factor_is_written_until_the_last() -> None:
    written = words(open_page(v_depth="9"))
    for d in (1, 2, 3, 4, 5, 9):
        assert f"P_{{{d}}} &=" in written
    assert r"\cdots" in written


def test_the_border_is_exactly_one() -> None:
    app = open_page(v_theta="4", v_bias="−θ/2", v_depth="50")
    assert (product(app) == 1).all()


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"v_theta": "40", "v_depth": "30"}, "smaller than the smallest float"),
        ({"v_theta": "0"}, "a factor is exactly 0"),
        ({"v_phi": "sign"}, "a factor is exactly 0"),
        ({"v_x": "-700", "v_theta": "1", "v_depth": "1"}, "It vanishes"),
        ({"v_phi": "linear", "v_theta": "40", "v_depth": "50"}, "It explodes"),
    ],
    ids=str,
)
def test_extremes_are_named_and_not_broken(query: dict[str, str], sentence: str) -> None:
    assert sentence in words(open_page(**query))


KEYS = ("v_theta", "v_depth", "v_bias", "v_b", "v_x", "v_phi")


@pytest.mark.parametrize("value", ["nan", "-1", "1e400", "9" * 400, "<script>alert(1)</script>", "", "tanh"])
def test_a_hostile_address_is_ignored(value: str) -> None:
    open_page(**dict.fromkeys(KEYS, value))


def test_four_questions_are_asked_and_each_shows_its_numbers() -> None:
    app = open_page()
    assert len(app.radio) == 4
    for radio in list(app.radio):
        radio.set_value(1)
    app.run()
    assert not app.exception
    shown = words(app)
    for chain in (unit_chain(1.0, 0.0, 0.5, 10), unit_chain(20.0, 0.0, 0.5, 10), unit_chain(8.0, -4.0, 0.5001, 40)):
        assert digits(float(chain.product[-1]), 3) in shown
    assert digits(2.0**30) in shown


def test_the_links_open_the_lab_at_set_ups_that_differ() -> None:
    links = {element.proto.label: element.proto.query_string for element in open_page().get("page_link")}
    assert len(links) == 8
    assert links["Deep sigmoid: vanishes"] == ""
    assert links["tanh and Xavier mend it"] == "activation=tanh"
    assert parse_qs(links["Large weights: explodes"]) == {
        "activation": ["relu"],
        "init": ["he_normal"],
        "gain": ["2.0"],
    }


def test_each_line_of_the_product_multiplies_the_one_above_and_stays_short() -> None:
    lines = next(element.value for element in open_page(v_theta="-12.5").get("latex")).splitlines()
    assert any(line.startswith(r"P_{3} &= P_{2} \cdot \underbrace{") for line in lines)
    assert any(line.startswith(r"P_{10} &= P_{9} \cdot \underbrace{") for line in lines)


@pytest.mark.parametrize("phi", ACTIVATIONS)
@pytest.mark.parametrize("bias", charts.BIASES)
def test_the_words_below_the_map_speak_of_a_line_only_where_there_is_one(phi: str, bias: str) -> None:
    measured = charts.map_measurement(0.5, 10, phi, bias, 0.0)
    powers = measured["log10_product"]
    assert ("on the line" in charts.regimes_finding(measured)) == bool((powers > 0).any() and (powers < 0).any())


def test_the_dashed_line_is_said_and_seen_where_a_curve_lies_on_it() -> None:
    found = charts.factor_measurement(0.5, 10, "sigmoid", 0.0, 0.25)
    assert "0.25 · |θ|" in charts.factor_finding(found, 0.25) and "b = −θ/2 lies on it" in charts.factor_finding(
        found, 0.25
    )
    dashed = charts.factor(found, 1.0, False, style.LIGHT)["data"][-1]
    assert dashed["line"]["dash"] == "dash"
    tanh = charts.factor_measurement(0.5, 10, "tanh", 0.0, 1.0)
    assert "1 · |θ|" in charts.factor_finding(tanh, 1.0) and "lies on it" not in charts.factor_finding(tanh, 1.0)
