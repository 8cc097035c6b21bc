"""What would mend a run: changes that were tried out, judged by the loss that they end with, and held to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain

import numpy as np

from nncore.config.cost import initialization_seconds, pass_seconds, seconds_per_step
from nncore.config.fork import CHANGEABLE, Fork
from nncore.config.run_config import RunConfig
from nncore.config.settings import LEARNING_RATES
from nncore.diagnosis.candidates import FLOW_RULES, TEXTBOOK, Candidate, candidates, changes, largest_rate
from nncore.diagnosis.flows import flow
from nncore.diagnosis.rules import RULES, Rule, Verdict, verdict
from nncore.diagnosis.trials import (
    SCREENING_SECONDS,
    TRIAL_SECONDS,
    USUAL_STEPS,
    Trial,
    affordable,
    horizon,
    never,
    of_history,
    trial,
)
from nncore.history.history import History
from nncore.model.initializers import StoppedEarly
from nncore.training import run

FINALISTS = 4
"""Candidates of a finding that are trained to the horizon after the short trials, those with the lowest loss."""

BETTER = 0.95
"""A remedy ends at most at this share of the loss of the run that it mends, each measured by its constant answer's."""

FORK_SECONDS = 0.25
"""Estimated training time that the trial of a suggested fork may take."""

FORKS_SECONDS = 3.0
"""Estimated time that all of them may take; what they cannot tell after that is suggested untried."""

SLOWER = (9, 90, 900)
"""What the rate of a run that diverged is divided by, about, in the forks that are tried out."""

MOST_OF_A_GROUP = 3
"""Candidates of one kind, such as smaller rates, that are tried until so many are finite and without the finding."""

JUDGED = 40
"""Passes over all rows that judging a trial takes, about."""

BUDGET_SECONDS = 6.0
"""Estimated training time that the short trials of a finding take together, about; FINALISTS long ones follow."""

RECORD_BYTES = 2**28
"""Memory that the history of a run may take that is made longer by a remedy."""

MOST_COSTLY = 8.0
"""Times the cost of a step, from which on a change is not tried."""

EARLY = 0.3
"""Share of the run after which a fork is suggested: enough has happened, and enough is to come."""


@dataclass(frozen=True)
class Remedy:
    """A change of settings that was tried out: `config` is the whole changed run.

    `rule`: the key of RULES that it mends; `before` and `after`: that run and the changed one after the same number of
    training steps. A run that ends before has so many steps in `config`.
    """

    label: str
    config: RunConfig
    rule: str
    before: Trial
    after: Trial

    @property
    def ratio(self) -> float:
        """First over last δ norm at the end of the trial."""
        return self.after.ratio

    @property
    def tried(self) -> int:
        """The step that it was tried out up to."""
        return self.after.step

    def loss_sentence(self) -> str:
        """What the change does to the loss, in words; where it changes the loss's unit, with both constant answers'."""
        steps = f"{self.tried - self.config.first_step:,} steps"
        constant = f"a constant answer has {self.before.constant:.3g}"
        if not np.isclose(self.before.constant, self.after.constant):
            constant += f" before and {self.after.constant:.3g} with it"
        return (
            f"Loss after {steps}: {self.before.loss_in_words()} without this change, {self.after.loss_in_words()} with it "
            f"({constant})."
        )

    def sentence(self) -> str:
        """The predicted effect, in words: the loss, and the rule's own number where that is another."""
        rule = RULES[self.rule]
        if rule.kind in ("cause", "outcome"):
            return self.loss_sentence()
        there, here = self.before.values[self.rule], self.after.values[self.rule]
        return f"{self.loss_sentence()} {_capital(rule.metric)}: {_number(there)} without it, {_number(here)} with it."


def remedies(config: RunConfig) -> tuple[Remedy, ...]:
    """Changes that mend what is wrong with this config, each tried out, the lowest loss first.

    The config itself is trained first, `trials.horizon` steps at least; () where nothing of severity 2 or more is found, or
    nothing that was tried helps.
    """
    history = run(_long_enough(config), memory_budget=None)
    found = [remedy for each in verdict(history) if each.severity > 1 for remedy in remedies_for(each, history)]
    by_config = {remedy.config: remedy for remedy in found if remedy.config != config}
    return tuple(sorted(by_config.values(), key=lambda each: each.after.share))


def remedies_for(verdict: Verdict, history: History) -> tuple[Remedy, ...]:
    """Changes that mend this verdict in a trial, the lowest loss first; () when nothing that was tried does.

    Every candidate is trained for a short while and the FINALISTS with the lowest loss for `trials.horizon` steps, as
    is the run itself. Offered is what ends there without a divergence, below BETTER of the run's own loss and
    below the constant answer's, with the rule's own number over its threshold and with no finding graver than those of
    the run; for rules about the gradient's way it has to flow as well. Losses are compared as shares of the
    constant answer's, for standardizing the targets changes their unit.
    """
    return tuple(remedy for remedy in tried_out(verdict, history) if remedy is not None)


