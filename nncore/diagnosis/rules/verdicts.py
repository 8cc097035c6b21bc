"""The verdicts on a run at one record: which rules fire, how grave each is for the loss, and in what order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from nncore.diagnosis.loss_course import LOST
from nncore.diagnosis.rules.rule import KINDS, RULES, Finding, Rule
from nncore.diagnosis.snapshot import Snapshot
from nncore.display.shown import Shown
from nncore.history.history import History

Found = TypeVar("Found", bound=Any)


@dataclass(frozen=True)
class Verdict:
    """A rule that fired at `step`: its number `value` against `threshold`, in words and by layer.

    `rule` is a key of RULES; `kind` one of KINDS; `chart` the key of the chart that proves
    it; `record` the index it was read at. `is_consequence`: the loss had blown up before, and this came of it.
    """

    rule: str
    title: str
    severity: int
    kind: str
    metric: str
    value: float
    threshold: float
    layers: tuple[int, ...]
    sentence: str
    chart: str
    source: str
    step: int
    record: int
    is_consequence: bool = False


class Verdicts(Shown, tuple[Found, ...]):
    """Verdicts, the gravest first: a tuple that says itself in a line each.

    >>> Verdicts(())
    Nothing wrong was found.
    """

    def __repr__(self) -> str:
        return "\n".join(f"{each.title}: {each.sentence}" for each in self) or "Nothing wrong was found."


def verdict(history: History, record: int | None = None) -> Verdicts[Verdict]:
    """What is wrong at one record, the last finite one by default; the gravest first, () when nothing is.

    Of equal severity causes come before conditions of the network, and these before what became of the loss. A
    condition is graver where the loss shows that nothing is learned, and only worth knowing where the network has
    learned its task all the same, or where it came about after the loss had blown up or had been lowest.

    Costs a few replayed records and the update ratios of at most 200. Poor initialization is judged at the
    first record whichever is asked for, divergence for the whole run. Raises IndexError on a record that does
    not exist.

    >>> from nncore import RunConfig, run
    >>> [each.rule for each in verdict(run(RunConfig(hidden=(16,) * 4, steps=20)))]
    []
    >>> verdict(run(RunConfig(hidden=(16,) * 12, activation="sigmoid", steps=0)))[0].rule
    'vanishing'
    """
    return judge(Snapshot(history, history.last_finite if record is None else record))


def judge(seen: Snapshot, found: Mapping[str, Finding] | None = None) -> Verdicts[Verdict]:
    """The same for a snapshot that is there already, and for what was `found` in it, if that is known."""
    found = findings(seen) if found is None else found
    verdicts = [_verdict(RULES[name], each, seen) for name, each in found.items() if RULES[name].fires(each)]
    return Verdicts(sorted(verdicts, key=lambda each: (-each.severity, KINDS.index(each.kind))))


def findings(seen: Snapshot) -> dict[str, Finding]:
    """What every rule finds, whether it fires or not: rule -> its finding."""
    return {name: rule.measure(seen) for name, rule in RULES.items()}


def _verdict(rule: Rule, finding: Finding, seen: Snapshot) -> Verdict:
    severity, sentence, course = rule.severity, finding.sentence, seen.course
    was_there = rule.kind == "condition" and rule.fires(rule.measure(seen.at_start))
    consequence = rule.kind == "condition" and not was_there and (course.has_grown or course.lost > LOST)
    if consequence:
        severity, sentence = 1, f"{sentence} {_came_after(seen)}"
    elif rule.kind in ("cause", "condition") and course.has_learned:
        severity = 1
    elif rule.kind == "condition" and course.is_ill:
        severity = 3 if was_there else min(severity + 1, 3)
    elif rule.kind == "cause" and not course.is_ill:
        severity = min(severity, 2)
    return Verdict(
        rule.name,
        rule.title,
        severity,
        rule.kind,
        rule.metric,
        finding.value,
        rule.threshold,
        finding.layers,
        sentence,
        rule.chart,
        rule.source,
        int(seen.history.step[seen.record]),
        seen.record,
        consequence,
    )


def _came_after(seen: Snapshot) -> str:
    """Why a condition is no cause."""
    if seen.course.has_grown:
        return "This came after the loss had blown up, and did not cause that."
    return f"This came after step {seen.history.step[seen.course.best]}, where the loss was lowest."
