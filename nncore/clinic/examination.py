"""What the diagnosis says of a labelled run, whether that is right, and whether its best remedy keeps its word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nncore.clinic.case import Case
from nncore.diagnosis import Remedy, Verdict, check_prediction, remedies_for, verdict
from nncore.diagnosis.trials import Trial, of_history
from nncore.history.history import History
from nncore.training import run

GRAVE = 2
"""Severity from which on a verdict calls a run sick."""


@dataclass(frozen=True)
class Examined:
    """A case, the verdicts at its last finite step, and its state there.

    `remedy`: the best by loss of all that is offered against the grave ones; `kept`: did the run made with it keep
    the promise, to its own end? Both are left out where remedies were not asked for.
    """

    case: Case
    verdicts: tuple[Verdict, ...]
    end: Trial
    remedy: Remedy | None = None
    kept: bool = False

    @property
    def gravest(self) -> tuple[Verdict, ...]:
        """The verdicts of the highest severity, where that is grave."""
        worst = max((each.severity for each in self.verdicts), default=0)
        return tuple(each for each in self.verdicts if each.severity == worst >= GRAVE)

    @property
    def is_called_sick(self) -> bool:
        """Is there a grave verdict?"""
        return bool(self.gravest)

    @property
    def is_named(self) -> bool:
        """Is the cause among the gravest verdicts?"""
        return any(each.rule in self.case.causes for each in self.gravest)


@dataclass(frozen=True)
class Rates:
    """Shares of the cases: of the sick ones called sick, cause named, mended; of the well ones called sick."""

    called_sick: float
    named: float
    mended: float
    false_alarms: float


def examined(case: Case, with_remedies: bool = False) -> Examined:
    """Train the case and judge it; with remedies also try them out and train the best to its end."""
    history = run(case.config)
    found = verdict(history)
    end = of_history(history, history.last_finite)
    if not with_remedies:
        return Examined(case, found, end)
    remedy = _best(found, history)
    kept = remedy is not None and check_prediction(remedy, run(remedy.config)).held
    return Examined(case, found, end, remedy, kept)


def _best(found: Sequence[Verdict], history: History) -> Remedy | None:
    offered = [remedy for each in found if each.severity >= GRAVE for remedy in remedies_for(each, history)]
    return min(offered, key=lambda each: each.after.share, default=None)


def rates(found: Sequence[Examined]) -> Rates:
    """How often the diagnosis was right."""
    ill = [each for each in found if each.case.is_sick]
    well = [each for each in found if not each.case.is_sick]
    return Rates(
        float(np.mean([each.is_called_sick for each in ill])),
        float(np.mean([each.is_named for each in ill])),
        float(np.mean([each.kept for each in ill])),
        float(np.mean([each.is_called_sick for each in well])),
    )
