"""What is said of a recorded run, and of the one before it: its facts, what is wrong, what differs."""

from __future__ import annotations

import streamlit as st

from dashboard.views.own_model import beside
from dashboard.views.own_model.source import Run
from dashboard.words.markup import escape
from dashboard.words.numbers import with_powers_of_ten
from dashboard.words.runs import COLOURS
from nncore.diagnosis.recorded_pair import differences, outcome
from nncore.diagnosis.recorded_run import RECORDED_RULES, recorded_verdict, without_a_number
from nncore.recorders.pulse import pulse
from nncore.recorders.recorded import Recorded

COPY = (
    "This copy does not say that recording was closed: the run went on when it was made, or had stopped without an end."
)


def of_one(name: str, recorded: Recorded, record: int, key: str = "o_verdicts") -> None:
    """A run's facts, and what is wrong with it at a record, each with the rule's source."""
    steps = recorded.steps
    alive = pulse(recorded)
    state = (
        "from a log"
        if recorded.header.is_log
        else "finished"
        if recorded.finished
        else "unfinished"
        if alive is None
        else "stopped without an end"
        if alive.stopped
        else "still written"
    )
    error = f" It ended with: {escape(recorded.ended)}." if recorded.ended else ""
    st.markdown(
        f"**{escape(name)}** :gray[{len(recorded.modules):,} modules, {len(recorded.parameters):,} parameters, "
        f"{len(steps):,} records to step {steps[-1]:,}, {state}.]{error}"
    )
    found, idle = recorded_verdict(recorded, record), without_a_number(recorded, record)
    with st.container(border=True, key=key, gap="xsmall"):
        if alive is not None and alive.stopped:
            st.markdown(f":orange-badge[:material/power_off: No end] {escape(alive.sentence())}")
        elif recorded.may_grow and recorded.path is None:
            st.markdown(f":blue-badge[:material/content_copy: No end] {COPY}")
        for each in found:
            colour, icon = COLOURS.get(each.severity, ("blue", "info"))
            st.markdown(
                f":{colour}-badge[:material/{icon}: {each.title}] {escape(with_powers_of_ten(each.sentence))}",
                help=f"Rule: {each.source}",
            )
        if not found:
            count = len(RECORDED_RULES) - len(idle)
            st.markdown(
                f":green[:material/check_circle:] None of {count} rules that can be judged here fires at step {steps[record]:,}."
            )
        if idle and not recorded.has_number("delta_norm").any():
            st.caption(f"Not judged, for what they look at was not recorded: {', '.join(rule.title for rule in idle)}.")
        st.caption("Rules over blocks; advice, nothing has been tried out on your model.")


def of_both(name: str, recorded: Recorded, record: int, before: Run) -> None:
    """What differs between two runs, what became of it, and what is wrong with each."""
    other_name, other = before
    at = beside.nearest(other, int(recorded.steps[record]))
    changed, became = differences(other, recorded), outcome(other, recorded, at, record)
    with st.container(key="o_differs", gap="xsmall"):
        said = (
            f"What differs: {'; '.join(changed)}."
            if changed
            else "Modules, parameters and learning rate are the same in both."
        )
        st.markdown(escape(with_powers_of_ten(said)))
        steps = f"At step {recorded.steps[record]:,}" + (
            f" (before: {other.steps[at]:,})" if other.steps[at] != recorded.steps[record] else ""
        )
        verdict = f"{steps}: {'; '.join(became)}." if became else f"{steps} both have the same verdict."
        st.markdown(escape(with_powers_of_ten(verdict)))
    left, right = st.columns(2)
    with left:
        of_one(f"Before: {other_name}", other, at, "o_verdicts_before")
    with right:
        of_one(f"Now: {name}", recorded, record)
