"""The gradient lab: one run, what happened to its gradient, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import streamlit as st

from dashboard import playback
from dashboard.charts import activations, gradients, loss, style, weights
from dashboard.charts.text import Text
from dashboard.jobs.work import SeedTraining, Training
from dashboard.playback import Playback
from dashboard.plot import plot
from dashboard.state import lessons, pins, sidebar_run
from dashboard.state.session import STEP, peek, session
from dashboard.ui import card, downloads, heading, layout, symbols, theme
from dashboard.views import learned
from dashboard.views.lab import (
    banner,
    by_parameter,
    causes,
    findings,
    groups,
    headline,
    lesson_maker,
    network,
    questions,
    report,
    seed_study,
    theory_ahead,
)
from dashboard.words import runs as words
from dashboard.words.runs import flow_sentence
from nncore import History
from nncore import measures as m
from nncore.diagnosis import Flow, flow, theory_gap, verdict
from nncore.measures.drawn_network import drawn_network

SHARES = ("saturated_fraction", "inactive_fraction")
"""The shares on the flat side, of which one is defined for the network's units."""


def over_time(history: History, *names: str) -> m.Measurement:
    """Quantities over time from one replay: these, or every one that a chart shows."""
    return m.over_time(history, names or (*gradients.heat_maps(), *SHARES[1:], "dead_fraction", "sure_fraction"))


def of_heat_map(quantity: str) -> tuple[str, ...]:
    """What the heat map needs `over_time`; nothing of its own where a chart beside it needs all."""
    if layout.shows("updates") or layout.shows("saturation"):
        return ()
    return SHARES if quantity in SHARES else (quantity,)


@st.fragment
def charts(training: Training) -> None:
    """Everything that follows the step slider."""
    history, look = training.history, theme.current()
    top = st.container()
    with st.container(horizontal=True, vertical_alignment="bottom", key="step_row"):
        with st.container():
            record, play = playback.timeline(
                training.measured,
                history.step,
                history.last_finite,
                headline.facts,
                partial(sidebar_run.step_slider, history),
                STEP,
                is_ahead=True,
            )
        n_seeds = seed_study.control()
        pins.button(training.config)
    layout.open_places()
    layout.fold(groups.ALL)
    end = st.container()
    pictures, numbers, wrong = st.container(key="pictures"), st.container(key="numbers"), st.container(key="wrong")
    if any(map(layout.shows, ("network", "numbers", "flow"))):
        symbols.delta()
    session().cards.begin("charts", record)
    step = int(history.step[record])
    repeated = seed_study.study(training, record, n_seeds)
    seen = training.measured(flow, record)
    before = network.ghost(training, record, seen)
    first_sight(training, record)
    with top:
        place = headline.show(training, record, play) if layout.shows("headline") else None
    with end:
        causes.ending(training, look)
    with wrong:
        if layout.shows("findings"):
            findings.show(training, record)
    with numbers:
        if layout.shows("numbers"):
            headline.metrics(training, record, play)
    with pictures:
        left, right = st.columns([2, 1])
        with left:
            network.show(training, record, before, look, play)
        with right:
            learned.show(training, record, look, height=network.HEIGHT, play=play)
    with layout.group(groups.HAPPENS):
        happens(training, record, seen, before, look, repeated, play)
    with layout.group(groups.WHY):
        why(training, record, look, repeated, play)
    with layout.group(groups.PARAMETERS):
        by_parameter.table(training, record)
        parameters(training, look, step, play)
    if place:
        headline.mend(place, training, record)
    play.sent()


def happens(
    training: Training,
    record: int,
    seen: Flow,
    before: gradients.Ghost | None,
    look: style.Style,
    repeated: SeedTraining | None,
    play: Playback,
) -> None:
    """What becomes of the gradient and of the loss, over the layers and over the steps."""
    step = int(training.history.step[record])
    left, right = st.columns([2, 1])
    with left:
        gradient_flow(training, record, seen, before, look, repeated, play)
    with right:
        layer_by_step(training, look, step, play)
    losses, *middle, norms = st.columns(3 if causes.wants_sharpness() else 2)
    with losses:
        measured = beside_a_guess(seed_study.performance(training, repeated), training.measured(guess))
        drawn = partial(loss.performance, measured, look)
        switch = partial(causes.sharpness_switch, training.config)
        card.show("loss", loss.LOSS, measured, drawn(step), above=switch, frames=play.marks(drawn))
    for column in middle:
        with column:
            causes.sharpness(training, look, step, play)
    with norms:
        by_parameter.total(training, record, look, step, play)


