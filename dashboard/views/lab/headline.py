"""What happened, in words: a sentence, the change that mends it, and four numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard.jobs.measurements import BackgroundMeasurement, measurements, watched
from dashboard.jobs.progress import session_id
from dashboard.jobs.registry import runs
from dashboard.jobs.work import Opened, Training
from dashboard.state.session import session
from dashboard.views.lab import remedy_check
from dashboard.words.markup import escape
from dashboard.words.numbers import number, percent
from dashboard.words.runs import headline, layer_factor
from nncore import Fork, History, RunConfig
from nncore import measures as m
from nncore.diagnosis import Flow, Remedy, flow_of, tried_out, verdict
from nncore.diagnosis.loss_course import UNLEARNED, LossCourse

PLACE = "mend"

AT_FIRST_SECONDS = 0.4
"""Time that the first sight of a run gives to the trials of its remedies."""


def show(training: Training, record: int) -> None:
    """What happened at this step, with a button that mends what is wrong."""
    history = training.history
    with st.container(border=True, key="headline", gap="xsmall"):
        words, mend = st.columns([4, 1.2], vertical_alignment="center")
        remedy_check.show(training)
    words.markdown(training.measured(headline, record).markdown())
    if isinstance(training.config, Fork):  # a remedy is tried out from step 0 on
        return
    with mend:
        if history.was_stopped and not isinstance(training, Opened):
            measurements().leave(session().watched, PLACE)
            again = st.button(
                "Run to the end",
                key="again",
                on_click=runs().leave,
                args=(session_id(),),
                icon=":material/play_arrow:",
                type="primary",
            )
            if again:
                st.rerun()
        elif any(each.severity > 1 for each in training.measured(verdict, record)):
            trying = measurements().ask(session().watched, PLACE, training, trials_of_the_gravest, record)
            trying.wait(AT_FIRST_SECONDS)
            watched(trying, partial(_offer_best, history.config))
        else:
            measurements().leave(session().watched, PLACE)


def trials_of_the_gravest(history: History, record: int) -> Iterator[Remedy | None]:
    """What is tried out against the first finding at a record."""
    return tried_out(verdict(history, record)[0], history)


def metrics(training: Training, record: int, seen: Flow) -> None:
    """Four numbers at the record chosen."""
    history = training.history
    scores = training.measured(m.performance)
    step = int(history.step[record])
    at = int(np.argmin(np.abs(scores.axes["step"] - step)))
    columns = st.columns(4)
    value = "—" if seen.kind == "single" else number(seen.ratio)
    below = (
        "one layer"
        if seen.kind == "single"
        else f"{layer_factor(seen.rate)} per layer"
        if np.isfinite(seen.rate)
        else "not finite"
    )
    about = "δ norm of layer 1 over that of the last layer. 1 is an even flow."
    _metric(columns[0], "δ first / last", value, below, about)
    _loss(columns[1], training, record)
    _score(columns[2], training, scores, at, record)
    _flat_side(columns[3], training, record)


def _loss(column: DeltaGenerator, training: Training, record: int) -> None:
    """The loss beside what one answer for every input has: only below that is a change progress."""
    history = training.history
    constant, share = training.measured(_standing, record)
    value, change = float(history.loss[record]), float(history.loss[record] - history.loss[0])
    if not np.isfinite(value):
        below, colour = "not finite", "off"
    elif record and np.isfinite(change):
        has_learned = share < UNLEARNED
        below = f"{change:+.2g} · a guess: {number(constant)}"
        colour = "inverse" if has_learned or change > 0 else "off"
    else:
        below, colour = f"a guess: {number(constant)}", "off"
    about = (
        "The loss that training minimizes, on the rows of this step, and its change since the first step. A guess is the best answer that ignores the input: "
        "the class frequencies, or the targets' mean."
    )
    _metric(column, "Loss", number(value), below, about, colour)


def _standing(history: History, record: int) -> tuple[float, float]:
    """The constant answer's loss, and the share of it that the run has."""
    course = LossCourse(history, record)
    return course.constant, course.share


