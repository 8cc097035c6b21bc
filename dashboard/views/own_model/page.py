"""Your own model: a training recorded from PyTorch, module by module, while it runs or afterwards."""

from __future__ import annotations

from functools import partial

import numpy as np
import streamlit as st

from dashboard.jobs import limits
from dashboard.state.session import session
from dashboard.ui import card, theme
from dashboard.views.own_model import charts, source
from dashboard.words.markup import escape
from dashboard.words.runs import COLOURS
from nncore.diagnosis.recorded_run import RECORDED_RULES, last_finite, recorded_verdict, without_a_number
from nncore.recorders import measures
from nncore.recorders.recorded import Recorded

THREE_LINES = """from nncore.recorders.torch import record

with record(model, optimizer, every=10, path="run.arrows") as recorder:
    for x, y in loader:
        loss = criterion(model(x), y); optimizer.zero_grad(); loss.backward(); optimizer.step()
        recorder.log(loss)"""

ALL = "the way of the gradient"
MOST_ROWS = 24
"""Modules of a model that are all shown where nothing is chosen; of a larger one those along the gradient's way."""

SHOWN = ("delta_norm", "activation_std", "saturated_fraction", "dead_fraction", "update_ratio", "weight_gradient_norm")
"""Quantities offered for the map over training."""


def page() -> None:
    """The page, top to bottom."""
    st.title("Your own model", anchor=False)
    found = choose()
    if found is None:
        st.code(THREE_LINES, language="python")
        if not st.toggle("Show an example with made-up numbers", key="o_example", bind="query-params"):
            return
        found = ("example", source.made_up())
    name, recorded = found
    if not len(recorded.steps):
        st.info("Recording has begun; not one step is whole yet.", icon=":material/hourglass_empty:")
    else:
        show(name, recorded)
    if not recorded.finished and recorded.path is not None:
        follow(recorded)


def choose() -> tuple[str, Recorded] | None:
    """The run to show, and what it is called."""
    place = limits.recorded()
    if place is not None:
        return source.of_operator("o_run", place)
    return source.uploaded("o_file", "A recorded run, a log of TensorBoard, or a tidy CSV")


@st.fragment(run_every=source.LOOK_EVERY)
def follow(recorded: Recorded) -> None:
    """Look whether more has been written, and draw the page anew where it has."""
    st.caption(f":material/sensors: Live: {len(recorded.steps):,} records so far; the page follows the file.")
    if recorded.refresh():
        st.rerun()


def show(name: str, recorded: Recorded) -> None:
    """Verdicts and charts of one recorded run."""
    steps = recorded.steps
    state = "finished" if recorded.finished else "unfinished"
    error = f" It ended with: {escape(recorded.ended)}." if recorded.ended else ""
    st.markdown(
        f"**{escape(name)}** :gray[{len(recorded.modules):,} modules, {len(recorded.parameters):,} parameters, "
        f"{len(steps):,} records to step {steps[-1]:,}, {state}.]{error}"
    )
    record = last_finite(recorded)
    if len(steps) > 1:
        step = st.select_slider("Step", steps.tolist(), int(steps[record]), key="o_step")
        record = int(np.searchsorted(steps, step))
    verdicts(recorded, record)
    rows = chosen_rows(recorded)
    if not rows:
        st.info("No module has such a name.", icon=":material/search_off:")
        return
    session().cards.begin("recorded", record)
    look, step = theme.current(), int(steps[record])
    left, right = st.columns(2)
    with left:
        measured = measures.gradient_flow(recorded, record, rows)
        card.show("o_flow", charts.FLOW, measured, charts.flow(measured, look), height=400)
    with right:
        over_training(recorded, rows, step)
    left, right = st.columns(2)
    with left:
        measured = measures.per_layer(recorded, "update_ratio", None, rows)
        if np.isfinite(measured["update_ratio"]).any():
            drawn = charts.spread(measured, "update_ratio", look, step)
            card.show("o_updates", charts.UPDATES, measured, drawn)
    with right:
        if np.isfinite(recorded.loss).any():
            measured = measures.performance(recorded)
            card.show("o_loss", charts.LOSS, measured, charts.loss(measured, look, step))
    for caveat in recorded.caveats:
        st.caption(f":material/info: {escape(caveat)}")


def verdicts(recorded: Recorded, record: int) -> None:
    """What is wrong at a record, each with the rule's source."""
    found = recorded_verdict(recorded, record)
    with st.container(border=True, key="o_verdicts", gap="xsmall"):
        for each in found:
            colour, icon = COLOURS.get(each.severity, ("blue", "info"))
            st.markdown(
                f":{colour}-badge[:material/{icon}: {each.title}] {escape(each.sentence)}", help=f"Rule: {each.source}"
            )
        idle = without_a_number(recorded, record)
        if not found:
            count = len(RECORDED_RULES) - len(idle)
            st.markdown(
                f":green[:material/check_circle:] None of {count} rules that can be judged here fires at this step."
            )
        if recorded.header.is_log and idle:
            st.caption(
                f"Not judged, for the log does not have what they look at: {', '.join(rule.title for rule in idle)}."
            )
        st.caption("Rules over blocks; advice, nothing has been tried out on your model.")


def chosen_rows(recorded: Recorded) -> list[int]:
    """Modules, as indices: those of the block that was opened, those with a word in their name, or the gradient's way."""
    blocks = [block.name for block in recorded.blocks]
    pick, word = st.columns(2)
    opened = pick.selectbox(
        "Modules", [ALL, *blocks], key="o_block", help="The gradient's way through the model, or one block."
    )
    text = word.text_input("Only names with", key="o_word", placeholder="qkv, mlp, norm …", bind="query-params")
    called = [place for place, module in enumerate(recorded.modules) if module.order >= 0]
    if text:
        return [place for place in called if text.lower() in recorded.modules[place].name.lower()]
    if opened != ALL:
        return [place for place in recorded.blocks[blocks.index(opened)].modules if place in called]
    return called if len(called) <= MOST_ROWS else list(recorded.path_of_gradient) or called


def over_training(recorded: Recorded, rows: list[int], step: int) -> None:
    """The map of a quantity to choose."""
    there = [name for name in SHOWN if np.isfinite(recorded.quantity(charts.quantity(name).name)).any()]
    if not there:
        return
    pick = partial(
        st.segmented_control,
        "Quantity",
        there,
        format_func=lambda name: charts.quantity(name).symbol,
        default=there[0],
        key="o_quantity",
        label_visibility="collapsed",
        required=True,
    )
    name = st.session_state.get("o_quantity") or there[0]
    measured = measures.per_layer(recorded, name, None, rows)
    drawn = charts.over_steps(measured, name, theme.current(), step)
    card.show("o_map", charts.MAP, measured, drawn, height=360, above=pick, finding=charts.quantity(name).about)


page()
