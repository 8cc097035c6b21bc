"""Backpropagation by hand: every factor of the chain rule with its number, the sigmoid's slope, descent to rewind."""

from __future__ import annotations

import numpy as np
import streamlit as st

from dashboard.charts import drawings, style
from dashboard.ui import card, theme
from dashboard.ui.svg import draw
from dashboard.views.lecture import backward_questions as questions
from dashboard.views.lecture import charts_backward as charts
from dashboard.views.lecture import descent_player, inspector
from dashboard.views.lecture.backward_questions import MSE, OWN, SAMPLES, SIGMOID, THETA, situation
from dashboard.views.lecture.parts import (
    EXAMPLE_THETA,
    Numbers,
    Question,
    predict,
    set_up,
    theta_settings,
    theta_sliders,
    x_picker,
)
from dashboard.words.formulas import factor, tex, worked
from dashboard.words.numbers import digits
from nncore import ACTIVATIONS, MLP, Activation
from nncore.lecture.chain import STEP, Chain, central_difference, chain, output_slopes
from nncore.lecture.descent import Descent, descend
from nncore.lecture.models import ONE_TWO_ONE, forward, symmetry

PARTS = ("By hand", "Slope", "Descent", "Inspector")
H_SWEEP = 10.0 ** np.arange(-11, 0.5, 0.5)

SITUATIONS = {
    "Worked example": ("The lecture's θ, sample x = 1, θ3.", EXAMPLE_THETA, "3", 3, 1.0),
    "All θ equal": ("Both hidden units are the same.", (0.5,) * 7, "3", 0, 1.0),
    "All θ zero": ("Which θ can move at all?", (0.0,) * 7, "3", 5, 1.0),
    "U = ±700": ("Saturated as far as floats go.", (0, 0, 10, -10, 0.3, 0.7, -0.6), OWN, 2, 70.0),
    "x outside the data": ("A sample far from 0 … 1.5.", EXAMPLE_THETA, OWN, 3, 6.0),
}


def activation_picker() -> Activation:
    """The hidden units' φ; the lecture's is the sigmoid."""
    names = list(ACTIVATIONS)
    chosen = st.selectbox(
        "Activation φ",
        names,
        names.index("sigmoid"),
        key="b_phi",
        bind="query-params",
        help="The lecture works with the sigmoid, whose slope is O(1 − O).",
    )
    return ACTIVATIONS[chosen]


def notices(theta: np.ndarray, x: np.ndarray, phi: Activation, grad: np.ndarray) -> list[str]:
    """What is special about this θ and these inputs."""
    found = []
    stuck = ", ".join(THETA[k] for k in range(7) if grad[k] == 0)
    kind = symmetry(theta)
    if kind == "zero":
        found.append(
            f"**All θ are 0.** Over all samples the gradient is exactly 0 for {stuck}: θ5 = θ6 = 0 blocks the way back. "
            "Once θ5 and θ6 have moved the others follow, but both units stay twins."
        )
    elif kind == "twins":
        found.append(
            "**Permutation symmetry.** θ0 = θ1, θ2 = θ3 and θ5 = θ6: swapping the two hidden units changes nothing, so their "
            f"gradients agree to the last bit (∂E/∂θ0 = ∂E/∂θ1 = {digits(grad[0])}, ∂E/∂θ5 = ∂E/∂θ6 = {digits(grad[5])}), "
            "and no number of steps parts them."
        )
    elif stuck:
        found.append(f"**No gradient.** Over all samples ∂E/∂θ is exactly 0 for {stuck}.")
    seen = forward(theta, x, phi)
    for number, u, slope in ((1, seen.u11, seen.slope_1), (2, seen.u12, seen.slope_2)):
        if phi.kind == "two-sided" and np.abs(slope).max() < 0.01 * phi.max_slope:
            at = int(np.abs(slope).argmax())
            found.append(
                f"**Unit {number} is saturated.** U1{number} = {digits(u[at])}, slope {digits(slope[at], 3)}: "
                f"θ{number - 1} and θ{number + 1} are all but frozen while θ4, θ5, θ6 still learn."
            )
    return found


def ask(*asked: Question) -> None:
    """The part's questions, side by side."""
    st.subheader("Predict first", anchor=False)
    for column, question in zip(st.columns(len(asked)), asked, strict=True):
        with column:
            predict(question)