def tried_out(verdict: Verdict, history: History, *, cancelled: Callable[[], bool] = never) -> Iterator[Remedy | None]:
    """`remedies_for` one trial at a time: None after each short trial and for a finalist that does not help.

    `cancelled()` is asked at every step of a trial, and ends it all.
    """
    with suppress(StoppedEarly):
        yield from _tried_out(verdict, history, cancelled)


def _tried_out(verdict: Verdict, history: History, cancelled: Callable[[], bool]) -> Iterator[Remedy | None]:
    rule, config = RULES[verdict.rule], history.config
    steps, screening = _lengths(config)
    best: list[tuple[bool, float, Candidate, RunConfig]] = []
    known, left = {config}, BUDGET_SECONDS
    for group in candidates(rule.name, config):
        finite = []
        for candidate in group:
            found = _screened(candidate, config, screening, known, cancelled) if left > 0 else None
            if found is None:
                continue
            changed, after = found
            known.add(changed)
            left -= initialization_seconds(changed) + screening * seconds_per_step(changed)
            if np.isfinite(after.share):
                finite.append((rule.name in after.fired, after.share, candidate, changed))
            yield None
            if sum(not fires for fires, *_ in finite) == MOST_OF_A_GROUP:
                break
        best += sorted(finite, key=lambda each: each[:2])[:1]
    before = _without(history, steps, cancelled)
    offered: list[Remedy] = []
    for *_, candidate, changed in sorted(best, key=lambda each: each[:2])[:FINALISTS]:
        after = trial(changed, steps, cancelled)
        if helps(rule, before, after):
            offered.append(Remedy(candidate.label, changed, rule.name, before, after))
        elif steps > screening:
            yield None
    yield from sorted(offered, key=lambda each: each.after.share)


