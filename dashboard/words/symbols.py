"""What every symbol means, in the lab's letters and in the lecture's: one table for all pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

DELTA = (
    "**δ** is ∂E/∂z, the gradient that arrives at a layer: how much the error changes when what its units sum up changes a "
    "little."
)
"""δ in one sentence."""


@dataclass(frozen=True)
class Symbol:
    """A symbol as the lab writes it, as the lecture does ("" where it has none), and what it means; in Markdown."""

    lab: str
    lecture: str
    meaning: str


NETWORK = (
    Symbol("x, y", "x, y_a", "input and target of a sample"),
    Symbol("z", "U", "what a unit sums up before φ bends it: bias plus weights times inputs"),
    Symbol("a", "O", "what a unit puts out, φ(z)"),
    Symbol("φ, φ′", "φ", "activation and its slope; the sigmoid's slope is O(1 − O), at most ¼"),
    Symbol("W, b", "θ", "weights and biases of a layer"),
    Symbol("θ", "θ0, θ1, …", "all parameters in a row: of each layer the biases, then the weights row by row"),
    Symbol("ŷ", "f(x), y_p", "what the network puts out"),
    Symbol("E, loss", "E", "error: what training makes small, on average over the samples"),
    Symbol("δ", "∂E/∂U", "the gradient that arrives at a layer on the way back, ∂E/∂z; its norm is the chart's"),
    Symbol("", "Δ", "error of one sample, −(y_a − y_p): not δ, but for (y_a − y_p)² half the output's δ"),
    Symbol("∂E/∂W", "∂E/∂θ", "gradient of the parameters themselves: δ times what came in. The update follows it"),
    Symbol("α", "α", "learning rate: θ new = θ − α ∂E/∂θ"),
    Symbol("layer 1 … L", "", "from the first hidden layer to the output, which is layer L"),
    Symbol("record", "", "a step whose θ and gradient were kept"),
    Symbol("probe row", "", "one of the training rows on which everything is measured"),
    Symbol("decade", "", "a factor of ten"),
)
"""What the lab and the lecture write."""

THEORY = (
    Symbol(
        "σ_w²", "", "fan-in × variance of a weight; *lecun_normal* with gain g has σ_w = g, *he_normal* σ_w² = 2 g²"
    ),
    Symbol("σ_b²", "", "variance of a bias, the square of the bias deviation"),
    Symbol("q", "", "mean square of a layer's z: how large the signal is. **q\\*** is where depth leads it"),
    Symbol("c", "", "correlation of two inputs' z: 1 means that the layer cannot tell them apart"),
    Symbol(
        "χ₁",
        "",
        "factor of ‖δ‖² from a layer to the one before, σ_w² E[φ′(√q\\* u)²], with u a standard normal number: < 1 "
        "vanishing, > 1 exploding",
    ),
    Symbol("ξ", "", "depth scale in layers, −1 / ln χ₁: over so many layers ‖δ‖² changes by a factor e"),
    Symbol(
        "s", "", "singular value of ∂a/∂a, from the first hidden layer to the last: how much one direction is stretched"
    ),
)
"""What signal-propagation theory adds."""


def table(symbols: Sequence[Symbol]) -> str:
    """The symbols as a table in Markdown; the lecture's have a column where there are any.

    >>> print(table([Symbol("a", "O", "activation")]))
    | in the lab | in the lecture | meaning |
    | --- | --- | --- |
    | **a** | **O** | activation |
    """
    both = any(each.lecture for each in symbols)
    heads = ["in the lab", "in the lecture", "meaning"] if both else ["symbol", "meaning"]
    rows = [heads, ["---"] * len(heads)]
    for each in symbols:
        names = [each.lab, each.lecture] if both else [each.lab]
        rows.append([*(f"**{name}**" if name else "" for name in names), each.meaning])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