# ---- one theta by hand -----------------------------------------------------------------------------------------


def written_out(k: int, found: Chain, phi: Activation, x: float, numbers: Numbers) -> str:
    """df/dtheta_k as partial derivatives, as formulas, as numbers, and multiplied."""
    unit = (1, 2, 1, 2, 0, 1, 2)[k]
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
    substituted = r" \cdot ".join([tex(factors[0].value), *(factor(each.value) for each in factors[1:])])
    result = rf"\mathbf{{{tex(found.output_slopes[0], 10)}}}"
    stages = [partials, formulas, substituted, result] if len(factors) > 1 else [partials, formulas, result]
    return worked([(rf"\frac{{\partial f}}{{\partial {own}}}", *stages)])


def one_theta(look: style.Style, numbers: Numbers) -> None:
    """The chain for one theta and one sample, then for all samples, then the update of all seven."""
    with st.container(horizontal=True, key="b_situations"):
        for name, (help, *values) in SITUATIONS.items():
            set_up(name, f"b_set_{list(SITUATIONS).index(name)}", situation(*values), help=help)
    controls, page = st.columns([2, 5], gap="medium")
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
        phi = activation_picker()
        theta = theta_sliders("b")
    k = THETA.index(followed or "θ3")
    network = MLP(ONE_TWO_ONE, phi)
    xs, ys = (values[:, None] for values in SAMPLES)
    seen = forward(theta, np.array(x), phi)
    found = chain(network, MSE, theta, np.array([[x]]), np.array([[y]]), sample=0, index=k)
    path = descend(network, MSE, theta, xs, ys, alpha, steps=1)
    delta = float(found.outputs[0]) - y

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

    with page:
        left, right = st.columns(2, gap="medium")
        with left, st.container(border=True, key="b_network"):
            st.markdown("**Forward** :gray[what the way back will need]")
            draw("b_drawing", drawings.network(theta, x, seen, look))
        with right, st.container(border=True, key="b_chain"):
            st.markdown(f"**The chain to θ{k}** :gray[from the output back, a factor at a time]")
            st.latex(written_out(k, found, phi, x, numbers))
            st.caption(
                "Each factor is a derivative along one edge or through one unit; with two layers there is one path to each θ."
            )
        for sentence in notices(theta, np.array([x]), phi, path.grad[0]):
            st.info(sentence, icon=":material/lightbulb:")
        if not SAMPLES[0].min() <= x <= SAMPLES[0].max():
            st.info(
                f"**x = {digits(x)} lies outside the lecture's data,** 0 to 1.5. The chain does not mind: ∂f/∂θ2 and ∂f/∂θ3 are "
                "proportional to x, so that a far sample pulls hard where the slope lets it.",
                icon=":material/lightbulb:",
            )
        conventions(k, theta, alpha, delta, found, network, path, numbers)

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
    st.dataframe({name: [digits(v, 10) for v in values] for name, values in columns.items()}, hide_index=True)
    for row, x_row in enumerate(SAMPLES[0]):
        values = [column[row] for column in columns.values()]
        numbers.add_all(f"sample {row + 1}", list(columns), f"at x = {digits(x_row)}", values)

    table_place, check_place = st.columns([3, 2], gap="medium")
    with check_place:
        differences = [central_difference(network, MSE, theta, xs, ys, None, k, h)[0] for h in H_SWEEP]
        measured = charts.check_measurement(H_SWEEP, np.array(differences), float(path.grad[0, k]))
        card.show("b_check", charts.CHECK, measured, charts.check(measured, look), height=260)
    table_place.subheader("All seven at once", anchor=False)
    own_slopes = output_slopes(network, theta, np.array([[x]]))[0]
    table = {
        "θ": theta,
        "∂f/∂θ, this sample": own_slopes,
        "Δ ∂f/∂θ, this sample": delta * own_slopes,
        "θ new, slides": theta - alpha * delta * own_slopes,
        "∂E/∂θ, all samples": path.grad[0],
        "θ new, all samples": path.theta[-1],
    }
    table_place.dataframe(
        {"": THETA} | {name: [digits(v, 12) for v in values] for name, values in table.items()}, hide_index=True
    )
    for name, values in list(table.items())[1:]:
        numbers.add_all("all seven", THETA, name, values)
    numbers.add("all samples", "E", "(1/N) Σ (y − f)²", path.loss[0])
    numbers.add("all samples", "E after the step", "at the new θ", path.loss[-1])
    table_place.markdown(
        f"Over all samples E goes from **{digits(path.loss[0], 12)}** to **{digits(path.loss[-1], 12)}** in this one step of α = {digits(alpha)}."
    )

    ask(questions.zero(), questions.equal(), questions.flat())


