"""A rule: one number of a snapshot, a threshold, where that comes from, and the registry that all are entered in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nncore.diagnosis.snapshot import Snapshot

CHARTS = (
    "flow",
    "heatmap",
    "activation",
    "delta",
    "weight_gradient",
    "signal",
    "updates",
    "saturation",
    "loss",
    "learned",
    "theta",
)
"""Keys of the charts that a verdict may point at."""

KINDS = ("cause", "condition", "outcome", "chart")
"""What a rule speaks of: a setting or the data; the network's state; the loss; how to read a chart. In this order
within a severity."""


@dataclass(frozen=True)
class Finding:
    """A rule's own number, the layers (1 ... L) that it speaks of, and a sentence; NaN: nothing to judge."""

    value: float
    layers: tuple[int, ...] = ()
    sentence: str = ""


NOTHING = Finding(np.nan)


@dataclass(frozen=True)
class Rule:
    """One thing that can be wrong: `measure` gives the number, `threshold` says from where on it is wrong.

    `metric` says what the number is, `short_metric` the same without when it was taken.
    `above`: wrong above the threshold, otherwise below it. `severity` 3: nothing is learned; 2: some layers
    learn nothing, or something learned is lost; 1: worth knowing; `judge` raises and lowers that of a condition by
    what became of the loss. `kind`: one of KINDS. `source`: where the threshold comes from. `chart`: one of CHARTS.
    """

    name: str
    title: str
    metric: str
    short_metric: str
    threshold: float
    above: bool
    severity: int
    kind: str
    chart: str
    source: str
    measure: Callable[[Snapshot], Finding]

    def fires(self, finding: Finding) -> bool:
        """Is the number on the wrong side? Never for NaN."""
        return bool(finding.value > self.threshold if self.above else finding.value < self.threshold)


RULES: dict[str, Rule] = {}
"""Every rule under its name."""


def rule(
    title: str,
    metric: str,
    threshold: float,
    above: bool,
    severity: int,
    chart: str,
    source: str,
    when: str = "",
    kind: str = "condition",
) -> Callable[[Callable[[Snapshot], Finding]], Rule]:
    """Enter a measuring function into RULES under its own name."""

    def enter(measure: Callable[[Snapshot], Finding]) -> Rule:
        name, quiet = measure.__name__, np.errstate(all="ignore")(measure)
        whole = f"{metric}, {when}" if when else metric
        RULES[name] = Rule(name, title, whole, metric, threshold, above, severity, kind, chart, source, quiet)
        return RULES[name]

    return enter


# Words ------------------------------------------------------------------------------------------------------


def where(chosen: np.ndarray) -> tuple[int, ...]:
    """Numbers (1 ... L) of the chosen layers."""
    return tuple(int(layer) for layer in np.flatnonzero(chosen) + 1)


def named(layers: tuple[int, ...]) -> str:
    """layer 3; layers 1 to 4; layers 1, 3 and 7."""
    if not layers:
        return "no layer"
    if len(layers) == 1:
        return f"layer {layers[0]}"
    if len(layers) > 2 and layers[-1] - layers[0] == len(layers) - 1:
        return f"layers {layers[0]} to {layers[-1]}"
    return f"layers {', '.join(map(str, layers[:-1]))} and {layers[-1]}"
