"""From a config to a finished run on the page: at once when it is quick, else with progress and a Stop."""

from __future__ import annotations

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from dashboard.runs import Training, runs, wait
from nncore import History, RunConfig

INLINE_SECONDS = 1.5
"""A run shorter than this is waited for; a longer one is watched by a fragment of its own."""

QUIET_SECONDS = 0.3
"""Time before anything is said about progress: a bar that flashes is worse than none."""

LOOK_EVERY = 0.4


def session_id(role: str = "") -> str:
    """Who is looking; with a role, in which of several runs on one page."""
    context = get_script_run_ctx()
    session = context.session_id if context else ""
    return f"{session}/{role}" if role else session


def finished_run(config: RunConfig, role: str = "", parent: History | None = None) -> Training | None:
    """The run of a config when it is done; until then its progress and a Stop button, and None.

    A second run on a page has a `role`, a fork its parent's history. Raises ValueError when the run is over budget.
    """
    session = session_id(role)
    training = runs().ask(session, config, parent)
    if not wait(training, QUIET_SECONDS, lambda: None):
        place = st.empty()
        if not wait(training, INLINE_SECONDS - QUIET_SECONDS, lambda: progress(place, training)):
            place.empty()
            watch(training, session)
            return None
        place.empty()
    return training


def progress(place: st.delta_generator.DeltaGenerator, training: Training) -> None:
    """How far a run has come."""
    steps = max(training.config.steps, 1)
    text = f"Training: step {training.step:,} of {steps:,}"
    if training.step:
        text += f", loss {training.loss:.4g}"
    place.progress(min(training.step / steps, 1.0), text=text)


def watch(training: Training, session: str) -> None:
    """Progress that looks again by itself, beside a Stop that keeps what there is."""
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="training"):
        with st.container():
            follow(training)
        st.button(
            "Stop and keep", key="stop", icon=":material/stop_circle:", on_click=runs().stop, args=(session,),
            help="Ends the training now; everything recorded so far is shown.",
        )  # fmt: skip


@st.fragment(run_every=LOOK_EVERY)
def follow(training: Training) -> None:
    """Look at a run; when it has ended, draw the page."""
    if training.done:
        st.rerun()
    progress(st.empty(), training)
