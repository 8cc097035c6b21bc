"""An experiment: a claim about two runs, what to look for, and the claim once more in code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nncore.config.run_config import RunConfig
from nncore.diagnosis.snapshot import Snapshot
from nncore.history.history import History

Claim = Callable[[Snapshot, Snapshot], bool]


@dataclass(frozen=True)
class Experiment:
    """A run that shows something, the run it is compared with, and what is claimed of the two.

    `label` and `against_label` tell the two runs apart in a few words. `claim` says what is so, `look_for` where it
    is seen; every number in the claim is a bound that `true_of` checks. `charts` are keys of the lab's charts to
    look at, the first one first; `step` is the step to stand on. `picture` names the quantities of a small picture:
    keys of `measures.LAYER_QUANTITIES` at `step`, or one of "loss", "fit", "weights" and "crossed". `view` holds
    further settings of the lab's page, name and value. `crossed` names a setting in which the two runs differ besides
    another one: what is claimed of them then also holds of the two runs that have exchanged it. Their labels say the other
    setting's value and this one's, with a comma between.
    """

    name: str
    topic: str
    title: str
    claim: str
    look_for: str
    config: RunConfig
    label: str
    against: RunConfig
    against_label: str
    charts: tuple[str, ...]
    step: int
    picture: tuple[str, ...]
    true_of: Claim
    view: tuple[tuple[str, str], ...] = ()
    crossed: str = ""

    def exchanged(self) -> tuple[RunConfig, RunConfig]:
        """`config` with the crossed setting of `against`, and `against` with that of `config`."""
        ours, theirs = ({self.crossed: getattr(each, self.crossed)} for each in (self.config, self.against))
        return self.config.replace(**theirs), self.against.replace(**ours)

    def holds(self, history: History, other: History) -> bool:
        """Is the claim true of these two runs, read at step 0 and at the last finite record of each?

        history: a run in the place of `config`; other: one in the place of `against`.
        """
        return self.true_of(*(Snapshot(each, each.last_finite) for each in (history, other)))
