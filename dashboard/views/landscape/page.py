"""The loss landscape: where the run walked, and why some layers stand on a plateau."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial, wraps
from typing import Any, TypeVar

import numpy as np
import streamlit as st

from dashboard.charts import style
from dashboard.charts.weights import place
from dashboard.jobs import limits
from dashboard.jobs.measurements import BackgroundMeasurement, measurements, watched
from dashboard.jobs.work import Training
from dashboard.state import sidebar_run
from dashboard.state.session import peek, session
from dashboard.ui import card, theme
from dashboard.views.landscape import charts
from dashboard.words.markup import escape
from nncore import History, Measurement
from nncore.measures import landscape
from nncore.model.initializers import StoppedEarly

RATES = np.logspace(-5, 3, 81)

INDEX, REACH = "along_index", "reach"
REACHES = {f"±{reach:g}": reach for reach in (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)}

PATIENCE = 2.0
"""Estimated seconds from which a picture is drawn only when it is asked for, and made beside the page."""

FEWER = "take fewer records, or make the network narrower or shallower"

T = TypeVar("T")


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
        layers(training, record, look)
    left, right = st.columns(2)
    with left:
        one_step(training, record, look)
    with right:
        one_parameter(training, record, look)


def the_plane(training: Training, step: int, look: style.Style) -> None:
    """The contours and the path."""

    def draw(found: str | tuple[landscape.Path, Measurement]) -> None:
        if isinstance(found, str):
            st.info(found, icon=":material/info:")
            return
        along, measured = found
        card.show("plane", charts.PLANE, measured, charts.plane(measured, along, step, look), height=420)

    history = training.history
    seconds, size = landscape.plane_seconds(history), landscape.plane_bytes(history)
    in_time(training, "plane", "the plane", seconds, draw, loss_plane, size=size)


def layers(training: Training, record: int, look: style.Style) -> None:
    """A line for each layer along its own gradient."""

    def draw(measured: Measurement) -> None:
        figure = charts.layers(measured, training.history.layout.n_layers, look)
        finding = charts.layers_finding(measured)
        card.show("along_layers", charts.LAYERS, measured, figure, height=420, finding=finding)

    seconds = landscape.layers_seconds(training.history)
    in_time(training, "draw_layers", "the loss along each layer", seconds, draw, landscape.along_layers, record)


def one_step(training: Training, record: int, look: style.Style) -> None:
    """The loss after one step of any learning rate, where there is one that stays finite."""

    def draw(found: tuple[Measurement, float]) -> None:
        measured, now = found
        if not np.isfinite(measured["loss"]).any():
            st.info(
                f"One step from here has no picture: with every learning rate from {RATES[0]:g} to {RATES[-1]:g} it "
                "leaves the finite numbers.",
                icon=":material/info:",
            )
            return
        figure = charts.one_step(measured, now, training.config.learning_rate, look)
        finding = charts.one_step_finding(measured, now, training.config.learning_rate)
        card.show("one_step", charts.ONE_STEP, measured, figure, finding=finding)

    seconds = (len(RATES) + 1) * landscape.seconds_per_point(training.history)
    in_time(training, "draw_rates", "the loss after one step", seconds, draw, after_one_step, record)


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

    def draw(measured: Measurement) -> None:
        text = charts.Text(charts.ONE_PARAMETER.title, place(history.layout, index), charts.ONE_PARAMETER.note)
        figure = charts.one_parameter(measured, look)
        finding = charts.one_parameter_finding(measured, index)
        card.show("along_theta", text, measured, figure, finding=finding, above=choose)

    seconds = landscape.line_points(history, 1) * landscape.seconds_per_point(history)
    in_time(
        training, "draw_theta", "the loss along one θ", seconds, draw, landscape.along_parameter, record, index, reach
    )


# What a picture may take ------------------------------------------------------------------------------------


def in_time(
    training: Training,
    key: str,
    what: str,
    seconds: float,
    draw: Callable[[T], None],
    function: Callable[..., T],
    *arguments: Any,
    size: int = 0,
) -> None:
    """Draw function(history, *arguments) at once where that is quick, else beside the page once a switch asks for it.

    Refused in a sentence where the estimate in seconds, or the `size` in bytes, is above what the operator allows.
    """
    allowed, room = limits.seconds_allowed(), limits.bytes_allowed()
    if seconds > allowed or size > room:
        takes, fits = (f"about {seconds:,.0f} s", f"{allowed:,.0f} s are allowed")
        if size > room:
            takes, fits = f"{size / 2**20:,.0f} MB", f"{room / 2**20:,.0f} MB are allowed"
        st.info(f"{what[0].upper()}{what[1:]} would take {takes} and {fits}: {FEWER}.", icon=":material/block:")
        return
    if seconds <= PATIENCE:
        draw(training.measured(function, *arguments))
        return
    wanted = st.toggle(
        f"Draw {what} (about {seconds:,.0f} s)",
        key=key,
        bind="query-params",
        help="Many θ are sent through the whole network: for one this large it takes a while. Switched off, it stops.",
    )
    if not wanted:
        measurements().leave(session().watched, key)
        return
    measuring = measurements().ask(session().watched, key, training, at_once(function), *arguments)
    watched(measuring, partial(when_found, draw))


def at_once(function: Callable[..., T]) -> Callable[..., Iterator[T]]:
    """The function as a background measurement, which finds all or, once it is cancelled, nothing."""

    @wraps(function)
    def found(history: History, *arguments: Any, cancelled: Callable[[], bool]) -> Iterator[T]:
        with suppress(StoppedEarly):
            yield function(history, *arguments, cancelled=cancelled)

    return found


def when_found(draw: Callable[[T], None], measuring: BackgroundMeasurement[T]) -> None:
    """Draw what was measured; until then say that it goes on."""
    if measuring.found:
        draw(measuring.found[-1])
    else:
        st.caption(":material/hourglass_top: Sending θ through the network …")


def loss_plane(
    history: History, *, cancelled: Callable[[], bool] = lambda: False
) -> str | tuple[landscape.Path, Measurement]:
    """The path and the plane around it, or a sentence where there is none."""
    try:
        along = landscape.path(history, cancelled=cancelled)
    except StoppedEarly:
        raise
    except ValueError as still:
        return f"No path to draw: {still}."
    return along, landscape.plane(history, along, cancelled=cancelled)


def after_one_step(
    history: History, record: int, *, cancelled: Callable[[], bool] = lambda: False
) -> tuple[Measurement, float]:
    """The loss after one step of any learning rate, and before it; on the probe rows, penalty excluded."""
    measured = landscape.after_one_step(history, record, RATES, cancelled=cancelled)
    return measured, float(landscape.after_one_step(history, record, np.zeros(1), cancelled=cancelled)["loss"][0])


page()
