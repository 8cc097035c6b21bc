"""What the pinned runs amount to beside each other: the table, the sentence, the measurements on shared axes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from dashboard.jobs.work import Training
from dashboard.state.address import FIRST_SIGHT
from dashboard.state.pins import Pin
from dashboard.words.labels import LABELS
from dashboard.words.markup import escape
from dashboard.words.numbers import number, percent
from dashboard.words.runs import ending
from dashboard.words.sentences import listed
from dashboard.words.settings import in_words
from nncore import History, Measurement
from nncore import measures as m
from nncore.diagnosis import flow, verdict
from nncore.measures.comparison import by_layer, differences, first_weights, over_steps

Runs = Mapping[str, Training]
"""Name of a pin -> its finished run, in the order of the pins."""

CLEAR = 10.0
"""Two runs differ clearly where one number is so many times the other."""

POINTS = 100
"""Records of a run in a chart over its steps."""

EXAMPLE = (
    FIRST_SIGHT,
    FIRST_SIGHT.replace(activation="tanh"),
    FIRST_SIGHT.replace(activation="relu", init="he_normal"),
)
"""What the empty page offers: one depth, three ways through it."""

PAIRS = ("deep_sigmoid", "exploding", "he_relu", "skip", "adam", "dying_relu")
"""The experiments whose two runs the empty page offers too."""


def example() -> list[Pin]:
    """The pins of the example."""
    pins: list[Pin] = []
    for config in EXAMPLE:
        name = f"{config.activation}, {'He' if config.init == 'he_normal' else 'Xavier'}"
        pins.append(Pin(name, config))
    return pins


# At one step ------------------------------------------------------------------------------------------------


def records_at(runs: Runs, share: float | None, step: int) -> list[int]:
    """The record of each run at a share of its own steps, or at one step for all; at most its last finite one."""
    found = []
    for training in runs.values():
        history = training.history
        last = history.last_finite
        wanted = step if share is None else round(share * int(history.step[last]))
        found.append(min(history.nearest(wanted), last))
    return found


def layers_at(history: History, record: int) -> Measurement:
    """What the flow chart can show, at one record; `flat_fraction` is the saturated or the inactive share."""
    names = ("delta_norm", "weight_gradient_norm", "signal", "saturated_fraction", "inactive_fraction")
    found = m.per_layer(history, names, np.array([record]))
    values = dict(found.values)
    saturated, inactive = values.pop("saturated_fraction"), values.pop("inactive_fraction")
    values["flat_fraction"] = np.where(np.isnan(saturated), inactive, saturated)
    return Measurement("layers", found.axes, values)


def flow_beside(runs: Runs, records: list[int]) -> Measurement:
    """Every run's layers at its record. Axes: run, layer."""
    parts = {
        name: training.measured(layers_at, record)
        for (name, training), record in zip(runs.items(), records, strict=True)
    }
    return by_layer("runs by layer", parts)


# Over training ----------------------------------------------------------------------------------------------


def timeline(history: History) -> Measurement:
    """δ and update ratio of every layer on evenly spread records. Axes: step, layer."""
    return m.over_time(history, ("delta_norm", "weight_gradient_norm", "update_ratio"), POINTS)


def scores(history: History) -> Measurement:
    """Loss and accuracy on the records of `timeline`. Axis: step."""
    return m.performance(history, history.even_records(POINTS))


def course(training: Training) -> Measurement:
    """One number a record: loss, accuracy, δ first / last, update ratio of layer 1. Axis: step."""
    scored, layers = training.measured(scores), training.measured(timeline)
    delta, test = layers["delta_norm"], scored["test_accuracy"]
    with np.errstate(all="ignore"):
        ratio = delta[:, 0] / delta[:, -1]
    values = {
        "loss": scored["loss"],
        "accuracy": np.where(np.isnan(test), scored["train_accuracy"], test),
        "delta_ratio": np.where(np.isfinite(ratio), ratio, np.nan),
        "update_ratio_layer_1": layers["update_ratio"][:, 0],
    }
    return Measurement("course", scored.axes, values, caveats=scored.caveats)


def courses(runs: Runs) -> Measurement:
    """Every run's course. Axes: run, point."""
    return over_steps("runs over steps", {name: course(each) for name, each in runs.items()}, spread(runs))


def timelines(runs: Runs) -> Measurement:
    """Every run's layers over its steps. Axes: run, point, layer."""
    parts = {name: each.measured(timeline) for name, each in runs.items()}
    return over_steps("runs by layer and step", parts, spread(runs))


def spread(runs: Runs) -> tuple[str, ...]:
    """Says so when records were left out."""
    left_out = any(len(training.history) > POINTS for training in runs.values())
    return (f"At most {POINTS} records of each run, evenly spread.",) if left_out else ()


def prepare(runs: Runs) -> None:
    """Measure what the page shows first; later visits find it."""
    for training in runs.values():
        course(training)
        verdict_title(training)


