"""How the loss went up to one record, measured by the constant answer's: learned, never learned, lost again, grown."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from nncore.diagnosis.attainable import attainable_loss
from nncore.history.history import History
from nncore.measures import constant_loss
from nncore.model.layout import Array
from nncore.model.penalty import Penalty

FEWEST_UPDATES = 50
"""Updates after which a loss at the constant answer's is a finding: before, a network has had no chance."""

GREW = 2.0
"""Loss over the larger of the first one and the constant answer's, from which on it has grown."""

UNLEARNED = 0.98
"""Share of the constant answer's loss from which on nothing has been learned."""

LOST = 0.5
"""Share of what had been learned from which on the run has got worse."""

STILL = 0.1
"""Share of the loss that would go if the run went on as long again at its last pace, below which it stands still."""

QUITE_STILL = 0.02
"""The same for a run that has learned something already: a plateau on the way is slow, not still."""

HARDLY_LEARNED = 0.8
"""Share of the constant answer's loss above which hardly anything has been learned."""

HIGH = 0.4
"""Share of the constant answer's loss above which standing still is a finding."""

LEARNED = 0.5
"""Share of the constant answer's loss below which a network has learned its task, if the rows allow no half of it."""

WELL = 0.2
"""The same, below which it has learned it whatever better the rows allow."""

MOST_AVERAGED = 200
"""Records that one average goes over at most."""


@dataclass(frozen=True, eq=False)
class LossCourse:
    """The loss of `history` up to `record`, penalties excluded, each record's averaged over an epoch's batches.

    `constant` is the loss of the best answer that ignores the input; everything is judged against it.
    """

    history: History
    record: int

    @cached_property
    def constant(self) -> float:
        """Loss of the best answer that ignores the input."""
        return constant_loss(self.history.config)

    @cached_property
    def total(self) -> Array:
        """(record + 1,) what training minimized, penalties included: the mean of an epoch's batches up to each record.

        The records of the first epoch share the mean of that epoch; full batches are their own mean.
        """
        history, config = self.history, self.history.config
        loss = history.loss[: self.record + 1].astype(np.float64)
        steps_in_epoch = config.n_train // config.batch_rows()
        window = min(steps_in_epoch // config.record_every, len(loss), MOST_AVERAGED)
        if window < 2:
            return loss
        averages = sliding_window_view(loss, window).mean(axis=-1)
        return np.concatenate([np.full(window - 1, averages[0]), averages])

    @cached_property
    def loss(self) -> Array:
        """The same without penalties: the part of the loss that a constant answer has too."""
        history, config = self.history, self.history.config
        if not (config.l1 or config.l2):
            return self.total
        penalty, theta = Penalty(history.layout, config.l1, config.l2), history.theta[: len(self.total)]
        with np.errstate(all="ignore"):
            return self.total - [float(penalty.value(each)) for each in theta]

    @property
    def updates(self) -> int:
        """Updates before the record."""
        return int(self.history.step[self.record]) - self.history.config.first_step

    @property
    def now(self) -> float:
        """The loss at the record."""
        return float(self.loss[-1])

    @property
    def share(self) -> float:
        """Loss over the constant answer's: 1 is a guess, 0 is perfect; NaN where a guess is perfect."""
        return self.now / self.constant if self.constant > 0 else np.nan

    @property
    def beats_a_guess(self) -> bool:
        """Is the loss below the constant answer's? A loss that is not finite is not."""
        return self.share < UNLEARNED

    @property
    def reference(self) -> float:
        """The larger of the first loss, penalties included, and the constant answer's."""
        return max(float(self.total[0]), self.constant)

    @property
    def growth(self) -> float:
        """Loss, penalties included, over the larger of the first one and the constant answer's."""
        return float(self.total[-1]) / self.reference if self.reference > 0 and self.record else np.nan

    @property
    def unlearned(self) -> float:
        """`share` once a network has had its chance; NaN before, and where it has learned something before it grew worse."""
        had_no_chance = self.growth > GREW or self.updates < FEWEST_UPDATES
        return np.nan if had_no_chance or self.lost > LOST else self.share

    @cached_property
    def best(self) -> int:
        """Index of the record with the smallest loss so far."""
        return int(np.nanargmin(self.loss)) if np.isfinite(self.loss).any() else 0

    @property
    def lost(self) -> float:
        """Share of the best improvement on the constant answer that has been lost again; NaN where there was none."""
        gained = self.constant - float(self.loss[self.best])
        if self.growth > GREW or not gained > (1 - UNLEARNED) * 5 * self.constant:
            return np.nan
        return (self.now - float(self.loss[self.best])) / gained

    @cached_property
    def improvement(self) -> float:
        """Share of the loss that would go if the run went on as long again at its last pace; NaN where that is enough.

        The pace is that from the last quarter's first half to its second. Asked is only of a loss between HIGH and UNLEARNED of
        the constant answer's while the rows allow half of it.
        """
        eighth = (self.record + 1) // 8
        is_high = HIGH < self.share <= UNLEARNED and not self.lost > LOST
        if not eighth or self.updates < 2 * FEWEST_UPDATES or not is_high:
            return np.nan
        pace = (self.loss[-2 * eighth : -eighth].mean() - self.loss[-eighth:].mean()) / eighth
        change = float(pace * self.record / self.now)
        is_still = change < (STILL if self.share > HARDLY_LEARNED else QUITE_STILL)
        return change if is_still and self.is_reducible else np.nan

    @cached_property
    def is_reducible(self) -> bool:
        """Do the training rows allow less than half of this loss?"""
        return attainable_loss(self.history.config) < self.now / 2

    @property
    def has_grown(self) -> bool:
        """Did the loss blow up, finite or not?"""
        return self.history.divergence is not None or self.growth > GREW

    @property
    def is_stuck(self) -> bool:
        """Has nothing been learned, or does the loss stand still far above what the rows allow?"""
        return self.unlearned > UNLEARNED or self.improvement < STILL

    @property
    def is_ill(self) -> bool:
        """Is anything wrong with the loss itself?"""
        return self.has_grown or self.is_stuck or self.lost > LOST

    @property
    def has_learned(self) -> bool:
        """Is the loss well below the constant answer's, near what the rows allow, and not on its way back?"""
        is_low = self.share < LEARNED and (self.share < WELL or not self.is_reducible)
        return self.updates > 0 and is_low and not self.is_ill
