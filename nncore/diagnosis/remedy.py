"""What would mend a run, each change tried out before it is offered, and whether its promise was kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np

from nncore.config.cost import seconds_per_step
from nncore.config.fork import CHANGEABLE, Fork
from nncore.config.run_config import RunConfig
from nncore.config.settings import LEARNING_RATES
from nncore.diagnosis.candidates import FLOW_RULES, TEXTBOOK, Candidate, candidates, changes, largest_rate
from nncore.diagnosis.flows import flow, initial_flow
from nncore.diagnosis.rules import RULES, Finding, Rule, Verdict
from nncore.diagnosis.snapshot import WINDOW, Snapshot
from nncore.history.history import History
from nncore.training import run

TRIAL_SECONDS = 0.25
"""Estimated training time that one trial may take; longer ones are cut short and say so."""

EARLY = 0.3
"""Share of the run after which a fork is suggested: enough has happened, and enough is to come."""


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

    What is tried is the ladder `candidates.TEXTBOOK`.
    """

    def at_the_start(label: str, changed: RunConfig) -> Remedy | None:
        after = initial_flow(changed)
        return Remedy(label, changed, after.ratio) if after.kind == "flowing" else None

    ladder = (changes(way, config) for way in TEXTBOOK)
    return [remedy for remedy in _tried(config, ladder, at_the_start) if remedy is not None]


def remedies_for(verdict: Verdict, history: History) -> tuple[Remedy, ...]:
    """Changes that mend this verdict in a trial, the smallest first; () when nothing that was tried does.

    A condition that is there at step 0 is tried without training; one that training brought about is trained
    to the same step again, after a divergence beyond it, cut short at about a quarter of a second. Offered is
    only what brings the rule's own number over its threshold without a new divergence (after one, with a loss
    no higher than at the start), and, for the rules about the gradient's way, what lets it flow.
    """
    return tuple(remedy for remedy in tried_out(verdict, history) if remedy is not None)


def tried_out(verdict: Verdict, history: History) -> Iterator[Remedy | None]:
    """`remedies_for` one trial at a time: the remedy, or None where the change did not help."""
    rule, before = RULES[verdict.rule], Snapshot(history, verdict.record)
    steps = _trial_steps(rule, before)

    def trained(label: str, changed: RunConfig) -> Remedy | None:
        trial = _trial(changed, steps)
        after, taken = rule.measure(trial), int(trial.history.step[-1])
        if not _helps(rule, before, trial, after):
            return None
        return Remedy(label, changed, trial.flow.ratio, rule.name, verdict.value, after.value, taken)

    yield from _tried(history.config, candidates(rule.name, before, steps > 0), trained)


@dataclass(frozen=True)
class Outcome:
    """Whether a remedy's prediction `held` in the run made with it, and a sentence with its `numbers`."""

    held: bool
    numbers: str

    @property
    def verdict(self) -> str:
        """Yes or no, in words."""
        return f"The prediction {'held' if self.held else 'did not hold'}"

    def sentence(self) -> str:
        """Both in words."""
        return f"{self.verdict}. {self.numbers}"


def check_prediction(remedy: Remedy, history: History) -> Outcome:
    """Did the prediction hold in the run made with the remedy?

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
    return Outcome(kept, f"{numbers}.{ended}")


def suggested_fork(history: History) -> Fork:
    """A fork of this run in which something is to be seen: tried out where the gradient does not flow.

    Of the ladder a fork takes what it may change. A run that diverged is forked before that at a smaller rate; one
    whose gradient flows at three times the rate.
    """
    config = history.config
    if history.divergence:
        return _finite_fork(history)
    record = min(history.nearest(round(EARLY * int(history.step[-1]))), max(len(history) - 2, 0))
    at = int(history.step[record])
    if flow(history, record).kind not in ("flowing", "single"):
        for candidate in chain.from_iterable(changes(way, config) for way in TEXTBOOK):
            fork = Fork(config, at, **{key: new for key, new in candidate.changes.items() if key in CHANGEABLE})
            trial = fork.replace(steps=at, optimizer="sgd", momentum=0.0, nesterov=False)
            if fork.changes and flow(run(trial, parent=history), 0).kind == "flowing":
                return fork
    faster = next((rate for rate in LEARNING_RATES if rate >= 2.9 * config.learning_rate > 0), config.learning_rate)
    return Fork(config, at, learning_rate=faster)


def _finite_fork(history: History) -> Fork:
    """Half-way to the divergence or at the start, at about a tenth of the rate or less: the first that stays finite."""
    config, half = history.config, int(history.step[history.last_finite // 2])
    rates = [largest_rate(config.learning_rate / slower) for slower in (9, 90, 900)]
    for at in dict.fromkeys((half, int(history.step[0]))):
        steps = min(config.steps, at + _affordable_steps(config))
        for rate in rates:
            trial = Fork(config, at, steps=steps, learning_rate=rate, record_every=1 + steps // 50)
            if run(trial, parent=history).divergence is None:
                return Fork(config, at, learning_rate=rate)
    return Fork(config, half, learning_rate=rates[-1])


# Trials -----------------------------------------------------------------------------------------------------


def _tried(
    config: RunConfig, ladder: Iterable[list[Candidate]], judged: Callable[[str, RunConfig], Remedy | None]
) -> Iterator[Remedy | None]:
    """One trial at a time, `judged(label, changed config)`; of each group of candidates the first that helps."""
    known = [config]
    for group in ladder:
        for candidate in group:
            try:
                changed = config.replace(**candidate.changes)
                if changed in known:
                    continue
                remedy = judged(candidate.label, changed)
            except ValueError:  # the change does not go with the other settings, or needs too much memory
                continue
            yield remedy
            if remedy is not None:
                known.append(changed)
                break


def _affordable_steps(config: RunConfig) -> int:
    """Training steps that TRIAL_SECONDS are enough for, WINDOW at least."""
    return max(WINDOW, int(TRIAL_SECONDS / seconds_per_step(config)))


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
    return min(wanted, _affordable_steps(config))


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


def _number(value: float) -> str:
    return "not applicable" if np.isnan(value) else f"{value:.2g}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
