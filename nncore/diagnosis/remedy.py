"""What would mend a run, each change tried out before it is offered, and whether its promise was kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from nncore.config.cost import seconds_per_step
from nncore.config.run_config import RunConfig
from nncore.diagnosis.flows import initial_flow
from nncore.diagnosis.rules import RULES, Finding, Rule, Verdict
from nncore.diagnosis.snapshot import WINDOW, Snapshot
from nncore.history.history import History
from nncore.model.activations import Activation
from nncore.theory import critical_sigma_w2
from nncore.training import run

RATES = tuple(float(f"{digit}e{power}") for power in range(-6, 4) for digit in (1, 2, 3, 5))
"""Learning rates that a remedy may set."""

TRIAL_SECONDS = 0.25
"""Estimated training time that one trial may take; longer ones are cut short and say so."""

Changes = dict[str, Any]


@dataclass(frozen=True)
class Remedy:
    """A change of settings that was tried out: `config` is the whole changed run.

    `ratio`: first over last δ norm at the end of the trial. `rule`: the key of RULES that it mends, "" when
    it is only about the flow at step 0. `before`, `after`: that rule's own number now and at the end of the trial,
    which took `tried` training steps (0: looked at before training).
    """

    label: str
    config: RunConfig
    ratio: float
    rule: str = ""
    before: float = np.nan
    after: float = np.nan
    tried: int = 0

    def sentence(self) -> str:
        """The predicted effect, in words."""
        when = f"after {self.tried} steps" if self.tried else "at step 0"
        if not self.rule:
            return f"First over last δ becomes {self.ratio:.2g} (tried out {when})."
        metric = RULES[self.rule].metric
        flow = "" if metric == RULES["vanishing"].metric else f", first over last δ {self.ratio:.2g}"
        numbers = f"{self.before:.2g} now, {_number(self.after)} with this change{flow}"
        return f"{_capital(metric)}: {numbers} (tried out {when})."


def remedies(config: RunConfig) -> list[Remedy]:
    """Changes after which the gradient of this network flows at step 0, each tried out, the smallest change first.

    What is tried: the initializer made for the activation, then tanh or relu with theirs, then skip connections
    and layer normalization.
    """
    own = _own_initializer(config.network().activations)
    found: list[Remedy] = []
    for label, changes in (
        (f"{own}, gain 1", {"init": own, "gain": 1.0, "bias_std": 0.0}),
        ("tanh, Xavier", _plain("tanh", "xavier_normal")),
        ("ReLU, He", _plain("relu", "he_normal")),
        ("skip connections", {"skip": True}),
        ("layer normalization", {"normalization": "layer"}),
    ):
        try:
            changed = config.replace(**changes)
        except ValueError:
            continue
        if changed in (config, *(remedy.config for remedy in found)):
            continue
        after = initial_flow(changed)
        if after.kind == "flowing":
            found.append(Remedy(label, changed, after.ratio))
    return found


def remedies_for(verdict: Verdict, history: History) -> tuple[Remedy, ...]:
    """Changes that mend this verdict in a trial, the smallest first; () when nothing that was tried does.

    A condition that is there at step 0 is tried without training; one that training brought about is trained
    to the same step again, after a divergence beyond it, cut short at about a quarter of a second. Offered is
    only what brings the rule's own number over its threshold without a new divergence (after one, with a loss
    no higher than at the start), and, for the rules about the gradient's way, what lets it flow. Neither initializer nor gain is offered under normalization, which divides their scale out
    again.
    """
    return tuple(remedy for remedy in tried_out(verdict, history) if remedy is not None)


def tried_out(verdict: Verdict, history: History) -> Iterator[Remedy | None]:
    """`remedies_for` one trial at a time: the remedy, or None where the change did not help."""
    rule, config = RULES[verdict.rule], history.config
    before = Snapshot(history, verdict.record)
    steps = _trial_steps(rule, before)
    found: list[Remedy] = []
    for alternatives in _candidates(rule.name, before, steps):
        for label, changes in alternatives:
            try:
                changed = config.replace(**changes)
                if changed in (config, *(remedy.config for remedy in found)):
                    continue
                trial = _trial(changed, steps)
            except ValueError:  # the change does not go with the other settings, or needs too much memory
                continue
            after = rule.measure(trial)
            if _helps(rule, before, trial, after):
                taken = int(trial.history.step[-1])
                found.append(Remedy(label, changed, trial.flow.ratio, rule.name, verdict.value, after.value, taken))
                yield found[-1]
                break
            yield None


def held(remedy: Remedy, history: History) -> tuple[bool, str]:
    """Did the prediction hold in the run made with the remedy? (yes or no, a sentence with the numbers).

    It held when the rule does not fire at the run's last finite record, and the run did not diverge; for a
    remedy without a rule, when δ flows there. Raises ValueError for a history of another config.
    """
    if history.config != remedy.config:
        raise ValueError("history must be the run of the remedy's own config; got one of another config")
    snapshot = Snapshot(history, history.last_finite)
    tried = Snapshot(history, min(history.nearest(remedy.tried), history.last_finite))
    if not remedy.rule:
        kept = snapshot.flow.kind == "flowing" and history.divergence is None
        numbers = f"First over last δ: {remedy.ratio:.2g} predicted"
        there, here = tried.flow.ratio, snapshot.flow.ratio
    else:
        rule = RULES[remedy.rule]
        finding = rule.measure(snapshot)
        kept = not rule.fires(finding) and history.divergence is None
        numbers = f"{_capital(rule.metric)}: {remedy.before:.2g} before, {_number(remedy.after)} predicted"
        there, here = rule.measure(tried).value, finding.value
    first, last = (int(history.step[each.record]) for each in (tried, snapshot))
    at_trial = f"{_number(there)} at step {first}, and " if first < last else ""
    numbers += f"; measured {at_trial}{_number(here)} at step {last}"
    ended = "" if history.divergence is None else " The run diverged."
    return kept, f"The prediction {'held' if kept else 'did not hold'}. {numbers}.{ended}"


# Trials -----------------------------------------------------------------------------------------------------


def _trial_steps(rule: Rule, before: Snapshot) -> int:
    """Steps to train for, if affordable: none for what is there at step 0, otherwise as far as the finding.

    Where the run diverged, past that step: no change is offered after which it would diverge again.
    """
    history = before.history
    config, first = history.config, history.config.first_step
    step = int(history.step[before.record]) - first
    if history.divergence is not None:
        wanted = min(config.steps - first, 2 * (history.divergence.step - first) + 5 * WINDOW)
    elif rule.name == "updates_too_small":
        wanted = 5 * WINDOW  # the largest update so far can only grow
    elif rule.name == "updates_too_large":
        wanted = max(step, WINDOW)
    else:
        wanted = 0 if rule.fires(rule.measure(Snapshot(history, 0))) else step
    return min(wanted, max(WINDOW, int(TRIAL_SECONDS / seconds_per_step(config))))


def _trial(config: RunConfig, steps: int) -> Snapshot:
    """The changed run's first steps, read at the last finite one; a cosine schedule ends with the trial."""
    history = run(config.replace(steps=config.first_step + steps, record_every=max(1, steps // 100)))
    return Snapshot(history, history.last_finite)


def _helps(rule: Rule, before: Snapshot, trial: Snapshot, after: Finding) -> bool:
    """Is the rule's number over its threshold, and is the gradient's way no worse for it?"""
    too_large = RULES["updates_too_large"]
    if trial.history.divergence is not None or rule.fires(after):
        return False
    if before.history.divergence is not None and not trial.history.loss[-1] <= trial.history.loss[0]:
        return False
    if rule.name in FLOW_RULES:
        return trial.flow.kind == "flowing"
    if rule.name == "updates_too_small" and too_large.fires(too_large.measure(trial)):
        return False
    kinds = ["flowing", "single", before.flow.kind] + ["vanishing"] * (before.flow.kind == "zero")
    return bool(np.isfinite(after.value)) and trial.flow.kind in kinds


# What is tried ----------------------------------------------------------------------------------------------

FLOW_RULES = ("vanishing", "exploding", "zero_gradient", "flat_weight_gradient", "poor_initialization")
"""Rules about the gradient's way: their remedies have to let it flow."""

_TO_FLOW = ("own", "critical", "tanh", "relu", "skip", "layer", "batch")

_WAYS = {
    **dict.fromkeys(FLOW_RULES, _TO_FLOW),
    "underflow": ("float64", *_TO_FLOW),
    "saturated": ("own", "critical", "layer", "batch"),
    "dead": ("own", "critical", "leaky", "tanh", "layer", "batch"),
    "symmetric": ("own",),
    "updates_too_small": ("faster", *_TO_FLOW, "adam"),
    "updates_too_large": ("slower", "clip", "adam"),
    "diverged": ("slower", "clip", "own", "critical", "layer"),
}


def _candidates(rule: str, before: Snapshot, steps: int) -> Iterator[list[tuple[str, Changes]]]:
    """Groups of (label, changes); of each group the first that helps is enough.

    What training brought about (steps > 0) may be the learning rate's doing. No learning rate serves layers
    whose gradients are decades apart.
    """
    config, ways = before.history.config, _WAYS[rule]
    if steps and "slower" not in ways and "faster" not in ways:
        ways = ("slower", *ways)
    for way in ways:
        if way == "slower":
            yield _slower(config.learning_rate)
        elif way == "faster" and before.flow.kind in ("flowing", "single"):
            yield _faster(config.learning_rate, RULES[rule].measure(before).value)
        elif way != "faster":
            yield _changes(way, config)


def _changes(way: str, config: RunConfig) -> list[tuple[str, Changes]]:
    rescales = config.normalization == "none"
    activations = config.network().activations
    own = _own_initializer(activations)
    if way == "own" and (rescales or config.init in ("zeros", "constant")):
        return [(f"{own}, gain 1", {"init": own, "gain": 1.0, "init_scale": None, "bias_std": 0.0})]
    if way == "critical" and rescales and len(set(activations)) == 1:
        sigma_w2 = critical_sigma_w2(activations[0])
        if sigma_w2 is None:
            return []
        gain = float(np.sqrt(sigma_w2))
        changes: Changes = {"init": "lecun_normal", "gain": gain, "init_scale": None, "bias_std": 0.0}
        return [(f"lecun_normal, gain {gain:.3g} (critical for {activations[0].name})", changes)]
    ways: dict[str, tuple[str, Changes]] = {
        "tanh": ("tanh, Xavier", _plain("tanh", "xavier_normal")),
        "relu": ("ReLU, He", _plain("relu", "he_normal")),
        "leaky": ("leaky ReLU, He", _plain("leaky_relu", "he_normal")),
        "skip": ("skip connections", {"skip": True}),
        "layer": ("layer normalization", {"normalization": "layer"}),
        "batch": ("batch normalization", {"normalization": "batch"}),
        "float64": ("float64", {"dtype": "float64"}),
        "clip": ("clip the gradient's norm at 1", {"clip_norm": 1.0}),
        "adam": ("adam, learning rate 0.001", {"optimizer": "adam", "learning_rate": 0.001, "nesterov": False}),
    }
    if way in ("layer", "batch") and not rescales:
        return []
    if way == "clip" and (config.clip_norm or np.inf) <= 1.0:
        return []
    return [ways[way]] if way in ways else []


def _slower(rate: float) -> list[tuple[str, Changes]]:
    """The largest rates that are at most a third, a tenth, ... of this one."""
    found = [
        max((each for each in RATES if each <= rate / factor), default=0.0)
        for factor in (3, 10, 30, 100, *(10.0**power for power in range(3, 10)))
    ]
    return [_rate(each) for each in dict.fromkeys(found) if each]


def _faster(rate: float, ratio: float) -> list[tuple[str, Changes]]:
    """Rates that would bring this update ratio to 1e-3, the rule of thumb, and to a tenth of it."""
    if rate == 0:
        return [_rate(each) for each in (0.1, 0.01, 0.001)]
    if not ratio > 0:
        return []
    wanted = (rate * goal / ratio for goal in (1e-3, 1e-4, 2e-5))
    found = [max((each for each in RATES if each <= goal), default=0.0) for goal in wanted]
    return [_rate(each) for each in dict.fromkeys(found) if each > rate]


def _rate(rate: float) -> tuple[str, Changes]:
    return f"learning rate {rate:g}", {"learning_rate": rate}


def _own_initializer(activations: tuple[Activation, ...]) -> str:
    """He for relu and its kin, LeCun for selu, Xavier for the rest."""
    kinds = {phi.kind for phi in activations}
    if {phi.name for phi in activations} == {"selu"}:
        return "lecun_normal"
    return "he_normal" if kinds == {"one-sided"} else "xavier_normal"


def _plain(activation: str, init: str) -> Changes:
    return {"activation": activation, "alpha": None, "init": init, "gain": 1.0, "bias_std": 0.0}


def _number(value: float) -> str:
    return "not applicable" if np.isnan(value) else f"{value:.2g}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
