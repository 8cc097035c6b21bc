"""From logistic regression to a neuron: probability, odds and logit; the fit; the neuron; its activation."""

from __future__ import annotations

import numpy as np
import streamlit as st

from dashboard.charts import drawings, style
from dashboard.ui import card, symbols, theme
from dashboard.ui.svg import draw
from dashboard.views.lecture import charts_forward as charts
from dashboard.views.lecture.inputs import activation_picker, set_up, theta_settings, theta_sliders, x_picker
from dashboard.views.lecture.numbers_table import Numbers
from dashboard.views.lecture.quiz import Question, ask, predict
from dashboard.words.formulas import factor, tex, worked
from dashboard.words.numbers import digits
from nncore import ACTIVATIONS, Activation
from nncore.lecture.models import OVERLAPPING, SEPARABLE, LogisticFit, Logit, fit_logistic, logistic

START = (0.0, 1.0)
ROLES = ("shifts the curve along x", "makes it steeper; a negative one flips it")
SAMPLES = {"overlapping": OVERLAPPING, "separable": SEPARABLE}
STEPS = 200
RATES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
LECTURES_OWN = ("linear", "sign", "sigmoid", "relu", "tanh")

SITUATIONS = {
    "Start": ("θ0 = 0, θ1 = 1 at x = 1.", {**theta_settings("n", START), "n_x": 1.0}),
    "Even odds": ("Where P = ½ the logit crosses 0.", {**theta_settings("n", (-1.0, 2.0)), "n_x": 0.5}),
    "θ all zero": ("x says nothing.", {**theta_settings("n", (0.0, 0.0)), "n_x": 1.0}),
    "U = 700": ("P rounds to 1; the odds still have a number.", {**theta_settings("n", (0.0, 10.0)), "n_x": 70.0}),
    "U = −700": ("P is nearly 0, and so is the slope.", {**theta_settings("n", (0.0, 10.0)), "n_x": -70.0}),
}


def arithmetic(theta: np.ndarray, x: float, seen: Logit) -> str:
    """Sum, probability, odds and log-odds with numbers put in."""
    u, p, q, odds = (float(value) for value in (seen.log_odds, seen.p, seen.q, seen.odds))
    return worked(
        [
            (
                "U",
                r"x\theta = \theta_0 + \theta_1\,x",
                f"{tex(theta[0])} + {factor(theta[1])} \\cdot {factor(x)}",
                tex(u),
            ),
            ("P", f"\\frac{{1}}{{1 + e^{{-U}}}} = \\frac{{1}}{{1 + e^{{-{factor(u)}}}}}", tex(p)),
            (r"\text{odds}", f"\\frac{{P}}{{1 - P}} = \\frac{{{tex(p)}}}{{{tex(q)}}}", tex(odds)),
            (r"\log\text{odds}", f"\\ln\\,{factor(odds)} = {tex(u)} = U"),
        ]
    )


def ending(fit: LogisticFit, separable: bool) -> tuple[str, bool]:
    """Where the descent has ended, in a sentence, and whether that is the answer."""
    left = float(np.abs(fit.grad[-1]).max())
    at = f"θ0 = {digits(fit.theta[-1, 0])}, θ1 = {digits(fit.theta[-1, 1])}"
    if separable:
        return (
            f"A threshold parts these classes, so that a steeper curve always fits better: after {STEPS} steps θ1 is "
            f"{digits(fit.theta[-1, 1], 4)}, and larger ones do better still. There is no maximum-likelihood answer."
        ), False
    if left < 1e-8:
        return (f"After {STEPS} steps the gradient is {digits(left, 2)}: {at} is the maximum-likelihood answer.", True)
    if (rises := np.flatnonzero(np.diff(fit.loss) > 1e-9)).size:
        return (
            f"α is too large: at step {rises[0] + 1} the loss goes up for the first time, from "
            f"{digits(fit.loss[rises[0]], 4)} to {digits(fit.loss[rises[0] + 1], 4)}; θ jumps across the valley and does "
            "not settle."
        ), False
    return (
        f"After {STEPS} steps the gradient is still {digits(left, 2)}: {at} is not the answer yet. Try a larger α.",
        False,
    )


