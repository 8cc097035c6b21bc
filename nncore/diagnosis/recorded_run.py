"""What is wrong with a run recorded from somebody else's training: rules over its blocks, by name.

The gradient is followed from block to block (`Recorded.path_of_gradient`): a module inside a block may lie on a branch, where
little gradient is no harm. The thresholds are those of nncore's own rules, which come from multilayer perceptrons; what
only a framework's training knows (parameters that nothing trains, clipping, a loss scale, 16-bit weights) is judged here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nncore.diagnosis.flows import EXPLODED, VANISHED
from nncore.diagnosis.loss_spike import LEAD, LEAST, last_spike
from nncore.diagnosis.rules.gradient import DEAD, SATURATED, TOO_LARGE, TOO_SMALL
from nncore.diagnosis.rules.verdicts import Verdicts
from nncore.diagnosis.snapshot import WINDOW
from nncore.recorders import Recorded


@dataclass(frozen=True)
class RecordedFinding:
    """A rule's number, the modules or parameters that it speaks of by name, and a sentence; NaN: nothing to judge."""

    value: float
    names: tuple[str, ...] = ()
    sentence: str = ""


NOTHING = RecordedFinding(np.nan)


@dataclass(frozen=True)
class RecordedRule:
    """One thing that can be wrong with a recorded run; as `nncore.diagnosis.Rule`, of names in place of layers.

    `quantity`: the one of RECORDED_QUANTITIES that shows it. `measure`: of a recorded run and the index of a record.
    """

    name: str
    title: str
    metric: str
    threshold: float
    above: bool
    severity: int
    quantity: str
    source: str
    measure: Callable[[Recorded, int], RecordedFinding]

    def fires(self, finding: RecordedFinding) -> bool:
        """Is the number on the wrong side? Never for NaN."""
        return bool(finding.value > self.threshold if self.above else finding.value < self.threshold)


@dataclass(frozen=True)
class RecordedVerdict:
    """A rule that fired at `step`: its number against its threshold, in words and by the names of modules or parameters."""

    rule: str
    title: str
    severity: int
    metric: str
    value: float
    threshold: float
    names: tuple[str, ...]
    sentence: str
    quantity: str
    source: str
    step: int
    record: int


RECORDED_RULES: dict[str, RecordedRule] = {}
"""Every rule under its name."""


def recorded_verdict(recorded: Recorded, record: int | None = None) -> Verdicts[RecordedVerdict]:
    """What is wrong at one record, the last one with a finite δ by default; the gravest first, () when nothing is.

    Raises ValueError where nothing has been recorded yet, IndexError on a record that does not exist.

    >>> import tempfile
    >>> from nncore.recorders.example import example
    >>> path = example(tempfile.mkdtemp() + "/run.arrows", n_blocks=8, factor=0.6)
    >>> for found in recorded_verdict(Recorded.open(path)):
    ...     print(f"{found.title}: {found.sentence}")
    Gradients vanish: blocks.0 receives 1.3e-05 of what head receives; below a thousandth: blocks.0 to blocks.2.
    """
    if not len(recorded.steps):
        raise ValueError("nothing has been recorded yet: not one step is whole")
    record = last_finite(recorded) if record is None else range(len(recorded.steps))[record]
    found = []
    with np.errstate(all="ignore"):
        for rule in RECORDED_RULES.values():
            finding = rule.measure(recorded, record)
            if rule.fires(finding):
                found.append(
                    RecordedVerdict(
                        rule.name,
                        rule.title,
                        rule.severity,
                        rule.metric,
                        finding.value,
                        rule.threshold,
                        finding.names,
                        finding.sentence,
                        rule.quantity,
                        rule.source,
                        int(recorded.steps[record]),
                        record,
                    )
                )
    return Verdicts(sorted(found, key=lambda each: -each.severity))


def without_a_number(recorded: Recorded, record: int) -> tuple[RecordedRule, ...]:
    """The rules that have nothing to judge by at a record, for what they look at was not recorded, or not yet."""
    with np.errstate(all="ignore"):
        return tuple(rule for rule in RECORDED_RULES.values() if np.isnan(rule.measure(recorded, record).value))


def end_to_end(recorded: Recorded, record: int) -> float:
    """δ of the first over that of the last block at a record, as the rules `vanishing` and `exploding` have it; NaN for none."""
    _, delta, _ = _path(recorded, record)
    with np.errstate(all="ignore"):
        return float(delta[0] / delta[-1]) if len(delta) > 1 else np.nan


