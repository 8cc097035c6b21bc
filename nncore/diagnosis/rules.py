"""Rules over measurements: what is wrong, by which number, in which layers, and which chart proves it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from nncore.diagnosis.flows import EXPLODED, VANISHED
from nncore.diagnosis.gradient_ledger import PARTS, ledger
from nncore.diagnosis.snapshot import WINDOW, Snapshot
from nncore.history.history import History

CHARTS = (
    "flow",
    "heatmap",
    "activation",
    "delta",
    "weight_gradient",
    "signal",
    "updates",
    "saturation",
    "loss",
    "learned",
    "theta",
)
"""Keys of the charts that a verdict may point at."""


@dataclass(frozen=True)
class Finding:
    """A rule's own number, the layers (1 ... L) that it speaks of, and a sentence; NaN: nothing to judge."""

    value: float
    layers: tuple[int, ...] = ()
    sentence: str = ""


NOTHING = Finding(np.nan)


@dataclass(frozen=True)
class Rule:
    """One thing that can be wrong: `measure` gives the number, `threshold` says from where on it is wrong.

    `metric` says what the number is, `short_metric` the same without when it was taken.
    `above`: wrong above the threshold, otherwise below it. `severity` 3: nothing is learned; 2: some layers
    learn nothing; 1: worth knowing. `source`: where the threshold comes from. `chart`: one of CHARTS.
    """

    name: str
    title: str
    metric: str
    short_metric: str
    threshold: float
    above: bool
    severity: int
    chart: str
    source: str
    measure: Callable[[Snapshot], Finding]

    def fires(self, finding: Finding) -> bool:
        """Is the number on the wrong side? Never for NaN."""
        return bool(finding.value > self.threshold if self.above else finding.value < self.threshold)


@dataclass(frozen=True)
class Verdict:
    """A rule that fired at `step`: its number `value` against `threshold`, in words and by layer.

    `rule` is a key of RULES; `chart` the key of the chart that proves it; `record` the index it was read at.
    """

    rule: str
    title: str
    severity: int
    metric: str
    value: float
    threshold: float
    layers: tuple[int, ...]
    sentence: str
    chart: str
    source: str
    step: int
    record: int


def verdict(history: History, record: int | None = None) -> tuple[Verdict, ...]:
    """What is wrong at one record, the last finite one by default; the gravest first, () when nothing is.

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


def judge(snapshot: Snapshot) -> tuple[Verdict, ...]:
    """The same for a snapshot that is there already."""
    found = [(rule, rule.measure(snapshot)) for rule in RULES.values()]
    verdicts = [
        Verdict(
            rule.name,
            rule.title,
            rule.severity,
            rule.metric,
            finding.value,
            rule.threshold,
            finding.layers,
            finding.sentence,
            rule.chart,
            rule.source,
            int(snapshot.history.step[snapshot.record]),
            snapshot.record,
        )
        for rule, finding in found
        if rule.fires(finding)
    ]
    return tuple(sorted(verdicts, key=lambda each: -each.severity))


RULES: dict[str, Rule] = {}


def _rule(
    title: str, metric: str, threshold: float, above: bool, severity: int, chart: str, source: str, when: str = ""
) -> Callable[[Callable[[Snapshot], Finding]], Rule]:
    """Enter a measuring function into RULES under its own name."""

    def enter(measure: Callable[[Snapshot], Finding]) -> Rule:
        name, quiet = measure.__name__, np.errstate(all="ignore")(measure)
        whole = f"{metric}, {when}" if when else metric
        RULES[name] = Rule(name, title, whole, metric, threshold, above, severity, chart, source, quiet)
        return RULES[name]

    return enter


# The rules, in order within a severity ----------------------------------------------------------------------


@_rule(
    "Diverged",
    "share of the run that stayed finite",
    1.0,
    False,
    3,
    "loss",
    "One number that is not finite makes every later one so.",
)
def diverged(seen: Snapshot) -> Finding:
    """(t - first) / (last - first + 1) when step t is the first that is not finite; wrong below 1."""
    history = seen.history
    if history.divergence is None:
        return Finding(1.0)
    first, last = history.config.first_step, history.config.steps
    share = (history.divergence.step - first) / (last - first + 1)
    return Finding(share, (history.divergence.layer,), history.divergence.sentence())


@_rule(
    "No gradient",
    "layers whose weight gradient is exactly 0",
    0.0,
    True,
    3,
    "flow",
    "A weight whose gradient is exactly 0 never moves; SageMaker Debugger's AllZero asks the same.",
)
def zero_gradient(seen: Snapshot) -> Finding:
    """The number of layers with ‖∂E/∂W‖ = 0; wrong above 0."""
    layers = _where(seen.now("weight_gradient_norm") == 0)
    if not layers:
        return Finding(0.0)
    why = ledger(seen.history, seen.record).caveats if seen.sentences else ()
    return Finding(
        float(len(layers)),
        layers,
        f"∂E/∂W is exactly 0 in {_named(layers)}: the weights there cannot learn. {' '.join(why)}".strip(),
    )


UNDERFLOW = 0.01


@_rule(
    "Gradient underflows",
    "largest share of a layer's δ lost to underflow",
    UNDERFLOW,
    True,
    3,
    "delta",
    "One entry in a hundred, by convention: below that a sum over rows loses no digit that a chart shows. "
    "Micikevicius et al. 2018 rescale the loss for this reason.",
)
def underflow(seen: Snapshot) -> Finding:
    """Largest share of a layer's δ that is 0 in this float type alone; wrong above 0.01."""
    lost = seen.underflow
    layers, dtype = _where(lost > UNDERFLOW), seen.history.theta.dtype
    worst = float(lost.max())
    return Finding(
        worst,
        layers,
        f"In {_named(layers)} up to {worst:.0%} of δ is exactly 0 in {dtype} and would not be with a larger "
        f"exponent: what is too small to be stored cannot train a weight.",
    )