def conventions(
    k: int, theta: np.ndarray, alpha: float, delta: float, found: Chain, network: MLP, path: Descent, numbers: Numbers
) -> None:
    """The same derivative as the slides write it, for one sample, and as the field does, for all; each with its check."""
    own, slope = f"\\theta_{k}", float(found.output_slopes[0])
    slides, all_samples = delta * slope, float(path.grad[0, k])
    xs, ys = (values[:, None] for values in SAMPLES)
    h = STEP * max(1.0, abs(theta[k]))
    numeric, _ = central_difference(network, MSE, theta, xs, ys, None, k, h)
    minus_alpha = rf"- {factor(alpha)} \cdot "
    left, right = st.columns(2, gap="medium")
    with left, st.container(border=True, key="b_slides", height="stretch"):
        st.markdown("**One sample, as on the slides** :gray[Δ = −(y_a − y_p), no factor 2: α absorbs it]")
        st.latex(
            worked(
                [
                    (r"\Delta", "-(y_a - y_p)", tex(delta, 8)),
                    (
                        rf"\Delta\,\tfrac{{\partial f}}{{\partial {own}}}",
                        f"{factor(delta)} \\cdot {factor(slope)}",
                        tex(slides, 8),
                    ),
                    (
                        rf"{own}^{{\text{{new}}}}",
                        rf"{own} - \alpha\,\Delta\,\tfrac{{\partial f}}{{\partial {own}}}",
                        tex(theta[k]) + minus_alpha + factor(slides),
                        rf"\mathbf{{{tex(theta[k] - alpha * slides, 8)}}}",
                    ),
                ]
            )
        )
        st.markdown(
            f"With the 2, ∂E/∂θ{k} of this sample's own (y_a − y_p)² is **{digits(found.grad, 8)}**. Central difference: "
            f"{digits(found.numeric, 8)}, off by {digits(found.numeric_error, 2)}."
        )
    with right, st.container(border=True, key="b_all", height="stretch"):
        st.markdown("**All N = 4 samples** :gray[E = (1/N) Σ (y − f)²]")
        st.latex(
            worked(
                [
                    (
                        rf"\tfrac{{\partial E}}{{\partial {own}}}",
                        rf"-\tfrac{{2}}{{N}} \sum (y - f)\,\tfrac{{\partial f}}{{\partial {own}}}",
                        tex(all_samples, 8),
                    ),
                    (
                        rf"{own}^{{\text{{new}}}}",
                        rf"{own} - \alpha\,\tfrac{{\partial E}}{{\partial {own}}}",
                        tex(theta[k]) + minus_alpha + factor(all_samples),
                        rf"\mathbf{{{tex(float(path.theta[-1, k]), 8)}}}",
                    ),
                ]
            )
        )
        st.markdown(
            rf"Check with h = {digits(h, 2)}: $\frac{{E({own} + h) - E({own} - h)}}{{2h}}$ = {digits(numeric, 8)}, off by "
            f"{digits(abs(numeric - all_samples), 2)}."
        )
    part = f"update of θ{k}"
    numbers.add(part, f"Δ ∂f/∂θ{k}", "one sample, slides", slides)
    numbers.add(part, f"θ{k} new", "one sample, slides", theta[k] - alpha * slides)
    numbers.add(part, f"∂E/∂θ{k} of this sample", "2 Δ ∂f/∂θ", found.grad)
    numbers.add(part, "central difference", "this sample", found.numeric)
    numbers.add(part, "its error", "this sample", found.numeric_error)
    numbers.add(part, f"∂E/∂θ{k}", "all samples", all_samples)
    numbers.add(part, f"θ{k} new", "all samples", float(path.theta[-1, k]))
    numbers.add(part, "central difference", "all samples", numeric)
    numbers.add(part, "its error", "all samples", abs(numeric - all_samples))


