"""What may mend a run: for each finding the changes of settings that are worth a trial, the smallest first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from nncore.config.run_config import RunConfig
from nncore.config.settings import LEARNING_RATES
from nncore.diagnosis.rules import RULES
from nncore.diagnosis.snapshot import Snapshot
from nncore.model.activations import Activation
from nncore.theory import critical_sigma_w2


@dataclass(frozen=True)
class Candidate:
    """A change of settings that has a name; nobody has tried it yet."""

    label: str
    changes: dict[str, Any]


FLOW_RULES = ("vanishing", "exploding", "zero_gradient", "flat_weight_gradient", "poor_initialization")
"""Rules about the gradient's way: their remedies have to let it flow."""

TO_FLOW = ("own", "critical", "tanh", "relu", "skip", "layer", "batch")
"""The ladder for a gradient that does not flow, as names that `changes` knows."""

TEXTBOOK = ("own", "tanh", "relu", "skip", "layer")
"""Of that what every textbook names: for the first advice, without the critical gain and without batch statistics."""

WAYS = {
    **dict.fromkeys(FLOW_RULES, TO_FLOW),
    "underflow": ("float64", *TO_FLOW),
    "saturated": ("own", "critical", "layer", "batch"),
    "dead": ("own", "critical", "leaky", "tanh", "layer", "batch"),
    "symmetric": ("own",),
    "updates_too_small": ("faster", *TO_FLOW, "adam"),
    "updates_too_large": ("slower", "clip", "adam"),
    "diverged": ("slower", "clip", "own", "critical", "layer"),
}
"""Rule -> its ladder; a rule without one has no change of its own to try."""


def candidates(rule: str, seen: Snapshot, trained: bool) -> Iterator[list[Candidate]]:
    """Groups of candidates for a rule that fired; of each group the first that helps is enough.

    What training brought about (`trained`) may be the learning rate's doing. No learning rate serves layers
    whose gradients are decades apart.
    """
    config, ways = seen.history.config, WAYS.get(rule, ())
    if trained and "slower" not in ways and "faster" not in ways:
        ways = ("slower", *ways)
    for way in ways:
        if way == "slower":
            yield _slower(config.learning_rate)
        elif way == "faster" and seen.flow.kind in ("flowing", "single"):
            yield _faster(config.learning_rate, RULES[rule].measure(seen).value)
        elif way != "faster":
            yield changes(way, config)


def changes(way: str, config: RunConfig) -> list[Candidate]:
    """One rung of a ladder for this config; [] where it cannot act.

    Neither initializer nor gain acts under normalization, which divides their scale out again.
    """
    rescales = config.normalization == "none"
    activations = config.network().activations
    if way == "own":
        if not rescales and config.init not in ("zeros", "constant"):
            return []
        init = _own_initializer(activations)
        return [Candidate(f"{init}, gain 1", {"init": init, "gain": 1.0, "init_scale": None, "bias_std": 0.0})]
    if way == "critical":
        sigma_w2 = critical_sigma_w2(activations[0]) if rescales and len(set(activations)) == 1 else None
        if sigma_w2 is None:
            return []
        gain = float(np.sqrt(sigma_w2))
        label = f"lecun_normal, gain {gain:.3g} (critical for {activations[0].name})"
        return [Candidate(label, {"init": "lecun_normal", "gain": gain, "init_scale": None, "bias_std": 0.0})]
    if (way in ("layer", "batch") and not rescales) or (way == "clip" and (config.clip_norm or np.inf) <= 1.0):
        return []
    return [FOR_EVERY_CONFIG[way]]


def _activation(label: str, activation: str, init: str) -> Candidate:
    return Candidate(label, {"activation": activation, "alpha": None, "init": init, "gain": 1.0, "bias_std": 0.0})


FOR_EVERY_CONFIG = {
    "tanh": _activation("tanh, Xavier", "tanh", "xavier_normal"),
    "relu": _activation("ReLU, He", "relu", "he_normal"),
    "leaky": _activation("leaky ReLU, He", "leaky_relu", "he_normal"),
    "skip": Candidate("skip connections", {"skip": True}),
    "layer": Candidate("layer normalization", {"normalization": "layer"}),
    "batch": Candidate("batch normalization", {"normalization": "batch"}),
    "float64": Candidate("float64", {"dtype": "float64"}),
    "clip": Candidate("clip the gradient's norm at 1", {"clip_norm": 1.0}),
    "adam": Candidate("adam, learning rate 0.001", {"optimizer": "adam", "learning_rate": 0.001, "nesterov": False}),
}


def largest_rate(at_most: float) -> float:
    """The largest of LEARNING_RATES that is not above; 0 where all are.

    >>> largest_rate(0.04), largest_rate(1e-9)
    (0.03, 0.0)
    """
    return max((each for each in LEARNING_RATES if each <= at_most), default=0.0)


def _slower(rate: float) -> list[Candidate]:
    """The largest rates that are at most a third, a tenth, ... of this one."""
    return _rates(largest_rate(rate / factor) for factor in (3, 10, 30, 100, *(10.0**power for power in range(3, 10))))


def _faster(rate: float, ratio: float) -> list[Candidate]:
    """Rates that would bring this update ratio to 1e-3, the rule of thumb, and to a tenth of it."""
    if rate == 0:
        return _rates(iter((0.1, 0.01, 0.001)))
    if not ratio > 0:
        return []
    return _rates(each for goal in (1e-3, 1e-4, 2e-5) if (each := largest_rate(rate * goal / ratio)) > rate)


def _rates(rates: Iterator[float]) -> list[Candidate]:
    return [Candidate(f"learning rate {rate:g}", {"learning_rate": rate}) for rate in dict.fromkeys(rates) if rate]


def _own_initializer(activations: tuple[Activation, ...]) -> str:
    """He for relu and its kin, LeCun for selu, Xavier for the rest."""
    kinds = {phi.kind for phi in activations}
    if {phi.name for phi in activations} == {"selu"}:
        return "lecun_normal"
    return "he_normal" if kinds == {"one-sided"} else "xavier_normal"
