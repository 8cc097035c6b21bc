"""How often a measure sends rows through the network at one record, and so what it costs."""

from __future__ import annotations

from dataclasses import dataclass

from nncore.config.cost import pass_seconds
from nncore.history.history import History, block_length

SECONDS_PER_VALUE = 2.8e-8
SECONDS_PER_PARAMETER = 1e-8
"""Of all quantities of a layer together: a unit × probe row (percentiles take most of it) and an entry of θ; set by hand
near measured runs, as are those of `nncore.config.cost`."""


@dataclass(frozen=True)
class Passes:
    """What a measure does at one record.

    `forward`: passes over all rows, training and test. `probe_forward`, `probe_backward`: passes over the probe rows.
    `quantities`: times that all quantities of every layer are taken from the latter.
    """

    forward: int = 0
    probe_forward: int = 0
    probe_backward: int = 0
    quantities: int = 0


PASSES = {
    "performance": Passes(forward=1),
    "summary": Passes(forward=1, probe_forward=1, probe_backward=1, quantities=1),
    "loss_at": Passes(probe_forward=1),
}
"""Measures whose records or points are as many as their time allows: a further one is entered here."""


def seconds_per_record(history: History, measure: str) -> float:
    """Time that a measure of PASSES takes at one record, on one core, to a factor of about three, from shapes alone.

    As many records as fit into a block go through the network at once, and share the fixed cost of a layer.
    """
    passes, config, layout = PASSES[measure], history.config, history.layout
    rows, at_once = len(history.probe_x), block_length(layout, config.n_train, history.theta.dtype)
    probed_at_once = block_length(layout, rows, history.theta.dtype)
    values = rows * sum(layout.widths[1:])
    return (
        pass_seconds(config, passes.forward, 0, at_once=at_once)
        + pass_seconds(config, passes.probe_forward, passes.probe_backward, rows, probed_at_once)
        + passes.quantities * (SECONDS_PER_VALUE * values + SECONDS_PER_PARAMETER * layout.n_params)
    )
