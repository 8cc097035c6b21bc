"""What became of a config when it was tried out: trained for some steps, and judged by every rule and by its loss."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from cachetools import LRUCache, cached
from cachetools.keys import hashkey

from nncore.config.cost import seconds_per_step
from nncore.config.run_config import RunConfig
from nncore.diagnosis.loss_course import FEWEST_UPDATES, UNLEARNED
from nncore.diagnosis.rules import findings, judge
from nncore.diagnosis.snapshot import WINDOW, Snapshot
from nncore.history.history import History
from nncore.model.initializers import StoppedEarly
from nncore.training import run

SCREENING_SECONDS, TRIAL_SECONDS = 0.1, 1.5
"""Estimated training time of a candidate's first, short trial and of a finalist's long one."""

USUAL_STEPS = 200
"""Steps that a run without enough steps of its own is tried out for."""

RECORDS = 100
"""Records of a trial, about: what bounds its memory."""


@dataclass(frozen=True)
class Trial:
    """A run's state at one step. `loss` excludes penalties unless it has grown; `constant` is the best constant answer's.

    `ratio`, `kind`: of the flow. `values`: rule -> its number; `fired`: the rules that fire, `severity` the gravest.
    """

    step: int
    loss: float
    constant: float
    is_finite: bool
    has_grown: bool
    ratio: float
    kind: str
    values: dict[str, float] = field(hash=False)
    fired: frozenset[str]
    severity: int

    @property
    def share(self) -> float:
        """Loss over the constant answer's, infinite where the run diverged."""
        if not self.is_finite or not np.isfinite(self.loss):
            return np.inf
        return self.loss / self.constant if self.constant > 0 else self.loss

    @property
    def beats_a_guess(self) -> bool:
        """Is it better than the constant answer?"""
        return self.share < UNLEARNED and not self.has_grown

    def loss_in_words(self) -> str:
        """The loss, or that there is none."""
        return f"{self.loss:.3g}" if np.isfinite(self.share) else "not finite"


def of_history(history: History, record: int) -> Trial:
    """The same of a history that is there already."""
    snapshot = Snapshot(history, record, sentences=False)
    course = snapshot.course
    with np.errstate(all="ignore"):
        found = findings(snapshot)
        verdicts = judge(snapshot, found)
        return Trial(
            int(history.step[record]),
            float(course.total[-1]) if course.has_grown else course.now,
            course.constant,
            history.divergence is None,
            course.has_grown,
            snapshot.flow.ratio,
            snapshot.flow.kind,
            {name: each.value for name, each in found.items()},
            frozenset(each.rule for each in verdicts),
            max((each.severity for each in verdicts if each.kind != "chart"), default=0),
        )


def never() -> bool:
    """Nobody ends it."""
    return False


@cached(LRUCache(2048), key=lambda config, steps, cancelled=never: hashkey(config, steps), lock=threading.Lock())
def trial(config: RunConfig, steps: int, cancelled: Callable[[], bool] = never) -> Trial:
    """The config after so many training steps; a cosine schedule ends with the trial. Kept for the next who asks.

    Raises ValueError where the run cannot be made; StoppedEarly, which is one, as soon as `cancelled()`.
    """
    tried = config.replace(steps=config.first_step + steps, record_every=max(1, steps // RECORDS))
    history = run(tried, cancelled=cancelled, memory_budget=None)
    if history.was_stopped:
        raise StoppedEarly(f"its trial was {history.stopped[0].lower()}{history.stopped[1:].rstrip('.')}")
    return of_history(history, history.last_finite)


def horizon(config: RunConfig) -> int:
    """Steps after which runs are compared: the run's own, as far as TRIAL_SECONDS go, and USUAL_STEPS for a short run."""
    own = config.steps - config.first_step
    return min(own if own >= FEWEST_UPDATES else USUAL_STEPS, affordable(config, TRIAL_SECONDS))


def affordable(config: RunConfig, seconds: float) -> int:
    """Training steps that these seconds are enough for as estimated, WINDOW at least."""
    return max(WINDOW, int(seconds / seconds_per_step(config)))