def why(training: Training, record: int, look: style.Style, repeated: SeedTraining | None, play: Playback) -> None:
    """Where the gradient is lost: factor by factor, in the units, and in the updates."""
    left, right = st.columns(2)
    with left:
        causes.causes(training, record, look, play)
    with right:
        causes.float_types(training, record, look, play)
    for column, quantity in zip(st.columns(3), activations.DISTRIBUTIONS, strict=True):
        with column:
            distribution(training, record, quantity, look, play)
    forward, updates, flat = st.columns(3)
    with forward:
        signal(training, record, look, repeated, play)
    with updates:
        update_ratio(training, record, look, repeated, play)
    with flat:
        saturation(training, record, look, repeated, play)


def first_sight(training: Training, record: int) -> None:
    """Measure what the first screen shows before any of it is drawn, so that all of it changes at once."""
    found = training.measured(verdict, record)
    training.measured(words.headline, record, found)
    training.measured(headline.tiles, record, found)
    training.measured(drawn_network, record)
    training.measured(m.gradient_flow, record)


def guess(history: History) -> float:
    """The loss of the best answer that ignores the input."""
    return m.constant_loss(history.config)


def beside_a_guess(measured: m.Measurement, loss: float) -> m.Measurement:
    """The same with a guess's loss at every step."""
    return replace(measured, values={**measured.values, "guess": np.full(len(measured.axes["step"]), loss)})


def gradient_flow(
    training: Training,
    record: int,
    seen: Flow,
    before: gradients.Ghost | None,
    look: style.Style,
    repeated: SeedTraining | None,
    play: Playback,
) -> None:
    """δ and weight-gradient norms per layer, with what theory predicts for step 0 and the bands of many seeds."""
    measured = training.measured(m.gradient_flow, record)
    finding = f"At step {training.history.step[record]:,}: {flow_sentence(seen)}"
    distance, problem, predicted, ahead = None, "", None, None
    if peek("theory", True) and training.config.depth:
        try:
            predicted = training.measured(theory_gap.prediction)
            measured = theory_gap.beside_theory(measured, predicted)
            ahead = theory_ahead.ahead(training, measured)
            distance = theory_gap.distance(measured)
            if distance is None:
                finding += " δ is zero or not finite at step 0, so theory cannot be laid beside it."
            finding = f"{finding} {seed_study.theory_words(repeated, predicted)}".strip()
        except ValueError as refused:
            problem = f"No theory line: {refused}."
    switch = partial(causes.theory_switch, distance, measured.caveats, problem)

    measured = banded(measured, repeated)

    def drawn(each: int) -> style.Figure:
        measured = play.measured(m.gradient_flows, each)
        measured = theory_gap.beside_theory(measured, predicted) if predicted else measured
        return gradients.gradient_flow(banded(measured, repeated), look, before)

    card.show(
        "flow",
        gradients.FLOW,
        measured,
        gradients.gradient_flow(measured, look, before),
        height=400,
        finding=f"{finding} {problem}".strip(),
        above=switch,
        frames=play.frames(drawn),
        draw=partial(plot, ahead=ahead),
    )


def banded(measured: m.Measurement, repeated: SeedTraining | None) -> m.Measurement:
    """The two norms with the bands of many seeds, where there are any."""
    return seed_study.with_bands(measured, repeated, "delta_norm", "weight_gradient_norm")


def layer_by_step(training: Training, look: style.Style, step: int, play: Playback) -> None:
    """The layer × step heat map, of a quantity to choose."""
    if not layout.shows("heatmap"):
        return
    labels = gradients.heat_maps()
    chosen = peek("heat", "delta_norm", {label: name for name, label in labels.items()})
    timeline = training.measured(over_time, *of_heat_map(chosen))
    name = gradients.flat_share(timeline) if chosen == "saturated_fraction" else chosen
    measured = timeline.select(name)
    title = f"{m.LAYER_QUANTITIES[name].label}, every layer and step"
    text = Text("Over training", title, m.LAYER_QUANTITIES[chosen].note)
    finding = f"{gradients.span(measured, name, step)} {gradients.gaps(measured, name)}".strip()
    drawn = partial(gradients.layer_by_step, measured, name, look)
    pick = partial(
        st.segmented_control,
        "Quantity",
        list(labels),
        format_func=labels.__getitem__,
        default="delta_norm",
        key="heat",
        bind="query-params",
        label_visibility="collapsed",
        required=True,
    )
    card.show("heatmap", text, measured, drawn(step), finding=finding, above=pick, frames=play.marks(drawn))


def distribution(training: Training, record: int, quantity: str, look: style.Style, play: Playback) -> None:
    """The histogram of every layer at one record."""

    if not layout.shows(quantity):
        return

    def drawn(measured: m.Measurement) -> style.Figure:
        return activations.distribution(measured, quantity, look)

    measured = training.measured(m.distribution, record, quantity)
    card.show(
        quantity,
        activations.DISTRIBUTIONS[quantity],
        measured,
        drawn(measured),
        height=300,
        frames=play.frames(lambda each: drawn(play.measured(m.distributions, each, quantity))),
    )


