"""Rules about the network's state at one record: the gradient's way, its units, its updates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nncore.diagnosis.flows import EXPLODED, VANISHED
from nncore.diagnosis.gradient_ledger import PARTS, ledger
from nncore.diagnosis.rules.rule import NOTHING, Finding, named, rule, where
from nncore.diagnosis.snapshot import WINDOW, Snapshot


@rule(
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
    layers = where(seen.now("weight_gradient_norm") == 0)
    if not layers:
        return Finding(0.0)
    why = ledger(seen.history, seen.record).caveats if seen.sentences else ()
    return Finding(
        float(len(layers)),
        layers,
        f"∂E/∂W is exactly 0 in {named(layers)}: the weights there cannot learn. {' '.join(why)}".strip(),
    )


UNDERFLOW = 0.01


@rule(
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
    layers, dtype = where(lost > UNDERFLOW), seen.history.theta.dtype
    worst = float(lost.max())
    return Finding(
        worst,
        layers,
        f"In {named(layers)} up to {100 * worst:.0f}\u00a0% of δ is exactly 0 in {dtype} and would not be with a larger "
        f"exponent: what is too small to be stored cannot train a weight.",
    )


@rule(
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


@rule(
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


@rule(
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
    layers, worst = where(seen.twins > 0), float(seen.twins.max())
    return Finding(
        worst,
        layers,
        f"In {named(layers)} up to {100 * worst:.0f}\u00a0% of the units have a twin with the same weights in and out: "
        "they compute the same and learn the same.",
    )


POOR_DECADES = 3.0


@rule(
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
    """max over l of |log10(signal_l / signal_1)| at step 0; wrong above 3, infinite where a signal is 0.

    Of samples that are all the same, or of a single one, no signal can differ between them: that is not the weights' fault.
    """
    x, signal = seen.history.probe_x, seen.first("signal")
    if (x == x[0]).all():
        return Finding(0.0, (), "")
    if not (np.isfinite(signal).all() and signal[0] > 0):
        return Finding(np.inf, (1,), "The signal is 0 or not finite in layer 1 before training starts.")
    decades = np.where(signal > 0, np.abs(np.log10(signal / signal[0])), np.inf)
    layers, worst = where(decades > POOR_DECADES), int(np.argmax(decades))
    return Finding(
        float(decades[worst]),
        layers,
        f"Before training, z differs between samples by {signal[0]:.2g} in layer 1 and by "
        f"{signal[worst]:.2g} in layer {worst + 1}: the initialization does not carry the signal through "
        "the depth.",
    )


SATURATED = 0.5


@rule(
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


@rule(
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


@rule(
    "Weight gradient flat, δ vanished",
    "largest over smallest weight-gradient norm of the hidden layers",
    FLAT,
    False,
    1,
    "weight_gradient",
    "Glorot & Bengio 2010, figures 7 and 8: δ shrinks with depth and the activations shrink the other way, "
    "so that their product hides it. A factor 10 is what one look at a log axis calls flat.",
    kind="chart",
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


@rule(
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
    layers, most = where(slow), float(largest[slow].max(initial=0.0))
    return Finding(
        least,
        layers,
        f"No update so far changed the weights of {named(layers)} by more than {most:.2g} of "
        f"their length, in the slowest layer by {least:.2g}.",
    )


@rule(
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
    layers, worst = where(recent > TOO_LARGE), float(np.nanmax(recent))
    return Finding(
        worst,
        layers,
        f"Each of the last {WINDOW} updates changed the weights of {named(layers)} by about {worst:.2g} of "
        "their length: a layer that is replaced every few steps keeps nothing that it learned.",
    )


# Words ------------------------------------------------------------------------------------------------------


def _end_to_end(seen: Snapshot, is_wrong: Callable[[Any], Any], word: str) -> Finding:
    """First over last δ, and the layers whose own δ over the last one is wrong as well."""
    flow = seen.flow
    if flow.kind in ("zero", "not finite", "single"):
        return NOTHING
    if not is_wrong(flow.ratio):
        first = seen.at_start.flow
        if not seen.record or not seen.course.is_ill or not is_wrong(first.ratio):
            return Finding(flow.ratio)
        return Finding(
            first.ratio,
            where(is_wrong(first.delta / first.delta[-1])),
            f"At the start layer 1 received {first.ratio:.2g} {word} what layer {first.n_layers} did, and the network has "
            f"learned nothing since; now it receives {flow.ratio:.2g}.",
        )
    sentence = f"Layer 1 receives {flow.ratio:.2g} {word} what layer {flow.n_layers} receives. {_shares(seen)}"
    return Finding(flow.ratio, where(is_wrong(flow.delta / flow.delta[-1])), sentence.strip())


def _share(seen: Snapshot, name: str, threshold: float, what: str) -> Finding:
    """The largest share over the layers where it is defined."""
    shares = seen.now(name)
    if np.isnan(shares).all():
        return NOTHING
    layers, worst = where(shares > threshold), int(np.nanargmax(shares))
    return Finding(
        float(shares[worst]),
        layers,
        f"In layer {worst + 1}, {100 * shares[worst]:.0f}\u00a0% {what}; too many in {named(layers)}.",
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
