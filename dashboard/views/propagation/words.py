"""Signal propagation in words, and the way from a point of the plane to the lab."""

from __future__ import annotations

import numpy as np

from dashboard.state.address import REACH
from dashboard.words.numbers import number, percent
from nncore import Activation, RunConfig
from nncore.theory import CRITERIA, TRAINABLE_DEPTH, FixedPoint, critical_point, normalization_growth
from nncore.theory.diagrams import mean_factor
from nncore.theory.of_config import SAME_UNITS, Standing

UNSETTLED = 0.05
"""Difference in ln of the factor per layer from which q* misleads at the network's depth."""


def in_the_lab(config: RunConfig, sigma_w2: float, sigma_b2: float) -> RunConfig:
    """The config at a point: lecun_normal with gain √σ_w² and bias deviation √σ_b², within the lab's sliders.

    >>> moved = in_the_lab(RunConfig(init="he_normal"), 2.25, 0.04)
    >>> moved.init, moved.gain, moved.bias_std
    ('lecun_normal', 1.5, 0.2)
    """
    return config.replace(
        init="lecun_normal",
        gain=min(round(float(np.sqrt(sigma_w2)), 6), REACH["gain"][1]),
        bias_std=min(round(float(np.sqrt(sigma_b2)), 6), REACH["bias_std"][1]),
    )


def advice(config: RunConfig) -> list[str]:
    """What of this config the diagram does not describe, a sentence or two each."""
    notes = []
    if not config.depth:
        notes.append(
            "This network has no hidden layer: it stands nowhere in the plane. Give it depth, or read the diagram for itself."
        )
    if config.init in SAME_UNITS:
        notes.append(
            f"**{config.init}** draws nothing at random: all units of a layer are the same one, and the theory of random networks does "
            "not speak of them. A click in the diagram gives the network random weights."
        )
    if config.normalization != "none":
        growths = {phi.name: getattr(normalization_growth(phi), config.normalization) for phi in config.activations()}
        factors = "; ".join(
            f"{name}: ‖δ‖ × {np.sqrt(value):.3g} per layer going back" for name, value in growths.items() if value > 0
        )
        notes.append(
            f"This network normalizes z over the {config.normalization}: σ_w² drops out, and the diagram is that of the same network "
            f"without normalization. With it, at large width, {factors or 'no gradient passes'} (Yang et al. 2019)."
        )
    if config.skip:
        notes.append(
            "Skip connections carry signal and gradient past every layer; the diagram is that of the same network without them. "
            "The lab's theory line counts them."
        )
    return notes


def standing_words(config: RunConfig, here: Standing) -> str:
    """Where the network stands, and what was taken where layers differ."""
    if here.point is None:
        return "The network has no hidden layer, so there is no dot for it."
    w, b = here.point
    words = f"**The network**: {config.init}, gain {config.gain:g}, has σ_w² = {w:.4g} and σ_b² = {b:.4g}"
    if config.depth == 1:
        return words + ", those of its only hidden layer."
    if here.spread:
        low, high = here.spread
        return (
            words
            + f", the medians over hidden layers 2 to {config.depth}, whose widths differ: σ_w² runs from {low:.3g} to {high:.3g}."
        )
    first = float(here.sigma_w2[0])
    if not np.isclose(first, w):
        layers = "layer 2" if config.depth == 2 else f"layers 2 to {config.depth}"
        words += f" in {layers} (layer 1, fed by the data, has σ_w² = {first:.3g})"
    return words + "."


def phase_words(found: FixedPoint, phi: Activation, chosen: tuple[float, float]) -> str:
    """The phase at the chosen point, and how far a gradient gets."""
    w, b = chosen
    at = f"**{phi.name} at σ_w² = {w:.4g}, σ_b² = {b:.4g}:**"
    if phi.kind == "threshold":
        return (
            f"{at} chaotic everywhere. Its slope is 0 wherever it exists, so no gradient passes and χ₁ is undefined; c settles "
            f"at {correlation_words(found.c_star)}."
        )
    if found.phase == "critical":
        end = (
            " every q stays as it is"
            if np.isinf(found.xi_q) and 0 < found.q_star < np.inf
            else f" q tends to {limit_words(found.q_star)}"
        )
        return f"{at} **critical**, χ₁ = 1: gradients neither vanish nor explode exponentially, and{end}."
    if found.chi_1 == 0:
        return f"{at} **ordered**, χ₁ = 0: nothing passes back."
    factor = float(np.sqrt(found.chi_1))
    scale = abs(found.xi_gradient)
    verb = "keeps" if found.phase == "ordered" else "multiplies by"
    size = percent(factor) if found.phase == "ordered" else f"{factor:.4g}"
    return (
        f"{at} **{found.phase}**, χ₁ = {precise(found.chi_1)}: each layer {verb} {size}{' of' if found.phase == 'ordered' else ''} ‖δ‖ "
        f"going back. The depth scale is {rounded(scale)} layers: beyond about {rounded(TRAINABLE_DEPTH * scale)} layers a network hardly trains."
    )


