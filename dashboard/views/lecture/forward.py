"""Forward pass: the 1-2-1 network node by node, its curve, and what each theta does to it."""

from __future__ import annotations

import numpy as np
import streamlit as st

from dashboard.ui import card, symbols, tables, theme
from dashboard.views.lecture import charts_forward as charts
from dashboard.views.lecture import network as drawn_network
from dashboard.views.lecture.inputs import activation_picker, set_up, theta_settings, theta_sliders, x_picker
from dashboard.views.lecture.numbers_table import Numbers
from dashboard.views.lecture.pencil import forward_lines
from dashboard.views.lecture.quiz import Question, ask, predict
from dashboard.views.lecture.worked_example import EXAMPLE_THETA, ROLES, SAMPLES
from dashboard.words.formulas import folded, product, tex, worked
from dashboard.words.numbers import digits
from nncore import Activation, measures, run
from nncore.experiments import EXPERIMENTS
from nncore.lecture.models import ForwardPass, collapsed, forward, symmetry

EXAMPLE = np.array(EXAMPLE_THETA)
SITUATIONS = {
    "Worked example": ("The lecture's θ at x = 1.", EXAMPLE_THETA, 1.0, "sigmoid"),
    "All θ equal": ("Both units become one.", (0.5,) * 7, 1.0, "sigmoid"),
    "All θ zero": ("A flat line at 0.", (0.0,) * 7, 1.0, "sigmoid"),
    "U = ±700": ("Both units saturated.", (0, 0, 10, -10, 0.3, 0.7, -0.6), 70.0, "sigmoid"),
    "No curve left": ("Linear units: one line.", EXAMPLE_THETA, 1.0, "linear"),
    "A bump": ("Two steps, one of them flipped.", (5, -5, 10, 10, 0, 1, -1), 0.0, "sigmoid"),
}


def situation(theta: tuple[float, ...], x: float, phi: str) -> dict[str, float | str]:
    """The widget values of a situation."""
    return {**theta_settings("f", theta), "f_x": x, "f_phi": phi}


def effect(k: int, before: np.ndarray, after: np.ndarray) -> str:
    """What one theta, moved from `before`, does to the curve, in numbers."""
    old, new = before[k], after[k]
    change = f"**θ{k}** {digits(old)} → {digits(new)}:"
    unit = (1, 2, 1, 2, 0, 1, 2)[k]
    if k == 4:
        way = "up" if new > old else "down"
        return f"{change} the whole curve moves {way} by {digits(abs(new - old), 4)} (translates in y)."
    if k in (0, 1):
        weight = after[k + 2]
        if weight == 0:
            return f"{change} θ{k + 2} is 0, so that unit {unit} is flat and only its level changes."
        shift = -(new - old) / weight
        way = "right" if shift > 0 else "left"
        return f"{change} unit {unit} moves {way} by |Δθ{k} / θ{k + 2}| = {digits(abs(shift), 4)} (translates in x)."
    axis = "x" if k in (2, 3) else "y"
    if new == 0:
        gone = "no longer looks at x: it is flat" if axis == "x" else "is cut off from the output"
        return f"{change} unit {unit} {gone}."
    if old == 0:
        return f"{change} unit {unit} begins to {'look at x' if axis == 'x' else 'count'}."
    ratio = new / old
    flipped = f" and flips it in {axis}" if ratio < 0 else ""
    if axis == "x":
        size = 1.0 / abs(ratio)
        verb = "squashes" if size < 1 else "stretches" if size > 1 else "leaves"
        return f"{change} {verb} unit {unit} in x to {digits(size, 4)} times its width{flipped}."
    verb = "stretches" if abs(ratio) > 1 else "squashes" if abs(ratio) < 1 else "leaves"
    return f"{change} {verb} unit {unit} in y to {digits(abs(ratio), 4)} times its height{flipped}."


