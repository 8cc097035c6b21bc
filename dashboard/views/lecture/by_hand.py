"""One θ by hand: its chain of factors with numbers, the same for all seven, and the check by differences."""

from __future__ import annotations

import numpy as np
import streamlit as st

from dashboard.charts.style import Style
from dashboard.ui import card, tables
from dashboard.views.lecture import backward_questions as questions
from dashboard.views.lecture import charts_backward as charts
from dashboard.views.lecture import network as drawn_network
from dashboard.views.lecture.backward_questions import OWN, situation
from dashboard.views.lecture.inputs import activation_picker, set_up, theta_sliders, x_picker
from dashboard.views.lecture.numbers_table import Numbers
from dashboard.views.lecture.pencil import UNIT, error_line, forward_lines, slope_line, sum_lines, update_line
from dashboard.views.lecture.quiz import ask
from dashboard.views.lecture.worked_example import EXAMPLE_THETA, MSE, SAMPLES, THETA, notices
from dashboard.words.formulas import factor, folded, tex, worked
from dashboard.words.numbers import digits
from nncore import MLP, Activation
from nncore.lecture.chain import STEP, Chain, central_difference, chain, output_slopes
from nncore.lecture.descent import Descent, descend
from nncore.lecture.models import ONE_TWO_ONE, ForwardPass, forward

H_SWEEP = 10.0 ** np.arange(-11, 0.5, 0.5)

SITUATIONS = {
    "Worked example": ("The lecture's θ, sample x = 1, θ3.", EXAMPLE_THETA, "3", 3, 1.0),
    "All θ equal": ("Both hidden units are the same.", (0.5,) * 7, "3", 0, 1.0),
    "All θ zero": ("Which θ can move at all?", (0.0,) * 7, "3", 5, 1.0),
    "U = ±700": ("Saturated as far as floats go.", (0, 0, 10, -10, 0.3, 0.7, -0.6), OWN, 2, 70.0),
    "x outside the data": ("A sample far from 0 … 1.5.", EXAMPLE_THETA, OWN, 3, 6.0),
}


def written_out(k: int, found: Chain, seen: ForwardPass, phi: Activation, x: float, numbers: Numbers) -> str:
    """The unit's slope with numbers; then df/dtheta_k as partial derivatives, as formulas, as numbers, and multiplied."""
    unit = UNIT[k]
    slope = f"O_{{1{unit}}}(1 - O_{{1{unit}}})" if phi.name == "sigmoid" else rf"\varphi'(U_{{1{unit}}})"
    own = f"\\theta_{k}"
    if k >= 4:
        partials = rf"\frac{{\partial U_{{21}}}}{{\partial {own}}}"
        formulas = "1" if k == 4 else f"O_{{1{unit}}}"
    else:
        partials = (
            rf"\frac{{\partial f}}{{\partial O_{{1{unit}}}}}\,"
            rf"\frac{{\partial O_{{1{unit}}}}}{{\partial U_{{1{unit}}}}}\,"
            rf"\frac{{\partial U_{{1{unit}}}}}{{\partial {own}}}"
        )
        formulas = rf"\theta_{4 + unit} \cdot {slope} \cdot {'1' if k < 2 else 'x'}"
    names = {
        "weight": (f"∂f/∂O1{unit}", f"θ{4 + unit}"),
        "slope": (f"∂O1{unit}/∂U1{unit}", f"φ′(U1{unit})"),
        "input": (f"∂U/∂θ{k}", "1" if k in (0, 1, 4) else "x" if k < 4 else f"O1{unit}"),
    }
    factors = [each for each in found.paths[0] if each.kind != "error"]
    for each in factors:
        numbers.add(f"chain of θ{k}", *names[each.kind], each.value)
    numbers.add(f"chain of θ{k}", f"∂f/∂θ{k}", "product of the factors", found.output_slopes[0])
    substituted = folded([tex(factors[0].value), *(rf"\cdot {factor(each.value)}" for each in factors[1:])])
    result = rf"\mathbf{{{tex(found.output_slopes[0], 10)}}}"
    stages = [partials, formulas, substituted, result] if len(factors) > 1 else [partials, formulas, result]
    return worked([*slope_line(k, seen, phi), (rf"\frac{{\partial f}}{{\partial {own}}}", *stages)])


