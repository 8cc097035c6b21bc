"""What may mend a run: for each finding the changes of settings that are worth a trial, the smallest first."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nncore.config.run_config import RunConfig
from nncore.config.settings import LEARNING_RATES, TABLE
from nncore.model.activations import Activation
from nncore.theory import critical_sigma_w2


@dataclass(frozen=True)
class Candidate:
    """A change of settings that has a name; nobody has tried it yet."""

    label: str
    changes: dict[str, Any]


Change = Callable[[RunConfig], Iterable[Candidate]]

FLOW_RULES = ("vanishing", "exploding", "zero_gradient", "flat_weight_gradient", "poor_initialization")
"""Rules about the gradient's way: their remedies have to let it flow."""

TO_FLOW = ("own", "critical", "tanh", "relu", "skip", "layer", "batch")
"""The ladder for a gradient that does not flow, as names that `changes` knows."""

TEXTBOOK = ("own", "tanh", "relu", "skip", "layer")
"""Of that what every textbook names: for a fork, without the critical gain and without batch statistics."""

TO_CALM = ("standardize", "columns", "penalty", "slower", "clip", "warmup", "adam")
"""The ladder for steps that are too large."""

TO_MOVE = (
    "standardize",
    "columns",
    "penalty",
    "unclip",
    "epsilon",
    "batches",
    "constant",
    "faster",
    "adam",
    "seed",
    "wider",
)
"""The ladder for a loss that does not fall although the gradient flows."""

WAYS: dict[str, tuple[str, ...]] = {
    "unscaled_targets": ("standardize",),
    "unscaled_inputs": ("standardize", "layer"),
    "constant_input": ("columns",),
    "penalty": ("penalty", "slower"),
    "small_batches": ("batches", "layer", "plain"),
    "epsilon": ("epsilon", *TO_FLOW),
    "clipped": ("unclip",),
    **dict.fromkeys(FLOW_RULES, (*TO_FLOW, "slower", "standardize", "penalty", "seed")),
    "underflow": ("float64", *TO_FLOW),
    "saturated": ("slower", "standardize", "own", "critical", "penalty", "layer", "batch"),
    "dead": ("slower", "standardize", "own", "critical", "leaky", "tanh", "layer", "batch", "seed", "wider"),
    "symmetric": ("own",),
    "updates_too_small": ("faster", "constant", "penalty", "unclip", "epsilon", "batches", *TO_FLOW, "adam"),
    "updates_too_large": (*TO_CALM, "layer"),
    "diverged": (*TO_CALM, "own", "critical", "layer"),
    "grew": (*TO_CALM, "own", "critical", "layer"),
    "got_worse": (*TO_CALM, "cosine", "batches"),
    "stands_still": (*TO_MOVE, "slower", "leaky", *TO_FLOW),
    "nothing_learned": (*TO_MOVE, "slower", "leaky", *TO_FLOW),
}
"""Rule -> its ladder; a rule without one has no change of its own to try."""


def candidates(rule: str, config: RunConfig) -> list[list[Candidate]]:
    """Groups of candidates for a rule that fired; of each group at most one is offered."""
    groups = [changes(way, config) for way in WAYS.get(rule, ())]
    return [group for group in groups if group]


def changes(way: str, config: RunConfig) -> list[Candidate]:
    """One rung of a ladder for this config; [] where it cannot act."""
    return [
        each for each in CHANGES[way](config) if any(getattr(config, name) != new for name, new in each.changes.items())
    ]


def _slower(config: RunConfig) -> Iterable[Candidate]:
    """The largest rates that are at most a third, a tenth, ... of this one."""
    factors = (3, 10, 30, 100, *(10.0**power for power in range(3, 10)))
    return _rates(config, (largest_rate(config.learning_rate / factor) for factor in factors))


def _faster(config: RunConfig) -> Iterable[Candidate]:
    """The largest rates that are at most 3, 10, 30, ... times this one."""
    if config.learning_rate == 0:
        return _rates(config, (0.1, 0.01, 0.001))
    factors = (3, 10, 30, 100, *(10.0**power for power in range(3, 6)))
    return _rates(config, (largest_rate(config.learning_rate * factor) for factor in factors))