def signal(training: Training, record: int, look: style.Style, repeated: SeedTraining | None, play: Playback) -> None:
    """How strong the forward signal is, layer by layer."""
    if not layout.shows("signal"):
        return

    def drawn(measured: m.Measurement) -> style.Figure:
        return activations.signal(seed_study.with_bands(measured, repeated, "signal"), look)

    measured = training.measured(signal_at, record)
    card.show(
        "signal",
        activations.SIGNAL,
        seed_study.with_bands(measured, repeated, "signal"),
        drawn(measured),
        height=300,
        frames=play.frames(lambda each: drawn(play.measured(signals, each))),
    )


def update_ratio(
    training: Training, record: int, look: style.Style, repeated: SeedTraining | None, play: Playback
) -> None:
    """How far an update moves the weights of each layer, over the steps; of many seeds at this step."""
    if not layout.shows("updates"):
        return
    if repeated:
        seed_study.updates(training, repeated, record, look)
        return
    measured = training.measured(over_time).select("update_ratio")
    drawn, step = partial(gradients.update_ratio, measured, look), int(training.history.step[record])
    card.show("updates", gradients.UPDATE_RATIO, measured, drawn(step), height=300, frames=play.marks(drawn))


def saturation(
    training: Training, record: int, look: style.Style, repeated: SeedTraining | None, play: Playback
) -> None:
    """Units on the flat side and dead units, over the steps; of many seeds at this step."""
    if not layout.shows("saturation"):
        return
    timeline = training.measured(over_time)
    share = gradients.flat_share(timeline)
    if repeated:
        seed_study.saturation(training, repeated, record, share, look)
        return
    measured = timeline.select(share, "dead_fraction", "sure_fraction")
    drawn, step = partial(activations.saturation, measured, look), int(training.history.step[record])
    card.show(
        "saturation",
        activations.SATURATION,
        measured,
        drawn(step),
        height=300,
        finding=activations.saturated_where(measured, step),
        frames=play.marks(drawn),
    )


def signal_at(history: History, record: int) -> m.Measurement:
    """The forward signal per layer at one record."""
    return signals(history, (record,))[0]


def signals(history: History, records: Sequence[int]) -> tuple[m.Measurement, ...]:
    """`signal_at` of several records, from one replay."""
    measured = m.per_layer(history, ("z_std", "signal", "signal_floor"), np.asarray(records))
    return tuple(measured.rows([place]) for place in range(len(records)))


def parameters(training: Training, look: style.Style, step: int, play: Playback) -> None:
    """θ and its gradient over time, for a layer's weights or for one parameter."""
    if not layout.shows("theta"):
        return
    history = training.history
    n_layers = history.layout.n_layers
    layer_choice, index_choice, by_hand = st.columns([2, 2, 1], vertical_alignment="bottom")
    layer = layer_choice.number_input(
        "Layer",
        1,
        n_layers,
        1,
        key=network.LAYER,
        bind="query-params",
        help="The layer whose weights are drawn as bands: the middle half and the middle 96 % of them.",
    )
    index = index_choice.number_input(
        "One parameter",
        0,
        history.layout.n_params - 1,
        None,
        key=network.INDEX,
        bind="query-params",
        placeholder="the whole layer",
        help="The index k of a single θ_k, counted over all layers: biases first, then weights row by row.",
    )
    with by_hand:
        network.by_hand(
            history.layout, history.layout.index(int(layer), 0, 0) if index is None else int(index), "By hand"
        )
    if index is None:
        measured = training.measured(m.layer_parameters, int(layer))
        drawn, what = partial(weights.layer_bands, measured, look), f"weights of layer {layer}"
    else:
        measured = training.measured(m.parameter, int(index))
        drawn, what = (partial(weights.one_parameter, measured, look), weights.place(history.layout, int(index)))
    text = Text(weights.PARAMETERS.title, f"and its gradient: {what}", weights.PARAMETERS.note)
    card.show("theta", text, measured, drawn(step), frames=play.marks(drawn))


def page() -> None:
    """The lab, top to bottom."""
    if not lessons.read(st.query_params):
        with st.container(horizontal=True, vertical_alignment="center", key="lab_head"):
            heading.small("Gradient lab", "one network and its gradient")
            questions.ask()
    top = banner.begin()
    training = sidebar_run.training()
    banner.show(top)
    if training is None:
        return
    charts(training)
    if layout.shows("downloads"):
        downloads.show(training, beside=partial(report.show, training))
    banner.end()
    lesson_maker.offer()
    st.caption(f"{training.config.source.note} Measured on {len(training.history.probe_x)} training rows.")


page()
