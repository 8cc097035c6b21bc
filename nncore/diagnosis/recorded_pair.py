"""Two recorded runs of a model, before and after a change: what differs between them, and what became of it, in words."""

from __future__ import annotations

import math

from nncore.diagnosis.recorded_run import end_to_end, listed, recorded_verdict
from nncore.recorders import Recorded, Unit


def differences(before: Recorded, now: Recorded) -> tuple[str, ...]:
    """What the two models and their trainings differ in, a phrase each; () where nothing recorded differs.

    Modules and parameters are the same by their names. The learning rate is that of the first record.

    >>> import tempfile
    >>> from nncore.recorders.example import example
    >>> short, deep = (Recorded.open(example(f"{tempfile.mkdtemp()}/run.arrows", n_blocks=n)) for n in (2, 5))
    >>> differences(short, deep)
    ('9 modules more: blocks.2, blocks.2.act, blocks.2.up, blocks.3 and 5 more',)
    """
    found = []
    if before.header.framework != now.header.framework:
        found.append(f"{now.header.framework or 'another framework'} instead of {before.header.framework or 'another'}")
    old, new = ({unit.name: unit for unit in each.modules if unit.order >= 0} for each in (before, now))
    for names, word in ((new.keys() - old.keys(), "more"), (old.keys() - new.keys(), "fewer")):
        if names:
            count = f"{len(names):,} module{'s' * (len(names) > 1)} {word}"
            found.append(f"{count}: {listed(sorted(names))}")
    found += _changed(old, new, "type")
    old, new = ({unit.name: unit for unit in each.parameters} for each in (before, now))
    found += _changed(old, new, "shape") + _changed(old, new, "dtype")
    earlier, later = (
        float(each.quantity("learning_rate")[0]) if len(each.steps) else math.nan for each in (before, now)
    )
    if math.isfinite(earlier) and math.isfinite(later) and not math.isclose(earlier, later, rel_tol=1e-6):
        found.append(f"learning rate {later:.3g} instead of {earlier:.3g}")
    return tuple(found)


def outcome(before: Recorded, now: Recorded, record_before: int, record_now: int) -> tuple[str, ...]:
    """What became of it at these records, a phrase each: verdicts that are gone or new, δ end to end, the loss.

    What is the same in the digits that are shown is left out.
    """
    old, new = (
        {each.rule: each.title for each in recorded_verdict(run, record)}
        for run, record in ((before, record_before), (now, record_now))
    )
    found = [f"“{title}” is gone" for rule, title in old.items() if rule not in new]
    found += [f"“{title}” is new" for rule, title in new.items() if rule not in old]
    flow, flow_before = (f"{end_to_end(run, at):.2g}" for run, at in ((now, record_now), (before, record_before)))
    if "nan" not in (flow, flow_before) and flow != flow_before:
        found.append(f"the first block receives {flow} of what the last one does, not {flow_before}")
    loss, loss_before = f"{now.loss[record_now]:.4g}", f"{before.loss[record_before]:.4g}"
    if "nan" not in (loss, loss_before) and loss != loss_before:
        found.append(f"the loss is {loss}, not {loss_before}")
    return tuple(found)


def _changed(old: dict[str, Unit], new: dict[str, Unit], fact: str) -> list[str]:
    """Units of the same name whose fact differs, those with the same change together."""
    changes: dict[tuple[str, str], list[str]] = {}
    for name in new:
        pair = tuple(_text(getattr(unit, fact)) for unit in (old.get(name), new[name]) if unit is not None)
        if len(pair) == 2 and all(pair) and pair[0] != pair[1]:
            changes.setdefault((pair[0], pair[1]), []).append(name)
    return [f"{after} instead of {earlier} in {listed(names)}" for (earlier, after), names in changes.items()]


def _text(fact: object) -> str:
    return " × ".join(map(str, fact)) if isinstance(fact, tuple) else str(fact)
