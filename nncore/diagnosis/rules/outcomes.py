"""Rules about the loss: what became of the run, measured by the answer that ignores the input."""

from __future__ import annotations

from nncore.diagnosis.loss_course import FEWEST_UPDATES, GREW, HIGH, LOST, QUITE_STILL, STILL, UNLEARNED
from nncore.diagnosis.rules.rule import NOTHING, Finding, rule
from nncore.diagnosis.snapshot import Snapshot


@rule(
    "Diverged",
    "share of the run that stayed finite",
    1.0,
    False,
    3,
    "loss",
    "One number that is not finite makes every later one so.",
    kind="outcome",
)
def diverged(seen: Snapshot) -> Finding:
    """(t - first) / (last - first + 1) when step t is the first that is not finite; wrong below 1."""
    history = seen.history
    if history.divergence is None:
        return Finding(1.0)
    first, last = history.config.first_step, history.config.steps
    share = (history.divergence.step - first) / (last - first + 1)
    return Finding(share, (history.divergence.layer,), history.divergence.sentence())


@rule(
    "Loss blew up",
    "loss over the larger of the first one and the constant answer's",
    GREW,
    True,
    3,
    "loss",
    "Training is to lower the loss: at twice the larger of where it began and what the best constant answer has, "
    "it has done the reverse. A loss may grow by many powers of ten and stay finite.",
    kind="outcome",
)
def grew(seen: Snapshot) -> Finding:
    """E / max(E_0, E_constant), finite; wrong above 2."""
    course = seen.course
    if seen.history.divergence is not None:
        return NOTHING
    steps, loss = seen.history.step, course.total
    first = int(steps[int((loss > GREW * course.reference).argmax())])
    return Finding(
        course.growth,
        _all_layers(seen),
        f"The loss is {loss[-1]:.2g} at step {steps[seen.record]}, and was {loss[0]:.2g} at the start; the best "
        f"constant answer has {course.constant:.2g}. It was first above {GREW:g} times the larger of the two at step {first}.",
    )


@rule(
    "Nothing learned",
    "loss over the constant answer's",
    UNLEARNED,
    True,
    3,
    "loss",
    f"The best answer that ignores the input: class frequencies, or the mean of the targets. Judged from "
    f"{FEWEST_UPDATES} updates on; 2 % are within what a few more steps at the same pace would change.",
    kind="outcome",
)
def nothing_learned(seen: Snapshot) -> Finding:
    """E / E_constant; wrong above 0.98, from FEWEST_UPDATES updates on."""
    course = seen.course
    return Finding(
        course.unlearned,
        _all_layers(seen),
        f"After {course.updates:,} updates the loss is {course.now:.3g}; an answer that ignores the input has "
        f"{course.constant:.3g}.",
    )


@rule(
    "Training stands still",
    "share of the loss that as many steps again would take away at this pace",
    STILL,
    False,
    2,
    "loss",
    f"Less than {100 * STILL:.0f}\u00a0% where hardly anything is learned and {100 * QUITE_STILL:.0f}\u00a0% elsewhere, above {HIGH:g} of the constant answer's loss, while the rows allow half of it: their nearest "
    "neighbours predict them as well, or they are so few that each can be learned.",
    kind="outcome",
)
def stands_still(seen: Snapshot) -> Finding:
    """-t (dE/dt) / E over the last quarter; wrong below 0.1, or 0.02, where the loss is high."""
    course = seen.course
    return Finding(
        course.improvement,
        _all_layers(seen),
        f"The loss stays at {course.now:.3g}, {100 * course.share:.0f}\u00a0% of what an answer that ignores the input has "
        f"({course.constant:.3g}), though these rows allow less than half of it.",
    )


@rule(
    "Got worse again",
    "share of what had been learned that is lost",
    LOST,
    True,
    2,
    "loss",
    "Half of the way from the constant answer's loss to the best one so far.",
    kind="outcome",
)
def got_worse(seen: Snapshot) -> Finding:
    """(E - E_best) / (E_constant - E_best) where the best is at least a tenth below the constant answer's; wrong above ½."""
    course = seen.course
    best = course.best
    return Finding(
        course.lost,
        _all_layers(seen),
        f"The loss was {course.loss[best]:.3g} at step {seen.history.step[best]} and is {course.now:.3g} at step "
        f"{seen.history.step[seen.record]}; an answer that ignores the input has {course.constant:.3g}.",
    )


def _all_layers(seen: Snapshot) -> tuple[int, ...]:
    return tuple(range(1, seen.n_layers + 1))
