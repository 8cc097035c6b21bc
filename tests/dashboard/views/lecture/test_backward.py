"""Backpropagation by hand: THEORY's worked numbers are on the page, and every situation says what it is."""

import json
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from dashboard.views.lecture import backward_questions as questions
from dashboard.views.lecture.worked_example import EXAMPLE_THETA, descent_from
from nncore import ACTIVATIONS, RunConfig, run
from tests.conftest import decode, plots
from tests.dashboard.lab import bar, opened_on, tell
from tests.dashboard.plot.test_frames import played

ROOT = Path(__file__).parents[4]
TRAJECTORIES = json.loads((ROOT / "tests" / "cases" / "trajectories.json").read_text(encoding="utf-8"))
EXPECTED = next(c for c in TRAJECTORIES["cases"] if c["id"] == "public-lecture-1-2-1-sgd")["expected"]


def open_page(**query: str) -> AppTest:
    app = opened_on("lecture_backward", **query)
    assert not app.exception
    return app


def read(text: str) -> float:
    """A number as a table writes it: −0.4, 1.2 · 10⁻⁹."""
    mantissa, _, power = text.translate(str.maketrans("−⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "--0123456789")).partition("\u202f·\u202f10")
    return float(mantissa.replace("∞", "inf").replace("undefined", "nan") + (f"e{power}" if power else ""))


def numbers(app: AppTest) -> dict[tuple[str, str, str], float]:
    """The page's table of all numbers: (part, symbol, meaning) -> value."""
    rows = app.dataframe[-1].value
    values = [read(text) for text in rows["value"]]
    return dict(zip(zip(rows["part"], rows["symbol"], rows["meaning"], strict=True), values, strict=True))


def words(app: AppTest) -> str:
    return "\n".join(
        element.value for kind in ("markdown", "info", "error", "warning", "latex") for element in app.get(kind)
    )


def test_the_worked_example_is_on_the_page() -> None:
    shown = numbers(open_page())
    values = np.array(list(shown.values()))
    worked = (
        *(0.3973858296, 0.4698449013, 0.5393531981, 0.6043816884, 0.7816255954422997),
        *(0.6, -0.6, 0.6456563062, 0.3543436938),
        *(0.1601489683, -0.1372705443, 0.6456563062, 0.3543436938),
        *(-0.10436454150510, 0.09186682913556, -0.20878963521872, 0.18209977474683),
        *(-0.74451719128289, -0.55635072852686, -0.20314744901354),
        *(0.11043645415051, -0.20918668291356, 0.52087896352187, -0.41820997747468),
        *(0.37445171912829, 0.75563507285269, -0.57968525509865, 0.6966419591849016),
    )
    for number in worked:
        assert np.abs(values - number).min() < 1e-9 * max(1, abs(number)), number


@pytest.mark.parametrize("k", range(7))
def test_the_chain_of_each_theta_multiplies_to_its_slope(k: int) -> None:
    shown = numbers(open_page(b_k=f"θ{k}", b_sample="4"))
    chain = {symbol: value for (part, symbol, _), value in shown.items() if part == f"chain of θ{k}"}
    product = chain.pop(f"∂f/∂θ{k}")
    assert np.prod(list(chain.values())) == pytest.approx(product, rel=1e-8)
    assert len(chain) == (3 if k < 4 else 1)
    update = f"update of θ{k}"
    slides, own = (
        shown[update, f"Δ ∂f/∂θ{k}", "one sample, slides"],
        shown[update, f"∂E/∂θ{k} of this sample", "2 Δ ∂f/∂θ"],
    )
    assert own == pytest.approx(2 * slides, rel=1e-8)
    assert shown[update, "its error", "this sample"] < 1e-8
    assert shown[update, "its error", "all samples"] < 1e-8


def test_the_page_shows_what_the_slides_write() -> None:
    written = words(open_page())
    assert r"\theta_6 \cdot O_{12}(1 - O_{12}) \cdot x" in written
    assert r"-(y_a - y_p)" in written
    assert r"-\tfrac{2}{N} \sum (y - f)" in written


# By hand, as with a pencil ----------------------------------------------------------------------------------

SEVEN = (0.4, -0.7, 0.9, 0.6, -0.2, 1.1, 0.8)


def test_every_line_that_a_pencil_needs_stands_on_the_page() -> None:
    app = open_page(b_sample="4", b_alpha="0.25")
    app.text_input(key="b_theta_typed").set_value(", ".join(map(str, SEVEN))).run()
    written = words(app)
    for line in (
        "sample 4: x = 1.5, y = 2.25",
        r"\theta_1 + \theta_3\,x \\ &= -0.7 + 0.6 \cdot 1.5 \\ &= 0.2",
        r"O_{12}\,(1 - O_{12}) \\ &= 0.549834 \cdot (1 - 0.549834) \\ &= 0.247517",
        r"0.8 \cdot 0.247517 \cdot 1.5 \\ &= \mathbf{0.2970198873}",
        r"-(y_a - y_p) \\ &= -(2.25 - 1.17702) \\ &= -1.0729847",
        r"(-1.07298) \cdot 0.29702 \\ &= -0.3186978",
        r"0.6 - 0.25 \cdot (-0.318698) \\ &= \mathbf{0.67967445}",
        r"(0.25 - 0.891674)\,(0.0961043)",
        r"(2.25 - 1.17702)\,(0.29702)",
        r"0 - 0.0616676 - 0.00886485",
        r"-\tfrac{2}{4} \cdot 0.24816535 \\ &= -0.12408268",
        r"\mathbf{0.63102067}",
    ):
        assert line in written, line


@pytest.mark.parametrize("phi", list(ACTIVATIONS))
@pytest.mark.parametrize("k", [1, 6])
def test_the_lines_are_written_for_any_activation(phi: str, k: int) -> None:
    written = words(open_page(b_phi=phi, b_k=f"θ{k}"))
    assert (r"\varphi'(U_{12}) &= " in written) == (k == 1)
    assert r"S &= \sum (y - f)" in written


def test_a_saturated_slope_is_not_written_as_one_minus_one() -> None:
    written = words(open_page(b_theta0="2", b_theta2="10", b_sample="4", b_k="θ0"))
    assert r"0.9999999586 \\ &\quad \cdot (1 - 0.9999999586) \\ &= 4.1399 \cdot 10^{-8}" in written
    written = words(open_page(b_theta0="10", b_theta2="10", b_sample="my own", b_x="70", b_k="θ0"))
    assert "(1 - 1)" not in written and r"1 \cdot " in written


@pytest.mark.parametrize(
    "text",
    [
        "0.4, -0.7, 0.9, 0.6, -0.2, 1.1, 0.8",
        "0.4\t−0.7\t0.9\t0.6\t−0.2\t1.1\t0.8\n",
        "[0.4 -7e-1 .9 0.6 -0.2 +1.1 0.8]",
        "0,4; -0,7; 0,9; 0,6; -0,2; 1,1; 0,8",
        "0,4 -0,7 0,9 0,6 -0,2 1,1 0,8",
        "(0.4,-0.7,0.9,0.6,-0.2,1.1,0.8,)",
    ],
)
@pytest.mark.parametrize("part", ["By hand", "Descent"])
def test_seven_numbers_typed_or_pasted_are_theta(text: str, part: str) -> None:
    app = open_page(b_part=part)
    assert app.text_input(key="b_theta_typed").value == "0.1, -0.2, 0.5, -0.4, 0.3, 0.7, -0.6"
    app.text_input(key="b_theta_typed").set_value(text).run()
    assert not app.exception
    assert tuple(app.slider(key=f"b_theta{k}").value for k in range(7)) == SEVEN
    assert app.text_input(key="b_theta_typed").value == "0.4, -0.7, 0.9, 0.6, -0.2, 1.1, 0.8"
    assert app.query_params["b_theta6"] in ("0.8", ["0.8"])


def test_typed_digits_are_kept_and_the_field_follows_the_sliders() -> None:
    app = open_page()
    app.text_input(key="b_theta_typed").set_value("0.123456789012, -1e-7, 0, 0, 0, 0, 10").run()
    assert app.slider(key="b_theta0").value == 0.123456789012
    assert numbers(app)["parameters", "θ1", "slider"] == -1e-7
    app.slider(key="b_theta2").set_value(2.5).run()
    assert app.text_input(key="b_theta_typed").value == "0.123456789012, -1e-07, 2.5, 0, 0, 0, 10"
    next(button for button in app.button if button.label == "All θ equal").click().run()
    assert app.text_input(key="b_theta_typed").value == ", ".join(["0.5"] * 7)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("0.4, -0.7", "θ must be 7 numbers, such as 0.1, -0.2, 0.5, -0.4, 0.3, 0.7, -0.6; got 2"),
        ("1 2 3 4 5 6 7 8", "got 8"),
        ("; ,", "got 0"),
        ("1, 2, x, 4, 5, 6, 7", "θ2 must be a number; got 'x'"),
        ("1, 2, *3*, 4, 5, 6, 7", r"θ2 must be a number; got '\*3\*'"),
        ("1, 2, 3, 4, 5, 6, 11", "θ6 must be from −10 to 10; got 11"),
        ("nan, 2, 3, 4, 5, 6, 1", "θ0 must be from −10 to 10; got nan"),
        ("1, 2, 3, 4, 5, -1e999, 1", "θ5 must be from −10 to 10; got -1e999"),
    ],
)
def test_what_is_no_theta_is_one_sentence_and_moves_nothing(text: str, sentence: str) -> None:
    app = open_page()
    app.text_input(key="b_theta_typed").set_value(text).run()
    assert not app.exception
    assert any(sentence in caption.value for caption in app.caption), [c.value for c in app.caption]
    assert app.text_input(key="b_theta_typed").value == text
    assert [app.slider(key=f"b_theta{k}").value for k in range(7)] == list(EXAMPLE_THETA)
    app.text_input(key="b_theta_typed").set_value("").run()
    assert app.text_input(key="b_theta_typed").value == "0.1, -0.2, 0.5, -0.4, 0.3, 0.7, -0.6"
    assert not any("θ must be" in caption.value for caption in app.caption)


