"""What is wrong at the step that is looked at: each finding with its evidence, the chart that proves it, and remedies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import streamlit as st

from dashboard.charts import loss
from dashboard.jobs.measurements import BackgroundMeasurement, measurements, watched
from dashboard.jobs.work import Training
from dashboard.state.session import session
from dashboard.ui import layout, sight
from dashboard.ui.whole_page import then_whole_page
from dashboard.views.lab import groups, remedy_check
from dashboard.words.markup import escape
from dashboard.words.numbers import number
from dashboard.words.runs import loss_sentence
from dashboard.words.sentences import capital
from nncore import Fork, History
from nncore.diagnosis import CHARTS, RULES, Remedy, Verdict, tried_out, verdict
from nncore.diagnosis.loss_course import LossCourse

PLACE = "findings"

ICONS = {3: ":red[:material/error:]", 2: ":orange[:material/warning:]", 1: ":blue[:material/info:]"}

TITLES = {key: title for group in groups.ALL for key, title in group.charts.items()} | {"learned": loss.LEARNED.title}

PROOFS = {chart: TITLES[chart] for chart in CHARTS}
"""The chart that a verdict points at -> its title on the page."""

Trial = tuple[str, Remedy | None]
"""The rule that a change was tried out for, and the remedy that it turned out to be."""


@st.fragment
def show(training: Training, record: int) -> None:
    """One line that opens into the list; a calm one where nothing is wrong."""
    found = training.measured(verdict, record)
    step = int(training.history.step[record])
    if not found:
        measurements().leave(session().watched, PLACE)
        st.caption(training.measured(calm, record))
        return
    titles = ", ".join(each.title.lower() for each in found)
    count = "One finding" if len(found) == 1 else f"{len(found)} findings"
    row = st.expander(
        f"**{count} at step {step:,}:** {titles}",
        type="compact",
        key="findings",
        on_change="rerun",
        icon=":material/troubleshoot:",
    )
    if not row.open:
        measurements().leave(session().watched, PLACE)
        return
    problem = remedy_check.too_long(found, training.history)
    if problem and not isinstance(training.config, Fork):
        measurements().leave(session().watched, PLACE)
        with row:
            st.caption(problem)
            for each in found:
                _one(training, each, [], waits=False, is_tried=False)
        return
    trying = measurements().ask(session().watched, PLACE, training, trials, record)
    with row:
        watched(trying, partial(_list, training, found))


def calm(history: History, record: int) -> str:
    """One line where no rule fires: green only where something has been learned."""
    course, step = LossCourse(history, record), int(history.step[record])
    if course.beats_a_guess:
        return f":green[:material/check_circle:] Nothing wrong at step {step:,}: none of {len(RULES)} rules fires."
    loss = loss_sentence(course).replace("The", "the", 1)
    return f":material/hourglass_empty: No finding at step {step:,}, and nothing is learned yet either: {loss}"


def trials(history: History, record: int, *, cancelled: Callable[[], bool] = lambda: False) -> Iterator[Trial]:
    """Every change that is tried out for every finding at a record, one trial at a time; none for a fork."""
    if isinstance(history.config, Fork):
        return
    for each in verdict(history, record):
        for remedy in tried_out(each, history, cancelled=cancelled):
            yield each.rule, remedy


def _list(training: Training, found: tuple[Verdict, ...], trying: BackgroundMeasurement[Trial]) -> None:
    tried = list(trying.found)
    going = not trying.complete
    for each in found:
        mine = [remedy for rule, remedy in tried if rule == each.rule]
        waits = going and (not tried or each.rule == tried[-1][0] or not mine)
        _one(training, each, mine, waits)


def _one(training: Training, found: Verdict, tried: list[Remedy | None], waits: bool, is_tried: bool = True) -> None:
    """Title, sentence, threshold and source, the way to the proof, and a button for each remedy."""
    with st.container(border=True, key=f"finding_{found.rule}", gap="small"):
        with st.container(horizontal=True, wrap=False, gap="small"):
            proof = f"{PROOFS[found.chart]}:material/arrow_downward:"
            way = f"[{proof}](#chart_{found.chart})" if layout.shows(found.chart) else ""
            st.markdown(f"{ICONS[found.severity]} **{found.title}.** {escape(found.sentence)} {way}", width="stretch")
            if layout.is_folded(found.chart):
                unfold(proof, found)
            with st.popover("Evidence", type="tertiary"):
                st.markdown(_evidence(found))
        remedies = [remedy for remedy in tried if remedy is not None]
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            if remedies:
                first = remedies[0]
                st.caption(
                    f"Loss after {first.tried - training.config.first_step:,} steps, {first.before.loss_in_words()} without a "
                    "change, becomes",
                    width="content",
                )
            for place, remedy in enumerate(remedies):
                remedy_check.button(
                    remedy,
                    training.config,
                    f"take_{found.rule}_{place}",
                    f"**{number(remedy.after.loss)}** · {escape(remedy.label)}",
                    f"{escape(remedy.sentence())} One click sets the sidebar and trains again.",
                )
            if waits:
                st.caption(f":material/hourglass_top: Trying out changes on this network: {len(tried)} so far …")
            elif isinstance(training.config, Fork):
                st.caption("Changes are tried out on runs from step 0, not on a fork.")
            elif is_tried and not remedies:
                st.caption(f"None of {len(tried)} changes that were tried out mends this.")


def unfold(proof: str, found: Verdict) -> None:
    """A button in place of the link to a chart whose group is folded."""
    st.button(
        proof,
        key=f"proof_{found.rule}",
        type="tertiary",
        help="Unfolds the charts below among which it stands.",
        on_click=then_whole_page(sight.bring),  # this fragment alone would leave the charts folded
        args=(f"card_{found.chart}",),
    )


def _evidence(found: Verdict) -> str:
    """The rule in words: its number, its threshold, and where that comes from."""
    above = RULES[found.rule].above
    return (
        f"**{capital(found.metric)}** at step {found.step:,}: **{number(found.value)}**. "
        f"The rule fires {'above' if above else 'below'} {number(found.threshold)}.\n\n{found.source}"
    )
