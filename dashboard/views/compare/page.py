"""Compare: the pinned runs side by side, on shared axes."""

from __future__ import annotations

import base64
from functools import partial

import numpy as np
import streamlit as st

from dashboard.charts import style
from dashboard.charts.text import Text
from dashboard.jobs.progress import finished_runs, over_budget, session_id
from dashboard.jobs.registry import PINS, runs
from dashboard.state import pins, sidebar
from dashboard.state.address import nearest
from dashboard.state.session import peek, settle
from dashboard.ui import card, tables, theme
from dashboard.views.compare import charts, pinned_runs
from dashboard.words.markup import escape
from dashboard.words.sentences import unbroken
from nncore.experiments import EXPERIMENTS
from nncore.measures import LAYER_QUANTITIES

MAPPED = ("delta_norm", "weight_gradient_norm", "update_ratio")


def empty() -> None:
    """What the page is for, and one click to see it."""
    st.markdown(
        "Pin up to eight runs in the lab, with the **Pin** button above its charts, and see them here side by side: "
        "what differs between them, how they ended, and how their gradients ran. The pins stand in the address, so a "
        "copied link shows the same."
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Compare sigmoid, tanh and ReLU at one depth",
            key="example",
            type="primary",
            icon=":material/compare_arrows:",
            on_click=pins.write,
            args=(pinned_runs.example(),),
        )
        st.page_link("views/lab/page.py", label="To the lab", icon=":material/science:")
    st.markdown("Or take a pair that is ready, and put your own runs beside it:")
    pairs = [EXPERIMENTS[name] for name in pinned_runs.PAIRS]
    for start in range(0, len(pairs), 3):
        for column, experiment in zip(st.columns(3), pairs[start : start + 3], strict=True):
            with column, st.container(border=True, key=f"pair_{experiment.name}", height="stretch"):
                st.markdown(f"**{experiment.title}**")
                st.markdown(unbroken(experiment.claim))
                st.button(
                    f"{experiment.label} against {experiment.against_label}",
                    key=f"compare_{experiment.name}",
                    icon=":material/stacked_line_chart:",
                    on_click=pins.write,
                    args=(pins.of_experiment(experiment),),
                )
    st.page_link("views/experiments/page.py", label="All experiments", icon=":material/grid_view:")


def edit(found: list[pins.Pin]) -> None:
    """One run at a time: its name, its place, its way back to the lab."""
    with st.container(border=True, horizontal=True, vertical_alignment="bottom", key="edit_pins"):
        names = [pin.name for pin in found]
        if st.session_state.get("pin_chosen", 0) >= len(found):
            st.session_state["pin_chosen"] = len(found) - 1
        place = st.selectbox(
            "Pinned run", range(len(found)), format_func=names.__getitem__, key="pin_chosen", width=260
        )
        name_key = f"pin_name_{place}_{names[place]}"
        st.text_input(
            "Name",
            names[place],
            key=name_key,
            max_chars=pins.LONGEST_NAME,
            width=260,
            on_change=lambda: pins.rename(place, st.session_state[name_key]),
            help="What the legends and the table call this run. Empty: the name that is proposed.",
        )
        if st.button("Open in lab", key="pin_open", icon=":material/science:"):
            sidebar.remember(nearest(found[place].config))
            st.switch_page("views/lab/page.py", query_params={})  # None would stop on the parameters of widgets
        st.button(
            "Move up",
            key="pin_up",
            icon=":material/arrow_upward:",
            disabled=place == 0,
            on_click=_up,
            args=(place,),
            help="The first run is the one whose first weights the others are compared with.",
        )
        st.button("Remove", key="pin_remove", icon=":material/close:", on_click=pins.remove, args=(place,))
        st.button("Remove all", key="pin_clear", on_click=pins.write, args=([],), type="tertiary")


def _up(place: int) -> None:
    pins.move_up(place)
    st.session_state["pin_chosen"] = place - 1


def overview(found: pinned_runs.Runs) -> None:
    """The sentence, and the table of what differs."""
    st.markdown(pinned_runs.main_difference(found))
    rows = pinned_runs.table(found)
    columns = {escape(title): [escape(row[title]) for row in rows] for title in rows[0] if title != "run"}
    lines = [line_in_table(place) for place in range(len(rows))]
    with tables.place("pins"):
        st.table({"line": lines, "run": [f"**{escape(row['run'])}**" for row in rows]} | columns, hide_index=True)
    if any(training.history.was_stopped for training in found.values()):
        st.button(
            "Run to the end",
            key="again_pins",
            on_click=runs().leave,
            args=(session_id(), PINS),
            icon=":material/play_arrow:",
            type="primary",
        )


def line_in_table(place: int) -> str:
    """The line that a run has in the charts, as a picture in Markdown: the table is their legend."""
    drawn = base64.b64encode(charts.line_of_run(place, theme.current()).encode()).decode()
    return f"![{charts.DASHES[place]}, {charts.MARKERS[place]}](data:image/svg+xml;base64,{drawn})"


