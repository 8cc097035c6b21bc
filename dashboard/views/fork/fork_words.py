"""What the change of a fork did, in words."""

from __future__ import annotations

import numpy as np

from dashboard.words.numbers import number, percent
from dashboard.words.runs import flow_sentence
from nncore import Fork, History, Measurement
from nncore.diagnosis import flow
from nncore.measures.fork_and_parent import same_bits

RHYTHM = {"steps", "record_every"}
"""Settings that say how long a run goes on and what is kept of it, not what happens in a step."""

STILL = 0.02
"""A loss that changes by less than this share stays where it is."""


def verified(parent: History, fork: History) -> str:
    """ "" where the runs differ; else the sentence that says so, after comparing every bit."""
    assert isinstance(fork.config, Fork)
    if not same_bits(parent, fork):
        return ""
    shared = int(np.isin(fork.step, parent.step).sum())
    what = f"θ, gradient and loss of all {shared:,} recorded steps from {fork.config.at} on are the same, bit for bit"
    if fork.config.edits or not fork.config.changes.keys() <= RHYTHM:
        return f"The change has no effect: {what}."
    return f"Nothing is changed, and the fork repeats its parent: {what}. {beyond(parent, fork)}".strip()


def verdict(parent: History, fork: History, scores: Measurement) -> str:
    """What the change did to loss, gradient flow and accuracy, up to the last step that both have."""
    assert isinstance(fork.config, Fork)
    at, shared = fork.config.at, np.intersect1d(parent.step, fork.step)
    parts = []
    if fork.divergence:
        parts.append(f"**The fork diverges at step {fork.divergence.step}**, {_fate(parent)}.")
    elif fork.stopped:
        parts.append(fork.stopped)
    shared = shared[: max(1, len(shared) - bool(fork.divergence or parent.divergence))]
    if len(shared):
        end = int(shared[-1])
        parts.append(_losses(parent, fork, scores, at, end))
        ours, theirs = (flow(history, history.nearest(end)) for history in (fork, parent))
        if ours.kind not in ("single", "not finite", "zero") and np.isfinite(theirs.ratio):
            last = ours.n_layers
            parts.append(
                f"At step {end} layer 1 receives {_times(ours.ratio)} what layer {last} receives, against "
                f"{number(theirs.ratio)} in the parent."
            )
        elif ours.kind == "zero":
            parts.append(flow_sentence(ours))
        parts.append(_accuracy(scores, end))
    parts.append(beyond(parent, fork))
    return " ".join(part for part in parts if part)


def beyond(parent: History, fork: History) -> str:
    """Where the fork arrives after its parent has ended; "" when it does not go on that far."""
    last = fork.last_finite
    if fork.step[last] <= parent.step[-1]:
        return ""
    return (
        f"After the parent's end at step {parent.step[-1]} the fork goes on to a loss of "
        f"{number(float(fork.loss[last]))} at step {fork.step[last]}."
    )


def _fate(parent: History) -> str:
    return f"the parent at step {parent.divergence.step}" if parent.divergence else "the parent does not"


def _losses(parent: History, fork: History, scores: Measurement, at: int, end: int) -> str:
    rows = [int(np.argmin(np.abs(scores.axes["step"] - step))) for step in (at, end)]
    before = scores["parent_train_loss"][rows[0]]
    ours, theirs = (scores[f"{who}_train_loss"][rows[1]] for who in ("fork", "parent"))
    if not np.isfinite([before, ours, theirs]).all():
        return ""
    when = f"From step {at} to {end}" if end > at else f"At step {at}"
    saved = " and does not diverge" if parent.divergence and not fork.divergence else ""
    return (
        f"{when} the fork's loss **{_moved(before, ours)} {number(float(ours))}**{saved}; the parent's "
        f"**{_moved(before, theirs)} {number(float(theirs))}**."
    )


def _moved(before: float, after: float) -> str:
    if abs(after - before) <= STILL * abs(before):
        return "stays at"
    return "falls to" if after < before else "rises to"


def _times(ratio: float) -> str:
    return f"**{number(ratio)}** of" if ratio < 1 else f"**{number(ratio)} ×**"


def _accuracy(scores: Measurement, end: int) -> str:
    row = int(np.argmin(np.abs(scores.axes["step"] - end)))
    for part, label in (("test", "Test accuracy"), ("train", "Training accuracy")):
        ours, theirs = (float(scores[f"{who}_{part}_accuracy"][row]) for who in ("fork", "parent"))
        if np.isfinite([ours, theirs]).all():
            return f"{label}: {percent(ours)} against {percent(theirs)}."
    return ""
