"""Signal propagation: where the network stands in the plane of its variances, and what depth makes of that."""

from __future__ import annotations

import numpy as np
import streamlit as st

from dashboard.charts import style
from dashboard.charts.text import Text
from dashboard.jobs.map_request import at_initialization
from dashboard.plot import Point
from dashboard.state import sidebar, sidebar_run
from dashboard.state.address import REACH
from dashboard.state.session import peek, session
from dashboard.ui import card, theme
from dashboard.views.propagation import charts
from dashboard.views.propagation import charts_plane as plane
from dashboard.views.propagation.words import (
    advice,
    correlation_words,
    criticality_words,
    in_the_lab,
    limit_words,
    phase_words,
    reading_words,
    standing_words,
    unsettled_words,
)
from dashboard.words.numbers import number
from dashboard.words.symbols import THEORY, table
from nncore import ACTIVATIONS, Activation, Measurement, RunConfig
from nncore.config.run_config import TABLE
from nncore.theory import FixedPoint, diagrams, fixed_point
from nncore.theory.hidden_jacobian import hidden_spectrum, partner, rows_affordable, spectra
from nncore.theory.of_config import Standing, first_q, standing

WEIGHT, BIAS = "p_sigma_w2", "p_sigma_b2"
LARGEST_W, LARGEST_B = REACH["gain"][1] ** 2, REACH["bias_std"][1] ** 2
"""What the lab can set: gain and bias deviation, squared."""

FAR = 20.0
"""A largest σ_w² beyond which usual initializers, at 1 or 2, would stand in a corner of an even axis: sigmoid's."""

CORNER = 0.05
"""A share of the axis in which a point would not be seen."""


@st.cache_data(max_entries=32, show_spinner=False)
def phase_map(function: str, alpha: float | None, right: float, top: float, left: float) -> Measurement:
    """The diagram's numbers; an activation by its name and alpha, which a cache can tell apart."""
    phi = ACTIVATIONS[function]
    return diagrams.phase_map(phi if alpha is None else phi.with_alpha(alpha), right, top, left)


def both_spectra(config: RunConfig) -> Measurement:
    """Singular values of the network and of its partner. Raises ValueError where they cost too much."""
    other = partner(config)
    rows = min(rows_affordable(each) for each in (config, other))
    return spectra(hidden_spectrum(config, rows), hidden_spectrum(other, rows))


@st.cache_resource(max_entries=16, show_spinner="Two networks' singular values …")
def shared_spectra(config: RunConfig) -> Measurement:
    """The same, once for all readers."""
    return both_spectra(config)


def singular(config: RunConfig) -> Measurement:
    """The same, shared between readers unless the data is an uploaded table."""
    return both_spectra(config) if config.dataset == TABLE else shared_spectra(config)


def choose_activation(config: RunConfig) -> Activation:
    """The activation of the diagram: the network's first, or any other."""
    mine = {phi.name: phi for phi in config.activations()} or {"linear": ACTIVATIONS["linear"]}
    first = next(iter(mine))
    name = st.selectbox(
        "Activation",
        ["network", *ACTIVATIONS],
        key="p_activation",
        bind="query-params",
        format_func=lambda each: "the network's" if each == "network" else each,
        help=f"The diagram is another one for each activation; the network's is {first}. Choosing here does not change it.",
    )
    return mine[first] if name == "network" else mine.get(name, ACTIVATIONS[name])


def choose_point(here: tuple[float, float]) -> tuple[float, float]:
    """The two numbers that the maps are drawn for; they follow the network whenever it moves, and stand in the address where
    they differ from it."""
    at = [float(f"{min(value, limit):.6g}") for value, limit in zip(here, (LARGEST_W, LARGEST_B), strict=True)]
    if session().network_point not in (None, here) and not session().comes_back:
        st.session_state[WEIGHT], st.session_state[BIAS] = at
    session().network_point = here
    left, right = st.columns(2)
    w = left.number_input(
        "σ_w²",
        0.0,
        LARGEST_W,
        at[0],
        step=0.1,
        format="%.4g",
        key=WEIGHT,
        bind="query-params",
        help="Weight variance times fan-in. The maps below are drawn for it.",
    )
    b = right.number_input(
        "σ_b²", 0.0, LARGEST_B, at[1], step=0.05, format="%.4g", key=BIAS, bind="query-params", help="Bias variance."
    )
    return float(w), float(b)