def row(phi: Activation, u: float, look: style.Style) -> None:
    """One activation of the table."""
    low, high = phi.range
    at_u = np.array(u)
    with st.container(border=True, key=f"n_row_{phi.name}"):
        formula, picture, facts, words = st.columns([3, 2, 3, 4], vertical_alignment="center")
        with formula:
            st.markdown(f"**{phi.name}**" + (" :gray[in the lecture]" if phi.name in LECTURES_OWN else ""))
            st.latex(rf"\varphi(z) = {phi.latex}")
        with picture:
            draw(f"n_curve_{phi.name}", drawings.activation_picture(phi, u, look))
        facts.markdown(
            f"range **{digits(low, 4)} … {digits(high, 4)}**  \n"
            f"largest slope **{digits(phi.max_slope, 4)}**  \n"
            f"φ(U) = {digits(float(phi(at_u)), 4)}, φ′(U) = {digits(float(phi.slope(at_u)), 4)}"
        )
        with words:
            if phi.kind == "threshold":
                st.markdown(":red-badge[:material/block: Zero gradient everywhere]")
            st.markdown(f"**Saturates:** {phi.saturates}  \n:gray[{phi.note}]")


def questions() -> list[Question]:
    """What to predict on this page, from students' own questions."""
    two = np.array(2.0)
    gentle, steep = logistic(np.array([0.0, 1.0]), two), logistic(np.array([0.0, 10.0]), two)
    slopes = {name: ACTIVATIONS[name].max_slope ** 10 for name in ("sigmoid", "tanh", "relu", "selu")}
    at = {name: float(ACTIVATIONS[name].slope(np.array(-3.0))) for name in ("sigmoid", "relu", "leaky_relu")}
    sign = ACTIVATIONS["sign"]
    below, above = (float(sign(np.array(u))) for u in (-0.1, 0.1))
    return [
        Question(
            "steep",
            "θ1 goes from 1 to 10, with θ0 = 0. At x = 2, does P now react more strongly to x, or less?",
            ("ten times more strongly", "about the same", "hardly at all"),
            2,
            f"dP/dx = θ1 P (1 − P) goes from {digits(float(gentle.p * gentle.q), 4)} to "
            f"{digits(float(10 * steep.p * steep.q), 3)}. A large weight makes the curve steep at its middle and flat "
            "everywhere else: that is how large sigmoid weights make gradients vanish.",
            {**theta_settings("n", (0.0, 10.0)), "n_x": 2.0},
            "n_arithmetic",
        ),
        Question(
            "grow",
            "Ten layers, each at its steepest z, all weights 1. Which activation makes the gradient larger than it was?",
            ("relu", "tanh", "selu", "none can"),
            2,
            "The largest slopes to the power of ten: "
            + ", ".join(f"{name} {digits(value, 3)}" for name, value in slopes.items())
            + ". With relu only the weights can make a gradient explode; its slope is 0 or 1.",
        ),
        Question(
            "dead",
            "A unit's U is −3 on every sample. Through which activation does it still learn something?",
            ("relu only", "sigmoid and leaky_relu", "none of them"),
            1,
            "Slopes at −3: " + ", ".join(f"{name} {digits(value, 3)}" for name, value in at.items()) + ". A relu unit "
            "that is negative on every row gets exactly 0 and never comes back: its slope of 1 takes nothing from a gradient, its slope of 0 all of it, for good.",
            {**theta_settings("n", (-3.0, 0.0)), "n_phi": "relu"},
            "n_artificial_card",
        ),
        Question(
            "flat",
            "A threshold unit's gradient is exactly 0. Does this mean that its loss is flat there, at a minimum?",
            ("yes, a zero gradient is a minimum", "no, the output still jumps when U changes sign"),
            1,
            f"sgn(−0.1) = {digits(below)} and sgn(0.1) = {digits(above)}: the output jumps by {digits(above - below)}, yet "
            f"φ′ is {digits(float(sign.slope(np.array(-0.1))))} on both sides. Gradient descent cannot see the jump coming.",
            {**theta_settings("n", (-0.1, 0.0)), "n_phi": "sign"},
            "n_artificial_card",
        ),
    ]


