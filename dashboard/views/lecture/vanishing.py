"""Why gradients vanish and explode: a chain of one-unit layers, its product written out, and the way to the lab."""

from __future__ import annotations

import numpy as np
import streamlit as st

from dashboard.state.address import FIRST_SIGHT, link
from dashboard.ui import card, symbols, tables, theme
from dashboard.views.lecture import charts_vanishing as charts
from dashboard.views.lecture.inputs import activation_picker, set_up
from dashboard.views.lecture.numbers_table import Numbers
from dashboard.views.lecture.quiz import Question, ask
from dashboard.words.formulas import factor, tex, worked
from dashboard.words.numbers import digits, number, power_of_ten
from nncore import ACTIVATIONS, RunConfig, measures, run
from nncore.lecture.chain import UnitChain, unit_chain

OWN = "my own"
CARRIED = 0.1
"""Share of a gradient that must be left after a chain for it to be carried, and its inverse the most."""

WRITTEN = 5
"""Layers whose factor is written out; the last one always is."""

SITUATIONS = {
    "θ = 1": ("Each sigmoid keeps less than a quarter.", 1.0, "0", 0.5, 10, "sigmoid"),
    "θ = 20, saturated": ("Large weights, no bias: it vanishes faster.", 20.0, "0", 0.5, 10, "sigmoid"),
    "θ = 8, b = −θ/2": ("U is 0 in every layer: the factor is θ/4 = 2.", 8.0, "−θ/2", 0.5, 10, "sigmoid"),
    "θ = 4, b = −θ/2": ("The border: the factor is exactly 1.", 4.0, "−θ/2", 0.5, 30, "sigmoid"),
    "a nudge of x": ("0.5001 instead of ½: off the ridge.", 8.0, "−θ/2", 0.5001, 40, "sigmoid"),
    "tanh, θ = 1": ("Slope 1 at U = 0.", 1.0, "0", 0.5, 10, "tanh"),
    "ReLU, θ = 2": ("Slope 1, weight 2.", 2.0, "0", 0.5, 30, "relu"),
}

LAB = {
    "Deep sigmoid: vanishes": (FIRST_SIGHT, "trending_down"),
    "Six layers instead of twelve": (FIRST_SIGHT.replace(hidden=(32,) * 6), "layers"),
    "Large weights: explodes": (FIRST_SIGHT.replace(activation="relu", init="he_normal", gain=2.0), "trending_up"),
    "… and clipped": (FIRST_SIGHT.replace(activation="relu", init="he_normal", gain=2.0, clip_norm=1.0), "content_cut"),
    "tanh and Xavier mend it": (FIRST_SIGHT.replace(activation="tanh"), "healing"),
    "ReLU and He mend it": (FIRST_SIGHT.replace(activation="relu", init="he_normal"), "healing"),
    "Skip connections carry it past": (FIRST_SIGHT.replace(skip=True), "healing"),
    "Adam on the deep sigmoid": (FIRST_SIGHT.replace(optimizer="adam", learning_rate=0.01), "speed"),
}
"""Set-ups of the lab that show in a whole network what the chain shows here."""


def situation(weight: float, bias: str, x: float, depth: int, phi: str) -> dict[str, object]:
    """The widget values of a chain."""
    return {"v_theta": weight, "v_bias": bias, "v_x": x, "v_depth": depth, "v_phi": phi}


@st.cache_data(max_entries=64, show_spinner=False)
def at_the_start(config: RunConfig) -> tuple[float, int]:
    """(delta of layer 1 over delta of layer L, L), in the untrained network."""
    delta = measures.gradient_flow(run(config.replace(steps=0)), 0)["delta_norm"].ravel()
    return float(delta[0] / delta[-1]), len(delta)


def rate(seen: UnitChain) -> float:
    """The geometric mean of |factor| over the chain."""
    return float(10.0 ** (seen.log10_product[-1] / seen.log10_product.shape[-1]))