def _rates(config: RunConfig, rates: Iterable[float]) -> Iterable[Candidate]:
    known = dict.fromkeys(rate for rate in rates if 0 < rate <= 10 * max(1.0, config.learning_rate))
    return [
        Candidate(f"learning rate {rate:g}", {"learning_rate": rate}) for rate in known if rate != config.learning_rate
    ]


def _own(config: RunConfig) -> Iterable[Candidate]:
    """The activation's own initializer; normalization divides its scale out again, but equal units stay equal."""
    if config.normalization != "none" and config.init not in ("zeros", "constant"):
        return []
    init = _own_initializer(config.network().activations)
    return [Candidate(f"{init}, gain 1", {"init": init, "gain": 1.0, "init_scale": None, "bias_std": 0.0})]


def _critical(config: RunConfig) -> Iterable[Candidate]:
    """The gain at which the theory has neither vanishing nor exploding gradients."""
    activations = config.network().activations
    if config.normalization != "none" or len(set(activations)) != 1:
        return []
    sigma_w2 = critical_sigma_w2(activations[0])
    if sigma_w2 is None:
        return []
    gain = float(np.sqrt(sigma_w2))
    label = f"lecun_normal, gain {gain:.3g} (critical for {activations[0].name})"
    return [Candidate(label, {"init": "lecun_normal", "gain": gain, "init_scale": None, "bias_std": 0.0})]


def _standardize(config: RunConfig) -> Iterable[Candidate]:
    """Inputs, and targets of a regression, with mean 0 and standard deviation 1; the lecture's own data stay as they are."""
    if config.standardize or config.source.lecture:
        return []
    what = "inputs and targets" if config.source.task == "regression" else "inputs"
    return [Candidate(f"standardize {what}", {"standardize": True})]


def _without_constants(config: RunConfig) -> Iterable[Candidate]:
    """A table's inputs without the columns that have one value throughout."""
    if config.dataset != TABLE:
        return []
    choice = config.choice
    columns = list(zip(choice.inputs, choice.input_columns, strict=True))
    varying = tuple(place for place, column in columns if column.n_values > 1)
    names = ", ".join(column.name for place, column in columns if place not in varying)
    return [Candidate(f"leave out {names}", {"table": replace(choice, inputs=varying)})] if names and varying else []


def _weaker(config: RunConfig) -> Iterable[Candidate]:
    """Every penalty at a hundredth and a ten-thousandth, and at 0."""
    acting = {name: value for name in ("l1", "l2", "weight_decay") if (value := getattr(config, name))}
    for factor in (0.01, 0.0001, 0.0) if acting else ():
        changed = {name: float(f"{value * factor:.2g}") for name, value in acting.items()}
        yield Candidate(", ".join(f"{name} {value:g}" for name, value in changed.items()), changed)


def _larger_batches(config: RunConfig) -> Iterable[Candidate]:
    """Four, sixteen and sixty-four times as many rows a step, and all of them."""
    rows, n_train = config.batch_rows(), config.n_train
    if rows == n_train:
        return []
    sizes = dict.fromkeys(max(16, rows * factor) for factor in (4, 16, 64))
    return [Candidate(f"batches of {size} rows", {"batch_size": size}) for size in sizes if rows < size < n_train] + [
        Candidate("all rows in every step", {"batch_size": 0})
    ]


def _smaller_epsilon(config: RunConfig) -> Iterable[Candidate]:
    """Epsilon a hundred-thousandth and less of this one."""
    now = config.used_epsilon
    return [
        Candidate(f"epsilon {value:g}", {"epsilon": value})
        for value in (1e-8, 1e-15)
        if now is not None and value < now / 10
    ]


def _looser_clip(config: RunConfig) -> Iterable[Candidate]:
    """Clipping at a hundred times the norm, or not at all."""
    if config.clip_norm is None and config.clip_value is None:
        return []
    no_clip: dict[str, Any] = {"clip_norm": None, "clip_value": None}
    looser = [] if config.clip_norm is None else [{**no_clip, "clip_norm": 100 * config.clip_norm}]
    return [
        *(Candidate(f"clip the gradient's norm at {each['clip_norm']:g}", each) for each in looser),
        Candidate("no clipping", no_clip),
    ]


def _wider(config: RunConfig) -> Iterable[Candidate]:
    """Two and four times as many units in every hidden layer, 8 at least."""
    for factor in (2, 4) if config.hidden and max(config.hidden) <= 64 else ():
        widths = tuple(max(8, factor * width) for width in config.hidden)
        yield Candidate(
            f"{factor} times as many units" if min(widths) > 8 else f"{max(widths)} units a layer", {"hidden": widths}
        )


