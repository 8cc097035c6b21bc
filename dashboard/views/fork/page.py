"""Fork: go back to a step, change something there, and see what it does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial, wraps
from typing import Any, TypeVar

import streamlit as st

from dashboard.charts import style
from dashboard.charts.text import Text
from dashboard.jobs import limits
from dashboard.jobs.measurements import BackgroundMeasurement, measurements, watched
from dashboard.jobs.progress import INLINE_SECONDS, finished_run, session_id
from dashboard.jobs.registry import FORK, runs
from dashboard.jobs.work import Training
from dashboard.state import sidebar, sidebar_run, visits
from dashboard.state.session import session, settle
from dashboard.ui import card, downloads, theme
from dashboard.views import learned
from dashboard.views.fork import charts, charts_learned, fork_words, form
from dashboard.words.markup import escape
from dashboard.words.settings import description
from nncore import Fork, History, RunConfig
from nncore.config.cost import seconds_in_words
from nncore.diagnosis import suggested_fork, suggestion_seconds
from nncore.measures import fork_and_parent

T = TypeVar("T")

LOOK_AT = "f_step"

SEARCH = "suggestion"
"""Where a session watches the search for a suggestion."""


def measured_on_both(parent: Training, fork: Training, function: Callable[..., T], *arguments: Any) -> T:
    """function(parent's history, fork's history, *arguments), computed once for all readers of the fork."""

    @wraps(function)
    def of_both(history: History, _: int, *rest: Any) -> T:
        return function(parent.history, history, *rest)

    return fork.measured(of_both, len(parent.history), *arguments)


def page() -> None:
    """The parent is the sidebar's run; below the verdict the change, and what the fork made of it.

    On a projector the charts stand above the form, whose rows would push them off the screen.
    """
    parent = sidebar_run.training()
    suggested = None if parent is None else suggestion(parent)
    if parent is None or suggested is None:
        return
    headline, upper, lower = st.container(), st.container(), st.container()
    settings, results = (lower, upper) if theme.is_large() else (upper, lower)
    try:
        with settings:
            config = form.chosen(parent.history, suggested)
        fork = finished_run(config, FORK, parent)
        if fork is not None:
            fork.history  # noqa: B018 (raises what stopped it)
    except ValueError as problem:
        headline.error(f"This fork cannot run: {escape(str(problem))}.", icon=":material/block:")
        return
    if fork is None:
        headline.info(f"Training the fork: {description(config)}.", icon=":material/call_split:")
        return
    with headline:
        show_verdict(parent, fork)
    with results:
        if len(fork.history) > 1 or fork.history.divergence:
            over_time(parent, fork)
        else:
            st.info("The fork ends where it begins. Fork earlier, or add Steps to the settings to change.")
    downloads.show(fork)


def suggestion(parent: Training) -> Fork | None:
    """The fork to begin with; while a long search for it goes on, that it does, and a way past it."""
    history = parent.history
    seconds = suggestion_seconds(history)
    if seconds > limits.seconds_allowed() or session().fork_untried == parent.config:
        measurements().leave(session().watched, SEARCH)
        return parent.measured(untried_fork)
    if seconds <= INLINE_SECONDS:
        return parent.measured(suggested_fork)
    searching = measurements().ask(session().watched, SEARCH, parent, search)
    searching.wait(INLINE_SECONDS)
    if searching.done and searching.found:
        return searching.found[-1]
    watched(searching, partial(still_searching, seconds))
    st.button(
        "Stop and suggest one untried",
        key="f_untried",
        icon=":material/stop_circle:",
        on_click=take_untried,
        args=(parent.config,),
        help="Ends the search; the fork begins with a change that nobody has tried out.",
    )
    return None


def search(history: History, *, cancelled: Callable[[], bool]) -> Iterator[Fork]:
    """The suggestion, in the background."""
    yield suggested_fork(history, cancelled=cancelled)


def untried_fork(history: History) -> Fork:
    """What is suggested without any trial."""
    return suggested_fork(history, cancelled=lambda: True)


def still_searching(seconds: float, _: BackgroundMeasurement[Fork]) -> None:
    """That the search goes on, and what it takes."""
    st.info(
        f"Trying out changes for a fork in which something is to be seen: {seconds_in_words(seconds)}.",
        icon=":material/call_split:",
    )


def take_untried(config: RunConfig) -> None:
    """Search no more on this run. A callback."""
    session().fork_untried = config


def show_verdict(parent: Training, fork: Training) -> None:
    """What was changed, what it did, and the way to the lab."""
    config = fork.config
    assert isinstance(config, Fork)
    same = measured_on_both(parent, fork, fork_words.verified)
    words = same or fork_words.verdict(
        parent.history, fork.history, measured_on_both(parent, fork, fork_and_parent.scores)
    )
    badge = (
        ":gray-badge[:material/equal: Identical]"
        if same
        else f":blue-badge[:material/call_split: Fork at step {config.at}]"
    )
    with st.container(border=True, key="f_headline"):
        left, right = st.columns([6, 1], vertical_alignment="center")
    changed = description(config)
    left.markdown(f"{badge} {changed}{'. ' if changed else ''}{words}")
    with right:
        if fork.history.was_stopped:
            st.button(
                "Run to the end",
                key="f_again",
                on_click=runs().leave,
                args=(session_id(), FORK),
                icon=":material/play_arrow:",
                type="primary",
            )
        if config.changes and st.button(
            "From step 0",
            key="f_from_start",
            icon=":material/science:",
            type="tertiary",
            help="Opens the lab with the fork's settings from the start, without its parent's past and without edits.",
        ):  # no link: Streamlit drops parameters of it that are bound to widgets of this page
            sidebar.remember(config.from_the_start())
            st.switch_page("views/lab/page.py", query_params={})


@st.fragment
def over_time(parent: Training, fork: Training) -> None:
    """Every chart of parent and fork, at one step from the fork on."""
    look, history = theme.current(), fork.history
    first, last = int(history.step[0]), int(history.step[-1])
    record = 0
    if last > first:
        stand = min(int(history.step[history.last_finite]), int(parent.history.step[parent.history.last_finite]))
        settle(LOOK_AT, max(stand, first), (first, last))
        chosen = st.slider(
            "Charts at step: what they show below, from the fork on",
            first,
            last,
            max(stand, first),
            key=LOOK_AT,
            bind="query-params",
            help="The step at which gradient flow and what was learned are shown. The arrow keys move it.",
        )
        if chosen != max(stand, first):
            visits.tell(LOOK_AT, str(chosen))
        record = history.nearest(chosen)
    step = int(history.step[record])

    left, right = st.columns(2)
    with left:
        measured = measured_on_both(parent, fork, fork_and_parent.scores)
        classes = parent.config.class_count
        text = charts.SCORES if classes else Text("Loss", charts.SCORES.subtitle, charts.SCORES.note)
        card.show("f_scores", text, measured, charts.scores(measured, look, step), height=430)
    with right:
        measured = measured_on_both(parent, fork, fork_and_parent.flows, step)
        text = Text(charts.FLOW.title, f"at step {step}", charts.FLOW.note)
        card.show("f_flow", text, measured, charts.flow(measured, look), height=430)
    left, right = st.columns(2)
    with left:
        measured = measured_on_both(parent, fork, fork_and_parent.weight_distance)
        figure, finding = charts.distance(measured, look, step), charts.distance_finding(measured, step)
        card.show("f_distance", charts.DISTANCE, measured, figure, finding=finding)
    with right:
        measured = measured_on_both(parent, fork, fork_and_parent.update_ratios)
        card.show("f_updates", charts.UPDATES, measured, charts.updates(measured, look, step))
    pictures(parent, fork, step, look)


def pictures(parent: Training, fork: Training, step: int, look: style.Style) -> None:
    """What both have learned, side by side, and where they differ."""
    try:
        measured = measured_on_both(parent, fork, fork_and_parent.learned, step)
    except ValueError:
        st.caption(f"The parent has no record of step {step}: what it learned cannot be laid beside the fork's.")
        return
    left, middle, right = st.columns(3)
    for column, training, text in ((left, parent, charts_learned.PARENT), (middle, fork, charts_learned.FORK)):
        with column:
            title = Text(text.title, f"at step {step}", text.note)
            key = f"f_learned_{text.title.lower()}"
            learned.show(training, training.history.nearest(step), look, key, title, height=300)
    with right:
        data = parent.config.data()
        inputs = learned.inputs(parent.config) if data.n_inputs == 2 else ("", "")
        figure = charts_learned.difference(measured, data, look, inputs)
        card.show("f_difference", charts_learned.DIFFERENCE, measured, figure, height=300)


page()