@st.fragment
def pictures(found: pinned_runs.Runs) -> None:
    """All charts, on the step that is chosen for all runs."""
    look = theme.current()
    records = step_of_all(found)
    sound = np.array([training.history.divergence is None for training in found.values()])
    steps = np.array([int(t.history.step[r]) for t, r in zip(found.values(), records, strict=True)])
    left, right = st.columns(2)
    with left:
        flow_chart(found, records, sound, look)
    courses = pinned_runs.courses(found)
    with right:
        measured = courses.select("step", "loss")
        positive = bool((measured["loss"][np.isfinite(measured["loss"])] > 0).all())
        figure = charts.over_steps(measured, "loss", look, steps, sound, title="loss", log=positive)
        text = charts.LOSS if pinned_runs.have_one_problem(found) else charts.UNLIKE_LOSSES
        card.show("runs_loss", text, measured, figure)
    ratio, updates, accuracy = st.columns(3)
    with ratio:
        measured = courses.select("step", "delta_ratio")
        figure = charts.over_steps(
            measured, "delta_ratio", look, steps, sound, title="‖δ₁‖ / ‖δ_L‖", log=True, guide=1.0
        )
        card.show("runs_ratio", charts.RATIO, measured, figure, height=300)
    with updates:
        measured = courses.select("step", "update_ratio_layer_1")
        figure = charts.over_steps(
            measured, "update_ratio_layer_1", look, steps, sound, title="‖ΔW‖ / ‖W‖", log=True, guide=1e-3
        )
        card.show("runs_updates", charts.UPDATES, measured, figure, height=300)
    with accuracy:
        measured = courses.select("step", "accuracy")
        if np.isfinite(measured["accuracy"]).any():
            figure = charts.over_steps(measured, "accuracy", look, steps, sound, title="accuracy", share=True)
            card.show("runs_accuracy", charts.ACCURACY, measured, figure, height=300)
    map_chart(found, sound, look)


def step_of_all(found: pinned_runs.Runs) -> list[int]:
    """The record of each run that the charts stand on: the same share of each run, or the same step."""
    longest = max(int(training.history.step[-1]) for training in found.values())
    with st.container(horizontal=True, vertical_alignment="bottom"):
        mode = st.segmented_control(
            "Compare at",
            ["share", "step"],
            default="share",
            key="at",
            bind="query-params",
            required=True,
            format_func={"share": "a share of each run", "step": "the same step"}.__getitem__,
            help="Runs of different length: at a share of each, or at one step of all, and the last of those that ended.",
        )
        if mode == "share":
            share = st.slider(
                "Share of the run",
                0,
                100,
                100,
                1,
                format="%d %%",
                key="at_share",
                bind="query-params",
                help="0 % is initialization, 100 % the last finite step. The arrow keys move it.",
            )
            return pinned_runs.records_at(found, share / 100, 0)
        if longest == 0:
            return [0] * len(found)
        settle("at_step", longest, (0, longest))
        step = st.slider(
            "Step of all runs",
            0,
            longest,
            longest,
            key="at_step",
            bind="query-params",
            help="The step of training that the charts show. The arrow keys move it.",
        )
        return pinned_runs.records_at(found, None, step)


def flow_chart(found: pinned_runs.Runs, records: list[int], sound: np.ndarray, look: style.Style) -> None:
    """One quantity per layer, a line a run."""
    labels = charts.FLOW_LABELS
    name = peek("flow", "delta_norm", {label: name for name, label in labels.items()})
    measured = pinned_runs.flow_beside(found, records).select(name)
    pick = partial(
        st.segmented_control,
        "Quantity",
        list(labels),
        format_func=labels.__getitem__,
        default="delta_norm",
        key="flow",
        bind="query-params",
        label_visibility="collapsed",
        required=True,
    )
    text = Text("Gradient flow", charts.FLOW_TITLES[name], charts.FLOW_NOTES[name])
    card.show("runs_flow", text, measured, charts.per_layer(measured, name, look, sound), above=pick)


def map_chart(found: pinned_runs.Runs, sound: np.ndarray, look: style.Style) -> None:
    """Small maps of layer × step, one colour scale for all."""
    labels = {name: LAYER_QUANTITIES[name].menu for name in MAPPED}
    name = peek("maps", "delta_norm", {label: name for name, label in labels.items()})
    measured = pinned_runs.timelines(found).select("step", name)
    pick = partial(
        st.segmented_control,
        "Mapped quantity",
        list(labels),
        format_func=labels.__getitem__,
        default="delta_norm",
        key="maps",
        bind="query-params",
        label_visibility="collapsed",
        required=True,
    )
    rows = -(-len(found) // 2)
    figure = charts.maps(measured, name, look, sound)
    card.show("runs_maps", charts.map_text(name), measured, figure, height=60 + 190 * rows, above=pick)


def page() -> None:
    """The page, top to bottom."""
    st.title("Compare runs")
    found, problems = pins.read()
    refused = over_budget([pin.config for pin in found])
    problems += [f"'{pin.name}' cannot run: {refused[pin.config]}." for pin in found if pin.config in refused]
    if problems:
        st.warning("\n\n".join(map(escape, problems)), icon=":material/warning:")
    if not found:
        empty()
        return
    shown = [pin for pin in found if pin.config not in refused]
    try:
        trainings = finished_runs([pin.config for pin in shown]) if shown else None
    except ValueError as problem:
        st.error(f"These runs cannot be compared: {escape(str(problem))}.", icon=":material/block:")
        trainings = None
    if trainings is None:
        edit(found)
        return
    named = {pin.name: training for pin, training in zip(shown, trainings, strict=True)}
    with st.spinner("Measuring the runs …", show_time=False):
        pinned_runs.prepare(named)
    overview(named)
    edit(found)
    pictures(named)


page()
