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
from dashboard.words.numbers import number, percent
from dashboard.words.runs import headline, layer_factor
from nncore import Fork, History, RunConfig
from nncore import measures as m
from nncore.diagnosis import EXPLODED, VANISHED, Flow, Remedy, flow, flow_of, remedies, tried_out, verdict

PLACE = "mend"

AT_FIRST_SECONDS = 0.4
"""Time that the first sight of a diverged run gives to the trials of its remedies."""


def show(training: Training) -> None:
    """The headline of a finished run, with a button that mends what is wrong."""
    history = training.history
    seen = training.measured(flow, history.last_finite)
    with st.container(border=True, key="headline", gap="xsmall"):
        words, mend = st.columns([4, 1.2], vertical_alignment="center")
        remedy_check.show(training)
    words.markdown(headline(history, seen).markdown())
    if isinstance(training.config, Fork):  # a remedy is tried out from step 0 on
        return
    with mend:
        if history.divergence:
            trying = measurements().ask(session().watched, PLACE, training, _trials)
            trying.wait(AT_FIRST_SECONDS)
            watched(trying, partial(_offer_best, history.config))
        elif history.was_stopped and not isinstance(training, Opened):
            st.button(
                "Run to the end",
                key="again",
                on_click=runs().leave,
                args=(session_id(),),
                icon=":material/play_arrow:",
                type="primary",
            )
        elif seen.kind in ("vanishing", "exploding", "zero"):
            _offer(next(iter(training.measured(_remedies)), None), history.config)


def metrics(training: Training, record: int, seen: Flow) -> None:
    """Four numbers at the record chosen."""
    history = training.history
    scores = training.measured(m.performance)
    step = int(history.step[record])
    at = int(np.argmin(np.abs(scores.axes["step"] - step)))
    columns = st.columns(4)
    value = "—" if seen.kind == "single" else number(seen.ratio)
    below = "one layer" if not np.isfinite(seen.rate) else f"{layer_factor(seen.rate)} per layer"
    about = "δ norm of layer 1 over that of the last layer. 1 is an even flow."
    _metric(columns[0], "δ first / last", value, below, about)
    change = float(history.loss[record]) - float(history.loss[0])
    moved, first = record > 0 and np.isfinite(change), int(history.step[0])
    below = f"{change:+.2g} since step {first}" if moved else "not finite" if record else f"at step {first}"
    about = "The loss that training minimizes, on the rows of this step."
    _metric(columns[1], "Loss", number(float(history.loss[record])), below, about, "inverse" if moved else "off")
    _score(columns[2], history, scores, at)
    _flat_side(columns[3], training, record)


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


def _score(column: DeltaGenerator, history: History, scores: m.Measurement, at: int) -> None:
    has_test = bool(np.isfinite(scores["test_loss"]).any())
    part = "test" if has_test else "train"
    if history.config.source.task == "classification":
        accuracy = scores[f"{part}_accuracy"]
        gained = 100 * (accuracy[at] - accuracy[0])
        moved = abs(gained) >= 0.05
        below = f"{gained:+.1f} points" if moved else f"as at step {history.step[0]}"
        about = f"Share of {'test' if has_test else 'training'} rows put into the right class."
        _metric(column, "Accuracy", f"{100 * accuracy[at]:.1f} %", below, about, "normal" if moved else "off")
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


def _remedies(history: History) -> list[Remedy]:
    return remedies(history.config)


def _trials(history: History) -> Iterator[Remedy | None]:
    """What is tried out against a divergence."""
    (diverged,) = (each for each in verdict(history) if each.rule == "diverged")
    return tried_out(diverged, history)


def _offer_best(config: RunConfig, trying: BackgroundMeasurement[Remedy | None]) -> None:
    """Of what keeps the run finite, the first that lets the gradient flow as well, if there is one."""
    if not trying.complete:
        st.caption(f":material/hourglass_top: Trying out changes on this network: {len(trying.found)} so far …")
        return
    found = [remedy for remedy in trying.found if remedy is not None]
    flowing = [remedy for remedy in found if VANISHED <= remedy.ratio <= EXPLODED]
    _offer(next(iter(flowing or found), None), config)


def _offer(remedy: Remedy | None, config: RunConfig) -> None:
    if remedy is None:
        return
    effect = (
        remedy.sentence() if remedy.rule else f"At step 0, δ first / last becomes {number(remedy.ratio)} (tried out)."
    )
    remedy_check.button(
        remedy, config, "mend", f"Mend it: {remedy.label}", f"Sets the sidebar and trains again. {effect}", primary=True
    )
