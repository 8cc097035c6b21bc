"""The gradient lab: one run, what happened to its gradient, and why."""

from __future__ import annotations

from functools import partial

import numpy as np
import streamlit as st

from dashboard import cards, chart, current, downloads, headline, pins, report, seeds, style
from dashboard.charts import activations, gradients, loss, weights
from dashboard.runs import SeedTraining, Training
from nncore import History, beside
from nncore import measures as m
from nncore.diagnosis import Flow, flow
from nncore.learned import confusion, decision_regions, fitted_curve, predictions

OVER_TIME = (*gradients.HEATMAP_LABELS, "inactive_fraction", "dead_fraction")


def over_time(history: History) -> m.Measurement:
    """Every quantity that a chart over time shows, from one replay."""
    return m.over_time(history, OVER_TIME)


@st.fragment
def charts(training: Training) -> None:
    """Everything that follows the step slider."""
    history, look = training.history, style.current()
    numbers = st.container(key="numbers")
    with st.container(horizontal=True, vertical_alignment="bottom", key="step_row"):
        record = current.step_slider(history)
        n_seeds = seeds.control()
        pins.button(training.config)
    cards.kept().begin("charts", record)
    step = int(history.step[record])
    repeated = seeds.study(training, record, n_seeds)
    timeline = training.measured(over_time)
    seen = training.measured(flow, record)
    with numbers:
        headline.metrics(training, record, seen)

    left, right = st.columns(2)
    with left:
        gradient_flow(training, record, seen, look, repeated)
    with right:
        layer_by_step(timeline, look, step)

    for column, quantity in zip(st.columns(3), activations.DISTRIBUTIONS, strict=True):
        with column:
            measured = training.measured(m.distribution, record, quantity)
            figure = activations.distribution(measured, quantity, look)
            chart.show(quantity, activations.DISTRIBUTIONS[quantity], measured, figure, height=300)

    signal, updates, saturation = st.columns(3)
    with signal:
        measured = seeds.beside(training.measured(signal_at, record), repeated, "signal")
        chart.show("signal", activations.SIGNAL, measured, activations.signal(measured, look), height=300)
    with updates:
        if repeated:
            seeds.updates(training, repeated, record, look)
        else:
            measured = timeline.select("update_ratio")
            figure = gradients.update_ratio(measured, look, step)
            chart.show("updates", gradients.UPDATE_RATIO, measured, figure, height=300)
    with saturation:
        share = gradients.flat_share(timeline)
        if repeated:
            seeds.saturation(training, repeated, record, share, look)
        else:
            measured = timeline.select(share, "dead_fraction")
            figure = activations.saturation(measured, look, step)
            chart.show("saturation", activations.SATURATION, measured, figure, height=300)

    losses, learned = st.columns(2)
    with losses:
        measured = seeds.performance(training, repeated)
        figure = loss.performance(measured, look, step)
        chart.show("loss", loss.LOSS, measured, figure)
    with learned:
        what_it_learned(training, record, look)

    parameters(training, look, step)


def gradient_flow(
    training: Training, record: int, seen: Flow, look: style.Style, repeated: SeedTraining | None
) -> None:
    """δ and weight-gradient norms per layer, with what theory predicts for step 0 and the bands of many seeds."""
    measured = training.measured(m.gradient_flow, record)
    finding, problem = headline.flow_sentence(seen), ""
    if st.session_state.get("theory", st.query_params.get("theory") != "false") and training.config.depth:
        try:
            predicted = training.measured(beside.prediction)
            measured = beside.flow_beside_theory(training.history, record, predicted)
            finding += f" {gradients.theory_finding(beside.distance(measured))} {seeds.theory_words(repeated, predicted)}"
        except ValueError as refused:
            problem = f"No theory line: {refused}."
    switch = partial(
        st.toggle, "Theory", value=True, key="theory", bind="query-params",
        help="Dashed: the δ norm that signal-propagation theory predicts for step 0, placed at the last layer's "
        "measured norm; the band holds 95 % of networks of these widths.",
    )  # fmt: skip
    measured = seeds.beside(measured, repeated, "delta_norm", "weight_gradient_norm")
    figure = gradients.gradient_flow(measured, look)
    chart.show("flow", gradients.FLOW, measured, figure, finding=f"{finding} {problem}".strip(), above=switch)


