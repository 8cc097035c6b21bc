"""What happened, in words: a sentence, the change that mends it, and four numbers."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import streamlit as st

from dashboard.charts.style import number, percent
from dashboard.jobs.measurements import BackgroundMeasurement, measurements, watched
from dashboard.jobs.progress import session_id
from dashboard.jobs.registry import runs
from dashboard.jobs.work import Opened, Training
from dashboard.state.uploads import plain
from dashboard.views.lab import remedy_check
from nncore import Fork, History, RunConfig
from nncore import measures as m
from nncore.diagnosis import EXPLODED, VANISHED, Flow, Remedy, flow, remedies, tried_out, verdict

PLACE = "mend_measurement"

AT_FIRST_SECONDS = 0.4
"""Time that the first sight of a diverged run gives to the trials of its remedies."""

BADGES = {
    "vanishing": ":blue-badge[:material/trending_down: Gradients vanish]",
    "exploding": ":orange-badge[:material/trending_up: Gradients explode]",
    "flowing": ":green-badge[:material/check: Gradients flow]",
    "zero": ":red-badge[:material/block: No gradient]",
    "not finite": ":red-badge[:material/warning: Not finite]",
    "single": ":gray-badge[:material/info: One layer]",
}


def show(training: Training) -> None:
    """The headline of a finished run, with a button that mends what is wrong."""
    history = training.history
    seen = training.measured(flow, history.last_finite)
    with st.container(border=True, key="headline", gap="xsmall"):
        words, mend = st.columns([4, 1.2], vertical_alignment="center")
        remedy_check.show(training)
    words.markdown(sentence(history, seen))
    if isinstance(training.config, Fork):  # a remedy is tried out from step 0 on
        return
    with mend:
        if history.divergence:
            trying = measurements().ask(PLACE, training, _trials)
            trying.wait(AT_FIRST_SECONDS)
            watched(trying, partial(_offer_best, history.config))
        elif history.stopped and not isinstance(training, Opened):
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


def sentence(history: History, seen: Flow) -> str:
    """The badge, what layer 1 receives, and the reason where one can be named."""
    if history.divergence:
        stands = f"The page stands on step {history.step[history.last_finite]}, the last finite one."
        badge, _, reason = plain(history.stopped).partition(": ")
        return f":red-badge[:material/warning: {badge}] {reason} {stands}"
    parts = [BADGES[seen.kind], plain(history.stopped), flow_sentence(seen, strong=True)]
    if seen.kind == "vanishing":
        steepest = max((phi.max_slope for phi in history.network.activations), default=1.0)
        if steepest < 1:
            parts.append(
                f"The slope of {_names(history.config)} is at most {steepest:.2g}; the weights do not make up for it."
            )
    if seen.kind == "zero" and any(phi.name == "sign" for phi in history.network.activations):
        parts.append("The slope of sign is 0 wherever it exists, so nothing passes back.")
    return " ".join(part for part in parts if part)


def flow_sentence(seen: Flow, strong: bool = False) -> str:
    """What layer 1 receives of what the last layer receives."""
    mark = "**" if strong else ""
    if seen.kind == "single":
        return "There is no hidden layer for the gradient to pass."
    if seen.kind == "not finite":
        return "δ is not finite here."
    if seen.kind == "zero":
        dark = int(np.count_nonzero(seen.delta == 0))
        return f"δ is {mark}exactly 0{mark} in {dark} of {seen.n_layers} layers: those layers cannot learn."
    ratio, last = number(seen.ratio), seen.n_layers
    share = (
        f"{mark}{ratio}{mark} of what layer {last} receives"
        if seen.ratio < 1
        else (f"{mark}{ratio} ×{mark} what layer {last} receives")
    )
    return f"Layer 1 receives {share}; each layer passes on about {mark}{_rate(seen.rate)}{mark}."


def _rate(rate: float) -> str:
    """The factor of one layer: a percentage, or for large ones a multiple."""
    return percent(rate) if rate < 10 else f"{number(rate)} ×"


def metrics(training: Training, record: int, seen: Flow) -> None:
    """Four numbers at the record chosen."""
    history = training.history
    scores = training.measured(m.performance)
    step = int(history.step[record])
    at = int(np.argmin(np.abs(scores.axes["step"] - step)))
    columns = st.columns(4)
    value = "—" if seen.kind == "single" else number(seen.ratio)
    caption = "one layer" if not np.isfinite(seen.rate) else f"{_rate(seen.rate)} per layer"
    columns[0].metric(
        "δ first / last",
        value,
        caption,
        delta_color="off",
        delta_arrow="off",
        border=True,
        height="stretch",
        help="δ norm of layer 1 over that of the last layer. 1 is an even flow.",
    )
    change = float(history.loss[record]) - float(history.loss[0])
    moved, first = record > 0 and np.isfinite(change), int(history.step[0])
    columns[1].metric(
        "Loss",
        number(float(history.loss[record])),
        f"{change:+.2g} since step {first}" if moved else "not finite" if record else f"at step {first}",
        delta_color="inverse" if moved else "off",
        delta_arrow="auto" if moved else "off",
        border=True,
        height="stretch",
        help="The loss that training minimizes, on the rows of this step.",
    )
    _score(columns[2], history, scores, at)
    _flat_side(columns[3], training, record)


def _score(column: st.delta_generator.DeltaGenerator, history: History, scores: m.Measurement, at: int) -> None:
    has_test = bool(np.isfinite(scores["test_loss"]).any())
    part = "test" if has_test else "train"
    if history.config.source.task == "classification":
        accuracy = scores[f"{part}_accuracy"]
        gained = 100 * (accuracy[at] - accuracy[0])
        moved = abs(gained) >= 0.05
        column.metric(
            "Accuracy",
            f"{100 * accuracy[at]:.1f} %",
            f"{gained:+.1f} points" if moved else f"as at step {history.step[0]}",
            delta_color="normal" if moved else "off",
            delta_arrow="auto" if moved else "off",
            border=True,
            height="stretch",
            help=f"Share of {'test' if has_test else 'training'} rows put into the right class.",
        )
        return
    losses = scores[f"{part}_loss"]
    column.metric(
        "Test loss" if has_test else "Training loss",
        number(float(losses[at])),
        "without penalties",
        delta_color="off",
        delta_arrow="off",
        border=True,
        height="stretch",
        help="Mean squared error on rows the training never saw." if has_test else "Mean squared error.",
    )


def _flat_side(column: st.delta_generator.DeltaGenerator, training: Training, record: int) -> None:
    shares = training.measured(flat_shares, record)
    saturated, inactive, dead = (
        shares[name][0] for name in ("saturated_fraction", "inactive_fraction", "dead_fraction")
    )
    two_sided = bool(np.isfinite(saturated).any())
    share = saturated if two_sided else inactive
    value = percent(float(np.nanmean(share))) if np.isfinite(share).any() else "—"
    dead_share = percent(float(np.nanmean(dead))) if np.isfinite(dead).any() else "0 %"
    column.metric(
        "Saturated units" if two_sided else "Units on the flat side",
        value,
        f"{dead_share} dead",
        delta_color="off",
        delta_arrow="off",
        border=True,
        height="stretch",
        help="Share of hidden units × probe rows whose slope is below 1 % of its largest; dead: slope 0 on every row.",
    )


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


def _names(config: RunConfig) -> str:
    names = [config.activation] if isinstance(config.activation, str) else sorted(set(config.activation))
    return " and ".join(names)