def verdict(seen: UnitChain, weight: float) -> str:
    """What this chain does to a gradient, in a sentence or two."""
    last, depth, r = float(seen.product[-1]), len(seen.product), rate(seen)
    if not np.isfinite(last):
        return f"**It explodes beyond every float:** after {depth} layers the product is {digits(last)}."
    if last == 0 and not np.isfinite(seen.log10_product[-1]):
        return f"**It is cut off:** a factor is exactly 0, so after {depth} layers nothing arrives."
    if last == 0:
        return f"**It vanishes:** the product is smaller than the smallest float, about {power_of_ten(f'1e{seen.log10_product[-1]:.0f}')}."
    times = (
        f"After {depth} layers the product is **{digits(last, 4)}**, a factor of {digits(r, 3)} per layer in the mean"
    )
    if r < 0.9 or (r < 1 and abs(last) < CARRIED):
        reach = int(np.ceil(6 / -np.log10(r)))
        return f"**It vanishes.** {times}: a millionth is left after about {reach} layer{'s' if reach > 1 else ''}."
    if r > 1.1 or (r > 1 and abs(last) > 1 / CARRIED):
        reach = int(np.ceil(6 / np.log10(r)))
        return f"**It explodes.** {times}: a millionfold after about {reach} layers. A step α ∂E/∂θ of that size throws θ far away, and the loss diverges."
    return f"**It is carried.** {times}: the first layer hears what the last one says."


def reasons(seen: UnitChain, weight: float, phi_name: str) -> str:
    """Which of the two, slope or weight, made the product what it is."""
    largest = float(ACTIVATIONS[phi_name].max_slope)
    mean_slope = float(np.exp(np.mean(np.log(np.maximum(np.abs(seen.slope), 1e-320)))))
    text = f"Split in two: the weights give |θ| = {digits(abs(weight), 4)} per layer, the slopes {digits(mean_slope, 3)} in the mean"
    if phi_name == "sigmoid" and abs(weight) >= 4 and mean_slope * abs(weight) < 1:
        text += (
            f". The weight alone would explode, but it also makes U large (|U| up to {digits(float(np.abs(seen.z).max()), 3)}), and there "
            f"the sigmoid is flat: φ′ falls like e^−|U| while θ only grows like θ. The slope wins, and the large weight vanishes."
        )
    elif phi_name == "sigmoid" and mean_slope > 0.2499:
        text += f", its ceiling: U stays at 0 in every layer, so that each factor is θ/4 = {digits(weight / 4, 4)}."
    else:
        text += f", of at most {digits(largest, 4)}."
    return text


def written_out(seen: UnitChain, weight: float, phi_name: str) -> str:
    """The product, a factor longer on each line, in lines that fit a narrow screen."""
    slope = "O_l(1 - O_l)" if phi_name == "sigmoid" else r"\varphi'(U_l)"
    depth = len(seen.factor)
    lines = [(rf"P_{{{depth}}}", rf"\prod_{{l=1}}^{{{depth}}} {slope} \cdot \theta")]
    for d in range(1, depth + 1):
        if d > WRITTEN and d < depth:
            if d == WRITTEN + 1:
                lines.append((rf"P_{{{d}}}, \dots", r"\cdots"))
            continue
        before = "" if d == 1 else rf"P_{{{d - 1}}} \cdot "
        lines.append(
            (
                f"P_{{{d}}}",
                rf"{before}\underbrace{{{factor(seen.slope[d - 1], 4)} \cdot {factor(weight, 4)}}}_{{{tex(seen.factor[d - 1], 4)}}}"
                rf" = {tex(seen.product[d - 1], 4)}",
            )
        )
    return worked(lines)