def unsettled_words(
    phi: Activation, chosen: tuple[float, float], q_start: float, layers: int, found: FixedPoint
) -> str:
    """What this depth does to a gradient where q is still on its way, and χ₁ at q* would mislead."""
    own = mean_factor(phi, *chosen, q_start, layers)
    if not own > 0 or not found.chi_1 > 0 or abs(np.log(own) - 0.5 * np.log(found.chi_1)) < UNSETTLED:
        return ""
    return (
        f"On the way ‖δ‖ is multiplied by {own:.2g} per layer in the mean, where χ₁ at q* says {np.sqrt(found.chi_1):.2g}: at this depth "
        "trust the first."
    )


def precise(chi: float) -> str:
    """χ₁ with as many digits as tell it from 1."""
    digits = 3 if abs(chi - 1) > 0.02 else 5
    return f"{chi:.{digits}g}" if 1e-3 <= chi < 1e4 else number(chi)


def limit_words(q: float) -> str:
    """A limit of q: 0, ∞ or a number."""
    return "0" if q == 0 else number(q)


def correlation_words(c: float) -> str:
    """A correlation; what is 0 but for rounding is 0."""
    return "0" if abs(c) < 1e-9 else f"{c:.3g}"


def rounded(layers: float) -> str:
    """A number of layers, as exactly as it matters: 0.7, 8.7, 34, 2,300, 1.2e+06."""
    return f"{layers:.1f}" if layers < 10 else f"{float(f'{layers:.2g}'):,.0f}" if layers < 1e5 else number(layers)


def reading_words(phi: Activation, here: Standing, chosen: tuple[float, float], found: FixedPoint) -> str:
    """The diagram in a sentence, for those who cannot see it."""
    if phi.kind == "threshold":
        return "The whole plane is chaotic."
    stands = "on the critical line" if found.phase == "critical" else f"in the {found.phase} phase"
    if here.point is not None and np.allclose(here.point, chosen, rtol=1e-5):
        return f"This network stands {stands}."
    return f"The circle is the chosen point, σ_w² = {chosen[0]:.4g}, σ_b² = {chosen[1]:.4g}, {stands}."


def in_symbols(criterion: str) -> str:
    """A criterion with the page's symbols in place of the code's names.

    >>> in_symbols("chi_1 = chi_parallel = 1")
    'χ₁ = χ∥ = 1'
    """
    return criterion.replace("chi_1", "χ₁").replace("chi_parallel", "χ∥")


def criticality_words(phi: Activation) -> str:
    """The critical point under a stated criterion, or that there is none."""
    criterion = f"Criterion: {in_symbols(CRITERIA['edge_of_chaos'])}."
    if phi.kind == "threshold":
        return f"**No critical line.** Two inputs of {phi.name} always part: the c map is infinitely steep at c = 1."
    point, half_stable = critical_point(phi), critical_point(phi, "double")
    if point is None and half_stable is None:
        return f"**No critical line**: χ₁ = 1 would need a negative bias variance at every q. {criterion}"
    if point is None and half_stable is not None:
        return (
            f"**No critical point without biases**: χ₁ = 1 at q* = 0 repels. The line begins at the half-stable point σ_w² = "
            f"{half_stable.sigma_w2:.4g}, σ_b² = {half_stable.sigma_b2:.3g}, q* = {half_stable.q_star:.3g}, which attracts q from one side "
            f"only (criterion: {in_symbols(CRITERIA['double'])}). {criterion}"
        )
    assert point is not None
    if point.q_star is None:
        return (
            f"**Critical at one point**: σ_w² = {point.sigma_w2:.4g}, σ_b² = 0, where every q stays as it is. With biases χ₁ is 1 at this "
            f"σ_w² too, but q grows without end. {criterion}"
        )
    begins = f"σ_w² = {point.sigma_w2:.4g}, σ_b² = 0, q* = {limit_words(point.q_star)}"
    far = (
        " So large a σ_w² is far from every usual initializer: this network is ordered with all of them."
        if point.sigma_w2 > 20
        else ""
    )
    return f"**The critical line begins** at {begins}.{far} {criterion}"
