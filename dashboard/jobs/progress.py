"""From a config to a finished run on the page: at once when it is quick, else with progress and a Stop."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from dashboard.jobs.registry import FORK, MAP, PAGE, PINS, SEEDS, SeedTraining, Training, Work, runs, wait
from nncore import History, RunConfig

INLINE_SECONDS = 1.5
"""A run shorter than this is waited for; a longer one is watched by a fragment of its own."""

QUIET_SECONDS = 0.3
"""Time before anything is said about progress: a bar that flashes is worse than none."""

LOOK_EVERY = 0.4


def session_id() -> str:
    """Who is looking."""
    context = get_script_run_ctx()
    return context.session_id if context else ""


def finished_run(config: RunConfig, purpose: str = PAGE, parent: History | None = None) -> Training | None:
    """The run of a config when it is done; until then its progress and a Stop button, and None.

    A second run on a page has another `purpose`, a fork its parent's history. Raises ValueError when the run is over budget.
    """
    training = runs().ask(session_id(), config, purpose, parent)
    return training if finished([training], purpose) else None


def finished_runs(configs: Sequence[RunConfig]) -> list[Training] | None:
    """The same for several runs at once, those that are pinned."""
    trainings = runs().ask_all(session_id(), configs)
    return trainings if finished(trainings, PINS) else None


def finished(works: Sequence[Work], purpose: str, patience: float | None = None) -> bool:
    """Wait a little for all of them, INLINE_SECONDS by default; then show progress and a Stop until they are done."""
    patience = INLINE_SECONDS if patience is None else patience
    if wait(works, min(QUIET_SECONDS, patience), lambda: None):
        return True
    place = st.empty()
    done = wait(works, patience - QUIET_SECONDS, lambda: progress(place, works))
    place.empty()
    if not done:
        watch(works, session_id(), purpose)
    return done


def leave_others() -> None:
    """On the way to another page: give up what only the page before was waiting for."""
    for purpose in (PINS, SEEDS, FORK, MAP):
        runs().leave(session_id(), purpose)


def progress(place: st.delta_generator.DeltaGenerator, works: Sequence[Work]) -> None:
    """How far the work has come."""
    steps = sum(max(work.config.steps, 1) for work in works)
    taken = sum(max(work.config.steps, 1) if work.done else work.step for work in works)
    place.progress(min(taken / steps, 1.0), text=said(works, taken, steps))


def said(works: Sequence[Work], taken: int, steps: int) -> str:
    """The progress in words."""
    (first, *others) = works
    if others:
        return f"Training: {sum(work.done for work in works)} of {len(works)} runs are done"
    if isinstance(first, SeedTraining):
        done = int(taken / steps * first.config.n_seeds)
        return f"Training {first.config.n_seeds} seeds: {done} are done"
    text = f"Training: step {taken:,} of {steps:,}"
    return f"{text}, loss {first.loss:.4g}" if first.step else text


def watch(works: Sequence[Work], session: str, purpose: str) -> None:
    """Progress that looks again by itself, beside a Stop that keeps what there is."""
    mark = "" if purpose == PAGE else f"_{purpose}"
    with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"training{mark}"):
        with st.container():
            follow(works)
        st.button(
            "Stop and keep",
            key=f"stop{mark}",
            icon=":material/stop_circle:",
            on_click=runs().stop,
            args=(session, purpose),
            help="Ends the training now; everything recorded so far is shown.",
        )


@st.fragment(run_every=LOOK_EVERY)
def follow(works: Sequence[Work]) -> None:
    """Look at the work; when it has ended, draw the page."""
    if all(work.done for work in works):
        st.rerun()
    progress(st.empty(), works)
