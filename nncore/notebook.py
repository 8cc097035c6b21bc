"""The cards that a notebook shows of nncore's things: what differs from the default, how it ended, what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch
from typing import Any

import numpy as np

from nncore.config.fork import Fork
from nncore.config.run_config import RunConfig
from nncore.config.settings import Settings
from nncore.data.table import TableNotHere
from nncore.diagnosis import flow, verdict
from nncore.diagnosis.recorded_run import recorded_verdict
from nncore.diagnosis.rules.verdicts import Verdicts
from nncore.display.card import card, curve
from nncore.history.history import History
from nncore.measures import Measurement
from nncore.recorders.recorded import Recorded
from nncore.seeds import Seeds, band

MOST_CURVES = 3
"""Quantities of a measurement that are drawn."""


@singledispatch
def html(thing: Any) -> str:
    """The card of a thing as HTML; raises TypeError on one that has none."""
    raise TypeError(f"there is no card for {type(thing).__name__}")


@html.register
def _(config: RunConfig) -> str:
    """What differs from the default, or from a fork's parent, and the network that it makes."""
    return card(type(config).__name__, [_differences(config), _network(config)])


@html.register
def _(history: History) -> str:
    """The run in lines, its verdicts, and its loss."""
    config, (_, *lines) = history.config, repr(history).splitlines()
    seen = flow(history, history.last_finite)
    if np.isfinite(seen.ratio):
        lines.append(f"δ of layer 1 over layer {seen.n_layers}: {seen.ratio:.1e}")
    lines = [_differences(config), _network(config), *lines, *_verdicts(history)]
    return card("History of a fork" if isinstance(config, Fork) else "History", lines, curve(history.loss, "loss"))


@html.register
def _(measured: Measurement) -> str:
    """Axes and ranges, and the last row of the first quantities beside their first."""
    title, *lines = repr(measured).splitlines()
    drawn = []
    for name, values in list(measured.values.items())[:MOST_CURVES]:
        rows = values.reshape(-1, values.shape[-1]) if values.ndim and values.size else np.empty((0, 0))
        if values.dtype.kind in "biuf" and len(rows):
            drawn.append(curve(rows[-1], name, rows[0] if len(rows) > 1 else None))
    return card(title, lines, "".join(drawn))


@html.register
def _(seeds: Seeds) -> str:
    """How many seeds, how they ended, and the median training loss."""
    title, *lines = repr(seeds).splitlines()
    median: Any = band(seeds.scores)["train_loss_median"] if len(seeds) else []
    return card(title, lines, curve(median, "median training loss"))


@html.register
def _(found: Verdicts) -> str:
    """A line for each verdict."""
    if not found:
        return card("Nothing wrong was found.", ())
    step = found[0].step
    return card(f"At step {step:,}", [f"{each.title}: {each.sentence}" for each in found])


@html.register
def _(recorded: Recorded) -> str:
    """How much was recorded, the verdicts, and the loss that was logged."""
    found: Sequence[Any] = recorded_verdict(recorded) if len(recorded.steps) else ()
    title, *lines = repr(recorded).strip("<>").splitlines()
    said = [f"{each.title}: {each.sentence}" for each in found] or ["Nothing wrong was found."] * bool(
        len(recorded.steps)
    )
    return card(title, [*lines, *said], curve(recorded.loss, "loss"))


def _differences(config: RunConfig) -> str:
    changes = {name: Settings.text(name, value) for name, value in config.changed.items()}
    said = ", ".join(f"{name} {text}" for name, text in changes.items())
    if isinstance(config, Fork):
        return "; ".join(
            [f"from step {config.at:,} on", *filter(None, [said, *(each.notation() for each in config.edits)])]
        )
    return said or "all settings at their defaults"


def _network(config: RunConfig) -> str:
    layout = config.layout()
    widths = Settings.text("hidden", layout.widths[1:-1])
    activation = Settings.text("activation", config.activation)
    return (
        f"{layout.widths[0]} inputs, hidden {widths}, {layout.widths[-1]} out, {activation}; {config.loss_name}; "
        f"{layout.n_params:,} parameters, {config.steps:,} steps of {config.optimizer}"
    )


def _verdicts(history: History) -> list[str]:
    try:
        found = verdict(history)
    except TableNotHere:
        return ["The rows of its own table are not here, so that nothing is said about its loss."]
    return [f"{each.title}: {each.sentence}" for each in found] or ["Nothing wrong was found."]