def _other_seed(config: RunConfig) -> Iterable[Candidate]:
    """The next seeds: other first weights, and other rows of a toy problem."""
    return [
        Candidate(f"seed {seed}", {"seed": seed}) for seed in range(config.seed + 1, config.seed + 4) if seed < 2**32
    ]


def _activation(label: str, activation: str, init: str) -> Change:
    changed = {"activation": activation, "alpha": None, "init": init, "init_scale": None, "gain": 1.0, "bias_std": 0.0}
    return lambda config: [Candidate(label, changed)]


def _setting(label: str, **changed: Any) -> Change:
    return lambda config: [Candidate(label, changed)]


def _layer(config: RunConfig) -> Iterable[Candidate]:
    """Layer normalization where there is none, or instead of batch normalization over mini-batches."""
    acts = config.normalization == "none" or config.batch_rows() < config.n_train
    return [Candidate("layer normalization", {"normalization": "layer"})] if acts else []


def _batch(config: RunConfig) -> Iterable[Candidate]:
    return [Candidate("batch normalization", {"normalization": "batch"})] if config.normalization == "none" else []


def _clip(config: RunConfig) -> Iterable[Candidate]:
    """Clipping at 1, where it tightens."""
    tightens = (config.clip_norm or np.inf) > 1.0
    return [Candidate("clip the gradient's norm at 1", {"clip_norm": 1.0})] if tightens else []


def _warmup(config: RunConfig) -> Iterable[Candidate]:
    """A rate that rises over the first tenth of the steps."""
    steps = max(10, config.steps // 10)
    return [Candidate(f"warm-up over {steps} steps", {"warmup_steps": steps})] if config.warmup_steps < steps else []


def _constant_rate(config: RunConfig) -> Iterable[Candidate]:
    """The learning rate as it is, without a schedule or a warm-up."""
    if config.schedule == "constant" and not config.warmup_steps:
        return []
    return [Candidate("a constant learning rate", {"schedule": "constant", "warmup_steps": 0})]


def _adam(config: RunConfig) -> Iterable[Candidate]:
    without = {"momentum": 0.0, "nesterov": False}
    if config.optimizer in ("adam", "adamw"):
        return []
    return [
        Candidate(f"adam, learning rate {rate:g}", {"optimizer": "adam", "learning_rate": rate, **without})
        for rate in (0.001, 0.01)
    ]


CHANGES: dict[str, Change] = {
    "standardize": _standardize,
    "columns": _without_constants,
    "penalty": _weaker,
    "slower": _slower,
    "faster": _faster,
    "clip": _clip,
    "unclip": _looser_clip,
    "warmup": _warmup,
    "constant": _constant_rate,
    "cosine": _setting("a cosine schedule", schedule="cosine"),
    "adam": _adam,
    "epsilon": _smaller_epsilon,
    "batches": _larger_batches,
    "own": _own,
    "critical": _critical,
    "tanh": _activation("tanh, Xavier", "tanh", "xavier_normal"),
    "relu": _activation("ReLU, He", "relu", "he_normal"),
    "leaky": _activation("leaky ReLU, He", "leaky_relu", "he_normal"),
    "skip": _setting("skip connections", skip=True),
    "layer": _layer,
    "batch": _batch,
    "plain": _setting("no normalization", normalization="none"),
    "float64": _setting("float64", dtype="float64"),
    "seed": _other_seed,
    "wider": _wider,
}
"""Name of a rung -> what it changes in a config."""


def largest_rate(at_most: float) -> float:
    """The largest of LEARNING_RATES that is not above; 0 where all are.

    >>> largest_rate(0.04), largest_rate(1e-9)
    (0.03, 0.0)
    """
    return max((each for each in LEARNING_RATES if each <= at_most), default=0.0)


def _own_initializer(activations: tuple[Activation, ...]) -> str:
    """He for relu and its kin, LeCun for selu, Xavier for the rest."""
    kinds = {phi.kind for phi in activations}
    if {phi.name for phi in activations} == {"selu"}:
        return "lecun_normal"
    return "he_normal" if kinds == {"one-sided"} else "xavier_normal"