# Situations -------------------------------------------------------------------------------------------------


def situation(name: str) -> AppTest:
    app = open_page()
    next(button for button in app.button if button.label == name).click()
    app.run()
    assert not app.exception
    return app


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("All θ equal", "Permutation symmetry"),
        ("All θ zero", "exactly 0 for θ0, θ1, θ2, θ3"),
        ("U = ±700", "Unit 1 is saturated"),
        ("x outside the data", "lies outside the lecture's data"),
    ],
)
def test_a_situation_is_named(name: str, sentence: str) -> None:
    assert sentence in words(situation(name))


def test_saturation_keeps_its_digits() -> None:
    shown = numbers(situation("U = ±700"))
    assert shown["forward", "U11", "at x"] == 700
    assert 0 < shown["forward", "φ′(U11)", "at x"] < 1e-300


@pytest.mark.parametrize("u", ["700", "-700", "1000"])
def test_the_sigmoid_s_slope_says_what_floats_do_to_it(u: str) -> None:
    app = open_page(b_part="Slope", b_u=u)
    shown = numbers(app)
    assert shown["sigmoid", "O · (1 − O)", "multiplied in floats"] in (
        0.0,
        shown["sigmoid", "dO/dU", "e^−U / (1 + e^−U)²"],
    )
    assert shown["sigmoid", "dO/dU", "e^−U / (1 + e^−U)²"] == (
        0 if u == "1000" else pytest.approx(9.8597e-305, rel=1e-4)
    )


