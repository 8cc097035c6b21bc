"""What stands at the top of the lab when a link leads there: a lesson's title and note, or an experiment's claim."""

from __future__ import annotations

import streamlit as st

from dashboard.state import lessons, pins, sidebar
from dashboard.state.session import CAME_FOR, EXPERIMENT, session, stand_on
from dashboard.ui import layout
from dashboard.views.lab import lesson_parts
from dashboard.words.sentences import unbroken
from nncore import RunConfig
from nncore.experiments import EXPERIMENTS, Experiment


def begin() -> st.delta_generator.DeltaGenerator:
    """Choose the charts, and keep a place at the top of the page for `show`. Call it before anything is drawn."""
    lesson, experiment = lessons.read(st.query_params), _experiment()
    if lesson:
        shown = lesson.show
        layout.choose([key for key in shown or () if key not in layout.PARTS], shown)
    elif experiment:
        layout.choose(experiment.charts, None)
    return st.container()


def show(place: st.delta_generator.DeltaGenerator) -> None:
    """The lesson's title and note, or the experiment's claim and its two runs, with a way out."""
    lesson, experiment = lessons.read(st.query_params), _experiment()
    with place:
        if lesson:
            with st.container(key="lesson", horizontal=True, vertical_alignment="top"):
                st.html(lessons.heading(lesson), width="stretch")
                st.button(
                    "Show everything",
                    key="leave_lesson",
                    type="tertiary",
                    icon=":material/open_in_full:",
                    on_click=leave,
                    help="Leaves the lesson: every control and every chart comes back.",
                )
            if lesson.parts:
                lesson_parts.show(lesson)
        elif experiment:
            _claim(experiment)


def end() -> None:
    """Say so when a lesson shows nothing. Call it after everything is drawn."""
    lesson = lessons.read(st.query_params)
    if lesson and lesson.show and not layout.drawn() and not set(lesson.show) & set(layout.PARTS):
        st.info("This lesson names no chart of this page: **Show everything** brings them back.")


def leave() -> None:
    """Forget the lesson or the experiment; its set-up stays."""
    for name in CAME_FOR:
        st.query_params.pop(name, None)
    session().came_for = {}


def _experiment() -> Experiment | None:
    return EXPERIMENTS.get(st.query_params.get(EXPERIMENT, ""))


def _claim(experiment: Experiment) -> None:
    with st.container(border=True, key="experiment"):
        with st.container(horizontal=True, wrap=False, vertical_alignment="center"):
            st.markdown(f":material/experiment: **{experiment.title}**", width="stretch")
            st.button(
                "Close",
                key="leave_experiment",
                type="tertiary",
                icon=":material/close:",
                on_click=leave,
                help="Puts the claim away; the set-up stays.",
            )
        st.markdown(unbroken(f"{experiment.claim} **Look for:** {experiment.look_for}"))
        with st.container(horizontal=True, vertical_alignment="center"):
            for name, config, label in (
                ("run", experiment.config, experiment.label),
                ("against", experiment.against, experiment.against_label),
            ):
                here = sidebar.stands_on(config)
                st.button(
                    label,
                    key=f"experiment_{name}",
                    type="primary" if here else "secondary",
                    on_click=_set_up,
                    args=(experiment, config),
                    icon=":material/check:" if here else ":material/play_arrow:",
                    help="This is the run on the page." if here else "Sets the whole sidebar to this run.",
                )
            pins.compare_both(experiment)
            if not any(map(sidebar.stands_on, (experiment.config, experiment.against))):
                st.caption("The set-up has been changed since.", width="content")


def _set_up(experiment: Experiment, config: RunConfig) -> None:
    sidebar.apply(config)
    stand_on(experiment.step)