def facts(history: History, records: Sequence[int]) -> list[str]:
    """Loss and first-over-last δ of each record, in words: what the metrics say of a single one."""
    delta = m.per_layer(history, "delta_norm", np.asarray(records))["delta_norm"]
    ratios = [flow_of(row).ratio for row in delta]
    return [
        f"loss {number(float(history.loss[record]))}"
        + (f" · δ first / last {number(ratio)}" if delta.shape[1] > 1 else "")
        for record, ratio in zip(records, ratios, strict=True)
    ]


def _metric(column: DeltaGenerator, label: str, value: str, below: str, about: str, colour: str = "off") -> None:
    """One of the four; `colour` other than "off": `below` is a change, with an arrow."""
    arrow = "off" if colour == "off" else "auto"
    column.metric(label, value, below, delta_color=colour, delta_arrow=arrow, border=True, height="stretch", help=about)


def _score(column: DeltaGenerator, training: Training, scores: m.Measurement, at: int, record: int) -> None:
    history, has_learned = training.history, training.measured(_standing, record)[1] < UNLEARNED
    has_test = bool(np.isfinite(scores["test_loss"]).any())
    part = "test" if has_test else "train"
    if history.config.source.task == "classification":
        accuracy = scores[f"{part}_accuracy"]
        gained = 100 * (accuracy[at] - accuracy[0])
        moved = abs(gained) >= 0.05
        below = f"{gained:+.1f} points" if moved else f"as at step {history.step[0]}"
        about = f"Share of {'test' if has_test else 'training'} rows put into the right class."
        _metric(
            column,
            "Accuracy",
            f"{100 * accuracy[at]:.1f} %",
            below,
            about,
            "normal" if moved and (has_learned or gained < 0) else "off",
        )
        return
    label = "Test loss" if has_test else "Training loss"
    about = "Mean squared error on rows the training never saw." if has_test else "Mean squared error."
    _metric(column, label, number(float(scores[f"{part}_loss"][at])), "without penalties", about)


def _flat_side(column: DeltaGenerator, training: Training, record: int) -> None:
    shares = training.measured(flat_shares, record)
    saturated, inactive, dead = (
        shares[name][0] for name in ("saturated_fraction", "inactive_fraction", "dead_fraction")
    )
    two_sided = bool(np.isfinite(saturated).any())
    share = saturated if two_sided else inactive
    value = percent(float(np.nanmean(share))) if np.isfinite(share).any() else "—"
    dead_share = percent(float(np.nanmean(dead))) if np.isfinite(dead).any() else "0 %"
    label = "Saturated units" if two_sided else "Units on the flat side"
    about = "Share of hidden units × probe rows whose slope is below 1 % of its largest; dead: slope 0 on every row."
    _metric(column, label, value, f"{dead_share} dead", about)


def flat_shares(history: History, record: int) -> m.Measurement:
    """Saturated, inactive and dead shares per layer at one record."""
    names = ("saturated_fraction", "inactive_fraction", "dead_fraction")
    return m.per_layer(history, names, np.array([record]))


def _offer_best(config: RunConfig, trying: BackgroundMeasurement[Remedy | None]) -> None:
    """The remedy that ends with the lowest loss, once all are tried out."""
    if not trying.complete:
        st.caption(f":material/hourglass_top: Trying out changes on this network: {len(trying.found)} so far …")
        return
    found = [remedy for remedy in trying.found if remedy is not None]
    if not found:
        st.caption(f"{len(trying.found)} changes were tried out on this network, and no one ends better.")
        return
    best = min(found, key=lambda remedy: remedy.after.share)
    remedy_check.button(
        best,
        config,
        "mend",
        f"Mend it: {escape(best.label)}",
        f"Sets the sidebar and trains again. {escape(best.sentence())}",
        primary=True,
    )