def last_finite(recorded: Recorded) -> int:
    """The last record in which every module's output and δ are finite; the first where there is none."""
    return next((record for record in range(len(recorded.steps) - 1, 0, -1) if not _broken(recorded, record)), 0)


def _broken(recorded: Recorded, record: int) -> tuple[str, ...]:
    """Names of the modules whose output or δ is infinite or NaN at a record, in execution order."""
    bad = np.zeros(len(recorded.modules), bool)
    for name in ("activation_rms", "delta_norm"):
        bad |= recorded.has_number(name)[record] & ~np.isfinite(recorded.quantity(name)[record])
    return tuple(recorded.modules[place].name for place in np.flatnonzero(bad))


def _rule(
    title: str, metric: str, threshold: float, above: bool, severity: int, quantity: str, source: str
) -> Callable[[Callable[[Recorded, int], RecordedFinding]], RecordedRule]:
    """Enter a measuring function into RECORDED_RULES under its own name."""

    def enter(measure: Callable[[Recorded, int], RecordedFinding]) -> RecordedRule:
        name = measure.__name__
        RECORDED_RULES[name] = RecordedRule(name, title, metric, threshold, above, severity, quantity, source, measure)
        return RECORDED_RULES[name]

    return enter


@_rule(
    "Not finite",
    "modules whose output or δ is not finite in the last record",
    0.0,
    True,
    3,
    "activation_rms",
    "A number that is infinite or NaN makes every later one so.",
)
def not_finite(recorded: Recorded, record: int) -> RecordedFinding:
    """How many modules put out, or receive, something infinite or NaN in the last record; wrong above 0."""
    last = len(recorded.steps) - 1
    bad = _broken(recorded, last)
    if not bad:
        return RecordedFinding(0.0)
    first = next(each for each in range(last + 1) if _broken(recorded, each))
    began = _broken(recorded, first)
    forward = ~np.isfinite(recorded.quantity("activation_rms")[first]) & recorded.has_number("activation_rms")[first]
    where = "it began in the backward pass"
    if forward.any():
        where = f"{recorded.modules[int(np.argmax(forward))].name} is the first to put that out"
    sentence = f"From step {recorded.steps[first]:,} on {listed(began)} {'is' if len(began) == 1 else 'are'} not finite; {where}."
    return RecordedFinding(float(len(bad)), bad, sentence)


@_rule(
    "No gradient",
    "modules on the gradient's path whose δ is exactly 0",
    0.0,
    True,
    3,
    "delta_norm",
    "Where δ is exactly 0, no weight below learns anything; SageMaker Debugger's AllZero asks the same.",
)
def no_gradient(recorded: Recorded, record: int) -> RecordedFinding:
    """The number of modules from block to block with δ = 0; wrong above 0."""
    names, delta, what = _path(recorded, record)
    if not names:
        return NOTHING
    zero = [name for name, value in zip(names, delta, strict=True) if value == 0]
    return RecordedFinding(
        float(len(zero)),
        tuple(zero),
        f"{'∂E/∂W' if what else 'δ'} is exactly 0 at {listed(zero)}: nothing {'there' if what else 'below'} learns.",
    )


@_rule(
    "Gradients vanish",
    "δ of the first over that of the last block",
    VANISHED,
    False,
    2,
    "delta_norm",
    "Three decades, as for nncore's own runs (multilayer perceptrons); between the outputs of blocks, so that a branch does "
    "not count.",
)
def vanishing(recorded: Recorded, record: int) -> RecordedFinding:
    """‖δ‖ of the first over that of the last module of the gradient's path; wrong below 1e-3."""
    return _end_to_end(recorded, record, "of", "below a thousandth", lambda ratio: ratio < VANISHED)


@_rule(
    "Gradients explode",
    "δ of the first over that of the last block",
    EXPLODED,
    True,
    2,
    "delta_norm",
    "Three decades, as for vanishing: one learning rate cannot serve layers whose gradients differ by more.",
)
def exploding(recorded: Recorded, record: int) -> RecordedFinding:
    """‖δ‖ of the first over that of the last module of the gradient's path; wrong above 1e3."""
    return _end_to_end(recorded, record, "times", "above a thousand times", lambda ratio: ratio > EXPLODED)