@_rule(
    "Gradients vanish",
    "first over last δ",
    VANISHED,
    False,
    2,
    "flow",
    "Three decades. Experiment: of 24 networks trained at the best of three rates, the six that start "
    "below 1e-3 end at a loss of 0.32 or, five of them, where they began, at ln 2; all twelve that start "
    "above 1e-2 end below 0.18.",
)
def vanishing(seen: Snapshot) -> Finding:
    """‖δ_1‖ / ‖δ_L‖; wrong below 1e-3. The layers named are those below 1e-3 ‖δ_L‖."""
    return _end_to_end(seen, lambda ratio: ratio < VANISHED, "of")


@_rule(
    "Gradients explode",
    "first over last δ",
    EXPLODED,
    True,
    2,
    "flow",
    "Three decades, as for vanishing: one learning rate cannot serve layers whose gradients differ by more.",
)
def exploding(seen: Snapshot) -> Finding:
    """‖δ_1‖ / ‖δ_L‖; wrong above 1e3. The layers named are those above 1e3 ‖δ_L‖."""
    return _end_to_end(seen, lambda ratio: ratio > EXPLODED, "times")


@_rule(
    "Identical units",
    "largest share of a layer's units with a twin",
    0.0,
    True,
    2,
    "theta",
    "Two units with equal incoming and outgoing weights receive equal gradients: one of them is wasted for ever.",
)
def symmetric(seen: Snapshot) -> Finding:
    """Largest share of a layer's units with a twin of equal weights in and out; wrong above 0."""
    layers, worst = _where(seen.twins > 0), float(seen.twins.max())
    return Finding(
        worst,
        layers,
        f"In {_named(layers)} up to {worst:.0%} of the units have a twin with the same weights in and out: "
        "they compute the same and learn the same.",
    )


POOR_DECADES = 3.0