def show(look: Style, numbers: Numbers) -> None:
    """The chain for one theta and one sample, then for all samples, then the update of all seven."""
    with st.container(horizontal=True, key="b_situations"):
        for name, (help, *values) in SITUATIONS.items():
            set_up(name, f"b_set_{list(SITUATIONS).index(name)}", situation(*values), help=help)
    drawing, controls, calculation = st.columns([9, 8, 9], gap="medium")
    with controls:
        followed = st.segmented_control(
            "Follow",
            THETA,
            default="θ3",
            key="b_k",
            bind="query-params",
            required=True,
            help="The parameter whose chain is written out.",
        )
        sample = st.segmented_control(
            "Sample",
            ["1", "2", "3", "4", OWN],
            default="3",
            key="b_sample",
            bind="query-params",
            required=True,
            help="The lecture's samples of y = x² at x = 0, 0.5, 1, 1.5, or one of your own.",
        )
        sample = sample or "3"
        if sample == OWN:
            x = x_picker("b_x", 2.0, -4.0, 4.0)
            y = st.number_input("y of this sample", -1e6, 1e6, 4.0, 0.25, key="b_y", format="%g", bind="query-params")
        else:
            x, y = (float(values[int(sample) - 1]) for values in SAMPLES)
        alpha = st.number_input(
            "Learning rate α", 0.0, 1000.0, 0.1, 0.05, key="b_alpha", format="%g", bind="query-params"
        )
        phi = activation_picker("b_phi")
        theta = theta_sliders("b", typed=True)
    k = THETA.index(followed or "θ3")
    network = MLP(ONE_TWO_ONE, phi)
    xs, ys = (values[:, None] for values in SAMPLES)
    seen = forward(theta, np.array(x), phi)
    found = chain(network, MSE, theta, np.array([[x]]), np.array([[y]]), sample=0, index=k)
    path = descend(network, MSE, theta, xs, ys, alpha, steps=1)
    delta = float(found.outputs[0]) - y
    own_slopes = output_slopes(network, theta, np.array([[x]]))[0]

    numbers.add_all("parameters", THETA, "slider", theta)
    numbers.add_all("sample", ["x", "y_a"], "chosen", [x, y])
    for symbol, value in (
        ("U11", seen.u11),
        ("U12", seen.u12),
        ("O11", seen.o11),
        ("O12", seen.o12),
        ("φ′(U11)", seen.slope_1),
        ("φ′(U12)", seen.slope_2),
        ("f(x) = y_p", seen.f),
    ):
        numbers.add("forward", symbol, "at x", float(value))
    numbers.add("error", "Δ", "−(y_a − y_p)", delta)
    numbers.add("error", "E of this sample", "(y_a − y_p)²", found.loss)

    with drawing, st.container(border=True, key="b_network"):
        which = "your sample" if sample == OWN else f"sample {sample}"
        st.markdown(f"**Forward** :gray[{which}: x = {digits(x)}, y = {digits(y)}]")
        drawn_network.show("b", theta, x, seen, look, drawn_network.way_back(y, seen, own_slopes))
        st.latex(worked(forward_lines(theta, x, seen, phi)))
    with calculation:
        with st.container(border=True, key="b_chain"):
            st.markdown(f"**The chain to θ{k}** :gray[from the output back, a factor at a time]")
            st.latex(written_out(k, found, seen, phi, x, numbers))
            st.caption(
                "Each factor is a derivative along one edge or through one unit; with two layers there is one path to each θ."
            )
        one_sample(k, theta, alpha, y, found, numbers)
    for sentence in notices(theta, np.array([x]), phi, path.grad[0]):
        st.info(sentence, icon=":material/lightbulb:")
    if not SAMPLES[0].min() <= x <= SAMPLES[0].max():
        st.info(
            f"**x = {digits(x)} lies outside the lecture's data,** 0 to 1.5. The chain does not mind: ∂f/∂θ2 and ∂f/∂θ3 are "
            "proportional to x, so that a far sample pulls hard where the slope lets it.",
            icon=":material/lightbulb:",
        )

    st.subheader("Sample by sample", anchor=False)
    st.markdown(f"The same chain at each of the lecture's four samples; the last column adds up to ∂E/∂θ{k}.")
    passed, slopes = forward(theta, SAMPLES[0], phi), output_slopes(network, theta, xs)
    columns = {
        "x": SAMPLES[0],
        "y": SAMPLES[1],
        "U11": passed.u11,
        "U12": passed.u12,
        "O11": passed.o11,
        "O12": passed.o12,
        "φ′(U11)": passed.slope_1,
        "φ′(U12)": passed.slope_2,
        "f(x)": passed.f,
        "Δ = f − y": passed.f - SAMPLES[1],
        f"∂f/∂θ{k}": slopes[:, k],
        f"(2/N) Δ ∂f/∂θ{k}": 2 / len(xs) * (passed.f - SAMPLES[1]) * slopes[:, k],
    }
    tables.show("samples", {name: [digits(v, 10) for v in values] for name, values in columns.items()})
    for row, x_row in enumerate(SAMPLES[0]):
        values = [column[row] for column in columns.values()]
        numbers.add_all(f"sample {row + 1}", list(columns), f"at x = {digits(x_row)}", values)

    sum_place, check_place = st.columns(2, gap="medium")
    with sum_place:
        all_samples(k, theta, alpha, network, path, slopes, numbers)
    with check_place:
        differences = [central_difference(network, MSE, theta, xs, ys, None, k, h)[0] for h in H_SWEEP]
        measured = charts.check_measurement(H_SWEEP, np.array(differences), float(path.grad[0, k]))
        card.show("b_check", charts.CHECK, measured, charts.check(measured, look), height=400)
    st.subheader("All seven at once", anchor=False)
    table = {
        "θ": theta,
        "∂f/∂θ, this sample": own_slopes,
        "Δ ∂f/∂θ, this sample": delta * own_slopes,
        "θ new, slides": theta - alpha * delta * own_slopes,
        "∂E/∂θ, all samples": path.grad[0],
        "θ new, all samples": path.theta[-1],
    }
    tables.show("all_seven", {"": THETA} | {name: [digits(v, 12) for v in values] for name, values in table.items()})
    for name, values in list(table.items())[1:]:
        numbers.add_all("all seven", THETA, name, values)
    numbers.add("all samples", "E", "(1/N) Σ (y − f)²", path.loss[0])
    numbers.add("all samples", "E after the step", "at the new θ", path.loss[-1])
    st.markdown(
        f"Over all samples E goes from **{digits(path.loss[0], 12)}** to **{digits(path.loss[-1], 12)}** in this one step of α = {digits(alpha)}."
    )

    st.subheader("Predict first", anchor=False)
    ask([questions.zero(), questions.equal(), questions.flat()], 3)