def questions() -> list[Question]:
    """What to predict on this page, from students' own questions."""
    one, large = unit_chain(1.0, 0.0, 0.5, 10), unit_chain(20.0, 0.0, 0.5, 10)
    relu = unit_chain(2.0, 0.0, 0.5, 30, "relu")
    ridge, nudged = unit_chain(8.0, -4.0, 0.5, 40), unit_chain(8.0, -4.0, 0.5001, 40)
    six, seven = (abs(float(one.product[d - 1])) for d in (6, 7))
    return [
        Question(
            "v_large",
            "Large weights make gradients explode, says the lecture. Ten sigmoid layers, bias 0: what happens to the product when θ goes "
            "from 1 to 20?",
            ("it grows by 20¹⁰", "it stays", "it shrinks further"),
            2,
            f"From {digits(float(one.product[-1]), 3)} to {digits(float(large.product[-1]), 3)}: θ = 20 makes U = {digits(float(large.z[1]), 3)}, "
            f"where the slope is {digits(float(large.slope[1]), 2)}. Twenty times that is still next to nothing. Both are true: large weights "
            "explode where the slope survives them.",
            situation(20.0, "0", 0.5, 10, "sigmoid"),
            "card_v_product",
        ),
        Question(
            "v_relu",
            "ReLU's slope is 0 or 1. How can a gradient ever explode through it?",
            ("it cannot", "through the weights", "only through the loss"),
            1,
            f"The factor is slope × weight. With slope 1 everywhere and θ = 2, thirty layers multiply by {digits(float(relu.product[-1]), 6)}.",
            situation(2.0, "0", 0.5, 30, "relu"),
            "card_v_product",
        ),
        Question(
            "v_seven",
            "Six sigmoid layers train, a seventh and the network is stuck. Is there a cliff between six and seven (θ = 1, b = 0)?",
            ("yes, the seventh breaks it", "no, each layer takes the same share"),
            1,
            f"After six layers {digits(six, 3)}, after seven {digits(seven, 3)}: × {digits(seven / six, 3)}, as at every layer before. What looks "
            "like a cliff is the point where the learning rate and the steps no longer make up for it; some seeds pass it, some do not.",
            situation(1.0, "0", 0.5, 7, "sigmoid"),
            "card_v_product",
        ),
        Question(
            "v_nudge",
            "θ = 8, b = −4, x = ½: every factor is 2 and the product doubles with each layer. What if x is 0.5001?",
            ("nearly the same", "it explodes faster", "it explodes at first, then vanishes"),
            2,
            f"After 40 layers {digits(float(ridge.product[-1]), 3)} becomes {digits(float(nudged.product[-1]), 3)}. The forward signal grows by the same "
            f"factor 2: the distance 0.0001 doubles until the units saturate (U = {digits(float(nudged.z[-1]), 3)}). Exploding is a ridge that a chain of "
            "single units falls off; in a wide layer there are always some units near U = 0.",
            situation(8.0, "−θ/2", 0.5001, 40, "sigmoid"),
            "card_v_product",
        ),
    ]


look = theme.current()
st.title("Why gradients vanish and explode", anchor=False)
st.markdown(
    "Put one unit in each layer and the chain rule is a single product: on its way back the gradient is multiplied at every layer by a "
    "slope and a weight, **φ′(U) · θ**; for the sigmoid, **O(1 − O) · θ**, and O(1 − O) is never more than ¼. A number below 1, "
    "multiplied again and again, goes to 0; one above 1 grows without bound."
)
symbols.fold()
with st.container(horizontal=True, key="v_situations"):
    for place, (name, (help, *values)) in enumerate(SITUATIONS.items()):
        set_up(name, f"v_set_{place}", situation(*values), help=help)

controls, page = st.columns([2, 5], gap="medium")
with controls:
    weight = st.slider("Weight θ of every layer", -40.0, 40.0, 1.0, 0.5, key="v_theta", bind="query-params")
    depth = st.slider("Layers d", 1, 50, 10, key="v_depth", bind="query-params")
    bias_choice = st.segmented_control(
        "Bias of every layer",
        [*charts.BIASES, OWN],
        default="0",
        key="v_bias",
        bind="query-params",
        required=True,
        help="With −θ/2 and input ½ a sigmoid unit has U = θ·½ − θ/2 = 0, the steepest place there is.",
    )
    bias_choice = bias_choice or "0"  # an empty value in the address is no choice
    own = 0.0
    if bias_choice == OWN:
        own = st.number_input("b", -1000.0, 1000.0, 1.0, 0.5, key="v_b", format="%g", bind="query-params")
    x = st.number_input(
        "Input x of the first layer", -1000.0, 1000.0, 0.5, 0.1, key="v_x", format="%g", bind="query-params"
    )
    phi_name = activation_picker("v_phi").name