@_rule(
    "Poor initialization",
    "decades between the signal of layer 1 and of another layer",
    POOR_DECADES,
    True,
    2,
    "signal",
    "Three decades, the forward counterpart of vanishing and exploding. SageMaker Debugger's "
    "PoorWeightInitialization asks for variances within a factor 10, which relu with He initialization "
    "misses at 20 layers while it passes the gradient.",
    when="at step 0",
)
def poor_initialization(seen: Snapshot) -> Finding:
    """max over l of |log10(signal_l / signal_1)| at step 0; wrong above 3, infinite where a signal is 0."""
    signal = seen.first("signal")
    if not (np.isfinite(signal).all() and signal[0] > 0):
        return Finding(np.inf, (1,), "The signal is 0 or not finite in layer 1 before training starts.")
    decades = np.where(signal > 0, np.abs(np.log10(signal / signal[0])), np.inf)
    layers, worst = _where(decades > POOR_DECADES), int(np.argmax(decades))
    return Finding(
        float(decades[worst]),
        layers,
        f"Before training, z differs between samples by {signal[0]:.2g} in layer 1 and by "
        f"{signal[worst]:.2g} in layer {worst + 1}: the initialization does not carry the signal through "
        "the depth.",
    )


SATURATED = 0.5


@_rule(
    "Saturated units",
    "largest saturated share of a layer",
    SATURATED,
    True,
    1,
    "saturation",
    "More than half of units × rows with |φ′| below 1 % of its largest. SageMaker Debugger's "
    "SaturatedActivation draws the line at |z| = 9.5 for tanh, where φ′ is 2e-8; 1 % is where a layer's "
    "gradient has lost two decades.",
)
def saturated(seen: Snapshot) -> Finding:
    """Largest saturated_fraction of a layer; wrong above 0.5."""
    return _share(seen, "saturated_fraction", SATURATED, "of units × rows lie where φ′ is below 1 % of its largest")


DEAD = 0.75


@_rule(
    "Dead units",
    "largest dead share of a layer",
    DEAD,
    True,
    1,
    "saturation",
    "Three quarters. Experiment: relu with He initialization, 32 wide, three seeds, has up to 38 % dead "
    "units in its worst layer at 10 layers, 62 % at 30 and 69 % at 50 and still passes the gradient "
    "(samples become alike with depth, and a unit is then on for all or none); SageMaker Debugger's "
    "DeadRelu asks for 50 %.",
)
def dead(seen: Snapshot) -> Finding:
    """Largest dead_fraction of a layer; wrong above 0.75."""
    return _share(seen, "dead_fraction", DEAD, "of the units have φ′ = 0 on every probe row")


FLAT = 10.0


@_rule(
    "Weight gradient flat, δ vanished",
    "largest over smallest weight-gradient norm of the hidden layers",
    FLAT,
    False,
    1,
    "weight_gradient",
    "Glorot & Bengio 2010, figures 7 and 8: δ shrinks with depth and the activations shrink the other way, "
    "so that their product hides it. A factor 10 is what one look at a log axis calls flat.",
)
def flat_weight_gradient(seen: Snapshot) -> Finding:
    """max / min of ‖∂E/∂W‖ over three or more hidden layers whose δ vanishes; misleading below 10."""
    norms, flow = seen.now("weight_gradient_norm")[:-1], seen.flow
    if flow.kind != "vanishing" or len(norms) < 3 or not (norms > 0).all():
        return NOTHING
    spread, level = float(norms.max() / norms.min()), float(np.median(norms))
    weights = float(np.median(seen.now("weight_norm")[:-1]))
    return Finding(
        spread,
        tuple(range(1, seen.n_layers)),
        f"∂E/∂W of the hidden layers stays within a factor {spread:.2g} while δ falls to {flow.ratio:.2g}: "
        f"this chart cannot show that the gradient vanishes. Its level can: {level:.2g}, beside weights of "
        f"norm {weights:.2g}.",
    )


TOO_SMALL, TOO_LARGE = 1e-5, 0.1


