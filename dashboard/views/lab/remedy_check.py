"""Take a remedy with one click; the run after it says whether the remedy's prediction held."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard.jobs import limits
from dashboard.jobs.work import Training
from dashboard.state import sidebar
from dashboard.state.session import session, stand_on
from dashboard.ui.whole_page import then_whole_page
from dashboard.words.markup import escape
from dashboard.words.runs import Badge
from nncore import History, RunConfig
from nncore.config.cost import seconds_in_words
from nncore.diagnosis import Outcome, Remedy, Verdict, check_prediction, trial_seconds


def take(remedy: Remedy, before: RunConfig) -> None:
    """Set the sidebar to a remedy, the step to its last, and remember what it predicts. A callback."""
    sidebar.apply(remedy.config)
    stand_on(remedy.config.steps)
    session().remedy = (remedy, before)


def button(remedy: Remedy, before: RunConfig, key: str, label: str, help: str, *, primary: bool = False) -> None:
    """One click takes a remedy, from a fragment too."""
    st.button(
        label,
        key=key,
        help=help,
        on_click=then_whole_page(take),
        args=(remedy, before),
        wrap=True,
        width="stretch" if primary else "content",
        type="primary" if primary else "secondary",
        icon=":material/healing:" if primary else None,
    )


def too_long(found: Sequence[Verdict], history: History) -> str:
    """A sentence where the trials of these findings would take more time than is allowed, else ""."""
    seconds, allowed = sum(trial_seconds(each, history) for each in found), limits.seconds_allowed()
    if seconds <= allowed:
        return ""
    return (
        f"Changes are not tried out on this network: it would take {seconds_in_words(seconds)} and {allowed:,.0f} s are "
        "allowed. Take fewer samples, smaller batches, or a narrower network."
    )


def show(training: Training) -> None:
    """Whether the prediction held in this run, and a way back; nothing for a run that no remedy made."""
    taken = session().remedy
    if taken is None:
        return
    remedy, before = taken
    if remedy.config != training.config:
        if before != training.config:  # which is drawn once more while a click takes the remedy
            session().remedy = None
        return
    outcome = training.measured(_outcome, remedy)
    badge = Badge("green", "check", outcome.verdict) if outcome.held else Badge("orange", "close", outcome.verdict)
    with st.container(horizontal=True, vertical_alignment="center", key="promise"):
        st.markdown(f"{badge.markdown()} **{escape(remedy.label)}.** {outcome.numbers}", width="stretch")
        st.button(
            "Undo",
            key="undo",
            icon=":material/undo:",
            type="tertiary",
            on_click=then_whole_page(_undo),
            args=(before,),
            help="Sets the sidebar back to the run before this remedy.",
        )


def _outcome(history: History, remedy: Remedy) -> Outcome:
    return check_prediction(remedy, history)


def _undo(before: RunConfig) -> None:
    """A callback; the remedy is remembered, so that it is held to its prediction when it is taken again."""
    sidebar.apply(before)
    stand_on(before.steps)
