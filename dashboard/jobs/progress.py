"""From a request to finished work on the page: at once when it is quick, else with progress and a Stop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from dashboard.jobs.look_again import look_again
from dashboard.jobs.registry import PAGE, PINS, runs, wait
from dashboard.jobs.work import RunRequest, Training, Work
from nncore import RunConfig
from nncore.model.initializers import StoppedEarly

INLINE_SECONDS = 1.5
"""A run shorter than this is waited for; a longer one is watched by a fragment of its own."""

QUIET_SECONDS = 0.3
"""Time before anything is said about progress: a bar that flashes is worse than none."""

LOOK_EVERY = 0.4
"""Seconds between two looks at work that goes on."""


class Watched(Protocol):
    """Work, and any measurement that goes on in the background."""

    waiting: set[str]

    @property
    def done(self) -> bool:
        """Has it ended?"""


def session_id() -> str:
    """Streamlit's id of the session whose page is run; "" outside a page."""
    context = get_script_run_ctx()
    return context.session_id if context else ""


def finished_run(config: RunConfig, purpose: str = PAGE, parent: Training | None = None) -> Training | None:
    """The run of a config when it is done; until then its progress and a Stop button, and None.

    A second run on a page has another `purpose`, a fork its parent. Raises ValueError when the run is over
    budget, or was stopped before it had a first step.
    """
    (training,) = runs().ask(session_id(), [RunRequest(config, parent)], purpose)
    return training if _with_results([training], purpose) else None


def finished_runs(configs: Sequence[RunConfig]) -> list[Training] | None:
    """The same for several runs at once, those that are pinned."""
    trainings = runs().ask(session_id(), [RunRequest(config) for config in configs], PINS)
    return trainings if _with_results(trainings, PINS) else None


def _with_results(trainings: Sequence[Training], purpose: str) -> bool:
    """`finished`; raises StoppedEarly, a ValueError, where one was stopped before it had a first step."""
    done = finished(trainings, purpose)
    for training in trainings:
        if isinstance(training.error, StoppedEarly):
            raise training.error
    return done


def over_budget(configs: Sequence[RunConfig]) -> dict[RunConfig, str]:
    """The configs that cannot run, by themselves or after those before them, each with its sentence."""
    problems = runs().over_budget([RunRequest(config) for config in configs])
    return {request.config: problem for request, problem in problems.items()}


def finished(works: Sequence[Work], purpose: str, patience: float | None = None) -> bool:
    """Wait a little for all of them, INLINE_SECONDS by default; then show progress and a Stop until they are done."""
    patience = INLINE_SECONDS if patience is None else patience
    place = st.empty()  # also where nothing is said: what follows keeps its place, and with it the browser its charts
    if wait(works, min(QUIET_SECONDS, patience), lambda: None):
        return True
    done = wait(works, patience - QUIET_SECONDS, lambda: bar(works, place))
    place.empty()
    if not done:
        mark = "" if purpose == PAGE else f"_{purpose}"
        with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"training{mark}"):
            with st.container():
                follow(works, lambda: bar(works, st.empty()))
            stop_button(purpose, f"stop{mark}", "Ends the training now; everything recorded so far is shown.")
    return done


def leave_others() -> None:
    """On the way to another page: give up what only the page before was waiting for."""
    runs().leave_others(session_id())


def bar(works: Sequence[Work], place: st.delta_generator.DeltaGenerator) -> None:
    """How far the work has come, drawn into a place."""
    share = sum(work.steps_done for work in works) / sum(work.steps for work in works)
    text = f"Training: {sum(work.done for work in works)} of {len(works)} runs are done"
    if len(works) == 1:
        text = in_line(runs().pool.before(works[0])) or works[0].progress_text()
    place.progress(min(share, 1.0), text=text)


def in_line(before: int | None) -> str:
    """A place in the queue in words; "" for work that does not wait."""
    if before is None:
        return ""
    return (
        "Waiting for its turn"
        + (f": {before} before it" if before else ", the next one")
        + ". Others are training now."
    )


def stop_button(purpose: str, key: str, help: str) -> None:
    """End what this session waits for, and keep what there is."""
    st.button(
        "Stop and keep",
        key=key,
        icon=":material/stop_circle:",
        on_click=runs().stop,
        args=(session_id(), purpose),
        help=help,
    )


@st.fragment
def follow(works: Sequence[Watched], draw: Callable[[], None]) -> None:
    """Draw now and every LOOK_EVERY seconds; when all the work has ended, the page."""
    if any(session_id() not in work.waiting for work in works):  # a look that was on its way when the page changed
        return
    if all(work.done for work in works):
        st.rerun()
    draw()
    look_again(LOOK_EVERY)