@_rule(
    "Updates too small",
    "smallest over layers of the largest update ratio so far",
    TOO_SMALL,
    False,
    1,
    "updates",
    "Two decades under the rule of thumb 1e-3 (Karpathy). Experiment: five networks of one and three "
    "hidden layers, rates 1e-5 to 100, 500 steps: where no layer's updates exceed 1e-5, the loss falls by "
    "less than 2 %. SageMaker Debugger's WeightUpdateRatio asks for 1e-8.",
)
def updates_too_small(seen: Snapshot) -> Finding:
    """min over layers of the largest update_ratio so far; wrong below 1e-5."""
    largest = seen.largest_updates
    if np.isnan(largest).all():
        return NOTHING
    slow, least = largest < TOO_SMALL, float(np.nanmin(largest))
    layers, most = _where(slow), float(largest[slow].max(initial=0.0))
    return Finding(
        least,
        layers,
        f"No update so far changed the weights of {_named(layers)} by more than {most:.2g} of "
        f"their length, in the slowest layer by {least:.2g}.",
    )


@_rule(
    "Updates too large",
    f"largest over layers of the median of the last {WINDOW} update ratios",
    TOO_LARGE,
    True,
    1,
    "updates",
    "Two decades over the rule of thumb 1e-3 (Karpathy). Experiment, as for too small: the two runs that "
    "end above 0.1 end at ten times the loss they started from or more; those that reach a loss below 0.01 "
    "end below 7e-4. SageMaker Debugger's WeightUpdateRatio asks for 10.",
)
def updates_too_large(seen: Snapshot) -> Finding:
    """max over layers of the median of the last update ratios; wrong above 0.1."""
    recent = seen.recent_updates
    if np.isnan(recent).all():
        return NOTHING
    layers, worst = _where(recent > TOO_LARGE), float(np.nanmax(recent))
    return Finding(
        worst,
        layers,
        f"Each of the last {WINDOW} updates changed the weights of {_named(layers)} by about {worst:.2g} of "
        "their length: a layer that is replaced every few steps keeps nothing that it learned.",
    )


# Words ------------------------------------------------------------------------------------------------------


def _end_to_end(seen: Snapshot, is_wrong: Callable[[Any], Any], word: str) -> Finding:
    """First over last δ, and the layers whose own δ over the last one is wrong as well."""
    flow = seen.flow
    if flow.kind in ("zero", "not finite", "single"):
        return NOTHING
    if not is_wrong(flow.ratio):
        return Finding(flow.ratio)
    sentence = f"Layer 1 receives {flow.ratio:.2g} {word} what layer {flow.n_layers} receives. {_shares(seen)}"
    return Finding(flow.ratio, _where(is_wrong(flow.delta / flow.delta[-1])), sentence.strip())


def _share(seen: Snapshot, name: str, threshold: float, what: str) -> Finding:
    """The largest share over the layers where it is defined."""
    shares = seen.now(name)
    if np.isnan(shares).all():
        return NOTHING
    layers, worst = _where(shares > threshold), int(np.nanargmax(shares))
    return Finding(
        float(shares[worst]), layers, f"In layer {worst + 1}, {shares[worst]:.0%} {what}; too many in {_named(layers)}."
    )


def _shares(seen: Snapshot) -> str:
    """What the ledger puts down to each part, where every layer has its logarithms."""
    if not seen.sentences:
        return ""
    found = ledger(seen.history, seen.record)
    sums = {part: float(found[part].sum()) for part in PARTS}
    total = float(found["total"].sum())
    if not np.isfinite([*sums.values(), total]).all():
        return " ".join(found.caveats)
    words = [f"{part} {decades:+.1f}" for part, decades in sums.items() if abs(decades) >= 0.05]
    return f"Of these {total:+.1f} decades: {', '.join(words)}." if words else ""


def _where(chosen: np.ndarray) -> tuple[int, ...]:
    """Numbers (1 ... L) of the chosen layers."""
    return tuple(int(layer) for layer in np.flatnonzero(chosen) + 1)


def _named(layers: tuple[int, ...]) -> str:
    """layer 3; layers 1 to 4; layers 1, 3 and 7."""
    if not layers:
        return "no layer"
    if len(layers) == 1:
        return f"layer {layers[0]}"
    if len(layers) > 2 and layers[-1] - layers[0] == len(layers) - 1:
        return f"layers {layers[0]} to {layers[-1]}"
    return f"layers {', '.join(map(str, layers[:-1]))} and {layers[-1]}"