def test_the_derivation_can_be_uncovered_line_by_line() -> None:
    assert len([line for line in open_page(b_part="Slope").latex if r"\frac{dO}{dU} = " in line.value]) == 6
    few = open_page(b_part="Slope", b_lines="2")
    assert len([line for line in few.latex if r"\frac{dO}{dU} = " in line.value]) == 2


def test_the_descent_is_the_reference_trajectory_at_any_step() -> None:
    app = open_page(b_part="Descent")
    figures = plots(app)
    losses = np.array(EXPECTED["losses"])
    drawn = figures["chart_b_loss"]["figure"]["data"][0]["y"]
    np.testing.assert_allclose(drawn[: len(losses)], losses, rtol=1e-9)
    for step in (0, 7, 3, 500):
        app.slider(key="b_step").set_value(step)
        app.run()
        assert app.query_params.get("b_step", ["0"]) in ([str(step)], str(step))
        shown = numbers(app)
        assert shown[f"step {step}", "E", "mean of (y − f)²"] == pytest.approx(drawn[step], rel=1e-8)
    parameters = plots(app)["chart_b_parameters"]["figure"]["data"]
    assert [trace["name"] for trace in parameters] == [f"θ{k}" for k in range(7)] * 2


def test_buttons_walk_rewind_and_end() -> None:
    app = open_page(b_part="Descent", b_steps="20")
    for step in (1, 2, 1, 20, 0):
        tell(app, "go", step)
        assert not app.exception
        assert app.slider(key="b_step").value == bar(app)["record"] == step
    assert bar(app)["last"] == 20