def _lengths(config: RunConfig) -> tuple[int, int]:
    """Training steps of a finalist's trial and of a candidate's first one."""
    steps = horizon(config)
    return steps, min(steps, max(USUAL_STEPS, steps // 4), affordable(config, SCREENING_SECONDS))


def trial_seconds(verdict: Verdict, history: History) -> float:
    """What `tried_out` takes, to a factor of about three where all its candidates go with the settings."""
    config = history.config
    groups, (steps, screening) = candidates(verdict.rule, config), _lengths(config)
    start, per_step = initialization_seconds(config), seconds_per_step(config)
    short, long = (start + JUDGED * pass_seconds(config) + each * per_step for each in (screening, steps))
    tried = sum(min(len(group), MOST_OF_A_GROUP) for group in groups)
    return min(tried * short, BUDGET_SECONDS + short) + min(len(groups), FINALISTS) * long


def _screened(
    candidate: Candidate, config: RunConfig, steps: int, known: set[RunConfig], cancelled: Callable[[], bool]
) -> tuple[RunConfig, Trial] | None:
    """The changed config and its short trial; None where it is known, too costly, or does not go with the other settings."""
    try:
        changed = _long_enough(config.replace(**candidate.changes))
        is_costly = seconds_per_step(changed) > MOST_COSTLY * seconds_per_step(config)
        is_costly = is_costly or initialization_seconds(changed) > TRIAL_SECONDS
        return None if changed in known or is_costly else (changed, trial(changed, steps, cancelled))
    except StoppedEarly:
        raise
    except ValueError:
        return None


def _long_enough(config: RunConfig) -> RunConfig:
    """The run as far as its trial at least, recorded more rarely where that takes less than RECORD_BYTES."""
    longer = config.replace(steps=max(config.steps, config.first_step + horizon(config)))
    if longer == config or longer.history_bytes() <= RECORD_BYTES:
        return longer
    return longer.replace(record_every=longer.fitting_record_every(RECORD_BYTES) or longer.steps)


def _without(history: History, steps: int, cancelled: Callable[[], bool]) -> Trial:
    """The run that is to be mended after so many steps: as recorded, or trained again where the history ends before."""
    step = history.config.first_step + steps
    if history.divergence is None and int(history.step[-1]) < step:
        return trial(history.config, steps, cancelled)
    return of_history(history, min(history.nearest(step), history.last_finite))


def helps(rule: Rule, before: Trial, after: Trial) -> bool:
    """Does the changed run end lower than the run and than the constant answer, without this finding or a graver one?"""
    if not after.is_finite or not after.beats_a_guess or after.share > BETTER * before.share:
        return False
    if rule.name in after.fired or after.severity > max(before.severity, 1):
        return False
    return rule.name not in FLOW_RULES or after.kind == "flowing"


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

    It held when the run stays finite and ends below the loss of the run that was to be mended and below the constant
    answer's, and the rule does not fire there. Raises ValueError for a history of another config.
    """
    if history.config != remedy.config:
        raise ValueError("history must be the run of the remedy's own config; got one of another config")
    end = of_history(history, history.last_finite)
    tried = of_history(history, min(history.nearest(remedy.tried), history.last_finite))
    held = end.is_finite and end.beats_a_guess and end.share < remedy.before.share and remedy.rule not in end.fired
    numbers = [
        f"Loss: {remedy.before.loss_in_words()} before, {remedy.after.loss_in_words()} predicted; measured "
        + _at(tried.step, f"{tried.loss:.3g}", end.step, f"{end.loss:.3g}")
    ]
    rule = RULES[remedy.rule]
    if rule.kind not in ("cause", "outcome"):
        there, here = (_number(each.values[rule.name]) for each in (tried, end))
        numbers.append(
            f"{_capital(rule.metric)}: {_number(remedy.before.values[rule.name])} before, "
            f"{_number(remedy.after.values[rule.name])} predicted; measured " + _at(tried.step, there, end.step, here)
        )
    if history.divergence is not None:
        numbers.append("The run diverged.")
    return Outcome(held, " ".join(numbers))


def _at(first: int, there: str, last: int, here: str) -> str:
    """What was measured at the trial's step and at the end."""
    return (f"{there} at step {first:,}, and " if first < last else "") + f"{here} at step {last:,}."


def suggestion_seconds(history: History) -> float:
    """What `suggested_fork` takes at most, to a factor of about three: FORKS_SECONDS, or less where the trials are few."""
    config = history.config
    per_step = seconds_per_step(config)
    if history.divergence:
        return min(FORKS_SECONDS, len(SLOWER) * sum(each * per_step for each in _finite_trials(history).values()))
    tried = sum(len(changes(way, config)) for way in TEXTBOOK)
    return min(FORKS_SECONDS, (1 + tried) * per_step)


def suggested_fork(history: History, *, cancelled: Callable[[], bool] = never) -> Fork:
    """A fork of this run in which something is to be seen: tried out where the gradient does not flow.

    Of the ladder a fork takes what it may change. A run that diverged is forked before that at a smaller rate; one
    whose gradient flows, or whose trials would take too long, at three times the rate. As soon as `cancelled()`, which is
    asked before every step of a trial, nothing more is tried out.
    """
    config, left = history.config, FORKS_SECONDS
    if history.divergence:
        return _finite_fork(history, cancelled)
    record = min(history.nearest(round(EARLY * int(history.step[-1]))), max(len(history) - 2, 0))
    at = int(history.step[record])
    if flow(history, record).kind not in ("flowing", "single"):
        for candidate in chain.from_iterable(changes(way, config) for way in TEXTBOOK):
            fork = Fork(config, at, **{key: new for key, new in candidate.changes.items() if key in CHANGEABLE})
            left -= seconds_per_step(config)
            if left < 0 or cancelled():
                break
            trial = fork.replace(steps=at, optimizer="sgd", momentum=0.0, nesterov=False)
            if fork.changes and flow(run(trial, parent=history), 0).kind == "flowing":
                return fork
    faster = next((rate for rate in LEARNING_RATES if rate >= 2.9 * config.learning_rate > 0), config.learning_rate)
    return Fork(config, at, learning_rate=faster)


def _finite_fork(history: History, cancelled: Callable[[], bool]) -> Fork:
    """Half-way to the divergence or at the start, at about a tenth of the rate or less: the first that stays finite."""
    config, half = history.config, int(history.step[history.last_finite // 2])
    left = FORKS_SECONDS
    rates = [largest_rate(config.learning_rate / slower) for slower in SLOWER]
    untried = Fork(config, half, learning_rate=rates[-1])
    for at, n_steps in _finite_trials(history).items():
        steps = min(config.steps, at + affordable(config, FORK_SECONDS))
        for rate in rates:
            left -= n_steps * seconds_per_step(config)
            if left < 0 or cancelled():
                return untried
            trial = Fork(config, at, steps=steps, learning_rate=rate, record_every=1 + steps // 50)
            try:
                tried = run(trial, parent=history, cancelled=cancelled)
            except StoppedEarly:
                return untried
            if tried.was_stopped:
                return untried
            if tried.divergence is None:
                return Fork(config, at, learning_rate=rate)
    return untried


def _finite_trials(history: History) -> dict[int, int]:
    """Step to fork at -> training steps of a trial there.

    Those of the parent are among them where it is trained again for the optimizer's state, of which gaps in its record tell
    nothing.
    """
    config, first = history.config, int(history.step[0])
    inherits = bool(config.make_optimizer().init(np.zeros(1)))
    found = {}
    for record in dict.fromkeys((history.last_finite // 2, 0)):
        at = int(history.step[record])
        again = at - first if inherits and record != at - first else 0
        found[at] = min(config.steps - at, affordable(config, FORK_SECONDS)) + again
    return found


def _number(value: float) -> str:
    return "not applicable" if np.isnan(value) else f"{value:.2g}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
