"""The inspector: any network of the lab, one weight, one sample, and the products that reach it."""

from __future__ import annotations

import numpy as np
import streamlit as st

from dashboard.charts import style
from dashboard.charts.weights import place
from dashboard.state import sidebar_run
from dashboard.ui import card, tables
from dashboard.views.lecture import charts_backward as charts
from dashboard.views.lecture.inputs import whole
from dashboard.views.lecture.numbers_table import Numbers
from dashboard.words.formulas import factor, tex, worked
from dashboard.words.markup import escape
from dashboard.words.numbers import digits, number, percent
from nncore import History
from nncore.lecture.chain import Chain, Factor, chain, product

WRITTEN = 12
"""Factors that are written as one formula; a longer path is a table."""


def show(look: style.Style, numbers: Numbers) -> None:
    """The lab's sidebar, the run it describes, and one chain through it."""
    training = sidebar_run.training()
    if training is None:
        return
    history, config = training.history, training.config
    widths = " - ".join(map(str, history.layout.widths)) if config.depth <= 4 else f"{config.depth} hidden layers"
    st.markdown(
        f"The lab's run, set in the sidebar: **{config.dataset}**, {widths}, {config.activation}, {config.init}, "
        f"{config.optimizer}, {len(history) - 1} recorded steps. Choose a weight and a sample."
    )
    st.page_link("views/lab/page.py", label="Open this run in the lab", icon=":material/science:")
    if history.stopped:
        st.warning(escape(history.stopped), icon=":material/stop_circle:")
    pick, page = st.columns([2, 7], gap="medium")
    with pick:
        record, layer, row, column, sample = choices(history)
    index = history.layout.index(layer, row, column)
    found = chain(
        history.network, config.loss_function(), history.theta[record], history.probe_x, history.probe_y, sample, index
    )
    with page:
        report(found, history, record, sample, look, numbers)


def choices(history: History) -> tuple[int, int, int | None, int, int]:
    """(record, layer, row, column, sample): where to look; row is None for a bias."""
    layout = history.layout
    record = sidebar_run.step_slider(history)
    layer = whole(
        "Layer", "b_layer", 1, layout.n_layers, 1, "1 is the first hidden layer, the last is the output layer."
    )
    fan_in, fan_out = layout.fans[layer - 1]
    is_bias = st.toggle("Its bias", key="b_bias", bind="query-params", help="The bias instead of a weight.")
    row = (
        None if is_bias else whole("From unit", "b_from", 0, fan_in - 1, 0, "Unit of the layer before, counted from 0.")
    )
    column = whole("To unit", "b_to", 0, fan_out - 1, 0, "Unit of this layer, counted from 0.")
    sample = whole("Sample", "b_row", 0, len(history.probe_x) - 1, 0, "Row of the probe, counted from 0.")
    return record, layer, row, column, sample


def report(found: Chain, history: History, record: int, sample: int, look: style.Style, numbers: Numbers) -> None:
    """What reaches this theta: the numbers, the strongest path written out, and both charts."""
    step = int(history.step[record])
    st.markdown(f"**{place(history.layout, found.index)}** at step {step}, sample {sample}.")
    columns = st.columns(4)
    resolved = abs(found.grad) > 100 * found.resolution or found.grad == 0
    for column, (label, value, help) in zip(
        columns,
        (
            (
                "∂E/∂θ, this sample",
                digits(found.grad, 4),
                "From nncore's backward pass, with E this sample's own loss.",
            ),
            ("Central difference", digits(found.numeric, 4), f"Off by {digits(found.numeric_error, 2)}."),
            (
                "Paths to the output",
                f"{found.n_paths:,}" if found.n_paths < 1e6 else digits(found.n_paths, 3),
                "Products that add up.",
            ),
            ("Left after cancelling", share(found), "|sum| over the sum of |products|: paths of both signs cancel."),
        ),
        strict=True,
    ):
        column.metric(label, value, help=help, border=True)
    if not resolved:
        st.info(
            f"This gradient is near what rounding alone leaves of a difference quotient ({digits(found.resolution, 2)}): here the chain "
            "rule is the better instrument.",
            icon=":material/lightbulb:",
        )
    note(numbers, found)
    left, right = st.columns(2)
    with left:
        measured = charts.layers_measurement(found)
        card.show(
            "b_layers",
            charts.LAYERS,
            measured,
            charts.layers(measured, found.layer, look),
            finding=reaches(found),
            height=420,
        )
    with right:
        if not found.paths:
            st.info(
                "**No separate paths here.** Normalization lets every unit act on its whole layer (and with batch normalization on "
                "every sample), so that the products cannot be listed one by one. Layer by layer they still can.",
                icon=":material/lightbulb:",
            )
            return
        measured = charts.paths_measurement(found)
        names = [symbol(each) for each in found.paths[0]]
        card.show(
            "b_paths", charts.PATHS, measured, charts.paths(measured, names, look), finding=strongest(found), height=420
        )
    path(found)