look = theme.current()
steep, *about_slopes = questions()

st.title("From logistic regression to a neuron", anchor=False)
st.markdown(
    r"Logistic regression turns any number into a probability, $P(y = 1 \mid x) = 1 / (1 + e^{-x\theta})$. "
    "Look at it three ways, fit it, and find that you have built one neuron."
)
symbols.fold()
with st.container(horizontal=True, key="n_situations"):
    for number, (name, (help, values)) in enumerate(SITUATIONS.items()):
        set_up(name, f"n_set_{number}", values, help=help)

shift, steepness, input_x = st.columns(3, gap="medium", vertical_alignment="bottom")
with shift:
    theta_sliders("n", START, ROLES, which=[0])
with steepness:
    theta = theta_sliders("n", START, ROLES, which=[1])
with input_x:
    x = x_picker("n_x", 1.0, -4.0, 4.0)
seen = logistic(theta, np.array(x))
u = float(seen.log_odds)

measured = charts.logit_measurement(theta, x)
for column, (quantity, words) in zip(st.columns(3), charts.LOGIT.items(), strict=True):
    with column:
        card.show(f"n_{quantity}", words, measured, charts.logit_curve(measured, quantity, x, look), height=280)

lines, remarks = st.columns(2, gap="medium")
with lines, st.container(border=True, key="n_arithmetic"):
    st.markdown("**Line by line** :gray[at your x]")
    st.latex(arithmetic(theta, x, seen))
with remarks:
    st.markdown(
        f"The three curves say the same thing. At x = {digits(x)} the odds are {digits(float(seen.odds), 4)} to 1; one step "
        f"further in x multiplies them by $e^{{\\theta_1}}$ = {digits(float(np.exp(theta[1])), 4)}, and *adds* θ1 = {digits(theta[1], 4)} "
        "to their logarithm. This is why the logit is a straight line and the probability cannot be one."
    )
    if theta[1] == 0:
        st.info(f"θ1 = 0: x has no say, and P is {digits(float(seen.p))} everywhere.", icon=":material/lightbulb:")
    else:
        st.markdown(f"P = ½ where U = 0, at x = −θ0/θ1 = {digits(-theta[0] / theta[1] + 0.0, 4)}.")
    if abs(u) > 30:
        st.info(
            f"U = {digits(u)} is far out: P differs from {'1' if u > 0 else '0'} by "
            f"{digits(float(seen.q if u > 0 else seen.p), 3)}, and the slope P (1 − P) is {digits(float(seen.p * seen.q), 3)}. "
            "A saturated unit hardly learns.",
            icon=":material/lightbulb:",
        )
    if abs(x) > 2.75:
        st.info(f"x = {digits(x)} lies outside the samples below, −2.75 to 2.75.", icon=":material/lightbulb:")

with remarks:
    predict(steep)

st.header("Fit it to two classes", anchor=False)
st.markdown(
    "Gradient descent moves θ downhill on the loss E, the mean of −ln P(the right class). It starts at your θ0 and θ1."
)
which, rate, shown = st.columns([2, 2, 3], gap="medium")
with which:
    data_name = st.segmented_control(
        "Classes", list(SAMPLES), default="overlapping", required=True, key="n_data", bind="query-params"
    )
with rate:
    alpha = st.select_slider(
        "Learning rate α", RATES, 1.0, format_func=lambda value: f"{value:g}", key="n_alpha", bind="query-params"
    )
with shown:
    step = st.slider("Step shown", 0, STEPS, STEPS, key="n_step", bind="query-params")
data_name = data_name or "overlapping"  # an empty ?n_data= in the address comes through as None
x_rows, y_rows = SAMPLES[data_name]
fit = fit_logistic(x_rows, y_rows, theta, alpha, STEPS)
fitted = charts.fit_measurement(x_rows, y_rows, fit, step)
path = charts.path_measurement(fit)
curve, thetas, losses = st.columns(3)
with curve:
    card.show("n_fit", charts.FITTED, fitted, charts.fit_curve(fitted, step, look), height=300)
