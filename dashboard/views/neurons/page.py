"""Neurons on the curve: where each unit's z falls on its activation, and what each unit computes of the input."""

from __future__ import annotations

import numpy as np
import streamlit as st

from dashboard.charts import style
from dashboard.charts.text import Text
from dashboard.jobs.work import Training
from dashboard.plot import Point
from dashboard.state import sidebar_run
from dashboard.state.session import peek, session
from dashboard.ui import card, theme
from dashboard.views.neurons import charts
from dashboard.words.markup import escape
from dashboard.words.numbers import percent
from nncore import Measurement
from nncore.measures import units as u

LAYER, COLOUR = "n_layer", "n_colour"
COLOURS = {"unit": "unit", "target": "class or target"}
TILES = 8
"""Little pictures side by side."""


def choose_layer(n_layers: int) -> int:
    """The layer that is looked into; one outside the network moves to the nearest end."""
    if n_layers == 1:
        st.caption("The network has one layer, the linear output layer: its curve is a straight line.")
        return 1
    if LAYER in st.session_state:
        st.session_state[LAYER] = min(max(int(st.session_state[LAYER]), 1), n_layers)
    chosen = st.slider(
        "Layer",
        1,
        n_layers,
        1,
        key=LAYER,
        bind="query-params",
        help=f"1 is the first hidden layer; {n_layers} is the output layer, which is linear.",
    )
    session().widgets[LAYER] = chosen
    return chosen


def look_into(point: Point) -> None:
    """A click on a layer of the overview."""
    st.session_state[LAYER] = round(float(point["x"]))


@st.fragment
def charts_of(training: Training) -> None:
    """Everything that follows the step and the layer."""
    history, look = training.history, theme.current()
    left, right = st.columns(2)
    with left:
        record = sidebar_run.step_slider(history)
    with right:
        layer = choose_layer(history.layout.n_layers)
    overview = training.measured(u.zones, record)
    hidden = min(layer, len(overview.axes["layer"]))
    dots, pictures = st.columns(2)
    with dots:
        on_the_curve(training, record, layer, look)
    with pictures:
        responses(training, record, layer, look)
    figure = charts.zones(overview, hidden, look)
    card.show(
        "zones", charts.ZONES_TEXT, overview, figure, height=280, finding=overview_words(overview), on_click=look_into
    )


def on_the_curve(training: Training, record: int, layer: int, look: style.Style) -> None:
    """The dots of one layer on its curve."""
    activation = u.layer_activation(training.history, layer)
    classes = training.config.data().class_names
    measured = training.measured(u.on_the_curve, record, layer)

    def pick() -> None:
        st.segmented_control(
            "Colour",
            list(COLOURS),
            format_func=COLOURS.__getitem__,
            default="unit",
            key=COLOUR,
            bind="query-params",
            label_visibility="collapsed",
            required=True,
        )

    by = peek(COLOUR, "unit", {label: name for name, label in COLOURS.items()})
    text = Text(charts.CURVE.title, f"layer {layer}, {activation.name}: {charts.CURVE.subtitle}", charts.CURVE.note)
    figure = charts.on_the_curve(measured, activation, look, by, classes)
    shares = training.measured(u.layer_zones, record, layer)
    card.show("curve", text, measured, figure, height=560, finding=layer_words(shares), above=pick)


def responses(training: Training, record: int, layer: int, look: style.Style) -> None:
    """What each unit of the layer puts out."""
    config = training.config
    data = config.data()
    measured = training.measured(u.responses, record, layer)
    names = [escape(name) for name in data.feature_names]
    what = (
        f"layer {layer}, over {names[0]}"
        if data.n_inputs == 1
        else f"layer {layer}, over {names[0]} → and {names[1]} ↑"
        if data.n_inputs == 2
        else f"layer {layer}, on the probe rows"
    )
    text = Text(charts.RESPONSES.title, what, charts.RESPONSES.note)
    columns = min(TILES, max(1, int(np.ceil(np.sqrt(len(measured.axes["unit"]))))))
    figure = charts.responses(measured, look, data.class_names, columns)
    low, high = charts.shade_range(measured["a"])
    finding = f"One scale for all units of the layer, from {low:.3g} to {high:.3g}."
    if config.skip and layer <= config.depth:
        finding += " a is what the layer hands on, its skipped input included."
    card.show("responses", text, measured, figure, height=560, finding=finding)


def layer_words(shares: Measurement) -> str:
    """A layer's zones and kinds of units in words."""
    flat, linear, bend, broken = (float(shares[name][0]) for name in ("flat", "linear", "bend", "not_finite"))
    words = f"{percent(flat)} of units × rows are flat, {percent(linear)} nearly linear, {percent(bend)} on the bend"
    words += f", {percent(broken)} not finite." if broken else "."
    kinds = {
        "dead_units": "dead (slope 0 on every row)",
        "flat_units": "flat on every row",
        "linear_units": "linear on all rows (slope varies by less than 10 %)",
    }
    found = [f"{percent(float(shares[name][0]))} {meaning}" for name, meaning in kinds.items() if shares[name][0] > 0]
    if found:
        return f"{words} Of its units, {', '.join(found)}."
    return f"{words} {'Every unit uses its bend.' if bend > 0 else 'Every unit is on both sides of its kink.'}"


def overview_words(overview: Measurement) -> str:
    """Which layers are flat or linear."""
    layers = overview.axes["layer"]
    flattest, straightest = (int(np.argmax(overview[name])) for name in ("flat", "linear"))
    flat, linear = float(overview["flat"][flattest]), float(overview["linear"][straightest])
    ends = f"Flattest: layer {layers[flattest]} with {percent(flat)}" if flat > 0 else "No layer has a flat part"
    most = f"most linear: layer {layers[straightest]} with {percent(linear)}" if linear > 0 else "none is linear"
    return f"{ends}; {most}."


def page() -> None:
    """The page, top to bottom."""
    st.title("Neurons on the curve")
    st.markdown(
        "Every unit sums its inputs to z and bends z by its activation φ; the gradient coming back is multiplied by the slope φ′(z). "
        "Move the step and the layer and watch where a unit's dots lie: on the **flat** parts nothing comes back, on a **straight** "
        "part the unit computes nothing new, on the **bend** it does its work."
    )
    training = sidebar_run.training()
    if training is None:
        return
    if training.history.stopped:
        st.warning(escape(training.history.stopped), icon=":material/stop_circle:")
    charts_of(training)


page()
