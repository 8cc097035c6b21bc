"""The loss landscape: where the run walked, and why some layers stand on a plateau."""

from __future__ import annotations

import numpy as np
import streamlit as st

from dashboard.charts import style
from dashboard.charts.weights import place
from dashboard.jobs.work import Training
from dashboard.state import sidebar_run
from dashboard.state.session import peek
from dashboard.ui import card, theme
from dashboard.views.landscape import charts
from dashboard.words.markup import escape
from nncore.measures import landscape

RATES = np.logspace(-5, 3, 81)

INDEX, REACH = "along_index", "reach"
REACHES = {f"±{reach:g}": reach for reach in (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)}

PATIENCE = 4.0
"""Estimated seconds from which a picture is drawn only when it is asked for."""


def page() -> None:
    """Title, step, the plane and three lines through its point."""
    training = sidebar_run.training()
    st.title("Loss landscape")
    st.markdown(
        "Training walks downhill on the loss, a surface with one dimension for every θ; here it is cut open around the "
        "step you choose. Move the step and watch layer 1. A gradient that is small says that the loss is level right here; "
        "whether a layer stands on a **plateau**, level far around, *Layer by layer* shows."
    )
    if training is None:
        return
    if training.history.stopped:
        st.warning(escape(training.history.stopped), icon=":material/stop_circle:")
    pictures(training)


@st.fragment
def pictures(training: Training) -> None:
    """Everything that follows the step slider."""
    history, look = training.history, theme.current()
    record = sidebar_run.step_slider(history)
    step = int(history.step[record])
    left, right = st.columns(2)
    with left:
        the_plane(training, step, look)
    with right:
        measured = training.measured(landscape.along_layers, record)
        figure = charts.layers(measured, history.layout.n_layers, look)
        card.show("along_layers", charts.LAYERS, measured, figure, height=420, finding=charts.layers_finding(measured))
    left, right = st.columns(2)
    with left:
        one_step(training, record, look)
    with right:
        one_parameter(training, record, look)


def the_plane(training: Training, step: int, look: style.Style) -> None:
    """The contours and the path; asked for first where they take long."""
    history = training.history
    seconds = landscape.seconds_per_point(history) * landscape.plane_side(history) ** 2
    if seconds > PATIENCE and not st.toggle(
        f"Draw the plane (about {seconds:,.0f} s)",
        key="plane",
        bind="query-params",
        help="A grid of θ is sent through the whole network: for one this large it takes a while.",
    ):
        return
    try:
        along = training.measured(landscape.path)
    except ValueError as still:
        st.info(f"No path to draw: {still}.", icon=":material/info:")
        return
    measured = training.measured(landscape.plane, along)
    card.show("plane", charts.PLANE, measured, charts.plane(measured, along, step, look), height=420)


def one_step(training: Training, record: int, look: style.Style) -> None:
    """The loss after one step of any learning rate, where there is one that stays finite."""
    measured = training.measured(after_one_step, record)
    if not np.isfinite(measured["loss"]).any():
        st.info(
            f"One step from here has no picture: with every learning rate from {RATES[0]:g} to {RATES[-1]:g} it "
            "leaves the finite numbers.",
            icon=":material/info:",
        )
        return
    now, rate = float(training.measured(loss_here, record)), training.config.learning_rate
    figure = charts.one_step(measured, now, rate, look)
    finding = charts.one_step_finding(measured, now, rate)
    card.show("one_step", charts.ONE_STEP, measured, figure, finding=finding)


def one_parameter(training: Training, record: int, look: style.Style) -> None:
    """The loss along one θ, chosen by its index."""
    history = training.history
    last = history.layout.n_params - 1
    if st.session_state.get(INDEX, 0) > last:  # chosen in a larger network
        st.session_state[INDEX] = last

    def choose() -> None:
        which, far = st.columns(2)
        which.number_input(
            "Which θ",
            0,
            last,
            0,
            key=INDEX,
            bind="query-params",
            help="The index k of θ_k, counted over all layers: biases first, then weights row by row.",
        )
        far.select_slider(
            "Reach", list(REACHES), "±3", key=REACH, bind="query-params", help="How far θ is moved to both sides."
        )

    index = peek(INDEX, 0, bounds=(0, last))
    reach = REACHES[peek(REACH, "±3", {text: text for text in REACHES})]
    measured = training.measured(landscape.along_parameter, record, index, reach)
    text = charts.Text(charts.ONE_PARAMETER.title, place(history.layout, index), charts.ONE_PARAMETER.note)
    figure = charts.one_parameter(measured, look)
    finding = charts.one_parameter_finding(measured, index)
    card.show("along_theta", text, measured, figure, finding=finding, above=choose)


def after_one_step(history: landscape.History, record: int) -> landscape.Measurement:
    """The loss after one step of any learning rate."""
    return landscape.after_one_step(history, record, RATES)


def loss_here(history: landscape.History, record: int) -> float:
    """The loss on the probe rows, penalty excluded."""
    return float(landscape.after_one_step(history, record, np.zeros(1))["loss"][0])


page()