with thetas:
    labels = {"theta0": "θ0", "theta1": "θ1"}
    card.show("n_path", charts.PATH, path, charts.path(path, labels, step, look), height=300)
with losses:
    card.show("n_loss", charts.FIT_LOSS, path, charts.path(path, {"loss": "E"}, step, look), height=300)
sentence, arrived = ending(fit, data_name == "separable")
(st.success if arrived else st.warning)(sentence, icon=":material/flag:")
g, t = fit.grad[step], fit.theta[step]
st.markdown(
    f"**Step {step}:** θ0 = {digits(t[0])}, θ1 = {digits(t[1])}, ∂E/∂θ0 = {digits(g[0])}, ∂E/∂θ1 = {digits(g[1])}, "
    f"E = {digits(fit.loss[step])}"
)
ended = np.clip(fit.theta[-1], -10, 10)
set_up("Take the last θ up to the sliders", "n_take", theta_settings("n", ended))

st.header("One neuron", anchor=False)
st.markdown(
    "Cajal drew it in 1899: dendrites collect, the soma sums, the axon sends. The artificial one forms the weighted sum U "
    "and puts out O = φ(U). With φ = sigmoid its output **is** the probability P above."
)
phi = activation_picker("n_phi")
o = float(phi(np.array(u)))
biological, artificial = st.columns(2)
with biological, st.container(border=True, key="n_biological_card"):
    st.markdown("**The biological neuron** :gray[our drawing, your numbers]")
    draw("n_biological", drawings.biological_neuron(theta, x, u, o, look))
with artificial, st.container(border=True, key="n_artificial_card"):
    st.markdown("**The artificial neuron** :gray[inputs, weights, sum, φ, output]")
    draw("n_artificial", drawings.artificial_neuron(theta, x, u, o, phi, look))

st.header("The activation table", anchor=False)
st.markdown(
    "Solid is φ, dashed its slope φ′, each dot your U. What comes back through a unit is multiplied by φ′: where the dashed "
    "curve lies on the axis, nothing comes back."
)
slopes = charts.slope_measurement()
card.show("n_slopes", charts.SLOPES, slopes, charts.slope_heatmap(slopes, u, look), height=430)
ask(about_slopes, 3)
for name in LECTURES_OWN:
    row(ACTIVATIONS[name], u, look)
others = [name for name in ACTIVATIONS if name not in LECTURES_OWN]
with st.expander(f"The other {len(others)}", key="n_others"):
    for name in others:
        row(ACTIVATIONS[name], u, look)

numbers = Numbers("logistic_regression_and_neuron")
numbers.add_all("parameters", ["θ0", "θ1"], "slider", theta)
numbers.add("input", "x", "chosen", x)
numbers.add("neuron", "U", "θ0 + θ1 x, the log-odds", u)
numbers.add("logistic regression", "P", "1 / (1 + e^−U)", seen.p)
numbers.add("logistic regression", "1 − P", "1 / (1 + e^U)", seen.q)
numbers.add("logistic regression", "odds", "P / (1 − P)", seen.odds)
numbers.add("neuron", "O", f"φ(U), φ = {phi.name}", o)
numbers.add("neuron", "φ′(U)", f"slope of {phi.name} at U", phi.slope(np.array(u)))
for when, k in (("start", 0), (f"step {step}", step), (f"step {STEPS}", STEPS)):
    values = (*fit.theta[k], *fit.grad[k], fit.loss[k])
    numbers.add_all(f"fit, {when}", ["θ0", "θ1", "∂E/∂θ0", "∂E/∂θ1", "E"], f"{data_name}, α = {alpha:g}", values)
for number, sample in enumerate(zip(x_rows, y_rows, strict=True), 1):
    numbers.add_all(f"sample {number}", ["x", "y"], data_name, sample)
for name, entry in ACTIVATIONS.items():
    facts = (*entry.range, entry.max_slope, entry(np.array(u)), entry.slope(np.array(u)))
    numbers.add_all(name, ["lowest φ", "highest φ", "largest |φ′|", "φ(U)", "φ′(U)"], "activation table", facts)
numbers.show("neuron")