def layer_by_step(timeline: m.Measurement, look: style.Style, step: int) -> None:
    """The layer × step heat map, of a quantity to choose."""
    labels = gradients.HEATMAP_LABELS
    from_url = {label: name for name, label in labels.items()}.get(st.query_params.get("heat"), "delta_norm")
    chosen = st.session_state.get("heat", from_url)  # its widget is drawn below the title
    name = gradients.flat_share(timeline) if chosen == "saturated_fraction" else chosen
    measured = timeline.select(name)
    title = f"{gradients.HEATMAP_TITLES[name]}, every layer and step"
    text = chart.Text("Over training", title, gradients.HEATMAP_NOTES[chosen])
    figure = gradients.layer_by_step(measured, name, look, step)
    pick = partial(
        st.segmented_control, "Quantity", list(labels), format_func=labels.__getitem__, default="delta_norm",
        key="heat", bind="query-params", label_visibility="collapsed", required=True,
    )  # fmt: skip
    chart.show("heatmap", text, measured, figure, finding=gradients.gaps(measured, name), above=pick)


def signal_at(history: History, record: int) -> m.Measurement:
    """The forward signal per layer at one record."""
    return m.per_layer(history, ("z_std", "signal", "signal_floor"), np.array([record]))


def what_it_learned(training: Training, record: int, look: style.Style) -> None:
    """A curve for one input, regions for two, and for more a confusion table or predictions."""
    data = training.config.data()
    classes, n_inputs = data.class_names, data.n_inputs
    if not classes and n_inputs == 1:
        measured = training.measured(fitted_curve, record)
        figure = loss.curve(measured, loss.rows_of(data), (data.feature_names[0], data.target_name), look)
    elif not classes:
        measured = training.measured(predictions, record)
        figure = loss.predicted(measured, data.target_name, look)
    elif n_inputs == 2:
        measured = training.measured(decision_regions, record)
        inputs = ("x₁", "x₂")
        if data.feature_names[:2] != ("x1", "x2"):
            unit = ", standardized" if training.config.standardize else ""
            inputs = (f"{data.feature_names[0]}{unit}", f"{data.feature_names[1]}{unit}")
        figure = loss.regions(measured, loss.rows_of(data), classes, look, inputs)
    else:
        measured = training.measured(confusion, record)
        figure = loss.confusion(measured, classes, look)
    chart.show("learned", loss.LEARNED, measured, figure)


def parameters(training: Training, look: style.Style, step: int) -> None:
    """θ and its gradient over time, for a layer's weights or for one parameter."""
    history = training.history
    n_layers = history.layout.n_layers
    layer_choice, index_choice, by_hand = st.columns([2, 2, 1], vertical_alignment="bottom")
    layer = layer_choice.number_input(
        "Layer", 1, n_layers, 1, key="theta_layer", bind="query-params",
        help="The layer whose weights are drawn as bands: the middle half and the middle 96 % of them.",
    )  # fmt: skip
    index = index_choice.number_input(
        "One parameter", 0, history.layout.n_params - 1, None, key="theta_index", bind="query-params",
        placeholder="the whole layer",
        help="The index k of a single θ_k, counted over all layers: biases first, then weights row by row.",
    )  # fmt: skip
    by_hand.page_link(
        "views/lecture_backward.py", label="By hand", icon=":material/search:", query_params={"b_part": "Inspector"},
        help="Opens this network in the inspector: pick a weight and a sample, and see every product that reaches it.",
    )  # fmt: skip
    if index is None:
        measured = training.measured(m.layer_parameters, int(layer))
        figure, what = weights.layer_bands(measured, look, step), f"weights of layer {layer}"
    else:
        measured = training.measured(m.parameter, int(index))
        figure, what = weights.one_parameter(measured, look, step), weights.place(history.layout, int(index))
    text = chart.Text(weights.PARAMETERS.title, f"and its gradient: {what}", weights.PARAMETERS.note)
    chart.show("theta", text, measured, figure)


def page() -> None:
    """The lab, top to bottom."""
    training = current.training()
    if training is None:
        return
    headline.show(training)
    charts(training)
    with st.container(border=True, key="downloads", horizontal=True, vertical_alignment="center"):
        downloads.show(training)
        report.show(training)
    st.caption(f"{training.config.source.note} Measured on {len(training.history.probe_x)} training rows.")


page()