@_rule(
    "No gradient arrives",
    "parameters that an optimizer holds and no gradient has reached",
    0.0,
    True,
    2,
    "gradient_norm",
    "An optimizer never moves a parameter without a gradient: the part was left out of forward, or detached.",
)
def unreached(recorded: Recorded, record: int) -> RecordedFinding:
    """Parameters held by an optimizer that had no gradient in any record, where others had one; wrong above 0."""
    if recorded.header.is_log:
        return NOTHING
    either = np.logical_or(recorded.has_number("gradient_norm"), recorded.has_number("used_gradient_norm"))
    reached = [bool(of_one.any()) for of_one in either.T]
    if not any(reached):
        return NOTHING
    names = [unit.name for unit, there in zip(recorded.parameters, reached, strict=True) if unit.trained and not there]
    return RecordedFinding(
        float(len(names)),
        tuple(names),
        f"The optimizer holds {listed(names)}, and no gradient has reached {_them(names)}.",
    )


@_rule(
    "Not trained",
    "parameters that no optimizer holds, or that need no gradient",
    0.0,
    True,
    1,
    "update_norm",
    "Meant where a part is frozen; otherwise it was forgotten when the optimizer was made.",
)
def not_trained(recorded: Recorded, record: int) -> RecordedFinding:
    """Parameters in no optimizer or without a gradient by choice; worth knowing above 0."""
    names = [unit.name for unit in recorded.parameters if not unit.trained]
    return RecordedFinding(
        float(len(names)),
        tuple(names),
        f"{listed(names)} {'is' if len(names) == 1 else 'are'} frozen or in no optimizer: training leaves {_them(names)} as "
        f"{'it is' if len(names) == 1 else 'they are'}.",
    )


HIDDEN = 0.1


@_rule(
    "Clipping hides all steps",
    f"share of the last {WINDOW} records in which clipping kept less than a tenth of the gradient",
    0.5,
    True,
    2,
    "clipping",
    "By convention: where most gradients are cut to a tenth, the clipping norm is the size of every step, and the learning "
    "rate and the loss's slope say nothing.",
)
def clipping_hides_all(recorded: Recorded, record: int) -> RecordedFinding:
    """In how many of the last records the gradient of all parameters was cut below a tenth; wrong above half."""
    window = slice(max(record + 1 - WINDOW, 0), record + 1)
    before, used = recorded.quantity("gradient_norm")[window], recorded.quantity("used_gradient_norm")[window]
    both = ~np.isnan(before) & ~np.isnan(used)
    if not both.any():
        return NOTHING
    kept = _length(np.where(both, used, 0)) / _length(np.where(both, before, 0))
    kept = kept[np.isfinite(kept)]
    if not len(kept):
        return NOTHING
    share = float((kept < HIDDEN).mean())
    return RecordedFinding(
        share,
        (),
        f"In {100 * share:.0f}\u00a0% of the last {len(kept)} records clipping kept less than a tenth of the gradient, "
        f"{np.median(kept):.2g} of it in the middle one: the clipping norm sets the size of every step.",
    )


SWALLOWED = 0.5


@_rule(
    "Updates are swallowed",
    "largest share of a parameter's weights that an update left unchanged, though their gradient was not 0",
    SWALLOWED,
    True,
    2,
    "unchanged_fraction",
    "Half. A 16-bit weight moves only by steps of 1/256 (bfloat16) or 1/2048 (float16) of itself: a smaller update is rounded "
    "away, every time (Zamirai et al. 2020).",
)
def update_swallowed(recorded: Recorded, record: int) -> RecordedFinding:
    """Largest median unchanged_fraction over the last records; wrong above 0.5."""
    return _worst(
        recorded,
        "unchanged_fraction",
        SWALLOWED,
        _recent(recorded, "unchanged_fraction", record),
        "of the weights with a gradient did not move at all",
    )


SKIPS = 0.1


@_rule(
    "The scaler skips steps",
    "share of all steps that the gradient scaler has skipped",
    SKIPS,
    True,
    2,
    "skipped",
    "One in ten, by convention. A scale that has settled skips one step in the 2,000 of its growth interval.",
)
def scaler_skips(recorded: Recorded, record: int) -> RecordedFinding:
    """Skipped steps over those tried so far; wrong above a tenth."""
    skipped = recorded.quantity("skipped")[record]
    tried = recorded.steps[record] + 1 + skipped
    return RecordedFinding(
        float(skipped / tried),
        (),
        f"Of {tried:,.0f} steps tried, {skipped:,.0f} were skipped because a scaled gradient was not finite.",
    )


