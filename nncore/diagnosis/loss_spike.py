"""A loss that jumps in a recorded run, and the parameters whose updates had grown before it did."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nncore.diagnosis.snapshot import WINDOW
from nncore.recorders import Recorded

Floats = NDArray[np.float64]

LEAD = 8
"""Records before a jump in which it is looked for who moved first; Wortsman et al. (2023) saw leads of 1 to 8 steps."""

LEAST = 5
"""Records of ordinary training that there must be before those."""

JUMP = 0.25
"""The loss jumps where it rises by this share of its middle value above it, and by DEVIATIONS robust deviations."""

GROWN = 2.0
"""An update has grown where it is this many times its middle value, and DEVIATIONS robust deviations above it."""

DEVIATIONS = 6.0


@dataclass(frozen=True)
class LossSpike:
    """A jump of the loss at `record`, from its middle value `before` to `loss`.

    `first`: the record from which on some updates had grown, without a break until the jump; `movers`: the parameters, as
    indices, that were the first, the most grown first; `growth`: how many times its middle value the update of the first
    of them was. `movers` is () where none had grown before the loss jumped.
    """

    record: int
    loss: float
    before: float
    first: int
    movers: tuple[int, ...]
    growth: float


def last_spike(recorded: Recorded, record: int) -> LossSpike | None:
    """The latest jump of the loss up to a record; None where there is none, or too little was logged to tell.

    Updates are taken per learning rate, where that was recorded: a warm-up moves all layers. Without updates, as in a log,
    gradient norms stand for them.
    """
    loss = recorded.loss[: record + 1]
    moved = _moved(recorded)[: record + 1]
    logged = np.flatnonzero(recorded.has_number("loss")[: record + 1])
    for place in range(len(logged) - 1, LEAD + LEAST - 1, -1):
        at = int(logged[place])
        recent = loss[logged[place - LEAD : place]]
        if loss[at] <= recent.max():
            continue
        usual = loss[logged[max(place - LEAD - WINDOW, 0) : place - LEAD]]
        if not (np.isfinite(usual).all() and np.isfinite(recent).all()) or _stands_out(recent[-1], usual):
            continue  # it had jumped before
        rise = loss[at] - float(np.median(usual))
        if not _stands_out(loss[at], usual) or loss[at] - recent.max() < 0.5 * rise:
            continue  # it has not, or it climbs there step by step
        first, movers, growth = _first_movers(moved, logged[: place + 1])
        return LossSpike(at, float(loss[at]), float(np.median(usual)), first, movers, growth)
    return None


def _first_movers(moved: Floats, records: NDArray[np.int64]) -> tuple[int, tuple[int, ...], float]:
    """From which of the records before the last one on some updates had grown, of which parameters, and how much."""
    usual = moved[records[max(len(records) - 1 - LEAD - WINDOW, 0) : -1 - LEAD]]
    middle = np.median(usual, axis=0)
    spread = 1.4826 * np.median(np.abs(usual - middle), axis=0)
    known = np.isfinite(middle) & (middle > 0)
    limit = np.where(known, np.maximum(GROWN * middle, middle + DEVIATIONS * spread), np.inf)
    grown = moved[records[-1 - LEAD : -1]] > limit  # (LEAD, n_parameters)
    since = np.logical_and.accumulate(grown[::-1], axis=0)[::-1]
    if not since.any():
        return -1, (), np.nan
    begin = int(np.argmax(since.any(axis=1)))
    first = int(records[len(records) - 1 - LEAD + begin])
    growth = np.where(since[begin], moved[first] / np.where(known, middle, 1.0), -np.inf)
    movers = [int(place) for place in np.argsort(-growth, kind="stable") if since[begin, place]]
    return first, tuple(movers), float(growth[movers[0]])


def _moved(recorded: Recorded) -> Floats:
    """How far each weight was moved at each record, per learning rate; its gradient where no updates were recorded."""
    if not recorded.has_number("update_norm").any():
        found, rate = recorded.quantity("gradient_norm"), np.ones(len(recorded.steps))
    else:
        found, rate = recorded.quantity("update_norm"), recorded.quantity("learning_rate")
    with np.errstate(all="ignore"):
        found = found / np.where(np.isfinite(rate) & (rate > 0), rate, 1.0)[:, None]
    weights = np.array([unit.is_weight for unit in recorded.parameters], bool)
    return np.where(weights, found, np.nan)


def _stands_out(value: float, usual: Floats) -> bool:
    """Is a loss so far above the usual ones, or not a number at all?"""
    middle = float(np.median(usual))
    spread = 1.4826 * float(np.median(np.abs(usual - middle)))
    return not np.isfinite(value) or value > middle + max(JUMP * abs(middle), DEVIATIONS * spread)