bias = float(charts.bias_of(bias_choice, np.array(weight), own))
seen = unit_chain(weight, bias, x, int(depth), phi_name)
ceiling = float(ACTIVATIONS[phi_name].max_slope)

with page:
    st.markdown(verdict(seen, weight))
    st.markdown(reasons(seen, weight, phi_name))
    left, right = st.columns(2)
    with left, st.container(border=True, key="v_written", height="stretch"):
        st.markdown("**Factor by factor** :gray[$P_d$ is what is left after d layers]")
        st.latex(written_out(seen, weight, phi_name))
    with right:
        measured = charts.product_measurement(seen, weight, ceiling)
        card.show("v_product", charts.PRODUCT, measured, charts.product(measured, look), height=320)

left, right = st.columns(2)
with left:
    measured = charts.factor_measurement(x, int(depth), phi_name, own, ceiling)
    figure = charts.factor(measured, weight, bias_choice == OWN, look)
    card.show("v_factor", charts.FACTOR, measured, figure, finding=charts.factor_finding(measured, ceiling))
with right:
    measured = charts.map_measurement(x, int(depth), phi_name, bias_choice, own)
    figure = charts.regimes(measured, weight, look)
    card.show("v_map", charts.MAP, measured, figure, finding=charts.regimes_finding(measured))

st.subheader("When large weights explode after all", anchor=False)
st.markdown(
    r"A large θ makes $U = \theta\,O + b$ large, and a sigmoid is flat there. To keep the slope, U must stay near 0, and for one choice it "
    r"does: with $x = \tfrac12$ and $b = -\theta/2$,"
)
st.latex(
    worked(
        [
            (r"U_1", r"\theta \cdot \tfrac12 - \tfrac{\theta}{2} = 0"),
            (r"O_1", r"\varphi(0) = \tfrac12 = x, \text{ and so on}"),
            (r"O_l(1 - O_l)\,\theta", r"\tfrac14\,\theta \text{ in every layer}"),
            (r"P_d", r"\left(\tfrac{\theta}{4}\right)^{d}"),
        ]
    )
)
st.markdown(
    rf"It explodes for |θ| > 4 and vanishes for |θ| < 4. With your θ and {depth} layers it is $({tex(weight / 4)})^{{{depth}}}$ = "
    f"**{digits(float(unit_chain(weight, -weight / 2, 0.5, int(depth)).product[-1]), 6)}**."
)

st.subheader("Layer by layer", anchor=False)
columns = {
    "layer": np.arange(1, depth + 1),
    "U": seen.z,
    "O": seen.a,
    "φ′(U)": seen.slope,
    "φ′(U) · θ": seen.factor,
    "product": seen.product,
    "∂f/∂U, backward pass": seen.delta,
}
tables.show(
    "layers",
    {name: [f"{v:g}" if name == "layer" else digits(v, 8) for v in values] for name, values in columns.items()},
)
numbers = Numbers("vanishing and exploding")
numbers.add_all("chain", ["θ", "b", "x", "d"], "chosen", [weight, bias, x, depth])
for row in range(depth):
    symbols = list(columns)[1:]
    numbers.add_all(f"layer {row + 1}", symbols, "one unit per layer", [columns[name][row] for name in symbols])
numbers.add("chain", "factor per layer", "geometric mean", rate(seen))

st.subheader("Predict first", anchor=False)
ask(questions(), 2)

st.subheader("Now in a whole network", anchor=False)
st.markdown(
    "The lab does the same with many units per layer, where the factors are matrices. Each link opens it at a set-up; the number is δ of "
    "layer 1 as a share of δ at the output, before training."
)
for column, (label, (config, icon)) in zip(st.columns(4) * 2, LAB.items(), strict=True):
    with column, st.container(border=True):
        share, n_layers = at_the_start(config)
        st.page_link("views/lab/page.py", label=label, icon=f":material/{icon}:", query_params=link(config))
        st.caption(f"{number(share)} over {n_layers} layers.")
        numbers.add("lab", label, "δ of layer 1 over δ of layer L, step 0", share)

numbers.show("vanishing")