@_rule(
    "A layer moved before the loss jumped",
    "records by which the update of a weight had grown before the loss jumped",
    0.0,
    True,
    2,
    "update_norm",
    "Twice its middle value and six robust deviations above it, at every record until the jump, by convention; with Adam's "
    "second moment out of date one layer's update grows 1 to 8 steps ahead of the loss (Wortsman et al. 2023).",
)
def moves_first(recorded: Recorded, record: int) -> RecordedFinding:
    """Records between the first grown update and the latest jump of the loss; wrong above 0."""
    parameters = recorded.parameters
    if record < LEAD + LEAST or not parameters or not recorded.has_number("loss")[: record + 1].any():
        return NOTHING
    spike = last_spike(recorded, record)
    if spike is None or not spike.movers:
        return RecordedFinding(0.0)
    names = tuple(parameters[place].name for place in spike.movers)
    steps = recorded.steps
    to = f"{spike.loss:.3g}" if np.isfinite(spike.loss) else "a value that is not finite"
    return RecordedFinding(
        float(spike.record - spike.first),
        names,
        f"At step {steps[spike.record]:,} the loss jumps from about {spike.before:.3g} to {to}; from step "
        f"{steps[spike.first]:,} on {listed(names)} had moved more than usual, {names[0]} by {spike.growth:.2g} times.",
    )


@_rule(
    "Saturated units",
    "largest saturated share of a module",
    SATURATED,
    True,
    1,
    "saturated_fraction",
    "Half, as for nncore's own runs.",
)
def saturated(recorded: Recorded, record: int) -> RecordedFinding:
    """Largest saturated_fraction of a module; wrong above 0.5."""
    values = recorded.quantity("saturated_fraction")[record]
    return _worst(recorded, "saturated_fraction", SATURATED, values, "of the output lies where φ is flat")


@_rule(
    "Dead units",
    "largest share of a module's units that put out 0 for every row",
    DEAD,
    True,
    1,
    "dead_fraction",
    "Three quarters, as for nncore's own runs; of one step's rows, so that a unit may be dead here and alive in the next.",
)
def dead(recorded: Recorded, record: int) -> RecordedFinding:
    """Largest dead_fraction of a module; wrong above 0.75."""
    values = recorded.quantity("dead_fraction")[record]
    return _worst(recorded, "dead_fraction", DEAD, values, "of the units put out 0 for every row")


@_rule(
    "Updates too small",
    "smallest over parameters of the largest update ratio so far",
    TOO_SMALL,
    False,
    1,
    "update_ratio",
    "1e-5, as for nncore's own runs: two decades under the rule of thumb 1e-3 (Karpathy).",
)
def updates_too_small(recorded: Recorded, record: int) -> RecordedFinding:
    """min over trained weights of the largest update_ratio so far; wrong below 1e-5."""
    ratios = recorded.quantity("update_ratio")[: record + 1]
    if len(ratios) < WINDOW:
        return NOTHING
    largest = np.where(np.isnan(ratios), -np.inf, ratios).max(axis=0)
    own = np.array([unit.is_weight and unit.trained for unit in recorded.parameters], bool)
    judged = np.logical_and(own, largest > -np.inf)
    if not judged.any():
        return NOTHING
    slow = [
        unit.name
        for unit, value, own in zip(recorded.parameters, largest, judged, strict=True)
        if own and value < TOO_SMALL
    ]
    least = float(largest[judged].min())
    return RecordedFinding(
        least, tuple(slow), f"No recorded update changed {listed(slow)} by more than {TOO_SMALL:g} of its length."
    )


@_rule(
    "Updates too large",
    f"largest over parameters of the median of the last {WINDOW} update ratios",
    TOO_LARGE,
    True,
    1,
    "update_ratio",
    "0.1, as for nncore's own runs: two decades over the rule of thumb 1e-3 (Karpathy).",
)
def updates_too_large(recorded: Recorded, record: int) -> RecordedFinding:
    """max over weights of the median of the last recorded update ratios; wrong above 0.1."""
    recent = _recent(recorded, "update_ratio", record)
    judged = np.array([unit.is_weight for unit in recorded.parameters], bool)
    if record + 1 < WINDOW or not np.isfinite(recent[judged]).any():
        return NOTHING
    fast = [
        unit.name
        for unit, value, own in zip(recorded.parameters, recent, judged, strict=True)
        if own and value > TOO_LARGE
    ]
    worst = float(np.nanmax(recent[judged]))
    return RecordedFinding(
        worst,
        tuple(fast),
        f"The last {WINDOW} recorded updates changed {listed(fast)} by up to {worst:.2g} of its length at a time.",
    )


# Words ------------------------------------------------------------------------------------------------------