def test_playing_shows_every_step_and_stops_at_the_end() -> None:
    app = open_page(b_part="Descent", b_steps="20")
    assert not any(plot["frames"] for plot in plots(app).values())
    tell(app, "play", 0)
    assert not app.exception
    playing = bar(app)["playing"]
    assert playing["steps"] == list(range(21))
    drawn = plots(app)
    assert set(drawn) == {"chart_b_curve", "chart_b_loss", "chart_b_parameters"}
    assert all(plot["frames"]["run"] == playing["run"] for plot in drawn.values())
    assert played(drawn["chart_b_loss"]["frames"], 7)["layout"]["shapes"][0]["x0"] == 7
    curve = played(drawn["chart_b_curve"]["frames"], 7)["data"][1]["y"]
    tell(app, "stop", 7)
    assert app.slider(key="b_step").value == 7
    assert app.query_params["b_step"] in (["7"], "7")
    assert bar(app)["playing"] is None
    now = plots(app)["chart_b_curve"]
    assert not now["frames"]
    np.testing.assert_array_equal(decode(now["figure"]["data"][1]["y"]), curve)
    tell(app, "play", 7)
    assert bar(app)["playing"]["start"] == 7
    tell(app, "stop", 20)
    assert numbers(app)["step 20", "E", "mean of (y − f)²"] > 0
    assert bar(app)["playing"] is None


@pytest.mark.parametrize(("alpha", "phi", "end"), [("2", "sigmoid", 323), ("1000", "linear", None)])
def test_a_descent_that_diverges_is_played_until_it_breaks(alpha: str, phi: str, end: int | None) -> None:
    app = open_page(b_part="Descent", b_alpha=alpha, b_phi=phi)
    tell(app, "play", 0)
    assert not app.exception
    playing = bar(app)["playing"]
    assert playing["steps"][0] == 0
    assert end is None or playing["steps"][-1] == end
    assert "∞" in playing["facts"][-1] or "undefined" in playing["facts"][-1]


def test_a_learning_rate_that_diverges_says_so_and_at_which_step() -> None:
    app = open_page(b_part="Descent", b_alpha="2")
    (error,) = app.error
    assert "Diverged at step 323" in error.value and "too large" in error.value
    assert app.slider(key="b_step").max == 323
    shown = plots(app)["chart_b_parameters"]["figure"]["data"][0]["y"]
    assert np.isfinite(shown).all()


def test_a_learning_rate_that_rises_without_overflow_says_so_too() -> None:
    (warning,) = open_page(b_part="Descent", b_alpha="1").warning
    assert "rose from" in warning.value


def test_fewer_steps_than_the_chosen_one_move_to_the_last() -> None:
    app = open_page(b_part="Descent", b_step="400")
    app.number_input(key="b_steps").set_value(50)
    app.run()
    assert not app.exception and app.slider(key="b_step").value == 50


LAB = {"dataset": "moons", "depth": "3", "width": "4", "activation": "tanh", "steps": "20", "seed": "5"}