def use(config: RunConfig, w: float, b: float) -> None:
    """Start the lab's network at this point."""
    sidebar.apply(in_the_lab(config, w, b))


def extent(phi: Activation, points: list[tuple[float, float]]) -> tuple[float, float, float]:
    """(largest σ_w², largest σ_b², smallest σ_w²): the activation's own, widened up to three times for points outside.

    The smallest σ_w² is 0, and its axis even, unless the critical line or a point would then stand in a corner.
    """
    limits = [min(own, lab) for own, lab in zip(diagrams.extent(phi), (LARGEST_W, LARGEST_B), strict=True)]
    for axis, limit in enumerate(limits):
        beyond = [point[axis] for point in points if limit < point[axis] <= 3 * limit]
        limits[axis] = diagrams.nice(1.05 * max(beyond)) if beyond else limit
    right, top = limits
    lowest = min((point[0] for point in points if point[0] > 0), default=right)
    if right <= FAR and lowest >= CORNER * right:
        return right, top, 0.0
    return 4 * right, top, min(0.1, 10.0 ** np.floor(np.log10(lowest / 2)))


def diagram(config: RunConfig, here: Standing, look: style.Style) -> tuple[Activation, tuple[float, float]]:
    """The phase diagram with its inputs; returns what the other charts are drawn for."""
    left, right = st.columns([5, 3], gap="medium")
    with right:
        phi = choose_activation(config)
        chosen = choose_point(here.point or (1.0, 0.0))
        found = fixed_point(phi, *chosen)
        same = here.point is not None and np.allclose(chosen, here.point, rtol=1e-5)
        st.button(
            "Use in the lab",
            icon=":material/science:",
            type="primary",
            disabled=same,
            width="stretch",
            key="p_use",
            on_click=use,
            args=(config, *chosen),
            help="The two numbers above are the network's own: change one of them first."
            if same
            else "Sets lecun_normal with gain √σ_w² and bias deviation √σ_b²; everything else stays.",
        )
        st.page_link("views/lab/page.py", label="Open this network in the lab", icon=":material/arrow_forward:")
        st.markdown(phase_words(found, phi, chosen))
        with st.expander("Where the network stands, and where the line begins"):
            st.markdown(standing_words(config, here))
            st.markdown(criticality_words(phi))
    with left:
        ranges = extent(phi, [chosen, *([here.point] if here.point else [])])
        measured = phase_map(phi.name, phi.alpha, *ranges)
        figure = plane.phase_diagram(measured, diagrams.critical_curve(phi, *ranges[:2]), here.point, chosen, look)
        note = plane.NO_PHASES if phi.kind == "threshold" else plane.PHASES.note
        text = Text(f"{plane.PHASES.title} of {phi.name}", plane.PHASES.subtitle, note)

        def clicked(point: Point) -> None:
            use(config, max(float(point["x"]), 0.0), max(float(point["y"]), 0.0))

        card.show(
            "phases",
            text,
            measured,
            figure,
            height=470,
            finding=reading_words(phi, here, chosen, found),
            on_click=clicked,
        )
    return phi, chosen


def maps(config: RunConfig, phi: Activation, chosen: tuple[float, float], look: style.Style) -> None:
    """The staircases of q and c at the chosen point."""
    start, layers = first_q(config), max(config.depth, 1)
    found: FixedPoint = fixed_point(phi, *chosen)
    left, right = st.columns(2)
    with left:
        measured = diagrams.q_staircase(phi, *chosen, start, max(layers, 2))
        target = fixed_point(phi, *chosen, q_start=start).q_star
        finding = (
            f"The network's data start layer 1 at q = {number(start)}; {arrives(measured, 'q')}, and depth leads it to "
            f"{limit_words(target)}. {unsettled_words(phi, chosen, start, layers, found)}"
        ).strip()
        card.show("q_map", charts.Q_MAP, measured, charts.staircase(measured, "q", look), finding=finding)
    with right:
        settles = 0 < found.q_star < np.inf
        q = found.q_star if settles else float(np.nan_to_num(measured["q_next"][-1], posinf=1e12))
        show_c_map(phi, chosen, q, found, layers, peek("p_c", 0.5, bounds=(0, 1)), look)


def arrives(measured: Measurement, symbol: str) -> str:
    """Where a staircase's last layer is."""
    return f"in layer {int(measured['layer'][-1]) + 1} {symbol} is {number(float(measured[f'{symbol}_next'][-1]))}"