def notices(theta: np.ndarray, x: float, seen: ForwardPass, phi: Activation) -> list[str]:
    """What is special about this situation: symmetry, flat units, an x outside the data."""
    found = []
    match symmetry(theta):
        case "zero":
            found.append(
                f"**All θ are 0.** Both units put out φ(0) = {digits(float(seen.o11))} for every x, θ5 and θ6 ignore "
                "it, and f is 0 everywhere. θ5 = θ6 = 0 also keeps the gradient from θ0 … θ3."
            )
        case "twins":
            found.append(
                "**Permutation symmetry.** θ0 = θ1, θ2 = θ3, θ5 = θ6: the two hidden units are twins. They compute the "
                "same, receive the same gradient and stay identical for ever: the network has one unit, counted twice."
            )
        case "same input":
            found.append(
                "**The units see the same.** θ0 = θ1 and θ2 = θ3, so that O11 = O12 for every x and "
                f"f = θ4 + (θ5 + θ6) O = {digits(theta[4])} + ({digits(theta[5] + theta[6])}) O. Only because θ5 ≠ θ6 "
                "do their gradients differ."
            )
    for number, u, slope in ((1, seen.u11, seen.slope_1), (2, seen.u12, seen.slope_2)):
        if phi.kind != "threshold" and abs(slope) < 0.01 * phi.max_slope:
            amount = "exactly 0" if slope == 0 else digits(float(slope), 3)
            found.append(
                f"**Unit {number} is on its flat side.** U1{number} = {digits(float(u))}, where the slope of {phi.name} is "
                f"{amount}: θ{number - 1} and θ{number + 1} can hardly move f at this x."
            )
    if phi.kind == "threshold":
        found.append("**The threshold has slope 0 everywhere:** the curve is a staircase, and θ0 … θ3 get no gradient.")
    if not SAMPLES[0].min() <= x <= SAMPLES[0].max():
        found.append(
            f"**x = {digits(x)} lies outside the lecture's data,** 0 to 1.5: nothing there has ever told f what to be."
        )
    return found


NEAR = {"half of that": 0.5, "1/√32": 1.0, "twice that": 2.0}
"""Deviations of the weights, as multiples of 1/√n."""


@st.cache_data(max_entries=8, show_spinner=False)
def carried(size: float) -> float:
    """δ of layer 1 over that of the last, untrained, in 20 tanh layers of 32 units with weights of deviation size/√32."""
    config = EXPERIMENTS["near_zero"].config.replace(init_scale=size / 32**0.5, steps=0)
    delta = measures.gradient_flow(run(config), 0)["delta_norm"].ravel()
    return float(delta[0] / delta[-1])


