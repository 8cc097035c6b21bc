"""Fork: go back to a step, change something there, and see what it does."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import streamlit as st

from dashboard.charts import style
from dashboard.charts.text import Text
from dashboard.jobs.progress import finished_run, session_id
from dashboard.jobs.registry import FORK, runs
from dashboard.jobs.work import Training
from dashboard.state import sidebar, sidebar_run
from dashboard.ui import card, downloads, theme
from dashboard.views import learned
from dashboard.views.fork import charts, charts_learned, fork_words, form
from dashboard.words.markup import escape
from dashboard.words.settings import description
from nncore import Fork, History
from nncore.diagnosis import suggested_fork
from nncore.measures import fork_and_parent

T = TypeVar("T")

LOOK_AT = "f_step"


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
    if parent is None:
        return
    headline, upper, lower = st.container(), st.container(), st.container()
    settings, results = (lower, upper) if theme.is_large() else (upper, lower)
    try:
        with settings:
            config = form.chosen(parent.history, parent.measured(suggested_fork))
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
        chosen = st.slider(
            "Look at step",
            first,
            last,
            max(stand, first),
            key=LOOK_AT,
            bind="query-params",
            help="The step at which gradient flow and what was learned are shown. The arrow keys move it.",
        )
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