def show_c_map(
    phi: Activation,
    chosen: tuple[float, float],
    q: float,
    found: FixedPoint,
    layers: int,
    c_start: float,
    look: style.Style,
) -> None:
    """The correlation map with the slider of its start."""
    measured = diagrams.c_staircase(phi, *chosen, q, c_start, max(layers, 2))
    if not np.isfinite(measured["c_next"]).any():
        st.info("Without weights every layer puts out the same for all inputs: there is no correlation to follow.")
        return
    finding = f"Two inputs start layer 1 with c = {c_start:g}; {arrives(measured, 'c')}, and in the end c* = {correlation_words(found.c_star)}."

    def slider() -> None:
        st.slider(
            "Correlation of two inputs",
            0.0,
            1.0,
            0.5,
            0.05,
            key="p_c",
            bind="query-params",
            help="c = 1: the same input twice; 0: unrelated ones.",
        )

    card.show("c_map", charts.C_MAP, measured, charts.staircase(measured, "c", look), finding=finding, above=slider)


def gain(config: RunConfig, phi: Activation, look: style.Style) -> None:
    """chi_1 over the gain that the sidebar sets."""
    init, now = diagrams.gain_of(config)
    critical = diagrams.critical_gain(config, phi)
    largest = diagrams.nice(max(2.5, 1.3 * now, 1.4 * (critical or 0.0)))
    measured = diagrams.gain_curve(config, phi, largest)
    figure = charts.chi_against_gain(measured, init, now, critical, look)
    if phi.kind == "threshold":
        finding = "The slope of sign is 0 wherever it exists: χ₁ is undefined, and no gain is critical."
    elif critical is None:
        finding = f"No gain of {init} is critical here: χ₁ = 1 at an attracting q* does not occur."
    else:
        finding = f"The critical gain of {init} for {phi.name} is {critical:.4g}; now it is {now:.3g}."
    card.show("chi", charts.CHI, measured, figure, finding=finding)


def spectrum(config: RunConfig, look: style.Style) -> None:
    """The network's hidden Jacobian beside its partner's."""
    try:
        measured = singular(at_initialization(config))
    except ValueError as refused:
        st.info(f"No singular values: {refused}.", icon=":material/info:")
        return
    facts = measured.columns or {}
    words = [
        charts.spread_words(
            str(init),
            facts["spread"][1][row],
            None if np.isnan(facts["predicted_spread"][1][row]) else facts["predicted_spread"][1][row],
            facts["zeros"][1][row],
        )
        for row, init in enumerate(measured.axes["init"])
    ]
    text = Text(
        charts.SINGULAR.title, charts.SINGULAR.subtitle, "Spread is Var(s²) / mean(s²)². " + charts.SINGULAR.note
    )
    card.show("singular", text, measured, charts.singular_values(measured, look), finding=" ".join(words))


def page() -> None:
    """The page, top to bottom; it needs the config only, not its run."""
    st.title("Signal propagation")
    st.markdown(
        "What a network does to a signal before its first step is decided by two numbers: how far its **weights** scatter ($\\sigma_w^2$: "
        "the variance of a weight times the number of inputs of a unit) and how far its **biases** do ($\\sigma_b^2$: the variance of a bias). Click into the diagram, or type the two numbers, to move the network: on one side of "
        "the **critical line** all inputs become alike and gradients vanish, on the other near twins are torn apart and gradients "
        "explode; close to the line a deep network can be trained."
    )
    with st.expander("What the symbols mean", icon=":material/menu_book:"):
        st.markdown(table(THEORY))
        st.markdown(
            "Poole et al. 2016, *Exponential expressivity in deep neural networks through transient chaos*; Schoenholz et al. 2017, "
            "*Deep information propagation*; Pennington et al. 2017, *Resurrecting the sigmoid*. The theory is exact for infinite "
            "width; the lab's flow chart lays it beside one real network."
        )
    config = sidebar_run.config()
    if config is None:
        return
    look = theme.current()
    for note in advice(config):
        st.info(note, icon=":material/info:")
    phi, chosen = diagram(config, standing(config), look)
    maps(config, phi, chosen, look)
    left, right = st.columns(2)
    with left:
        gain(config, phi, look)
    with right:
        spectrum(config, look)


page()