def questions() -> list[Question]:
    """What to predict on this page, from students' own questions."""
    line = collapsed(EXAMPLE)
    equal = np.array([0.5, 0.5, 1.0, 1.0, 0.0, 2.0, -1.0])
    one = forward(equal, np.array(1.0))
    nothing = forward(np.zeros(7), np.array(5.0))
    steep, gentle = np.array([0.1, -0.2, 10, -0.4, 0.3, 0.7, -0.6]), forward(EXAMPLE, np.array(1.0))
    flat = forward(steep, np.array(1.0))
    return [
        Question(
            "linear",
            "With φ(z) = z the network still has seven θ. How many numbers really decide its curve?",
            ("seven", "three, one for each unit", "two"),
            2,
            f"A straight line has an intercept and a slope, whatever the depth: the worked example is {digits(line[0])} + "
            f"{digits(line[1])} x. Only a non-linear φ makes the second layer worth having.",
            situation(EXAMPLE_THETA, 1.0, "linear"),
            "card_f_curve",
        ),
        Question(
            "equal",
            "Biases may start at zero; why not give both units the same weights too? With θ0 = θ1 and θ2 = θ3, what does "
            "the second unit add?",
            ("a second bend", "nothing that one unit could not do", "twice the slope, always"),
            1,
            f"At x = 1 both have U = {digits(float(one.u11))} and O = {digits(float(one.o11))}, and so at every x: "
            "f = θ4 + (θ5 + θ6) O, one bend. With θ5 = θ6 as well, training never parts them.",
            situation(tuple(equal), 1.0, "sigmoid"),
            "card_f_curve",
        ),
        Question(
            "zero",
            "All seven θ are 0 and x = 5. What do a sigmoid hidden unit and the network put out?",
            ("0 and 0", "½ and 0", "½ and ½"),
            1,
            f"U = {digits(float(nothing.u11))}, so O = φ(0) = {digits(float(nothing.o11))}, but θ5 and θ6 multiply it by 0: "
            f"f = {digits(float(nothing.f))}. Every θ but θ4 starts with a gradient of 0 or the same as its twin's.",
            situation((0.0,) * 7, 5.0, "sigmoid"),
            "f_network",
        ),
        Question(
            "near",
            "How near to 0 must weights be? θ2 goes from 0.5 to 10, at x = 1. The curve gets steeper at its middle. What "
            "happens to unit 1's slope φ′(U11) here?",
            ("it grows twentyfold", "it stays the same", "it all but disappears"),
            2,
            f"U11 goes from {digits(float(gentle.u11))} to {digits(float(flat.u11))}, and φ′ from "
            f"{digits(float(gentle.slope_1))} to {digits(float(flat.slope_1), 3)}: large weights push a sigmoid onto its flat side. "
            "How near, in a deep network: a deviation of 1/√n for n inputs. Of δ at the output of 20 tanh layers of 32 units "
            + ", ".join(f"{digits(carried(size), 3)} arrives at layer 1 at {name}" for name, size in NEAR.items())
            + ".",
            situation(tuple(steep), 1.0, "sigmoid"),
            "f_network",
        ),
    ]


look = theme.current()
about_linear, *others = questions()

st.title("Forward pass", anchor=False)
st.markdown(
    "A number x goes in; two hidden units each form a weighted sum **U** and bend it with **φ** into **O**; the output "
    "adds both up again. Every number below is recomputed as you move a slider, in the order in which a pencil would."
)
symbols.fold()

with st.container(horizontal=True, key="situations"):
    for name, (help, values, x_value, phi_name) in SITUATIONS.items():
        set_up(name, f"f_set_{name.split()[0]}_{name.split()[-1]}", situation(values, x_value, phi_name), help=help)

controls, drawn = st.columns([2, 3], gap="medium")
with controls:
    phi = activation_picker("f_phi", "The lecture's five come first. linear shows what is left without a bend.")
    x = x_picker("f_x", 1.0, -4.0, 4.0)
    theta = theta_sliders("f", typed=True)
    moved = [k for k in range(7) if theta[k] != EXAMPLE[k]]
    with st.container(border=True, key="f_effects"):
        st.markdown("**What you moved** :gray[compared with the worked example, dotted in the chart]")
        if moved:
            st.markdown("\n".join(f"- {effect(k, EXAMPLE, theta)}" for k in moved))
        else:
            st.markdown("Nothing yet. Drag a θ and read here what it does:")
            st.markdown("\n".join(f"- **θ{k}** {role}" for k, role in enumerate(ROLES)))
seen = forward(theta, np.array(x), phi)

with drawn:
    with st.container(border=True, key="f_network"):
        st.markdown("**The network** :gray[1-2-1, with your numbers; dashed edges are negative]")
        drawn_network.show("f", theta, x, seen, look)
    measured = charts.curve_measurement(theta, EXAMPLE, x, phi, SAMPLES)
    finding = f"At x = {digits(x)} it is {digits(float(seen.f))}."
    card.show(
        "f_curve", charts.CURVE, measured, charts.curve(measured, x, bool(moved), look), finding=finding, height=400
    )