def test_the_inspector_opens_the_lab_s_run() -> None:
    app = open_page(b_part="Inspector", b_layer="2", b_from="3", b_to="1", b_row="6", step="7", **LAB)
    config = RunConfig(dataset="moons", hidden=(4,) * 3, activation="tanh", init="xavier_normal", steps=20, seed=5)
    history = run(config)
    shown = numbers(app)
    index = history.layout.bounds[1][0] + 4 + 3 * 4 + 1
    assert shown["parameter", f"θ{index}", "its value"] == pytest.approx(history.theta[7, index], rel=1e-9)
    assert shown["paths", "number", ""] == 4
    products = [value for (part, symbol, _), value in shown.items() if symbol == "product"]
    gradient = shown["gradient", f"∂E/∂θ{index}", "backward pass, this sample"]
    assert sum(products) == pytest.approx(gradient, rel=1e-8)
    assert shown["check", "its error", "this sample"] < 1e-9
    assert {"chart_b_layers", "chart_b_paths"} <= set(plots(app))


@pytest.mark.parametrize(
    "changes",
    [
        {"depth": "0"},
        {"normalization": "batch"},
        {"normalization": "layer"},
        {"skip": "true"},
        {"dataset": "blobs"},
        {"activation": "relu", "init": "zeros"},
        {"steps": "0"},
        {"learning_rate": "1000", "activation": "relu"},
    ],
    ids=str,
)
def test_the_inspector_opens_any_network(changes: dict[str, str]) -> None:
    app = open_page(b_part="Inspector", **(LAB | changes))
    assert "chart_b_layers" in plots(app)
    assert ("chart_b_paths" in plots(app)) == ("normalization" not in changes)


def test_the_inspector_follows_a_network_that_shrinks() -> None:
    app = open_page(b_part="Inspector", b_layer="4", b_from="3", **LAB)
    app.slider(key="depth").set_value(1)
    app.run()
    assert not app.exception
    assert app.number_input(key="b_layer").value == 2


HOSTILE = ("nan", "-1", "1e400", "9" * 400, "<script>alert(1)</script>", "θ9", "", "0; DROP")
KEYS = (
    "b_part",
    "b_k",
    "b_sample",
    "b_x",
    "b_y",
    "b_u",
    "b_alpha",
    "b_steps",
    "b_step",
    "b_theta0",
    "b_phi",
    "b_lines",
    "b_layer",
    "b_from",
    "b_row",
)


@pytest.mark.parametrize("part", ["By hand", "Slope", "Descent", "Inspector"])
@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_address_is_ignored(part: str, value: str) -> None:
    small = {**LAB, "b_sample": "my own"}
    open_page(**{**small, **dict.fromkeys(KEYS, value), "b_part": part})


@pytest.mark.parametrize("part", ["By hand", "Slope", "Descent"])
def test_each_part_asks_three_questions_and_hides_the_answer_until_then(part: str) -> None:
    app = open_page(b_part=part)
    assert len(app.radio) == 3
    assert "As you predicted" not in words(app) and "No.] Right:" not in words(app)
    app.radio[0].set_value(0)
    app.run()
    assert "As you predicted" in words(app) or "No.] Right:" in words(app)


def test_a_wrong_answer_is_followed_by_the_right_one() -> None:
    app = open_page(b_part="By hand")
    app.radio[0].set_value(0)
    app.run()
    question = questions.zero()
    assert f"No.] Right: **{question.choices[question.answer]}**." in words(app)


@pytest.mark.parametrize("name", ["zero", "equal", "flat", "bounce", "saturation", "ceiling"])
def test_the_answers_are_what_the_numbers_say(name: str) -> None:
    question = getattr(questions, name)()
    assert 0 <= question.answer < len(question.choices)
    assert question.because and question.situation


def test_the_answer_of_equal_units_is_that_they_never_part() -> None:
    path = descent_from((0.0, 0.0, 0.5, 0.5, 0.0, 0.7, 0.7))
    np.testing.assert_array_equal(path.theta[:, 2], path.theta[:, 3])
    zero = descent_from((0.0,) * 7)
    assert zero.loss[-1] < 0.1 * zero.loss[0]
    assert (zero.grad[0][:4] == 0).all() and (zero.grad[0][4:] != 0).all()