# ---- the slope of the sigmoid ----------------------------------------------------------------------------------


def slope_of_sigmoid(look: style.Style, numbers: Numbers) -> None:
    """dO/dU = O(1 - O), line by line, and what it is at a U of one's own."""
    left, right = st.columns(2, gap="medium")
    with left:
        u = x_picker("b_u", 0.6, -8.0, 8.0, label="U")
        lines = st.slider(
            "Lines of the derivation",
            1,
            6,
            6,
            key="b_lines",
            bind="query-params",
            help="Fewer lines leave the next one for you to find first.",
        )
    o, slope = float(SIGMOID(np.array(u))), float(SIGMOID.slope(np.array(u)))
    naive = o * (1.0 - o)
    steps = (
        (r"\frac{d}{dU}\,(1 + e^{-U})^{-1}", "write the fraction as a power"),
        (r"-(1 + e^{-U})^{-2} \cdot \frac{d}{dU}(1 + e^{-U})", "outer derivative times inner: the chain rule"),
        (r"-(1 + e^{-U})^{-2} \cdot (-e^{-U}) = \frac{e^{-U}}{(1 + e^{-U})^2}", "two minus signs cancel"),
        (r"\frac{1}{1 + e^{-U}} \cdot \frac{e^{-U}}{1 + e^{-U}}", "split it in two; the first is O"),
        (r"O \cdot \frac{(1 + e^{-U}) - 1}{1 + e^{-U}} = O\,(1 - O)", "add and take away 1; the second is 1 − O"),
        (
            r"\tfrac14 - \left(O - \tfrac12\right)^2 \le \tfrac14",
            "complete the square: largest at O = ½, that is U = 0",
        ),
    )
    with left, st.container(border=True, key="b_derivation"):
        st.markdown("**Derived** :gray[from O = 1 / (1 + e⁻ᵁ)]")
        for number, (formula, why) in enumerate(steps[:lines], 1):
            st.markdown(f"{number}. {why}")
            st.latex(rf"\frac{{dO}}{{dU}} = {formula}")
    with right:
        measured = charts.slope_measurement(u)
        finding = f"At U = {digits(u)} the slope is {digits(slope)}, {digits(400 * slope, 3)} % of its ceiling."
        card.show("b_slope", charts.SLOPE, measured, charts.slope_curve(measured, u, look), finding=finding)
        with st.container(border=True, key="b_at_u"):
            st.markdown("**With your U**")
            st.latex(
                worked(
                    [
                        ("O", rf"\frac{{1}}{{1 + e^{{-{factor(u)}}}}}", tex(o, 10)),
                        (r"\frac{dO}{dU}", f"{tex(o, 8)} \\cdot (1 - {tex(o, 8)})", rf"\mathbf{{{tex(slope, 10)}}}"),
                    ]
                )
            )
            if naive != 0 and abs(naive - slope) <= 1e-9 * slope:
                st.markdown(
                    f"One layer of sigmoids here passes on {digits(slope, 3)} of the signal; ten such pass {digits(slope**10, 3)}."
                )
            elif slope == 0:
                st.info("Here even e^−|U| is too small for a float: the slope is exactly 0 and nothing passes.")
            else:
                st.info(
                    f"In floats O is so close to {'1' if u > 0 else '0'} that 1 − O loses its digits: O · (1 − O) multiplied out gives "
                    f"{digits(naive, 4)}, while e⁻ᵁ / (1 + e⁻ᵁ)² gives {digits(slope, 4)}, which is right. nncore uses the latter.",
                    icon=":material/lightbulb:",
                )
    numbers.add("sigmoid", "U", "chosen", u)
    numbers.add("sigmoid", "O", "1 / (1 + e^−U)", o)
    numbers.add("sigmoid", "dO/dU", "e^−U / (1 + e^−U)²", slope)
    numbers.add("sigmoid", "O · (1 − O)", "multiplied in floats", naive)
    numbers.add("sigmoid", "ceiling", "¼", 0.25)
    ask(questions.flat(), questions.saturation(), questions.ceiling())


# ---- gradient descent ------------------------------------------------------------------------------------------