def share(found: Chain) -> str:
    """|gradient| over the sum of all |products|."""
    if not found.total > 0:
        return "all are 0" if found.total == 0 else "undefined"
    return percent(abs(found.grad) / found.total)


def reaches(found: Chain) -> str:
    """From the output's delta to this layer's, in a sentence."""
    top, here = found.delta_norm[-1], found.delta_norm[found.layer - 1]
    n = len(found.delta_norm) - found.layer
    if n == 0 or not (top > 0 and here > 0):
        return f"‖∂E/∂z‖ is {number(here)} in layer {found.layer}."
    return f"From the output's {number(top)} to {number(here)} in layer {found.layer}: {n} step{'s' * (n > 1)}, × {digits((here / top) ** (1 / n), 3)} each."


def strongest(found: Chain) -> str:
    """How much the listed paths make up."""
    listed = sum(product(path) for path in found.paths)
    if found.n_paths == 1:
        return f"There is only one: its product {digits(listed, 6)} is ∂E/∂θ."
    if len(found.paths) == found.n_paths:
        return f"All {found.n_paths} of them: they add up to {digits(listed, 6)}."
    return f"The {len(found.paths)} strongest of {digits(found.n_paths, 3)} add up to {digits(listed, 3)}, all of them to {digits(found.grad, 3)}."


def symbol(each: Factor) -> str:
    """A factor's short name in the chart."""
    return {
        "error": "∂E/∂f",
        "weight": f"W{each.layer}[{each.source},{each.unit}]",
        "slope": f"φ′{each.layer}[{each.unit}]",
        "skip": f"skip{each.layer}",
        "input": "1" if each.source is None else f"a{each.layer - 1}[{each.source}]",
    }[each.kind]


def formula(each: Factor) -> str:
    """A factor in KaTeX: layer above, units below."""
    layer, unit, source = each.layer, each.unit, each.source
    return {
        "error": rf"\frac{{\partial E}}{{\partial z^{{({layer})}}_{{{unit}}}}}",
        "weight": rf"W^{{({layer})}}_{{{source},{unit}}}",
        "slope": rf"\varphi'(z^{{({layer})}}_{{{unit}}})",
        "skip": "1",
        "input": "1" if source is None else rf"a^{{({layer - 1})}}_{{{source}}}",
    }[each.kind]


def path(found: Chain) -> None:
    """The strongest path, as a formula when it is short, and every listed path as a table."""
    best = found.paths[0]
    with st.container(border=True, key="b_strongest"):
        st.markdown("**The strongest path, factor by factor** :gray[from the output back to θ]")
        if len(best) <= WRITTEN:
            substituted = r" \cdot ".join([tex(best[0].value, 4), *(factor(each.value, 4) for each in best[1:])])
            st.latex(
                worked(
                    [
                        (
                            r"\text{path}",
                            r" \cdot ".join(map(formula, best)),
                            substituted,
                            rf"\mathbf{{{tex(product(best))}}}",
                        )
                    ]
                )
            )
        so_far = np.cumprod([each.value for each in best])
        tables.show(
            "factors",
            {
                "factor": [symbol(each) for each in best],
                "what it is": [what(each) for each in best],
                "value": [digits(each.value) for each in best],
                "product so far": [digits(value) for value in so_far],
            },
        )


def what(each: Factor) -> str:
    """A factor in words."""
    return {
        "error": f"error of output {each.unit}",
        "weight": f"weight, unit {each.source} of layer {each.layer - 1} → unit {each.unit} of layer {each.layer}",
        "slope": f"slope of unit {each.unit} in layer {each.layer}",
        "skip": f"skip connection around layer {each.layer}",
        "input": "bias: its input is 1"
        if each.source is None
        else f"activation of unit {each.source} in layer {each.layer - 1}",
    }[each.kind]


def note(numbers: Numbers, found: Chain) -> None:
    """Every number of the inspector, for its CSV."""
    name = f"θ{found.index}"
    numbers.add("parameter", name, "its value", found.theta)
    numbers.add_all("outputs", [f"f{o}" for o in range(len(found.outputs))], "z of the output layer", found.outputs)
    numbers.add_all("error", [f"∂E/∂f{o}" for o in range(len(found.error))], "at the output", found.error)
    numbers.add_all("slopes", [f"∂f{o}/∂{name}" for o in range(len(found.error))], "backward pass", found.output_slopes)
    numbers.add("gradient", f"∂E/∂{name}", "backward pass, this sample", found.grad)
    numbers.add("check", "central difference", "this sample", found.numeric)
    numbers.add("check", "its error", "this sample", found.numeric_error)
    numbers.add("paths", "number", "", found.n_paths)
    numbers.add("paths", "sum of |products|", "all paths", found.total)
    for rank, best in enumerate(found.paths, 1):
        for each in best:
            numbers.add(f"path {rank}", symbol(each), what(each), each.value)
        numbers.add(f"path {rank}", "product", "", product(best))
    for layer, value in enumerate(found.delta_norm, 1):
        numbers.add(f"layer {layer}", "‖∂E/∂z‖", "this sample", value)
