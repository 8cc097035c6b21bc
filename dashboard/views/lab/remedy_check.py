"""A remedy that is taken is a promise: the run after it says whether the prediction held."""

from __future__ import annotations

import streamlit as st

from dashboard.jobs.work import Training
from dashboard.state import sidebar
from dashboard.state.session import session
from nncore import History, RunConfig
from nncore.diagnosis import Remedy, held


def take(remedy: Remedy, before: RunConfig) -> None:
    """Set the sidebar to a remedy and remember what it promised. A callback."""
    sidebar.apply(remedy.config)
    session().remedy = (remedy, before)


def button(remedy: Remedy, before: RunConfig, key: str, label: str, help: str, *, primary: bool = False) -> None:
    """One click takes a remedy, from a fragment too."""
    taken = st.button(
        label,
        key=key,
        help=help,
        on_click=take,
        args=(remedy, before),
        wrap=True,
        width="stretch" if primary else "content",
        type="primary" if primary else "secondary",
        icon=":material/healing:" if primary else None,
    )
    if taken:
        st.rerun()


def show(training: Training) -> None:
    """Whether the promise was kept, in this run, and a way back; nothing for a run that nobody promised about."""
    taken = session().remedy
    if taken is None or taken[0].config != training.config:
        session().remedy = None
        return
    remedy, before = taken
    kept, sentence = training.measured(_held, remedy)
    verdict, _, numbers = sentence.partition(". ")
    badge = f":green-badge[:material/check: {verdict}]" if kept else f":orange-badge[:material/close: {verdict}]"
    with st.container(horizontal=True, vertical_alignment="center", key="promise"):
        st.markdown(f"{badge} **{remedy.label}.** {numbers}", width="stretch")
        st.button(
            "Undo",
            key="undo",
            icon=":material/undo:",
            type="tertiary",
            on_click=_undo,
            args=(before,),
            help="Sets the sidebar back to the run before this remedy.",
        )


def _held(history: History, remedy: Remedy) -> tuple[bool, str]:
    return held(remedy, history)


def _undo(before: RunConfig) -> None:
    session().remedy = None
    sidebar.apply(before)