def gradient_descent(look: style.Style, numbers: Numbers) -> None:
    """Descent on the lecture's parabola, from the theta of the sliders."""
    controls, page = st.columns([2, 7], gap="medium")
    with controls:
        alpha = st.number_input(
            "Learning rate α",
            0.0,
            1000.0,
            0.1,
            0.05,
            key="b_alpha",
            format="%g",
            bind="query-params",
            help="0.1 learns slowly, 0.3 quickly; from 0.8 on it overshoots.",
        )
        steps = inspector.whole("Steps", "b_steps", 1, 5000, 500, "Updates to take; every one is kept.")
        phi = activation_picker()
        st.caption("θ at step 0:")
        theta = theta_sliders("b")
    network = MLP(ONE_TWO_ONE, phi)
    path = questions.descent_from(tuple(theta), alpha, steps, phi.name)
    with page:
        with st.container(horizontal=True, key="b_descents"):
            set_up("Worked example", "b_go_0", theta_settings("b", EXAMPLE_THETA) | {"b_alpha": 0.1, "b_step": 0})
            set_up("α = 0.5", "b_go_1", {"b_alpha": 0.5, "b_step": 0}, help="Quick, with a bump on the way.")
            set_up("α = 2 diverges", "b_go_2", {"b_alpha": 2.0, "b_step": 0}, help="Too large a step.")
            set_up("All θ equal", "b_go_3", theta_settings("b", (0.5,) * 7) | {"b_step": 0})
            set_up("All θ zero", "b_go_4", theta_settings("b", (0.0,) * 7) | {"b_step": 0})
        for sentence in notices(theta, SAMPLES[0], phi, path.grad[0]):
            st.info(sentence, icon=":material/lightbulb:")
        outcome(path, alpha)
        shown = descent_player.play(network, path, SAMPLES, look)
    numbers.add("descent", "α", "chosen", alpha)
    for step in sorted({0, shown, path.last_finite}):
        numbers.add(f"step {step}", "E", "mean of (y − f)²", path.loss[step])
        numbers.add_all(f"step {step}", THETA, "θ", path.theta[step])
        numbers.add_all(f"step {step}", [f"∂E/∂θ{k}" for k in range(7)], "gradient", path.grad[step])
    ask(questions.equal(), questions.zero(), questions.bounce())


def outcome(path: Descent, alpha: float) -> None:
    """How the descent ended, in a sentence: fell, rose, or broke."""
    first, last = path.loss[0], path.loss[path.last_finite]
    if path.divergence is not None:
        st.error(
            f"{path.divergence.sentence()} α = {digits(alpha)} is too large: the loss was above its start from step "
            f"{path.rose_at} on, and each step overshot further. The steps up to there are all kept.",
            icon=":material/trending_up:",
        )
    elif last > first:
        st.warning(
            f"α = {digits(alpha)} is too large: E rose from {digits(first, 4)} to {digits(last, 4)}; it was first above its start "
            f"at step {path.rose_at}. More steps would end in an overflow or in a jump about the valley.",
            icon=":material/trending_up:",
        )
    elif path.rose_at is not None:
        st.warning(
            f"E fell from {digits(first, 4)} to {digits(last, 4)}, but not steadily: at step {path.rose_at} it was above its start.",
            icon=":material/ssid_chart:",
        )


look = theme.current()

st.title("Backpropagation by hand", anchor=False)
st.markdown(
    "How much does the error change when one θ changes a little? Follow θ's influence forward to the output, multiply what each "
    "station does to it, and you have the gradient. That is all backpropagation is; the order, back to front, saves work."
)
part = st.segmented_control(
    "Part of the page",
    PARTS,
    default="By hand",
    key="b_part",
    bind="query-params",
    required=True,
    label_visibility="collapsed",
    help="By hand: one θ, every factor. Slope: why O(1 − O). Descent: play and rewind. Inspector: any network of the lab.",
)
part = part or "By hand"  # an empty value in the address is no choice
numbers = Numbers(f"backpropagation {part.lower()}")
match part:
    case "By hand":
        one_theta(look, numbers)
    case "Slope":
        slope_of_sigmoid(look, numbers)
    case "Descent":
        gradient_descent(look, numbers)
    case "Inspector":
        inspector.show(look, numbers)
if numbers.rows:
    numbers.show("backward")