# In words ---------------------------------------------------------------------------------------------------


def table(runs: Runs) -> list[dict[str, str]]:
    """A row a run: the settings that are not the same in all, how it ended, and whether it started like the first."""
    configs = [training.config for training in runs.values()]
    apart = differences(configs)
    reference = next(iter(runs.values())).history
    rows = []
    for place, (name, training) in enumerate(runs.items()):
        history = training.history
        seen = training.measured(flow, history.last_finite)
        row = {"run": name}
        row |= {LABELS[field]: in_words(field, apart[field][place]) for field in LABELS if field in apart}
        row |= {LABELS["loss"]: training.config.loss_name} if "loss" in apart else {}
        row["ended"] = ending(history)
        row["loss"] = number(float(history.loss[history.last_finite]))
        row["accuracy"] = accuracy(training)
        row["δ first / last"] = "one layer" if seen.kind == "single" else number(seen.ratio)
        row["verdict"] = verdict_title(training)
        start = first_weights(history, reference).sentence()
        row["first weights"] = "what the others are compared with" if place == 0 else start
        rows.append(row)
    return rows


def accuracy(training: Training) -> str:
    """Accuracy at the last finite record, and on which rows."""
    if training.config.source.task != "classification":
        return "no classes"
    history = training.history
    scores = training.measured(last_scores)
    part = "test" if np.isfinite(scores["test_accuracy"]).any() else "train"
    share = float(scores[f"{part}_accuracy"][0])
    return f"{percent(share)}{'' if part == 'test' else ' (training)'}" if len(history) else ""


def last_scores(history: History) -> Measurement:
    """Losses and accuracies at the last finite record."""
    return m.performance(history, np.array([history.last_finite]))


def verdict_title(training: Training) -> str:
    """The gravest verdict's title, and how many more there are."""
    found = training.measured(verdict)
    if not found:
        return "nothing wrong found"
    return found[0].title + (f" (and {len(found) - 1} more)" if len(found) > 1 else "")


def main_difference(runs: Runs) -> str:
    """What sets the runs apart most, in words: the gradient that reaches layer 1, else the loss; and in which settings."""
    if len(runs) < 2:
        return "One run is pinned: pin another one to compare."
    names = list(runs)
    histories = [training.history for training in runs.values()]
    flows = [training.measured(flow, training.history.last_finite) for training in runs.values()]
    ratios = [np.nan if history.divergence else seen.ratio for seen, history in zip(flows, histories, strict=True)]
    losses = [np.nan if history.divergence else float(history.loss[history.last_finite]) for history in histories]
    apart = differences([history.config for history in histories])
    labels = [LABELS[field].lower() for field in LABELS if field in apart]
    settings = f"They differ in {listed(labels)}." if labels else "Their settings are the same."
    words = _loss_words(names, losses, histories, have_one_problem(runs))
    return f"{_gradient_words(names, ratios)} {words} {settings}".strip()


def have_one_problem(runs: Runs) -> bool:
    """Are the runs' losses the same quantity on the same data set, so that they can be compared?"""
    configs = [training.history.config for training in runs.values()]
    return len({(config.dataset, config.loss_name) for config in configs}) == 1


def _gradient_words(names: list[str], ratios: list[float]) -> str:
    known = [place for place, ratio in enumerate(ratios) if ratio > 0]
    if len(known) < 2:
        return ""
    high, low = max(known, key=ratios.__getitem__), min(known, key=ratios.__getitem__)
    most, least = ratios[high], ratios[low]
    if most / least < CLEAR:
        return f"At its end, layer 1 of every run receives {number(least)} to {number(most)} times what its last layer receives."
    return (
        f"At its end, layer 1 of **{escape(names[low])}** receives {_share(least)} its last layer receives, layer 1 of "
        f"**{escape(names[high])}** {_share(most)} its last one does."
    )


def _share(ratio: float) -> str:
    return f"**{number(ratio)}** of what" if ratio < 1 else f"**{number(ratio)} ×** what"


def _loss_words(names: list[str], losses: list[float], histories: list[History], comparable: bool) -> str:
    diverged = [name for name, history in zip(names, histories, strict=True) if history.divergence]
    words = f"{listed([f'**{escape(name)}**' for name in diverged])} diverged." if diverged else ""
    if not comparable:
        return f"{words} Their losses cannot be compared: they are of different problems.".strip()
    known = [place for place, loss in enumerate(losses) if np.isfinite(loss)]
    if len(known) < 2:
        return words
    best, worst = min(known, key=losses.__getitem__), max(known, key=losses.__getitem__)
    if losses[best] == losses[worst]:
        return f"{words} All end at the same loss, {number(losses[best])}.".strip()
    return (
        f"{words} **{escape(names[best])}** ends at the lowest loss, {number(losses[best])}; "
        f"**{escape(names[worst])}** at the highest, {number(losses[worst])}."
    ).strip()