def listed(names: Sequence[str], at_most: int = 4) -> str:
    """Names in a sentence: a; a and b; a, b and c; a, b, c and 9 more; those of blocks in a row as a to d.

    >>> listed(["blocks.0", "blocks.1", "blocks.2", "head"]), listed(list("abcdefg"))
    ('blocks.0 to blocks.2 and head', 'a, b, c, d and 3 more')
    """
    parts = _runs(list(names))
    if len(parts) > at_most:
        more = len(names) - sum(length for _, length in parts[:at_most])
        return f"{', '.join(text for text, _ in parts[:at_most])} and {more:,} more"
    texts = [text for text, _ in parts] or ["nothing"]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"


def _runs(names: list[str]) -> list[tuple[str, int]]:
    """Names that differ by one in their last number, three or more of them, as one; each with how many it stands for."""
    found: list[tuple[str, int]] = []
    start = 0
    for place in range(1, len(names) + 1):
        if place < len(names) and _follows(names[place - 1], names[place]):
            continue
        if place - start > 2:
            found.append((f"{names[start]} to {names[place - 1]}", place - start))
        else:
            found += [(name, 1) for name in names[start:place]]
        start = place
    return found


def _follows(name: str, other: str) -> bool:
    (stem, _, number), (other_stem, _, other_number) = name.rpartition("."), other.rpartition(".")
    return (
        stem == other_stem and number.isdecimal() and other_number.isdecimal() and int(other_number) == int(number) + 1
    )


def _them(names: Sequence[str]) -> str:
    return "it" if len(names) == 1 else "them"


def _path(recorded: Recorded, record: int) -> tuple[list[str], np.ndarray, str]:
    """Names and δ norms from block to block, those without a δ left out, and what the sentence says of them.

    Of a run without any δ, such as a log's or a compiled model's, ∂E/∂W of the modules with weights stands for it.
    """
    norms, places, what = recorded.quantity("delta_norm"), recorded.path_of_gradient, ""
    if not recorded.has_number("delta_norm").any():
        owners = [(place, recorded.weight_of(place)) for place in range(len(recorded.modules))]
        found = np.full(norms.shape, np.nan)
        for place, weight in owners:
            if weight is not None:
                found[:, place] = recorded.quantity("gradient_norm")[:, weight]
        norms, places, what = found, tuple(place for place, weight in owners if weight is not None), " in ‖∂E/∂W‖"
    path = [place for place in places if not np.isnan(norms[record, place])]
    return [recorded.modules[place].name for place in path], norms[record, path], what


def _end_to_end(
    recorded: Recorded, record: int, word: str, beyond: str, is_wrong: Callable[[Any], Any]
) -> RecordedFinding:
    names, delta, what = _path(recorded, record)
    if len(delta) < 2 or not (np.isfinite(delta).all() and delta[0] > 0 and delta[-1] > 0):
        return NOTHING
    ratios = delta / delta[-1]
    wrong = [name for name, bad in zip(names, is_wrong(ratios), strict=True) if bad]
    sentence = f"{names[0]} receives {ratios[0]:.2g} {word} what {names[-1]} receives{what}; {beyond}: {listed(wrong)}."
    return RecordedFinding(float(ratios[0]), tuple(wrong), sentence)


def _recent(recorded: Recorded, quantity: str, record: int) -> np.ndarray:
    """Median of the last WINDOW records, those without a number left out."""
    values = recorded.quantity(quantity)[max(record + 1 - WINDOW, 0) : record + 1]
    known = ~np.isnan(values).all(axis=0)
    found = np.full(values.shape[1], np.nan)
    found[known] = np.nanmedian(values[:, known], axis=0)
    return found


def _worst(recorded: Recorded, quantity: str, threshold: float, values: np.ndarray, what: str) -> RecordedFinding:
    """The largest share where it is defined."""
    if np.isnan(values).all():
        return NOTHING
    units = (
        recorded.parameters
        if len(values) == len(recorded.parameters) and quantity == "unchanged_fraction"
        else recorded.modules
    )
    worst = int(np.nanargmax(values))
    names = [unit.name for unit, value in zip(units, values, strict=True) if value > threshold]
    return RecordedFinding(
        float(values[worst]),
        tuple(names),
        f"In {units[worst].name}, {100 * values[worst]:.0f}\u00a0% {what}; more than {100 * threshold:.0f}\u00a0% in {listed(names)}.",
    )


def _length(vectors: np.ndarray) -> np.ndarray:
    """Euclidean norm of the norms of each record."""
    return np.sqrt(np.square(vectors).sum(axis=1))