for sentence in notices(theta, x, seen, phi):
    st.info(sentence, icon=":material/lightbulb:")

lines, meaning = st.columns(2, gap="medium")
with lines, st.container(border=True, key="f_arithmetic"):
    st.markdown("**Line by line** :gray[symbols, your numbers, result]")
    st.latex(rf"\varphi(z) = {phi.latex}")
    st.latex(worked(forward_lines(theta, x, seen, phi)))
with meaning:
    intercept, slope = collapsed(theta)
    with st.container(border=True, key="f_collapsed"):
        st.markdown("**If φ(z) = z** :gray[the whole network is one line]")
        bias = [
            r"\theta_4 + \theta_5\theta_0 + \theta_6\theta_1",
            folded([tex(theta[4]), *product("+", theta[5], theta[0]), *product("+", theta[6], theta[1])]),
            tex(intercept),
        ]
        weight = [
            r"\theta_5\theta_2 + \theta_6\theta_3",
            folded([*product("", theta[5], theta[2]), *product("+", theta[6], theta[3])]),
            tex(slope),
        ]
        st.latex(worked([(r"\theta_{\text{new}0}", *bias), (r"\theta_{\text{new}1}", *weight)]))
        if phi.kind == "linear":
            at_x = intercept + slope * x
            st.markdown(
                f"This is what you are looking at: f(x) = {digits(intercept)} + ({digits(slope)}) x, dashed in the chart and "
                f"exactly on f. At x = {digits(x)} it gives {digits(at_x)}. Depth buys nothing without a bend."
            )
        else:
            st.markdown(f"With {phi.name} it is not: choose φ = linear to see this line drawn over f.")
    predict(about_linear)

numbers = Numbers("forward_pass")
numbers.add_all("parameters", [f"θ{k}" for k in range(7)], "slider", theta)
numbers.add("input", "x", "chosen", x)
numbers.add("hidden unit 1", "U11", "θ0 + θ2 x", seen.u11)
numbers.add("hidden unit 1", "O11", f"φ(U11), φ = {phi.name}", seen.o11)
numbers.add("hidden unit 1", "φ′(U11)", "slope of φ at U11", seen.slope_1)
numbers.add("hidden unit 2", "U12", "θ1 + θ3 x", seen.u12)
numbers.add("hidden unit 2", "O12", f"φ(U12), φ = {phi.name}", seen.o12)
numbers.add("hidden unit 2", "φ′(U12)", "slope of φ at U12", seen.slope_2)
numbers.add("output", "θ5 O11", "share of unit 1", seen.part_1)
numbers.add("output", "θ6 O12", "share of unit 2", seen.part_2)
numbers.add("output", "f(x)", "θ4 + θ5 O11 + θ6 O12", seen.f)
numbers.add("collapsed line", "θnew0", "θ4 + θ5 θ0 + θ6 θ1", intercept)
numbers.add("collapsed line", "θnew1", "θ5 θ2 + θ6 θ3", slope)

ask(others, 3)

st.subheader("The lecture's four samples", anchor=False)
st.markdown(
    "The same arithmetic for each sample of y = x²; with the worked example's θ these are the numbers to reach."
)
passed = forward(theta, SAMPLES[0], phi)
columns = {
    "x": SAMPLES[0],
    "U11": passed.u11,
    "U12": passed.u12,
    "O11": passed.o11,
    "O12": passed.o12,
    "θ5 O11": passed.part_1,
    "θ6 O12": passed.part_2,
    "f(x)": passed.f,
    "y": SAMPLES[1],
    "y − f(x)": SAMPLES[1] - passed.f,
}
tables.show("samples", {name: [digits(v) for v in values] for name, values in columns.items()})
for row, x_row in enumerate(SAMPLES[0]):
    numbers.add_all(
        f"sample {row + 1}", list(columns), f"at x = {digits(x_row)}", [values[row] for values in columns.values()]
    )

numbers.show("forward")