def one_sample(k: int, theta: np.ndarray, alpha: float, y: float, found: Chain, numbers: Numbers) -> None:
    """The update as the slides write it, for one sample, with its check."""
    own, slope, f = f"\\theta_{k}", float(found.output_slopes[0]), float(found.outputs[0])
    delta = f - y
    slides = delta * slope
    with st.container(border=True, key="b_slides"):
        st.markdown("**One sample, as on the slides** :gray[Δ = −(y_a − y_p), no factor 2: α absorbs it]")
        st.latex(
            worked(
                [
                    error_line(y, f),
                    (
                        rf"\Delta\,\tfrac{{\partial f}}{{\partial {own}}}",
                        folded([factor(delta), f"\\cdot {factor(slope)}"], 22),
                        tex(slides, 8),
                    ),
                    update_line(k, rf"\Delta\,\tfrac{{\partial f}}{{\partial {own}}}", theta[k], alpha, slides),
                ]
            )
        )
        st.markdown(
            f"With the 2, ∂E/∂θ{k} of this sample's own (y_a − y_p)² is **{digits(found.grad, 8)}**. Central difference: "
            f"{digits(found.numeric, 8)}, off by {digits(found.numeric_error, 2)}."
        )
    part = f"update of θ{k}"
    numbers.add(part, f"Δ ∂f/∂θ{k}", "one sample, slides", slides)
    numbers.add(part, f"θ{k} new", "one sample, slides", theta[k] - alpha * slides)
    numbers.add(part, f"∂E/∂θ{k} of this sample", "2 Δ ∂f/∂θ", found.grad)
    numbers.add(part, "central difference", "this sample", found.numeric)
    numbers.add(part, "its error", "this sample", found.numeric_error)


def all_samples(
    k: int, theta: np.ndarray, alpha: float, network: MLP, path: Descent, slopes: np.ndarray, numbers: Numbers
) -> None:
    """The update as the field writes it, for all samples, each term of the sum written out, with its check."""
    own, gradient = f"\\theta_{k}", float(path.grad[0, k])
    xs, ys = (values[:, None] for values in SAMPLES)
    h = STEP * max(1.0, abs(theta[k]))
    numeric, _ = central_difference(network, MSE, theta, xs, ys, None, k, h)
    outputs = network.forward(theta, xs).z[-1][:, 0]
    with st.container(border=True, key="b_all", height="stretch"):
        st.markdown("**All N = 4 samples** :gray[E = (1/N) Σ (y − f)²]")
        st.latex(
            worked(
                [
                    *sum_lines(k, SAMPLES[1], outputs, slopes[:, k]),
                    update_line(k, rf"\tfrac{{\partial E}}{{\partial {own}}}", theta[k], alpha, gradient),
                ]
            )
        )
        st.markdown(
            rf"Check with h = {digits(h, 2)}: $\frac{{E({own} + h) - E({own} - h)}}{{2h}}$ = {digits(numeric, 8)}, off by "
            f"{digits(abs(numeric - gradient), 2)}."
        )
    part = f"update of θ{k}"
    numbers.add(part, f"∂E/∂θ{k}", "all samples", gradient)
    numbers.add(part, f"θ{k} new", "all samples", float(path.theta[-1, k]))
    numbers.add(part, "central difference", "all samples", numeric)
    numbers.add(part, "its error", "all samples", abs(numeric - gradient))
